//! SUBACK (3.9) and UNSUBACK (3.11), which share one shape.

use bytestring::ByteString;

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{PacketIdentifier, PacketType, Property, ProtocolVersion, ReasonCode, UserProperty, Violation};

/// The server's answer to SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    /// That of the SUBSCRIBE.
    pub packet_identifier: PacketIdentifier,
    /// Empty below MQTT 5.0.
    pub properties: SubAckProperties,
    /// One for each Topic Filter, in order [MQTT-3.9.3-1]; below MQTT 5.0 every error is written as 0x80.
    pub reason_codes: Vec<ReasonCode>,
}

/// The server's answer to UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubAck {
    /// That of the UNSUBSCRIBE.
    pub packet_identifier: PacketIdentifier,
    /// Empty below MQTT 5.0.
    pub properties: SubAckProperties,
    /// One for each Topic Filter, in order [MQTT-3.11.3-1]; not written below MQTT 5.0.
    pub reason_codes: Vec<ReasonCode>,
}

/// MQTT 5.0, 3.9.2.1 SUBACK Properties and 3.11.2.1 UNSUBACK Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubAckProperties {
    /// For people to read.
    pub reason_string: Option<ByteString>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
}

impl SubAck {
    pub(crate) fn decode(mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let packet_identifier = body.packet_identifier()?;
        let properties = SubAckProperties::decode(PacketType::SubAck, &mut body, version)?;
        let reason_codes = match version {
            ProtocolVersion::V5 => decode_reason_codes(PacketType::SubAck, &body.rest())?,
            ProtocolVersion::V31 | ProtocolVersion::V311 => {
                body.rest().iter().map(return_code).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { packet_identifier, properties, reason_codes })
    }
}

impl UnsubAck {
    pub(crate) fn decode(mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let packet_identifier = body.packet_identifier()?;
        let properties = SubAckProperties::decode(PacketType::UnsubAck, &mut body, version)?;
        let reason_codes = match version {
            ProtocolVersion::V5 => decode_reason_codes(PacketType::UnsubAck, &body.rest())?,
            ProtocolVersion::V31 | ProtocolVersion::V311 => {
                body.finish()?;
                Vec::new()
            }
        };
        Ok(Self { packet_identifier, properties, reason_codes })
    }
}

fn decode_reason_codes(packet: PacketType, codes: &[u8]) -> Result<Vec<ReasonCode>, Violation> {
    codes.iter().map(|&code| packet.reason_code(code)).collect()
}

/// A SUBACK return code of 3.1.1, 3.9.3.
fn return_code(&code: &u8) -> Result<ReasonCode, Violation> {
    match code {
        0..=2 | 0x80 => Ok(ReasonCode(code)),
        _ => Err(Violation::UnknownReasonCode { packet: PacketType::SubAck, code }),
    }
}

impl SubAckProperties {
    fn decode(packet: PacketType, body: &mut Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let mut properties = Self::default();
        if version == ProtocolVersion::V5 {
            let mut reader = PropertyReader::new(packet, body)?;
            while let Some(property) = reader.next()? {
                match property {
                    Property::ReasonString => reader.string(&mut properties.reason_string)?,
                    Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                    _ => return Err(reader.not_allowed()),
                }
            }
        }
        Ok(properties)
    }
}

impl Encode for SubAck {
    fn first_byte(&self) -> u8 {
        PacketType::SubAck.first_byte()
    }

    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        out.two_bytes(self.packet_identifier.value());
        if version == ProtocolVersion::V5 {
            out.properties(&self.properties);
        }
        for &code in &self.reason_codes {
            let below_5 = version != ProtocolVersion::V5 && code.is_error();
            out.byte(if below_5 { ReasonCode::UNSPECIFIED_ERROR } else { code }.0);
        }
    }
}

impl Encode for UnsubAck {
    fn first_byte(&self) -> u8 {
        PacketType::UnsubAck.first_byte()
    }

    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        out.two_bytes(self.packet_identifier.value());
        if version == ProtocolVersion::V5 {
            out.properties(&self.properties);
            for code in &self.reason_codes {
                out.byte(code.0);
            }
        }
    }
}

impl EncodeProperties for SubAckProperties {
    fn write(&self, out: &mut impl Output) {
        out.string_property(Property::ReasonString, self.reason_string.as_deref());
        out.user_properties(&self.user_properties);
    }
}
