//! PUBACK, PUBREC, PUBREL and PUBCOMP, which share one shape (3.4 to 3.7).

use bytestring::ByteString;

use crate::{PacketIdentifier, ReasonCode, UserProperty};

/// The content of a PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    pub packet_identifier: PacketIdentifier,
    /// MQTT 5.0 only; always [`ReasonCode::SUCCESS`] below.
    pub reason_code: ReasonCode,
    pub properties: Option<Box<AcknowledgementProperties>>,
}

impl Acknowledgement {
    /// An acknowledgement without properties.
    pub const fn new(packet_identifier: PacketIdentifier, reason_code: ReasonCode) -> Self {
        Self {
            packet_identifier,
            reason_code,
            properties: None,
        }
    }
}

/// MQTT 5.0, 3.4.2.2 PUBACK Properties, and the same for its three siblings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcknowledgementProperties {
    pub reason_string: Option<ByteString>,
    pub user_properties: Vec<UserProperty>,
}
