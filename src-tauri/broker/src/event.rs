use crate::{ClientIdentifier, Timestamp};

/// Something that happened, other than a message: the base of a client's timeline and of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub time: Timestamp,
    pub client: Option<ClientIdentifier>,
    pub kind: EventKind,
    /// A sentence for people, with address, reason and clause where there are any. Never a payload or a password.
    pub detail: String,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A client connected.
    Connected,
    /// A client said DISCONNECT.
    Disconnected,
    /// A connection ended without DISCONNECT.
    Lost,
    /// A CONNECT, a subscription or a message was refused.
    Refused,
    /// A client broke the protocol, and its connection was closed.
    Violation,
    Subscribed,
    Unsubscribed,
    /// A Will Message was published.
    Will,
    /// Messages were not delivered.
    Dropped,
    /// A new connection took over the session of one that was still there.
    Takeover,
    /// A session came to its end.
    Expired,
    /// The broker itself: started, stopped, listener changed, history not recorded.
    Broker,
}

impl EventKind {
    const ALL: [Self; 12] = [
        Self::Connected,
        Self::Disconnected,
        Self::Lost,
        Self::Refused,
        Self::Violation,
        Self::Subscribed,
        Self::Unsubscribed,
        Self::Will,
        Self::Dropped,
        Self::Takeover,
        Self::Expired,
        Self::Broker,
    ];

    /// The name that is written to the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Violation => "violation",
            Self::Subscribed => "subscribed",
            Self::Unsubscribed => "unsubscribed",
            Self::Will => "will",
            Self::Dropped => "dropped",
            Self::Takeover => "takeover",
            Self::Expired => "expired",
            Self::Broker => "broker",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
