//! What comes from the client: packets as fast as it may send them, and its messages, which are taken or refused.

use std::sync::Arc;

use nightjar_mqtt::{Packet, ProtocolVersion, QoS, ReasonCode, TopicName};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::access::{Decider, Denied, Operation};
use crate::clock::Moment;
use crate::connection::{Awaited, Connection};
use crate::counters::add;
use crate::delivery::{Delivery, Kept};
use crate::handshake;
use crate::session::{Acknowledge, Close};
use crate::session_record::SessionRecord;
use crate::shared::NotTaken;
use crate::turns;
use crate::{DropReason, Message};

/// Nothing is read above this: the client sends and does not read what it gets in return.
const OUTPUT_LIMIT: usize = 1 << 20;
/// Nothing is read while more acknowledgements than this wait for the journal.
const PENDING_LIMIT: usize = 16_384;

/// Why a message of a client is not taken: for the record, for the client, and in words.
type Objection = (DropReason, ReasonCode, &'static str);

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    /// Whether what the client sends is read: not while something else has to catch up with it.
    pub(crate) fn may_read(&self) -> bool {
        self.wire.unwritten() < OUTPUT_LIMIT
            && self.pending.len() < PENDING_LIMIT
            && self.hold.is_none()
            && self.resume_at.is_none()
            && !self.works_on
    }

    /// Handles the packets of one read as one batch.
    pub(crate) fn take_input(&mut self, now: Moment, count: usize) -> Option<Close> {
        add(&self.card.bytes_in, count as u64);
        self.decode_input(now)
    }

    /// Handles the packets of one read as one batch, as many as the turn and the client's pace allow; the rest waits.
    pub(crate) fn decode_input(&mut self, now: Moment) -> Option<Close> {
        let mut room = turns::FILTERS;
        let close = loop {
            self.go_on_with_request(&mut room);
            self.works_on = room == 0;
            if self.works_on {
                break None;
            }
            self.resume_at = self.pace.as_mut().and_then(|pace| pace.ready_at(now.steady));
            if self.resume_at.is_some() {
                break None;
            }
            let before = self.wire.undecoded();
            match self.wire.decode() {
                Ok(Some(packet)) => {
                    let is_publish = matches!(packet, Packet::Publish(_));
                    if let Some(pace) = &mut self.pace {
                        pace.took(before - self.wire.undecoded(), is_publish, now.steady);
                    }
                    self.session.handle_packet(now, packet, &mut self.desk.actions);
                    if let Some(close) = self.perform(now) {
                        break Some(close);
                    }
                }
                Ok(None) => break None,
                Err(violation) => break Some(Close::violation(violation.reason_code(), violation.to_string())),
            }
        };
        self.wire.count_traffic();
        let sequence = self.shared.finish(&mut self.batch);
        self.pending.extend(self.desk.due.drain(..).map(|awaited| (sequence, awaited)));
        if self.shared.journal.is_behind() {
            self.hold = Some(sequence);
        }
        close.or_else(|| self.acknowledge(now))
    }

    /// Routes and records a message, or refuses it.
    pub(crate) fn publish(&mut self, message: Message, acknowledge: Option<Acknowledge>) {
        if let Some(objection) = self.objection(&message) {
            self.refuse_message(Arc::new(message), acknowledge, objection);
            return;
        }
        if let Some(acknowledge) = acknowledge
            && (self.owes || self.progress.borrow().paused.is_some())
        {
            self.refuse_unkept(message, acknowledge);
            return;
        }
        // Were it not committed with the message, a crash would lose the message or take it twice.
        let received = acknowledge.filter(|acknowledge| acknowledge.qos == QoS::ExactlyOnce).and_then(|acknowledge| {
            let packet_identifier = acknowledge.packet_identifier;
            Some(SessionRecord::Received { session: self.outbox.session()?, packet_identifier })
        });
        self.batch.set_behind(received);
        let matched = match self.shared.publish(&mut self.batch, message) {
            Ok(matched) => matched,
            Err(NotTaken::Denied(message, decider)) => {
                self.batch.set_behind(None);
                self.deny_message(&message.topic, acknowledge, decider);
                return;
            }
            Err(NotTaken::RetainedFull(message)) => {
                self.batch.set_behind(None);
                let detail = "the broker keeps as many retained messages as it allows";
                let objection = (DropReason::RetainedFull, ReasonCode::QUOTA_EXCEEDED, detail);
                self.refuse_message(message, acknowledge, objection);
                return;
            }
        };
        if let Some(mut acknowledge) = acknowledge {
            if matched == 0 && self.wire.version == ProtocolVersion::V5 {
                acknowledge.reason = ReasonCode::NO_MATCHING_SUBSCRIBERS;
            }
            self.desk.due.push(Awaited::Acknowledge(acknowledge));
        }
    }

    /// Takes no message that the journal can't keep: it must not be acknowledged as kept. A client that can be told is told
    /// at once; any other gets no acknowledgement.
    fn refuse_unkept(&mut self, message: Message, acknowledge: Acknowledge) {
        self.shared.drop_delivery(&self.outbox, &refused(Arc::new(message)), DropReason::Unkept);
        if self.wire.version == ProtocolVersion::V5 {
            let refusal = acknowledge.refused(ReasonCode::QUOTA_EXCEEDED, "the message can't be kept at the moment");
            self.session.handle_committed(refusal, &mut self.desk.actions);
        } else {
            self.owes = true;
            self.session.forget_incoming(acknowledge);
        }
    }

    /// Why a message of the client is not taken; `None` where it is.
    fn objection(&self, message: &Message) -> Option<Objection> {
        if handshake::is_reserved(&message.topic) {
            let detail = "topics below $SYS are the broker's own (4.7.2)";
            return Some((DropReason::NotAuthorized, ReasonCode::NOT_AUTHORIZED, detail));
        }
        if !self.terms.limits.allows_levels(&message.topic) {
            let detail = "the Topic Name has more levels than the broker allows";
            return Some((DropReason::TooManyLevels, ReasonCode::TOPIC_NAME_INVALID, detail));
        }
        if message.topic.len() > self.terms.limits.maximum_topic_length {
            let detail = "the Topic Name is longer than the broker allows";
            return Some((DropReason::TopicTooLong, ReasonCode::TOPIC_NAME_INVALID, detail));
        }
        let claims_utf8 =
            message.properties.as_ref().is_some_and(|properties| properties.payload_format_indicator == Some(true));
        if claims_utf8 && std::str::from_utf8(&message.payload).is_err() {
            let detail = "the payload is not the UTF-8 that its Payload Format Indicator promises";
            return Some((DropReason::PayloadFormatInvalid, ReasonCode::PAYLOAD_FORMAT_INVALID, detail));
        }
        None
    }

    /// Notes a message that the rules deny the client, and tells a client that can be told.
    fn deny_message(&mut self, topic: &TopicName, acknowledge: Option<Acknowledge>, decider: Decider) {
        let address = Some(self.card.about.lock().connection.address);
        let (who, operation) = (&self.outbox.who(), Operation::Publish);
        self.shared.deny(Denied { who, address, operation, is_will: false, topic, decider });
        self.refuse(acknowledge, ReasonCode::NOT_AUTHORIZED, "the rules of the broker deny it");
    }

    /// Counts a message that is not taken, and tells a client that can be told.
    fn refuse_message(&mut self, message: Arc<Message>, acknowledge: Option<Acknowledge>, objection: Objection) {
        let (drop_reason, reason, detail) = objection;
        self.shared.drop_delivery(&self.outbox, &refused(message), drop_reason);
        self.refuse(acknowledge, reason, detail);
    }

    fn refuse(&mut self, acknowledge: Option<Acknowledge>, reason: ReasonCode, detail: &'static str) {
        // Below MQTT 5.0 there is no way to say no: it is acknowledged and goes nowhere (3.3.5).
        let says_no = self.wire.version == ProtocolVersion::V5;
        let answer = |acknowledge: Acknowledge| if says_no { acknowledge.refused(reason, detail) } else { acknowledge };
        self.desk.due.extend(acknowledge.map(answer).map(Awaited::Acknowledge));
    }
}

/// A message that is not taken, as what is counted.
fn refused(message: Arc<Message>) -> Delivery {
    let qos = message.qos;
    Delivery { message, qos, retain: false, identifiers: Arc::from([]), share: None, kept: Kept::No }
}
