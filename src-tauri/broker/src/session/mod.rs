//! The session: the protocol as a pure machine. Packets and deliveries go in with the time, [`Action`]s come out; there
//! are no sockets and no clock here.
//!
//! A [`Session`] outlives its connections. What belongs to one connection is its [`Link`].

mod action;
mod inflight;
mod link;
mod retained;
mod topic_aliases;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub(crate) use action::{Acknowledge, Action, Close, Note, Outgoing};
pub(crate) use link::Link;
pub(crate) use retained::RetainedRequests;
pub(crate) use topic_aliases::{TopicAlias, TopicAliases};

use nightjar_mqtt::{
    Acknowledgement, AcknowledgementProperties, Disconnect, Packet, PacketIdentifier, Publish, QoS, ReasonCode,
    Subscribe, Subscription, TopicFilter, Unsubscribe,
};

use self::inflight::{Found, Inflight};
use crate::clock::Moment;
use crate::delivery::Delivery;
use crate::session_record::Place;
use crate::{ClientIdentifier, DropReason, EventKind};

/// Seconds for which a session outlives its connection, where it never expires (MQTT 5.0, 3.1.2.11.2).
pub(crate) const NEVER_EXPIRES: u32 = u32::MAX;

/// What the broker keeps for a client beyond a connection (3.1.2.4 Clean Session, MQTT 5.0 4.1 Session State).
#[derive(Debug)]
pub(crate) struct Session {
    client: ClientIdentifier,
    /// Seconds after the end of the connection.
    pub(crate) expiry_interval: u32,
    /// The journal keeps it.
    is_kept: bool,
    /// Retained messages that new subscriptions asked for and that were not sent yet.
    pub(crate) retained: RetainedRequests,
    inflight: Inflight,
    /// QoS 2 messages that were taken, until PUBREL (4.3.3).
    received: BTreeSet<PacketIdentifier>,
    link: Link,
}

impl Session {
    /// A session without state, on its first connection.
    pub(crate) fn new(client: ClientIdentifier, expiry_interval: u32, link: Link) -> Self {
        Self {
            client,
            expiry_interval,
            is_kept: false,
            retained: RetainedRequests::default(),
            inflight: Inflight::default(),
            received: BTreeSet::new(),
            link,
        }
    }

    /// A session that the journal keeps.
    pub(crate) fn kept(client: ClientIdentifier, expiry_interval: u32, link: Link) -> Self {
        Self { is_kept: true, ..Self::new(client, expiry_interval, link) }
    }

    /// Takes over what the journal kept of the flows of a broker that ran before this one: flows that wait for PUBCOMP
    /// and for PUBREL, and up to where messages may have been sent.
    pub(crate) fn restore(
        &mut self,
        released: impl IntoIterator<Item = Place>,
        received: impl IntoIterator<Item = PacketIdentifier>,
        sent_below: u64,
    ) {
        self.inflight.restore(released, sent_below);
        self.received.extend(received);
    }

    /// Messages below may have been sent.
    pub(crate) fn sent_below(&self) -> u64 {
        self.inflight.sent_below()
    }

    /// Whether a message with that place in the journal's queue may be sent beside those that are under way.
    pub(crate) fn is_free(&self, order: u64) -> bool {
        self.inflight.is_free(order)
    }

    pub(crate) const fn client(&self) -> &ClientIdentifier {
        &self.client
    }

    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) const fn topic_aliases(&mut self) -> &mut TopicAliases {
        &mut self.link.topic_aliases
    }

    /// Messages that were sent and wait for an acknowledgement.
    pub(crate) fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// How many QoS 1 and 2 messages may be sent now [MQTT-3.3.4-9]; none that is new while there are some to be sent
    /// again.
    pub(crate) fn window(&self) -> usize {
        if self.inflight.has_unsent() { 0 } else { self.quota() }
    }

    /// What the client's Receive Maximum leaves (MQTT 5.0, 4.9). What was released counts although the client may have
    /// forgotten it: so the flights of a session are bounded over any number of connections.
    fn quota(&self) -> usize {
        usize::from(self.link.receive_maximum).saturating_sub(self.inflight.under_way())
    }

    /// Carries on with a new connection: what was released is released again, and [`Self::resend`] has work to do.
    pub(crate) fn resume(&mut self, expiry_interval: u32, link: Link, actions: &mut Vec<Action>) {
        self.expiry_interval = expiry_interval;
        self.link = link;
        self.inflight.restart();
        let is_kept = self.is_kept;
        actions.extend(self.inflight.released().map(|packet_identifier| {
            settled(is_kept, Packet::PubRel(Acknowledgement::new(packet_identifier, ReasonCode::SUCCESS)))
        }));
    }

    /// Sends a message again that was not acknowledged on an earlier connection, where there is one and the window is
    /// open; returns whether it did.
    pub(crate) fn resend(&mut self, now: Moment, actions: &mut Vec<Action>) -> bool {
        if self.quota() == 0 {
            return false;
        }
        let Some((packet_identifier, delivery)) = self.inflight.resend() else {
            return false;
        };
        actions.push(Action::Deliver(Outgoing {
            dup: true,
            packet_identifier: Some(packet_identifier),
            message_expiry_interval: delivery.message.remaining_expiry(now.wall),
            delivery: delivery.clone(),
        }));
        true
    }

    /// Ends the session; returns what of its Shared Subscriptions may go to another member: QoS 1 that was not
    /// acknowledged. QoS 2 goes to nobody else once it was sent [MQTT-4.8.2-5].
    pub(crate) fn into_undelivered(self) -> impl Iterator<Item = Delivery> {
        self.inflight.into_sent().filter(|delivery| delivery.share.is_some() && delivery.qos == QoS::AtLeastOnce)
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
            Packet::PubAck(acknowledgement) => {
                let found = self.inflight.acknowledge(acknowledgement.packet_identifier);
                finish_flow("PUBACK", &acknowledgement, found, actions);
            }
            Packet::PubRec(acknowledgement) => self.handle_pubrec(&acknowledgement, actions),
            Packet::PubRel(acknowledgement) => self.handle_pubrel(&acknowledgement, actions),
            Packet::PubComp(acknowledgement) => {
                let found = self.inflight.complete(acknowledgement.packet_identifier);
                finish_flow("PUBCOMP", &acknowledgement, found, actions);
            }
            Packet::Subscribe(subscribe) => self.handle_subscribe(subscribe, actions),
            Packet::Unsubscribe(unsubscribe) => self.handle_unsubscribe(unsubscribe, actions),
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
        let (packet_identifier, dup) = match delivery.qos {
            QoS::AtMostOnce => (None, false),
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                let (packet_identifier, again) = self.inflight.start(delivery.clone());
                (Some(packet_identifier), again)
            }
        };
        actions.push(Action::Deliver(Outgoing { dup, packet_identifier, message_expiry_interval, delivery }));
    }

    /// Forgets a message that turned out too large for the client, as if it had been sent [MQTT-3.1.2-25].
    pub(crate) fn forget_flight(&mut self, packet_identifier: PacketIdentifier) {
        self.inflight.forget(packet_identifier);
    }

    /// Notes that a message that was published with QoS 1 or 2 is kept: it is acknowledged now.
    pub(crate) fn handle_committed(&mut self, acknowledge: Acknowledge, actions: &mut Vec<Action>) {
        let Acknowledge { packet_identifier, qos, reason, detail } = acknowledge;
        let mut acknowledgement = Acknowledgement::new(packet_identifier, reason);
        if !detail.is_empty() && self.link.tells_reasons() {
            let reason_string = Some(detail.into());
            acknowledgement.properties =
                Some(Box::new(AcknowledgementProperties { reason_string, ..AcknowledgementProperties::default() }));
        }
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

    /// Grants no more than the listener does [MQTT-3.2.2-10].
    fn handle_subscribe(&self, mut subscribe: Subscribe, actions: &mut Vec<Action>) {
        for Subscription { filter, options } in &mut subscribe.subscriptions {
            options.maximum_qos = options.maximum_qos.min(self.link.maximum_qos);
            if self.link.is_mounted() && !self.mount(filter) {
                actions.push(Action::Close(filter_too_long()));
                return;
            }
        }
        actions.push(Action::Subscribe(subscribe));
    }

    fn handle_unsubscribe(&self, mut unsubscribe: Unsubscribe, actions: &mut Vec<Action>) {
        if self.link.is_mounted() && !unsubscribe.filters.iter_mut().all(|filter| self.mount(filter)) {
            actions.push(Action::Close(filter_too_long()));
            return;
        }
        actions.push(Action::Unsubscribe(unsubscribe));
    }

    /// Puts a filter below the listener's mount point; `false` where it can't be there.
    fn mount(&self, filter: &mut TopicFilter) -> bool {
        self.link.mounted_filter(filter).map(|mounted| *filter = mounted).is_some()
    }

    fn handle_publish(&mut self, mut publish: Publish, actions: &mut Vec<Action>) {
        if publish.qos > self.link.maximum_qos {
            let detail = "PUBLISH has a higher QoS than the Maximum QoS of this listener [MQTT-3.2.2-11]";
            actions.push(Action::Close(Close::violation(ReasonCode::QOS_NOT_SUPPORTED, detail)));
            return;
        }
        if publish.retain && !self.link.takes_retained {
            let detail = "PUBLISH has RETAIN set, and this listener takes no messages to be retained [MQTT-3.2.2-14]";
            actions.push(Action::Close(Close::violation(ReasonCode::RETAIN_NOT_SUPPORTED, detail)));
            return;
        }
        let topic = match self.link.resolve_topic(&mut publish) {
            Ok(topic) => topic,
            Err(missing) => {
                actions.push(Action::Close(missing.close()));
                return;
            }
        };
        let acknowledge = match (publish.qos, publish.packet_identifier) {
            (QoS::AtMostOnce, _) | (_, None) => None,
            (qos, Some(packet_identifier)) => {
                // A QoS 2 message that was taken already is only acknowledged again [MQTT-4.3.3-10].
                if qos == QoS::ExactlyOnce && self.received.contains(&packet_identifier) {
                    actions.push(Action::Acknowledge(Acknowledge::success(packet_identifier, qos)));
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
                Some(Acknowledge::success(packet_identifier, qos))
            }
        };
        actions.push(Action::Publish { topic, publish, acknowledge });
    }

    fn handle_pubrec(&mut self, acknowledgement: &Acknowledgement, actions: &mut Vec<Action>) {
        let packet_identifier = acknowledgement.packet_identifier;
        if acknowledgement.reason_code.is_error() {
            let found = self.inflight.refuse(packet_identifier);
            finish_flow("PUBREC", acknowledgement, found, actions);
            return;
        }
        let reason = match self.inflight.release(packet_identifier) {
            Found::Nothing if self.link.knows_reason_codes() => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
            Found::Nothing => ReasonCode::SUCCESS,
            Found::Flow { delivery: _, place } => {
                actions.extend(place.map(|place| Action::Keep(Note::Released(place))));
                ReasonCode::SUCCESS
            }
            found @ Found::OtherFlow => {
                finish_flow("PUBREC", acknowledgement, found, actions);
                return;
            }
        };
        // Were it sent before, a crash would send the message again to a client that has forgotten its identifier.
        let answer = Packet::PubRel(Acknowledgement::new(packet_identifier, reason));
        actions.push(settled(self.is_kept, answer));
    }

    fn handle_pubrel(&mut self, acknowledgement: &Acknowledgement, actions: &mut Vec<Action>) {
        let packet_identifier = acknowledgement.packet_identifier;
        // The client counts every PUBCOMP, also one for a message that an earlier connection brought, or that nobody
        // knows (MQTT 5.0, 4.9 Flow Control).
        self.link.incoming_finished();
        let reason = if self.received.remove(&packet_identifier) {
            if self.is_kept {
                actions.push(Action::Keep(Note::ReceivedDone(packet_identifier)));
            }
            ReasonCode::SUCCESS
        } else if self.link.knows_reason_codes() {
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND
        } else {
            ReasonCode::SUCCESS
        };
        // Were it sent before, a crash would take the next message under that identifier for this one.
        let answer = Packet::PubComp(Acknowledgement::new(packet_identifier, reason));
        actions.push(settled(self.is_kept, answer));
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

fn filter_too_long() -> Close {
    let detail = "a Topic Filter is longer than one can be below the listener's mount point";
    Close::violation(ReasonCode::TOPIC_FILTER_INVALID, detail)
}

/// Sends a packet behind which there is no way back: at once, unless the journal keeps the session.
fn settled(is_kept: bool, packet: Packet) -> Action {
    if is_kept { Action::SendCommitted(packet) } else { Action::Send(packet) }
}

/// What an acknowledgement that ends a flow leads to. One for nothing is ignored: it may be late.
fn finish_flow(packet: &str, acknowledgement: &Acknowledgement, found: Found, actions: &mut Vec<Action>) {
    match found {
        Found::Flow { delivery: Some(delivery), .. } if acknowledgement.reason_code.is_error() => {
            actions.push(Action::Drop { delivery, reason: DropReason::RefusedBySubscriber });
        }
        Found::Flow { delivery, place: Some(place) } => actions.push(Action::Keep(match delivery {
            Some(_) => Note::Done(place),
            None => Note::Completed(place),
        })),
        Found::Flow { .. } | Found::Nothing => {}
        Found::OtherFlow => actions.push(Action::Close(Close::violation(
            ReasonCode::PROTOCOL_ERROR,
            format!(
                "{packet} {} does not belong to a message at that point of its way [MQTT 5.0 and 3.1.1, 4.3]",
                acknowledgement.packet_identifier.value(),
            ),
        ))),
    }
}
