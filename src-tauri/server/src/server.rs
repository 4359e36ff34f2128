//! A broker that runs on a data directory.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightjar_broker::{Access, BanList, Broker, InvalidBan, Options, Restored, RuleSet, RuleSetError};
use nightjar_store::{BanBook, BansError, Keeping, Kept, OpenError, Opened, RuleBook, RulesError, SetAside, Store};
use parking_lot::Mutex;

use crate::access_watcher::{self, AccessWatcher, Found};
use crate::addresses::{listening_addresses, network_addresses};
use crate::doors::Doors;
use crate::{Door, Settings, SettingsError, StartError};

/// How a server starts.
#[derive(Clone, Debug)]
pub struct StartOptions {
    pub data_directory: PathBuf,
    pub settings: Settings,
    /// Addresses to listen at, in the place of those that follow from the settings.
    pub listen: Option<Vec<SocketAddr>>,
    /// Whether somebody is to see the live topics; without that they cost nothing.
    pub watched: bool,
}

/// A listener, and why it does not listen where it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerState {
    pub address: SocketAddr,
    pub fault: Option<String>,
}

/// The broker and the journal at work. Call [`Self::stop`] at the end.
#[derive(Debug)]
pub struct Server {
    broker: Broker,
    store: Arc<Store>,
    data_directory: PathBuf,
    listeners: Mutex<Vec<ListenerState>>,
    doors: Doors,
    /// One change of who may connect at a time.
    changing: tokio::sync::Mutex<()>,
    /// One change of what is kept at a time, so that the file says what holds.
    keeping: Mutex<()>,
    /// Follows the accounts, rules and bans of the data directory.
    watcher: Mutex<AccessWatcher>,
    notices: Vec<String>,
    ever_connected: bool,
}

const NO_ACCOUNTS: &str = "Who connects from elsewhere needs a password, but there is no account yet: \
     `nightjar-server account add NAME` makes one.";

impl Server {
    /// Opens the journal, starts the broker and listens.
    ///
    /// # Errors
    /// [`StartError`]: each says what happened, why, and what to do.
    pub async fn start(options: StartOptions) -> Result<Self, StartError> {
        let StartOptions { data_directory, settings, listen, watched } = options;
        let store_options = nightjar_store::Options {
            durability: settings.durability,
            keeping: settings.history.keeping.clone(),
            on_overload: settings.history.on_overload,
            watched,
            ..nightjar_store::Options::new(&data_directory)
        };
        let opened = tokio::task::spawn_blocking(move || {
            let opened = Store::open(&store_options)?;
            Ok::<_, StartError>((opened, access_watcher::read(&store_options.directory)))
        })
        .await;
        let (Opened { store, kept, set_aside }, (watches, found)) = match opened {
            Ok(opened) => opened?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let Kept { retained, sessions, ever_connected } = kept;
        let Found { accounts, rules, bans } = found;
        let nobody = settings.access == Access::Password && accounts.is_empty();
        let broker_options = Options { limits: settings.limits, access: settings.access, accounts, rules, bans };
        let broker = Broker::start(broker_options, Arc::clone(&store) as _, Restored { retained, sessions });
        let listeners = match listen {
            Some(addresses) => listen_exactly(&broker, &addresses),
            None => listen_for(&broker, settings.access, settings.port),
        };
        let opened = match listeners {
            Ok(listeners) => {
                let doors = Doors::open(&broker, settings.doors, &data_directory).await;
                doors.map(|doors| (listeners, doors))
            }
            Err(error) => Err(error),
        };
        let (listeners, doors) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                stop(&broker, &store).await;
                return Err(error);
            }
        };
        let watcher = match AccessWatcher::start(watches, broker.clone()) {
            Ok(watcher) => watcher,
            Err(error) => {
                stop(&broker, &store).await;
                return Err(OpenError::Thread(error).into());
            }
        };
        let nobody = nobody.then(|| NO_ACCOUNTS.to_owned());
        let notices = set_aside.iter().map(set_aside_notice).chain(nobody).collect();
        Ok(Self {
            broker,
            store,
            data_directory,
            listeners: Mutex::new(listeners),
            doors,
            changing: tokio::sync::Mutex::default(),
            keeping: Mutex::default(),
            watcher: Mutex::new(watcher),
            notices,
            ever_connected,
        })
    }

    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// The listeners of plain TCP.
    pub fn listeners(&self) -> Vec<ListenerState> {
        self.listeners.lock().clone()
    }

    /// The listeners beside plain TCP; all of them listen.
    pub fn doors(&self) -> &[Door] {
        &self.doors.open
    }

    /// What the user should know about the start: one sentence each.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Whether a client has ever connected to a broker on this data directory.
    pub fn ever_connected(&self) -> bool {
        self.ever_connected || self.broker.totals().connections > 0
    }

    /// This computer's addresses on its networks, the likeliest to be reached first.
    pub fn addresses(&self) -> Vec<IpAddr> {
        network_addresses()
    }

    /// Changes who may connect: the listeners move, who no longer may is disconnected, and it is remembered.
    ///
    /// # Errors
    /// Where the new addresses can't be had; everything is then as it was. Where it can't be remembered; it is then in
    /// effect all the same.
    pub async fn set_access(&self, access: Access) -> Result<(), StartError> {
        let _changing = self.changing.lock().await;
        let before = self.listeners();
        let port =
            before.iter().find(|listener| listener.fault.is_none()).map_or(0, |listener| listener.address.port());
        for listener in &before {
            self.broker.close_listener(listener.address).await;
        }
        match listen_for(&self.broker, access, port) {
            Ok(listeners) => *self.listeners.lock() = listeners,
            Err(error) => {
                let addresses = before.iter().filter(|listener| listener.fault.is_none());
                let addresses: Vec<_> = addresses.map(|listener| listener.address).collect();
                *self.listeners.lock() = listen_exactly(&self.broker, &addresses)?;
                return Err(error);
            }
        }
        self.broker.set_access(access);
        // Not on a thread of the connections: those that have to go now would wait for the disk with it.
        let directory = self.data_directory.clone();
        match tokio::task::spawn_blocking(move || Settings::remember_access(&directory, access)).await {
            Ok(remembered) => Ok(remembered?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Keeps to other rules from here on, and remembers them. Blocks on the disk.
    ///
    /// # Errors
    /// Where they can't be remembered. Where the settings file can't be written, they are in effect all the same; else
    /// everything is as it was.
    pub fn set_keeping(&self, keeping: Keeping) -> Result<(), SettingsError> {
        let _one_at_a_time = self.keeping.lock();
        let remembered = Settings::remember_keeping(&self.data_directory, &keeping);
        if matches!(remembered, Ok(()) | Err(SettingsError::Unwritable { .. })) {
            self.store.set_keeping(keeping);
        }
        remembered
    }

    /// Changes the rules, remembers them, and has them in force at once; returns what `change` does. Blocks on the disk.
    ///
    /// # Errors
    /// Where `change` fails, or they can't be remembered: everything is then as it was.
    pub fn change_rules<T>(
        &self,
        change: impl FnOnce(&mut RuleSet) -> Result<T, RuleSetError>,
    ) -> Result<T, RulesError> {
        let mut book = RuleBook::open(&self.data_directory)?;
        let (changed, rules) = book.change(|set| change(set).map_err(RulesError::from))?;
        self.broker.set_rules(rules);
        Ok(changed)
    }

    /// Changes who is kept out, remembers it, and has it in force at once; returns what `change` does. Blocks on the disk.
    ///
    /// # Errors
    /// Where `change` fails, or it can't be remembered: everything is then as it was.
    pub fn change_bans<T>(&self, change: impl FnOnce(&mut BanList) -> Result<T, InvalidBan>) -> Result<T, BansError> {
        let mut book = BanBook::open(&self.data_directory)?;
        let (changed, bans) = book.change(|list| change(list).map_err(BansError::from))?;
        self.broker.set_bans(bans);
        Ok(changed)
    }

    /// Ends the connections, commits everything, and closes the journal.
    pub async fn stop(&self) {
        // It ends within a moment, and must not hold the database open beyond the journal.
        self.watcher.lock().stop();
        stop(&self.broker, &self.store).await;
    }
}

async fn stop(broker: &Broker, store: &Arc<Store>) {
    broker.stop().await;
    let store = Arc::clone(store);
    let closed = tokio::task::spawn_blocking(move || store.close()).await;
    if let Ok(Err(error)) = closed {
        tracing::error!(%error, "the journal could not be completed");
    }
}

fn set_aside_notice(set_aside: &SetAside) -> String {
    format!(
        "The history could not be read ({}). It was set aside as {}, and a new one was started.",
        set_aside.reason,
        set_aside.file.display()
    )
}

/// Listens where the given addresses say, all of them.
fn listen_exactly(broker: &Broker, addresses: &[SocketAddr]) -> Result<Vec<ListenerState>, StartError> {
    addresses
        .iter()
        .map(|&address| {
            let address = broker.listen(address).map_err(|source| StartError::Listen { address, source })?;
            Ok(ListenerState { address, fault: None })
        })
        .collect()
}

/// Listens for whoever may connect: on IPv4, and on IPv6 where the computer has it.
fn listen_for(broker: &Broker, access: Access, port: u16) -> Result<Vec<ListenerState>, StartError> {
    let [v4, v6] = listening_addresses(access, port);
    let mut listeners = listen_exactly(broker, &[v4])?;
    let v6 = SocketAddr::new(v6.ip(), listeners[0].address.port());
    match broker.listen(v6) {
        Ok(address) => listeners.push(ListenerState { address, fault: None }),
        Err(source) if matches!(source.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported) => {}
        // The kernel was built or started without IPv6.
        Err(source) if source.raw_os_error() == Some(97) => {}
        Err(source) => {
            let fault = StartError::Listen { address: v6, source }.why();
            listeners.push(ListenerState { address: v6, fault: Some(fault) });
        }
    }
    Ok(listeners)
}
