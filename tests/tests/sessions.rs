//! What durable subscribers were promised outlives `kill -9`: sessions, queues and the states of QoS 1 and 2, both ways.
//!
//! `NIGHTJAR_CRASH_ROUNDS` sets how often the broker is killed, `NIGHTJAR_CRASH_SEED` when, and who is there meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{
    Acknowledgement, Connect, Packet, PacketIdentifier, ProtocolVersion, Publish, QoS, ReasonCode, TopicName,
};
use nightjar_tests::{Broker, DEADLINE, Peer, Record, connect};
use tempfile::TempDir;

/// Kills in the suite.
const ROUNDS: usize = 6;
/// Messages that a publisher has on the way.
const IN_FLIGHT: usize = 64;
/// Retained topics.
const STATES: usize = 5;
/// Longer than any round takes.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_was_promised_outlives_kill_9() -> anyhow::Result<()> {
    let rounds = variable("NIGHTJAR_CRASH_ROUNDS")?.unwrap_or(ROUNDS);
    let mut random = Random(variable("NIGHTJAR_CRASH_SEED")?.unwrap_or(7) as u64 | 1);
    let data = TempDir::new()?;
    let mut publishers = [Publisher::new("meter-1", QoS::AtLeastOnce), Publisher::new("meter-2", QoS::ExactlyOnce)];
    let mut present = Subscriber::new("present");
    let mut visitor = Subscriber::new("visitor");
    subscribe(data.path(), &mut [&mut present, &mut visitor])?;

    for round in 0..rounds {
        let mut broker = Broker::nightjar(data.path(), &[])?;
        let address = broker.address();
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let publishing = publishers.map(|publisher| publisher.start(address, usize::MAX, &acknowledged));
        let listening = present.start(address, usize::MAX);
        // The other one is away, or comes for a while.
        let visit = if random.below(2) == 0 { random.below(3_000) } else { 0 };
        let visiting = visitor.start(address, visit);
        let moment = 100 + random.below(2_000);
        let end = Instant::now() + PATIENCE;
        while acknowledged.load(Ordering::Relaxed) < moment {
            ensure!(Instant::now() < end, "round {round}: {moment} acknowledgements do not come");
            ensure!(publishing.iter().any(|thread| !thread.is_finished()), "round {round}: the publishers gave up");
            thread::sleep(Duration::from_millis(1));
        }
        broker.kill()?;
        let [first, second] = publishing.map(join);
        publishers = [first?, second?];
        present = join(listening)?;
        visitor = join(visiting)?;
    }

    // What was on the way is brought to its end, and the queues are emptied.
    let mut broker = Broker::nightjar(data.path(), &[])?;
    let address = broker.address();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let publishing = publishers.map(|publisher| {
        let last = publisher.next;
        publisher.start(address, last, &acknowledged)
    });
    let [first, second] = publishing.map(join);
    let publishers = [first?, second?];
    for subscriber in [&mut present, &mut visitor] {
        subscriber.drain(address, &publishers)?;
    }
    check_retained(address, &publishers[1])?;
    broker.stop()?;

    for publisher in &publishers {
        ensure!(publisher.unfinished.is_empty() && publisher.acknowledged.len() == publisher.next);
        check_history(data.path(), publisher)?;
        for subscriber in [&present, &visitor] {
            subscriber.check(publisher)?;
        }
    }
    let counts = publishers.each_ref().map(|publisher| publisher.next);
    println!("{rounds} kills under {counts:?} messages: nothing lost, order kept, QoS 2 never twice");
    Ok(())
}

fn join<T>(thread: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().expect("no thread of this test panics")
}

/// Makes the subscribers' sessions.
fn subscribe(data: &std::path::Path, subscribers: &mut [&mut Subscriber]) -> anyhow::Result<()> {
    let mut broker = Broker::nightjar(data, &[])?;
    for subscriber in subscribers {
        let (mut peer, _) = Peer::connect(broker.address(), resume(subscriber.name))?;
        peer.subscribe("load/#", QoS::ExactlyOnce)?;
        subscriber.knows_session = true;
    }
    // SUBACK is a promise as well.
    broker.kill()
}

/// A session that never expires.
fn resume(name: &str) -> Connect {
    Connect { clean_start: false, ..connect(ProtocolVersion::V311, name) }
}

fn variable(name: &str) -> anyhow::Result<Option<usize>> {
    std::env::var(name).ok().map(|text| text.parse().with_context(|| format!("{name}={text}"))).transpose()
}

/// Xorshift: the same seed makes the same test.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// How far a message is that the publisher has not finished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Published,
    /// PUBREC came: it must not be published again.
    Released,
}

/// A client that publishes numbers and keeps its side of the flows over its connections, as the specification asks.
struct Publisher {
    name: &'static str,
    qos: QoS,
    next: usize,
    unfinished: BTreeMap<usize, Step>,
    acknowledged: BTreeSet<usize>,
}

impl Publisher {
    fn new(name: &'static str, qos: QoS) -> Self {
        Self { name, qos, next: 0, unfinished: BTreeMap::new(), acknowledged: BTreeSet::new() }
    }

    fn topic(&self, number: usize) -> String {
        match self.qos {
            QoS::ExactlyOnce => format!("load/{}/{}", self.name, number % STATES),
            _ => format!("load/{}", self.name),
        }
    }

    fn start(
        mut self,
        address: SocketAddr,
        until: usize,
        count: &Arc<AtomicUsize>,
    ) -> JoinHandle<anyhow::Result<Self>> {
        let count = Arc::clone(count);
        thread::spawn(move || {
            self.run(address, until, &count)?;
            Ok(self)
        })
    }

    /// Publishes up to a number, or until the connection breaks.
    fn run(&mut self, address: SocketAddr, until: usize, count: &AtomicUsize) -> anyhow::Result<()> {
        let (mut peer, answer) = Peer::connect(address, resume(self.name))?;
        ensure!(self.next == 0 || answer.session_present, "{}'s session is lost", self.name);
        let unfinished: Vec<_> = self.unfinished.iter().map(|(number, step)| (*number, *step)).collect();
        for (number, step) in unfinished {
            let sent = match step {
                Step::Published => peer.send(&self.publish(number, true)?),
                Step::Released => peer.send(&Packet::PubRel(acknowledgement(number))),
            };
            if sent.is_err() {
                return Ok(());
            }
        }
        loop {
            while self.unfinished.len() < IN_FLIGHT && self.next < until {
                let number = self.next;
                self.next += 1;
                self.unfinished.insert(number, Step::Published);
                if peer.send(&self.publish(number, false)?).is_err() {
                    return Ok(());
                }
            }
            if self.unfinished.is_empty() {
                return Ok(());
            }
            let Ok(packet) = peer.receive() else { return Ok(()) };
            match packet {
                Packet::PubAck(answer) | Packet::PubComp(answer) => {
                    let number = self.number_of(answer.packet_identifier)?;
                    self.unfinished.remove(&number);
                    self.acknowledged.insert(number);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Packet::PubRec(answer) => {
                    let number = self.number_of(answer.packet_identifier)?;
                    self.unfinished.insert(number, Step::Released);
                    if peer.send(&Packet::PubRel(acknowledgement(number))).is_err() {
                        return Ok(());
                    }
                }
                other => bail!("{} got {other:?}", self.name),
            }
        }
    }

    fn publish(&self, number: usize, dup: bool) -> anyhow::Result<Packet> {
        Ok(Packet::Publish(Publish {
            dup,
            qos: self.qos,
            retain: self.qos == QoS::ExactlyOnce,
            topic: Some(TopicName::new(self.topic(number))?),
            packet_identifier: Some(identifier(number)),
            properties: None,
            payload: number.to_string().into(),
        }))
    }

    fn number_of(&self, packet_identifier: PacketIdentifier) -> anyhow::Result<usize> {
        let mut numbers = self.unfinished.keys().filter(|number| identifier(**number) == packet_identifier);
        numbers.next().copied().with_context(|| format!("{} has nothing under {packet_identifier:?}", self.name))
    }
}

fn identifier(number: usize) -> PacketIdentifier {
    PacketIdentifier::new((number % 65_535) as u16 + 1).expect("it is at least 1")
}

fn acknowledgement(number: usize) -> Acknowledgement {
    Acknowledgement::new(identifier(number), ReasonCode::SUCCESS)
}

/// A client that takes what comes and keeps its side of the flows over its connections.
struct Subscriber {
    name: &'static str,
    knows_session: bool,
    /// By publisher, in the order in which they came, the first time that each did.
    got: BTreeMap<String, Vec<usize>>,
    seen: HashSet<(String, usize)>,
    /// QoS 2 messages that wait for PUBREL.
    received: HashSet<PacketIdentifier>,
    fault: Option<String>,
}

impl Subscriber {
    fn new(name: &'static str) -> Self {
        let (got, seen, received) = (BTreeMap::new(), HashSet::new(), HashSet::new());
        Self { name, knows_session: false, got, seen, received, fault: None }
    }

    /// Takes so many messages, or what comes until the connection breaks.
    fn start(mut self, address: SocketAddr, most: usize) -> JoinHandle<anyhow::Result<Self>> {
        thread::spawn(move || {
            if most > 0 {
                let mut peer = self.join(address)?;
                let mut left = most;
                while left > 0 {
                    match peer.receive() {
                        Ok(packet) => left -= usize::from(self.take(&mut peer, packet)?),
                        Err(_) => break,
                    }
                }
            }
            Ok(self)
        })
    }

    fn join(&mut self, address: SocketAddr) -> anyhow::Result<Peer> {
        let (mut peer, answer) = Peer::connect(address, resume(self.name))?;
        ensure!(answer.session_present == self.knows_session, "{}'s session is lost", self.name);
        peer.set_deadline(PATIENCE);
        Ok(peer)
    }

    /// Takes a packet; returns whether it was a message.
    fn take(&mut self, peer: &mut Peer, packet: Packet) -> anyhow::Result<bool> {
        match packet {
            Packet::Publish(message) => {
                let packet_identifier = message.packet_identifier.context("every message here is of QoS 1 or 2")?;
                let answer = Acknowledgement::new(packet_identifier, ReasonCode::SUCCESS);
                let is_exact = message.qos == QoS::ExactlyOnce;
                if !is_exact || self.received.insert(packet_identifier) {
                    self.note(&message)?;
                }
                // An error is the kill, which the next `receive` sees, too.
                let _ = peer.send(&if is_exact { Packet::PubRec(answer) } else { Packet::PubAck(answer) });
                Ok(true)
            }
            Packet::PubRel(release) => {
                self.received.remove(&release.packet_identifier);
                let answer = Acknowledgement::new(release.packet_identifier, ReasonCode::SUCCESS);
                let _ = peer.send(&Packet::PubComp(answer));
                Ok(false)
            }
            other => bail!("{} got {other:?}", self.name),
        }
    }

    fn note(&mut self, message: &Publish) -> anyhow::Result<()> {
        let topic = message.topic.as_ref().context("MQTT 3.1.1 knows no aliases")?;
        let publisher = topic.split('/').nth(1).context("topics here have two levels")?.to_owned();
        let number: usize = std::str::from_utf8(&message.payload)?.parse()?;
        if self.seen.insert((publisher.clone(), number)) {
            self.got.entry(publisher).or_default().push(number);
        } else if message.qos == QoS::ExactlyOnce {
            self.fault.get_or_insert(format!("{} got {number} of {publisher} twice", self.name));
        }
        Ok(())
    }

    /// Takes what is left, until all is there that was acknowledged.
    fn drain(&mut self, address: SocketAddr, publishers: &[Publisher]) -> anyhow::Result<()> {
        let mut peer = self.join(address)?;
        peer.set_deadline(DEADLINE);
        let lacks = |this: &Self| {
            let got = |publisher: &Publisher| this.got.get(publisher.name).map_or(0, Vec::len);
            publishers.iter().any(|publisher| got(publisher) < publisher.acknowledged.len())
        };
        while lacks(self) || !self.received.is_empty() {
            match peer.receive() {
                Ok(packet) => drop(self.take(&mut peer, packet)?),
                // What is missing is told by `check`.
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn check(&self, publisher: &Publisher) -> anyhow::Result<()> {
        if let Some(fault) = &self.fault {
            bail!("{fault}");
        }
        let got = self.got.get(publisher.name).cloned().unwrap_or_default();
        let there: BTreeSet<_> = got.iter().copied().collect();
        let lost: Vec<_> = publisher.acknowledged.difference(&there).collect();
        ensure!(
            lost.is_empty(),
            "{} lacks {} of {}'s {} acknowledged messages, such as {:?}",
            self.name,
            lost.len(),
            publisher.name,
            publisher.acknowledged.len(),
            &lost[..lost.len().min(5)]
        );
        ensure!(got.is_sorted(), "{} got {}'s messages out of order", self.name, publisher.name);
        Ok(())
    }
}

fn check_history(data: &std::path::Path, publisher: &Publisher) -> anyhow::Result<()> {
    let mut found = BTreeSet::new();
    for message in Record::open(data)?.messages(&format!("load/{}", publisher.name))? {
        let number: usize = std::str::from_utf8(&message.payload)?.parse()?;
        let is_new = found.insert(number);
        ensure!(is_new || publisher.qos == QoS::AtLeastOnce, "{number} of {} is recorded twice", publisher.name);
    }
    let lost: Vec<_> = publisher.acknowledged.difference(&found).collect();
    ensure!(lost.is_empty(), "the history lacks {} messages of {}", lost.len(), publisher.name);
    Ok(())
}

/// The last number of each topic is retained.
fn check_retained(address: SocketAddr, publisher: &Publisher) -> anyhow::Result<()> {
    let mut peer = Peer::join(address, ProtocolVersion::V311, "curious")?;
    peer.subscribe(&format!("load/{}/+", publisher.name), QoS::AtMostOnce)?;
    for _ in 0..STATES.min(publisher.next) {
        let message = peer.receive_message()?;
        let number: usize = std::str::from_utf8(&message.payload)?.parse()?;
        ensure!(number + STATES >= publisher.next, "{number} is retained, and not the last of {}", publisher.next);
    }
    Ok(())
}
