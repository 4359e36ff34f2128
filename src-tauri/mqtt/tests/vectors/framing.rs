//! Fixed headers, packets of no fields, and what holds for the fields of every packet.

use bytes::{Bytes, BytesMut};
use nightjar_mqtt::{
    Acknowledgement, AcknowledgementProperties, Decoder, Packet, PacketType, Property, ProtocolVersion, Publish,
    PublishView, QoS, ReasonCode, TooLarge, TopicName, Violation,
};

use crate::{
    ALL, Breaks, BreaksAtServer, Is, LIMIT, MALFORMED, PROTOCOL, Reads, V3, V5, V31, V311_AND_5, bytes, check,
    decoder_after_connect, identifier,
};

#[test]
fn pings() {
    check(vec![
        (ALL, "C0 00", Is(Packet::PingReq)),
        (ALL, "D0 00", Is(Packet::PingResp)),
        (
            ALL,
            "C0 01 00",
            Breaks(Violation::TrailingBytes { count: 1 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
        (
            ALL,
            "D0 01 00",
            Breaks(Violation::TrailingBytes { count: 1 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
    ]);
}

#[test]
fn packet_types() {
    const TYPES: &str = "MQTT 5.0, 2.1.2; 3.1.1, 2.2.1";
    let reserved = |packet_type| Violation::ReservedPacketType { packet_type };
    let from_server = |packet| Violation::NotFromClient { packet };
    check(vec![
        // The first byte is enough.
        (ALL, "00", Breaks(reserved(0), TYPES, MALFORMED)),
        (ALL, "0F", Breaks(reserved(0), TYPES, MALFORMED)),
        (V3, "F0", Breaks(reserved(15), TYPES, MALFORMED)),
        (V3, "F0", BreaksAtServer(reserved(15), TYPES, MALFORMED)),
        (ALL, "20", BreaksAtServer(from_server(PacketType::ConnAck), TYPES, PROTOCOL)),
        (ALL, "90", BreaksAtServer(from_server(PacketType::SubAck), TYPES, PROTOCOL)),
        (ALL, "B0", BreaksAtServer(from_server(PacketType::UnsubAck), TYPES, PROTOCOL)),
        (ALL, "D0", BreaksAtServer(from_server(PacketType::PingResp), TYPES, PROTOCOL)),
        (ALL, "10", BreaksAtServer(Violation::SecondConnect, "MQTT-3.1.0-2", PROTOCOL)),
    ]);
}

#[test]
fn the_first_packet_is_connect() {
    let types = [
        (0x20, PacketType::ConnAck),
        (0x30, PacketType::Publish),
        (0x40, PacketType::PubAck),
        (0x50, PacketType::PubRec),
        (0x62, PacketType::PubRel),
        (0x70, PacketType::PubComp),
        (0x82, PacketType::Subscribe),
        (0x90, PacketType::SubAck),
        (0xA2, PacketType::Unsubscribe),
        (0xB0, PacketType::UnsubAck),
        (0xC0, PacketType::PingReq),
        (0xD0, PacketType::PingResp),
        (0xE0, PacketType::Disconnect),
        (0xF0, PacketType::Auth),
    ];
    for (first, packet) in types {
        let violation = Decoder::new(LIMIT).decode(&mut BytesMut::from(&[first][..]));
        assert_eq!(violation, Err(Violation::FirstPacketNotConnect { packet }));
    }
}

#[test]
fn flags() {
    let flags = |packet, flags| Violation::ReservedFlags { packet, flags };
    check(vec![
        (
            V311_AND_5,
            "11 0E 0004 'MQTT' 05 02 0000 00 0001 'a'",
            Breaks(flags(PacketType::Connect, 1), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED),
        ),
        (
            V311_AND_5,
            "21 03 0000 00",
            Breaks(flags(PacketType::ConnAck, 1), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED),
        ),
        (
            V311_AND_5,
            "42 02 0001",
            Breaks(flags(PacketType::PubAck, 2), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED),
        ),
        (
            V311_AND_5,
            "51 02 0001",
            Breaks(flags(PacketType::PubRec, 1), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED),
        ),
        (V311_AND_5, "60 02 0001", Breaks(flags(PacketType::PubRel, 0), "MQTT-3.6.1-1", MALFORMED)),
        (V311_AND_5, "6A 02 0001", Breaks(flags(PacketType::PubRel, 10), "MQTT-3.6.1-1", MALFORMED)),
        (
            V311_AND_5,
            "78 02 0001",
            Breaks(flags(PacketType::PubComp, 8), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED),
        ),
        (V311_AND_5, "80 07 0001 00 0001 'a' 00", Breaks(flags(PacketType::Subscribe, 0), "MQTT-3.8.1-1", MALFORMED)),
        (
            V311_AND_5,
            "94 04 0001 00 00",
            Breaks(flags(PacketType::SubAck, 4), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED),
        ),
        (V311_AND_5, "A3 06 0001 00 0001 'a'", Breaks(flags(PacketType::Unsubscribe, 3), "MQTT-3.10.1-1", MALFORMED)),
        (
            V311_AND_5,
            "B1 04 0001 00 00",
            Breaks(flags(PacketType::UnsubAck, 1), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED),
        ),
        (V311_AND_5, "C1 00", Breaks(flags(PacketType::PingReq, 1), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED)),
        (V311_AND_5, "D2 00", Breaks(flags(PacketType::PingResp, 2), "MQTT-2.1.3-1; 3.1.1: MQTT-2.2.2-2", MALFORMED)),
        (V311_AND_5, "E1 00", Breaks(flags(PacketType::Disconnect, 1), "MQTT-3.14.1-1", MALFORMED)),
        (V5, "F1 00", Breaks(flags(PacketType::Auth, 1), "MQTT-3.15.1-1", MALFORMED)),
        // MQTT 3.1 has DUP and QoS there, or calls the bits unused.
        (V31, "6A 02 0001", Reads(Packet::PubRel(Acknowledgement::new(identifier(1), ReasonCode::SUCCESS)))),
        (V31, "60 02 0001", Reads(Packet::PubRel(Acknowledgement::new(identifier(1), ReasonCode::SUCCESS)))),
        (V31, "C8 00", Reads(Packet::PingReq)),
    ]);
}

#[test]
fn remaining_lengths() {
    check(vec![
        (
            ALL,
            "30 FF FF FF FF",
            Breaks(Violation::VariableByteIntegerTooLong, "MQTT 5.0, 1.5.5; 3.1.1, 2.2.3", MALFORMED),
        ),
        (
            ALL,
            "30 80 80 80 80 01",
            Breaks(Violation::VariableByteIntegerTooLong, "MQTT 5.0, 1.5.5; 3.1.1, 2.2.3", MALFORMED),
        ),
        // Longer than it need be: MQTT 5.0 forbids it.
        (V5, "C0 80 00", Breaks(Violation::VariableByteIntegerNotMinimal, "MQTT-1.5.5-1", MALFORMED)),
        (
            ALL,
            "10 8E 00 0004 'MQTT' 05 02 0000 00 0001 'a'",
            Breaks(Violation::VariableByteIntegerNotMinimal, "MQTT-1.5.5-1", MALFORMED),
        ),
        (V3, "C0 80 80 80 00", Reads(Packet::PingReq)),
        // 1,048,577 and 268,435,460 bytes, of which none has come yet.
        (
            ALL,
            "30 FD FF 3F",
            Breaks(
                Violation::PacketTooLarge { size: LIMIT + 1, limit: LIMIT },
                "MQTT-3.2.2-15",
                ReasonCode::PACKET_TOO_LARGE,
            ),
        ),
        (
            ALL,
            "30 FF FF FF 7F",
            Breaks(
                Violation::PacketTooLarge { size: 268_435_460, limit: LIMIT },
                "MQTT-3.2.2-15",
                ReasonCode::PACKET_TOO_LARGE,
            ),
        ),
    ]);
}

#[test]
fn a_packet_of_exactly_the_maximum_size_is_taken() {
    let bytes = bytes("30 05 0001 't' 'hi'");
    let packet = Decoder::for_version(ProtocolVersion::V311, bytes.len()).decode(&mut BytesMut::from(&bytes[..]));
    assert!(matches!(packet, Ok(Some(Packet::Publish(_)))), "{packet:?}");
    let violation =
        Decoder::for_version(ProtocolVersion::V311, bytes.len() - 1).decode(&mut BytesMut::from(&bytes[..]));
    assert_eq!(violation, Err(Violation::PacketTooLarge { size: 7, limit: 6 }));
}

#[test]
fn a_connect_settles_the_version_of_what_follows() {
    // The same bytes: in 3.1.1 the payload is `00 hi`, in 5.0 there are no properties and the payload is `hi`.
    let publish = bytes("30 06 0001 't' 00 'hi'");
    for (version, payload) in
        [(ProtocolVersion::V31, &b"\0hi"[..]), (ProtocolVersion::V311, b"\0hi"), (ProtocolVersion::V5, b"hi")]
    {
        let packet = decoder_after_connect(version).decode(&mut BytesMut::from(&publish[..]));
        let Ok(Some(Packet::Publish(publish))) = packet else { panic!("{packet:?}") };
        assert_eq!(publish.payload, payload, "MQTT {}", version.name());
    }
}

#[test]
fn payloads_are_slices_of_the_read_buffer() {
    let mut buffer = BytesMut::from(&bytes("30 05 0001 't' 'hi'")[..]);
    let read = buffer.as_ptr_range();
    let packet = Decoder::for_version(ProtocolVersion::V311, LIMIT).decode(&mut buffer);
    let Ok(Some(Packet::Publish(publish))) = packet else { panic!("{packet:?}") };
    assert!(read.contains(&publish.payload.as_ptr()), "the payload was copied");
    let topic = publish.topic.expect("there is one");
    assert!(read.contains(&topic.as_ptr()), "the topic was copied");
    assert!(!read.contains(&topic.detached().as_ptr()), "a detached topic has memory of its own");
}

#[test]
fn strings() {
    let ill_formed = || Breaks(Violation::IllFormedUtf8, "MQTT-1.5.4-1; 3.1.1: MQTT-1.5.3-1", MALFORMED);
    let null = || Breaks(Violation::NullCharacter, "MQTT-1.5.4-2; 3.1.1: MQTT-1.5.3-2", MALFORMED);
    let truncated = || Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED);
    check(vec![
        // Not UTF-8 at all, cut short, too long for its character, a surrogate, beyond U+10FFFF.
        (ALL, "30 04 0002 FF 'a'", ill_formed()),
        (ALL, "30 04 0002 'a' C3", ill_formed()),
        (ALL, "30 04 0002 C1 81", ill_formed()),
        (ALL, "30 05 0003 ED A0 80", ill_formed()),
        (ALL, "30 06 0004 F4 90 80 80", ill_formed()),
        (ALL, "30 05 0003 'a' 00 'b'", null()),
        // Java's own way to write U+0000.
        (ALL, "30 04 0002 C0 80", ill_formed()),
        (ALL, "30 01 00", truncated()),
        (ALL, "30 03 0002 'a'", truncated()),
        (V5, "30 07 0001 't' 03 03 0001", truncated()),
        (V5, "30 04 0001 't' 01", truncated()),
        (V5, "30 09 0001 't' 05 26 0001 'a' 00", truncated()),
        // The zero width no-break space stays what it is, wherever it stands [MQTT-1.5.4-3].
        (
            V3,
            "30 05 0003 EF BB BF",
            Is(Packet::Publish(Publish {
                dup: false,
                qos: QoS::AtMostOnce,
                retain: false,
                topic: Some(TopicName::new("\u{FEFF}").expect("a topic of one character")),
                packet_identifier: None,
                properties: None,
                payload: Bytes::new(),
            })),
        ),
    ]);
}

#[test]
fn properties() {
    let unknown = |identifier| Breaks(Violation::UnknownProperty { identifier }, "MQTT 5.0, 2.2.2.2", MALFORMED);
    check(vec![
        (V5, "E0 04 00 02 00 00", unknown(0)),
        (V5, "E0 04 00 02 04 00", unknown(4)),
        (V5, "E0 04 00 02 7F 00", unknown(127)),
        (V5, "E0 05 00 03 FF 01 00", unknown(255)),
        (V5, "E0 05 00 03 91 00 00", Breaks(Violation::VariableByteIntegerNotMinimal, "MQTT-1.5.5-1", MALFORMED)),
        (V5, "E0 03 00 80 00", Breaks(Violation::VariableByteIntegerNotMinimal, "MQTT-1.5.5-1", MALFORMED)),
        (
            V5,
            "E0 06 00 FF FF FF FF 00",
            Breaks(Violation::VariableByteIntegerTooLong, "MQTT 5.0, 1.5.5; 3.1.1, 2.2.3", MALFORMED),
        ),
        (V5, "E0 06 00 02 1F 0001 'a'", Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED)),
    ]);
}

/// Each property in each packet that may have none of its kind.
#[test]
fn properties_stay_in_their_packets() {
    use Property as P;
    let authentication = [P::AuthenticationMethod, P::AuthenticationData, P::ReasonString, P::UserProperty];
    let reason = [P::ReasonString, P::UserProperty];
    let packets: [(PacketType, &[u8], &[Property]); 13] = [
        (
            PacketType::Connect,
            b"\x10\0\0\x04MQTT\x05\x02\0\0",
            &[
                P::SessionExpiryInterval,
                P::AuthenticationMethod,
                P::AuthenticationData,
                P::RequestProblemInformation,
                P::RequestResponseInformation,
                P::ReceiveMaximum,
                P::TopicAliasMaximum,
                P::UserProperty,
                P::MaximumPacketSize,
            ],
        ),
        // The Will's.
        (
            PacketType::Connect,
            b"\x10\0\0\x04MQTT\x05\x06\0\0\0\0\0",
            &[
                P::PayloadFormatIndicator,
                P::MessageExpiryInterval,
                P::ContentType,
                P::ResponseTopic,
                P::CorrelationData,
                P::WillDelayInterval,
                P::UserProperty,
            ],
        ),
        (
            PacketType::ConnAck,
            b"\x20\0\0\0",
            &[
                P::SessionExpiryInterval,
                P::AssignedClientIdentifier,
                P::ServerKeepAlive,
                P::AuthenticationMethod,
                P::AuthenticationData,
                P::ResponseInformation,
                P::ServerReference,
                P::ReasonString,
                P::ReceiveMaximum,
                P::TopicAliasMaximum,
                P::MaximumQos,
                P::RetainAvailable,
                P::UserProperty,
                P::MaximumPacketSize,
                P::WildcardSubscriptionAvailable,
                P::SubscriptionIdentifiersAvailable,
                P::SharedSubscriptionAvailable,
            ],
        ),
        (
            PacketType::Publish,
            b"\x30\0\0\x01t",
            &[
                P::PayloadFormatIndicator,
                P::MessageExpiryInterval,
                P::ContentType,
                P::ResponseTopic,
                P::CorrelationData,
                P::SubscriptionIdentifier,
                P::TopicAlias,
                P::UserProperty,
            ],
        ),
        (PacketType::PubAck, b"\x40\0\0\x01\0", &reason),
        (PacketType::PubRec, b"\x50\0\0\x01\0", &reason),
        (PacketType::PubRel, b"\x62\0\0\x01\0", &reason),
        (PacketType::PubComp, b"\x70\0\0\x01\0", &reason),
        (PacketType::Subscribe, b"\x82\0\0\x01", &[P::SubscriptionIdentifier, P::UserProperty]),
        (PacketType::SubAck, b"\x90\0\0\x01", &reason),
        (PacketType::Unsubscribe, b"\xA2\0\0\x01", &[P::UserProperty]),
        (PacketType::UnsubAck, b"\xB0\0\0\x01", &reason),
        (PacketType::Auth, b"\xF0\0\x00", &authentication),
    ];
    for (packet, head, allowed) in packets {
        for &property in Property::ALL {
            let mut bytes = BytesMut::from(head);
            // The value is complete whatever the property's type: four bytes, or the name of a pair and its value.
            bytes.extend_from_slice(&[5, property as u8, 0, 0, 0, 0]);
            bytes[1] = bytes.len() as u8 - 2;
            let decoded = Decoder::for_version(ProtocolVersion::V5, LIMIT).decode(&mut bytes);
            let refused = decoded == Err(Violation::PropertyNotAllowed { property, packet });
            assert_eq!(refused, !allowed.contains(&property), "{property} in {packet}: {decoded:?}");
        }
    }
}

#[test]
fn what_has_no_room_is_not_written() {
    let before = BytesMut::from(&b"before"[..]);
    let mut out = before.clone();

    let long_reason = Acknowledgement {
        properties: Some(Box::new(AcknowledgementProperties {
            reason_string: Some("x".repeat(65_536).into()),
            ..AcknowledgementProperties::default()
        })),
        ..Acknowledgement::new(identifier(1), ReasonCode::SUCCESS)
    };
    assert_eq!(Packet::PubAck(long_reason.clone()).encode(ProtocolVersion::V5, &mut out), Err(TooLarge));
    assert_eq!(out, before);
    // MQTT 3.1.1 leaves the properties out.
    assert_eq!(Packet::PubAck(long_reason).encode(ProtocolVersion::V311, &mut out), Ok(()));
    out = before.clone();

    let topic = TopicName::new("t").expect("a topic of one character");
    // With the three bytes of the topic, the largest packet that there can be, and one byte more. Never touched, the
    // zeros cost no memory.
    for (length, fits) in [(268_435_452, true), (268_435_453, false)] {
        let payload = Bytes::from(vec![0; length]);
        let view = PublishView {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: Some(&topic),
            packet_identifier: None,
            properties: None,
            message_expiry_interval: None,
            topic_alias: None,
            subscription_identifiers: &[],
            payload: &payload,
        };
        assert_eq!(view.encoded_len(ProtocolVersion::V311), 5 + 3 + length);
        if !fits {
            assert_eq!(view.encode(ProtocolVersion::V311, &mut out), Err(TooLarge));
            assert_eq!(out, before);
        }
    }
}

#[test]
fn a_broken_connect_tells_its_version() {
    for (text, version) in [
        ("10 0F 0006 'MQIsdp' 03 02 0000 0001 00", Some(ProtocolVersion::V31)),
        ("10 0D 0004 'MQTT' 04 03 0000 0001 'a'", Some(ProtocolVersion::V311)),
        ("10 11 0004 'MQTT' 05 02 0000 03 21 0000 0001 'a'", Some(ProtocolVersion::V5)),
        ("10 0D 0004 'MQTT' 06 02 0000 0001 'a'", None),
        ("10 04 0004 'MQ'", None),
        ("C0", None),
    ] {
        let mut decoder = Decoder::new(LIMIT);
        let decoded = decoder.decode(&mut BytesMut::from(&bytes(text)[..]));
        assert!(decoded.is_err(), "{text}: {decoded:?}");
        assert_eq!(decoder.version(), version, "{text}");
    }
}

#[test]
fn a_failed_connect_tells_an_unknown_protocol_from_other_errors() {
    let mut bytes = BytesMut::from(&bytes("10 0D 0004 'MQTT' 06 02 0000 0001 'a'")[..]);
    let violation = Decoder::new(LIMIT).decode(&mut bytes).expect_err("there is no MQTT 6");
    assert_eq!(violation.reason_code(), ReasonCode::UNSUPPORTED_PROTOCOL_VERSION);
    assert_eq!(
        violation.to_string(),
        "the protocol \"MQTT\" of level 6 is none of MQTT 3.1, 3.1.1 and 5.0 [MQTT-3.1.2-1, MQTT-3.1.2-2]"
    );
}
