//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use bytes::BytesMut;
use nightjar_mqtt::{
    Acknowledgement, AcknowledgementProperties, Decoder, Packet, PacketType, Property, ProtocolVersion, ReasonCode,
    Violation,
};

use crate::{ALL, Breaks, Claim, Is, LIMIT, MALFORMED, PROTOCOL, Reads, Row, V3, V5, Writes, check, identifier};

/// First byte, type, constructor, clause of the Reason Codes.
type Kind = (&'static str, PacketType, fn(Acknowledgement) -> Packet, &'static str);

const KINDS: [Kind; 4] = [
    ("40", PacketType::PubAck, Packet::PubAck, "MQTT-3.4.2-1"),
    ("50", PacketType::PubRec, Packet::PubRec, "MQTT-3.5.2-1"),
    ("62", PacketType::PubRel, Packet::PubRel, "MQTT-3.6.2-1"),
    ("70", PacketType::PubComp, Packet::PubComp, "MQTT-3.7.2-1"),
];

/// Rows for each kind, with its first byte before the bytes.
fn check_kinds(rows: impl Fn(&Kind) -> Vec<(&'static [ProtocolVersion], &'static str, Claim)>) {
    for kind in &KINDS {
        let rows = rows(kind)
            .into_iter()
            .map(|(versions, bytes, claim)| -> Row { (versions, format!("{} {bytes}", kind.0).leak(), claim) });
        check(rows.collect());
    }
}

/// Tries every byte as a Reason Code of MQTT 5.0: `known` are taken, and all others are refused.
pub(crate) fn check_reason_codes(
    packet: PacketType,
    clause: &'static str,
    known: &[u8],
    bytes: impl Fn(u8) -> Vec<u8>,
) {
    for code in 0..=u8::MAX {
        let decoded = Decoder::for_version(ProtocolVersion::V5, LIMIT).decode(&mut BytesMut::from(&bytes(code)[..]));
        if known.contains(&code) {
            assert!(matches!(decoded, Ok(Some(_))), "0x{code:02X} in {packet}: {decoded:?}");
            assert_ne!(ReasonCode(code).name(), "Unknown reason code", "0x{code:02X}");
        } else {
            let violation = Violation::UnknownReasonCode { packet, code };
            assert_eq!(violation.clause(), clause);
            assert_eq!(decoded, Err(violation));
        }
    }
}

#[test]
fn acknowledgements() {
    let success = Acknowledgement::new(identifier(0x1234), ReasonCode::SUCCESS);
    let failure = Acknowledgement::new(identifier(1), ReasonCode::PACKET_IDENTIFIER_NOT_FOUND);
    check_kinds(|&(_, packet_type, packet, _)| {
        let mut rows = vec![
            (ALL, "02 1234", Is(packet(success.clone()))),
            (V5, "03 1234 00", Reads(packet(success.clone()))),
            (V5, "04 1234 00 00", Reads(packet(success.clone()))),
            // Below MQTT 5.0 there is no way to say so.
            (V3, "02 0001", Writes(packet(failure.clone()))),
        ];
        if matches!(packet_type, PacketType::PubRel | PacketType::PubComp) {
            rows.push((V5, "03 0001 92", Is(packet(failure.clone()))));
            rows.push((V5, "04 0001 92 00", Reads(packet(failure.clone()))));
        }
        rows
    });
}

#[test]
fn properties() {
    let with = |reason_code, properties| Acknowledgement {
        packet_identifier: identifier(1),
        reason_code,
        properties: Some(Box::new(properties)),
    };
    let both = AcknowledgementProperties {
        reason_string: Some("r".into()),
        user_properties: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
    };
    check_kinds(|&(_, _, packet, _)| {
        vec![
            (
                V5,
                "16 0001 00 12 1F 0001'r' 26 0001'k' 0001'v' 26 0001'k' 0001'w'",
                Is(packet(with(ReasonCode::SUCCESS, both.clone()))),
            ),
            (V3, "02 0001", Writes(packet(with(ReasonCode::SUCCESS, both.clone())))),
            // No properties in a box are no properties.
            (V5, "02 0001", Writes(packet(with(ReasonCode::SUCCESS, AcknowledgementProperties::default())))),
        ]
    });
}

#[test]
fn reason_codes() {
    for (first, packet, _, clause) in KINDS {
        let known: &[u8] = match packet {
            PacketType::PubAck | PacketType::PubRec => &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
            _ => &[0x00, 0x92],
        };
        check_reason_codes(packet, clause, known, |code| {
            vec![u8::from_str_radix(first, 16).expect("hexadecimal"), 3, 0, 1, code]
        });
    }
}

#[test]
fn violations() {
    let trailing = |count| Breaks(Violation::TrailingBytes { count }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED);
    let truncated = || Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED);
    check_kinds(|_| {
        vec![
            (ALL, "02 0000", Breaks(Violation::ZeroPacketIdentifier, "MQTT-2.2.1-3; 3.1.1: MQTT-2.3.1-1", PROTOCOL)),
            (ALL, "00", truncated()),
            (ALL, "01 00", truncated()),
            (V3, "03 0001 00", trailing(1)),
            (V5, "05 0001 00 00 00", trailing(1)),
            (V5, "05 0001 00 02 1F", truncated()),
            (
                V5,
                "0A 0001 00 06 1F 0000 1F 0000",
                Breaks(
                    Violation::DuplicateProperty { property: Property::ReasonString },
                    "MQTT 5.0, 3.2.2.3.9",
                    PROTOCOL,
                ),
            ),
        ]
    });
}
