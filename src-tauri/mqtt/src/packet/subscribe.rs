//! SUBSCRIBE (3.8).

use crate::{PacketIdentifier, QoS, TopicFilter, UserProperty};

/// A client's request for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    pub packet_identifier: PacketIdentifier,
    pub properties: SubscribeProperties,
    /// At least one [MQTT-3.8.3-2].
    pub subscriptions: Vec<Subscription>,
}

/// MQTT 5.0, 3.8.2.1 SUBSCRIBE Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeProperties {
    /// 1 to 268,435,455.
    pub subscription_identifier: Option<u32>,
    pub user_properties: Vec<UserProperty>,
}

/// A Topic Filter and how its messages are to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub filter: TopicFilter,
    pub options: SubscriptionOptions,
}

/// MQTT 5.0, 3.8.3.1 Subscription Options. Below 5.0 only the QoS is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    pub maximum_qos: QoS,
    /// The client's own messages do not come back.
    pub no_local: bool,
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

/// When the retained messages of a filter are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    #[default]
    AtSubscribe = 0,
    AtNewSubscribe = 1,
    Never = 2,
}
