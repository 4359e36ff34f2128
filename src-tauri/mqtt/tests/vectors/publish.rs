//! PUBLISH.

use bytes::{Bytes, BytesMut};
use nightjar_mqtt::{
    InvalidTopic, Packet, Property, ProtocolVersion, Publish, PublishProperties, PublishView, QoS, ReasonCode,
    TopicName, Violation,
};

use crate::{
    ALL, Breaks, BreaksAtServer, Is, MALFORMED, PROTOCOL, V3, V5, V31, V311_AND_5, Writes, bytes, check, identifier,
};

fn topic(text: &'static str) -> TopicName {
    TopicName::new(text).expect("the tests' own topics are valid")
}

fn publish() -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Some(topic("a/b")),
        packet_identifier: None,
        properties: None,
        payload: Bytes::from_static(b"hi"),
    }
}

fn at(qos: QoS, packet_identifier: u16) -> Publish {
    Publish { qos, packet_identifier: Some(identifier(packet_identifier)), ..publish() }
}

fn with(properties: PublishProperties) -> Publish {
    Publish { properties: Some(Box::new(properties)), ..publish() }
}

#[test]
fn publishes() {
    check(vec![
        (V3, "30 07 0003 'a/b' 'hi'", Is(Packet::Publish(publish()))),
        (V5, "30 08 0003 'a/b' 00 'hi'", Is(Packet::Publish(publish()))),
        (V3, "30 05 0003 'a/b'", Is(Packet::Publish(Publish { payload: Bytes::new(), ..publish() }))),
        (V5, "31 06 0003 'a/b' 00", Is(Packet::Publish(Publish { retain: true, payload: Bytes::new(), ..publish() }))),
        (V3, "32 09 0003 'a/b' 0001 'hi'", Is(Packet::Publish(at(QoS::AtLeastOnce, 1)))),
        (V5, "32 0A 0003 'a/b' 0001 00 'hi'", Is(Packet::Publish(at(QoS::AtLeastOnce, 1)))),
        (
            V3,
            "3D 09 0003 'a/b' FFFF 'hi'",
            Is(Packet::Publish(Publish { dup: true, retain: true, ..at(QoS::ExactlyOnce, 65_535) })),
        ),
        (
            V5,
            "3D 0A 0003 'a/b' FFFF 00 'hi'",
            Is(Packet::Publish(Publish { dup: true, retain: true, ..at(QoS::ExactlyOnce, 65_535) })),
        ),
        // MQTT 3.1 does not say what DUP is at QoS 0, and does not forbid it.
        (V31, "38 07 0003 'a/b' 'hi'", Is(Packet::Publish(Publish { dup: true, ..publish() }))),
        (
            V3,
            "30 0C 0006 C3A4 '/' E282AC 'hi' 00 FF",
            Is(Packet::Publish(Publish {
                topic: Some(topic("ä/€")),
                payload: Bytes::from_static(b"hi\0\xFF"),
                ..publish()
            })),
        ),
        (
            V3,
            "30 05 0002 '//' FF",
            Is(Packet::Publish(Publish {
                topic: Some(topic("//")),
                payload: Bytes::from_static(b"\xFF"),
                ..publish()
            })),
        ),
    ]);
}

/// The Remaining Length at each step from one length of its own to the next (2.1.4; in 3.1.1 2.2.3, Table 2.4).
#[test]
fn remaining_lengths() {
    for (remaining_length, header) in
        [(127, "30 7F"), (128, "30 80 01"), (16_383, "30 FF 7F"), (16_384, "30 80 80 01"), (1_000_000, "30 C0 84 3D")]
    {
        let payload = vec![b'x'; remaining_length - 5];
        let packet = Packet::Publish(Publish { payload: payload.clone().into(), ..publish() });
        let mut expected = bytes(header);
        expected.extend_from_slice(&bytes("0003 'a/b'"));
        expected.extend_from_slice(&payload);
        let mut written = BytesMut::new();
        packet.encode(ProtocolVersion::V311, &mut written).expect("it fits");
        assert!(written == expected, "written with another header than {header}");
        let mut decoder = nightjar_mqtt::Decoder::for_version(ProtocolVersion::V311, 1 << 20);
        assert!(decoder.decode(&mut written) == Ok(Some(packet)), "{header} is read as another packet");
    }
}

#[test]
fn properties() {
    let properties = PublishProperties {
        payload_format_indicator: Some(true),
        message_expiry_interval: Some(60),
        topic_alias: Some(7),
        response_topic: Some(topic("r")),
        correlation_data: Some(Bytes::from_static(&[1, 2])),
        user_properties: vec![("k".into(), "v".into()), ("".into(), "".into())],
        subscription_identifiers: vec![1, 268_435_455],
        content_type: Some("t".into()),
    };
    let alias = PublishProperties { topic_alias: Some(1), ..PublishProperties::default() };
    check(vec![
        (
            V5,
            "30 32 0003 'a/b' 2A 02 0000003C 23 0007 0B 01 0B FFFFFF7F 01 01 03 0001't' 08 0001'r' 09 0002 0102 \
              26 0001'k' 0001'v' 26 0000 0000 'hi'",
            Is(Packet::Publish(with(properties.clone()))),
        ),
        (V3, "30 07 0003 'a/b' 'hi'", Writes(Packet::Publish(with(properties)))),
        // A Topic Alias may come with its topic, or stand for it.
        (V5, "30 0B 0003 'a/b' 03 23 0001 'hi'", Is(Packet::Publish(with(alias.clone())))),
        (V5, "30 08 0000 03 23 0001 'hi'", Is(Packet::Publish(Publish { topic: None, ..with(alias) }))),
        // No properties in a box are no properties.
        (V5, "30 08 0003 'a/b' 00 'hi'", Writes(Packet::Publish(with(PublishProperties::default())))),
    ]);
}

#[test]
fn a_view_adds_what_belongs_to_one_delivery() {
    let message = PublishProperties {
        content_type: Some("t".into()),
        // These are the publisher's, and no business of the subscriber's.
        message_expiry_interval: Some(1_000),
        topic_alias: Some(1_000),
        subscription_identifiers: vec![1_000],
        ..PublishProperties::default()
    };
    let topic = topic("a/b");
    let payload = Bytes::from_static(b"hi");
    let view = PublishView {
        dup: true,
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: Some(&topic),
        packet_identifier: Some(identifier(9)),
        properties: Some(&message),
        message_expiry_interval: Some(59),
        topic_alias: Some(3),
        subscription_identifiers: &[4, 128],
        payload: &payload,
    };
    for (version, expected) in [
        (ProtocolVersion::V311, "3B 09 0003 'a/b' 0009 'hi'"),
        (ProtocolVersion::V5, "3B 1B 0003 'a/b' 0009 11 02 0000003B 23 0003 0B 04 0B 8001 03 0001't' 'hi'"),
    ] {
        let mut out = BytesMut::from(&b"before"[..]);
        view.encode(version, &mut out).expect("it fits");
        assert_eq!(out, [&b"before"[..], &bytes(expected)].concat(), "MQTT {}", version.name());
        assert_eq!(view.encoded_len(version), bytes(expected).len(), "MQTT {}", version.name());
    }
    let aliased = PublishView { topic: None, properties: None, message_expiry_interval: None, ..view };
    let mut out = BytesMut::new();
    aliased.encode(ProtocolVersion::V5, &mut out).expect("it fits");
    assert_eq!(out, bytes("3B 0F 0000 0009 08 23 0003 0B 04 0B 8001 'hi'"), "the alias stands for the name");
    let plain = PublishView {
        properties: None,
        message_expiry_interval: None,
        topic_alias: None,
        subscription_identifiers: &[],
        ..view
    };
    assert_eq!(plain.encoded_len(ProtocolVersion::V5), bytes("3B 0A 0003 'a/b' 0009 00 'hi'").len());
}

#[test]
fn violations() {
    let invalid = |topic, clause, code| Breaks(Violation::Topic(topic), clause, code);
    check(vec![
        (ALL, "36 09 0003 'a/b' 0001 'hi'", Breaks(Violation::QosThree, "MQTT-3.3.1-4", MALFORMED)),
        (V311_AND_5, "38 08 0003 'a/b' 00 'hi'", Breaks(Violation::DupAtQosZero, "MQTT-3.3.1-2", MALFORMED)),
        (
            ALL,
            "32 07 0003 'a/b' 0000",
            Breaks(Violation::ZeroPacketIdentifier, "MQTT-2.2.1-3; 3.1.1: MQTT-2.3.1-1", PROTOCOL),
        ),
        (ALL, "34 06 0003 'a/b' 00", Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED)),
        (ALL, "30 00", Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED)),
        (
            ALL,
            "30 05 0003 'a/#'",
            invalid(InvalidTopic::WildcardInName, "MQTT-3.3.2-2", ReasonCode::TOPIC_NAME_INVALID),
        ),
        (
            ALL,
            "30 05 0003 '+/b'",
            invalid(InvalidTopic::WildcardInName, "MQTT-3.3.2-2", ReasonCode::TOPIC_NAME_INVALID),
        ),
        (
            ALL,
            "30 05 0003 'a+b'",
            invalid(InvalidTopic::WildcardInName, "MQTT-3.3.2-2", ReasonCode::TOPIC_NAME_INVALID),
        ),
        (ALL, "30 03 0000 00", Breaks(Violation::NoTopic, "MQTT 5.0, 3.3.2.1; 3.1.1: MQTT-4.7.3-1", PROTOCOL)),
        // Properties, but no alias among them.
        (V5, "30 05 0000 02 01 01", Breaks(Violation::NoTopic, "MQTT 5.0, 3.3.2.1; 3.1.1: MQTT-4.7.3-1", PROTOCOL)),
    ]);
}

#[test]
fn violations_of_properties() {
    let twice = |property, section| Breaks(Violation::DuplicateProperty { property }, section, PROTOCOL);
    check(vec![
        (V5, "30 08 0001 't' 04 01 01 01 01", twice(Property::PayloadFormatIndicator, "MQTT 5.0, 3.3.2.3.2")),
        (
            V5,
            "30 0E 0001 't' 0A 02 00000001 02 00000001",
            twice(Property::MessageExpiryInterval, "MQTT 5.0, 3.3.2.3.3"),
        ),
        (V5, "30 0A 0001 't' 06 23 0001 23 0001", twice(Property::TopicAlias, "MQTT 5.0, 3.3.2.3.4")),
        (V5, "30 0C 0001 't' 08 08 0001'r' 08 0001'r'", twice(Property::ResponseTopic, "MQTT 5.0, 3.3.2.3.5")),
        (V5, "30 0A 0001 't' 06 09 0000 09 0000", twice(Property::CorrelationData, "MQTT 5.0, 3.3.2.3.6")),
        (V5, "30 0A 0001 't' 06 03 0000 03 0000", twice(Property::ContentType, "MQTT 5.0, 3.3.2.3.9")),
        (
            V5,
            "30 06 0001 't' 02 01 02",
            Breaks(
                Violation::PropertyNotZeroOrOne { property: Property::PayloadFormatIndicator, value: 2 },
                "MQTT 5.0, 3.3.2.3.2",
                PROTOCOL,
            ),
        ),
        (
            V5,
            "30 07 0001 't' 03 23 0000",
            Breaks(Violation::ZeroTopicAlias, "MQTT-3.3.2-8", ReasonCode::TOPIC_ALIAS_INVALID),
        ),
        (V5, "30 06 0001 't' 02 0B 00", Breaks(Violation::ZeroSubscriptionIdentifier, "MQTT 5.0, 3.8.2.1.2", PROTOCOL)),
        (V5, "30 07 0001 't' 03 0B 8100", Breaks(Violation::VariableByteIntegerNotMinimal, "MQTT-1.5.5-1", MALFORMED)),
        (V5, "30 08 0001 't' 04 08 0001'#'", Breaks(Violation::WildcardInResponseTopic, "MQTT-3.3.2-14", PROTOCOL)),
        (V5, "30 07 0001 't' 03 08 0000", Breaks(Violation::Topic(InvalidTopic::Empty), "MQTT-4.7.3-1", MALFORMED)),
        (
            V5,
            "30 06 0001 't' 02 0B 01",
            BreaksAtServer(Violation::SubscriptionIdentifierFromClient, "MQTT-3.3.4-6", PROTOCOL),
        ),
    ]);
}
