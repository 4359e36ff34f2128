//! The MQTT 5.0 properties of a message as the `properties` column keeps them: the bytes that MQTT 5.0 (2.2.2.2) puts
//! into a PUBLISH, without the length in front. So the column can be read with the specification in hand, and its
//! format never changes with ours.

use bytes::{Buf, Bytes};
use bytestring::ByteString;
use nightjar_mqtt::{PublishProperties, TopicName};

const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
const CONTENT_TYPE: u8 = 0x03;
const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION_DATA: u8 = 0x09;
const USER_PROPERTY: u8 = 0x26;

/// Appends the properties to `out`. What belongs to one connection (Topic Alias, Subscription Identifiers) is left
/// out; a string of more than 65,535 bytes, which no packet can carry, is cut there.
pub(crate) fn encode(properties: &PublishProperties, out: &mut Vec<u8>) {
    if let Some(is_text) = properties.payload_format_indicator {
        out.extend([PAYLOAD_FORMAT_INDICATOR, u8::from(is_text)]);
    }
    if let Some(seconds) = properties.message_expiry_interval {
        out.push(MESSAGE_EXPIRY_INTERVAL);
        out.extend(seconds.to_be_bytes());
    }
    if let Some(content_type) = &properties.content_type {
        out.push(CONTENT_TYPE);
        string(content_type, out);
    }
    if let Some(topic) = &properties.response_topic {
        out.push(RESPONSE_TOPIC);
        string(topic, out);
    }
    if let Some(data) = &properties.correlation_data {
        out.push(CORRELATION_DATA);
        binary(data, out);
    }
    for (name, value) in &properties.user_properties {
        out.push(USER_PROPERTY);
        string(name, out);
        string(value, out);
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    let end = text.floor_char_boundary(usize::from(u16::MAX));
    binary(&text.as_bytes()[..end], out);
}

fn binary(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(&bytes[..usize::from(length)]);
}

/// Reads the column; `None` where it is damaged.
pub(crate) fn decode(column: &[u8]) -> Option<PublishProperties> {
    let mut rest = Bytes::copy_from_slice(column);
    let mut properties = PublishProperties::default();
    while rest.has_remaining() {
        match rest.get_u8() {
            PAYLOAD_FORMAT_INDICATOR => properties.payload_format_indicator = Some(rest.try_get_u8().ok()? == 1),
            MESSAGE_EXPIRY_INTERVAL => properties.message_expiry_interval = Some(rest.try_get_u32().ok()?),
            CONTENT_TYPE => properties.content_type = Some(take_string(&mut rest)?),
            RESPONSE_TOPIC => properties.response_topic = Some(TopicName::new(take_string(&mut rest)?).ok()?),
            CORRELATION_DATA => properties.correlation_data = Some(take_binary(&mut rest)?),
            USER_PROPERTY => {
                let name = take_string(&mut rest)?;
                properties.user_properties.push((name, take_string(&mut rest)?));
            }
            _ => return None,
        }
    }
    Some(properties)
}

fn take_binary(rest: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(rest.try_get_u16().ok()?);
    (length <= rest.len()).then(|| rest.split_to(length))
}

fn take_string(rest: &mut Bytes) -> Option<ByteString> {
    ByteString::try_from(take_binary(rest)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PublishProperties {
        PublishProperties {
            payload_format_indicator: Some(true),
            message_expiry_interval: Some(86_400),
            response_topic: TopicName::new("réponse/à").ok(),
            correlation_data: Some(Bytes::from_static(&[0, 255, 1])),
            user_properties: vec![("a".into(), "".into()), ("a".into(), "日本".into())],
            content_type: Some("application/json".into()),
            ..PublishProperties::default()
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        for properties in [PublishProperties::default(), sample()] {
            let mut column = Vec::new();
            encode(&properties, &mut column);
            assert_eq!(decode(&column), Some(properties));
        }
    }

    #[test]
    fn damage_is_noticed_and_never_panics() {
        let mut column = Vec::new();
        encode(&sample(), &mut column);
        let whole = decode(&column);
        for end in 0..column.len() {
            assert_ne!(decode(&column[..end]), whole, "cut at {end}");
        }
        for index in 0..column.len() {
            let mut damaged = column.clone();
            damaged[index] ^= 0xff;
            let _ = decode(&damaged);
        }
        assert_eq!(decode(&[0x7f]), None);
    }

    #[test]
    fn what_no_packet_carries_is_cut_at_a_character() {
        let long = "é".repeat(40_000);
        let properties = PublishProperties { content_type: Some(long.into()), ..PublishProperties::default() };
        let mut column = Vec::new();
        encode(&properties, &mut column);
        let read = decode(&column).unwrap().content_type.unwrap();
        assert_eq!(read.len(), 65_534);
    }
}
