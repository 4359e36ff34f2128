//! Who has a password.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{PasswordHash, Timestamp};

/// Bytes of the longest user name.
const LONGEST_NAME: usize = 256;

/// A user name that can have an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Box<str>);

/// A text that can't be the name of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to {LONGEST_NAME} bytes, no control characters, and no colon")]
pub struct InvalidAccountName;

impl AccountName {
    /// # Errors
    /// Where it is empty, too long, or has characters that lists and files of accounts could not show.
    pub fn new(name: &str) -> Result<Self, InvalidAccountName> {
        let fits = (1..=LONGEST_NAME).contains(&name.len());
        let is_plain = !name.contains(|character: char| character.is_control() || character == ':');
        if fits && is_plain { Ok(Self(name.into())) } else { Err(InvalidAccountName) }
    }
}

impl std::ops::Deref for AccountName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A user name with its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: AccountName,
    pub password: PasswordHash,
    /// It stays, and lets nobody in.
    pub disabled: bool,
    /// When the password was set: connections from before it end.
    pub changed: Timestamp,
}

impl Account {
    /// Whether the password with which somebody logged in, when the account was as `then`, would let them in still.
    pub(super) fn still_admits(&self, then: &Self) -> bool {
        !self.disabled && self.has_password_of(then)
    }

    fn has_password_of(&self, then: &Self) -> bool {
        // What was set at the same moment is the same password, hashed anew.
        let is_hashed_anew = then.password.is_foreign() && !self.password.is_foreign();
        self.changed == then.changed && (self.password == then.password || is_hashed_anew)
    }
}

/// All accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts(HashMap<Box<str>, Arc<Account>>);

impl Accounts {
    pub(crate) fn new(accounts: Vec<Account>) -> Self {
        Self(accounts.into_iter().map(|account| (account.name.0.clone(), Arc::new(account))).collect())
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Account>> {
        self.0.get(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether they let in whom others did, with the same passwords: nobody changed them, even where hashes are new.
    pub(super) fn admit_the_same(&self, others: &Self) -> bool {
        self.len() == others.len()
            && self.0.values().all(|account| {
                others
                    .find(&account.name)
                    .is_some_and(|other| account.disabled == other.disabled && account.has_password_of(other))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_shown_and_written_into_a_list() {
        for name in ["a", "sensor-1", "Jürgen Müller", "a+b/#$%u", &"x".repeat(256)] {
            assert_eq!(&*AccountName::new(name).unwrap(), name);
        }
        for name in ["", "a\n", "a:b", "\0", &"x".repeat(257)] {
            assert_eq!(AccountName::new(name), Err(InvalidAccountName), "{name:?}");
        }
    }
}
