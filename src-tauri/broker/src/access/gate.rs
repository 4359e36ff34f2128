//! The door: checks user names and passwords, at most one a core at a time, and never on a thread that serves connections.
//!
//! ```text
//!  CONNECT ─▶ known a short while ago ─▶ in
//!                │ no
//!                └─▶ waits for its turn ─▶ hash, on a thread that may block ─▶ in, or refused
//! ```

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use nightjar_mqtt::{Login, ReasonCode};
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use super::guest::is_this_computer;
use super::known_logins::KnownLogins;
use super::refused_login::{RefusedLogin, quoted};
use super::rehashes::{Rehash, Rehashes};
use super::{Access, Accounts, Bans, Guest, Identity, Rules};
use crate::entrance::Origin;
use crate::handshake::Refusal;
use crate::{Account, ListenerNumber, PasswordHash, clock};

/// Logins that wait for their turn; more are asked to come back. At 20 ms each they take some seconds.
const MOST_WAITING: usize = 1_000;

pub(crate) struct Gate {
    rules: RwLock<Rules>,
    bans: RwLock<Arc<Bans>>,
    known: KnownLogins,
    hashing: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// What a password is compared with where there is no such account, so that it takes as long.
    nobody: Arc<OnceLock<Option<PasswordHash>>>,
    rehashes: Arc<Rehashes>,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum NotLetIn {
    /// Said to the client; whoever reads the events gets the second as well.
    Refused(Refusal, String),
    /// Too many wait to be checked, which is nobody's fault.
    Busy,
    /// The address has to wait for so long.
    Paused(Duration),
}

/// Counts who waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(access: Access, accounts: Vec<Account>) -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            rules: RwLock::new(Rules {
                access,
                listeners: Arc::default(),
                accounts: Arc::new(Accounts::new(accounts)),
            }),
            bans: RwLock::default(),
            known: KnownLogins::new(),
            hashing: Arc::new(Semaphore::new(cores)),
            waiting: AtomicUsize::new(0),
            nobody: Arc::default(),
            rehashes: Arc::default(),
        }
    }

    pub(crate) fn rules(&self) -> Rules {
        self.rules.read().clone()
    }

    pub(crate) fn access(&self) -> Access {
        self.rules.read().access
    }

    pub(crate) fn set_access(&self, access: Access) {
        self.rules.write().access = access;
    }

    /// Who may connect through a listener.
    pub(crate) fn access_at(&self, listener: Option<ListenerNumber>) -> Access {
        self.rules.read().access_at(listener)
    }

    /// Changes who may connect through one listener; `None` is who may connect to the broker. Returns whether that is
    /// another than before.
    pub(crate) fn set_access_at(&self, listener: ListenerNumber, access: Option<Access>) -> bool {
        let listeners = &mut self.rules.write().listeners;
        let before = listeners.get(&listener).copied();
        if before != access {
            let listeners = Arc::make_mut(listeners);
            match access {
                Some(access) => listeners.insert(listener, access),
                None => listeners.remove(&listener),
            };
        }
        before != access
    }

    /// Takes other accounts from here on; returns how many there were, and are. `None` where nobody changed them: at most,
    /// passwords were hashed anew.
    pub(crate) fn set_accounts(&self, accounts: Vec<Account>) -> Option<(usize, usize)> {
        let accounts = Arc::new(Accounts::new(accounts));
        let before = std::mem::replace(&mut self.rules.write().accounts, Arc::clone(&accounts));
        self.known.keep_current(&accounts);
        (!accounts.admit_the_same(&before)).then(|| (before.len(), accounts.len()))
    }

    /// The hashes that take the place of mosquitto's, of logins since it was last asked.
    pub(crate) fn take_rehashes(&self) -> Vec<Rehash> {
        self.rehashes.take()
    }

    pub(crate) fn bans(&self) -> Arc<Bans> {
        Arc::clone(&self.bans.read())
    }

    /// Takes other bans from here on; returns those from before.
    pub(crate) fn set_bans(&self, bans: Bans) -> Arc<Bans> {
        std::mem::replace(&mut *self.bans.write(), Arc::new(bans))
    }

    /// Who a client is, or why it is not let in. `pause` says how much longer the address has to wait: it is asked again
    /// when it is the client's turn, so that a flood of wrong passwords costs no more hashes than a pause needs to begin.
    pub(crate) async fn check(
        &self,
        login: &Login,
        origin: &Origin,
        pause: impl Fn() -> Option<Duration>,
    ) -> Result<Guest, NotLetIn> {
        let Origin { address, door, certified } = origin;
        let (address, listener) = (*address, door.listener);
        let rules = self.rules();
        let access = rules.access_at(listener);
        if let Some(name) = certified {
            if rules.accounts.find(name).is_some_and(|account| account.disabled) {
                return Err(disabled(name));
            }
            return Ok(Guest { address, listener, identity: Identity::Certificate(name.as_str().into()) });
        }
        let identity = match (access, &login.user_name, &login.password) {
            (_, None, None) => Identity::Nameless,
            (Access::ThisComputer | Access::Anyone, ..) => Identity::Unchecked,
            (Access::Password, Some(name), Some(password)) => {
                // The future of the others need not have room for this.
                Identity::Account(Box::pin(self.check_password(&rules.accounts, name, password, pause)).await?)
            }
            (Access::Password, Some(name), None) => {
                let detail = format!("user {} gave no password", quoted(name));
                return Err(refused(ReasonCode::BAD_USER_NAME_OR_PASSWORD, "the password is missing", detail));
            }
            (Access::Password, None, Some(_)) => {
                let detail = "a password without a user name";
                return Err(refused(ReasonCode::BAD_USER_NAME_OR_PASSWORD, detail, detail.to_owned()));
            }
        };
        if matches!(identity, Identity::Nameless) && access == Access::Password && !is_this_computer(address) {
            let detail = "a user name and a password are needed";
            return Err(refused(ReasonCode::NOT_AUTHORIZED, detail, detail.to_owned()));
        }
        Ok(Guest { address, listener, identity })
    }

    async fn check_password(
        &self,
        accounts: &Accounts,
        name: &str,
        password: &Bytes,
        pause: impl Fn() -> Option<Duration>,
    ) -> Result<Arc<Account>, NotLetIn> {
        let mark = self.known.mark(name, password);
        if let Some(account) = mark.and_then(|mark| self.known.find(&mark, accounts, clock::now().steady)) {
            return if account.disabled { Err(disabled(name)) } else { Ok(account) };
        }
        let account = accounts.find(name).cloned();
        if !self.has_password(account.clone(), password.clone(), pause).await? {
            let login = if account.is_some() { RefusedLogin::WrongPassword } else { RefusedLogin::NoAccount };
            let detail = login(name.to_owned()).detail();
            let said = "the user name or the password is wrong";
            return Err(refused(ReasonCode::BAD_USER_NAME_OR_PASSWORD, said, detail));
        }
        match account {
            Some(account) if !account.disabled => {
                if let Some(mark) = mark {
                    self.known.remember(mark, Arc::clone(&account), clock::now().steady);
                }
                Ok(account)
            }
            _ => Err(disabled(name)),
        }
    }

    /// Whether the password is the account's, when it is this login's turn.
    async fn has_password(
        &self,
        account: Option<Arc<Account>>,
        password: Bytes,
        pause: impl Fn() -> Option<Duration>,
    ) -> Result<bool, NotLetIn> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            return Err(NotLetIn::Busy);
        }
        // It is never closed.
        let Ok(turn) = Arc::clone(&self.hashing).acquire_owned().await else { return Err(NotLetIn::Busy) };
        drop(waiting);
        if let Some(pause) = pause() {
            return Err(NotLetIn::Paused(pause));
        }
        let (nobody, rehashes) = (Arc::clone(&self.nobody), Arc::clone(&self.rehashes));
        let verifying = tokio::task::spawn_blocking(move || {
            // The turn is over when the hash is, even if nobody waits for it any more.
            let _turn = turn;
            let is_right = account.as_ref().is_some_and(|account| account.password.verify(&password));
            let has_taken_long = match &account {
                Some(account) if is_right => rehashes.hash(account, &password),
                _ => false,
            };
            // Those of mosquitto take less: without this, they would tell that there is such an account.
            if !has_taken_long && account.is_none_or(|account| account.password.is_foreign()) {
                let nobody = nobody.get_or_init(|| PasswordHash::of(b"").ok());
                std::hint::black_box(nobody.as_ref().map(|hash| hash.verify(&password)));
            }
            is_right
        });
        // An error means that the broker's threads are ending.
        verifying.await.map_err(|_| NotLetIn::Busy)
    }
}

fn refused(reason: ReasonCode, said: &str, detail: String) -> NotLetIn {
    NotLetIn::Refused(Refusal { reason, detail: said.to_owned() }, detail)
}

fn disabled(name: &str) -> NotLetIn {
    refused(ReasonCode::NOT_AUTHORIZED, "the account is disabled", RefusedLogin::Disabled(name.to_owned()).detail())
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gate").field("access", &self.access()).finish_non_exhaustive()
    }
}
