//! The little that the generator reads of what a broker sends. It knows both ends, and nightjar-mqtt's decoder, which
//! checks everything, would cost more than some brokers do.

use anyhow::bail;

/// What a packet means to the generator (MQTT 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Message {
        qos: u8,
        packet_identifier: u16,
        /// When it was sent, in nanoseconds of the generator's clock.
        sent: u64,
    },
    PubAck,
    PubRec(u16),
    PubRel(u16),
    PubComp,
    Other,
}

/// The first packet in `bytes` and its length; `None` where it is not whole yet.
pub(crate) fn read(bytes: &[u8]) -> anyhow::Result<Option<(Frame, usize)>> {
    let Some((start, end)) = bounds(bytes)? else {
        return Ok(None);
    };
    let Some(body) = bytes.get(start..end) else {
        return Ok(None);
    };
    let frame = match bytes[0] >> 4 {
        3 => message((bytes[0] >> 1) & 3, body),
        4 => Some(Frame::PubAck),
        5 => number(body, 0).map(Frame::PubRec),
        6 => number(body, 0).map(Frame::PubRel),
        7 => Some(Frame::PubComp),
        _ => Some(Frame::Other),
    };
    match frame {
        Some(frame) => Ok(Some((frame, end))),
        None => bail!("the broker sent a packet that is too short"),
    }
}

/// Where the first packet's body starts and ends.
fn bounds(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let mut length = 0;
    for index in 1..=4 {
        let Some(&byte) = bytes.get(index) else {
            return Ok(None);
        };
        length |= usize::from(byte & 0x7F) << (7 * (index - 1));
        if byte < 0x80 {
            return Ok(Some((index + 1, index + 1 + length)));
        }
    }
    bail!("the broker sent a Remaining Length of more than four bytes")
}

fn message(qos: u8, body: &[u8]) -> Option<Frame> {
    let mut position = 2 + usize::from(number(body, 0)?);
    let mut packet_identifier = 0;
    if qos > 0 {
        packet_identifier = number(body, position)?;
        position += 2;
    }
    let stamp = body.get(position..position + 8)?;
    Some(Frame::Message { qos, packet_identifier, sent: u64::from_be_bytes(stamp.try_into().ok()?) })
}

fn number(bytes: &[u8], position: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(position)?, *bytes.get(position + 1)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_packets_only() {
        let bytes = b"\x32\x0D\x00\x01a\x00\x07\0\0\0\0\0\0\x01\x02\x40\x02\x00\x07";
        for length in 0..15 {
            assert_eq!(read(&bytes[..length]).unwrap(), None);
        }
        let message = Frame::Message { qos: 1, packet_identifier: 7, sent: 0x0102 };
        assert_eq!(read(bytes).unwrap(), Some((message, 15)));
        assert_eq!(read(&bytes[15..]).unwrap(), Some((Frame::PubAck, 4)));
        assert!(read(b"\x30\xFF\xFF\xFF\xFF\x01").is_err());
        assert!(read(b"\x30\x03\x00\x01a").is_err(), "no time in it");
    }
}
