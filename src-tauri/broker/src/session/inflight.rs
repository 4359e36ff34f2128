//! Messages on their way to the client, until it acknowledged them (4.3 Quality of Service levels).
//!
//! ```text
//!  QoS 1:  sent ──PUBACK──▶ gone
//!  QoS 2:  sent ──PUBREC──▶ released ──PUBCOMP──▶ gone
//! ```
//!
//! After a reconnect what was sent is sent again, as far as the window allows, before anything new
//! [MQTT-4.4.0-1], [MQTT-4.6.0-1]; what was released is released again, in the order in which PUBREC came
//! [MQTT-4.6.0-4].

use std::collections::{BTreeSet, VecDeque};

use nightjar_mqtt::{PacketIdentifier, QoS};

use crate::delivery::Delivery;
use crate::session_record::Place;

/// Flights, at most as many as the in-flight window has room for, so that looking one up from the front is cheap:
/// clients acknowledge in order [MQTT-4.6.0-2].
#[derive(Debug, Default)]
pub(super) struct Inflight {
    /// PUBACK or PUBREC has not come; in the order in which they were first sent.
    sent: VecDeque<(PacketIdentifier, Delivery)>,
    /// How many of these, from the front, were sent on this connection.
    on_this_connection: usize,
    /// PUBREC came and PUBREL was sent, PUBCOMP has not come. The messages themselves are no longer needed, only the place
    /// that they had in the journal.
    released: VecDeque<(PacketIdentifier, Option<Place>)>,
    /// The identifiers of both.
    used: BTreeSet<PacketIdentifier>,
    last: Option<PacketIdentifier>,
    /// Messages below may have been sent by a broker that ran before this one.
    sent_below: u64,
}

/// What an acknowledgement finds under its Packet Identifier.
#[derive(Debug)]
pub(super) enum Found {
    /// The flow that it belongs to, which it has carried on; with the message where this is no longer needed now.
    Flow {
        delivery: Option<Delivery>,
        place: Option<Place>,
    },
    /// A flow that it does not belong to, or a step of it that is not due.
    OtherFlow,
    Nothing,
}

impl Inflight {
    pub(super) fn len(&self) -> usize {
        self.sent.len() + self.released.len()
    }

    /// Flights that count against the client's Receive Maximum: those that it knows of.
    pub(super) fn under_way(&self) -> usize {
        self.on_this_connection + self.released.len()
    }

    /// Whether something is to be sent again before anything new is sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.on_this_connection < self.sent.len()
    }

    /// A connection begins, on which nothing was sent yet.
    pub(super) const fn restart(&mut self) {
        self.on_this_connection = 0;
    }

    /// The next message to be sent again.
    pub(super) fn resend(&mut self) -> Option<(PacketIdentifier, &Delivery)> {
        let (packet_identifier, delivery) = self.sent.get(self.on_this_connection)?;
        self.on_this_connection += 1;
        Some((*packet_identifier, delivery))
    }

    pub(super) fn released(&self) -> impl Iterator<Item = PacketIdentifier> {
        self.released.iter().map(|(packet_identifier, _)| *packet_identifier)
    }

    /// Takes over what is left of the flights of a broker that ran before this one: messages that wait for PUBCOMP, and
    /// messages that come again and may have been sent.
    pub(super) fn restore(&mut self, released: impl IntoIterator<Item = Place>, sent_below: u64) {
        self.sent_below = sent_below;
        for place in released {
            let packet_identifier = identifier_of(place.order);
            if self.used.insert(packet_identifier) {
                self.released.push_back((packet_identifier, Some(place)));
            }
        }
    }

    /// Whether a message of that order may be sent: another one that is under way may have its identifier.
    pub(super) fn is_free(&self, order: u64) -> bool {
        !self.used.contains(&identifier_of(order))
    }

    /// Notes that a message is sent, under an identifier that is not in use [MQTT-2.2.1-4]. Returns that, and whether the
    /// message may have been sent before.
    pub(super) fn start(&mut self, delivery: Delivery) -> (PacketIdentifier, bool) {
        debug_assert!(!self.has_unsent(), "what is new waits for what is to be sent again");
        let (packet_identifier, again) = match delivery.place() {
            Some(place) => {
                debug_assert!(self.is_free(place.order), "orders are taken only where they are free");
                (identifier_of(place.order), place.order < self.sent_below)
            }
            None => {
                let mut packet_identifier = self.last.map_or(PacketIdentifier::FIRST, PacketIdentifier::next);
                while self.used.contains(&packet_identifier) {
                    packet_identifier = packet_identifier.next();
                }
                self.last = Some(packet_identifier);
                (packet_identifier, false)
            }
        };
        self.used.insert(packet_identifier);
        self.sent.push_back((packet_identifier, delivery));
        self.on_this_connection += 1;
        (packet_identifier, again)
    }

    /// Messages below may have been sent, where the session goes on with the next broker.
    pub(super) fn sent_below(&self) -> u64 {
        let orders = self.sent.iter().filter_map(|(_, delivery)| delivery.place()).map(|place| place.order + 1);
        orders.max().unwrap_or(0).max(self.sent_below)
    }

    /// Forgets a message that can't be sent.
    pub(super) fn forget(&mut self, packet_identifier: PacketIdentifier) {
        if let Some(position) = self.position(packet_identifier) {
            self.remove(position);
            self.used.remove(&packet_identifier);
        }
    }

    /// PUBACK, whatever it says: the message is done.
    pub(super) fn acknowledge(&mut self, packet_identifier: PacketIdentifier) -> Found {
        match self.position(packet_identifier) {
            Some(position) if self.sent[position].1.qos == QoS::AtLeastOnce => {
                self.used.remove(&packet_identifier);
                Found::of(self.remove(position))
            }
            Some(_) => Found::OtherFlow,
            None if self.used.contains(&packet_identifier) => Found::OtherFlow,
            None => Found::Nothing,
        }
    }

    /// PUBREC: the client has the message. It may come again, until PUBCOMP.
    pub(super) fn release(&mut self, packet_identifier: PacketIdentifier) -> Found {
        match self.position(packet_identifier) {
            Some(position) if self.sent[position].1.qos == QoS::ExactlyOnce => {
                let found = Found::of(self.remove(position));
                let Found::Flow { place, .. } = &found else { return found };
                self.released.push_back((packet_identifier, *place));
                found
            }
            Some(_) => Found::OtherFlow,
            None if self.used.contains(&packet_identifier) => Found::Flow { delivery: None, place: None },
            None => Found::Nothing,
        }
    }

    /// PUBREC with an error: the client does not want the message.
    pub(super) fn refuse(&mut self, packet_identifier: PacketIdentifier) -> Found {
        match self.release(packet_identifier) {
            Found::Flow { delivery: Some(delivery), place } => {
                self.complete(packet_identifier);
                Found::Flow { delivery: Some(delivery), place }
            }
            Found::Flow { .. } => self.complete(packet_identifier),
            other => other,
        }
    }

    /// PUBCOMP: the flow is over, where PUBREC came before it.
    pub(super) fn complete(&mut self, packet_identifier: PacketIdentifier) -> Found {
        if let Some(position) = self.released.iter().position(|(released, _)| *released == packet_identifier) {
            self.used.remove(&packet_identifier);
            let place = self.released.remove(position).and_then(|(_, place)| place);
            return Found::Flow { delivery: None, place };
        }
        if self.used.contains(&packet_identifier) { Found::OtherFlow } else { Found::Nothing }
    }

    /// Ends it all; returns what was sent and not acknowledged.
    pub(super) fn into_sent(self) -> impl Iterator<Item = Delivery> {
        self.sent.into_iter().map(|(_, delivery)| delivery)
    }

    fn position(&self, packet_identifier: PacketIdentifier) -> Option<usize> {
        self.sent.iter().position(|(used, _)| *used == packet_identifier)
    }

    fn remove(&mut self, position: usize) -> Option<Delivery> {
        self.on_this_connection -= usize::from(position < self.on_this_connection);
        self.sent.remove(position).map(|(_, delivery)| delivery)
    }
}

impl Found {
    fn of(delivery: Option<Delivery>) -> Self {
        let place = delivery.as_ref().and_then(Delivery::place);
        Self::Flow { delivery, place }
    }
}

/// The Packet Identifier of the messages with that order.
fn identifier_of(order: u64) -> PacketIdentifier {
    let value = u16::try_from(order % 65_535 + 1).unwrap_or(u16::MAX);
    PacketIdentifier::new(value).unwrap_or(PacketIdentifier::FIRST)
}
