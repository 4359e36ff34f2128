//! CONNECT (3.1).

use bytes::Bytes;
use bytestring::ByteString;

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{InvalidTopic, PacketType, Property, ProtocolVersion, QoS, TopicName, UserProperty, Violation};

/// A client's request for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The version that the client speaks, and that all packets after this one are written in.
    pub version: ProtocolVersion,
    /// Clean Session in 3.1 and 3.1.1, Clean Start in 5.0.
    pub clean_start: bool,
    /// Seconds; 0 switches it off.
    pub keep_alive: u16,
    /// May be empty: the server then assigns one, or refuses (3.1.3.1 Client Identifier).
    pub client_identifier: ByteString,
    /// `None` where nothing is to be published.
    pub will: Option<Box<Will>>,
    /// Who the client says it is.
    pub login: Login,
    /// Empty below MQTT 5.0.
    pub properties: ConnectProperties,
}

/// User Name and Password; 5.0 allows the second without the first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// `None` where the client gives no name.
    pub user_name: Option<ByteString>,
    /// Bytes; that they are text is custom only.
    pub password: Option<Bytes>,
}

/// MQTT 5.0, 3.1.2.11 CONNECT Properties. `None` is absence; the docs say what it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectProperties {
    /// Seconds; absent is 0, `u32::MAX` never expires.
    pub session_expiry_interval: Option<u32>,
    /// How many QoS 1 and 2 flows the client takes at once, 1 to 65,535; absent is 65,535.
    pub receive_maximum: Option<u16>,
    /// Bytes of the largest packet that the client takes; absent is no limit.
    pub maximum_packet_size: Option<u32>,
    /// How many Topic Aliases the client takes; absent is 0.
    pub topic_alias_maximum: Option<u16>,
    /// Whether the client asks for Response Information; absent is `false`.
    pub request_response_information: Option<bool>,
    /// Whether Reason Strings and User Properties may come where they are not asked for; absent is `true`.
    pub request_problem_information: Option<bool>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
    /// The name of the method of enhanced authentication; absent is none.
    pub authentication_method: Option<ByteString>,
    /// What the method makes of it.
    pub authentication_data: Option<Bytes>,
}

/// What the server publishes when the client goes away without DISCONNECT (3.1.2.5 Will Flag).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where the Will is published.
    pub topic: TopicName,
    /// The application's bytes.
    pub payload: Bytes,
    /// The QoS that it is published with.
    pub qos: QoS,
    /// Whether it is published as a retained message.
    pub retain: bool,
    /// Empty below MQTT 5.0.
    pub properties: WillProperties,
}

/// MQTT 5.0, 3.1.3.2 Will Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WillProperties {
    /// Seconds; absent is 0.
    pub will_delay_interval: Option<u32>,
    /// `true`: the payload is UTF-8.
    pub payload_format_indicator: Option<bool>,
    /// Seconds.
    pub message_expiry_interval: Option<u32>,
    /// A MIME type by custom; the specification does not say.
    pub content_type: Option<ByteString>,
    /// Where an answer is expected.
    pub response_topic: Option<TopicName>,
    /// What tells the requester which request an answer is for.
    pub correlation_data: Option<Bytes>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
}

impl std::fmt::Debug for Login {
    /// Never the password: what is formatted may end in a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

/// The Connect Flags (3.1.2.3).
mod flag {
    pub(super) const RESERVED: u8 = 0b0000_0001;
    pub(super) const CLEAN_START: u8 = 0b0000_0010;
    pub(super) const WILL: u8 = 0b0000_0100;
    pub(super) const WILL_QOS_SHIFT: u32 = 3;
    pub(super) const WILL_RETAIN: u8 = 0b0010_0000;
    pub(super) const PASSWORD: u8 = 0b0100_0000;
    pub(super) const USER_NAME: u8 = 0b1000_0000;
}

impl Connect {
    /// Takes Protocol Name and Protocol Level off a CONNECT.
    pub(crate) fn decode_version(body: &mut Reader) -> Result<ProtocolVersion, Violation> {
        let name = body.binary()?;
        match (&name[..], body.byte()?) {
            (b"MQIsdp", 3) => Ok(ProtocolVersion::V31),
            (b"MQTT", 4) => Ok(ProtocolVersion::V311),
            (b"MQTT", 5) => Ok(ProtocolVersion::V5),
            (name, level) => {
                let name = String::from_utf8_lossy(name).chars().take(16).collect::<String>();
                let name = name.escape_debug().to_string();
                Err(Violation::UnsupportedProtocol { name, level })
            }
        }
    }

    /// Decodes what follows [`Connect::decode_version`].
    pub(crate) fn decode(fixed_flags: u8, mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        PacketType::Connect.check_flags(fixed_flags, version)?;
        let flags = body.byte()?;
        let has = |flag: u8| flags & flag != 0;
        // MQTT 3.1 leaves the bit unused instead of reserved.
        if has(flag::RESERVED) && version != ProtocolVersion::V31 {
            return Err(Violation::ReservedConnectFlag);
        }
        if has(flag::PASSWORD) && !has(flag::USER_NAME) && version != ProtocolVersion::V5 {
            return Err(Violation::PasswordWithoutUserName);
        }
        let will_flags = WillFlags::decode(flags, version)?;
        let keep_alive = body.two_bytes()?;
        let properties = match version {
            ProtocolVersion::V31 | ProtocolVersion::V311 => ConnectProperties::default(),
            ProtocolVersion::V5 => ConnectProperties::decode(&mut body)?,
        };
        let client_identifier = body.string()?;
        let will = match will_flags {
            Some(flags) => Some(Box::new(Will::decode(flags, &mut body, version)?)),
            None => None,
        };
        // In MQTT 3.1, 3.1, the flags may promise what the length has no room for: the length is right then.
        let is_there = |flag: u8, body: &Reader| has(flag) && !(version == ProtocolVersion::V31 && body.is_empty());
        let user_name = if is_there(flag::USER_NAME, &body) { Some(body.string()?) } else { None };
        let password = if is_there(flag::PASSWORD, &body) { Some(body.binary()?) } else { None };
        body.finish()?;
        Ok(Self {
            version,
            clean_start: has(flag::CLEAN_START),
            keep_alive,
            client_identifier,
            will,
            login: Login { user_name, password },
            properties,
        })
    }
}

struct WillFlags {
    qos: QoS,
    retain: bool,
}

impl WillFlags {
    fn decode(flags: u8, version: ProtocolVersion) -> Result<Option<Self>, Violation> {
        let qos = flags >> flag::WILL_QOS_SHIFT & 0b11;
        let retain = flags & flag::WILL_RETAIN != 0;
        if flags & flag::WILL != 0 {
            let qos = QoS::from_level(qos).ok_or(Violation::WillQosThree)?;
            return Ok(Some(Self { qos, retain }));
        }
        // MQTT 3.1, 3.1, disregards both where there is no Will.
        if version != ProtocolVersion::V31 {
            if qos != 0 {
                return Err(Violation::WillQosWithoutWill);
            }
            if retain {
                return Err(Violation::WillRetainWithoutWill);
            }
        }
        Ok(None)
    }
}

impl Will {
    fn decode(flags: WillFlags, body: &mut Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let properties = match version {
            ProtocolVersion::V31 | ProtocolVersion::V311 => WillProperties::default(),
            ProtocolVersion::V5 => WillProperties::decode(body)?,
        };
        Ok(Self {
            topic: body.topic_name()?.ok_or(InvalidTopic::Empty)?,
            payload: body.binary()?,
            qos: flags.qos,
            retain: flags.retain,
            properties,
        })
    }
}

impl ConnectProperties {
    fn decode(body: &mut Reader) -> Result<Self, Violation> {
        let mut properties = Self::default();
        let mut reader = PropertyReader::new(PacketType::Connect, body)?;
        while let Some(property) = reader.next()? {
            match property {
                Property::SessionExpiryInterval => reader.four_bytes(&mut properties.session_expiry_interval)?,
                Property::ReceiveMaximum => {
                    reader.positive_two_bytes(&mut properties.receive_maximum, Violation::ZeroReceiveMaximum)?;
                }
                Property::MaximumPacketSize => reader.maximum_packet_size(&mut properties.maximum_packet_size)?,
                Property::TopicAliasMaximum => reader.two_bytes(&mut properties.topic_alias_maximum)?,
                Property::RequestResponseInformation => reader.flag(&mut properties.request_response_information)?,
                Property::RequestProblemInformation => reader.flag(&mut properties.request_problem_information)?,
                Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                Property::AuthenticationMethod => reader.string(&mut properties.authentication_method)?,
                Property::AuthenticationData => reader.binary(&mut properties.authentication_data)?,
                _ => return Err(reader.not_allowed()),
            }
        }
        if properties.authentication_data.is_some() && properties.authentication_method.is_none() {
            return Err(Violation::AuthenticationDataWithoutMethod);
        }
        Ok(properties)
    }
}

impl WillProperties {
    fn decode(body: &mut Reader) -> Result<Self, Violation> {
        let mut properties = Self::default();
        let mut reader = PropertyReader::new(PacketType::Connect, body)?;
        while let Some(property) = reader.next()? {
            match property {
                Property::WillDelayInterval => reader.four_bytes(&mut properties.will_delay_interval)?,
                Property::PayloadFormatIndicator => reader.flag(&mut properties.payload_format_indicator)?,
                Property::MessageExpiryInterval => reader.four_bytes(&mut properties.message_expiry_interval)?,
                Property::ContentType => reader.string(&mut properties.content_type)?,
                Property::ResponseTopic => reader.response_topic(&mut properties.response_topic)?,
                Property::CorrelationData => reader.binary(&mut properties.correlation_data)?,
                Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                _ => return Err(reader.not_allowed()),
            }
        }
        Ok(properties)
    }
}

impl Connect {
    /// Below MQTT 5.0 a password without a user name can't be said [3.1.1: MQTT-3.1.2-22].
    fn password(&self) -> Option<&Bytes> {
        let sayable = self.version == ProtocolVersion::V5 || self.login.user_name.is_some();
        self.login.password.as_ref().filter(|_| sayable)
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.clean_start {
            flags |= flag::CLEAN_START;
        }
        if let Some(will) = &self.will {
            flags |= flag::WILL | will.qos.level() << flag::WILL_QOS_SHIFT;
            if will.retain {
                flags |= flag::WILL_RETAIN;
            }
        }
        if self.login.user_name.is_some() {
            flags |= flag::USER_NAME;
        }
        if self.password().is_some() {
            flags |= flag::PASSWORD;
        }
        flags
    }
}

impl Encode for Connect {
    fn first_byte(&self) -> u8 {
        PacketType::Connect.first_byte()
    }

    /// In the version that the packet itself asks for, whatever the other one is.
    fn write_body(&self, _: ProtocolVersion, out: &mut impl Output) {
        out.string(self.version.protocol_name());
        out.byte(self.version.level());
        out.byte(self.flags());
        out.two_bytes(self.keep_alive);
        if self.version == ProtocolVersion::V5 {
            out.properties(&self.properties);
        }
        out.string(&self.client_identifier);
        if let Some(will) = &self.will {
            if self.version == ProtocolVersion::V5 {
                out.properties(&will.properties);
            }
            out.string(&will.topic);
            out.binary(&will.payload);
        }
        if let Some(user_name) = &self.login.user_name {
            out.string(user_name);
        }
        if let Some(password) = self.password() {
            out.binary(password);
        }
    }
}

impl EncodeProperties for ConnectProperties {
    fn write(&self, out: &mut impl Output) {
        out.four_byte_property(Property::SessionExpiryInterval, self.session_expiry_interval);
        out.two_byte_property(Property::ReceiveMaximum, self.receive_maximum);
        out.four_byte_property(Property::MaximumPacketSize, self.maximum_packet_size);
        out.two_byte_property(Property::TopicAliasMaximum, self.topic_alias_maximum);
        out.flag_property(Property::RequestResponseInformation, self.request_response_information);
        out.flag_property(Property::RequestProblemInformation, self.request_problem_information);
        out.user_properties(&self.user_properties);
        out.string_property(Property::AuthenticationMethod, self.authentication_method.as_deref());
        out.binary_property(Property::AuthenticationData, self.authentication_data.as_deref());
    }
}

impl EncodeProperties for WillProperties {
    fn write(&self, out: &mut impl Output) {
        out.four_byte_property(Property::WillDelayInterval, self.will_delay_interval);
        out.flag_property(Property::PayloadFormatIndicator, self.payload_format_indicator);
        out.four_byte_property(Property::MessageExpiryInterval, self.message_expiry_interval);
        out.string_property(Property::ContentType, self.content_type.as_deref());
        out.string_property(Property::ResponseTopic, self.response_topic.as_deref());
        out.binary_property(Property::CorrelationData, self.correlation_data.as_deref());
        out.user_properties(&self.user_properties);
    }
}
