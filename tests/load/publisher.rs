//! One who publishes: packets made beforehand, and what of them is still on its way.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use nightjar_mqtt::{Packet, PacketIdentifier, ProtocolVersion, Publish, QoS, TopicName};

use crate::client::Client;
use crate::plan::{Plan, Spoken};
use crate::stamp::{self, Stamp};

/// Acknowledgements that a publisher may wait for: well below the 65,535 that have a Packet Identifier.
const MOST_UNACKNOWLEDGED: usize = 10_000;

/// A publisher writes no further message while so many bytes wait for its socket.
const FULL: usize = 1 << 20;

const PINGREQ: [u8; 2] = [0xC0, 0];

#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) client: Client,
    index: u32,
    templates: Vec<Template>,
    /// The template whose turn it is.
    next: usize,
    /// Messages so far; each bears its number.
    sent: u32,
    packet_identifier: PacketIdentifier,
    /// Packet Identifiers that wait for PUBACK or PUBCOMP, with the time at which their message was due.
    unacknowledged: VecDeque<(u16, u64)>,
    /// Copies that subscribers have yet to hear.
    unheard: u64,
    /// Where nothing comes back, PINGREQ is sent behind messages: how many since the last, and behind each before.
    unfenced: u32,
    fences: VecDeque<u32>,
    terms: Terms,
}

/// What a publisher may have on its way, and how it knows that it has arrived.
#[derive(Clone, Copy, Debug)]
struct Terms {
    qos: QoS,
    payload: usize,
    /// The window, in messages.
    window: u32,
    /// Copies of a message at most.
    copies: u32,
}

/// A PUBLISH, but for its Packet Identifier and stamp.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    copies: u32,
}

impl Publisher {
    pub(crate) fn new(plan: &Plan, index: usize, qos: QoS, client: Client) -> anyhow::Result<Self> {
        let templates = plan.topics_of(index).into_iter().map(|spoken| Template::new(spoken, plan.payload, qos));
        Ok(Self {
            client,
            index: u32::try_from(index)?,
            templates: templates.collect::<anyhow::Result<_>>()?,
            next: 0,
            sent: 0,
            packet_identifier: PacketIdentifier::FIRST,
            unacknowledged: VecDeque::new(),
            unheard: 0,
            unfenced: 0,
            fences: VecDeque::new(),
            terms: Terms { qos, payload: plan.payload, window: plan.window(), copies: plan.most_copies() },
        })
    }

    /// Writes a message that was due at `due`; how many copies of it are to be heard. The bytes leave with a flush.
    pub(crate) fn write(&mut self, due: u64) -> u32 {
        let template = &self.templates[self.next];
        self.next = (self.next + 1) % self.templates.len();
        let stamp = Stamp { due, publisher: self.index, number: self.sent };
        self.sent = self.sent.wrapping_add(1);
        let output = self.client.output();
        output.extend_from_slice(&template.bytes);
        let payload = output.len() - self.terms.payload;
        output[payload..payload + stamp::LENGTH].copy_from_slice(&stamp.to_bytes());
        if self.terms.qos != QoS::AtMostOnce {
            let identifier = self.packet_identifier.value();
            output[payload - 2..payload].copy_from_slice(&identifier.to_be_bytes());
            self.packet_identifier = self.packet_identifier.next();
            self.unacknowledged.push_back((identifier, due));
        }
        self.unheard += u64::from(template.copies);
        self.unfenced += u32::from(self.is_fenced());
        template.copies
    }

    /// Nothing comes back for its messages.
    const fn is_fenced(&self) -> bool {
        self.terms.copies == 0 && matches!(self.terms.qos, QoS::AtMostOnce)
    }

    /// Asks for a sign that the broker has read so far, once half of the window was written.
    pub(crate) fn fence(&mut self, is_last: bool) {
        if self.unfenced > 0 && (is_last || self.unfenced >= self.terms.window.div_ceil(2)) {
            self.client.output().extend_from_slice(&PINGREQ);
            self.fences.push_back(std::mem::take(&mut self.unfenced));
        }
    }

    /// Messages that the window has room for.
    fn room(&self) -> u32 {
        let copies = u64::from(self.terms.copies.max(1));
        let unheard = u32::try_from(self.unheard.div_ceil(copies)).unwrap_or(u32::MAX);
        let unacknowledged = u32::try_from(self.unacknowledged.len()).unwrap_or(u32::MAX);
        let on_the_way = unheard.max(unacknowledged).max(self.unfenced + self.fences.iter().sum::<u32>());
        self.terms.window.saturating_sub(on_the_way)
    }

    /// Messages to write now in a closed loop: none, or at least half of the window. Who wrote one for each that comes
    /// back would send ever smaller pieces.
    pub(crate) fn portion(&self) -> u32 {
        let room = self.room();
        if room >= self.terms.window.div_ceil(2) && self.client.pending() == 0 { room } else { 0 }
    }

    /// In an open loop only what can't be is held back.
    pub(crate) fn may_write(&self) -> bool {
        let most = match self.terms.qos {
            QoS::ExactlyOnce => self.terms.window as usize,
            _ => MOST_UNACKNOWLEDGED,
        };
        self.unacknowledged.len() < most && self.client.pending() < FULL
    }

    /// Takes note of PUBACK or PUBCOMP; the time at which the message was due, `None` where none was waited for.
    pub(crate) fn acknowledge(&mut self, packet_identifier: u16) -> Option<u64> {
        // They come in order, but for a broker that is wrong.
        let position = self.unacknowledged.iter().position(|(identifier, _)| *identifier == packet_identifier)?;
        self.unacknowledged.remove(position).map(|(_, due)| due)
    }

    /// Takes note of PINGRESP; how many messages the broker has read before it.
    pub(crate) fn pass_fence(&mut self) -> u32 {
        self.fences.pop_front().unwrap_or(0)
    }

    /// A copy was heard.
    pub(crate) const fn heard(&mut self) {
        self.unheard = self.unheard.saturating_sub(1);
    }

    pub(crate) fn has_finished(&self) -> bool {
        self.unheard == 0
            && self.unacknowledged.is_empty()
            && self.unfenced == 0
            && self.fences.is_empty()
            && self.client.pending() == 0
    }

    /// Gives up what is on its way: with it the window would stay closed for good.
    pub(crate) fn forgive(&mut self) {
        self.unheard = 0;
        self.unacknowledged.clear();
        self.unfenced = 0;
        self.fences.clear();
    }
}

impl Template {
    /// The Packet Identifier stands right before the payload, as it does in MQTT 3.1.1.
    fn new(spoken: Spoken, payload: usize, qos: QoS) -> anyhow::Result<Self> {
        let packet = Packet::Publish(Publish {
            dup: false,
            qos,
            retain: false,
            topic: Some(TopicName::new(spoken.topic)?),
            packet_identifier: (qos != QoS::AtMostOnce).then_some(PacketIdentifier::FIRST),
            properties: None,
            payload: Bytes::from(vec![b'.'; payload]),
        });
        let mut bytes = BytesMut::new();
        packet.encode(ProtocolVersion::V311, &mut bytes)?;
        Ok(Self { bytes: bytes.to_vec(), copies: spoken.copies })
    }
}
