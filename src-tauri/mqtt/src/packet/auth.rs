//! AUTH (MQTT 5.0, 3.15).

use bytes::Bytes;
use bytestring::ByteString;

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{PacketType, Property, ProtocolVersion, ReasonCode, UserProperty, Violation};

/// A step of enhanced authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Success, Continue authentication or Re-authenticate.
    pub reason_code: ReasonCode,
    /// Present but in the empty AUTH, which says Success.
    pub properties: AuthProperties,
}

/// MQTT 5.0, 3.15.2.2 AUTH Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthProperties {
    /// The same as in CONNECT [MQTT-4.12.0-5].
    pub authentication_method: Option<ByteString>,
    /// What the method makes of it.
    pub authentication_data: Option<Bytes>,
    /// For people to read.
    pub reason_string: Option<ByteString>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
}

impl Auth {
    pub(crate) fn decode(mut body: Reader) -> Result<Self, Violation> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let reason_code = PacketType::Auth.reason_code(body.byte()?)?;
        let properties = AuthProperties::decode(&mut body)?;
        body.finish()?;
        Ok(Self { reason_code, properties })
    }
}

impl AuthProperties {
    fn decode(body: &mut Reader) -> Result<Self, Violation> {
        let mut properties = Self::default();
        if !body.is_empty() {
            let mut reader = PropertyReader::new(PacketType::Auth, body)?;
            while let Some(property) = reader.next()? {
                match property {
                    Property::AuthenticationMethod => reader.string(&mut properties.authentication_method)?,
                    Property::AuthenticationData => reader.binary(&mut properties.authentication_data)?,
                    Property::ReasonString => reader.string(&mut properties.reason_string)?,
                    Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                    _ => return Err(reader.not_allowed()),
                }
            }
        }
        if properties.authentication_method.is_none() {
            return Err(Violation::NoAuthenticationMethod);
        }
        Ok(properties)
    }
}

impl Encode for Auth {
    fn first_byte(&self) -> u8 {
        PacketType::Auth.first_byte()
    }

    fn write_body(&self, _: ProtocolVersion, out: &mut impl Output) {
        if self.reason_code != ReasonCode::SUCCESS || !self.properties.is_empty() {
            out.byte(self.reason_code.0);
            out.properties(&self.properties);
        }
    }
}

impl EncodeProperties for AuthProperties {
    fn write(&self, out: &mut impl Output) {
        out.string_property(Property::AuthenticationMethod, self.authentication_method.as_deref());
        out.binary_property(Property::AuthenticationData, self.authentication_data.as_deref());
        out.string_property(Property::ReasonString, self.reason_string.as_deref());
        out.user_properties(&self.user_properties);
    }
}
