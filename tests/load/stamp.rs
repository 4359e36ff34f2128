//! What the generator writes at the start of each payload, to know the message again when it comes back.

/// Bytes of a stamp.
pub(crate) const LENGTH: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When the message was due to leave, in nanoseconds of the generator's clock.
    pub(crate) due: u64,
    pub(crate) publisher: u32,
    /// The publisher's messages are numbered from 0.
    pub(crate) number: u32,
}

impl Stamp {
    pub(crate) fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&self.due.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[12..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// `None` where the payload is too short.
    pub(crate) fn from_payload(payload: &[u8]) -> Option<Self> {
        let (due, rest) = payload.split_first_chunk()?;
        let (publisher, rest) = rest.split_first_chunk()?;
        let number = rest.first_chunk()?;
        Some(Self {
            due: u64::from_be_bytes(*due),
            publisher: u32::from_be_bytes(*publisher),
            number: u32::from_be_bytes(*number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was_written() {
        let stamp = Stamp { due: u64::MAX - 1, publisher: 7, number: 0x0102_0304 };
        let mut payload = stamp.to_bytes().to_vec();
        payload.extend_from_slice(b"...");
        assert_eq!(Stamp::from_payload(&payload), Some(stamp));
        assert_eq!(Stamp::from_payload(&payload[..LENGTH - 1]), None);
    }
}
