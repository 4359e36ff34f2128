//! DISCONNECT (3.14), which only MQTT 5.0 sends in both directions.

use bytestring::ByteString;

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{PacketType, Property, ProtocolVersion, ReasonCode, UserProperty, Violation};

/// The last packet of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnect {
    /// [`ReasonCode::SUCCESS`] is "Normal disconnection" here; always so below MQTT 5.0.
    pub reason_code: ReasonCode,
    /// Empty below MQTT 5.0.
    pub properties: DisconnectProperties,
}

/// MQTT 5.0, 3.14.2.2 DISCONNECT Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisconnectProperties {
    /// Seconds; from clients only [MQTT-3.14.2-2].
    pub session_expiry_interval: Option<u32>,
    /// For people to read.
    pub reason_string: Option<ByteString>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
    /// Another server to use; from servers only.
    pub server_reference: Option<ByteString>,
}

impl Disconnect {
    pub(crate) fn decode(mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let mut disconnect = Self::default();
        // Normal disconnection may go unsaid, and so may the length of no properties (MQTT 5.0, 3.14.2.1, 3.14.2.2.1).
        if version == ProtocolVersion::V5 && !body.is_empty() {
            disconnect.reason_code = PacketType::Disconnect.reason_code(body.byte()?)?;
            if !body.is_empty() {
                disconnect.properties = DisconnectProperties::decode(&mut body)?;
            }
        }
        body.finish()?;
        Ok(disconnect)
    }
}

impl DisconnectProperties {
    fn decode(body: &mut Reader) -> Result<Self, Violation> {
        let mut properties = Self::default();
        let mut reader = PropertyReader::new(PacketType::Disconnect, body)?;
        while let Some(property) = reader.next()? {
            match property {
                Property::SessionExpiryInterval => reader.four_bytes(&mut properties.session_expiry_interval)?,
                Property::ReasonString => reader.string(&mut properties.reason_string)?,
                Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                Property::ServerReference => reader.string(&mut properties.server_reference)?,
                _ => return Err(reader.not_allowed()),
            }
        }
        Ok(properties)
    }
}

impl Encode for Disconnect {
    fn first_byte(&self) -> u8 {
        PacketType::Disconnect.first_byte()
    }

    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        if version != ProtocolVersion::V5 {
            return;
        }
        if !self.properties.is_empty() {
            out.byte(self.reason_code.0);
            out.properties(&self.properties);
        } else if self.reason_code != ReasonCode::SUCCESS {
            out.byte(self.reason_code.0);
        }
    }
}

impl EncodeProperties for DisconnectProperties {
    fn write(&self, out: &mut impl Output) {
        out.four_byte_property(Property::SessionExpiryInterval, self.session_expiry_interval);
        out.string_property(Property::ReasonString, self.reason_string.as_deref());
        out.user_properties(&self.user_properties);
        out.string_property(Property::ServerReference, self.server_reference.as_deref());
    }
}
