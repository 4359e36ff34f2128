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

use crate::{
    Acknowledgement, Auth, ConnAck, Connect, Disconnect, ProtocolVersion, Publish, SubAck, Subscribe, UnsubAck,
    Unsubscribe,
};

/// A name and a value that travel with a packet, in order, as often as the sender likes (MQTT 5.0, 3.1.2.11.8).
pub type UserProperty = (ByteString, ByteString);

/// A control packet, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    Connect(Box<Connect>),
    ConnAck(Box<ConnAck>),
    Publish(Publish),
    PubAck(Acknowledgement),
    PubRec(Acknowledgement),
    PubRel(Acknowledgement),
    PubComp(Acknowledgement),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    Auth(Auth),
}

/// The type of a control packet (2.1.2 MQTT Control Packet type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

/// A packet that no peer could read: a string over 65,535 bytes, or a packet over 268,435,455 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a packet of this size can't be encoded: strings hold 65,535 bytes, packets 268,435,455 bytes (2.1.4 Remaining Length)"
)]
pub struct TooLarge;

impl Packet {
    /// Appends the packet's bytes to `out`, as the given version writes them. What a version does not know
    /// (properties, most reason codes) is left out.
    ///
    /// # Errors
    /// [`TooLarge`]; `out` is then as it was.
    pub fn encode(&self, version: ProtocolVersion, out: &mut BytesMut) -> Result<(), TooLarge> {
        let _ = (version, out);
        todo!()
    }
}
