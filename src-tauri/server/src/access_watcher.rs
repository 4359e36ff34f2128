//! Tells the broker of accounts, rules and bans that were changed in the data directory, by this program or another.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nightjar_broker::{Account, BanList, Broker, Effect, RuleSet};
use nightjar_store::{AccountBook, BanBook, RuleBook, Watch};

/// How often it looks, which is how long a change may take.
const EVERY: Duration = Duration::from_secs(1);

/// A thread that looks until this is dropped.
#[derive(Debug)]
pub(crate) struct AccessWatcher {
    /// Who asks it to look at once, and is told when it has; it ends when this is gone.
    asks: Option<Sender<SyncSender<()>>>,
    thread: Option<JoinHandle<()>>,
}

/// What sees how accounts, rules and bans change.
#[derive(Debug)]
pub(crate) struct Watches {
    accounts: Watch<Vec<Account>>,
    rules: Watch<RuleSet>,
    bans: Watch<BanList>,
}

/// Accounts, rules and bans as they are.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) accounts: Vec<Account>,
    pub(crate) rules: RuleSet,
    pub(crate) bans: BanList,
}

/// What there is, and what sees how it changes. Where accounts can't be read, there are none until they
/// can; where rules can't be, nobody may do anything.
pub(crate) fn read(data_directory: &Path) -> (Watches, Found) {
    let mut watches = Watches {
        accounts: AccountBook::watch(data_directory),
        rules: RuleBook::watch(data_directory),
        bans: BanBook::watch(data_directory),
    };
    let accounts = watches.accounts.changed().unwrap_or_else(|error| {
        tracing::warn!(%error, "the accounts can't be read yet");
        None
    });
    let rules = watches.rules.changed().unwrap_or_else(|error| {
        tracing::error!(%error, "the rules can't be read: until they can be, nobody may publish or subscribe");
        Some(RuleSet { otherwise: Effect::Deny, ..RuleSet::default() })
    });
    let bans = watches.bans.changed().unwrap_or_else(|error| {
        tracing::error!(%error, "the bans can't be read yet: nobody is kept out");
        None
    });
    let found = Found {
        accounts: accounts.unwrap_or_default(),
        rules: rules.unwrap_or_default(),
        bans: bans.unwrap_or_default(),
    };
    (watches, found)
}

impl AccessWatcher {
    pub(crate) fn start(watches: Watches, broker: Broker, data_directory: PathBuf) -> std::io::Result<Self> {
        let Watches { mut accounts, mut rules, mut bans } = watches;
        let (asks, asked) = channel::<SyncSender<()>>();
        let thread = std::thread::Builder::new().name("access".to_owned()).spawn(move || {
            let (mut accounts_failed, mut rules_failed, mut bans_failed) = (false, false, false);
            loop {
                let waiting = match asked.recv_timeout(EVERY) {
                    Ok(waiting) => Some(waiting),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                keep_rehashes(&broker, &data_directory);
                look(&mut accounts, "the accounts", &mut accounts_failed, |accounts| broker.set_accounts(accounts));
                look(&mut rules, "the rules", &mut rules_failed, |rules| {
                    // The window sets what it changes itself.
                    if rules != broker.rules() {
                        broker.set_rules(rules);
                    }
                });
                look(&mut bans, "the bans", &mut bans_failed, |bans| {
                    if bans != broker.bans() {
                        broker.set_bans(bans);
                    }
                });
                if let Some(waiting) = waiting {
                    // Who asked may be gone.
                    let _ = waiting.try_send(());
                }
            }
            keep_rehashes(&broker, &data_directory);
        })?;
        Ok(Self { asks: Some(asks), thread: Some(thread) })
    }

    /// Asks it to look at once; what is received says that it has. Nothing is, where it has ended.
    pub(crate) fn ask(&self) -> Receiver<()> {
        let (waiting, told) = sync_channel(1);
        if let Some(asks) = &self.asks {
            // It may be ending.
            let _ = asks.send(waiting);
        }
        told
    }

    /// Ends the thread, and its use of the database.
    pub(crate) fn stop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Keeps the hashes that take the place of mosquitto's. Where they can't be kept, their owners' next logins bring them anew.
fn keep_rehashes(broker: &Broker, data_directory: &Path) {
    let rehashes = broker.take_rehashes();
    if rehashes.is_empty() {
        return;
    }
    match AccountBook::open(data_directory).and_then(|mut book| book.hash_anew(&rehashes)) {
        Ok(count) => tracing::info!("{count} passwords of mosquitto are kept as argon2id from now on"),
        Err(error) => tracing::warn!("passwords of mosquitto are kept as they are: {error}"),
    }
}

/// Passes on what was changed; says once that it can't be read.
fn look<T: Default>(watch: &mut Watch<T>, what: &str, failed: &mut bool, pass_on: impl FnOnce(T)) {
    match watch.changed() {
        Ok(changed) => {
            *failed = false;
            if let Some(changed) = changed {
                pass_on(changed);
            }
        }
        Err(error) => {
            if !std::mem::replace(failed, true) {
                tracing::warn!(%error, "{what} can't be read; those from before hold");
            }
        }
    }
}

impl Drop for AccessWatcher {
    fn drop(&mut self) {
        self.stop();
    }
}
