use nightjar_mqtt::{Packet, PacketIdentifier, Publish, QoS, ReasonCode, Subscribe, TopicName, Unsubscribe};

use crate::delivery::Delivery;
use crate::session_record::Place;
use crate::{DropReason, EventKind};

/// What a session asks of its connection and of the broker, to be done in order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send a packet that is no PUBLISH.
    Send(Packet),
    /// Send a packet once everything so far is committed: after a crash there must be no way back behind it.
    SendCommitted(Packet),
    /// Tell the journal, which keeps this session.
    Keep(Note),
    /// Send a message.
    Deliver(Outgoing),
    /// Route and record a message of the client, and acknowledge it once it is committed.
    Publish {
        topic: TopicName,
        publish: Publish,
        acknowledge: Option<Acknowledge>,
    },
    /// Acknowledge once everything so far is committed: the message itself was taken before.
    Acknowledge(Acknowledge),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    /// Count and record that a message does not reach the client.
    Drop {
        delivery: Delivery,
        reason: DropReason,
    },
    /// End the connection.
    Close(Close),
}

/// What happened to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A message is done, also with its entry in the journal.
    Done(Place),
    /// PUBREC came.
    Released(Place),
    /// PUBCOMP came.
    Completed(Place),
    /// PUBREL came.
    ReceivedDone(PacketIdentifier),
}

/// A message to the client.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) dup: bool,
    pub(crate) packet_identifier: Option<PacketIdentifier>,
    /// Seconds that are left.
    pub(crate) message_expiry_interval: Option<u32>,
    pub(crate) delivery: Delivery,
}

/// A PUBACK or PUBREC that is due once the message is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledge {
    pub(crate) packet_identifier: PacketIdentifier,
    /// QoS 1: PUBACK, QoS 2: PUBREC.
    pub(crate) qos: QoS,
    pub(crate) reason: ReasonCode,
    /// Why, in words, where the message is refused; empty otherwise.
    pub(crate) detail: &'static str,
}

impl Acknowledge {
    /// The message is taken.
    pub(crate) const fn success(packet_identifier: PacketIdentifier, qos: QoS) -> Self {
        Self { packet_identifier, qos, reason: ReasonCode::SUCCESS, detail: "" }
    }

    /// The message is not taken.
    #[must_use]
    pub(crate) const fn refused(self, reason: ReasonCode, detail: &'static str) -> Self {
        Self { reason, detail, ..self }
    }
}

/// How a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    /// The event that it is.
    pub(crate) kind: EventKind,
    pub(crate) reason: ReasonCode,
    /// In words, with the clause where there is one; empty where the reason says it all.
    pub(crate) detail: String,
    /// The client sent DISCONNECT: it gets none.
    pub(crate) client_said_so: bool,
    pub(crate) publish_will: bool,
}

impl Close {
    /// The client broke the protocol.
    pub(crate) fn violation(reason: ReasonCode, detail: impl Into<String>) -> Self {
        Self { kind: EventKind::Violation, ..Self::by_broker(reason, detail) }
    }

    /// The client is gone without DISCONNECT.
    pub(crate) fn lost(reason: ReasonCode, detail: impl Into<String>) -> Self {
        Self { kind: EventKind::Lost, ..Self::by_broker(reason, detail) }
    }

    /// The broker ends a connection that did nothing wrong.
    pub(crate) fn by_broker(reason: ReasonCode, detail: impl Into<String>) -> Self {
        Self { kind: EventKind::Disconnected, reason, detail: detail.into(), client_said_so: false, publish_will: true }
    }
}
