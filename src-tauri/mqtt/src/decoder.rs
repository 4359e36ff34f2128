//! Bytes in, packets out.

use bytes::{Buf, BytesMut};

use crate::wire::{Reader, read_variable_byte_integer};
use crate::{Connect, Packet, PacketType, Property, ProtocolVersion, Violation};

/// Takes packets off the front of a read buffer, one at a time, whenever one is whole.
///
/// The first packet of a server's decoder must be CONNECT; it settles the version of all that follow.
#[derive(Clone, Debug)]
pub struct Decoder {
    peer: Peer,
    maximum_packet_size: usize,
}

/// Who the packets come from.
#[derive(Clone, Copy, Debug)]
enum Peer {
    /// A client whose CONNECT has not come yet.
    Unknown,
    /// A client whose CONNECT has come.
    Client(ProtocolVersion),
    /// Not said: packets of both directions are fine.
    Any(ProtocolVersion),
}

impl Decoder {
    /// A server's decoder, which learns the version from CONNECT. `maximum_packet_size` in bytes, of whole packets.
    pub const fn new(maximum_packet_size: usize) -> Self {
        Self { peer: Peer::Unknown, maximum_packet_size }
    }

    /// A decoder whose version is known, as a client's is. It takes packets of both directions.
    pub const fn for_version(version: ProtocolVersion, maximum_packet_size: usize) -> Self {
        Self { peer: Peer::Any(version), maximum_packet_size }
    }

    /// The version of the packets; `None` in a server's decoder before CONNECT.
    ///
    /// Where a CONNECT is a violation, this is the version that it asked for, and that a CONNACK with the Reason Code
    /// is to be written in; still `None` where that is none of the known ones, or didn't come.
    pub const fn version(&self) -> Option<ProtocolVersion> {
        match self.peer {
            Peer::Unknown => None,
            Peer::Client(version) | Peer::Any(version) => Some(version),
        }
    }

    /// Splits the next packet off `buffer`; `Ok(None)` where it is not whole yet.
    ///
    /// What a first byte or a Remaining Length gives away is a violation before the rest of the packet has come.
    ///
    /// # Errors
    /// The violation; the buffer's rest is then of no use.
    #[inline]
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, Violation> {
        let Some((&first, after_first)) = buffer.split_first() else {
            return Ok(None);
        };
        let packet_type = PacketType::from_number(first >> 4)?;
        self.check_type(packet_type)?;
        let Some(remaining_length) = read_variable_byte_integer(after_first)? else {
            return Ok(None);
        };
        let header_length = 1 + remaining_length.length;
        let size = header_length + remaining_length.value as usize;
        if size > self.maximum_packet_size {
            return Err(Violation::PacketTooLarge { size, limit: self.maximum_packet_size });
        }
        if buffer.len() < size {
            return Ok(None);
        }
        let mut packet = buffer.split_to(size);
        packet.advance(header_length);
        let body = Reader::new(packet.freeze());
        let packet = self.decode_body(packet_type, first & 0b1111, body)?;
        if !remaining_length.is_minimal() {
            self.check_long_integer(&packet)?;
        }
        Ok(Some(packet))
    }

    /// Bytes of the packet at the front of the buffer, its header included; `None` where too little of it is there to
    /// know, or its Remaining Length is none.
    pub fn packet_size(buffer: &[u8]) -> Option<usize> {
        let (_, after_first) = buffer.split_first()?;
        let remaining_length = read_variable_byte_integer(after_first).ok()??;
        Some(1 + remaining_length.length + remaining_length.value as usize)
    }

    /// Whether such a packet may come now.
    #[inline]
    const fn check_type(&self, packet_type: PacketType) -> Result<(), Violation> {
        match (self.peer, packet_type) {
            (Peer::Unknown, PacketType::Connect) => Ok(()),
            (Peer::Unknown, packet) => Err(Violation::FirstPacketNotConnect { packet }),
            (Peer::Client(_), PacketType::Connect) => Err(Violation::SecondConnect),
            (Peer::Client(_), packet) if packet.is_from_server_only() => Err(Violation::NotFromClient { packet }),
            (Peer::Client(version) | Peer::Any(version), PacketType::Auth)
                if !matches!(version, ProtocolVersion::V5) =>
            {
                Err(Violation::ReservedPacketType { packet_type: PacketType::Auth as u8 })
            }
            (Peer::Client(_) | Peer::Any(_), _) => Ok(()),
        }
    }

    #[inline]
    fn decode_body(&mut self, packet_type: PacketType, flags: u8, mut body: Reader) -> Result<Packet, Violation> {
        match self.peer {
            Peer::Unknown => {
                // Settled even where the rest is wrong: the refusal is written in it.
                let version = Connect::decode_version(&mut body)?;
                self.peer = Peer::Client(version);
                Ok(Packet::Connect(Box::new(Connect::decode(flags, body, version)?)))
            }
            Peer::Client(version) => {
                let packet = Packet::decode(packet_type, flags, body, version)?;
                check_client_properties(&packet)?;
                Ok(packet)
            }
            Peer::Any(version) => Packet::decode(packet_type, flags, body, version),
        }
    }

    /// Only MQTT 5.0 demands the shortest Remaining Length, and small 3.1.1 clients do reserve four bytes for it.
    #[cold]
    fn check_long_integer(&self, packet: &Packet) -> Result<(), Violation> {
        let version = match packet {
            Packet::Connect(connect) => Some(connect.version),
            _ => self.version(),
        };
        match version {
            Some(ProtocolVersion::V5) => Err(Violation::VariableByteIntegerNotMinimal),
            _ => Ok(()),
        }
    }
}

/// Properties that a packet has in one direction only.
#[inline]
fn check_client_properties(packet: &Packet) -> Result<(), Violation> {
    match packet {
        Packet::Publish(publish) => match &publish.properties {
            Some(properties) if !properties.subscription_identifiers.is_empty() => {
                Err(Violation::SubscriptionIdentifierFromClient)
            }
            _ => Ok(()),
        },
        Packet::Disconnect(disconnect) if disconnect.properties.server_reference.is_some() => {
            Err(Violation::PropertyNotAllowed { property: Property::ServerReference, packet: PacketType::Disconnect })
        }
        _ => Ok(()),
    }
}
