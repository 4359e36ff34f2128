//! The frames that a client sends (RFC 6455, 5), taken off the bytes as they come: no frame and no message is gathered, so
//! that one that is announced and never comes costs nothing.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Bytes of the longest header.
const HEADER: usize = 14;
/// Bytes of a control frame's payload at most (5.5).
const CONTROL: u64 = 125;
/// Bytes of a frame at most. No memory is at stake; MQTT knows no packet that is larger.
pub(crate) const LONGEST: u64 = 256 << 20;

/// What a client did to the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameViolation {
    #[error("a frame is not masked (RFC 6455, 5.1)")]
    NotMasked,
    #[error("a frame is text, where MQTT is binary [MQTT-6.0.0-1]")]
    Text,
    #[error("a frame has reserved bits set, and no extension was agreed on (RFC 6455, 5.2)")]
    ReservedBits,
    #[error("a frame has the opcode {0}, which is reserved (RFC 6455, 5.2)")]
    ReservedOpcode(u8),
    #[error("a frame's length is not written in the shortest form (RFC 6455, 5.2)")]
    LongLength,
    #[error("a frame of {0} bytes is longer than any MQTT packet")]
    TooLong(u64),
    #[error("a control frame has {0} bytes, more than 125 (RFC 6455, 5.5)")]
    LongControl(u64),
    #[error("a control frame is fragmented (RFC 6455, 5.5)")]
    FragmentedControl,
    #[error("a continuation continues nothing (RFC 6455, 5.4)")]
    StrayContinuation,
    #[error("a message began before the one before it was whole (RFC 6455, 5.4)")]
    Unfinished,
    #[error("a Close frame is malformed (RFC 6455, 5.5.1)")]
    MalformedClose,
}

impl FrameViolation {
    /// What the client is told in the Close frame (RFC 6455, 7.4.1).
    pub(super) const fn close_code(self) -> u16 {
        match self {
            Self::Text => 1003,
            Self::TooLong(_) => 1009,
            _ => 1002,
        }
    }
}

/// Why no more payload comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client said Close, perhaps with a code.
    Closed(Option<u16>),
    Violated(FrameViolation),
}

/// Where in the stream of frames the next byte belongs.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The beginning of a header.
    head: [u8; HEADER],
    head_len: usize,
    current: Option<Current>,
    /// A message began, and its last frame has not come.
    fragmented: bool,
    /// The payload of the control frame that is coming.
    control: Vec<u8>,
    /// The last Ping that was not answered; earlier ones need no answer any more (5.5.3).
    ping: Option<Vec<u8>>,
    end: Option<End>,
}

/// The frame whose payload comes next.
#[derive(Debug)]
struct Current {
    kind: Kind,
    /// Turned so that its first byte is for the next byte of the payload.
    mask: [u8; 4],
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data,
    Ping,
    Pong,
    Close,
}

impl Frames {
    /// Why nothing more is decoded; payload that was returned before comes first.
    pub(crate) const fn end(&self) -> Option<End> {
        self.end
    }

    /// The payload that the next Pong is to have.
    pub(crate) const fn take_ping(&mut self) -> Option<Vec<u8>> {
        self.ping.take()
    }

    /// Decodes bytes in place: afterwards the payload is at their beginning. Returns how much that is.
    pub(crate) fn decode(&mut self, bytes: &mut [u8]) -> usize {
        let (mut read, mut payload) = (0, 0);
        while read < bytes.len() && self.end.is_none() {
            let Some(current) = &mut self.current else {
                read += self.begin(&bytes[read..]);
                continue;
            };
            let available = bytes.len() - read;
            let count = usize::try_from(current.left).map_or(available, |left| left.min(available));
            let part = read..read + count;
            current.unmask(&mut bytes[part.clone()]);
            if current.kind == Kind::Data {
                bytes.copy_within(part, payload);
                payload += count;
            } else {
                self.control.extend_from_slice(&bytes[part]);
            }
            current.left -= count as u64;
            read += count;
            if current.left == 0 {
                self.finish();
            }
        }
        payload
    }

    /// Takes bytes of a header; returns how many.
    fn begin(&mut self, bytes: &[u8]) -> usize {
        let before = self.head_len;
        let count = bytes.len().min(HEADER - before);
        self.head[before..before + count].copy_from_slice(&bytes[..count]);
        let mut cursor = Cursor::new(&self.head[..before + count]);
        let parsed = FrameHeader::parse(&mut cursor);
        let size = usize::try_from(cursor.position()).unwrap_or(HEADER);
        match parsed {
            Ok(Some((header, length))) => {
                self.head_len = 0;
                match self.check(&header, length, size) {
                    Ok(current) => {
                        let is_empty = current.left == 0;
                        self.current = Some(current);
                        if is_empty {
                            self.finish();
                        }
                    }
                    Err(violation) => self.end = Some(End::Violated(violation)),
                }
                size - before
            }
            Ok(None) => {
                self.head_len += count;
                count
            }
            // The only thing that it finds wrong.
            Err(_) => {
                self.end = Some(End::Violated(FrameViolation::ReservedOpcode(self.head[0] & 0x0F)));
                count
            }
        }
    }

    fn check(&mut self, header: &FrameHeader, length: u64, size: usize) -> Result<Current, FrameViolation> {
        let mask = header.mask.ok_or(FrameViolation::NotMasked)?;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(FrameViolation::ReservedBits);
        }
        if size != header.len(length) {
            return Err(FrameViolation::LongLength);
        }
        let kind = match header.opcode {
            OpCode::Data(data) => {
                match data {
                    Data::Continue if !self.fragmented => return Err(FrameViolation::StrayContinuation),
                    Data::Continue => {}
                    Data::Text => return Err(FrameViolation::Text),
                    Data::Binary if self.fragmented => return Err(FrameViolation::Unfinished),
                    Data::Binary => {}
                    Data::Reserved(code) => return Err(FrameViolation::ReservedOpcode(code)),
                }
                if length > LONGEST {
                    return Err(FrameViolation::TooLong(length));
                }
                self.fragmented = !header.is_final;
                return Ok(Current { kind: Kind::Data, mask, left: length });
            }
            OpCode::Control(Control::Ping) => Kind::Ping,
            OpCode::Control(Control::Pong) => Kind::Pong,
            OpCode::Control(Control::Close) => Kind::Close,
            OpCode::Control(Control::Reserved(code)) => return Err(FrameViolation::ReservedOpcode(code)),
        };
        if !header.is_final {
            return Err(FrameViolation::FragmentedControl);
        }
        if length > CONTROL {
            return Err(FrameViolation::LongControl(length));
        }
        Ok(Current { kind, mask, left: length })
    }

    /// The last byte of a frame has come.
    fn finish(&mut self) {
        let Some(Current { kind, .. }) = self.current.take() else { return };
        let control = if kind == Kind::Data { Vec::new() } else { std::mem::take(&mut self.control) };
        match kind {
            Kind::Data | Kind::Pong => {}
            Kind::Ping => self.ping = Some(control),
            Kind::Close => {
                self.end =
                    Some(close_code(&control).map_or(End::Violated(FrameViolation::MalformedClose), End::Closed));
            }
        }
    }
}

/// The code of a Close frame; `None` where its payload is malformed.
fn close_code(payload: &[u8]) -> Option<Option<u16>> {
    match payload {
        [] => Some(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            (CloseCode::from(code).is_allowed() && std::str::from_utf8(reason).is_ok()).then_some(Some(code))
        }
        [_] => None,
    }
}

impl Current {
    fn unmask(&mut self, bytes: &mut [u8]) {
        let wide = u64::from_ne_bytes({
            let [a, b, c, d] = self.mask;
            [a, b, c, d, a, b, c, d]
        });
        let turn = bytes.len() % self.mask.len();
        let mut words = bytes.chunks_exact_mut(8);
        for word in &mut words {
            let masked = u64::from_ne_bytes(std::array::from_fn(|index| word[index]));
            word.copy_from_slice(&(masked ^ wide).to_ne_bytes());
        }
        for (byte, mask) in words.into_remainder().iter_mut().zip(self.mask.into_iter().cycle()) {
            *byte ^= mask;
        }
        self.mask.rotate_left(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

    /// A masked frame in the shortest form.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=0xFFFF => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// Decodes a stream that comes in parts of that many bytes.
    fn decode(stream: &[u8], part: usize) -> (Vec<u8>, Frames) {
        let (mut frames, mut payload) = (Frames::default(), Vec::new());
        for part in stream.chunks(part) {
            let mut bytes = part.to_vec();
            let count = frames.decode(&mut bytes);
            payload.extend_from_slice(&bytes[..count]);
        }
        (payload, frames)
    }

    #[test]
    fn payload_comes_out_however_it_is_cut() {
        let long: Vec<u8> = (0..70_000_u32).map(|number| (number ^ (number >> 8)) as u8).collect();
        let parts: [&[u8]; 5] = [b"", b"x", b"fragment", &long[..300], &long];
        let mut stream = frame(0x82, parts[0]);
        stream.extend(frame(0x82, parts[1]));
        stream.extend(frame(0x02, parts[2]));
        stream.extend(frame(0x89, b"are you there?"));
        stream.extend(frame(0x00, parts[3]));
        stream.extend(frame(0x8A, b"unasked"));
        stream.extend(frame(0x80, parts[4]));
        for part in [1, 2, 3, 7, 8, 13, 1_000, stream.len()] {
            let (payload, mut frames) = decode(&stream, part);
            assert!(payload == parts.concat(), "in parts of {part}");
            assert_eq!(frames.end(), None);
            assert_eq!(frames.take_ping().as_deref(), Some(&b"are you there?"[..]));
        }
    }

    #[test]
    fn of_many_pings_the_last_is_answered() {
        let stream: Vec<u8> = (0..100_u8).flat_map(|number| frame(0x89, &[number])).collect();
        let (payload, mut frames) = decode(&stream, stream.len());
        assert_eq!((payload.len(), frames.take_ping(), frames.take_ping()), (0, Some(vec![99]), None));
    }

    #[test]
    fn every_wrong_frame_ends_the_stream_behind_what_was_right() {
        let announced = |first: u8, length: u64| [&[first, 0xFF][..], &length.to_be_bytes(), &MASK].concat();
        let cases = [
            (vec![0x82, 0x01, b'x'], FrameViolation::NotMasked),
            (vec![0x88, 0x00], FrameViolation::NotMasked),
            (frame(0x81, b"text"), FrameViolation::Text),
            (frame(0x01, b"te"), FrameViolation::Text),
            (frame(0xC2, b"x"), FrameViolation::ReservedBits),
            (frame(0xA2, b"x"), FrameViolation::ReservedBits),
            (frame(0x92, b"x"), FrameViolation::ReservedBits),
            (frame(0x83, b"x"), FrameViolation::ReservedOpcode(3)),
            (frame(0x8B, b"x"), FrameViolation::ReservedOpcode(11)),
            ([&[0x82, 0xFE, 0, 5][..], &MASK, b"xxxxx"].concat(), FrameViolation::LongLength),
            (announced(0x82, 5), FrameViolation::LongLength),
            (announced(0x82, LONGEST + 1), FrameViolation::TooLong(LONGEST + 1)),
            (announced(0x82, u64::MAX), FrameViolation::TooLong(u64::MAX)),
            (frame(0x89, &[0; 126]), FrameViolation::LongControl(126)),
            (announced(0x88, 1 << 20), FrameViolation::LongControl(1 << 20)),
            (frame(0x09, b"x"), FrameViolation::FragmentedControl),
            (frame(0x80, b"x"), FrameViolation::StrayContinuation),
            (frame(0x00, b"x"), FrameViolation::StrayContinuation),
            ([frame(0x02, b""), frame(0x82, b"x")].concat(), FrameViolation::Unfinished),
            (frame(0x88, b"x"), FrameViolation::MalformedClose),
            (frame(0x88, &[0, 5]), FrameViolation::MalformedClose),
            (frame(0x88, &[0x03, 0xE8, 0xFF]), FrameViolation::MalformedClose),
        ];
        for (wrong, violation) in cases {
            let stream = [frame(0x82, b"before"), wrong, frame(0x82, b"after")].concat();
            for part in [1, 5, stream.len()] {
                let (payload, frames) = decode(&stream, part);
                assert_eq!(frames.end(), Some(End::Violated(violation)), "in parts of {part}");
                assert_eq!(payload, b"before", "{violation}, in parts of {part}");
            }
        }
    }

    #[test]
    fn close_ends_the_stream() {
        for (payload, code) in [(&b""[..], None), (b"\x03\xE8", Some(1000)), (b"\x0F\xA0bye", Some(4000))] {
            let stream = [frame(0x82, b"before"), frame(0x88, payload), frame(0x82, b"after")].concat();
            let (received, frames) = decode(&stream, stream.len());
            assert_eq!((&received[..], frames.end()), (&b"before"[..], Some(End::Closed(code))));
        }
    }
}
