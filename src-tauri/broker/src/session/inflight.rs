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

use std::collections::VecDeque;

use nightjar_mqtt::{PacketIdentifier, QoS};

use crate::delivery::Delivery;

/// Flights, at most as many as the in-flight window has room for, so that looking one up from the front is cheap:
/// clients acknowledge in order [MQTT-4.6.0-2].
#[derive(Debug, Default)]
pub(super) struct Inflight {
    /// PUBACK or PUBREC has not come; in the order in which they were first sent.
    sent: VecDeque<(PacketIdentifier, Delivery)>,
    /// How many of these, from the front, were sent on this connection.
    on_this_connection: usize,
    /// PUBREC came and PUBREL was sent, PUBCOMP has not come. The messages themselves are no longer needed.
    released: VecDeque<PacketIdentifier>,
    last: Option<PacketIdentifier>,
}

/// What an acknowledgement finds under its Packet Identifier.
#[derive(Debug)]
pub(super) enum Found {
    /// The flow that it belongs to, which it has carried on.
    Flow(Option<Delivery>),
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
        self.released.iter().copied()
    }

    /// Notes that a message is sent, under an identifier that is not in use [MQTT-2.2.1-4].
    pub(super) fn start(&mut self, delivery: Delivery) -> PacketIdentifier {
        let mut packet_identifier = self.last.map_or(PacketIdentifier::FIRST, PacketIdentifier::next);
        while self.position(packet_identifier).is_some() || self.released.contains(&packet_identifier) {
            packet_identifier = packet_identifier.next();
        }
        self.last = Some(packet_identifier);
        debug_assert!(!self.has_unsent(), "what is new waits for what is to be sent again");
        self.sent.push_back((packet_identifier, delivery));
        self.on_this_connection += 1;
        packet_identifier
    }

    /// Forgets a message that can't be sent.
    pub(super) fn forget(&mut self, packet_identifier: PacketIdentifier) {
        if let Some(position) = self.position(packet_identifier) {
            self.remove(position);
        }
    }

    /// PUBACK, whatever it says: the message is done.
    pub(super) fn acknowledge(&mut self, packet_identifier: PacketIdentifier) -> Found {
        match self.position(packet_identifier) {
            Some(position) if self.sent[position].1.qos == QoS::AtLeastOnce => Found::Flow(self.remove(position)),
            Some(_) => Found::OtherFlow,
            None if self.released.contains(&packet_identifier) => Found::OtherFlow,
            None => Found::Nothing,
        }
    }

    /// PUBREC: the client has the message. It may come again, until PUBCOMP.
    pub(super) fn release(&mut self, packet_identifier: PacketIdentifier) -> Found {
        match self.position(packet_identifier) {
            Some(position) if self.sent[position].1.qos == QoS::ExactlyOnce => {
                self.released.push_back(packet_identifier);
                Found::Flow(self.remove(position))
            }
            Some(_) => Found::OtherFlow,
            None if self.released.contains(&packet_identifier) => Found::Flow(None),
            None => Found::Nothing,
        }
    }

    /// PUBREC with an error: the client does not want the message.
    pub(super) fn refuse(&mut self, packet_identifier: PacketIdentifier) -> Found {
        match self.release(packet_identifier) {
            Found::Flow(delivery) => {
                self.released.retain(|released| *released != packet_identifier);
                Found::Flow(delivery)
            }
            other => other,
        }
    }

    /// PUBCOMP: the flow is over, where PUBREC came before it.
    pub(super) fn complete(&mut self, packet_identifier: PacketIdentifier) -> Found {
        if let Some(position) = self.released.iter().position(|released| *released == packet_identifier) {
            self.released.remove(position);
            return Found::Flow(None);
        }
        if self.position(packet_identifier).is_some() { Found::OtherFlow } else { Found::Nothing }
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
