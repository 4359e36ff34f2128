//! The header with which a proxy says on whose behalf it connects: the PROXY protocol, versions 1 and 2, as HAProxy's
//! `proxy-protocol.txt` has it. Not a byte more than the header is read: what follows is the client's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What a header of version 2 begins with (2.2).
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// What a header of version 1 begins with (2.1).
const WORD: &[u8] = b"PROXY ";
/// Bytes of the longest header of version 1, its end included (2.1).
const LONGEST_LINE: usize = 107;
/// Bytes behind the first 16 of a header of version 2; a proxy that says more about a client than this says too much.
const MOST_REST: usize = 4_096;

/// On whose behalf a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Client(SocketAddr),
    /// The proxy's own, to see whether the broker is there; or somebody's whose address it can't say.
    Proxy,
}

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoHeader {
    /// Nothing came at all.
    #[error("the connection ended")]
    Silent,
    #[error("the connection ended within the header of the PROXY protocol")]
    Ended,
    #[error("it does not begin with a header of the PROXY protocol")]
    Other,
    #[error("the header of the PROXY protocol is wrong: {0}")]
    Wrong(&'static str),
}

impl From<io::Error> for NoHeader {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

/// Reads a header. The caller bounds the time.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Source, NoHeader> {
    let mut first = [0; SIGNATURE.len()];
    if stream.read(&mut first[..1]).await.unwrap_or(0) == 0 {
        return Err(NoHeader::Silent);
    }
    // Both begin with another byte than CONNECT, a TLS record or an HTTP request do, which may be shorter than a header.
    if !matches!(first[0], b'P' | b'\r') {
        return Err(NoHeader::Other);
    }
    stream.read_exact(&mut first[1..]).await?;
    if first == SIGNATURE {
        return read_binary(stream).await;
    }
    if !first.starts_with(WORD) {
        return Err(NoHeader::Other);
    }
    let mut line = [0; LONGEST_LINE];
    line[..first.len()].copy_from_slice(&first);
    let mut length = first.len();
    // The end is found byte by byte, for nothing behind it may be read.
    while !line[..length].ends_with(b"\r\n") {
        if length == LONGEST_LINE {
            return Err(NoHeader::Wrong("its line has no end"));
        }
        stream.read_exact(&mut line[length..=length]).await?;
        length += 1;
    }
    let line = std::str::from_utf8(&line[WORD.len()..length - 2]);
    parse_line(line.map_err(|_| NoHeader::Wrong("its line is no text"))?)
}

/// What is behind `PROXY ` in version 1.
fn parse_line(line: &str) -> Result<Source, NoHeader> {
    let parts: Vec<_> = line.split(' ').collect();
    let (is_v6, source, port) = match parts[..] {
        ["UNKNOWN", ..] => return Ok(Source::Proxy),
        ["TCP4", source, _, port, _] => (false, source, port),
        ["TCP6", source, _, port, _] => (true, source, port),
        _ => return Err(NoHeader::Wrong("it is not for TCP4, TCP6 or UNKNOWN")),
    };
    let address: IpAddr = source.parse().map_err(|_| NoHeader::Wrong("its address is none"))?;
    if address.is_ipv6() != is_v6 {
        return Err(NoHeader::Wrong("its address is of another family"));
    }
    // Only digits: the standard library's parser takes a sign, too.
    let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = port.and_then(|port| port.parse().ok()).ok_or(NoHeader::Wrong("its port is none"))?;
    Ok(Source::Client(SocketAddr::new(address, port)))
}

/// What is behind the signature in version 2.
async fn read_binary(stream: &mut (impl AsyncRead + Unpin)) -> Result<Source, NoHeader> {
    let [command, family, high, low] = {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        head
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MOST_REST {
        return Err(NoHeader::Wrong("it is longer than 4,096 bytes"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match command {
        0x20 => return Ok(Source::Proxy),
        0x21 => {}
        _ => return Err(NoHeader::Wrong("its version is not 2, or its command neither LOCAL nor PROXY")),
    }
    // Source address, destination address, source port, destination port; what follows is not needed.
    let port = |at: usize| rest.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    let source = match family {
        0x11 => rest.first_chunk::<4>().filter(|_| length >= 12).map(|bytes| (Ipv4Addr::from(*bytes).into(), port(8))),
        0x21 => {
            rest.first_chunk::<16>().filter(|_| length >= 36).map(|bytes| (Ipv6Addr::from(*bytes).into(), port(32)))
        }
        // Whoever it is, it has no address on a network (2.2).
        _ => return Ok(Source::Proxy),
    };
    match source {
        Some((address, Some(port))) => Ok(Source::Client(SocketAddr::new(address, port))),
        _ => Err(NoHeader::Wrong("it is too short for its addresses")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// Reads a header with something behind it, of which nothing may be taken.
    async fn read_all(header: &[u8]) -> Result<Source, NoHeader> {
        let bytes = [header, b"\x10rest"].concat();
        let mut stream = &bytes[..];
        let read = read(&mut stream).await?;
        assert_eq!(stream, b"\x10rest");
        Ok(read)
    }

    #[tokio::test]
    async fn both_versions_say_who_it_is() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xC0, 0x01, 7, 91];
        let v6: Vec<u8> = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 16], &[0xC0, 0x01, 7, 91]].concat();
        let client = |text: &str| Source::Client(text.parse().unwrap());
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 49153 1883\r\n".to_vec(), client("192.0.2.7:49153")),
            (b"PROXY TCP6 2001:db8::7 ::1 49153 1883\r\n".to_vec(), client("[2001:db8::7]:49153")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Source::Proxy),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), Source::Proxy),
            (binary(0x21, 0x11, &v4), client("192.0.2.7:49153")),
            (binary(0x21, 0x11, &[&v4[..], &[3, 0, 1, 9]].concat()), client("192.0.2.7:49153")),
            (binary(0x21, 0x21, &v6), client("[::1]:49153")),
            (binary(0x20, 0x00, &[]), Source::Proxy),
            (binary(0x20, 0x11, &v4), Source::Proxy),
            (binary(0x21, 0x31, &[0; 216]), Source::Proxy),
        ] {
            assert_eq!(read_all(&header).await.unwrap(), expected, "{}", header.escape_ascii());
        }
    }

    #[tokio::test]
    async fn whatever_else_comes_is_no_header() {
        for (bytes, words) in [
            (&b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0"[..], "does not begin"),
            (b"\x16\x03\x01\x02\0\x01", "does not begin"),
            (b"GET /mqtt HTTP/1.1\r\n\r\n", "does not begin"),
            (b"PUT /mqtt HTTP/1.1\r\n\r\n", "does not begin"),
            (b"\r\n\r\n\0\r\nQUIT\r", "does not begin"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 1 70000", "ended within"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 70000 1\r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 +1 1\r\n", "port"),
            (b"PROXY TCP4 ::1 ::1 1 1\r\n", "another family"),
            (b"PROXY TCP6 192.0.2.7 192.0.2.7 1 1\r\n", "another family"),
            (b"PROXY TCP4 broker 10.0.0.1 1 1\r\n", "address"),
            (b"PROXY TCP4 192.0.2.7  10.0.0.1 1 1\r\n", "not for TCP4"),
            (b"PROXY UDP4 192.0.2.7 10.0.0.1 1 1\r\n", "not for TCP4"),
            (b"PROXY UNKNOWN \xff\r\n", "no text"),
            (&binary(0x11, 0x11, &[0; 12]), "version"),
            (&binary(0x22, 0x11, &[0; 12]), "command"),
            (&binary(0x21, 0x11, &[0; 11]), "too short"),
            (&binary(0x21, 0x21, &[0; 35]), "too short"),
            (&binary(0x21, 0x11, &[0; 4_097]), "longer"),
            (&SIGNATURE, "ended within"),
            (&binary(0x21, 0x11, &[0; 12])[..20], "ended within"),
        ] {
            let error = read(&mut &bytes[..]).await.unwrap_err().to_string();
            assert!(error.contains(words), "{}: {error}", bytes.escape_ascii());
        }
        let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
        assert!(read(&mut &endless[..]).await.unwrap_err().to_string().contains("no end"));
        assert!(matches!(read(&mut &b""[..]).await, Err(NoHeader::Silent)));
    }
}
