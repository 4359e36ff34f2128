//! UNSUBSCRIBE (3.10).

use crate::wire::{Encode, EncodeProperties, Output, PropertyReader, Reader};
use crate::{PacketIdentifier, PacketType, Property, ProtocolVersion, TopicFilter, UserProperty, Violation};

/// A client's request for no more messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// What UNSUBACK answers to.
    pub packet_identifier: PacketIdentifier,
    /// In the order that they came; the only properties that the packet has (MQTT 5.0, 3.10.2.1).
    pub user_properties: Vec<UserProperty>,
    /// At least one [MQTT-3.10.3-2].
    pub filters: Vec<TopicFilter>,
}

impl Unsubscribe {
    pub(crate) fn decode(mut body: Reader, version: ProtocolVersion) -> Result<Self, Violation> {
        let packet_identifier = body.packet_identifier()?;
        let mut user_properties = Vec::new();
        if version == ProtocolVersion::V5 {
            let mut reader = PropertyReader::new(PacketType::Unsubscribe, &mut body)?;
            while let Some(property) = reader.next()? {
                match property {
                    Property::UserProperty => reader.user_property(&mut user_properties)?,
                    _ => return Err(reader.not_allowed()),
                }
            }
        }
        let mut filters = Vec::new();
        while !body.is_empty() {
            filters.push(TopicFilter::new_for(version, body.string()?)?);
        }
        if filters.is_empty() {
            return Err(Violation::NoFilters);
        }
        Ok(Self { packet_identifier, user_properties, filters })
    }
}

impl Encode for Unsubscribe {
    fn first_byte(&self) -> u8 {
        PacketType::Unsubscribe.first_byte()
    }

    fn write_body(&self, version: ProtocolVersion, out: &mut impl Output) {
        out.two_bytes(self.packet_identifier.value());
        if version == ProtocolVersion::V5 {
            out.properties(&UnsubscribeProperties(&self.user_properties));
        }
        for filter in &self.filters {
            out.string(filter);
        }
    }
}

struct UnsubscribeProperties<'a>(&'a [UserProperty]);

impl EncodeProperties for UnsubscribeProperties<'_> {
    fn write(&self, out: &mut impl Output) {
        out.user_properties(self.0);
    }
}
