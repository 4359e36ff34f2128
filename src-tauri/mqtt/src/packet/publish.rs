//! PUBLISH (3.3).

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use crate::wire::{self, Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{
    PacketIdentifier, PacketType, Property, ProtocolVersion, QoS, TooLarge, TopicName, UserProperty, Violation,
};

/// A message on its way to or from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Whether this may be another attempt to deliver it (3.3.1.1).
    pub dup: bool,
    /// How surely it is delivered (3.3.1.2).
    pub qos: QoS,
    /// Whether the server keeps it, or kept it, for who subscribes later (3.3.1.3).
    pub retain: bool,
    /// `None` only in MQTT 5.0 with a Topic Alias that stands for it (3.3.2.1).
    pub topic: Option<TopicName>,
    /// Present with QoS 1 and 2, absent with QoS 0 [MQTT-2.2.1-2].
    pub packet_identifier: Option<PacketIdentifier>,
    /// `None` where there are none, which is the common case.
    pub properties: Option<Box<PublishProperties>>,
    /// The application's bytes.
    pub payload: Bytes,
}

/// MQTT 5.0, 3.3.2.3 PUBLISH Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties {
    /// `true`: the payload is UTF-8.
    pub payload_format_indicator: Option<bool>,
    /// Seconds.
    pub message_expiry_interval: Option<u32>,
    /// 1 to 65,535.
    pub topic_alias: Option<u16>,
    /// Where an answer is expected.
    pub response_topic: Option<TopicName>,
    /// What tells the requester which request an answer is for.
    pub correlation_data: Option<Bytes>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
    /// Server to client only; each 1 to 268,435,455.
    pub subscription_identifiers: Vec<u32>,
    /// A MIME type by custom; the specification does not say.
    pub content_type: Option<ByteString>,
}

/// A PUBLISH to encode, borrowed from wherever the message lives, so that fan-out copies nothing but bytes.
#[derive(Clone, Copy, Debug)]
pub struct PublishView<'a> {
    /// See [`Publish::dup`].
    pub dup: bool,
    /// See [`Publish::qos`].
    pub qos: QoS,
    /// See [`Publish::retain`].
    pub retain: bool,
    /// `None` only in MQTT 5.0 with a Topic Alias that stands for it.
    pub topic: Option<&'a TopicName>,
    /// Present with QoS 1 and 2, absent with QoS 0 [MQTT-2.2.1-2].
    pub packet_identifier: Option<PacketIdentifier>,
    /// Written but for `message_expiry_interval`, `topic_alias` and `subscription_identifiers`, which belong to one
    /// delivery and are given below.
    pub properties: Option<&'a PublishProperties>,
    /// Seconds that are left.
    pub message_expiry_interval: Option<u32>,
    /// 1 to 65,535.
    pub topic_alias: Option<u16>,
    /// Of the Subscriptions that the message is delivered for, each 1 to 268,435,455.
    pub subscription_identifiers: &'a [u32],
    /// The application's bytes.
    pub payload: &'a Bytes,
}

const DUP: u8 = 0b1000;
const RETAIN: u8 = 0b0001;

impl Publish {
    #[inline]
    pub(crate) fn decode(flags: u8, mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let dup = flags & DUP != 0;
        let qos = QoS::from_level(flags >> 1 & 0b11).ok_or(Violation::QosThree)?;
        // MQTT 3.1 gives DUP no meaning at QoS 0, and does not forbid it.
        if dup && qos == QoS::AtMostOnce && version != ProtocolVersion::V31 {
            return Err(Violation::DupAtQosZero);
        }
        let topic = body.topic_name()?;
        let packet_identifier = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(body.packet_identifier()?),
        };
        let properties = match version {
            ProtocolVersion::V31 | ProtocolVersion::V311 => None,
            ProtocolVersion::V5 => PublishProperties::decode(&mut body)?,
        };
        if topic.is_none() && properties.as_ref().is_none_or(|properties| properties.topic_alias.is_none()) {
            return Err(Violation::NoTopic);
        }
        Ok(Self { dup, qos, retain: flags & RETAIN != 0, topic, packet_identifier, properties, payload: body.rest() })
    }

    pub(crate) fn encode(&self, version: ProtocolVersion, out: &mut BytesMut) -> Result<(), TooLarge> {
        let properties = self.properties.as_deref();
        let parts = Parts {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: self.topic.as_deref().unwrap_or(""),
            packet_identifier: self.packet_identifier,
            properties: DeliveryProperties {
                message: properties,
                message_expiry_interval: properties.and_then(|properties| properties.message_expiry_interval),
                topic_alias: properties.and_then(|properties| properties.topic_alias),
                subscription_identifiers: properties.map_or(&[], |properties| &properties.subscription_identifiers),
            },
            payload: &self.payload,
        };
        wire::encode(&parts, version, out)
    }
}

impl PublishProperties {
    #[inline]
    fn decode(body: &mut Reader) -> Result<Option<Box<Self>>, Violation> {
        if body.skip_zero() { Ok(None) } else { Self::decode_some(body).map(Some) }
    }

    fn decode_some(body: &mut Reader) -> Result<Box<Self>, Violation> {
        let mut reader = PropertyReader::new(PacketType::Publish, body)?;
        let mut properties = Box::<Self>::default();
        while let Some(property) = reader.next()? {
            match property {
                Property::PayloadFormatIndicator => reader.flag(&mut properties.payload_format_indicator)?,
                Property::MessageExpiryInterval => reader.four_bytes(&mut properties.message_expiry_interval)?,
                Property::TopicAlias => {
                    reader.positive_two_bytes(&mut properties.topic_alias, Violation::ZeroTopicAlias)?;
                }
                Property::ResponseTopic => reader.response_topic(&mut properties.response_topic)?,
                Property::CorrelationData => reader.binary(&mut properties.correlation_data)?,
                Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                Property::SubscriptionIdentifier => {
                    properties.subscription_identifiers.push(reader.subscription_identifier()?);
                }
                Property::ContentType => reader.string(&mut properties.content_type)?,
                _ => return Err(reader.not_allowed()),
            }
        }
        Ok(properties)
    }
}

impl PublishView<'_> {
    /// Appends the PUBLISH to `out`.
    ///
    /// # Errors
    /// [`TooLarge`]; `out` is then as it was.
    #[inline]
    pub fn encode(&self, version: ProtocolVersion, out: &mut BytesMut) -> Result<(), TooLarge> {
        wire::encode(&self.parts(), version, out)
    }

    /// Bytes of the whole packet, fixed header included: what a peer's Maximum Packet Size is held against.
    pub fn encoded_len(&self, version: ProtocolVersion) -> usize {
        wire::packet_length(&self.parts(), version)
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: self.topic.map_or("", |topic| topic),
            packet_identifier: self.packet_identifier,
            properties: DeliveryProperties {
                message: self.properties,
                message_expiry_interval: self.message_expiry_interval,
                topic_alias: self.topic_alias,
                subscription_identifiers: self.subscription_identifiers,
            },
            payload: self.payload,
        }
    }
}

/// What [`Publish`] and [`PublishView`] have in common.
struct Parts<'a> {
    dup: bool,
    qos: QoS,
    retain: bool,
    /// Empty where a Topic Alias stands for it.
    topic: &'a str,
    packet_identifier: Option<PacketIdentifier>,
    properties: DeliveryProperties<'a>,
    payload: &'a [u8],
}

struct DeliveryProperties<'a> {
    message: Option<&'a PublishProperties>,
    message_expiry_interval: Option<u32>,
    topic_alias: Option<u16>,
    subscription_identifiers: &'a [u32],
}

impl Encode for Parts<'_> {
    #[inline]
    fn first_byte(&self) -> u8 {
        let dup = if self.dup { DUP } else { 0 };
        let retain = if self.retain { RETAIN } else { 0 };
        (PacketType::Publish as u8) << 4 | dup | self.qos.level() << 1 | retain
    }

    #[inline]
    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        out.string(self.topic);
        if self.qos != QoS::AtMostOnce {
            debug_assert!(self.packet_identifier.is_some(), "QoS 1 and 2 come with a Packet Identifier");
            out.two_bytes(self.packet_identifier.map_or(0, PacketIdentifier::value));
        }
        if version == ProtocolVersion::V5 {
            out.properties(&self.properties);
        }
        out.slice(self.payload);
    }
}

impl EncodeProperties for DeliveryProperties<'_> {
    #[inline]
    fn write(&self, out: &mut impl Output) {
        out.four_byte_property(Property::MessageExpiryInterval, self.message_expiry_interval);
        out.two_byte_property(Property::TopicAlias, self.topic_alias);
        for &identifier in self.subscription_identifiers {
            out.variable_byte_property(Property::SubscriptionIdentifier, identifier);
        }
        if let Some(message) = self.message {
            out.flag_property(Property::PayloadFormatIndicator, message.payload_format_indicator);
            out.string_property(Property::ContentType, message.content_type.as_deref());
            out.string_property(Property::ResponseTopic, message.response_topic.as_deref());
            out.binary_property(Property::CorrelationData, message.correlation_data.as_deref());
            out.user_properties(&message.user_properties);
        }
    }
}
