use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::PayloadKind;

/// A message in a list.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct MessageRow {
    /// Its number in the journal; ascends with time.
    pub id: u64,
    pub at: f64,
    pub topic: String,
    /// The client identifier of the publisher.
    pub publisher: String,
    pub qos: u8,
    pub retain: bool,
    /// The payload's first 160 characters, without line breaks; binary as hex.
    pub preview: String,
    pub kind: PayloadKind,
    pub size: u64,
}

/// A message in the inspector.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct MessageDetail {
    pub row: MessageRow,
    pub payload: Payload,
    /// The payload of the message before it on the same topic, for "what changed".
    pub previous: Option<Payload>,
    pub properties: Properties,
    /// Subscribers whose filters matched; absent where it is not known.
    pub matched: Option<u32>,
    /// The publisher's protocol version, where the client is known: "5.0".
    pub publisher_version: Option<String>,
}

/// Bytes of a payload as text or, where they are not UTF-8, as base64.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Payload {
    /// UTF-8, where it is.
    pub text: Option<String>,
    /// Always present: the same bytes, base64.
    pub base64: String,
    pub size: u64,
    /// Only the first MB is here.
    pub truncated: bool,
}

/// The MQTT 5.0 properties of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Properties {
    pub payload_is_text: Option<bool>,
    /// Seconds.
    pub message_expiry_interval: Option<u32>,
    pub content_type: Option<String>,
    pub response_topic: Option<String>,
    /// Base64.
    pub correlation_data: Option<String>,
    pub user_properties: Vec<(String, String)>,
}
