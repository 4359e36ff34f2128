//! Passwords that came with hashes of mosquitto's, which are quick to guess: each is hashed anew when its owner logs in, for
//! only then it is at hand. Who keeps the accounts asks for the new hashes.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::{Account, AccountName, PasswordHash};

/// Two hashes of one password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehash {
    pub name: AccountName,
    /// As the account has it; where it has another by now, the new hash is no longer its password's.
    pub before: PasswordHash,
    pub anew: PasswordHash,
}

/// Those that nobody has asked for yet: at most one for each account.
#[derive(Debug, Default)]
pub(super) struct Rehashes(Mutex<HashMap<AccountName, Rehash>>);

impl Rehashes {
    /// Hashes the password of an account anew, where it should be, and has not been already. Blocks for as long as the hash
    /// takes; returns whether it did.
    pub(super) fn hash(&self, account: &Account, password: &[u8]) -> bool {
        let Account { name, password: before, disabled, .. } = account;
        if *disabled || !before.is_foreign() || self.0.lock().get(name).is_some_and(|known| known.before == *before) {
            return false;
        }
        match PasswordHash::of(password) {
            Ok(anew) => {
                let rehash = Rehash { name: name.clone(), before: before.clone(), anew };
                self.0.lock().insert(name.clone(), rehash);
                true
            }
            Err(error) => {
                tracing::warn!("the password of {name} was not hashed anew: {error}");
                false
            }
        }
    }

    pub(super) fn take(&self) -> Vec<Rehash> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }
}
