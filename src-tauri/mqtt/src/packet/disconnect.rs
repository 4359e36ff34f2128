//! DISCONNECT (3.14), which only MQTT 5.0 sends in both directions.

use bytestring::ByteString;

use crate::{ReasonCode, UserProperty};

/// The last packet of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnect {
    /// [`ReasonCode::SUCCESS`] is "Normal disconnection" here; always so below MQTT 5.0.
    pub reason_code: ReasonCode,
    pub properties: DisconnectProperties,
}

/// MQTT 5.0, 3.14.2.2 DISCONNECT Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisconnectProperties {
    /// Seconds.
    pub session_expiry_interval: Option<u32>,
    pub reason_string: Option<ByteString>,
    pub user_properties: Vec<UserProperty>,
    pub server_reference: Option<ByteString>,
}
