//! Logins that went well a short while ago: whoever comes back need not wait for a hash again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;

use super::Accounts;
use crate::Account;

/// How long a login is remembered after it was last used.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// Logins that are remembered at once.
const MOST: usize = 20_000;

/// A login, such that neither name nor password can be read from it without the key, which is this process's own.
pub(super) type Mark = [u8; 32];

#[derive(Debug)]
pub(super) struct KnownLogins {
    /// `None` where the system gave no random bytes: then nothing is remembered.
    key: Option<[u8; 32]>,
    logins: Mutex<HashMap<Mark, Known>>,
}

#[derive(Debug)]
struct Known {
    account: Arc<Account>,
    used: Instant,
}

impl Known {
    fn is_current(&self, accounts: &Accounts) -> bool {
        accounts.find(&self.account.name).is_some_and(|account| **account == *self.account)
    }
}

impl KnownLogins {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        let key = getrandom::fill(&mut key).is_ok().then_some(key);
        Self { key, logins: Mutex::default() }
    }

    pub(super) fn mark(&self, name: &str, password: &[u8]) -> Option<Mark> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key?).ok()?;
        // Without its length, "ab" with "c" would be "a" with "bc".
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(password);
        Some(mac.finalize().into_bytes().into())
    }

    /// The account that a login opened, where it still is as it was.
    pub(super) fn find(&self, mark: &Mark, accounts: &Accounts, now: Instant) -> Option<Arc<Account>> {
        let logins = &mut *self.logins.lock();
        let known = logins.get_mut(mark)?;
        if !known.is_current(accounts) || now.saturating_duration_since(known.used) > REMEMBERED {
            logins.remove(mark);
            return None;
        }
        known.used = known.used.max(now);
        Some(Arc::clone(&known.account))
    }

    pub(super) fn remember(&self, mark: Mark, account: Arc<Account>, now: Instant) {
        let logins = &mut *self.logins.lock();
        if logins.len() >= MOST {
            logins.retain(|_, known| now.saturating_duration_since(known.used) <= REMEMBERED);
        }
        if logins.len() >= MOST {
            logins.clear();
        }
        logins.insert(mark, Known { account, used: now });
    }

    /// Forgets the logins of accounts that are no longer as they were.
    pub(super) fn keep_current(&self, accounts: &Accounts) {
        self.logins.lock().retain(|_, known| known.is_current(accounts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountName, PasswordHash, Timestamp, clock};

    fn account(changed: i64) -> Account {
        Account {
            name: AccountName::new("a").unwrap(),
            password: PasswordHash::parse(&format!("$6$c2FsdA==${}", "A".repeat(86))).unwrap(),
            disabled: false,
            changed: Timestamp::from_micros(changed),
        }
    }

    #[test]
    fn a_login_is_known_for_a_while_after_each_use() {
        let (known, accounts, now) = (KnownLogins::new(), Accounts::new(vec![account(1)]), clock::now().steady);
        let mark = known.mark("a", b"secret").unwrap();
        assert!(known.find(&mark, &accounts, now).is_none());
        known.remember(mark, Arc::clone(accounts.find("a").unwrap()), now);
        assert!(known.find(&mark, &accounts, now + REMEMBERED).is_some());
        assert!(known.find(&mark, &accounts, now + 2 * REMEMBERED).is_some(), "it was used meanwhile");
        assert!(known.find(&mark, &accounts, now + 4 * REMEMBERED).is_none());
        assert!(known.logins.lock().is_empty());
    }

    #[test]
    fn a_login_of_an_account_that_changed_is_not_known() {
        let (known, accounts, now) = (KnownLogins::new(), Accounts::new(vec![account(1)]), clock::now().steady);
        let mark = known.mark("a", b"secret").unwrap();
        for changed in [
            Accounts::default(),
            Accounts::new(vec![account(2)]),
            Accounts::new(vec![Account { disabled: true, ..account(1) }]),
        ] {
            known.remember(mark, Arc::clone(accounts.find("a").unwrap()), now);
            assert!(known.find(&mark, &changed, now).is_none());
        }
    }

    #[test]
    fn a_mark_tells_name_from_password_and_process_from_process() {
        let known = KnownLogins::new();
        assert_eq!(known.mark("ab", b"c"), known.mark("ab", b"c"));
        assert_ne!(known.mark("ab", b"c"), known.mark("a", b"bc"));
        assert_ne!(known.mark("ab", b"c"), KnownLogins::new().mark("ab", b"c"));
    }

    #[test]
    fn as_many_are_known_as_there_is_room_for() {
        let (known, now) = (KnownLogins::new(), clock::now().steady);
        let account = Arc::new(account(1));
        for number in 0..=MOST as u64 {
            let mut mark = [0; 32];
            mark[..8].copy_from_slice(&number.to_le_bytes());
            known.remember(mark, Arc::clone(&account), now);
        }
        assert_eq!(known.logins.lock().len(), 1);
    }
}
