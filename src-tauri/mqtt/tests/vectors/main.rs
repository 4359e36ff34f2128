//! Packets as they stand on the wire, one table for each family: bytes ⇄ packet, and bytes → violation with its clause.
//!
//! Bytes are written as hexadecimal pairs and as `'text'`; white space only groups them.

mod acknowledgement;
mod connack;
mod connect;
mod disconnect;
mod framing;
mod publish;
mod subscribe;

use bytes::BytesMut;
use nightjar_mqtt::{Decoder, Packet, PacketIdentifier, ProtocolVersion, ReasonCode, Violation};

const ALL: &[ProtocolVersion] = &[ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5];
const V31: &[ProtocolVersion] = &[ProtocolVersion::V31];
const V311: &[ProtocolVersion] = &[ProtocolVersion::V311];
const V3: &[ProtocolVersion] = &[ProtocolVersion::V31, ProtocolVersion::V311];
const V311_AND_5: &[ProtocolVersion] = &[ProtocolVersion::V311, ProtocolVersion::V5];
const V5: &[ProtocolVersion] = &[ProtocolVersion::V5];

/// What is claimed about some bytes.
enum Claim {
    /// They are the packet, and the packet is written so.
    Is(Packet),
    /// They are read as the packet, though it is written in another way.
    Reads(Packet),
    /// The packet is written so, though some of it is lost.
    Writes(Packet),
    /// They are a violation of this clause, answered with this Reason Code.
    Breaks(Violation, &'static str, ReasonCode),
    /// The same, by the rules that a server has for its clients: a CONNECT came before.
    BreaksAtServer(Violation, &'static str, ReasonCode),
}

use Claim::{Breaks, BreaksAtServer, Is, Reads, Writes};

/// A line of a table: in these versions, these bytes.
type Row = (&'static [ProtocolVersion], &'static str, Claim);

/// Checks each row in each of its versions, and tells of all that fail.
fn check(rows: Vec<Row>) {
    let mut failures = Vec::new();
    for (versions, text, claim) in &rows {
        for &version in *versions {
            if let Err(failure) = check_row(version, &bytes(text), claim) {
                failures.push(format!("{text} in MQTT {}: {failure}", version.name()));
            }
        }
    }
    assert!(failures.is_empty(), "{} of the claims fail\n{}", failures.len(), failures.join("\n"));
}

fn check_row(version: ProtocolVersion, bytes: &[u8], claim: &Claim) -> Result<(), String> {
    match claim {
        Is(packet) => {
            check_read(version, bytes, packet)?;
            check_written(version, bytes, packet)
        }
        Reads(packet) => check_read(version, bytes, packet),
        Writes(packet) => check_written(version, bytes, packet),
        Breaks(violation, clause, code) => {
            let decoder = Decoder::for_version(version, LIMIT);
            check_broken(decoder, bytes, violation, clause, *code)
        }
        BreaksAtServer(violation, clause, code) => {
            check_broken(decoder_after_connect(version), bytes, violation, clause, *code)
        }
    }
}

fn check_read(version: ProtocolVersion, bytes: &[u8], packet: &Packet) -> Result<(), String> {
    let mut buffer = BytesMut::from(bytes);
    let decoded = Decoder::for_version(version, LIMIT).decode(&mut buffer);
    if decoded.as_ref() != Ok(&Some(packet.clone())) {
        return Err(format!("read as {decoded:?} instead of {packet:?}"));
    }
    if !buffer.is_empty() {
        return Err(format!("{} bytes were left over", buffer.len()));
    }
    Ok(())
}

fn check_written(version: ProtocolVersion, bytes: &[u8], packet: &Packet) -> Result<(), String> {
    let mut written = BytesMut::new();
    packet.encode(version, &mut written).map_err(|error| error.to_string())?;
    if written != bytes {
        return Err(format!("{packet:?} is written as {written:02X?}"));
    }
    Ok(())
}

fn check_broken(
    mut decoder: Decoder,
    bytes: &[u8],
    violation: &Violation,
    clause: &str,
    code: ReasonCode,
) -> Result<(), String> {
    let mut buffer = BytesMut::from(bytes);
    let decoded = decoder.decode(&mut buffer);
    if decoded.as_ref() != Err(violation) {
        return Err(format!("read as {decoded:?} instead of {violation:?}"));
    }
    if violation.clause() != clause || !violation.to_string().ends_with(&format!("[{clause}]")) {
        return Err(format!("quotes {} in \"{violation}\"", violation.clause()));
    }
    if violation.reason_code() != code {
        return Err(format!("is answered with {}", violation.reason_code()));
    }
    Ok(())
}

const LIMIT: usize = 1 << 20;

fn decoder_after_connect(version: ProtocolVersion) -> Decoder {
    let mut buffer = match version {
        ProtocolVersion::V31 => BytesMut::from(&bytes("10 0F 0006 'MQIsdp' 03 02 0000 0001 'a'")[..]),
        ProtocolVersion::V311 => BytesMut::from(&bytes("10 0D 0004 'MQTT' 04 02 0000 0001 'a'")[..]),
        ProtocolVersion::V5 => BytesMut::from(&bytes("10 0E 0004 'MQTT' 05 02 0000 00 0001 'a'")[..]),
    };
    let mut decoder = Decoder::new(LIMIT);
    let connect = decoder.decode(&mut buffer);
    assert!(matches!(connect, Ok(Some(Packet::Connect(_)))), "{connect:?}");
    assert_eq!(decoder.version(), Some(version));
    decoder
}

fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
        } else {
            let digits: Vec<_> = part.chars().filter(|character| !character.is_whitespace()).collect();
            for pair in digits.chunks(2) {
                let pair: String = pair.iter().collect();
                assert_eq!(pair.len(), 2, "half a byte in {text}");
                bytes.push(u8::from_str_radix(&pair, 16).expect("hexadecimal outside of quotation marks"));
            }
        }
    }
    bytes
}

fn identifier(value: u16) -> PacketIdentifier {
    PacketIdentifier::new(value).expect("not 0")
}

const MALFORMED: ReasonCode = ReasonCode::MALFORMED_PACKET;
const PROTOCOL: ReasonCode = ReasonCode::PROTOCOL_ERROR;
