//! The control packets, one file each (MQTT 5.0, 3 MQTT Control Packets).

pub(crate) mod acknowledgement;
pub(crate) mod auth;
pub(crate) mod connack;
pub(crate) mod connect;
pub(crate) mod disconnect;
pub(crate) mod publish;
pub(crate) mod suback;
pub(crate) mod subscribe;
pub(crate) mod unsubscribe;

use bytes::BytesMut;
use bytestring::ByteString;

use crate::wire::{self, Reader};
use crate::{
    Acknowledgement, Auth, ConnAck, Connect, Disconnect, PacketType, ProtocolVersion, Publish, SubAck, Subscribe,
    UnsubAck, Unsubscribe, Violation,
};
use acknowledgement::AcknowledgementPacket;

/// A name and a value that travel with a packet, in order, as often as the sender likes (MQTT 5.0, 3.1.2.11.8).
pub type UserProperty = (ByteString, ByteString);

/// A control packet, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A client asks for a connection.
    Connect(Box<Connect>),
    /// The server grants or refuses it.
    ConnAck(Box<ConnAck>),
    /// A message.
    Publish(Publish),
    /// The answer to a PUBLISH of QoS 1.
    PubAck(Acknowledgement),
    /// The answer to a PUBLISH of QoS 2.
    PubRec(Acknowledgement),
    /// The answer to PUBREC.
    PubRel(Acknowledgement),
    /// The answer to PUBREL.
    PubComp(Acknowledgement),
    /// A client asks for messages.
    Subscribe(Subscribe),
    /// The server grants or refuses them.
    SubAck(SubAck),
    /// A client asks for no more messages.
    Unsubscribe(Unsubscribe),
    /// The server sends no more.
    UnsubAck(UnsubAck),
    /// A client shows that it is there.
    PingReq,
    /// So does the server.
    PingResp,
    /// The connection ends.
    Disconnect(Disconnect),
    /// A step of enhanced authentication; MQTT 5.0 only.
    Auth(Auth),
}

/// A packet that no peer could read: a string over 65,535 bytes, or a packet over 268,435,455 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a packet of this size can't be encoded: strings hold 65,535 bytes, packets 268,435,455 bytes (2.1.4 Remaining Length)"
)]
pub struct TooLarge;

impl Packet {
    /// Its type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// Decodes what follows the fixed header. A CONNECT says its version itself.
    #[inline]
    pub(crate) fn decode(
        packet_type: PacketType,
        flags: u8,
        mut body: Reader,
        version: ProtocolVersion,
    ) -> Result<Self, Violation> {
        // Of CONNECT, the version decides that is in it.
        if packet_type != PacketType::Connect {
            packet_type.check_flags(flags, version)?;
        }
        let acknowledgement = |body| Acknowledgement::decode(packet_type, body, version);
        Ok(match packet_type {
            PacketType::Publish => Self::Publish(Publish::decode(flags, body, version)?),
            PacketType::PubAck => Self::PubAck(acknowledgement(body)?),
            PacketType::PubRec => Self::PubRec(acknowledgement(body)?),
            PacketType::PubRel => Self::PubRel(acknowledgement(body)?),
            PacketType::PubComp => Self::PubComp(acknowledgement(body)?),
            PacketType::Connect => {
                let version = Connect::decode_version(&mut body)?;
                Self::Connect(Box::new(Connect::decode(flags, body, version)?))
            }
            PacketType::ConnAck => Self::ConnAck(Box::new(ConnAck::decode(body, version)?)),
            PacketType::Subscribe => Self::Subscribe(Subscribe::decode(body, version)?),
            PacketType::SubAck => Self::SubAck(SubAck::decode(body, version)?),
            PacketType::Unsubscribe => Self::Unsubscribe(Unsubscribe::decode(body, version)?),
            PacketType::UnsubAck => Self::UnsubAck(UnsubAck::decode(body, version)?),
            PacketType::PingReq => {
                body.finish()?;
                Self::PingReq
            }
            PacketType::PingResp => {
                body.finish()?;
                Self::PingResp
            }
            PacketType::Disconnect => Self::Disconnect(Disconnect::decode(body, version)?),
            PacketType::Auth => Self::Auth(Auth::decode(body)?),
        })
    }

    /// Appends the packet's bytes to `out`, as the given version writes them. What a version does not know
    /// (properties, most reason codes, AUTH as a whole) is left out. CONNECT is written in the version that it asks
    /// for.
    ///
    /// # Errors
    /// [`TooLarge`]; `out` is then as it was.
    pub fn encode(&self, version: ProtocolVersion, out: &mut BytesMut) -> Result<(), TooLarge> {
        let acknowledgement = |acknowledgement, out: &mut BytesMut| {
            wire::encode(&AcknowledgementPacket(self.packet_type(), acknowledgement), version, out)
        };
        match self {
            Self::Publish(publish) => publish.encode(version, out),
            Self::PubAck(content) | Self::PubRec(content) | Self::PubRel(content) | Self::PubComp(content) => {
                acknowledgement(content, out)
            }
            Self::Connect(connect) => wire::encode(&**connect, version, out),
            Self::ConnAck(connack) => wire::encode(&**connack, version, out),
            Self::Subscribe(subscribe) => wire::encode(subscribe, version, out),
            Self::SubAck(suback) => wire::encode(suback, version, out),
            Self::Unsubscribe(unsubscribe) => wire::encode(unsubscribe, version, out),
            Self::UnsubAck(unsuback) => wire::encode(unsuback, version, out),
            Self::PingReq | Self::PingResp => {
                out.extend_from_slice(&[self.packet_type().first_byte(), 0]);
                Ok(())
            }
            Self::Disconnect(disconnect) => wire::encode(disconnect, version, out),
            Self::Auth(auth) if version == ProtocolVersion::V5 => wire::encode(auth, version, out),
            Self::Auth(_) => Ok(()),
        }
    }
}
