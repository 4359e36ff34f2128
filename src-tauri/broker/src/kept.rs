//! What the broker gets back from its journal when it starts.

use std::net::SocketAddr;
use std::sync::Arc;

use nightjar_mqtt::{PacketIdentifier, ProtocolVersion, QoS, TopicFilter, Will};

use crate::{ClientIdentifier, Message, SessionNumber, SubscriptionState, Timestamp};

/// The state of a broker as its journal kept it.
#[derive(Debug, Default)]
pub struct Restored {
    pub retained: Vec<Arc<Message>>,
    pub sessions: Vec<KeptSession>,
}

impl From<Vec<Arc<Message>>> for Restored {
    fn from(retained: Vec<Arc<Message>>) -> Self {
        Self { retained, sessions: Vec::new() }
    }
}

/// A session that outlived the broker.
#[derive(Clone, Debug)]
pub struct KeptSession {
    pub number: SessionNumber,
    pub client: ClientIdentifier,
    /// The account that it was last let in with.
    pub user: Option<Arc<str>>,
    pub address: SocketAddr,
    pub version: ProtocolVersion,
    pub expiry_interval: u32,
    /// The client was connected when the broker ended without a word.
    pub was_connected: bool,
    /// Connected since, or away since.
    pub since: Timestamp,
    pub subscriptions: Vec<(TopicFilter, SubscriptionState)>,
    /// With the moment at which it is due, where that was settled.
    pub will: Option<(Option<Timestamp>, Box<Will>)>,
    pub queue: KeptQueue,
    /// Flows that wait for PUBCOMP, in the order of sending.
    pub released: Vec<u64>,
    /// QoS 2 messages of the client that were taken and wait for PUBREL.
    pub received: Vec<PacketIdentifier>,
}

/// What waits in the journal for a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptQueue {
    pub messages: usize,
    /// Bytes that they weigh, see [`Message::weight`].
    pub bytes: usize,
    /// The first of them has this order, or a higher one.
    pub first: u64,
    /// The next message gets this order, or a higher one.
    pub next: u64,
    /// Messages below may have been sent before.
    pub sent_below: u64,
}

/// Entries of a queue that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageQuery {
    pub session: SessionNumber,
    /// Orders, the end not included.
    pub from: u64,
    pub to: u64,
    /// How many messages at most.
    pub messages: usize,
    /// Bytes after which it ends; at least one message is given even so.
    pub bytes: usize,
}

/// An entry of a queue, read back.
#[derive(Clone, Debug)]
pub struct QueuedMessage {
    pub order: u64,
    pub qos: QoS,
    pub retain: bool,
    pub identifiers: Arc<[u32]>,
    pub message: Arc<Message>,
}

/// Part of a queue, in order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<QueuedMessage>,
    /// The end that was asked for.
    pub to: u64,
    /// Where the next page begins; `None` where nothing more is below the end that was asked for.
    pub next: Option<u64>,
}

/// The journal can't read a queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue can't be read ({0})")]
pub struct QueueUnreadable(pub String);
