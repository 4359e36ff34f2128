//! Any bytes, through every decoder: nothing panics, and what is decoded survives being encoded.
//!
//! The first byte says in how large pieces the rest arrives.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use nightjar_mqtt::{Decoder, Packet, ProtocolVersion, Violation};

const LIMIT: usize = 1 << 16;

fuzz_target!(|input: &[u8]| {
    let Some((&piece, bytes)) = input.split_first() else {
        return;
    };
    let decoders = [
        Decoder::new(LIMIT),
        Decoder::for_version(ProtocolVersion::V31, LIMIT),
        Decoder::for_version(ProtocolVersion::V311, LIMIT),
        Decoder::for_version(ProtocolVersion::V5, LIMIT),
    ];
    for decoder in decoders {
        let whole = decode(decoder.clone(), bytes, bytes.len());
        let in_pieces = decode(decoder, bytes, usize::from(piece));
        assert_eq!(whole, in_pieces, "it matters how the bytes arrive");
    }
});

/// Everything that the bytes hold up to the first violation, checked.
fn decode(mut decoder: Decoder, bytes: &[u8], piece: usize) -> (Vec<Packet>, Option<Violation>) {
    let mut packets = Vec::new();
    let mut buffer = BytesMut::new();
    for piece in bytes.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            let before = buffer.len();
            match decoder.decode(&mut buffer) {
                Ok(Some(packet)) => {
                    assert!(buffer.len() < before, "a packet came out of no bytes");
                    let version = decoder.version().expect("a packet came, so the version is known");
                    check_round_trip(&packet, version);
                    packets.push(packet);
                }
                Ok(None) => {
                    assert_eq!(buffer.len(), before, "bytes vanished without a packet");
                    break;
                }
                Err(violation) => {
                    assert!(violation.reason_code().is_error());
                    assert!(violation.to_string().contains(violation.clause()));
                    return (packets, Some(violation));
                }
            }
        }
    }
    (packets, None)
}

fn check_round_trip(packet: &Packet, version: ProtocolVersion) {
    let mut bytes = BytesMut::new();
    packet.encode(version, &mut bytes).expect("what came in small goes out small");
    let again = Decoder::for_version(version, 2 * LIMIT).decode(&mut bytes);
    assert_eq!(again.as_ref(), Ok(&Some(packet.clone())), "the round trip changed the packet");
    assert!(bytes.is_empty(), "the encoding has bytes to spare");
}
