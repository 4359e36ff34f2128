//! Where listeners open, and where devices find this computer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nightjar_broker::Access;

/// The addresses to listen at for whoever may connect: IPv4 first, which must work; IPv6 where there is any.
pub(crate) fn listening_addresses(access: Access, port: u16) -> [SocketAddr; 2] {
    let (v4, v6) = match access {
        Access::ThisComputer => (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
        Access::Password | Access::Anyone => (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
    };
    [(v4, port).into(), (v6, port).into()]
}

/// This computer's addresses on its networks, the likeliest to be reached by a device first.
pub fn network_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses: Vec<_> = interfaces
        .into_iter()
        .filter(|interface| !interface.is_loopback())
        .map(|interface| (is_virtual(&interface.name), interface.ip()))
        .filter(|(_, address)| !is_link_local(*address))
        .collect();
    addresses.sort_by_key(|(is_virtual, address)| (address.is_ipv6(), *is_virtual, !is_private(*address), *address));
    addresses.dedup();
    addresses.into_iter().map(|(_, address)| address).collect()
}

/// Bridges of containers and machines: a device on the network does not reach them.
fn is_virtual(interface: &str) -> bool {
    ["docker", "br-", "veth", "virbr", "vmnet", "tun", "tap"].iter().any(|prefix| interface.starts_with(prefix))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}
