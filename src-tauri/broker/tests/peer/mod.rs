//! A client that says exactly what a test tells it to, over a pipe in memory, and a journal that a test can hold back.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nightjar_broker::{
    Access, Broker, Event, EventKind, Journal, KeptSession, Limits, ListenerOptions, Message, Options, Page, PageQuery,
    Progress, QueueUnreadable, Queued, QueuedMessage, Record, Restored, Sequence, SessionNumber, SessionRecord, Source,
};
use nightjar_mqtt::{
    Acknowledgement, ConnAck, Connect, ConnectProperties, Decoder, Disconnect, Login, Packet, PacketIdentifier,
    ProtocolVersion, Publish, QoS, ReasonCode, SubAck, Subscribe, SubscribeProperties, Subscription,
    SubscriptionOptions, TopicFilter, TopicName, Will, WillProperties,
};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::watch;

pub(crate) use ProtocolVersion::{V5, V31, V311};
pub(crate) use QoS::{AtLeastOnce as Q1, AtMostOnce as Q0, ExactlyOnce as Q2};

/// Keeps what it is given, in memory, and commits at once unless it is told not to.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) records: Mutex<Vec<Record>>,
    progress: watch::Sender<Progress>,
    held: AtomicBool,
    behind: AtomicBool,
    keeps_sessions: bool,
    wants_all: AtomicBool,
    /// Parts of queues that were read.
    pub(crate) pages: AtomicUsize,
}

impl Recorder {
    pub(crate) fn new() -> Arc<Self> {
        Self::that_keeps(false)
    }

    pub(crate) fn that_keeps(keeps_sessions: bool) -> Arc<Self> {
        Arc::new(Self {
            keeps_sessions,
            wants_all: AtomicBool::new(true),
            pages: AtomicUsize::new(0),
            records: Mutex::default(),
            progress: watch::Sender::default(),
            held: AtomicBool::new(false),
            behind: AtomicBool::new(false),
        })
    }

    /// Takes messages only where somebody needs them kept, from here on.
    pub(crate) fn want_only_what_is_needed(&self) {
        self.wants_all.store(false, Ordering::SeqCst);
    }

    /// Commits nothing from here on.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Commits everything, from here on too.
    pub(crate) fn commit(&self) {
        self.held.store(false, Ordering::SeqCst);
        let last = self.records.lock().len() as u64;
        self.progress.send_modify(|progress| progress.committed = Sequence(last));
    }

    pub(crate) fn fall_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::SeqCst);
    }

    pub(crate) fn pause(&self, why: Option<&str>) {
        self.progress.send_modify(|progress| progress.paused = why.map(Arc::from));
    }

    pub(crate) fn messages(&self) -> Vec<Arc<Message>> {
        let message = |record: &Record| match record {
            Record::Message { message, .. } => Some(Arc::clone(message)),
            Record::Event(_) | Record::Session(_) => None,
        };
        self.records.lock().iter().filter_map(message).collect()
    }

    /// What was recorded of sessions.
    pub(crate) fn sessions(&self) -> Vec<SessionRecord> {
        let session = |record: &Record| match record {
            Record::Session(record) => Some(record.clone()),
            Record::Message { .. } | Record::Event(_) => None,
        };
        self.records.lock().iter().filter_map(session).collect()
    }

    /// What came right behind a message, the entries of queues that it is in aside.
    pub(crate) fn behind(&self, payload: &str) -> Option<Record> {
        let records = self.records.lock();
        let is_it = |record: &Record| matches!(record, Record::Message { message, .. } if message.payload == payload);
        let is_entry = |record: &&Record| matches!(record, Record::Session(SessionRecord::Queued(_)));
        records[records.iter().position(is_it)? + 1..].iter().find(|record| !is_entry(record)).cloned()
    }

    pub(crate) fn payloads(&self) -> Vec<String> {
        self.messages().iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
    }

    pub(crate) fn events(&self, kind: EventKind) -> Vec<Event> {
        let event = |record: &Record| match record {
            Record::Event(event) if event.kind == kind => Some(event.clone()),
            _ => None,
        };
        self.records.lock().iter().filter_map(event).collect()
    }
}

impl Journal for Recorder {
    fn append(&self, records: &mut Vec<Record>) -> Sequence {
        let mut kept = self.records.lock();
        kept.append(records);
        let last = Sequence(kept.len() as u64);
        drop(kept);
        if !self.held.load(Ordering::SeqCst) {
            self.progress.send_modify(|progress| progress.committed = progress.committed.max(last));
        }
        last
    }

    fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn is_behind(&self) -> bool {
        self.behind.load(Ordering::SeqCst)
    }

    fn wants_all(&self) -> bool {
        self.wants_all.load(Ordering::SeqCst)
    }

    fn keeps_sessions(&self) -> bool {
        self.keeps_sessions
    }

    fn read_queue(&self, query: PageQuery) -> Result<Page, QueueUnreadable> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        let committed = self.progress.borrow().committed.0 as usize;
        let records = self.records.lock();
        let mut queue = BTreeMap::new();
        let mut before = None;
        for record in &records[..committed.min(records.len())] {
            match record {
                Record::Message { message, .. } => before = Some(message),
                Record::Session(SessionRecord::Queued(queued)) if queued.place.session == query.session => {
                    let message = match &queued.source {
                        Source::Before => before.expect("a message comes before the entries of its queues"),
                        Source::Own { message, .. } => message,
                    };
                    let Queued { place, qos, retain, ref identifiers, .. } = *queued;
                    let (identifiers, message) = (Arc::clone(identifiers), Arc::clone(message));
                    let entry = QueuedMessage { order: place.order, qos, retain, identifiers, message };
                    queue.insert(place.order, entry);
                }
                Record::Session(SessionRecord::Done(place) | SessionRecord::Released(place))
                    if place.session == query.session =>
                {
                    queue.remove(&place.order);
                }
                Record::Session(SessionRecord::Purged { session, orders }) if *session == query.session => {
                    queue.retain(|order, _| !orders.contains(order));
                }
                Record::Session(_) | Record::Event(_) => {}
            }
        }
        let mut entries: Vec<_> = queue.range(query.from..query.to).map(|(_, entry)| entry.clone()).collect();
        let next = entries.get(query.messages).map(|entry| entry.order);
        entries.truncate(query.messages);
        Ok(Page { entries, to: query.to, next })
    }

    fn order_at(
        &self,
        session: SessionNumber,
        orders: Range<u64>,
        before: usize,
    ) -> Result<Option<u64>, QueueUnreadable> {
        let Range { start: from, end: to } = orders;
        let page = self.read_queue(PageQuery { session, from, to, messages: usize::MAX, bytes: usize::MAX })?;
        Ok(page.entries.get(before).map(|entry| entry.order))
    }
}

/// A broker on a journal that can be looked at.
pub(crate) struct House {
    pub(crate) broker: Broker,
    pub(crate) journal: Arc<Recorder>,
}

pub(crate) fn house() -> House {
    house_with(Limits::default())
}

/// A broker whose journal keeps sessions, on what an earlier one left.
pub(crate) fn lasting_house(journal: &Arc<Recorder>, sessions: Vec<KeptSession>) -> House {
    let options = Options { limits: Limits::default(), access: Access::ThisComputer, ..Options::default() };
    let kept = Restored { retained: Vec::new(), sessions };
    House { broker: Broker::start(options, Arc::clone(journal) as _, kept), journal: Arc::clone(journal) }
}

pub(crate) fn house_with(limits: Limits) -> House {
    let journal = Recorder::new();
    let options = Options { limits, access: Access::ThisComputer, ..Options::default() };
    House { broker: Broker::start(options, Arc::clone(&journal) as _, Restored::default()), journal }
}

impl House {
    pub(crate) fn peer_from(&self, address: &str, pipe: usize) -> Peer {
        let (near, far) = tokio::io::duplex(pipe);
        let (reader, writer) = tokio::io::split(far);
        let broker = self.broker.clone();
        let address: SocketAddr = address.parse().unwrap();
        tokio::spawn(async move { broker.serve(reader, writer, address).await });
        Peer { stream: near, decoder: Decoder::for_version(V5, usize::MAX), version: V5, input: BytesMut::new() }
    }

    /// A connection through a listener with such options.
    pub(crate) fn peer_at(&self, options: &ListenerOptions) -> Peer {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (reader, writer) = tokio::io::split(far);
        let (broker, options) = (self.broker.clone(), options.clone());
        let address: SocketAddr = "127.0.0.1:50000".parse().unwrap();
        tokio::spawn(async move { broker.serve_on(reader, writer, address, &options).await });
        Peer { stream: near, decoder: Decoder::for_version(V5, usize::MAX), version: V5, input: BytesMut::new() }
    }

    /// A connection that has not said anything yet.
    pub(crate) fn peer(&self) -> Peer {
        self.peer_from("127.0.0.1:50000", 1 << 20)
    }

    /// A client that is let in.
    pub(crate) async fn client(&self, version: ProtocolVersion, name: &str) -> Peer {
        self.connect(connect(version, name)).await.0
    }

    pub(crate) async fn connect(&self, connect: Connect) -> (Peer, ConnAck) {
        let mut peer = self.peer();
        let connack = peer.connect(connect).await;
        assert_eq!(connack.reason_code, ReasonCode::SUCCESS);
        (peer, connack)
    }

    /// Waits until the journal has such an event.
    pub(crate) async fn event(&self, kind: EventKind) -> Event {
        let waiting = async {
            loop {
                if let Some(event) = self.journal.events(kind).last() {
                    return event.clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("no event {kind:?}"))
    }
}

/// A clean start with a keep alive of a minute.
pub(crate) fn connect(version: ProtocolVersion, name: &str) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_identifier: name.into(),
        will: None,
        login: Login::default(),
        properties: ConnectProperties::default(),
    }
}

/// A session that stays for a while.
pub(crate) fn resume(version: ProtocolVersion, name: &str, seconds: u32) -> Connect {
    let mut connect = Connect { clean_start: false, ..connect(version, name) };
    if version == V5 {
        connect.properties.session_expiry_interval = Some(seconds);
    }
    connect
}

pub(crate) fn will(topic: &str, delay: Option<u32>) -> Option<Box<Will>> {
    Some(Box::new(Will {
        topic: topic_name(topic),
        payload: Bytes::from_static(b"gone"),
        qos: Q1,
        retain: false,
        properties: WillProperties { will_delay_interval: delay, ..WillProperties::default() },
    }))
}

pub(crate) fn topic_name(topic: &str) -> TopicName {
    TopicName::new(topic.to_owned()).unwrap()
}

pub(crate) fn id(value: u16) -> PacketIdentifier {
    PacketIdentifier::new(value).unwrap()
}

pub(crate) fn acknowledgement(value: u16) -> Acknowledgement {
    Acknowledgement::new(id(value), ReasonCode::SUCCESS)
}

pub(crate) fn message(qos: QoS, number: u16, topic: &str, payload: &str) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: Some(topic_name(topic)),
        packet_identifier: PacketIdentifier::new(number),
        properties: None,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

/// No test takes as long as this; with paused time it passes at once where nothing else happens.
const DEADLINE: Duration = Duration::from_secs(600);

pub(crate) struct Peer {
    stream: DuplexStream,
    decoder: Decoder,
    version: ProtocolVersion,
    input: BytesMut,
}

impl Peer {
    /// Bytes that have come already, which are then read.
    pub(crate) async fn at_hand(&mut self) -> usize {
        poll_fn(|context| {
            let mut total = 0;
            let mut chunk = vec![0; 1 << 20];
            loop {
                let mut chunk = ReadBuf::new(&mut chunk);
                match Pin::new(&mut self.stream).poll_read(context, &mut chunk) {
                    Poll::Ready(Ok(())) if !chunk.filled().is_empty() => total += chunk.filled().len(),
                    _ => return Poll::Ready(total),
                }
            }
        })
        .await
    }

    pub(crate) async fn connect(&mut self, connect: Connect) -> ConnAck {
        self.version = connect.version;
        self.decoder = Decoder::for_version(connect.version, usize::MAX);
        self.send(Packet::Connect(Box::new(connect))).await;
        match self.receive().await {
            Packet::ConnAck(connack) => *connack,
            other => panic!("instead of CONNACK came {other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.encode(self.version, &mut bytes).unwrap();
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next packet; panics at the end of the connection.
    pub(crate) async fn receive(&mut self) -> Packet {
        self.next().await.expect("the connection ended")
    }

    /// The next packet, or `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        let reading = async {
            loop {
                if let Some(packet) = self.decoder.decode(&mut self.input).unwrap() {
                    return Some(packet);
                }
                if self.stream.read_buf(&mut self.input).await.unwrap() == 0 {
                    return None;
                }
            }
        };
        tokio::time::timeout(DEADLINE, reading).await.expect("nothing came")
    }

    /// Every byte up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = self.input.to_vec();
        tokio::time::timeout(DEADLINE, self.stream.read_to_end(&mut rest)).await.expect("it did not end").unwrap();
        rest
    }

    pub(crate) async fn expect(&mut self, packet: Packet) {
        assert_eq!(self.receive().await, packet);
    }

    /// PUBACK or PUBREC that refuses a message; returns what it says of it.
    pub(crate) async fn expect_refusal(&mut self, number: u16, reason: ReasonCode) -> Option<String> {
        match self.receive().await {
            Packet::PubAck(refusal) | Packet::PubRec(refusal) => {
                assert_eq!((refusal.packet_identifier, refusal.reason_code), (id(number), reason));
                refusal.properties.and_then(|properties| properties.reason_string).map(|words| words.to_string())
            }
            other => panic!("instead of a refusal came {other:?}"),
        }
    }

    pub(crate) async fn expect_message(&mut self) -> Publish {
        match self.receive().await {
            Packet::Publish(publish) => publish,
            other => panic!("instead of a message came {other:?}"),
        }
    }

    /// The payload of the next message.
    pub(crate) async fn expect_payload(&mut self, payload: &str) -> Publish {
        let publish = self.expect_message().await;
        assert_eq!(publish.payload, payload);
        publish
    }

    pub(crate) async fn expect_eof(&mut self) {
        assert_eq!(self.next().await, None);
    }

    /// DISCONNECT with that reason, and the end.
    pub(crate) async fn expect_disconnect(&mut self, reason: ReasonCode) {
        match self.receive().await {
            Packet::Disconnect(Disconnect { reason_code, .. }) => assert_eq!(reason_code, reason),
            other => panic!("instead of DISCONNECT came {other:?}"),
        }
        self.expect_eof().await;
    }

    /// Proves that nothing else was on the way.
    pub(crate) async fn expect_silence(&mut self) {
        self.send(Packet::PingReq).await;
        self.expect(Packet::PingResp).await;
    }

    pub(crate) async fn subscribe(&mut self, filter: &str, qos: QoS) {
        let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
        let granted = self.subscribe_with(filter, options, None).await;
        assert_eq!(granted, ReasonCode(qos.level()));
    }

    pub(crate) async fn subscribe_with(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<u32>,
    ) -> ReasonCode {
        let filter = TopicFilter::new(filter.to_owned()).unwrap();
        let properties = SubscribeProperties { subscription_identifier: identifier, ..Default::default() };
        let subscriptions = vec![Subscription { filter, options }];
        self.send(Packet::Subscribe(Subscribe { packet_identifier: id(1), properties, subscriptions })).await;
        match self.receive().await {
            Packet::SubAck(suback) => suback.reason_codes[0],
            other => panic!("instead of SUBACK came {other:?}"),
        }
    }

    /// Subscribes to several filters in one packet.
    pub(crate) async fn subscribe_to(&mut self, filters: &[&str]) -> SubAck {
        let options = SubscriptionOptions::default();
        let filters = filters.iter().map(|filter| TopicFilter::new((*filter).to_owned()).unwrap());
        let subscriptions = filters.map(|filter| Subscription { filter, options }).collect();
        let properties = SubscribeProperties::default();
        self.send(Packet::Subscribe(Subscribe { packet_identifier: id(1), properties, subscriptions })).await;
        match self.receive().await {
            Packet::SubAck(suback) => suback,
            other => panic!("instead of SUBACK came {other:?}"),
        }
    }

    /// Acknowledges a message that came with QoS 1.
    pub(crate) async fn acknowledge(&mut self, received: &Publish) {
        self.send(Packet::PubAck(acknowledgement(received.packet_identifier.unwrap().value()))).await;
    }

    pub(crate) async fn publish(&mut self, publish: Publish) {
        self.send(Packet::Publish(publish)).await;
    }

    /// Publishes at QoS 1 and waits until it is acknowledged.
    pub(crate) async fn publish_acknowledged(&mut self, topic: &str, payload: &str) {
        self.publish(message(Q1, 60_000, topic, payload)).await;
        match self.receive().await {
            Packet::PubAck(acknowledgement) => assert!(!acknowledgement.reason_code.is_error()),
            other => panic!("instead of PUBACK came {other:?}"),
        }
    }

    /// Publishes at QoS 2 and goes all the way.
    pub(crate) async fn publish_exactly_once(&mut self, topic: &str, payload: &str) {
        self.publish(message(Q2, 60_000, topic, payload)).await;
        assert!(matches!(self.receive().await, Packet::PubRec(answer) if !answer.reason_code.is_error()));
        self.send(Packet::PubRel(acknowledgement(60_000))).await;
        self.expect(Packet::PubComp(acknowledgement(60_000))).await;
    }

    pub(crate) async fn publish_retained(&mut self, topic: &str, payload: &str) {
        self.publish(Publish { retain: true, ..message(Q1, 60_000, topic, payload) }).await;
        assert!(matches!(self.receive().await, Packet::PubAck(_)));
    }

    pub(crate) async fn disconnect(mut self) {
        self.send(Packet::Disconnect(Disconnect::default())).await;
        self.expect_eof().await;
    }
}
