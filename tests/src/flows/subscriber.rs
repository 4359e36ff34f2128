use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, PacketIdentifier, ProtocolVersion, Publish, QoS, ReasonCode};

use super::{PATIENCE, Publisher, resume};
use crate::{DEADLINE, Peer};

/// A client that takes what comes and keeps its side of the flows over its connections.
#[derive(Debug)]
pub struct Subscriber {
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
    /// A client that was never connected.
    pub fn new(name: &'static str) -> Self {
        let (got, seen, received) = (BTreeMap::new(), HashSet::new(), HashSet::new());
        Self { name, knows_session: false, got, seen, received, fault: None }
    }

    /// Makes its session, with a subscription to all that publishers publish.
    ///
    /// # Errors
    /// Where the broker refuses.
    pub fn subscribe(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let (mut peer, _) = Peer::connect(address, resume(ProtocolVersion::V311, self.name))?;
        peer.subscribe("load/#", QoS::ExactlyOnce)?;
        self.knows_session = true;
        Ok(())
    }

    /// Takes so many messages, or what comes until the connection breaks.
    pub fn start(mut self, address: SocketAddr, most: usize) -> JoinHandle<anyhow::Result<Self>> {
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
        let (mut peer, answer) = Peer::connect(address, resume(ProtocolVersion::V311, self.name))?;
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
    ///
    /// # Errors
    /// Where the session is lost; what is missing is told by [`Self::check`].
    pub fn drain(&mut self, address: SocketAddr, publishers: &[Publisher]) -> anyhow::Result<()> {
        let mut peer = self.join(address)?;
        peer.set_deadline(DEADLINE);
        let lacks = |this: &Self| {
            let got = |publisher: &Publisher| this.got.get(publisher.name()).map_or(0, Vec::len);
            publishers.iter().any(|publisher| got(publisher) < publisher.acknowledged().len())
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

    /// That all came that was acknowledged, in order, nothing that was refused, and QoS 2 once.
    ///
    /// # Errors
    /// Where that is not so.
    pub fn check(&self, publisher: &Publisher) -> anyhow::Result<()> {
        if let Some(fault) = &self.fault {
            bail!("{fault}");
        }
        let got = self.got.get(publisher.name()).cloned().unwrap_or_default();
        let there: BTreeSet<_> = got.iter().copied().collect();
        let lost: Vec<_> = publisher.acknowledged().difference(&there).collect();
        ensure!(
            lost.is_empty(),
            "{} lacks {} of {}'s {} acknowledged messages, such as {:?}",
            self.name,
            lost.len(),
            publisher.name(),
            publisher.acknowledged().len(),
            &lost[..lost.len().min(5)]
        );
        let wrong = publisher.refused().intersection(&there).next();
        ensure!(wrong.is_none(), "{} got {wrong:?} of {}, which was refused", self.name, publisher.name());
        ensure!(got.is_sorted(), "{} got {}'s messages out of order", self.name, publisher.name());
        Ok(())
    }
}
