use std::net::SocketAddr;

/// Who may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Only programs on this computer, whatever address a listener has.
    #[default]
    ThisComputer,
    /// Anyone who reaches a listener, without a password.
    Anyone,
}

impl Access {
    /// Whether a client at that address may connect.
    pub fn allows(self, address: SocketAddr) -> bool {
        match self {
            Self::Anyone => true,
            Self::ThisComputer => address.ip().to_canonical().is_loopback(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_this_computer() {
        for (address, local) in [
            ("127.0.0.1:1", true),
            ("127.8.8.8:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("192.168.1.7:1", false),
            ("[::ffff:192.168.1.7]:1", false),
            ("[fe80::1]:1", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(Access::ThisComputer.allows(address), local, "{address}");
            assert!(Access::Anyone.allows(address));
        }
    }
}
