//! Bytes in, packets out.

use bytes::BytesMut;

use crate::{Packet, ProtocolVersion, Violation};

/// Takes packets off the front of a read buffer, one at a time, whenever one is whole.
///
/// The first packet of a server's decoder must be CONNECT; it settles the version of all that follow.
#[derive(Clone, Debug)]
pub struct Decoder {
    version: Option<ProtocolVersion>,
    maximum_packet_size: usize,
}

impl Decoder {
    /// A server's decoder, which learns the version from CONNECT. `maximum_packet_size` in bytes, of whole packets.
    pub const fn new(maximum_packet_size: usize) -> Self {
        Self {
            version: None,
            maximum_packet_size,
        }
    }

    /// A decoder whose version is known, as a client's is.
    pub const fn for_version(version: ProtocolVersion, maximum_packet_size: usize) -> Self {
        Self {
            version: Some(version),
            maximum_packet_size,
        }
    }

    /// Splits the next packet off `buffer`; `Ok(None)` where it is not whole yet.
    ///
    /// # Errors
    /// The violation; the buffer's rest is then of no use.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, Violation> {
        let _ = buffer;
        todo!()
    }
}
