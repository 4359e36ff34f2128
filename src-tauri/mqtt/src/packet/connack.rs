//! CONNACK (3.2).

use bytes::Bytes;
use bytestring::ByteString;

use crate::{QoS, ReasonCode, UserProperty};

/// The server's answer to CONNECT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnAck {
    pub session_present: bool,
    /// Below MQTT 5.0 it is written as the nearest of the six return codes of 3.1.1, 3.2.2.3, and read back as
    /// the reason code that stands for it.
    pub reason_code: ReasonCode,
    pub properties: ConnAckProperties,
}

/// MQTT 5.0, 3.2.2.3 CONNACK Properties. `None` and `true` are the values that absence stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAckProperties {
    /// Seconds.
    pub session_expiry_interval: Option<u32>,
    pub receive_maximum: Option<u16>,
    /// Only 0 or 1 can be said; absence means 2.
    pub maximum_qos: Option<QoS>,
    pub retain_available: bool,
    /// Bytes.
    pub maximum_packet_size: Option<u32>,
    pub assigned_client_identifier: Option<ByteString>,
    pub topic_alias_maximum: Option<u16>,
    pub reason_string: Option<ByteString>,
    pub user_properties: Vec<UserProperty>,
    pub wildcard_subscription_available: bool,
    pub subscription_identifiers_available: bool,
    pub shared_subscription_available: bool,
    /// Seconds.
    pub server_keep_alive: Option<u16>,
    pub response_information: Option<ByteString>,
    pub server_reference: Option<ByteString>,
    pub authentication_method: Option<ByteString>,
    pub authentication_data: Option<Bytes>,
}

impl Default for ConnAckProperties {
    fn default() -> Self {
        Self {
            session_expiry_interval: None,
            receive_maximum: None,
            maximum_qos: None,
            retain_available: true,
            maximum_packet_size: None,
            assigned_client_identifier: None,
            topic_alias_maximum: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: true,
            subscription_identifiers_available: true,
            shared_subscription_available: true,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        }
    }
}
