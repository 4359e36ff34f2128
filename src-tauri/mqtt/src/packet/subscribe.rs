//! SUBSCRIBE (3.8).

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{PacketIdentifier, PacketType, Property, ProtocolVersion, QoS, TopicFilter, UserProperty, Violation};

/// A client's request for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// What SUBACK answers to.
    pub packet_identifier: PacketIdentifier,
    /// Empty below MQTT 5.0.
    pub properties: SubscribeProperties,
    /// At least one [MQTT-3.8.3-2].
    pub subscriptions: Vec<Subscription>,
}

/// MQTT 5.0, 3.8.2.1 SUBSCRIBE Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeProperties {
    /// 1 to 268,435,455.
    pub subscription_identifier: Option<u32>,
    /// In the order that they came.
    pub user_properties: Vec<UserProperty>,
}

/// A Topic Filter and how its messages are to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Which messages.
    pub filter: TopicFilter,
    /// How they come.
    pub options: SubscriptionOptions,
}

/// MQTT 5.0, 3.8.3.1 Subscription Options. Below 5.0 only the QoS is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// What the messages' QoS is lowered to where it is higher.
    pub maximum_qos: QoS,
    /// The client's own messages do not come back.
    pub no_local: bool,
    /// Messages keep the RETAIN flag that they were published with.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

/// When the retained messages of a filter are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// At each SUBSCRIBE.
    #[default]
    AtSubscribe = 0,
    /// At the SUBSCRIBE that makes the Subscription, and not when it is made again.
    AtNewSubscribe = 1,
    /// Not at all.
    Never = 2,
}

const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_AS_PUBLISHED: u8 = 0b0000_1000;

impl Subscribe {
    pub(crate) fn decode(mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let packet_identifier = body.packet_identifier()?;
        let properties = match version {
            ProtocolVersion::V31 | ProtocolVersion::V311 => SubscribeProperties::default(),
            ProtocolVersion::V5 => SubscribeProperties::decode(&mut body)?,
        };
        let mut subscriptions = Vec::new();
        while !body.is_empty() {
            let filter = TopicFilter::new_for(version, body.string()?)?;
            let options = SubscriptionOptions::decode(body.byte()?, version)?;
            if options.no_local && filter.shared().is_some() {
                return Err(Violation::NoLocalOnSharedSubscription);
            }
            subscriptions.push(Subscription { filter, options });
        }
        if subscriptions.is_empty() {
            return Err(Violation::NoSubscriptions);
        }
        Ok(Self { packet_identifier, properties, subscriptions })
    }
}

impl SubscribeProperties {
    fn decode(body: &mut Reader) -> Result<Self, Violation> {
        let mut properties = Self::default();
        let mut reader = PropertyReader::new(PacketType::Subscribe, body)?;
        while let Some(property) = reader.next()? {
            match property {
                Property::SubscriptionIdentifier => {
                    reader.subscription_identifier_once(&mut properties.subscription_identifier)?;
                }
                Property::UserProperty => reader.user_property(&mut properties.user_properties)?,
                _ => return Err(reader.not_allowed()),
            }
        }
        Ok(properties)
    }
}

impl SubscriptionOptions {
    fn decode(options: u8, version: ProtocolVersion) -> Result<Self, Violation> {
        let maximum_qos = QoS::from_level(options & 0b11).ok_or(Violation::SubscriptionQosThree)?;
        match version {
            // "The upper 6 bits of this byte are not used" says MQTT 3.1, 3.8, and nothing about their value.
            ProtocolVersion::V31 => {}
            ProtocolVersion::V311 if options & 0b1111_1100 == 0 => {}
            ProtocolVersion::V5 if options & 0b1100_0000 == 0 => {
                return Ok(Self {
                    maximum_qos,
                    no_local: options & NO_LOCAL != 0,
                    retain_as_published: options & RETAIN_AS_PUBLISHED != 0,
                    retain_handling: match options >> 4 {
                        0 => RetainHandling::AtSubscribe,
                        1 => RetainHandling::AtNewSubscribe,
                        2 => RetainHandling::Never,
                        _ => return Err(Violation::RetainHandlingThree),
                    },
                });
            }
            ProtocolVersion::V311 | ProtocolVersion::V5 => {
                return Err(Violation::ReservedSubscriptionOptions { options });
            }
        }
        Ok(Self { maximum_qos, ..Self::default() })
    }

    const fn to_byte(self, version: ProtocolVersion) -> u8 {
        let mut options = self.maximum_qos.level();
        if matches!(version, ProtocolVersion::V5) {
            if self.no_local {
                options |= NO_LOCAL;
            }
            if self.retain_as_published {
                options |= RETAIN_AS_PUBLISHED;
            }
            options |= (self.retain_handling as u8) << 4;
        }
        options
    }
}

impl Encode for Subscribe {
    fn first_byte(&self) -> u8 {
        PacketType::Subscribe.first_byte()
    }

    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        out.two_bytes(self.packet_identifier.value());
        if version == ProtocolVersion::V5 {
            out.properties(&self.properties);
        }
        for subscription in &self.subscriptions {
            out.string(&subscription.filter);
            out.byte(subscription.options.to_byte(version));
        }
    }
}

impl EncodeProperties for SubscribeProperties {
    fn write(&self, out: &mut impl Output) {
        if let Some(identifier) = self.subscription_identifier {
            out.variable_byte_property(Property::SubscriptionIdentifier, identifier);
        }
        out.user_properties(&self.user_properties);
    }
}
