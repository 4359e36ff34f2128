//! Packets made by hand, also those that no encoder makes.

use nightjar_mqtt::ProtocolVersion;

/// A packet with its Remaining Length.
pub(crate) fn packet(first_byte: u8, fields: &[&[u8]]) -> Vec<u8> {
    let body = fields.concat();
    let mut bytes = vec![first_byte];
    bytes.extend(variable_byte_integer(body.len()));
    bytes.extend(body);
    bytes
}

/// A string, or Binary Data, with its length before it.
pub(crate) fn string(content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = u16::try_from(content.len()).expect("a string of a test is not over 65,535 bytes");
    [&length.to_be_bytes(), content].concat()
}

/// Properties with their length before them; nothing below MQTT 5.0.
pub(crate) fn properties(version: ProtocolVersion, properties: &[u8]) -> Vec<u8> {
    if version == ProtocolVersion::V5 {
        [&variable_byte_integer(properties.len()), properties].concat()
    } else {
        Vec::new()
    }
}

/// As short as it can be.
pub(crate) fn variable_byte_integer(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A CONNECT whose every field can be wrong.
#[derive(Clone, Debug)]
pub(crate) struct RawConnect {
    /// Whose form it has, whatever level it names.
    pub(crate) version: ProtocolVersion,
    pub(crate) name: Vec<u8>,
    pub(crate) level: u8,
    pub(crate) flags: u8,
    pub(crate) keep_alive: u16,
    /// Left out below MQTT 5.0.
    pub(crate) properties: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl RawConnect {
    /// A good one: clean, without keep alive.
    pub(crate) fn new(version: ProtocolVersion, client_identifier: &str) -> Self {
        Self {
            version,
            name: string(version.protocol_name()),
            level: version.level(),
            flags: 0b0000_0010,
            keep_alive: 0,
            properties: Vec::new(),
            payload: string(client_identifier),
        }
    }

    /// Adds fields to the payload.
    pub(crate) fn with(mut self, flags: u8, fields: &[&[u8]]) -> Self {
        self.flags |= flags;
        self.payload.extend(fields.concat());
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        packet(
            0x10,
            &[
                &self.name,
                &[self.level, self.flags],
                &self.keep_alive.to_be_bytes(),
                &properties(self.version, &self.properties),
                &self.payload,
            ],
        )
    }
}
