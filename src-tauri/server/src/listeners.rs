//! The listeners of a server: opened, changed and closed as the settings have them, and tried again where an address can't
//! be had.
//!
//! ```text
//!  wanted ──▶ listening ──settings change──▶ changed in place, or closed and opened elsewhere
//!     │           ▲
//!     └─▶ faulty ─┘ tried again every two seconds
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nightjar_broker::{Broker, ListenerNumber, Listening, Scheme, Tls};
use parking_lot::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::certificates::TlsSource;
use crate::listener_plan::{ListenerSource, Wanted, options};
use crate::{CertificateError, ListenerSettings, StartError};

/// How often an address is tried that could not be had.
const RETRYING: Duration = Duration::from_secs(2);
/// How often it is looked whether a certificate has to be renewed: names and addresses change, too.
const RENEWING: Duration = Duration::from_secs(60 * 60);

/// One address of a listener, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerState {
    pub source: ListenerSource,
    pub kind: Scheme,
    /// As it is, or, where it can't be had, as it is wanted.
    pub address: SocketAddr,
    /// The same as a client would write it.
    pub url: String,
    /// What a WebSocket's request should ask for, where it is one.
    pub path: Option<String>,
    /// Clients that came through it and are connected.
    pub clients: usize,
    /// Why it does not listen; it is tried again every two seconds.
    pub fault: Option<String>,
}

/// All listeners of a server. Changed by one at a time.
#[derive(Debug)]
pub(crate) struct Listeners {
    broker: Broker,
    open: Mutex<Open>,
    /// What TLS listeners show, each loaded once.
    shown: Mutex<HashMap<TlsSource, Tls>>,
}

/// The listeners as they are; while others are being put in their place, as they were.
#[derive(Debug, Default)]
struct Open {
    entries: Vec<Opened>,
    is_changing: bool,
}

#[derive(Clone, Debug)]
struct Opened {
    wanted: Wanted,
    sockets: Vec<Socket>,
}

impl Opened {
    fn is_for(&self, wanted: &Wanted) -> bool {
        (self.wanted.settings.kind, &self.wanted.addresses) == (wanted.settings.kind, &wanted.addresses)
    }

    fn port(&self) -> Option<u16> {
        self.sockets.iter().find_map(|socket| match socket.state {
            State::Listening(_, address) => Some(address.port()),
            State::Faulty(..) | State::Absent => None,
        })
    }
}

#[derive(Clone, Debug)]
struct Socket {
    wanted: SocketAddr,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Listening(ListenerNumber, SocketAddr),
    Faulty(SocketAddr, String),
    /// The computer has no IPv6, which nobody asked for by name.
    Absent,
}

/// A listener whose first address can't be had.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) source: ListenerSource,
    pub(crate) is_required: bool,
    pub(crate) error: StartError,
}

/// What is loaded and can be put in force.
#[derive(Debug)]
pub(crate) struct Prepared {
    wanted: Vec<Wanted>,
    shown: HashMap<TlsSource, Tls>,
}

impl Listeners {
    pub(crate) fn new(broker: Broker) -> Arc<Self> {
        Arc::new(Self { broker, open: Mutex::default(), shown: Mutex::default() })
    }

    /// Loads what listeners show, before anything is changed. What is loaded already is looked at again.
    pub(crate) async fn prepare(&self, wanted: Vec<Wanted>) -> Result<Prepared, CertificateError> {
        let before = self.shown.lock().clone();
        let sources: Vec<_> = wanted.iter().filter_map(|wanted| wanted.tls.clone()).collect();
        let loading = spawn_blocking(move || {
            let mut shown = HashMap::new();
            for source in sources {
                let Entry::Vacant(place) = shown.entry(source) else { continue };
                let loaded = match before.get(place.key()) {
                    Some(tls) => place.key().renew(tls).map(|()| tls.clone())?,
                    None => place.key().load()?,
                };
                place.insert(loaded);
            }
            Ok::<_, CertificateError>(shown)
        });
        match loading.await {
            Ok(shown) => Ok(Prepared { wanted, shown: shown? }),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Puts in force what was prepared. Listeners at the same addresses go on, with what is new for their next
    /// connections; those that are no longer wanted close, and no connection ends with its listener. Returns what can't
    /// be had, which is tried again from then on.
    pub(crate) async fn apply(&self, prepared: Prepared) -> Vec<Failure> {
        let Prepared { wanted, shown } = prepared;
        let mut old = {
            let mut open = self.open.lock();
            open.is_changing = true;
            open.entries.clone()
        };
        // Where any port will do, it stays the one that it became.
        let port = old.iter().find(|entry| entry.wanted.source == ListenerSource::Port).and_then(Opened::port);
        let mut entries = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let kept = old.iter().position(|entry| entry.is_for(&wanted));
            let sockets = kept.map_or_else(Vec::new, |place| {
                let Opened { wanted: before, sockets } = old.remove(place);
                self.change(&before, &wanted, &shown, &sockets);
                sockets
            });
            entries.push(Opened { wanted, sockets });
        }
        // First those that go: another may be wanted at their address.
        for Socket { state, .. } in old.into_iter().flat_map(|entry| entry.sockets) {
            if let State::Listening(number, _) = state {
                self.broker.close_listener(number).await;
            }
        }
        *self.shown.lock() = shown;
        let mut failures = Vec::new();
        for entry in &mut entries {
            let Wanted { source, is_required, .. } = entry.wanted;
            if let Err(error) = self.open(entry, port.filter(|_| source == ListenerSource::Port)) {
                failures.push(Failure { source, is_required, error });
            }
        }
        *self.open.lock() = Open { entries, is_changing: false };
        failures
    }

    /// Tells the broker what is new at a listener that goes on.
    fn change(&self, before: &Wanted, wanted: &Wanted, shown: &HashMap<TlsSource, Tls>, sockets: &[Socket]) {
        if before.settings == wanted.settings && before.tls == wanted.tls {
            return;
        }
        let tls = wanted.tls.as_ref().and_then(|source| shown.get(source)).cloned();
        let options = options(&wanted.settings, tls);
        for socket in sockets {
            if let State::Listening(number, _) = socket.state {
                self.broker.change_listener(number, options.clone());
            }
        }
    }

    /// Opens the sockets of a listener that are not there yet.
    fn open(&self, entry: &mut Opened, port: Option<u16>) -> Result<(), StartError> {
        let Opened { wanted, sockets } = entry;
        if !sockets.is_empty() {
            return Ok(());
        }
        let mut result = Ok(());
        for (place, &address) in wanted.addresses.iter().enumerate() {
            // The same port for both families, also where any will do.
            let first = match sockets.first().map(|socket| &socket.state) {
                Some(State::Listening(_, first)) => Some(first.port()),
                _ => port,
            };
            let port = if address.port() == 0 { first.unwrap_or(0) } else { address.port() };
            let address = SocketAddr::new(address.ip(), port);
            let state = match self.open_socket(wanted, address) {
                Ok(Listening { number, address, .. }) => State::Listening(number, address),
                Err(source) if place > 0 && is_without_ipv6(&source) => State::Absent,
                Err(source) => {
                    let error = StartError::Listen { address, source };
                    let fault = error.why();
                    if place == 0 {
                        result = Err(error);
                    }
                    State::Faulty(address, fault)
                }
            };
            sockets.push(Socket { wanted: address, state });
        }
        result
    }

    fn open_socket(&self, wanted: &Wanted, address: SocketAddr) -> io::Result<Listening> {
        let tls = wanted.tls.as_ref().and_then(|source| self.shown.lock().get(source).cloned());
        self.broker.open_listener(address, options(&wanted.settings, tls))
    }

    /// Every address, in the order of the settings; until a change is through, as it was before.
    pub(crate) fn states(&self) -> Vec<ListenerState> {
        let open: HashMap<_, _> = self.broker.listeners().into_iter().map(|open| (open.number, open)).collect();
        let entries = &self.open.lock().entries;
        let state = |entry: &Opened, socket: &Socket| {
            let (address, clients, fault) = match &socket.state {
                State::Listening(number, address) => {
                    (*address, open.get(number).map_or(0, |open| open.connected), None)
                }
                State::Faulty(address, fault) => (*address, 0, Some(fault.clone())),
                State::Absent => return None,
            };
            let settings = &entry.wanted.settings;
            let (source, kind) = (entry.wanted.source, settings.kind);
            let url = kind.url(address, settings.path.as_deref());
            let path = kind.path(settings.path.as_deref()).map(str::to_owned);
            Some(ListenerState { source, kind, address, url, path, clients, fault })
        };
        entries.iter().flat_map(|entry| entry.sockets.iter().filter_map(|socket| state(entry, socket))).collect()
    }

    /// What listens now: its settings, and where.
    pub(crate) fn listening(&self) -> Vec<(ListenerSettings, SocketAddr)> {
        let entries = &self.open.lock().entries;
        let listening = |entry: &Opened| {
            let at = entry.sockets.iter().filter_map(|socket| match socket.state {
                State::Listening(_, address) => Some(address),
                State::Faulty(..) | State::Absent => None,
            });
            at.map(|address| (entry.wanted.settings.clone(), address)).collect::<Vec<_>>()
        };
        entries.iter().flat_map(listening).collect()
    }

    /// Tries again what could not be had.
    fn retry(&self) {
        let mut open = self.open.lock();
        if open.is_changing {
            // What is found free now would be held twice.
            return;
        }
        for entry in &mut open.entries {
            let Opened { wanted, sockets } = entry;
            for socket in sockets {
                let State::Faulty(address, fault) = &mut socket.state else { continue };
                match self.open_socket(wanted, socket.wanted) {
                    Ok(Listening { number, address, .. }) => {
                        tracing::info!("{address} can be had again");
                        socket.state = State::Listening(number, address);
                    }
                    Err(source) => *fault = StartError::Listen { address: *address, source }.why(),
                }
            }
        }
    }

    /// Shows new certificates where the old ones are about to end, the computer's names and addresses changed, or somebody
    /// put other files in the place of theirs.
    async fn renew(&self) {
        let shown = self.shown.lock().clone();
        let renewing = spawn_blocking(move || {
            for (source, tls) in shown {
                if let Err(error) = source.renew(&tls) {
                    tracing::warn!("the certificate of a TLS listener was not renewed: {error}");
                }
            }
        });
        if let Err(error) = renewing.await {
            tracing::error!(%error, "the certificates of the TLS listeners were not renewed");
        }
    }

    /// Looks after them until it is aborted.
    pub(crate) fn attend(self: &Arc<Self>) -> JoinHandle<()> {
        let listeners = Arc::clone(self);
        tokio::spawn(async move {
            let mut retrying = tokio::time::interval(RETRYING);
            let mut renewing = tokio::time::interval_at(tokio::time::Instant::now() + RENEWING, RENEWING);
            for interval in [&mut retrying, &mut renewing] {
                interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            }
            loop {
                tokio::select! {
                    _ = retrying.tick() => listeners.retry(),
                    _ = renewing.tick() => listeners.renew().await,
                }
            }
        })
    }
}

fn is_without_ipv6(error: &io::Error) -> bool {
    // 97 is EAFNOSUPPORT: the kernel was built or started without IPv6.
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(97)
}
