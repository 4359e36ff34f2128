//! CONNECT (3.1).

use bytes::Bytes;
use bytestring::ByteString;

use crate::{ProtocolVersion, QoS, TopicName, UserProperty};

/// A client's request for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    pub version: ProtocolVersion,
    /// Clean Session in 3.1 and 3.1.1, Clean Start in 5.0.
    pub clean_start: bool,
    /// Seconds; 0 switches it off.
    pub keep_alive: u16,
    /// May be empty: the server then assigns one, or refuses (3.1.3.1 Client Identifier).
    pub client_identifier: ByteString,
    pub will: Option<Box<Will>>,
    pub login: Login,
    pub properties: ConnectProperties,
}

/// User Name and Password; 5.0 allows the second without the first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    pub user_name: Option<ByteString>,
    pub password: Option<Bytes>,
}

/// MQTT 5.0, 3.1.2.11 CONNECT Properties. `None` is absence; the docs say what it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectProperties {
    /// Seconds; absent is 0, `u32::MAX` never expires.
    pub session_expiry_interval: Option<u32>,
    /// Absent is 65,535.
    pub receive_maximum: Option<u16>,
    /// Bytes; absent is no limit.
    pub maximum_packet_size: Option<u32>,
    /// Absent is 0.
    pub topic_alias_maximum: Option<u16>,
    /// Absent is `false`.
    pub request_response_information: Option<bool>,
    /// Absent is `true`.
    pub request_problem_information: Option<bool>,
    pub user_properties: Vec<UserProperty>,
    pub authentication_method: Option<ByteString>,
    pub authentication_data: Option<Bytes>,
}

/// What the server publishes when the client goes away without DISCONNECT (3.1.2.5 Will Flag).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    pub topic: TopicName,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    pub properties: WillProperties,
}

/// MQTT 5.0, 3.1.3.2 Will Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WillProperties {
    /// Seconds; absent is 0.
    pub will_delay_interval: Option<u32>,
    /// 1: the payload is UTF-8.
    pub payload_format_indicator: Option<bool>,
    /// Seconds.
    pub message_expiry_interval: Option<u32>,
    pub content_type: Option<ByteString>,
    pub response_topic: Option<TopicName>,
    pub correlation_data: Option<Bytes>,
    pub user_properties: Vec<UserProperty>,
}

impl std::fmt::Debug for Login {
    /// Never the password: what is formatted may end in a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}
