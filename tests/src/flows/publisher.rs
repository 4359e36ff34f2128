use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, PacketIdentifier, ProtocolVersion, Publish, QoS, ReasonCode, TopicName};

use super::{PATIENCE, resume};
use crate::{Peer, Record};

/// Messages that a publisher has on the way, where nothing else is said.
const IN_FLIGHT: usize = 64;
/// Topics of a publisher of QoS 2, which retains its messages.
const STATES: usize = 5;

/// How far a message is that the publisher has not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Published,
    /// PUBREC came: it must not be published again.
    Released,
}

/// A client that publishes numbers.
#[derive(Debug)]
pub struct Publisher {
    name: &'static str,
    version: ProtocolVersion,
    qos: QoS,
    /// Messages that it has on the way.
    window: usize,
    next: usize,
    unfinished: BTreeMap<usize, Step>,
    acknowledged: BTreeSet<usize>,
    refused: BTreeSet<usize>,
    refused_later: BTreeSet<usize>,
}

/// What publishers and the test that runs them tell each other.
#[derive(Debug, Default)]
pub struct Traffic {
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    mark: AtomicUsize,
    stopped: AtomicBool,
}

impl Traffic {
    /// How many messages were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// How many messages were refused with a Reason Code.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// From here on [`Self::acknowledged_since_mark`] counts.
    pub fn mark(&self) {
        self.mark.store(self.acknowledged(), Ordering::Relaxed);
    }

    /// How many messages were acknowledged since the mark was set.
    pub fn acknowledged_since_mark(&self) -> usize {
        self.acknowledged() - self.mark.load(Ordering::Relaxed)
    }

    /// Ends publishers that would go on for ever.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Publisher {
    /// A client that has not published anything yet, and does so below `load/NAME`.
    pub fn new(name: &'static str, version: ProtocolVersion, qos: QoS) -> Self {
        Self {
            name,
            version,
            qos,
            window: IN_FLIGHT,
            next: 0,
            unfinished: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            refused_later: BTreeSet::new(),
        }
    }

    /// The same with fewer messages on the way.
    #[must_use]
    pub fn with_window(self, window: usize) -> Self {
        Self { window, ..self }
    }

    /// How many numbers it has published.
    pub const fn published(&self) -> usize {
        self.next
    }

    /// The numbers whose flow is at its end.
    pub const fn acknowledged(&self) -> &BTreeSet<usize> {
        &self.acknowledged
    }

    /// The numbers that were refused, and never sent before: nobody may have them. Where one was on the way when the
    /// broker was killed, and is refused when it comes again, those who were present may have got it the first time.
    pub const fn refused(&self) -> &BTreeSet<usize> {
        &self.refused
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    fn topic(&self, number: usize) -> String {
        match self.qos {
            QoS::ExactlyOnce => format!("load/{}/{}", self.name, number % STATES),
            _ => format!("load/{}", self.name),
        }
    }

    /// Publishes up to a number, or until the connection breaks.
    pub fn start(
        mut self,
        address: SocketAddr,
        until: usize,
        traffic: &Arc<Traffic>,
    ) -> JoinHandle<anyhow::Result<Self>> {
        let traffic = Arc::clone(traffic);
        thread::spawn(move || {
            self.run(address, until, &traffic)?;
            Ok(self)
        })
    }

    /// Publishes until it is stopped, and connects again where the connection breaks.
    pub fn keep_at(mut self, address: SocketAddr, traffic: &Arc<Traffic>) -> JoinHandle<anyhow::Result<Self>> {
        let traffic = Arc::clone(traffic);
        thread::spawn(move || {
            while !traffic.is_stopped() {
                self.run(address, usize::MAX, &traffic)?;
                thread::sleep(Duration::from_millis(2));
            }
            Ok(self)
        })
    }

    /// Publishes up to a number, or until the connection breaks.
    fn run(&mut self, address: SocketAddr, until: usize, traffic: &Traffic) -> anyhow::Result<()> {
        // Nobody listens: the broker was killed.
        let Ok((mut peer, answer)) = Peer::connect(address, resume(self.version, self.name)) else { return Ok(()) };
        peer.set_deadline(PATIENCE);
        // CONNACK alone promises nothing: the session may have begun while the journal could not keep it.
        ensure!(self.acknowledged.is_empty() || answer.session_present, "{}'s session is lost", self.name);
        let first_new = self.next;
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
            while self.unfinished.len() < self.window && self.next < until && !traffic.is_stopped() {
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
                Packet::PubAck(answer) | Packet::PubRec(answer) if answer.reason_code.is_error() => {
                    ensure!(answer.reason_code == ReasonCode::QUOTA_EXCEEDED, "{} got {answer:?}", self.name);
                    let number = self.number_of(answer.packet_identifier)?;
                    self.unfinished.remove(&number);
                    if number < first_new { &mut self.refused_later } else { &mut self.refused }.insert(number);
                    traffic.refused.fetch_add(1, Ordering::Relaxed);
                    // What a sensible device does; this many need not be refused each second.
                    thread::sleep(Duration::from_millis(2));
                }
                Packet::PubAck(answer) | Packet::PubComp(answer) => {
                    let number = self.number_of(answer.packet_identifier)?;
                    self.unfinished.remove(&number);
                    self.acknowledged.insert(number);
                    traffic.acknowledged.fetch_add(1, Ordering::Relaxed);
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

    /// That all was published and acknowledged or refused.
    ///
    /// # Errors
    /// Where it was not.
    pub fn check_finished(&self) -> anyhow::Result<()> {
        let finished = self.acknowledged.len() + self.refused.len() + self.refused_later.len();
        ensure!(self.unfinished.is_empty() && finished == self.next, "{finished} of {} of {}", self.next, self.name);
        Ok(())
    }

    /// That the history has all that was acknowledged, and QoS 2 once.
    ///
    /// # Errors
    /// Where it lacks something, or has what it must not have.
    pub fn check_history(&self, data: &Path) -> anyhow::Result<()> {
        let mut found = BTreeSet::new();
        for message in Record::open(data)?.messages(&format!("load/{}", self.name))? {
            let number: usize = std::str::from_utf8(&message.payload)?.parse()?;
            let is_new = found.insert(number);
            ensure!(is_new || self.qos == QoS::AtLeastOnce, "{number} of {} is recorded twice", self.name);
            ensure!(!self.refused.contains(&number), "{number} of {} was refused and is recorded", self.name);
        }
        let lost: Vec<_> = self.acknowledged.difference(&found).collect();
        ensure!(lost.is_empty(), "the history lacks {} messages of {}", lost.len(), self.name);
        Ok(())
    }

    /// That the last number of each topic is retained, where the publisher retains them (QoS 2).
    ///
    /// # Errors
    /// Where another one is.
    pub fn check_retained(&self, address: SocketAddr) -> anyhow::Result<()> {
        if self.qos != QoS::ExactlyOnce {
            return Ok(());
        }
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for number in &self.acknowledged {
            last.insert(number % STATES, *number);
        }
        let mut peer = Peer::join(address, ProtocolVersion::V311, "curious")?;
        peer.subscribe(&format!("load/{}/+", self.name), QoS::AtMostOnce)?;
        for _ in 0..last.len() {
            let message = peer.receive_message()?;
            let number: usize = std::str::from_utf8(&message.payload)?.parse()?;
            let last = last.get(&(number % STATES));
            ensure!(last == Some(&number), "{number} is retained for {}, and the last is {last:?}", self.name);
        }
        Ok(())
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
