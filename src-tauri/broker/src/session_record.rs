//! What the journal is told of the sessions that it keeps: those that outlive their connection.
//!
//! A message is recorded once; a queue points at it. Records of one append are committed together, and those of a
//! message (its [`SessionRecord::Queued`], its [`SessionRecord::Received`]) come right behind it.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use nightjar_mqtt::{PacketIdentifier, ProtocolVersion, QoS, TopicFilter, Will};

use crate::{ClientIdentifier, Message, SubscriptionState, Timestamp};

/// Stands for a session in the journal; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionNumber(pub u64);

/// The place of a QoS 1 or 2 message in a session's queue; ascends in the order of sending. The Packet Identifier
/// follows from it, so that a message goes out under the same one after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub session: SessionNumber,
    pub order: u64,
}

/// A change of a kept session.
#[derive(Clone, Debug)]
pub enum SessionRecord {
    /// The client connected: the session begins, or goes on.
    Opened {
        session: SessionNumber,
        about: Box<SessionAbout>,
    },
    /// The client is away.
    Away {
        session: SessionNumber,
        away: Box<SessionAway>,
    },
    /// The Will Message was published while the client was away.
    WillDone {
        session: SessionNumber,
    },
    /// The session is over, and all that was kept of it is to be forgotten.
    Ended {
        session: SessionNumber,
    },
    Subscribed {
        session: SessionNumber,
        filter: TopicFilter,
        state: SubscriptionState,
        /// What `filter` means depends on it: MQTT 3.1 knows no Shared Subscriptions.
        version: ProtocolVersion,
    },
    Unsubscribed {
        session: SessionNumber,
        filter: TopicFilter,
    },
    /// A message waits for the client, or is on its way to it.
    Queued(Queued),
    /// Nothing more is to be done about that message: it was acknowledged, refused or dropped. May come before its
    /// `Queued`, where the client was faster than the publisher's append.
    Done(Place),
    /// Nothing more is to be done about all messages with these orders, each of which is committed.
    Purged {
        session: SessionNumber,
        orders: Range<u64>,
    },
    /// PUBREC came (4.3.3): the message is done, the flow is not.
    Released(Place),
    /// PUBCOMP came.
    Completed(Place),
    /// A QoS 2 message of the client was taken, until PUBREL; comes behind that message.
    Received {
        session: SessionNumber,
        packet_identifier: PacketIdentifier,
    },
    /// PUBREL came.
    ReceivedDone {
        session: SessionNumber,
        packet_identifier: PacketIdentifier,
    },
}

/// What CONNECT said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionAbout {
    pub client: ClientIdentifier,
    /// The account that it was let in with.
    pub user: Option<Arc<str>>,
    pub address: SocketAddr,
    pub version: ProtocolVersion,
    /// Seconds after the connection's end; `u32::MAX` never expires, 0 is no later than that.
    pub expiry_interval: u32,
    pub since: Timestamp,
    /// In the place of an earlier one.
    pub will: Option<Box<Will>>,
}

/// How the client left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionAway {
    pub since: Timestamp,
    pub expiry_interval: u32,
    /// The Will Message that is due unless the client comes back before that moment.
    pub will_due: Option<Timestamp>,
    /// The order after the last that was ever given.
    pub next_order: u64,
    /// Messages below may have been sent.
    pub sent_below: u64,
}

/// An entry of a queue.
#[derive(Clone, Debug)]
pub struct Queued {
    pub place: Place,
    pub qos: QoS,
    pub retain: bool,
    /// The Subscription Identifiers of the filters that matched.
    pub identifiers: Arc<[u32]>,
    pub source: Source,
}

/// Where the message of an entry is.
#[derive(Clone, Debug)]
pub enum Source {
    /// In the record before, with other entries in between.
    Before,
    /// Here: it was published earlier. It takes the place of an entry of another session, where it says so.
    Own { message: Arc<Message>, instead_of: Option<Place> },
}

impl SessionRecord {
    /// Whether it belongs to the message before it, so that both must be committed as one. What ends a Will belongs to the
    /// Will Message where there is one: between the two, a crash would lose it, or have it published twice.
    pub const fn belongs_to_message(&self) -> bool {
        matches!(
            self,
            Self::Queued(Queued { source: Source::Before, .. })
                | Self::Received { .. }
                | Self::WillDone { .. }
                | Self::Away { .. }
                | Self::Ended { .. }
        )
    }

    /// Whether somebody waits for it to be committed.
    pub const fn is_awaited(&self) -> bool {
        !matches!(self, Self::Done(_) | Self::Completed(_))
    }
}
