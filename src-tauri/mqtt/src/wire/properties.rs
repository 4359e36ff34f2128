use bytes::Bytes;
use bytestring::ByteString;

use super::Reader;
use crate::{InvalidTopic, PacketType, Property, TopicName, UserProperty, Violation};

/// Takes the properties of a packet one by one (MQTT 5.0, 2.2.2 Properties).
#[derive(Debug)]
pub(crate) struct PropertyReader {
    reader: Reader,
    packet: PacketType,
    property: Property,
}

impl PropertyReader {
    /// Takes the length and the properties off a packet.
    pub(crate) fn new(packet: PacketType, body: &mut Reader) -> Result<Self, Violation> {
        let length = body.variable_byte_integer()?;
        Ok(Self {
            reader: Reader::new(body.take(length as usize)?),
            packet,
            // Replaced by `next` before anything asks for it.
            property: Property::UserProperty,
        })
    }

    /// The next property, whose value is to be taken by one of the methods below; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Property>, Violation> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let identifier = self.reader.variable_byte_integer()?;
        self.property = Property::from_identifier(identifier).ok_or(Violation::UnknownProperty { identifier })?;
        Ok(Some(self.property))
    }

    pub(crate) const fn not_allowed(&self) -> Violation {
        Violation::PropertyNotAllowed { property: self.property, packet: self.packet }
    }

    fn once<T>(
        &mut self,
        slot: &mut Option<T>,
        read: impl FnOnce(&mut Reader) -> Result<T, Violation>,
    ) -> Result<(), Violation> {
        if slot.is_some() {
            return Err(Violation::DuplicateProperty { property: self.property });
        }
        *slot = Some(read(&mut self.reader)?);
        Ok(())
    }

    /// A byte that is 0 or 1.
    pub(crate) fn flag(&mut self, slot: &mut Option<bool>) -> Result<(), Violation> {
        let property = self.property;
        self.once(slot, |reader| match reader.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(Violation::PropertyNotZeroOrOne { property, value }),
        })
    }

    pub(crate) fn two_bytes(&mut self, slot: &mut Option<u16>) -> Result<(), Violation> {
        self.once(slot, Reader::two_bytes)
    }

    /// Where 0 is the violation `zero`.
    pub(crate) fn positive_two_bytes(&mut self, slot: &mut Option<u16>, zero: Violation) -> Result<(), Violation> {
        self.once(slot, |reader| match reader.two_bytes()? {
            0 => Err(zero),
            value => Ok(value),
        })
    }

    pub(crate) fn four_bytes(&mut self, slot: &mut Option<u32>) -> Result<(), Violation> {
        self.once(slot, Reader::four_bytes)
    }

    pub(crate) fn maximum_packet_size(&mut self, slot: &mut Option<u32>) -> Result<(), Violation> {
        self.once(slot, |reader| match reader.four_bytes()? {
            0 => Err(Violation::ZeroMaximumPacketSize),
            value => Ok(value),
        })
    }

    pub(crate) fn subscription_identifier(&mut self) -> Result<u32, Violation> {
        match self.reader.variable_byte_integer()? {
            0 => Err(Violation::ZeroSubscriptionIdentifier),
            value => Ok(value),
        }
    }

    pub(crate) fn subscription_identifier_once(&mut self, slot: &mut Option<u32>) -> Result<(), Violation> {
        if slot.is_some() {
            return Err(Violation::DuplicateProperty { property: self.property });
        }
        *slot = Some(self.subscription_identifier()?);
        Ok(())
    }

    pub(crate) fn string(&mut self, slot: &mut Option<ByteString>) -> Result<(), Violation> {
        self.once(slot, Reader::string)
    }

    pub(crate) fn binary(&mut self, slot: &mut Option<Bytes>) -> Result<(), Violation> {
        self.once(slot, Reader::binary)
    }

    pub(crate) fn response_topic(&mut self, slot: &mut Option<TopicName>) -> Result<(), Violation> {
        self.once(slot, |reader| match reader.topic_name() {
            Ok(Some(topic)) => Ok(topic),
            Ok(None) => Err(InvalidTopic::Empty.into()),
            Err(Violation::Topic(InvalidTopic::WildcardInName)) => Err(Violation::WildcardInResponseTopic),
            Err(other) => Err(other),
        })
    }

    pub(crate) fn user_property(&mut self, user_properties: &mut Vec<UserProperty>) -> Result<(), Violation> {
        let name = self.reader.string()?;
        let value = self.reader.string()?;
        user_properties.push((name, value));
        Ok(())
    }
}
