//! A broker that runs on a data directory.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightjar_broker::{Access, BanList, Broker, InvalidBan, Options, Restored, RuleSet, RuleSetError, Scheme};
use nightjar_store::{BanBook, BansError, Keeping, Kept, OpenError, Opened, RuleBook, RulesError, SetAside, Store};
use parking_lot::{Mutex, RwLock};
use tokio::task::JoinHandle;

use crate::access_watcher::{self, AccessWatcher, Found};
use crate::addresses::network_addresses;
use crate::discovery::Announcer;
use crate::listener_plan::{Overrides, Wanted, plan};
use crate::listeners::{Failure, Listeners};
use crate::live::Live;
use crate::{
    AuthorityView, CertificateError, ChangedSetting, ListenerEdit, ListenerSource, ListenerState, Settings,
    SettingsError, SettingsFile, StartError, certificates, settings_watcher,
};

/// How a server starts.
#[derive(Clone, Debug)]
pub struct StartOptions {
    pub data_directory: PathBuf,
    /// Where the settings are; what is saved there takes effect while the server runs.
    pub file: SettingsFile,
    /// As the file says them.
    pub settings: Settings,
    /// What holds whatever the file says.
    pub overrides: Overrides,
    /// Whether somebody is to see the live topics; without that they cost nothing.
    pub watched: bool,
}

impl StartOptions {
    /// On a data directory, with its settings.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn of(data_directory: &Path) -> Result<Self, SettingsError> {
        Self::with(data_directory, SettingsFile::of(data_directory))
    }

    /// On a data directory, with settings from elsewhere.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn with(data_directory: &Path, file: SettingsFile) -> Result<Self, SettingsError> {
        let (settings, overrides) = (file.load()?, Overrides::default());
        Ok(Self { data_directory: data_directory.to_owned(), file, settings, overrides, watched: false })
    }
}

/// The broker and the journal at work. Call [`Self::stop`] at the end.
#[derive(Debug)]
pub struct Server {
    live: Arc<Live>,
    /// Look after the listeners, and after the settings file.
    tasks: [JoinHandle<()>; 2],
    /// Tells the network of the listeners.
    announcer: Announcer,
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
        let StartOptions { data_directory, file, mut settings, overrides, watched } = options;
        overrides.apply(&mut settings);
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
        let broker_options =
            Options { limits: settings.terms.limits.clone(), access: settings.access, accounts, rules, bans };
        let broker = Broker::start(broker_options, Arc::clone(&store) as _, Restored { retained, sessions });
        let listeners = Listeners::new(broker.clone());
        let wanted = plan(&settings, &overrides, &data_directory);
        if let Err(error) = open_all(&listeners, wanted).await {
            stop(&broker, &store).await;
            return Err(error);
        }
        let watcher = match AccessWatcher::start(watches, broker.clone(), data_directory.clone()) {
            Ok(watcher) => watcher,
            Err(error) => {
                stop(&broker, &store).await;
                return Err(OpenError::Thread(error).into());
            }
        };
        let notices = set_aside.iter().map(set_aside_notice).collect();
        let live = Arc::new(Live {
            broker,
            store,
            listeners: Arc::clone(&listeners),
            data_directory,
            file,
            overrides,
            settings: RwLock::new(Arc::new(settings)),
            changing: tokio::sync::Mutex::default(),
            keeping: Mutex::default(),
        });
        let tasks = [listeners.attend(), settings_watcher::follow(Arc::downgrade(&live))];
        let announcer = Announcer::start(Arc::downgrade(&live));
        Ok(Self { live, tasks, announcer, watcher: Mutex::new(watcher), notices, ever_connected })
    }

    pub fn broker(&self) -> &Broker {
        &self.live.broker
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.live.store
    }

    pub fn data_directory(&self) -> &Path {
        &self.live.data_directory
    }

    /// The settings that hold.
    pub fn settings(&self) -> Arc<Settings> {
        self.live.settings()
    }

    /// Every address at which there should be a listener, of whatever kind, in the order of the settings; those that can't
    /// be had are tried again every two seconds.
    pub fn listeners(&self) -> Vec<ListenerState> {
        self.live.listeners.states()
    }

    /// Whether the command line says which port plain TCP has: the settings can't change it then.
    pub fn has_fixed_port(&self) -> bool {
        self.live.overrides.port.is_some()
    }

    /// Moves the listener of `port` in the settings to another port, and remembers it. Its connections go on.
    ///
    /// # Errors
    /// As [`Self::add_listener`]; also where the command line says which port it is.
    pub async fn set_port(&self, port: u16) -> Result<(), StartError> {
        self.live.set_port(port).await
    }

    /// Opens another listener, and remembers it as the last `[[listener]]` of the settings file.
    ///
    /// # Errors
    /// Where its address or its certificate can't be had, or where it can't be remembered: everything is as it was then.
    pub async fn add_listener(&self, wanted: ListenerEdit) -> Result<(), StartError> {
        self.live.add_listener(wanted).await
    }

    /// Changes a listener of the settings, `settings().listeners[place]`, and remembers it. The connections of all listeners
    /// go on, but for those of clients who may no longer connect through it.
    ///
    /// # Errors
    /// As [`Self::add_listener`]; also where there is no such listener, or the file was changed meanwhile.
    pub async fn change_listener(&self, place: usize, wanted: ListenerEdit) -> Result<(), StartError> {
        self.live.change_listener(place, wanted).await
    }

    /// Closes a listener of the settings, and forgets it; its connections go on.
    ///
    /// # Errors
    /// As [`Self::change_listener`].
    pub async fn remove_listener(&self, place: usize) -> Result<(), StartError> {
        self.live.remove_listener(place).await
    }

    /// Reads the settings file again, as a whole, and puts in force what was changed in it; says what that was, in the log,
    /// too. A save of the file leads to the same, within two seconds.
    ///
    /// # Errors
    /// Where the file, or a certificate that it names, can't be used: the settings from before hold then.
    pub async fn reload(&self) -> Result<Vec<ChangedSetting>, StartError> {
        self.live.reload().await
    }

    /// What the user should know about the start, about who is kept out, and about who does not find the broker: one
    /// sentence each.
    pub fn notices(&self) -> Vec<String> {
        let nobody = self.broker().access() == Access::Password && self.broker().account_count() == 0;
        let nobody = nobody.then(|| NO_ACCOUNTS.to_owned());
        self.notices.iter().cloned().chain(nobody).chain(self.announcer.fault()).collect()
    }

    /// Whether a client has ever connected to a broker on this data directory.
    pub fn ever_connected(&self) -> bool {
        self.ever_connected || self.broker().totals().connections > 0
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
        self.live.set_access(access).await
    }

    /// Whether a TLS listener shows what Nightjar made itself, so that devices have to trust its authority.
    pub fn shows_own_certificate(&self) -> bool {
        let settings = self.settings();
        self.listeners().iter().any(|listener| {
            let own = match listener.source {
                ListenerSource::Table(place) => settings.listeners.get(place).and_then(|one| one.certificate.as_ref()),
                ListenerSource::Port | ListenerSource::CommandLine => None,
            };
            matches!(listener.kind, Scheme::Tls | Scheme::WebSocketTls)
                && own.or(settings.certificate.as_ref()).is_none()
        })
    }

    /// The certificate of Nightjar's own authority, which devices are told to trust; made where there is none. Blocks on the
    /// disk.
    ///
    /// # Errors
    /// Where its files can't be used.
    pub fn authority(&self) -> Result<AuthorityView, CertificateError> {
        certificates::authority(self.data_directory())
    }

    /// Keeps to other rules from here on, and remembers them. Blocks on the disk.
    ///
    /// # Errors
    /// Where they can't be remembered. Where the settings file can't be written, they are in effect all the same; else
    /// everything is as it was.
    pub fn set_keeping(&self, keeping: Keeping) -> Result<(), SettingsError> {
        self.live.set_keeping(keeping)
    }

    /// Changes the rules, remembers them, and has them in force at once; returns what `change` does. Blocks on the disk.
    ///
    /// # Errors
    /// Where `change` fails, or they can't be remembered: everything is then as it was.
    pub fn change_rules<T>(
        &self,
        change: impl FnOnce(&mut RuleSet) -> Result<T, RuleSetError>,
    ) -> Result<T, RulesError> {
        let mut book = RuleBook::open(self.data_directory())?;
        let (changed, rules) = book.change(|set| change(set).map_err(RulesError::from))?;
        self.broker().set_rules(rules);
        Ok(changed)
    }

    /// Changes who is kept out, remembers it, and has it in force at once; returns what `change` does. Blocks on the disk.
    ///
    /// # Errors
    /// Where `change` fails, or it can't be remembered: everything is then as it was.
    pub fn change_bans<T>(&self, change: impl FnOnce(&mut BanList) -> Result<T, InvalidBan>) -> Result<T, BansError> {
        let mut book = BanBook::open(self.data_directory())?;
        let (changed, bans) = book.change(|list| change(list).map_err(BansError::from))?;
        self.broker().set_bans(bans);
        Ok(changed)
    }

    /// Waits until the broker has the accounts as they are on the disk now.
    pub(crate) fn follow_accounts(&self) {
        let told = self.watcher.lock().ask();
        // It fails where the watcher has ended, and with it the broker.
        let _ = told.recv();
    }

    /// Ends the connections, commits everything, and closes the journal.
    pub async fn stop(&self) {
        self.announcer.stop().await;
        // It ends within a moment, and must not hold the database open beyond the journal.
        self.watcher.lock().stop();
        for task in &self.tasks {
            task.abort();
        }
        stop(self.broker(), self.store()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Opens the listeners of a start. One that only a `[[listener]]` asks for may come later.
async fn open_all(listeners: &Listeners, wanted: Vec<Wanted>) -> Result<(), StartError> {
    let prepared = listeners.prepare(wanted).await?;
    for Failure { is_required, error, .. } in listeners.apply(prepared).await {
        if is_required {
            return Err(error);
        }
        tracing::warn!("{error}. It is tried again every two seconds");
    }
    Ok(())
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
