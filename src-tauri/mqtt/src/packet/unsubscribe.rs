//! UNSUBSCRIBE (3.10).

use crate::{PacketIdentifier, TopicFilter, UserProperty};

/// A client's request for no more messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    pub packet_identifier: PacketIdentifier,
    pub user_properties: Vec<UserProperty>,
    /// At least one [MQTT-3.10.3-2].
    pub filters: Vec<TopicFilter>,
}
