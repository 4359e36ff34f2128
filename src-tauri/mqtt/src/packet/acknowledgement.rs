//! PUBACK, PUBREC, PUBREL and PUBCOMP, which share one shape (3.4 to 3.7).

use bytestring::ByteString;

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{PacketIdentifier, PacketType, Property, ProtocolVersion, ReasonCode, UserProperty, Violation};

/// The content of a PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Of the flow that it continues.
    pub packet_identifier: PacketIdentifier,
    /// MQTT 5.0 only; always [`ReasonCode::SUCCESS`] below.
    pub reason_code: ReasonCode,
    /// `None` where there are none, which is the common case.
    pub properties: Option<Box<AcknowledgementProperties>>,
}

impl Acknowledgement {
    /// An acknowledgement without properties.
    pub const fn new(packet_identifier: PacketIdentifier, reason_code: ReasonCode) -> Self {
        Self { packet_identifier, reason_code, properties: None }
    }
}

/// MQTT 5.0, 3.4.2.2 PUBACK Properties, and the same for its three siblings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcknowledgementProperties {
    /// For people to read.
    pub reason_string: Option<ByteString>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
}

impl Acknowledgement {
    pub(crate) fn decode(packet: PacketType, mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let mut acknowledgement = Self::new(body.packet_identifier()?, ReasonCode::SUCCESS);
        // Success may go unsaid, and so may the length of no properties (MQTT 5.0, 3.4.2.1, 3.4.2.2.1).
        if version == ProtocolVersion::V5 && !body.is_empty() {
            acknowledgement.reason_code = packet.reason_code(body.byte()?)?;
            if !body.is_empty() {
                acknowledgement.properties = AcknowledgementProperties::decode(packet, &mut body)?;
            }
        }
        body.finish()?;
        Ok(acknowledgement)
    }
}

impl AcknowledgementProperties {
    fn decode(packet: PacketType, body: &mut Reader) -> Result<Option<Box<Self>>, Violation> {
        if body.skip_zero() {
            return Ok(None);
        }
        let mut reader = PropertyReader::new(packet, body)?;
        let mut properties = Box::<Self>::default();
        while let Some(property) = reader.next()? {
            match property {
                Property::ReasonString => reader.string(&mut properties.reason_string)?,
                Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                _ => return Err(reader.not_allowed()),
            }
        }
        Ok(Some(properties))
    }
}

/// An acknowledgement as the packet that it is.
pub(crate) struct AcknowledgementPacket<'a>(pub(crate) PacketType, pub(crate) &'a Acknowledgement);

impl Encode for AcknowledgementPacket<'_> {
    fn first_byte(&self) -> u8 {
        self.0.first_byte()
    }

    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        let acknowledgement = self.1;
        out.two_bytes(acknowledgement.packet_identifier.value());
        if version != ProtocolVersion::V5 {
            return;
        }
        match acknowledgement.properties.as_deref().filter(|properties| !properties.is_empty()) {
            Some(properties) => {
                out.byte(acknowledgement.reason_code.0);
                out.properties(properties);
            }
            None if acknowledgement.reason_code != ReasonCode::SUCCESS => out.byte(acknowledgement.reason_code.0),
            None => {}
        }
    }
}

impl EncodeProperties for AcknowledgementProperties {
    fn write(&self, out: &mut impl Output) {
        out.string_property(Property::ReasonString, self.reason_string.as_deref());
        out.user_properties(&self.user_properties);
    }
}
