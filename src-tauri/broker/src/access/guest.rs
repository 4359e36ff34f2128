//! Who is at the other end of a connection, and whether the rules let them stay.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Access, Accounts};
use crate::Account;

/// Who is at the other end of a connection, as far as the broker knows.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Identity,
}

impl Guest {
    /// The account that rules are asked about. A name that nobody checked is none: anybody could give it.
    pub(crate) fn user(&self) -> Option<Arc<str>> {
        match &self.identity {
            Identity::Account(account) => Some(Arc::from(&*account.name)),
            Identity::Nameless | Identity::Unchecked => None,
        }
    }
}

/// How a client named itself.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// With neither user name nor password.
    Nameless,
    /// With a user name or a password that nobody asked for, so that it was not checked.
    Unchecked,
    /// With the password of this account, as the account was then.
    Account(Arc<Account>),
}

/// Who may connect at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) access: Access,
    pub(crate) accounts: Arc<Accounts>,
}

impl Rules {
    /// Whether a guest who is there may stay.
    pub(crate) fn welcome(&self, guest: &Guest) -> bool {
        match (self.access, &guest.identity) {
            (Access::Anyone | Access::ThisComputer, _) => self.access.allows(guest.address),
            (Access::Password, Identity::Nameless) => is_this_computer(guest.address),
            (Access::Password, Identity::Unchecked) => false,
            (Access::Password, Identity::Account(then)) => self
                .accounts
                .find(&then.name)
                .is_some_and(|now| !now.disabled && (now.changed, &now.password) == (then.changed, &then.password)),
        }
    }
}

/// Whether an address is one of programs on the broker's own computer.
pub(super) fn is_this_computer(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
