//! What is encoded is decoded to the same, however the network cuts it; and no bytes at all are too much for the
//! decoder.

mod packets;

use bytes::BytesMut;
use nightjar_mqtt::{Decoder, Packet, ProtocolVersion};
use packets::{VERSIONS, client_packet, connect, packet, version};
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

fn encoded(packets: &[Packet], version: ProtocolVersion) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        packet.encode(version, &mut bytes).expect("small packets fit");
    }
    bytes
}

/// Feeds `bytes` in pieces of the given lengths, over and over, and takes packets whenever one is whole.
fn decoded(mut decoder: Decoder, bytes: &[u8], pieces: &[usize]) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut buffer = BytesMut::new();
    let mut rest = bytes;
    for &piece in pieces.iter().cycle() {
        while let Some(packet) = decoder.decode(&mut buffer).expect("own packets break no rule") {
            packets.push(packet);
        }
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at(piece.min(rest.len()));
        buffer.extend_from_slice(now);
        rest = later;
    }
    assert!(buffer.is_empty(), "{} bytes were left over", buffer.len());
    packets
}

/// Decodes until the bytes are used up, more are needed, or a rule is broken; and holds the decoder to its promises.
fn decode_anything(mut decoder: Decoder, bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut buffer = BytesMut::from(bytes);
    loop {
        let before = buffer.clone();
        match decoder.decode(&mut buffer) {
            Ok(Some(packet)) => {
                prop_assert!(buffer.len() < before.len(), "a packet came out of no bytes");
                let version = decoder.version().expect("a packet came, so the version is known");
                let mut again = encoded(std::slice::from_ref(&packet), version);
                let decoded = Decoder::for_version(version, LIMIT).decode(&mut again);
                prop_assert_eq!(decoded, Ok(Some(packet)));
            }
            Ok(None) => {
                prop_assert_eq!(&buffer, &before, "bytes vanished without a packet");
                prop_assert!(is_incomplete(&buffer), "the decoder waits although the packet is whole");
                return Ok(());
            }
            Err(violation) => {
                prop_assert!(violation.to_string().contains(violation.clause()));
                prop_assert!(violation.reason_code().is_error());
                return Ok(());
            }
        }
    }
}

/// Whether bytes are missing, by a look at the Remaining Length that shares no code with the decoder.
fn is_incomplete(bytes: &[u8]) -> bool {
    let mut size = 0;
    for index in 1..5 {
        let Some(&byte) = bytes.get(index) else { return true };
        size += usize::from(byte % 128) * 128_usize.pow(index as u32 - 1);
        if byte < 128 {
            return bytes.len() < 1 + index + size;
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn packets_survive_encoding_and_any_cutting(
        (version, packets) in version().prop_flat_map(|version| {
            (Just(version), prop::collection::vec(packet(version), 1..6))
        }),
        pieces in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let bytes = encoded(&packets, version);
        prop_assert_eq!(decoded(Decoder::for_version(version, LIMIT), &bytes, &pieces), packets);
    }

    #[test]
    fn a_server_reads_a_whole_connection(
        (version, connect, packets) in version().prop_flat_map(|version| {
            (Just(version), connect(version), prop::collection::vec(client_packet(version), 0..6))
        }),
        pieces in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let mut packets = packets;
        packets.insert(0, Packet::Connect(Box::new(connect)));
        let bytes = encoded(&packets, version);
        prop_assert_eq!(decoded(Decoder::new(LIMIT), &bytes, &pieces), packets);
    }

    #[test]
    fn arbitrary_bytes_are_packets_or_violations_or_too_few(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_anything(Decoder::new(LIMIT), &bytes)?;
        for version in VERSIONS {
            decode_anything(Decoder::for_version(version, LIMIT), &bytes)?;
        }
    }

    /// Random bytes hardly get past the first field; packets with a few wrong bytes reach every corner.
    #[test]
    fn damaged_packets_are_packets_or_violations_or_too_few(
        (version, packet) in version().prop_flat_map(|version| (Just(version), packet(version))),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(&[packet], version);
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        decode_anything(Decoder::for_version(version, LIMIT), &bytes)?;
        decode_anything(Decoder::new(LIMIT), &bytes)?;
    }

    #[test]
    fn a_packet_cut_short_is_never_a_packet(
        (version, packet) in version().prop_flat_map(|version| (Just(version), packet(version))),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = encoded(&[packet], version);
        let mut short = BytesMut::from(&bytes[..cut.index(bytes.len())]);
        prop_assert_eq!(Decoder::for_version(version, LIMIT).decode(&mut short), Ok(None));
    }
}
