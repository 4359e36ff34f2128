use std::sync::Arc;

use bytes::Bytes;
use nightjar_mqtt::{PublishProperties, QoS, TopicName};

use crate::{ClientIdentifier, Timestamp};

/// A message that the broker took: one shared allocation, whatever the number of its subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: TopicName,
    pub payload: Bytes,
    pub qos: QoS,
    /// Published with the RETAIN flag; with an empty payload it clears the topic's Retained Message.
    pub retain: bool,
    /// Without `topic_alias` and `subscription_identifiers`, which belong to one connection.
    pub properties: Option<Box<PublishProperties>>,
    pub publisher: ClientIdentifier,
    /// Of one that is to be retained: as whom its publisher was allowed to. `None` where nobody had to allow it: the
    /// broker and its owner may publish everything.
    pub source: Option<RetainSource>,
    pub received: Timestamp,
}

/// As whom somebody published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetainSource {
    /// Without an account.
    Guest,
    Account(Arc<str>),
}

impl RetainSource {
    pub(crate) fn of(account: Option<Arc<str>>) -> Self {
        account.map_or(Self::Guest, Self::Account)
    }

    /// The account's name; `None` without an account.
    pub(crate) fn account(&self) -> Option<Arc<str>> {
        match self {
            Self::Guest => None,
            Self::Account(name) => Some(Arc::clone(name)),
        }
    }
}

impl Message {
    /// Seconds that are left of the Message Expiry Interval; `None` where it has none, 0 where it has expired
    /// (MQTT 5.0, 3.3.2.3.3).
    pub fn remaining_expiry(&self, now: Timestamp) -> Option<u32> {
        let interval = self.properties.as_ref()?.message_expiry_interval?;
        Some(interval.saturating_sub(now.seconds_since(self.received)))
    }

    /// Whether its Message Expiry Interval has passed.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.remaining_expiry(now) == Some(0)
    }

    /// The message with memory of its own: slices of a read buffer would keep the whole buffer alive for as long as
    /// a retained or queued message lives. `topic` is the same, with memory of its own.
    #[must_use]
    pub fn detached(self, topic: TopicName) -> Self {
        Self { topic, payload: Bytes::copy_from_slice(&self.payload), ..self }
    }

    /// Bytes that it holds, for the bounds of queues: payload, topic and a flat share for the rest.
    pub fn weight(&self) -> usize {
        const OVERHEAD: usize = 128;
        let properties = self.properties.as_ref().map_or(0, |properties| {
            let user: usize =
                properties.user_properties.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
            user + properties.correlation_data.as_ref().map_or(0, Bytes::len) + 192
        });
        OVERHEAD + self.topic.len() + self.payload.len() + properties
    }
}
