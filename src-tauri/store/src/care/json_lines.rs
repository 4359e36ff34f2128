//! A message as a line of JSON: what an export writes and an import reads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, Message};
use nightjar_mqtt::{PublishProperties, QoS, TopicName};
use serde::{Deserialize, Serialize};

use crate::{StoredMessage, moment};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// UTC, to the microsecond.
    time: String,
    topic: String,
    client: String,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    retain: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matched: Option<u32>,
    /// The payload where it is text; else `payload_base64` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    properties: Option<Properties>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_format_indicator: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_expiry_interval: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data_base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user_properties: Vec<(String, String)>,
}

impl Line {
    pub(super) fn of(message: &StoredMessage) -> Self {
        let text = std::str::from_utf8(&message.payload).ok().map(ToOwned::to_owned);
        Self {
            id: Some(message.id.0),
            time: moment::precise(message.received),
            topic: message.topic.to_string(),
            client: message.publisher.to_string(),
            qos: message.qos.level(),
            retain: message.retain,
            matched: Some(message.matched),
            payload_base64: text.is_none().then(|| STANDARD.encode(&message.payload)),
            payload: text,
            properties: message.properties.as_deref().map(|properties| Properties {
                payload_format_indicator: properties.payload_format_indicator,
                message_expiry_interval: properties.message_expiry_interval,
                content_type: properties.content_type.as_ref().map(ToString::to_string),
                response_topic: properties.response_topic.as_ref().map(ToString::to_string),
                correlation_data_base64: properties.correlation_data.as_ref().map(|data| STANDARD.encode(data)),
                user_properties: properties
                    .user_properties
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .collect(),
            }),
        }
    }

    /// The message, and how many sessions it was routed to; a sentence where it is none.
    pub(super) fn into_message(self) -> Result<(Message, u32), String> {
        let base64 = |text: String| STANDARD.decode(text).map(Bytes::from).map_err(|error| error.to_string());
        let topic = |text: String| TopicName::new(text).map_err(|error| error.to_string());
        let properties = match self.properties {
            None => None,
            Some(properties) => Some(Box::new(PublishProperties {
                payload_format_indicator: properties.payload_format_indicator,
                message_expiry_interval: properties.message_expiry_interval,
                content_type: properties.content_type.map(Into::into),
                response_topic: properties.response_topic.map(topic).transpose()?,
                correlation_data: properties.correlation_data_base64.map(base64).transpose()?,
                user_properties: properties
                    .user_properties
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
                ..PublishProperties::default()
            })),
        };
        let message = Message {
            topic: topic(self.topic)?,
            payload: match (self.payload, self.payload_base64) {
                (Some(text), None) => Bytes::from(text),
                (None, Some(encoded)) => base64(encoded)?,
                (None, None) => Bytes::new(),
                (Some(_), Some(_)) => return Err("it has both payload and payload_base64".to_owned()),
            },
            qos: QoS::from_level(self.qos).ok_or_else(|| format!("{} is no QoS", self.qos))?,
            retain: self.retain,
            properties,
            publisher: ClientIdentifier::new(&self.client),
            source: None,
            received: moment::parse_time(&self.time).ok_or_else(|| format!("{:?} is no time in UTC", self.time))?,
        };
        Ok((message, self.matched.unwrap_or(0)))
    }
}
