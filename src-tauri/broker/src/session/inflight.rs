//! Messages on their way to the client, until it acknowledged them (4.3 Quality of Service levels).
//!
//! ```text
//!  QoS 1:  Publish ──PUBACK──▶ gone
//!  QoS 2:  Publish ──PUBREC──▶ Release ──PUBCOMP──▶ gone
//! ```

use std::collections::VecDeque;

use nightjar_mqtt::PacketIdentifier;

use crate::delivery::Delivery;

#[derive(Debug)]
pub(super) enum Flight {
    /// PUBLISH was sent, PUBACK or PUBREC has not come.
    Publish(Delivery),
    /// PUBREC came and PUBREL was sent, PUBCOMP has not come. The message itself is no longer needed.
    Release,
}

/// Flights in the order in which they were first sent. At most the in-flight window's, so that looking one up from the
/// front is cheap: clients acknowledge in order [MQTT-4.6.0-2].
#[derive(Debug, Default)]
pub(super) struct Inflight {
    flights: VecDeque<(PacketIdentifier, Flight)>,
    last: Option<PacketIdentifier>,
}

impl Inflight {
    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PacketIdentifier, &Flight)> {
        self.flights.iter().map(|(packet_identifier, flight)| (*packet_identifier, flight))
    }

    /// Notes that a message is sent, under an identifier that is not in use [MQTT-2.2.1-4].
    pub(super) fn start(&mut self, delivery: Delivery) -> PacketIdentifier {
        let mut packet_identifier = self.last.map_or(PacketIdentifier::FIRST, PacketIdentifier::next);
        while self.position(packet_identifier).is_some() {
            packet_identifier = packet_identifier.next();
        }
        self.last = Some(packet_identifier);
        self.flights.push_back((packet_identifier, Flight::Publish(delivery)));
        packet_identifier
    }

    /// PUBACK, or an error: the flight is over.
    pub(super) fn finish(&mut self, packet_identifier: PacketIdentifier) -> Option<Flight> {
        let position = self.position(packet_identifier)?;
        self.flights.remove(position).map(|(_, flight)| flight)
    }

    /// PUBREC: whether there is such a flight. One that was released before stays so.
    pub(super) fn release(&mut self, packet_identifier: PacketIdentifier) -> bool {
        match self.position(packet_identifier).and_then(|position| self.flights.get_mut(position)) {
            Some((_, flight)) => {
                *flight = Flight::Release;
                true
            }
            None => false,
        }
    }

    /// PUBCOMP: the flight is over, where PUBREC came before it.
    pub(super) fn complete(&mut self, packet_identifier: PacketIdentifier) {
        if let Some(position) = self.position(packet_identifier)
            && matches!(self.flights[position].1, Flight::Release)
        {
            self.flights.remove(position);
        }
    }

    fn position(&self, packet_identifier: PacketIdentifier) -> Option<usize> {
        self.flights.iter().position(|(used, _)| *used == packet_identifier)
    }
}
