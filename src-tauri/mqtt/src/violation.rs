use crate::{InvalidTopic, ReasonCode};

/// How a peer broke the protocol, with the clause that it broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("{0}")]
    Topic(#[from] InvalidTopic),
    #[error("the packet of {size} bytes is larger than the {limit} bytes that are allowed [MQTT-3.2.2-15]")]
    PacketTooLarge { size: usize, limit: usize },
}

impl Violation {
    /// The Reason Code that tells the peer (MQTT 5.0, 4.13 Handling errors).
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            Self::Topic(_) => ReasonCode::MALFORMED_PACKET,
            Self::PacketTooLarge { .. } => ReasonCode::PACKET_TOO_LARGE,
        }
    }
}
