//! The frames of a WebSocket in place and in pieces, against a decoder that has all of them at once and copies.

use super::script::Script;
use crate::web_socket::{End, Frames, LONGEST_FRAME};

/// What a stream of frames comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    payload: Vec<u8>,
    ping: Option<Vec<u8>>,
    end: Option<Ended>,
}

/// How a stream ends, as far as two decoders have to agree: two things may be wrong with one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Closed(Option<u16>),
    Violated,
}

/// Feeds a stream to both; panics where they part.
///
/// # Panics
/// Where the code and its model part.
pub fn web_socket(input: &[u8]) {
    let mut script = Script::new(input);
    let sizes: Vec<usize> = (0..4).map(|_| usize::from(script.byte()) + 1).collect();
    let stream = stream(&mut script);
    let expected = model(&stream);
    for sizes in [&sizes[..], &[1], &[usize::MAX]] {
        assert_eq!(in_pieces(&stream, sizes), expected, "in pieces of {sizes:?}");
    }
}

/// Frames that are mostly right, and some bytes as they are.
fn stream(script: &mut Script<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while !script.is_over() {
        if script.below(16) == 0 {
            stream.extend_from_slice(script.bytes());
            continue;
        }
        let opcode = script.pick(&[0x82, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88, 0x81, 0x09, 0xC2, 0x83]);
        let masked = if script.below(16) == 0 { 0 } else { 0x80 };
        let payload = script.bytes();
        stream.push(opcode);
        // The shortest form, and at times a longer one.
        match (payload.len(), script.below(8)) {
            (length @ 0..=125, 1..) => stream.push(masked | length as u8),
            (length, 0) => {
                stream.push(masked | 127);
                stream.extend_from_slice(&(length as u64).to_be_bytes());
            }
            (length, _) => {
                stream.push(masked | 126);
                stream.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        if masked != 0 {
            stream.extend((0..4).map(|_| script.byte()));
        }
        stream.extend_from_slice(payload);
    }
    stream
}

fn in_pieces(stream: &[u8], sizes: &[usize]) -> Decoded {
    let (mut frames, mut decoded) = (Frames::default(), Decoded::default());
    let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
    while !rest.is_empty() && frames.end().is_none() {
        let (piece, behind) = rest.split_at(sizes.next().map_or(1, |size| (*size).min(rest.len())));
        let mut piece = piece.to_vec();
        let count = frames.decode(&mut piece);
        decoded.payload.extend_from_slice(&piece[..count]);
        decoded.ping = frames.take_ping().or(decoded.ping);
        rest = behind;
    }
    decoded.end = frames.end().map(|end| match end {
        End::Closed(code) => Ended::Closed(code),
        End::Violated(_) => Ended::Violated,
    });
    decoded
}

/// RFC 6455, 5.2 to 5.5, word for word. A header that is not whole breaks no rule, whatever it begins with.
fn model(stream: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let (mut rest, mut fragmented) = (stream, false);
    while let Some((frame, behind)) = frame(rest) {
        rest = behind;
        let Frame { first, masked, shortest, length, mask, payload } = frame;
        let (is_final, opcode) = (first & 0x80 != 0, first & 0x0F);
        let is_control = opcode >= 8;
        let is_right = masked
            && shortest
            && first & 0x70 == 0
            && match opcode {
                0 => fragmented,
                2 => !fragmented,
                8..=10 => is_final && length <= 125,
                _ => false,
            }
            && (is_control || length <= LONGEST_FRAME);
        if !is_right {
            decoded.end = Some(Ended::Violated);
            return decoded;
        }
        let plain: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        if !is_control {
            fragmented = !is_final;
            decoded.payload.extend(plain);
        } else if plain.len() as u64 == length {
            match opcode {
                8 => {
                    decoded.end = Some(close(&plain));
                    return decoded;
                }
                9 => decoded.ping = Some(plain),
                _ => {}
            }
        }
    }
    decoded
}

struct Frame<'a> {
    first: u8,
    masked: bool,
    shortest: bool,
    length: u64,
    mask: [u8; 4],
    /// As much as there is of it.
    payload: &'a [u8],
}

/// The next frame whose header is whole, and what is behind it.
fn frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (length, shortest, rest) = match second & 0x7F {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u64::from(u16::from_be_bytes(*length));
            (length, length > 125, rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u64::from_be_bytes(*length);
            (length, length > 0xFFFF, rest)
        }
        length => (u64::from(length), true, rest),
    };
    let masked = second & 0x80 != 0;
    let (mask, rest) =
        if masked { rest.split_first_chunk().map(|(mask, rest)| (*mask, rest))? } else { ([0; 4], rest) };
    let size = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
    let (payload, rest) = rest.split_at(size);
    Some((Frame { first, masked, shortest, length, mask, payload }, rest))
}

/// RFC 6455, 5.5.1 and 7.4.
fn close(payload: &[u8]) -> Ended {
    match payload {
        [] => Ended::Closed(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let is_known = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            if is_known && std::str::from_utf8(reason).is_ok() { Ended::Closed(Some(code)) } else { Ended::Violated }
        }
        [_] => Ended::Violated,
    }
}
