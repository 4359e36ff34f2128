//! The broker as others hold it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use nightjar_mqtt::{PublishProperties, QoS, ReasonCode, TopicFilter, TopicName};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::access::{Bans, Gate, RuleEngine};
use crate::client_card::{ClientInfo, SubscriptionState};
use crate::connection;
use crate::counters::Totals;
use crate::door::Door;
use crate::listener::Opened;
use crate::session::Close;
use crate::shared::Shared;
use crate::{
    Access, Account, BanList, ClientIdentifier, Denial, EventKind, Explanation, Journal, Limits, ListenerNumber,
    ListenerOptions, Message, Question, Rehash, Restored, RuleSet, Scheme, Sequence, WebSocketOptions, clock, entrance,
    housekeeping, listener, restoring,
};

/// How long connections have to end when the broker stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How a broker starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub limits: Limits,
    pub access: Access,
    /// Who has a password.
    pub accounts: Vec<Account>,
    /// Who may publish and read what.
    pub rules: RuleSet,
    /// Who is kept out.
    pub bans: BanList,
}

/// A running broker; cheap to clone. It needs a tokio runtime with I/O and time. It runs until [`Self::stop`].
#[derive(Clone, Debug)]
pub struct Broker {
    shared: Arc<Shared>,
    listeners: Arc<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    open: Mutex<BTreeMap<ListenerNumber, Accepting>>,
    next: AtomicU64,
}

/// The task that accepts connections at an address.
#[derive(Debug)]
struct Accepting {
    address: SocketAddr,
    opened: watch::Sender<Arc<Opened>>,
    closing: CancellationToken,
    task: JoinHandle<()>,
}

/// A listener that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    pub number: ListenerNumber,
    pub scheme: Scheme,
    /// As it is: with the port that was free, where 0 was asked for.
    pub address: SocketAddr,
    /// Clients that came through it and are connected.
    pub connected: usize,
}

impl Accepting {
    fn url(&self) -> String {
        self.opened.borrow().transport.url(self.address)
    }

    fn seen(&self, number: ListenerNumber) -> Listening {
        let opened = self.opened.borrow();
        Listening {
            number,
            scheme: opened.transport.scheme(),
            address: self.address,
            connected: opened.door.connected(),
        }
    }
}

/// A message that the broker's owner publishes, without a connection.
#[derive(Clone, Debug)]
pub struct OwnMessage {
    pub publisher: ClientIdentifier,
    pub topic: TopicName,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    pub properties: Option<Box<PublishProperties>>,
}

impl Broker {
    /// Starts a broker without listeners. `kept` is what the journal kept.
    pub fn start(options: Options, journal: Arc<dyn Journal>, kept: impl Into<Restored>) -> Self {
        let Restored { retained, sessions } = kept.into();
        let shared = Arc::new(Shared::new(options.limits, Gate::new(options.access, options.accounts), journal));
        shared.router.set_rules(RuleEngine::new(options.rules));
        shared.gate.set_bans(Bans::new(options.bans));
        {
            let now = clock::now();
            let mut tree = shared.router.retained.write();
            for message in retained.into_iter().filter(|message| !message.has_expired(now.wall)) {
                tree.set(message);
            }
        }
        restoring::restore(&shared, sessions, clock::now());
        shared.tasks.spawn(housekeeping::run(Arc::clone(&shared)));
        shared.record(EventKind::Broker, None, format!("Nightjar {} started", env!("CARGO_PKG_VERSION")));
        Self { shared, listeners: Arc::default() }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Accepts connections over plain TCP at an address; port 0 takes a free one. Returns the address as it is.
    ///
    /// # Errors
    /// Where the address can't be had: in use, not this machine's, or not allowed.
    pub fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        Ok(self.open_listener(address, ListenerOptions::default())?.address)
    }

    /// Accepts connections at an address, in any way; port 0 takes a free one. Any number of listeners come and go while
    /// the broker runs, and none of them touches the connections of another.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub fn open_listener(&self, address: SocketAddr, options: ListenerOptions) -> io::Result<Listening> {
        let listener = listener::bind(address)?;
        let address = listener.local_addr()?;
        let number = ListenerNumber(self.listeners.next.fetch_add(1, Ordering::Relaxed));
        let door = Door::new(Some(number), &options, &self.shared.limits());
        self.shared.gate.set_access_at(number, options.access);
        let (opened, receiver) = watch::channel(Arc::new(Opened::new(options, door)));
        let closing = CancellationToken::new();
        let task = listener::accept(Arc::clone(&self.shared), listener, receiver, closing.clone());
        let task = self.shared.tasks.spawn(task);
        let accepting = Accepting { address, opened, closing, task };
        let (listening, url) = (accepting.seen(number), accepting.url());
        self.listeners.open.lock().insert(number, accepting);
        self.shared.record(EventKind::Broker, None, format!("listening on {url}"));
        Ok(listening)
    }

    /// Takes the next connections of a listener in another way. Those that are there go on as they came, but for those
    /// who may no longer connect: they are disconnected. `false` where there is no such listener.
    pub fn change_listener(&self, number: ListenerNumber, options: ListenerOptions) -> bool {
        let access_changed = {
            let open = self.listeners.open.lock();
            let Some(accepting) = open.get(&number) else { return false };
            let door = accepting.opened.borrow().door.changed(&options, &self.shared.limits());
            let access_changed = self.shared.gate.set_access_at(number, options.access);
            accepting.opened.send_replace(Arc::new(Opened::new(options, door)));
            self.shared.record(EventKind::Broker, None, format!("the listener at {} was changed", accepting.url()));
            access_changed
        };
        if access_changed {
            self.turn_out("who may connect through this listener was changed");
        }
        true
    }

    /// Accepts no more connections at a listener, whose address is free once this returns; the connections that are there
    /// go on, as long as they may be there without it. `false` where there is no such listener.
    pub async fn close_listener(&self, number: ListenerNumber) -> bool {
        let accepting = self.listeners.open.lock().remove(&number);
        let Some(accepting) = accepting else { return false };
        let url = accepting.url();
        accepting.closing.cancel();
        // An error would mean that the task panicked: its socket is closed then, too.
        let _ = accepting.task.await;
        self.shared.record(EventKind::Broker, None, format!("no longer listening on {url}"));
        if self.shared.gate.set_access_at(number, None) {
            self.turn_out("the listener was closed at which they might connect");
        }
        true
    }

    /// The listeners that are open, in the order in which they were opened.
    pub fn listeners(&self) -> Vec<Listening> {
        self.listeners.open.lock().iter().map(|(number, accepting)| accepting.seen(*number)).collect()
    }

    /// Keeps to other limits from here on. Clients that are connected keep those that they came on, and listeners with
    /// terms of their own keep those.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.set_limits(limits);
        self.shared.record(EventKind::Broker, None, "the limits were changed".to_owned());
    }

    /// Serves a connection that somebody else accepted, or a pipe in memory.
    pub async fn serve<R, W>(&self, reader: R, writer: W, address: SocketAddr)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        entrance::serve(Arc::clone(&self.shared), reader, writer, address, self.shared.open_door()).await;
    }

    /// The same, as a listener with these options would. What is below MQTT has to be done already.
    pub async fn serve_on<R, W>(&self, reader: R, writer: W, address: SocketAddr, options: &ListenerOptions)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let door = Arc::new(Door::new(None, options, &self.shared.limits()));
        entrance::serve(Arc::clone(&self.shared), reader, writer, address, door).await;
    }

    /// Serves a WebSocket connection that somebody else accepted, from its HTTP request on.
    pub async fn serve_web_socket<S>(&self, stream: S, options: &WebSocketOptions, address: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let ready = async { Ok((listener::upgrade(stream, options).await?, None)) };
        entrance::serve_once_ready(Arc::clone(&self.shared), ready, address, self.shared.open_door()).await;
    }

    pub fn access(&self) -> Access {
        self.shared.gate.access()
    }

    /// Changes who may connect; who is connected and no longer may is disconnected.
    pub fn set_access(&self, access: Access) {
        self.shared.gate.set_access(access);
        let detail = match access {
            Access::ThisComputer => "only programs on this computer may connect",
            Access::Password => "whoever has an account may connect with its password",
            Access::Anyone => "anyone on the network may connect, without a password",
        };
        self.shared.record(EventKind::Broker, None, detail.to_owned());
        self.turn_out(detail);
    }

    /// Changes who has a password; who is connected with one that is no longer good is disconnected. Hashes that take the
    /// place of others, for the same passwords, are no change that anybody is told of.
    pub fn set_accounts(&self, accounts: Vec<Account>) {
        let Some((before, now)) = self.shared.gate.set_accounts(accounts) else { return };
        self.shared.record(EventKind::Broker, None, format!("the accounts were changed: {now} now, {before} before"));
        self.turn_out("the account was changed, disabled or removed");
    }

    /// Hashes of argon2id that should take the place of mosquitto's in the accounts, which are quicker to guess: of those who
    /// logged in since this was last asked. Whoever keeps the accounts keeps them, and then [sets](Self::set_accounts) the
    /// accounts as they are; nobody is disconnected for it.
    pub fn take_rehashes(&self) -> Vec<Rehash> {
        self.shared.gate.take_rehashes()
    }

    /// Changes who may publish and read what, which is in force at once on everybody who is connected. It ends no
    /// connection and no subscription, and what waits for a client that may not read it any more is not sent.
    pub fn set_rules(&self, rules: RuleSet) {
        let rules = RuleEngine::new(rules);
        let (now, otherwise) = (rules.set().rules.len(), rules.set().otherwise.name());
        let before = self.shared.router.set_rules(rules).set().rules.len();
        let detail = format!("the rules were changed: {now} now, {before} before; otherwise {otherwise}");
        self.shared.record(EventKind::Broker, None, detail);
    }

    /// The rules that are in force.
    pub fn rules(&self) -> RuleSet {
        self.shared.router.rules().set().clone()
    }

    /// Whether a client may do something, and which rule decides; without doing it.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        self.shared.router.rules().explain(question)
    }

    /// The same under rules that are not in force: what a change would do.
    pub fn explain_under(rules: RuleSet, question: &Question<'_>) -> Explanation {
        RuleEngine::new(rules).explain(question)
    }

    /// What the rules denied of late, the last first: a thousand different things at most, counted since the first time.
    pub fn denials(&self) -> Vec<Denial> {
        self.shared.denials.all()
    }

    /// Changes who is kept out; who is connected and is banned now is disconnected.
    pub fn set_bans(&self, bans: BanList) {
        let now = clock::now().wall;
        let bans = Bans::new(bans);
        let count = bans.list().bans.iter().filter(|ban| ban.holds(now)).count();
        let before = self.shared.gate.set_bans(bans);
        // Refusals of those that are lifted are not lost.
        for detail in before.take_reports(clock::now().steady) {
            self.shared.record(EventKind::Refused, None, detail);
        }
        self.shared.record(EventKind::Broker, None, format!("the bans were changed: {count} now"));
        self.shared.registry.evict_banned(&self.shared.gate.bans(), now);
    }

    /// Who is kept out; those whose time is over may be among them.
    pub fn bans(&self) -> BanList {
        self.shared.gate.bans().list().clone()
    }

    /// How many accounts there are.
    pub fn account_count(&self) -> usize {
        self.shared.gate.rules().accounts.len()
    }

    /// Ends the connections of those who may no longer connect, and the pauses of those who now may.
    fn turn_out(&self, why: &str) {
        self.shared.flapping.forgive_addresses();
        let rules = self.shared.gate.rules();
        let close = Close::by_broker(ReasonCode::NOT_AUTHORIZED, why);
        self.shared.registry.evict_where(|guest| !rules.welcome(guest), &close);
    }

    /// Publishes a message of the owner's; the journal has it once it has reached the sequence.
    pub fn publish(&self, message: OwnMessage) -> Sequence {
        let OwnMessage { publisher, topic, payload, qos, retain, properties } = message;
        let received = clock::now().wall;
        self.shared.publish_own(Message { topic, payload, qos, retain, properties, publisher, source: None, received })
    }

    /// Ends a client's connection, or the session of one that is away; `false` where there is neither.
    pub async fn disconnect(&self, client: &str) -> bool {
        let close = Close::by_broker(ReasonCode::ADMINISTRATIVE_ACTION, "disconnected by the broker's owner");
        if self.shared.registry.evict(client, close) {
            return true;
        }
        let Some(ended) = self.shared.registry.forget(client) else {
            return false;
        };
        let client = ended.client.clone();
        self.shared.end_session(ended).await;
        self.shared.record(EventKind::Expired, Some(&client), "the session was ended by the broker's owner".to_owned());
        true
    }

    /// Every client that is connected or has a session, in no order.
    pub fn clients(&self) -> Vec<ClientInfo> {
        self.shared.registry.infos()
    }

    /// One client.
    pub fn client(&self, client: &str) -> Option<ClientInfo> {
        self.shared.registry.find(client).map(|(card, outbox)| card.info(&outbox))
    }

    /// A client's subscriptions, by Topic Filter; `None` where there is no such session.
    pub fn subscriptions(&self, client: &str) -> Option<Vec<(TopicFilter, SubscriptionState)>> {
        let (card, _) = self.shared.registry.find(client)?;
        let about = card.about.lock();
        Some(about.subscriptions.to_vec())
    }

    /// Clients that are connected, and sessions in all.
    pub fn client_count(&self) -> (usize, usize) {
        self.shared.registry.count()
    }

    pub fn totals(&self) -> Totals {
        self.shared.counters.totals()
    }

    /// Calls `found` for every Retained Message but the broker's own, in the order of their topics, while nobody can
    /// change them: be quick.
    pub fn visit_retained(&self, mut found: impl FnMut(&Arc<Message>)) {
        self.shared.router.retained.read().visit_all(&mut |message| found(message));
    }

    /// Retained Messages, the broker's own left out.
    pub fn retained_count(&self) -> usize {
        self.shared.router.retained.read().len_of_clients()
    }

    /// The Retained Message of a topic.
    pub fn retained(&self, topic: &TopicName) -> Option<Arc<Message>> {
        self.shared.router.retained.read().of(topic).cloned()
    }

    /// Ends every connection (MQTT 5 clients are told why), publishes the wills that are due, and waits until
    /// everything is handed to the journal. The journal's owner closes it after that.
    pub async fn stop(&self) {
        self.listeners.open.lock().clear();
        // In this order: a connection that takes its seat after the second looks whether the first has happened.
        self.shared.stopping.cancel();
        self.shared.registry.evict_where(|_| true, &connection::the_broker_stops());
        self.shared.tasks.close();
        if tokio::time::timeout(STOP_PATIENCE, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.shared.tasks.len(), "connections did not end in time");
        }
        housekeeping::settle(&self.shared, self.shared.registry.take_all_wills()).await;
        self.shared.report_drops();
        self.shared.report_denials(clock::now());
        self.shared.record(EventKind::Broker, None, "Nightjar stopped".to_owned());
    }
}
