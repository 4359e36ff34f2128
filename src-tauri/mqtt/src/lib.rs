//! MQTT 3.1, 3.1.1 and 5.0 control packets to and from bytes.
//!
//! Nothing here does I/O, looks at a clock or keeps a session: bytes go in and a [`Packet`] comes out, or a
//! [`Violation`] that quotes the clause of the specification that the peer broke. Payloads and strings are slices of
//! the buffer that they were read from.

#![warn(missing_docs)]

mod decoder;
mod packet;
mod packet_identifier;
mod packet_type;
mod property;
mod qos;
mod reason_code;
mod topic;
mod version;
mod violation;
mod wire;

pub use decoder::Decoder;
pub use packet::acknowledgement::{Acknowledgement, AcknowledgementProperties};
pub use packet::auth::{Auth, AuthProperties};
pub use packet::connack::{ConnAck, ConnAckProperties};
pub use packet::connect::{Connect, ConnectProperties, Login, Will, WillProperties};
pub use packet::disconnect::{Disconnect, DisconnectProperties};
pub use packet::publish::{Publish, PublishProperties, PublishView};
pub use packet::suback::{SubAck, SubAckProperties, UnsubAck};
pub use packet::subscribe::{RetainHandling, Subscribe, SubscribeProperties, Subscription, SubscriptionOptions};
pub use packet::unsubscribe::Unsubscribe;
pub use packet::{Packet, TooLarge, UserProperty};
pub use packet_identifier::PacketIdentifier;
pub use packet_type::PacketType;
pub use property::Property;
pub use qos::QoS;
pub use reason_code::ReasonCode;
pub use topic::{InvalidTopic, TopicFilter, TopicName};
pub use version::ProtocolVersion;
pub use violation::Violation;
