//! PUBLISH (3.3).

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use crate::{PacketIdentifier, ProtocolVersion, QoS, TooLarge, TopicName, UserProperty};

/// A message on its way to or from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    /// `None` only in MQTT 5.0 with a Topic Alias that stands for it (3.3.2.1).
    pub topic: Option<TopicName>,
    /// Present with QoS 1 and 2, absent with QoS 0 [MQTT-2.2.1-2].
    pub packet_identifier: Option<PacketIdentifier>,
    /// `None` where there are none, which is the common case.
    pub properties: Option<Box<PublishProperties>>,
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
    pub response_topic: Option<TopicName>,
    pub correlation_data: Option<Bytes>,
    pub user_properties: Vec<UserProperty>,
    /// Server to client only; each 1 to 268,435,455.
    pub subscription_identifiers: Vec<u32>,
    pub content_type: Option<ByteString>,
}

/// A PUBLISH to encode, borrowed from wherever the message lives, so that fan-out copies nothing but bytes.
#[derive(Clone, Copy, Debug)]
pub struct PublishView<'a> {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    pub topic: &'a TopicName,
    pub packet_identifier: Option<PacketIdentifier>,
    /// Written but for `message_expiry_interval`, `topic_alias` and `subscription_identifiers`, which belong to one
    /// delivery and are given below.
    pub properties: Option<&'a PublishProperties>,
    /// Seconds that are left.
    pub message_expiry_interval: Option<u32>,
    pub topic_alias: Option<u16>,
    pub subscription_identifiers: &'a [u32],
    pub payload: &'a Bytes,
}

impl PublishView<'_> {
    /// Appends the PUBLISH to `out`.
    ///
    /// # Errors
    /// [`TooLarge`]; `out` is then as it was.
    pub fn encode(&self, version: ProtocolVersion, out: &mut BytesMut) -> Result<(), TooLarge> {
        let _ = (version, out);
        todo!()
    }

    /// Bytes of the whole packet, fixed header included: what a peer's Maximum Packet Size is held against.
    pub fn encoded_len(&self, version: ProtocolVersion) -> usize {
        let _ = version;
        todo!()
    }
}
