//! The little that the generator reads of what a broker sends. It knows both ends, and nightjar-mqtt's decoder, which
//! checks everything, would cost more than some brokers do.

use anyhow::{Context, bail};

use crate::stamp::Stamp;

/// What a packet means to the generator (MQTT 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Message { qos: u8, retain: bool, packet_identifier: u16, stamp: Stamp },
    ConnAck(u8),
    PubAck(u16),
    PubRec(u16),
    PubRel(u16),
    PubComp(u16),
    PingResp,
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
        2 => body.get(1).map(|code| Frame::ConnAck(*code)),
        3 => message(bytes[0], body),
        4 => number(body, 0).map(Frame::PubAck),
        5 => number(body, 0).map(Frame::PubRec),
        6 => number(body, 0).map(Frame::PubRel),
        7 => number(body, 0).map(Frame::PubComp),
        13 => Some(Frame::PingResp),
        _ => Some(Frame::Other),
    };
    Ok(Some((frame.context("the broker sent a packet that is too short")?, end)))
}

/// Where the first packet's body starts and ends; `None` where its length is not whole yet.
pub(crate) fn bounds(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
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
    bail!("a Remaining Length of more than four bytes")
}

fn message(first: u8, body: &[u8]) -> Option<Frame> {
    let qos = (first >> 1) & 3;
    let mut position = 2 + usize::from(number(body, 0)?);
    let mut packet_identifier = 0;
    if qos > 0 {
        packet_identifier = number(body, position)?;
        position += 2;
    }
    let stamp = Stamp::from_payload(body.get(position..)?)?;
    Some(Frame::Message { qos, retain: first & 1 == 1, packet_identifier, stamp })
}

fn number(bytes: &[u8], position: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(position)?, *bytes.get(position + 1)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_packets_only() {
        let stamp = Stamp { due: 0x0102, publisher: 3, number: 4 };
        let mut bytes = b"\x33\x15\x00\x01a\x00\x07".to_vec();
        bytes.extend_from_slice(&stamp.to_bytes());
        bytes.extend_from_slice(b"\x40\x02\x00\x07");
        for length in 0..23 {
            assert_eq!(read(&bytes[..length]).unwrap(), None);
        }
        let message = Frame::Message { qos: 1, retain: true, packet_identifier: 7, stamp };
        assert_eq!(read(&bytes).unwrap(), Some((message, 23)));
        assert_eq!(read(&bytes[23..]).unwrap(), Some((Frame::PubAck(7), 4)));
        assert!(read(b"\x30\xFF\xFF\xFF\xFF\x01").is_err());
        assert!(read(b"\x30\x03\x00\x01a").is_err(), "no stamp in it");
    }
}
