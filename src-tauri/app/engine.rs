//! The broker behind the window: starting, running, or the reason why not. It knows no Tauri.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightjar_broker::{Access, Broker, Scheme, Timestamp};
use nightjar_server::{ListenerState, LogSettings, Logging, Overrides, Server, StartError, StartOptions};
use nightjar_store::{OpenError, Store};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::exports::Exports;
use crate::pasts::Pasts;
use crate::plots::Plots;
use crate::publisher::Publisher;
use crate::sampler::Sampler;
use crate::searches::Searches;
use crate::views::listeners;
use crate::views::overview::Comings;
use crate::views::series::Charts;
use crate::views::{count, millis};
use crate::wire::{self, Fault, Listener, Status, WayIn};

/// What the command line says about the start.
#[derive(Clone, Debug)]
pub struct Launch {
    pub data_directory: PathBuf,
    /// In the place of the port in `nightjar.toml`.
    pub port: Option<u16>,
}

/// What the program says about itself, and how it is kept.
#[derive(Clone, Debug)]
pub struct Log {
    pub logging: Logging,
    pub settings: LogSettings,
}

/// The broker, or the lack of one.
#[derive(Debug)]
pub struct Engine {
    launch: Launch,
    log: Log,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Starting,
    Running(Arc<Running>),
    Failed(Fault),
    Stopped,
}

/// A broker at work, with all that the window asks of it.
#[derive(Debug)]
pub struct Running {
    pub server: Server,
    pub sampler: Arc<Sampler>,
    pub searches: Searches,
    pub pasts: Pasts,
    pub plots: Plots,
    pub exports: Exports,
    pub publisher: Publisher,
    pub charts: Charts,
    pub comings: Comings,
    pub started: Timestamp,
    sampling: JoinHandle<()>,
}

impl Running {
    fn new(server: Server) -> Self {
        let sampler = Arc::new(Sampler::default());
        let sampling = tokio::spawn(Arc::clone(&sampler).run(server.broker().clone()));
        Self {
            server,
            sampler,
            searches: Searches::default(),
            pasts: Pasts::default(),
            plots: Plots::default(),
            exports: Exports::default(),
            publisher: Publisher::default(),
            charts: Charts::default(),
            comings: Comings::default(),
            started: nightjar_broker::now().wall,
            sampling,
        }
    }

    pub fn broker(&self) -> &Broker {
        self.server.broker()
    }

    pub fn store(&self) -> &Store {
        self.server.store()
    }

    /// An address of this computer at which the broker listens.
    pub fn local_address(&self) -> Option<SocketAddr> {
        let listener = self.server.listeners().into_iter().find(is_plain)?;
        let ip = match listener.address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        Some(SocketAddr::new(ip, listener.address.port()))
    }

    fn status(&self) -> wire::Running {
        let access = self.broker().access();
        let listeners = self.server.listeners();
        let port = listeners.iter().find(|listener| is_plain(listener)).map_or(0, |found| found.address.port());
        let mut addresses = match access {
            Access::ThisComputer => Vec::new(),
            Access::Password | Access::Anyone => self.server.addresses(),
        }
        .into_iter();
        let address = addresses.next().unwrap_or_else(|| Ipv4Addr::LOCALHOST.into());
        wire::Running {
            access: match access {
                Access::ThisComputer => wire::Access::ThisComputer,
                Access::Password => wire::Access::Password,
                Access::Anyone => wire::Access::Anyone,
            },
            open_ports: listeners::open_ports(&self.server.settings(), &listeners),
            listeners: listeners
                .into_iter()
                .map(|listener| Listener {
                    name: kind_name(listener.kind).to_owned(),
                    way: way_in(listener.kind),
                    address: listener.address.to_string(),
                    port: listener.address.port(),
                    path: listener.path,
                    clients: count(listener.clients),
                    fault: listener.fault,
                })
                .collect(),
            authority: self.server.shows_own_certificate(),
            address: address.to_string(),
            port,
            url: format!("mqtt://{}", SocketAddr::new(address, port)),
            other_addresses: addresses.map(|address| address.to_string()).collect(),
            data_directory: self.server.data_directory().display().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ever_connected: self.server.ever_connected(),
            notices: self.server.notices(),
            started_at: millis(self.started),
        }
    }
}

/// Whether it takes MQTT over TCP, as the window itself speaks it.
fn is_plain(listener: &ListenerState) -> bool {
    listener.kind == Scheme::Tcp && listener.fault.is_none()
}

const fn way_in(kind: Scheme) -> Option<WayIn> {
    match kind {
        Scheme::Tcp => None,
        Scheme::Tls => Some(WayIn::Tls),
        Scheme::WebSocket => Some(WayIn::WebSocket),
        Scheme::WebSocketTls => Some(WayIn::WebSocketTls),
    }
}

const fn kind_name(kind: Scheme) -> &'static str {
    match kind {
        Scheme::Tcp => "MQTT",
        Scheme::Tls => "MQTT over TLS",
        Scheme::WebSocket => "WebSocket",
        Scheme::WebSocketTls => "WebSocket over TLS",
    }
}

impl Engine {
    /// A broker that has not started yet: call [`Self::start`].
    pub fn new(launch: Launch, log: Log) -> Self {
        Self { launch, log, state: Mutex::new(State::Starting) }
    }

    pub const fn logging(&self) -> &Logging {
        &self.log.logging
    }

    pub fn data_directory(&self) -> &Path {
        &self.launch.data_directory
    }

    /// Starts the broker; the outcome is the status from then on.
    pub async fn start(&self) {
        let outcome = self.try_start().await;
        // In a directory that another Nightjar uses, the log file is that one's.
        let is_ours =
            !matches!(outcome, Err(StartError::Journal(OpenError::InUse { .. } | OpenError::Directory { .. })));
        if is_ours && self.log.settings.file != Some(false) && self.log.logging.file().is_none() {
            self.log.logging.open_file(self.data_directory(), &self.log.settings);
        }
        let superfluous = {
            let mut state = self.state.lock();
            match (&*state, outcome) {
                // The window was closed in the meantime.
                (State::Stopped, outcome) => outcome.ok(),
                (_, Ok(running)) => {
                    *state = State::Running(Arc::new(running));
                    None
                }
                (_, Err(error)) => {
                    tracing::error!("{error}");
                    *state = State::Failed(Fault::of_start(&error, self.data_directory()));
                    None
                }
            }
        };
        if let Some(running) = superfluous {
            running.sampling.abort();
            running.server.stop().await;
        }
    }

    async fn try_start(&self) -> Result<Running, StartError> {
        let overrides = Overrides { port: self.launch.port, ..Overrides::default() };
        let options = StartOptions { overrides, watched: true, ..StartOptions::of(self.data_directory())? };
        Ok(Running::new(Server::start(options).await?))
    }

    /// Tries again after a failure; does nothing while the broker runs or starts.
    pub async fn retry(&self) {
        {
            let mut state = self.state.lock();
            if !matches!(*state, State::Failed(_)) {
                return;
            }
            *state = State::Starting;
        }
        self.start().await;
    }

    /// Commits everything and closes the journal; starts nothing any more.
    pub async fn stop(&self) {
        let before = std::mem::replace(&mut *self.state.lock(), State::Stopped);
        if let State::Running(running) = before {
            running.publisher.disconnect().await;
            running.sampling.abort();
            running.server.stop().await;
        }
        let logging = self.log.logging.clone();
        // It waits for the disk; an error means that the runtime is ending, which ends the file, too.
        let _ = tokio::task::spawn_blocking(move || logging.close_file()).await;
    }

    /// The broker, where it runs.
    ///
    /// # Errors
    /// A sentence for the window, where it does not.
    pub fn running(&self) -> Result<Arc<Running>, Fault> {
        match &*self.state.lock() {
            State::Running(running) => Ok(Arc::clone(running)),
            State::Failed(fault) => Err(fault.clone()),
            State::Starting => Err(Fault::new("The broker is not ready", "It is starting", "Wait a moment")),
            State::Stopped => Err(Fault::new("The broker is not there", "Nightjar is closing", "Start it again")),
        }
    }

    pub fn status(&self) -> Status {
        let running = match &*self.state.lock() {
            State::Running(running) => Arc::clone(running),
            State::Failed(fault) => return Status::Failed { fault: fault.clone() },
            State::Starting | State::Stopped => return Status::Starting,
        };
        Status::Running(running.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(directory: &tempfile::TempDir, port: u16) -> Engine {
        let settings = directory.path().join("nightjar.toml");
        if !settings.exists() {
            // Nobody on this computer's network is to hear of a test.
            std::fs::write(settings, "discovery = false\n").unwrap();
        }
        let log = Log { logging: Logging::unheard(), settings: LogSettings::default() };
        Engine::new(Launch { data_directory: directory.path().to_owned(), port: Some(port) }, log)
    }

    #[tokio::test]
    async fn a_port_in_use_is_a_fault_until_it_is_free() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let engine = engine(&directory, port);
        assert!(matches!(engine.status(), Status::Starting));
        assert!(engine.running().is_err());
        engine.start().await;
        let Status::Failed { fault } = engine.status() else { panic!("{:?}", engine.status()) };
        assert!(fault.what.contains(&port.to_string()), "{fault:?}");
        engine.retry().await;
        assert!(matches!(engine.status(), Status::Failed { .. }), "the port is still in use");
        drop(taken);
        engine.retry().await;
        let Status::Running(running) = engine.status() else { panic!("{:?}", engine.status()) };
        assert_eq!((running.port, &*running.url), (port, &*format!("mqtt://127.0.0.1:{port}")));
        assert!(!running.ever_connected);
        engine.stop().await;
        assert!(engine.running().is_err());
    }

    #[tokio::test]
    async fn a_directory_in_use_is_a_fault() {
        let directory = tempfile::tempdir().unwrap();
        let first = engine(&directory, 0);
        first.start().await;
        let second = engine(&directory, 0);
        second.start().await;
        let Status::Failed { fault } = second.status() else { panic!("{:?}", second.status()) };
        assert!(fault.why.contains("another Nightjar") || fault.why.contains("Another Nightjar"), "{fault:?}");
        first.stop().await;
        second.retry().await;
        assert!(matches!(second.status(), Status::Running(_)), "{:?}", second.status());
        second.stop().await;
    }

    #[tokio::test]
    async fn who_may_connect_moves_the_listeners_and_is_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let first = engine(&directory, 0);
        first.start().await;
        let running = first.running().unwrap();
        let port = running.local_address().unwrap().port();
        running.server.set_access(Access::Anyone).await.unwrap();
        let Status::Running(status) = first.status() else { panic!("{:?}", first.status()) };
        assert_eq!((status.access, status.port), (wire::Access::Anyone, port));
        assert_eq!(status.listeners[0].address, format!("0.0.0.0:{port}"));
        assert!(running.local_address().unwrap().ip().is_loopback(), "the window itself stays on this computer");
        drop(running);
        first.stop().await;
        let second = engine(&directory, 0);
        second.start().await;
        let Status::Running(status) = second.status() else { panic!("{:?}", second.status()) };
        assert_eq!(status.access, wire::Access::Anyone);
        second.stop().await;
    }
}
