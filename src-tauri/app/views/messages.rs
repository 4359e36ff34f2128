//! Messages of the history, in rows and from close by.

use nightjar_broker::{Broker, Message};
use nightjar_mqtt::{PublishProperties, TopicName};
use nightjar_store::{MessageId, ReadError, Store, StoredMessage};

use super::millis;
use super::payload::{DETAIL_BYTES, Glimpse, from_base64, to_base64};
use crate::wire::{MessageDetail, MessageRow, Properties};

/// A row of a list; the message has at least the beginning of its payload.
pub fn row(message: &StoredMessage) -> MessageRow {
    let glimpse = Glimpse { bytes: &message.payload, size: message.size };
    MessageRow {
        id: message.id.0,
        at: millis(message.received),
        topic: message.topic.to_string(),
        publisher: message.publisher.to_string(),
        qos: message.qos.level(),
        retain: message.retain,
        preview: glimpse.preview(),
        kind: glimpse.kind(),
        size: message.size,
    }
}

/// A row of a message that the broker holds; `id` is 0 where the history does not have it.
pub fn row_of_held(message: &Message, id: Option<MessageId>) -> MessageRow {
    let glimpse = Glimpse::whole(&message.payload);
    MessageRow {
        id: id.map_or(0, |id| id.0),
        at: millis(message.received),
        topic: message.topic.to_string(),
        publisher: message.publisher.to_string(),
        qos: message.qos.level(),
        retain: message.retain,
        preview: glimpse.preview(),
        kind: glimpse.kind(),
        size: glimpse.size,
    }
}

pub fn properties(properties: Option<&PublishProperties>) -> Properties {
    let Some(properties) = properties else { return Properties::default() };
    Properties {
        payload_is_text: properties.payload_format_indicator,
        message_expiry_interval: properties.message_expiry_interval,
        content_type: properties.content_type.as_ref().map(ToString::to_string),
        response_topic: properties.response_topic.as_ref().map(ToString::to_string),
        correlation_data: properties.correlation_data.as_ref().map(|data| to_base64(data)),
        user_properties: properties
            .user_properties
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    }
}

/// The same the other way, for a message of the window's; `None` where there are none.
///
/// # Errors
/// A sentence, where the Response Topic or the Correlation Data are not valid.
pub fn publish_properties(wanted: &Properties) -> Result<Option<Box<PublishProperties>>, String> {
    if *wanted == Properties::default() {
        return Ok(None);
    }
    let response_topic = wanted.response_topic.as_deref().map(TopicName::new).transpose();
    let correlation_data = wanted.correlation_data.as_deref().map(from_base64).transpose();
    Ok(Some(Box::new(PublishProperties {
        payload_format_indicator: wanted.payload_is_text,
        message_expiry_interval: wanted.message_expiry_interval,
        content_type: wanted.content_type.as_deref().map(Into::into),
        response_topic: response_topic.map_err(|error| format!("The Response Topic is not valid: {error}"))?,
        correlation_data: correlation_data
            .map_err(|error| format!("The Correlation Data are not base64: {error}"))?
            .map(Into::into),
        user_properties: wanted
            .user_properties
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect(),
        ..PublishProperties::default()
    })))
}

/// A message with its payload and the one before it; `None` where the history no longer has it.
///
/// # Errors
/// Where the history can't be read.
pub fn detail(broker: &Broker, store: &Store, id: MessageId) -> Result<Option<MessageDetail>, ReadError> {
    let Some(message) = store.message(id, DETAIL_BYTES)? else { return Ok(None) };
    let previous = store.previous_on_topic(id, DETAIL_BYTES)?;
    Ok(Some(MessageDetail {
        row: row(&message),
        payload: Glimpse { bytes: &message.payload, size: message.size }.payload(),
        previous: previous.map(|previous| Glimpse { bytes: &previous.payload, size: previous.size }.payload()),
        properties: properties(message.properties.as_deref()),
        matched: Some(message.matched),
        publisher_version: version_of(broker, &message.publisher),
    }))
}

/// The protocol version of a client that the broker knows.
pub fn version_of(broker: &Broker, client: &str) -> Option<String> {
    broker.client(client).map(|info| info.connection.version.name().to_owned())
}
