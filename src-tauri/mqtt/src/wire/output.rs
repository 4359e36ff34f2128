use bytes::{BufMut, BytesMut};

use crate::{Property, ProtocolVersion, TooLarge, UserProperty};

/// The largest Variable Byte Integer, and so the largest Remaining Length.
const MAXIMUM_REMAINING_LENGTH: usize = 268_435_455;

/// What a packet is written to, twice: to a [`Length`] to know how much room it needs, then to the buffer.
/// The same code does both, so the two can't disagree.
pub(crate) trait Output: Sized {
    fn slice(&mut self, bytes: &[u8]);
    fn byte(&mut self, value: u8);
    fn two_bytes(&mut self, value: u16);
    fn four_bytes(&mut self, value: u32);
    fn variable_byte_integer(&mut self, value: usize);

    /// The length before a string or before Binary Data.
    fn data_length(&mut self, length: usize);

    /// A packet's properties with their length before them.
    fn properties(&mut self, properties: &impl EncodeProperties);

    fn binary(&mut self, data: &[u8]) {
        self.data_length(data.len());
        self.slice(data);
    }

    fn string(&mut self, text: &str) {
        self.binary(text.as_bytes());
    }

    fn byte_property(&mut self, property: Property, value: Option<u8>) {
        if let Some(value) = value {
            self.byte(property as u8);
            self.byte(value);
        }
    }

    fn flag_property(&mut self, property: Property, value: Option<bool>) {
        self.byte_property(property, value.map(u8::from));
    }

    fn two_byte_property(&mut self, property: Property, value: Option<u16>) {
        if let Some(value) = value {
            self.byte(property as u8);
            self.two_bytes(value);
        }
    }

    fn four_byte_property(&mut self, property: Property, value: Option<u32>) {
        if let Some(value) = value {
            self.byte(property as u8);
            self.four_bytes(value);
        }
    }

    fn variable_byte_property(&mut self, property: Property, value: u32) {
        self.byte(property as u8);
        self.variable_byte_integer(value as usize);
    }

    fn string_property(&mut self, property: Property, value: Option<&str>) {
        self.binary_property(property, value.map(str::as_bytes));
    }

    fn binary_property(&mut self, property: Property, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.byte(property as u8);
            self.binary(value);
        }
    }

    fn user_properties(&mut self, user_properties: &[UserProperty]) {
        for (name, value) in user_properties {
            self.byte(Property::UserProperty as u8);
            self.string(name);
            self.string(value);
        }
    }
}

/// A packet that can be written.
pub(crate) trait Encode {
    /// Packet type and flags.
    fn first_byte(&self) -> u8;

    /// All that follows the Remaining Length.
    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output);
}

/// A packet's properties.
pub(crate) trait EncodeProperties {
    fn write(&self, out: &mut impl Output);

    fn is_empty(&self) -> bool {
        let mut length = Length::default();
        self.write(&mut length);
        length.bytes == 0
    }
}

/// Appends a packet to `out`.
pub(crate) fn encode(packet: &impl Encode, version: ProtocolVersion, out: &mut BytesMut) -> Result<(), TooLarge> {
    let mut length = Length::default();
    packet.write_body(version, &mut length);
    if length.too_large || length.bytes > MAXIMUM_REMAINING_LENGTH {
        return Err(TooLarge);
    }
    out.reserve(whole(length.bytes));
    let end = out.len() + whole(length.bytes);
    out.put_u8(packet.first_byte());
    Output::variable_byte_integer(out, length.bytes);
    packet.write_body(version, out);
    debug_assert_eq!(out.len(), end, "the two passes of an encoding disagree");
    Ok(())
}

/// Bytes of the whole packet.
pub(crate) fn packet_length(packet: &impl Encode, version: ProtocolVersion) -> usize {
    let mut length = Length::default();
    packet.write_body(version, &mut length);
    whole(length.bytes)
}

const fn whole(remaining_length: usize) -> usize {
    1 + variable_byte_integer_length(remaining_length) + remaining_length
}

const fn variable_byte_integer_length(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Counts what is written to it.
#[derive(Debug, Default)]
pub(crate) struct Length {
    bytes: usize,
    /// Whether something was written whose length has no room in its field.
    too_large: bool,
}

impl Output for Length {
    fn slice(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
    }

    fn byte(&mut self, _: u8) {
        self.bytes += 1;
    }

    fn two_bytes(&mut self, _: u16) {
        self.bytes += 2;
    }

    fn four_bytes(&mut self, _: u32) {
        self.bytes += 4;
    }

    fn variable_byte_integer(&mut self, value: usize) {
        self.too_large |= value > MAXIMUM_REMAINING_LENGTH;
        self.bytes += variable_byte_integer_length(value);
    }

    fn data_length(&mut self, length: usize) {
        self.too_large |= length > usize::from(u16::MAX);
        self.bytes += 2;
    }

    fn properties(&mut self, properties: &impl EncodeProperties) {
        let before = self.bytes;
        properties.write(self);
        self.variable_byte_integer(self.bytes - before);
    }
}

// Only `encode` writes here, after a `Length` has found every length to fit its field.
impl Output for BytesMut {
    fn slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn byte(&mut self, value: u8) {
        self.put_u8(value);
    }

    fn two_bytes(&mut self, value: u16) {
        self.put_u16(value);
    }

    fn four_bytes(&mut self, value: u32) {
        self.put_u32(value);
    }

    fn variable_byte_integer(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.put_u8((value & 0x7F) as u8 | 0x80);
            value >>= 7;
        }
        self.put_u8(value as u8);
    }

    fn data_length(&mut self, length: usize) {
        self.put_u16(length as u16);
    }

    fn properties(&mut self, properties: &impl EncodeProperties) {
        let mut length = Length::default();
        properties.write(&mut length);
        Output::variable_byte_integer(self, length.bytes);
        properties.write(self);
    }
}
