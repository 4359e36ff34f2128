//! Who may connect: by address, or with a password.

mod account;
mod bans;
mod gate;
mod guest;
mod known_logins;
mod password;
mod refused_login;
mod rehashes;
mod rules;

use std::net::SocketAddr;

pub use account::{Account, AccountName, InvalidAccountName};
pub use bans::{Ban, BanList, BanNumber, BanTarget, InvalidBan, Network};
pub use password::{InvalidPasswordHash, NoRandomness, PasswordHash};
pub use refused_login::RefusedLogin;
pub use rehashes::Rehash;
pub use rules::{
    Decided, Denial, Effect, Explanation, InvalidRuleFilter, Operation, Operations, Question, Rule, RuleFilter,
    RuleNumber, RulePreview, RuleSet, RuleSetError, RuleSubject,
};

pub(crate) use account::Accounts;
pub(crate) use bans::{Bans, Visitor};
pub(crate) use gate::{Gate, NotLetIn};
pub(crate) use guest::{Guest, Identity, Rules};
pub(crate) use rules::{Decider, Denials, Denied, Report, RuleEngine, Verdicts, Who};

/// Who may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Only programs on this computer, whatever address a listener has.
    #[default]
    ThisComputer,
    /// Whoever has an account and its password, and programs on this computer that name no user.
    Password,
    /// Anyone who reaches a listener, without a password.
    Anyone,
}

impl Access {
    /// Whether a client at that address may connect, with a password where one is needed.
    pub fn allows(self, address: SocketAddr) -> bool {
        match self {
            Self::Anyone | Self::Password => true,
            Self::ThisComputer => guest::is_this_computer(address),
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
