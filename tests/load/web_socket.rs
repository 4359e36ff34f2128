//! The little of WebSocket (RFC 6455) that a client needs which measures the other end: MQTT in binary frames.
//!
//! The mask of every frame is zero, and so payloads leave as they are: masks protect proxies that don't know WebSocket, and
//! there is none between the generator and a broker.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};

use crate::stream::Stream;

/// The example of RFC 6455, 1.3: what the other end has to make of the key is known without a digest of our own.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Bytes of the longest answer to the opening handshake.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Bytes of the longest head of a frame: without a mask, as brokers send it, and with one.
const UNMASKED: usize = 10;
const MASKED: usize = 14;

/// What a frame is (5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn of(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// What goes before the payload of a frame that a client sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    bytes: [u8; MASKED],
    length: usize,
}

impl Head {
    pub(crate) fn new(opcode: Opcode, payload: usize) -> Self {
        let mut bytes = [0; MASKED];
        // FIN and MASK are the highest bits.
        bytes[0] = 0x80 | opcode.bits();
        let length = match (u8::try_from(payload), u16::try_from(payload)) {
            (Ok(short @ ..126), _) => {
                bytes[1] = 0x80 | short;
                2
            }
            (_, Ok(medium)) => {
                bytes[1] = 0x80 | 126;
                bytes[2..4].copy_from_slice(&medium.to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 0x80 | 127;
                bytes[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, length: length + 4 }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Takes the frames off what comes, however it is split.
#[derive(Debug)]
pub(crate) struct Frames {
    next: Next,
}

/// What the next byte is part of.
#[derive(Debug)]
enum Next {
    Head { bytes: [u8; UNMASKED], length: usize },
    Data { left: u64 },
    Control { opcode: Opcode, payload: Vec<u8>, length: usize },
}

impl Next {
    const HEAD: Self = Self::Head { bytes: [0; UNMASKED], length: 0 };
}

impl Frames {
    pub(crate) const fn new() -> Self {
        Self { next: Next::HEAD }
    }

    /// Moves the payloads to the front of `bytes`; how many bytes they are. The payload of a Ping is handed to `pong`.
    ///
    /// # Errors
    /// Where the broker says Close, or sends what is no frame of MQTT's.
    pub(crate) fn take_off(&mut self, bytes: &mut [u8], mut pong: impl FnMut(&[u8])) -> io::Result<usize> {
        let (mut read, mut kept) = (0, 0);
        loop {
            match &mut self.next {
                Next::Head { bytes: head, length } => {
                    let Some(&byte) = bytes.get(read) else { return Ok(kept) };
                    head[*length] = byte;
                    *length += 1;
                    read += 1;
                    if let Some(next) = after_head(&head[..*length])? {
                        self.next = next;
                    }
                }
                Next::Data { left: 0 } => self.next = Next::HEAD,
                Next::Data { left } => {
                    let part = (bytes.len() - read).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    if part == 0 {
                        return Ok(kept);
                    }
                    bytes.copy_within(read..read + part, kept);
                    read += part;
                    kept += part;
                    *left -= part as u64;
                }
                Next::Control { opcode, payload, length } => {
                    let part = (bytes.len() - read).min(*length - payload.len());
                    payload.extend_from_slice(&bytes[read..read + part]);
                    read += part;
                    if payload.len() < *length {
                        return Ok(kept);
                    }
                    match opcode {
                        Opcode::Close => return Err(closed(payload)),
                        Opcode::Ping => pong(payload),
                        _ => {}
                    }
                    self.next = Next::HEAD;
                }
            }
        }
    }
}

/// What comes behind a head; `None` while it is not whole.
fn after_head(head: &[u8]) -> io::Result<Option<Next>> {
    let &[first, second, ref rest @ ..] = head else { return Ok(None) };
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err(violation("a frame has reserved bits set, or a mask"));
    }
    let opcode =
        Opcode::of(first & 0x0F).ok_or_else(|| violation("a frame is neither binary nor about the connection"))?;
    let left = match second {
        126 => rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))),
        127 => rest.first_chunk().map(|length| u64::from_be_bytes(*length)),
        short => Some(u64::from(short)),
    };
    let Some(left) = left else { return Ok(None) };
    Ok(Some(match opcode {
        Opcode::Continuation | Opcode::Binary => Next::Data { left },
        Opcode::Close | Opcode::Ping | Opcode::Pong if second > 125 => {
            return Err(violation("a control frame is longer than 125 bytes"));
        }
        opcode => Next::Control { opcode, payload: Vec::new(), length: usize::from(second) },
    }))
}

fn violation(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the broker's WebSocket is wrong: {what}"))
}

fn closed(payload: &[u8]) -> io::Error {
    let code = payload.first_chunk().map_or("none".to_owned(), |code| u16::from_be_bytes(*code).to_string());
    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
    io::Error::new(ErrorKind::ConnectionAborted, format!("the broker said Close, with the code {code} and {reason:?}"))
}

/// The opening handshake (4.1) on a blocking socket.
pub(crate) fn open<S: Read + Write>(stream: &mut Stream<S>, broker: SocketAddr) -> anyhow::Result<()> {
    let request = format!(
        "GET /mqtt HTTP/1.1\r\nHost: {broker}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = vec![0; LONGEST_ANSWER * 4];
    let mut length = 0;
    while !answer[..length].ends_with(b"\r\n\r\n") {
        ensure!(length < LONGEST_ANSWER, "the broker's answer to the WebSocket handshake does not end");
        length += stream.read(&mut answer[length..])?.length;
    }
    check_answer(std::str::from_utf8(&answer[..length])?)
}

fn check_answer(answer: &str) -> anyhow::Result<()> {
    let mut lines = answer.lines();
    let status = lines.next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 101 "), "the broker refuses WebSocket: {status}");
    let headers: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())).collect();
    for (name, expected) in [("Sec-WebSocket-Accept", ACCEPT), ("Sec-WebSocket-Protocol", "mqtt")] {
        let found = headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        let (_, value) = found.with_context(|| format!("the broker's WebSocket handshake has no {name}"))?;
        if *value != expected {
            bail!("the broker's WebSocket handshake says {name}: {value}, and not {expected}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a broker sends it.
    fn frame(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
        [&[first], length, payload].concat()
    }

    fn take_off(frames: &mut Frames, bytes: &[u8], pongs: &mut Vec<Vec<u8>>) -> io::Result<Vec<u8>> {
        let mut bytes = bytes.to_vec();
        let kept = frames.take_off(&mut bytes, |payload| pongs.push(payload.to_vec()))?;
        bytes.truncate(kept);
        Ok(bytes)
    }

    #[test]
    fn payloads_come_out_whole_wherever_the_bytes_are_split() {
        let medium: Vec<u8> = (0..300_u32).map(|number| number as u8).collect();
        let stream = [
            frame(0x82, &[3], b"abc"),
            frame(0x02, &[0], b""),
            frame(0x80, &[126, 1, 44], &medium),
            frame(0x89, &[2], b"hi"),
            frame(0x89, &[0], b""),
            frame(0x8A, &[1], b"!"),
            frame(0x82, &[127, 0, 0, 0, 0, 0, 0, 0, 2], b"yz"),
        ]
        .concat();
        let expected = [&b"abc"[..], &medium, b"yz"].concat();
        for size in 1..=stream.len() {
            let (mut frames, mut pongs, mut payload) = (Frames::new(), Vec::new(), Vec::new());
            for part in stream.chunks(size) {
                payload.extend(take_off(&mut frames, part, &mut pongs).unwrap());
            }
            assert_eq!(payload, expected, "{size} bytes at once");
            assert_eq!(pongs, [&b"hi"[..], b""], "{size} bytes at once");
        }
    }

    #[test]
    fn ping_without_a_payload_is_answered_before_anything_more_comes() {
        let mut pongs = Vec::new();
        assert_eq!(take_off(&mut Frames::new(), b"\x89\x00", &mut pongs).unwrap(), b"");
        assert_eq!(pongs, [b""]);
    }

    #[test]
    fn what_is_no_frame_of_mqtt_is_refused() {
        for (bytes, said) in [
            (&b"\x81\x01a"[..], "neither binary"),
            (b"\xC2\x01a", "reserved bits"),
            (b"\x82\x81\x00\x00\x00\x00a", "a mask"),
            (b"\x89\x7E\x00\x7E", "longer than 125"),
            (b"\x88\x04\x03\xEAno", "code 1002 and \"no\""),
            (b"\x88\x00", "code none"),
        ] {
            let error = take_off(&mut Frames::new(), bytes, &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains(said), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn heads_have_the_shortest_length_and_a_mask_of_zero() {
        for (payload, head) in [
            (0, &b"\x82\x80\0\0\0\0"[..]),
            (125, b"\x82\xFD\0\0\0\0"),
            (126, b"\x82\xFE\x00\x7E\0\0\0\0"),
            (200, b"\x82\xFE\x00\xC8\0\0\0\0"),
            (65_535, b"\x82\xFE\xFF\xFF\0\0\0\0"),
            (65_536, b"\x82\xFF\0\0\0\0\0\x01\0\0\0\0\0\0"),
        ] {
            assert_eq!(Head::new(Opcode::Binary, payload).as_bytes(), head, "{payload} bytes");
        }
    }

    #[test]
    fn answer_to_the_opening_handshake_has_to_fit() {
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\nSec-WebSocket-Protocol:mqtt\r\n\r\n"
        );
        check_answer(&answer).unwrap();
        for (old, new) in [("101", "426"), ("s3pP", "s3pQ"), (":mqtt", ": chat"), ("sec-websocket-accept", "x")] {
            assert!(check_answer(&answer.replace(old, new)).is_err(), "{new}");
        }
    }
}
