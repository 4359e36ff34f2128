//! The session: the protocol as a pure machine. Packets and deliveries go in with the time, [`Action`]s come out; there
//! are no sockets and no clock here.
//!
//! A [`Session`] outlives its connections. What belongs to one connection is its [`Link`].

mod action;
mod inflight;
mod link;

#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};

pub(crate) use action::{Acknowledge, Action, Close, Outgoing};
pub(crate) use link::Link;

use nightjar_mqtt::{Acknowledgement, Disconnect, Packet, PacketIdentifier, Publish, QoS, ReasonCode};

use self::inflight::{Flight, Inflight};
use crate::clock::Moment;
use crate::delivery::Delivery;
use crate::{ClientIdentifier, DropReason, EventKind};

/// Seconds for which a session outlives its connection, where it never expires (MQTT 5.0, 3.1.2.11.2).
pub(crate) const NEVER_EXPIRES: u32 = u32::MAX;

/// What the broker keeps for a client beyond a connection (3.1.2.4 Clean Session, MQTT 5.0 4.1 Session State).
#[derive(Debug)]
pub(crate) struct Session {
    client: ClientIdentifier,
    /// Seconds after the end of the connection.
    pub(crate) expiry_interval: u32,
    /// Retained messages that new subscriptions asked for and that were not sent yet: they go before what is live,
    /// so that an old value never follows a newer one.
    pub(crate) retained_backlog: VecDeque<Delivery>,
    inflight: Inflight,
    /// QoS 2 messages that were taken, until PUBREL (4.3.3).
    received: HashSet<PacketIdentifier>,
    link: Link,
}

impl Session {
    /// A session without state, on its first connection.
    pub(crate) fn new(client: ClientIdentifier, expiry_interval: u32, link: Link) -> Self {
        Self {
            client,
            expiry_interval,
            retained_backlog: VecDeque::new(),
            inflight: Inflight::default(),
            received: HashSet::new(),
            link,
        }
    }

    pub(crate) const fn client(&self) -> &ClientIdentifier {
        &self.client
    }

    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    /// Messages that were sent and wait for an acknowledgement.
    pub(crate) fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// How many QoS 1 and 2 messages may be sent now [MQTT-3.3.4-9].
    pub(crate) fn window(&self) -> usize {
        usize::from(self.link.receive_maximum).saturating_sub(self.inflight.len())
    }

    /// Carries on with a new connection: what was not acknowledged is sent again, in the original order
    /// [MQTT-4.4.0-1], [MQTT-4.6.0-1].
    pub(crate) fn resume(&mut self, expiry_interval: u32, link: Link, now: Moment, actions: &mut Vec<Action>) {
        self.expiry_interval = expiry_interval;
        self.link = link;
        for (packet_identifier, flight) in self.inflight.iter() {
            actions.push(match flight {
                Flight::Publish(delivery) => Action::Deliver(Outgoing {
                    dup: true,
                    packet_identifier: Some(packet_identifier),
                    message_expiry_interval: delivery.message.remaining_expiry(now.wall),
                    delivery: delivery.clone(),
                }),
                Flight::Release => {
                    Action::Send(Packet::PubRel(Acknowledgement::new(packet_identifier, ReasonCode::SUCCESS)))
                }
            });
        }
    }

    /// Counts the Keep Alive from now on: what the client sent meanwhile was left unread in its socket.
    pub(crate) const fn heard(&mut self, now: Moment) {
        self.link.heard(now.steady);
    }

    /// Takes a packet from the client.
    pub(crate) fn handle_packet(&mut self, now: Moment, packet: Packet, actions: &mut Vec<Action>) {
        self.link.heard(now.steady);
        match packet {
            Packet::Publish(publish) => self.handle_publish(publish, actions),
            Packet::PubAck(acknowledgement) => self.handle_puback(&acknowledgement, actions),
            Packet::PubRec(acknowledgement) => self.handle_pubrec(&acknowledgement, actions),
            Packet::PubRel(acknowledgement) => self.handle_pubrel(&acknowledgement, actions),
            Packet::PubComp(acknowledgement) => self.inflight.complete(acknowledgement.packet_identifier),
            Packet::Subscribe(subscribe) => actions.push(Action::Subscribe(subscribe)),
            Packet::Unsubscribe(unsubscribe) => actions.push(Action::Unsubscribe(unsubscribe)),
            Packet::PingReq => actions.push(Action::Send(Packet::PingResp)),
            Packet::Disconnect(disconnect) => self.handle_disconnect(&disconnect, actions),
            Packet::Auth(_) => actions.push(Action::Close(Close::violation(
                ReasonCode::PROTOCOL_ERROR,
                "AUTH came without an Authentication Method in CONNECT [MQTT-4.12.0-1]",
            ))),
            Packet::Connect(_) | Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                actions.push(Action::Close(Close::violation(
                    ReasonCode::PROTOCOL_ERROR,
                    "the client sent a packet out of place [MQTT-3.1.0-2]",
                )));
            }
        }
    }

    /// Sends a message to the client. At QoS 1 and 2 only where [`Self::window`] is open.
    pub(crate) fn handle_delivery(&mut self, now: Moment, delivery: Delivery, actions: &mut Vec<Action>) {
        let message_expiry_interval = delivery.message.remaining_expiry(now.wall);
        if message_expiry_interval == Some(0) {
            actions.push(Action::Drop { delivery, reason: DropReason::Expired });
            return;
        }
        let packet_identifier = match delivery.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(self.inflight.start(delivery.clone())),
        };
        actions.push(Action::Deliver(Outgoing { dup: false, packet_identifier, message_expiry_interval, delivery }));
    }

    /// Forgets a message that turned out too large for the client, as if it had been sent [MQTT-3.1.2-25].
    pub(crate) fn forget_flight(&mut self, packet_identifier: PacketIdentifier) {
        self.inflight.finish(packet_identifier);
    }

    /// Notes that a message that was published with QoS 1 or 2 is kept: it is acknowledged now.
    pub(crate) fn handle_committed(&mut self, acknowledge: Acknowledge, actions: &mut Vec<Action>) {
        let Acknowledge { packet_identifier, qos, reason } = acknowledge;
        let acknowledgement = Acknowledgement::new(packet_identifier, reason);
        actions.push(Action::Send(if qos == QoS::ExactlyOnce {
            if reason.is_error() {
                self.received.remove(&packet_identifier);
                self.link.incoming_finished();
            }
            Packet::PubRec(acknowledgement)
        } else {
            self.link.incoming_finished();
            Packet::PubAck(acknowledgement)
        }));
    }

    /// Forgets a message of the client that is not taken and, below MQTT 5.0, can't be refused either: it gets no
    /// acknowledgement, and the client may send it again.
    pub(crate) fn forget_incoming(&mut self, acknowledge: Acknowledge) {
        self.received.remove(&acknowledge.packet_identifier);
        self.link.incoming_finished();
    }

    /// Notices that a deadline has passed.
    pub(crate) fn handle_timeout(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.link.deadline().is_some_and(|deadline| deadline <= now.steady) {
            let keep_alive = self.link.keep_alive;
            actions.push(Action::Close(Close::lost(
                ReasonCode::KEEP_ALIVE_TIMEOUT,
                format!("nothing came for one and a half times the Keep Alive of {keep_alive} s [MQTT-3.1.2-22]"),
            )));
        }
    }

    fn handle_publish(&mut self, mut publish: Publish, actions: &mut Vec<Action>) {
        let Some(topic) = self.link.resolve_topic(&mut publish) else {
            actions.push(Action::Close(Close::violation(
                ReasonCode::TOPIC_ALIAS_INVALID,
                "the Topic Alias is unknown or above the Topic Alias Maximum [MQTT-3.2.2-18]",
            )));
            return;
        };
        let acknowledge = match (publish.qos, publish.packet_identifier) {
            (QoS::AtMostOnce, _) | (_, None) => None,
            (qos, Some(packet_identifier)) => {
                // A QoS 2 message that was taken already is only acknowledged again [MQTT-4.3.3-10].
                if qos == QoS::ExactlyOnce && self.received.contains(&packet_identifier) {
                    let reason = ReasonCode::SUCCESS;
                    actions.push(Action::Acknowledge(Acknowledge { packet_identifier, qos, reason }));
                    return;
                }
                if !self.link.incoming_started() {
                    actions.push(Action::Close(Close::violation(
                        ReasonCode::RECEIVE_MAXIMUM_EXCEEDED,
                        "more QoS 1 and 2 messages were on the way than the Receive Maximum allows [MQTT-3.3.4-7]",
                    )));
                    return;
                }
                if qos == QoS::ExactlyOnce {
                    self.received.insert(packet_identifier);
                }
                Some(Acknowledge { packet_identifier, qos, reason: ReasonCode::SUCCESS })
            }
        };
        actions.push(Action::Publish { topic, publish, acknowledge });
    }

    fn handle_puback(&mut self, acknowledgement: &Acknowledgement, actions: &mut Vec<Action>) {
        self.finish_flight(acknowledgement, actions);
    }

    fn handle_pubrec(&mut self, acknowledgement: &Acknowledgement, actions: &mut Vec<Action>) {
        let packet_identifier = acknowledgement.packet_identifier;
        if acknowledgement.reason_code.is_error() {
            self.finish_flight(acknowledgement, actions);
            return;
        }
        let reason = if self.inflight.release(packet_identifier) || !self.link.knows_reason_codes() {
            ReasonCode::SUCCESS
        } else {
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND
        };
        actions.push(Action::Send(Packet::PubRel(Acknowledgement::new(packet_identifier, reason))));
    }

    fn finish_flight(&mut self, acknowledgement: &Acknowledgement, actions: &mut Vec<Action>) {
        if let Some(Flight::Publish(delivery)) = self.inflight.finish(acknowledgement.packet_identifier)
            && acknowledgement.reason_code.is_error()
        {
            actions.push(Action::Drop { delivery, reason: DropReason::RefusedBySubscriber });
        }
    }

    fn handle_pubrel(&mut self, acknowledgement: &Acknowledgement, actions: &mut Vec<Action>) {
        let packet_identifier = acknowledgement.packet_identifier;
        let reason = if self.received.remove(&packet_identifier) {
            self.link.incoming_finished();
            ReasonCode::SUCCESS
        } else if self.link.knows_reason_codes() {
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND
        } else {
            ReasonCode::SUCCESS
        };
        actions.push(Action::Send(Packet::PubComp(Acknowledgement::new(packet_identifier, reason))));
    }

    fn handle_disconnect(&mut self, disconnect: &Disconnect, actions: &mut Vec<Action>) {
        if let Some(interval) = disconnect.properties.session_expiry_interval {
            if self.expiry_interval == 0 && interval != 0 {
                actions.push(Action::Close(Close::violation(
                    ReasonCode::PROTOCOL_ERROR,
                    "DISCONNECT gives a session an expiry that CONNECT gave none (MQTT 5.0, 3.14.2.2.2)",
                )));
                return;
            }
            self.expiry_interval = interval;
        }
        let reason_string = disconnect.properties.reason_string.as_ref();
        actions.push(Action::Close(Close {
            kind: EventKind::Disconnected,
            reason: disconnect.reason_code,
            detail: reason_string.map(ToString::to_string).unwrap_or_default(),
            client_said_so: true,
            // Only the reason code 0x00 takes the Will back [MQTT-3.14.4-3]; below 5.0 there is no other.
            publish_will: disconnect.reason_code != ReasonCode::SUCCESS,
        }));
    }
}
