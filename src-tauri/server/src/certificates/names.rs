//! The names and addresses under which devices know this computer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::SanType;

use crate::network_addresses;

/// What the certificate is for: this computer itself, its name, as mDNS has it too, and its addresses.
pub(super) fn names() -> Vec<SanType> {
    let host = host_name();
    let bare = host.split('.').next().unwrap_or_default();
    let mut dns = vec!["localhost".to_owned(), host.clone(), bare.to_owned(), format!("{bare}.local")];
    dns.retain(|name| is_dns_name(name));
    dns.sort();
    dns.dedup();
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    addresses.extend(network_addresses());
    addresses.sort();
    addresses.dedup();
    let dns = dns.into_iter().filter_map(|name| Some(SanType::DnsName(name.try_into().ok()?)));
    dns.chain(addresses.into_iter().map(SanType::IpAddress)).collect()
}

/// What this computer calls itself.
pub(crate) fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().trim_end_matches('.').to_lowercase()
}

/// A computer may be called anything; certificates name hosts by the letters, digits and hyphens of RFC 1123, 2.1.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computer_itself_is_among_them_however_it_is_called() {
        let names = names();
        assert!(names.contains(&SanType::DnsName("localhost".try_into().unwrap())));
        assert!(names.contains(&SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))));
        for (name, is_one) in [("desk", true), ("desk.home.arpa", true), ("Ännes Rechner", false), ("", false)] {
            assert_eq!(is_dns_name(name), is_one, "{name}");
        }
        assert!(!is_dns_name(".local") && !is_dns_name(&"a".repeat(64)) && !is_dns_name("-a"));
    }
}
