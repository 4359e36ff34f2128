use std::fmt;

use crate::{ProtocolVersion, ReasonCode, Violation};

/// The type of a control packet (2.1.2 MQTT Control Packet type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// 3.1
    Connect = 1,
    /// 3.2
    ConnAck = 2,
    /// 3.3
    Publish = 3,
    /// 3.4
    PubAck = 4,
    /// 3.5
    PubRec = 5,
    /// 3.6
    PubRel = 6,
    /// 3.7
    PubComp = 7,
    /// 3.8
    Subscribe = 8,
    /// 3.9
    SubAck = 9,
    /// 3.10
    Unsubscribe = 10,
    /// 3.11
    UnsubAck = 11,
    /// 3.12
    PingReq = 12,
    /// 3.13
    PingResp = 13,
    /// 3.14
    Disconnect = 14,
    /// MQTT 5.0, 3.15
    Auth = 15,
}

impl PacketType {
    /// The name in the capitals that the specification writes it with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }

    /// From the upper half of a packet's first byte.
    pub(crate) const fn from_number(number: u8) -> Result<Self, Violation> {
        Ok(match number {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            packet_type => return Err(Violation::ReservedPacketType { packet_type }),
        })
    }

    /// Whether only servers send it.
    pub(crate) const fn is_from_server_only(self) -> bool {
        matches!(self, Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp)
    }

    /// The flags of every packet of this type but PUBLISH, whose flags say something (2.1.3; in 3.1.1 2.2.2).
    const fn fixed_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    pub(crate) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | self.fixed_flags()
    }

    /// Holds a packet's flags against those that its type has.
    pub(crate) fn check_flags(self, flags: u8, version: ProtocolVersion) -> Result<(), Violation> {
        match self {
            Self::Publish => Ok(()),
            // MQTT 3.1, 2.1, gives DUP and QoS to PUBREL, SUBSCRIBE and UNSUBSCRIBE, and leaves the others unused.
            _ if version == ProtocolVersion::V31 || flags == self.fixed_flags() => Ok(()),
            _ => Err(Violation::ReservedFlags { packet: self, flags }),
        }
    }

    pub(crate) const fn flags_clause(self) -> &'static str {
        match self {
            Self::PubRel => "MQTT-3.6.1-1",
            Self::Subscribe => "MQTT-3.8.1-1",
            Self::Unsubscribe => "MQTT-3.10.1-1",
            Self::Disconnect => "MQTT-3.14.1-1",
            Self::Auth => "MQTT-3.15.1-1",
            _ => "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2",
        }
    }

    /// The Reason Code that `code` is in a packet of this type, in MQTT 5.0.
    pub(crate) const fn reason_code(self, code: u8) -> Result<ReasonCode, Violation> {
        let known = match self {
            Self::ConnAck => matches!(
                code,
                0x00 | 0x80..=0x8A | 0x8C | 0x90 | 0x95 | 0x97 | 0x99..=0x9D | 0x9F
            ),
            Self::PubAck | Self::PubRec => {
                matches!(code, 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
            }
            Self::PubRel | Self::PubComp => matches!(code, 0x00 | 0x92),
            Self::SubAck => matches!(code, 0x00..=0x02 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2),
            Self::UnsubAck => matches!(code, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91),
            Self::Disconnect => matches!(
                code,
                0x00 | 0x04 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B..=0x90 | 0x93..=0xA2
            ),
            Self::Auth => matches!(code, 0x00 | 0x18 | 0x19),
            Self::Connect | Self::Publish | Self::Subscribe | Self::Unsubscribe | Self::PingReq | Self::PingResp => {
                false
            }
        };
        if known { Ok(ReasonCode(code)) } else { Err(Violation::UnknownReasonCode { packet: self, code }) }
    }

    pub(crate) const fn reason_code_clause(self) -> &'static str {
        match self {
            Self::ConnAck => "MQTT-3.2.2-8; 3.1.1, 3.2.2.3",
            Self::PubAck => "MQTT-3.4.2-1",
            Self::PubRec => "MQTT-3.5.2-1",
            Self::PubRel => "MQTT-3.6.2-1",
            Self::PubComp => "MQTT-3.7.2-1",
            Self::SubAck => "MQTT-3.9.3-2",
            Self::UnsubAck => "MQTT-3.11.3-2",
            Self::Disconnect => "MQTT-3.14.2-1",
            Self::Auth => "MQTT-3.15.2-1",
            Self::Connect | Self::Publish | Self::Subscribe | Self::Unsubscribe | Self::PingReq | Self::PingResp => {
                "MQTT 5.0, 2.4"
            }
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
