//! SUBACK (3.9) and UNSUBACK (3.11), which share one shape.

use bytestring::ByteString;

use crate::{PacketIdentifier, ReasonCode, UserProperty};

/// The server's answer to SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    pub packet_identifier: PacketIdentifier,
    pub properties: SubAckProperties,
    /// One for each Topic Filter, in order [MQTT-3.9.3-1]; below MQTT 5.0 every error is written as 0x80.
    pub reason_codes: Vec<ReasonCode>,
}

/// The server's answer to UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubAck {
    pub packet_identifier: PacketIdentifier,
    pub properties: SubAckProperties,
    /// One for each Topic Filter, in order [MQTT-3.11.3-1]; not written below MQTT 5.0.
    pub reason_codes: Vec<ReasonCode>,
}

/// MQTT 5.0, 3.9.2.1 SUBACK Properties and 3.11.2.1 UNSUBACK Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubAckProperties {
    pub reason_string: Option<ByteString>,
    pub user_properties: Vec<UserProperty>,
}
