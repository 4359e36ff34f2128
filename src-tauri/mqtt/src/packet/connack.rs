//! CONNACK (3.2).

use bytes::Bytes;
use bytestring::ByteString;

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{PacketType, Property, ProtocolVersion, QoS, ReasonCode, UserProperty, Violation};

/// The server's answer to CONNECT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the server goes on with a Session that it kept; MQTT 3.1 can't say so.
    pub session_present: bool,
    /// Below MQTT 5.0 it is written as the nearest of the six return codes of 3.1.1, 3.2.2.3, and read back as
    /// the reason code that stands for it.
    pub reason_code: ReasonCode,
    /// As by default below MQTT 5.0.
    pub properties: ConnAckProperties,
}

/// MQTT 5.0, 3.2.2.3 CONNACK Properties. `None` and `true` are the values that absence stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAckProperties {
    /// Seconds, where the server does not keep to what CONNECT asked for.
    pub session_expiry_interval: Option<u32>,
    /// How many QoS 1 and 2 flows the server takes at once, 1 to 65,535; absent is 65,535.
    pub receive_maximum: Option<u16>,
    /// Only 0 or 1 can be said; absence means 2.
    pub maximum_qos: Option<QoS>,
    /// Whether the server keeps retained messages.
    pub retain_available: bool,
    /// Bytes of the largest packet that the server takes; absent is no limit.
    pub maximum_packet_size: Option<u32>,
    /// The name that the server gave a client which came without one.
    pub assigned_client_identifier: Option<ByteString>,
    /// How many Topic Aliases the server takes; absent is 0.
    pub topic_alias_maximum: Option<u16>,
    /// For people to read.
    pub reason_string: Option<ByteString>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
    /// Whether Topic Filters may have wildcards.
    pub wildcard_subscription_available: bool,
    /// Whether Subscriptions may have identifiers.
    pub subscription_identifiers_available: bool,
    /// Whether Subscriptions may be shared.
    pub shared_subscription_available: bool,
    /// Seconds, to use instead of the Keep Alive of CONNECT.
    pub server_keep_alive: Option<u16>,
    /// What Response Topics are to begin with, by custom.
    pub response_information: Option<ByteString>,
    /// Another server to use.
    pub server_reference: Option<ByteString>,
    /// The same as in CONNECT.
    pub authentication_method: Option<ByteString>,
    /// What the method makes of it.
    pub authentication_data: Option<Bytes>,
}

impl Default for ConnAckProperties {
    fn default() -> Self {
        Self {
            session_expiry_interval: None,
            receive_maximum: None,
            maximum_qos: None,
            retain_available: true,
            maximum_packet_size: None,
            assigned_client_identifier: None,
            topic_alias_maximum: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: true,
            subscription_identifiers_available: true,
            shared_subscription_available: true,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        }
    }
}

const SESSION_PRESENT: u8 = 0b0000_0001;

impl ConnAck {
    pub(crate) fn decode(mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let flags = body.byte()?;
        let session_present = match version {
            // "Reserved values. Not used" says MQTT 3.1, 3.2, and nothing about their value.
            ProtocolVersion::V31 => false,
            ProtocolVersion::V311 | ProtocolVersion::V5 if flags & !SESSION_PRESENT != 0 => {
                return Err(Violation::ReservedConnAckFlags);
            }
            ProtocolVersion::V311 | ProtocolVersion::V5 => flags & SESSION_PRESENT != 0,
        };
        let code = body.byte()?;
        let (reason_code, properties) = match version {
            ProtocolVersion::V31 | ProtocolVersion::V311 => (reason_code(code)?, ConnAckProperties::default()),
            ProtocolVersion::V5 => (PacketType::ConnAck.reason_code(code)?, ConnAckProperties::decode(&mut body)?),
        };
        if session_present && reason_code != ReasonCode::SUCCESS {
            return Err(Violation::SessionPresentInRefusal);
        }
        body.finish()?;
        Ok(Self { session_present, reason_code, properties })
    }
}

/// What a Connect Return code of 3.1.1, 3.2.2.3, is in MQTT 5.0.
const fn reason_code(return_code: u8) -> Result<ReasonCode, Violation> {
    Ok(match return_code {
        0 => ReasonCode::SUCCESS,
        1 => ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
        2 => ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
        3 => ReasonCode::SERVER_UNAVAILABLE,
        4 => ReasonCode::BAD_USER_NAME_OR_PASSWORD,
        5 => ReasonCode::NOT_AUTHORIZED,
        code => {
            return Err(Violation::UnknownReasonCode { packet: PacketType::ConnAck, code });
        }
    })
}

/// The nearest Connect Return code of 3.1.1, 3.2.2.3: who may come back as it is gets "unavailable".
const fn return_code(reason_code: ReasonCode) -> u8 {
    match reason_code {
        ReasonCode::SUCCESS => 0,
        ReasonCode::UNSUPPORTED_PROTOCOL_VERSION => 1,
        ReasonCode::CLIENT_IDENTIFIER_NOT_VALID => 2,
        ReasonCode::BAD_USER_NAME_OR_PASSWORD | ReasonCode::BAD_AUTHENTICATION_METHOD => 4,
        ReasonCode::NOT_AUTHORIZED
        | ReasonCode::BANNED
        | ReasonCode::TOPIC_NAME_INVALID
        | ReasonCode::PAYLOAD_FORMAT_INVALID
        | ReasonCode::PACKET_TOO_LARGE
        | ReasonCode::RETAIN_NOT_SUPPORTED
        | ReasonCode::QOS_NOT_SUPPORTED => 5,
        _ => 3,
    }
}

impl ConnAckProperties {
    fn decode(body: &mut Reader) -> Result<Self, Violation> {
        let mut properties = Self::default();
        let mut maximum_qos = None;
        let mut retain_available = None;
        let mut wildcard_subscription_available = None;
        let mut subscription_identifiers_available = None;
        let mut shared_subscription_available = None;
        let mut reader = PropertyReader::new(PacketType::ConnAck, body)?;
        while let Some(property) = reader.next()? {
            match property {
                Property::SessionExpiryInterval => reader.four_bytes(&mut properties.session_expiry_interval)?,
                Property::ReceiveMaximum => {
                    reader.positive_two_bytes(&mut properties.receive_maximum, Violation::ZeroReceiveMaximum)?;
                }
                Property::MaximumQos => reader.flag(&mut maximum_qos)?,
                Property::RetainAvailable => reader.flag(&mut retain_available)?,
                Property::MaximumPacketSize => reader.maximum_packet_size(&mut properties.maximum_packet_size)?,
                Property::AssignedClientIdentifier => reader.string(&mut properties.assigned_client_identifier)?,
                Property::TopicAliasMaximum => reader.two_bytes(&mut properties.topic_alias_maximum)?,
                Property::ReasonString => reader.string(&mut properties.reason_string)?,
                Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                Property::WildcardSubscriptionAvailable => reader.flag(&mut wildcard_subscription_available)?,
                Property::SubscriptionIdentifiersAvailable => reader.flag(&mut subscription_identifiers_available)?,
                Property::SharedSubscriptionAvailable => reader.flag(&mut shared_subscription_available)?,
                Property::ServerKeepAlive => reader.two_bytes(&mut properties.server_keep_alive)?,
                Property::ResponseInformation => reader.string(&mut properties.response_information)?,
                Property::ServerReference => reader.string(&mut properties.server_reference)?,
                Property::AuthenticationMethod => reader.string(&mut properties.authentication_method)?,
                Property::AuthenticationData => reader.binary(&mut properties.authentication_data)?,
                _ => return Err(reader.not_allowed()),
            }
        }
        Ok(Self {
            maximum_qos: maximum_qos.map(|one| if one { QoS::AtLeastOnce } else { QoS::AtMostOnce }),
            retain_available: retain_available.unwrap_or(true),
            wildcard_subscription_available: wildcard_subscription_available.unwrap_or(true),
            subscription_identifiers_available: subscription_identifiers_available.unwrap_or(true),
            shared_subscription_available: shared_subscription_available.unwrap_or(true),
            ..properties
        })
    }
}

impl Encode for ConnAck {
    fn first_byte(&self) -> u8 {
        PacketType::ConnAck.first_byte()
    }

    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        out.byte(match version {
            ProtocolVersion::V31 => 0,
            ProtocolVersion::V311 | ProtocolVersion::V5 => u8::from(self.session_present),
        });
        match version {
            ProtocolVersion::V31 | ProtocolVersion::V311 => out.byte(return_code(self.reason_code)),
            ProtocolVersion::V5 => {
                out.byte(self.reason_code.0);
                out.properties(&self.properties);
            }
        }
    }
}

impl EncodeProperties for ConnAckProperties {
    fn write(&self, out: &mut impl Output) {
        let unless_true = |available: bool| if available { None } else { Some(false) };
        out.four_byte_property(Property::SessionExpiryInterval, self.session_expiry_interval);
        out.two_byte_property(Property::ReceiveMaximum, self.receive_maximum);
        let maximum_qos = self.maximum_qos.filter(|&qos| qos != QoS::ExactlyOnce);
        out.byte_property(Property::MaximumQos, maximum_qos.map(QoS::level));
        out.flag_property(Property::RetainAvailable, unless_true(self.retain_available));
        out.four_byte_property(Property::MaximumPacketSize, self.maximum_packet_size);
        out.string_property(Property::AssignedClientIdentifier, self.assigned_client_identifier.as_deref());
        out.two_byte_property(Property::TopicAliasMaximum, self.topic_alias_maximum);
        out.string_property(Property::ReasonString, self.reason_string.as_deref());
        out.user_properties(&self.user_properties);
        out.flag_property(Property::WildcardSubscriptionAvailable, unless_true(self.wildcard_subscription_available));
        out.flag_property(
            Property::SubscriptionIdentifiersAvailable,
            unless_true(self.subscription_identifiers_available),
        );
        out.flag_property(Property::SharedSubscriptionAvailable, unless_true(self.shared_subscription_available));
        out.two_byte_property(Property::ServerKeepAlive, self.server_keep_alive);
        out.string_property(Property::ResponseInformation, self.response_information.as_deref());
        out.string_property(Property::ServerReference, self.server_reference.as_deref());
        out.string_property(Property::AuthenticationMethod, self.authentication_method.as_deref());
        out.binary_property(Property::AuthenticationData, self.authentication_data.as_deref());
    }
}
