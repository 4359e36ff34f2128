/// Why a message was not delivered to a subscriber, or not taken from a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropReason {
    /// The subscriber's queue of QoS 1 and 2 messages is full.
    QueueFull,
    /// The subscriber reads more slowly than QoS 0 messages come.
    SlowSubscriber,
    /// The message is larger than the subscriber's Maximum Packet Size [MQTT-3.1.2-25].
    TooLarge,
    /// The Message Expiry Interval passed before the message was sent [MQTT-3.3.2-5].
    Expired,
    /// The publisher may not publish to that topic.
    NotAuthorized,
    /// The subscriber may not read that topic any more: the rules changed while the message waited.
    NotReadable,
    /// The Topic Name has more levels than the broker allows.
    TooManyLevels,
    /// The Topic Name is longer than the broker allows.
    TopicTooLong,
    /// The broker keeps as many retained messages as it allows.
    RetainedFull,
    /// The journal could keep nothing, so that the message was not taken: it could not have been acknowledged as kept.
    Unkept,
    /// The payload is not the UTF-8 that its Payload Format Indicator promises (MQTT 5.0, 3.3.2.3.2).
    PayloadFormatInvalid,
    /// The subscriber answered PUBLISH with an error.
    RefusedBySubscriber,
    /// The session ended while messages waited for its client.
    SessionEnded,
    /// The broker's owner took the message out of the queue.
    Purged,
}

impl DropReason {
    pub const ALL: [Self; 14] = [
        Self::QueueFull,
        Self::SlowSubscriber,
        Self::TooLarge,
        Self::Expired,
        Self::NotAuthorized,
        Self::NotReadable,
        Self::TooManyLevels,
        Self::TopicTooLong,
        Self::RetainedFull,
        Self::Unkept,
        Self::PayloadFormatInvalid,
        Self::RefusedBySubscriber,
        Self::SessionEnded,
        Self::Purged,
    ];

    /// In words, to follow a number: "12 messages: queue full".
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue full",
            Self::SlowSubscriber => "subscriber too slow",
            Self::TooLarge => "too large for the subscriber",
            Self::Expired => "expired",
            Self::NotAuthorized => "not authorized",
            Self::NotReadable => "no longer readable",
            Self::TooManyLevels => "too many topic levels",
            Self::TopicTooLong => "topic too long",
            Self::RetainedFull => "too many retained messages",
            Self::Unkept => "could not be recorded",
            Self::PayloadFormatInvalid => "payload not UTF-8",
            Self::RefusedBySubscriber => "refused by the subscriber",
            Self::SessionEnded => "session ended",
            Self::Purged => "purged by the owner",
        }
    }

    /// The name as a level of a topic: `$SYS/broker/dropped/queue-full`.
    pub(crate) fn topic_level(self) -> String {
        self.name().replace(' ', "-")
    }
}
