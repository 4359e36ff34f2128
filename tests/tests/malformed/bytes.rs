//! Packets put together by hand, so that any part of them can be wrong.

use nightjar_mqtt::ProtocolVersion::{self, V5};

/// A packet with the Remaining Length that it has.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(length(body.len()));
    bytes.extend_from_slice(body);
    bytes
}

/// A Variable Byte Integer.
pub(crate) fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value % 128) as u8;
        value /= 128;
        bytes.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return bytes;
        }
    }
}

/// A string or binary data with its length of two bytes.
pub(crate) fn string(content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = u16::try_from(content.len()).expect("at most 65,535 bytes");
    [&length.to_be_bytes()[..], content].concat()
}

/// Properties with their length, where the version has such a thing.
pub(crate) fn properties(version: ProtocolVersion, content: &[u8]) -> Vec<u8> {
    if version == V5 { [length(content.len()), content.to_vec()].concat() } else { Vec::new() }
}

/// PUBLISH with the given flags; at QoS 1 and 2 with a Packet Identifier.
pub(crate) fn publish(
    version: ProtocolVersion,
    flags: u8,
    topic: impl AsRef<[u8]>,
    identifier: u16,
    content: &[u8],
) -> Vec<u8> {
    let mut body = string(topic);
    if flags & 0b110 != 0 {
        body.extend(identifier.to_be_bytes());
    }
    body.extend(properties(version, content));
    body.extend_from_slice(b"payload");
    packet(0x30 | flags, &body)
}

/// SUBSCRIBE with the given first byte.
pub(crate) fn subscribe(
    version: ProtocolVersion,
    first: u8,
    identifier: u16,
    content: &[u8],
    filters: &[(Vec<u8>, u8)],
) -> Vec<u8> {
    let mut body = identifier.to_be_bytes().to_vec();
    body.extend(properties(version, content));
    for (filter, options) in filters {
        body.extend(string(filter));
        body.push(*options);
    }
    packet(first, &body)
}

/// UNSUBSCRIBE from one filter, or from none.
pub(crate) fn unsubscribe(version: ProtocolVersion, first: u8, identifier: u16, filter: Option<&[u8]>) -> Vec<u8> {
    let mut body = identifier.to_be_bytes().to_vec();
    body.extend(properties(version, b""));
    body.extend(filter.map(string).unwrap_or_default());
    packet(first, &body)
}

/// CONNECT with the given flags, properties and payload.
pub(crate) fn connect(version: ProtocolVersion, flags: u8, content: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut body = string("MQTT");
    body.extend([version.level(), flags, 0, 0]);
    body.extend(properties(version, content));
    body.extend_from_slice(payload);
    packet(0x10, &body)
}
