//! Who is at the other end of a connection, and whether the rules let them stay.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Access, Accounts};
use crate::{Account, ListenerNumber};

/// Who is at the other end of a connection, as far as the broker knows.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) address: SocketAddr,
    /// The listener that they came through.
    pub(crate) listener: Option<ListenerNumber>,
    pub(crate) identity: Identity,
}

impl Guest {
    /// The account that rules are asked about. A name that nobody checked is none: anybody could give it.
    pub(crate) fn user(&self) -> Option<Arc<str>> {
        match &self.identity {
            Identity::Account(account) => Some(Arc::from(&*account.name)),
            Identity::Certificate(name) => Some(Arc::from(&**name)),
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
    /// With a certificate of that name, which the listener checked.
    Certificate(Box<str>),
}

/// Who may connect at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) access: Access,
    /// The listeners at which it is another.
    pub(crate) listeners: Arc<HashMap<ListenerNumber, Access>>,
    pub(crate) accounts: Arc<Accounts>,
}

impl Rules {
    /// Who may connect through a listener.
    pub(crate) fn access_at(&self, listener: Option<ListenerNumber>) -> Access {
        listener.and_then(|listener| self.listeners.get(&listener).copied()).unwrap_or(self.access)
    }

    /// Whoever has a certificate needs no account; one that is disabled keeps it out.
    fn may_be_certified(&self, name: &str) -> bool {
        self.accounts.find(name).is_none_or(|account| !account.disabled)
    }

    /// Whether a guest who is there may stay.
    pub(crate) fn welcome(&self, guest: &Guest) -> bool {
        match (self.access_at(guest.listener), &guest.identity) {
            (access @ (Access::Anyone | Access::ThisComputer), identity) => {
                let is_certified = |name: &str| self.may_be_certified(name);
                access.allows(guest.address) && !matches!(identity, Identity::Certificate(name) if !is_certified(name))
            }
            (Access::Password, Identity::Nameless) => is_this_computer(guest.address),
            (Access::Password, Identity::Unchecked) => false,
            (Access::Password, Identity::Certificate(name)) => self.may_be_certified(name),
            (Access::Password, Identity::Account(then)) => {
                self.accounts.find(&then.name).is_some_and(|now| now.still_admits(then))
            }
        }
    }
}

/// Whether an address is one of programs on the broker's own computer.
pub(super) fn is_this_computer(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
