//! CONNECT.

use bytes::Bytes;
use nightjar_mqtt::{
    Connect, ConnectProperties, InvalidTopic, Login, Packet, PacketType, Property, ProtocolVersion, QoS, ReasonCode,
    TopicName, Violation, Will, WillProperties,
};

use crate::{ALL, Breaks, Is, MALFORMED, PROTOCOL, Reads, V3, V5, V31, V311, Writes, check};

fn connect(version: ProtocolVersion) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_identifier: "a".into(),
        will: None,
        login: Login::default(),
        properties: ConnectProperties::default(),
    }
}

fn will() -> Box<Will> {
    Box::new(Will {
        topic: TopicName::new("w").expect("a topic of one character"),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: WillProperties::default(),
    })
}

fn login(user_name: &'static str, password: &'static str) -> Login {
    Login { user_name: Some(user_name.into()), password: Some(Bytes::from_static(password.as_bytes())) }
}

fn packet(connect: Connect) -> Packet {
    Packet::Connect(Box::new(connect))
}

#[test]
fn connects() {
    use ProtocolVersion as V;
    check(vec![
        (V31, "10 0F 0006 'MQIsdp' 03 02 003C 0001 'a'", Is(packet(connect(V::V31)))),
        (V311, "10 0D 0004 'MQTT' 04 02 003C 0001 'a'", Is(packet(connect(V::V311)))),
        (V5, "10 0E 0004 'MQTT' 05 02 003C 00 0001 'a'", Is(packet(connect(V::V5)))),
        // Whatever version a decoder or an encoder is for, CONNECT is of its own.
        (ALL, "10 0E 0004 'MQTT' 05 02 003C 00 0001 'a'", Is(packet(connect(V::V5)))),
        (
            ALL,
            "10 0C 0004 'MQTT' 04 00 0000 0000",
            Is(packet(Connect { clean_start: false, keep_alive: 0, client_identifier: "".into(), ..connect(V::V311) })),
        ),
        // User name, password, Will retained at QoS 1, clean: 80 40 20 08 04 02.
        (
            V31,
            "10 20 0006 'MQIsdp' 03 EE FFFF 0001 'a' 0001 'w' 0004 'gone' 0002 'me' 0002 'pw'",
            Is(packet(Connect { keep_alive: 65_535, will: Some(will()), login: login("me", "pw"), ..connect(V::V31) })),
        ),
        (
            V311,
            "10 1E 0004 'MQTT' 04 EE FFFF 0001 'a' 0001 'w' 0004 'gone' 0002 'me' 0002 'pw'",
            Is(packet(Connect {
                keep_alive: 65_535,
                will: Some(will()),
                login: login("me", "pw"),
                ..connect(V::V311)
            })),
        ),
        (
            V5,
            "10 20 0004 'MQTT' 05 EE FFFF 00 0001 'a' 00 0001 'w' 0004 'gone' 0002 'me' 0002 'pw'",
            Is(packet(Connect { keep_alive: 65_535, will: Some(will()), login: login("me", "pw"), ..connect(V::V5) })),
        ),
        // A password is any bytes, and may be empty, which is not to be absent.
        (
            V311,
            "10 15 0004 'MQTT' 04 C2 003C 0001 'a' 0002 'me' 0002 FF 00",
            Is(packet(Connect {
                login: Login { user_name: Some("me".into()), password: Some(Bytes::from_static(b"\xFF\0")) },
                ..connect(V::V311)
            })),
        ),
        (
            V311,
            "10 11 0004 'MQTT' 04 C2 003C 0001 'a' 0000 0000",
            Is(packet(Connect { login: login("", ""), ..connect(V::V311) })),
        ),
        // MQTT 5.0 allows a password alone.
        (
            V5,
            "10 12 0004 'MQTT' 05 42 003C 00 0001 'a' 0002 'pw'",
            Is(packet(Connect {
                login: Login { user_name: None, password: Some(Bytes::from_static(b"pw")) },
                ..connect(V::V5)
            })),
        ),
    ]);
}

#[test]
fn properties() {
    let properties = ConnectProperties {
        session_expiry_interval: Some(u32::MAX),
        receive_maximum: Some(20),
        maximum_packet_size: Some(65_536),
        topic_alias_maximum: Some(10),
        request_response_information: Some(true),
        request_problem_information: Some(false),
        user_properties: vec![("k".into(), "v".into()), ("k".into(), "".into())],
        authentication_method: Some("m".into()),
        authentication_data: Some(Bytes::from_static(&[1, 2])),
    };
    let will_properties = WillProperties {
        will_delay_interval: Some(5),
        payload_format_indicator: Some(true),
        message_expiry_interval: Some(60),
        content_type: Some("t".into()),
        response_topic: Some(TopicName::new("r").expect("a topic of one character")),
        correlation_data: Some(Bytes::from_static(&[7])),
        user_properties: vec![("k".into(), "v".into())],
    };
    let with_properties = Connect { properties: properties.clone(), ..connect(ProtocolVersion::V5) };
    let with_will = Connect {
        will: Some(Box::new(Will { properties: will_properties.clone(), ..*will() })),
        ..connect(ProtocolVersion::V5)
    };
    check(vec![
        (
            V5,
            "10 38 0004 'MQTT' 05 02 003C \
              2A 11 FFFFFFFF 21 0014 27 00010000 22 000A 19 01 17 00 26 0001'k' 0001'v' 26 0001'k' 0000 \
              15 0001'm' 16 0002 0102 0001 'a'",
            Is(packet(with_properties)),
        ),
        (
            V5,
            "10 37 0004 'MQTT' 05 2E 003C 00 0001 'a' \
              1F 18 00000005 01 01 02 0000003C 03 0001't' 08 0001'r' 09 0001 07 26 0001'k' 0001'v' \
              0001 'w' 0004 'gone'",
            Is(packet(with_will)),
        ),
        // Below MQTT 5.0 nothing of them is written.
        (
            V311,
            "10 16 0004 'MQTT' 04 2E 003C 0001 'a' 0001 'w' 0004 'gone'",
            Writes(packet(Connect {
                properties,
                will: Some(Box::new(Will { properties: will_properties, ..*will() })),
                ..connect(ProtocolVersion::V311)
            })),
        ),
    ]);
}

#[test]
fn mqtt_3_1_is_lenient() {
    let version = ProtocolVersion::V31;
    check(vec![
        // "The Remaining Length field from the fixed header takes precedence": name and password promised, but absent.
        (V31, "10 0F 0006 'MQIsdp' 03 C2 003C 0001 'a'", Reads(packet(connect(version)))),
        (
            V31,
            "10 13 0006 'MQIsdp' 03 C2 003C 0001 'a' 0002 'me'",
            Reads(packet(Connect {
                login: Login { user_name: Some("me".into()), password: None },
                ..connect(version)
            })),
        ),
        // Bits that are not used, or disregarded where there is no Will.
        (V31, "10 0F 0006 'MQIsdp' 03 03 003C 0001 'a'", Reads(packet(connect(version)))),
        (V31, "10 0F 0006 'MQIsdp' 03 3A 003C 0001 'a'", Reads(packet(connect(version)))),
        (V31, "1F 0F 0006 'MQIsdp' 03 02 003C 0001 'a'", Reads(packet(connect(version)))),
    ]);
}

#[test]
fn passwords_stay_where_their_version_has_them() {
    let login = Login { user_name: None, password: Some(Bytes::from_static(b"pw")) };
    check(vec![(
        V311,
        "10 0D 0004 'MQTT' 04 02 003C 0001 'a'",
        Writes(packet(Connect { login, ..connect(ProtocolVersion::V311) })),
    )]);
}

#[test]
fn passwords_are_not_in_the_debug_output() {
    let debug = format!("{:?}", packet(Connect { login: login("me", "secret"), ..connect(ProtocolVersion::V5) }));
    assert!(debug.contains("me") && !debug.contains("secret"), "{debug}");
}

#[test]
fn unknown_protocols() {
    let unsupported = |name: &str, level| {
        Breaks(
            Violation::UnsupportedProtocol { name: name.into(), level },
            "MQTT-3.1.2-1, MQTT-3.1.2-2",
            ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
        )
    };
    check(vec![
        (ALL, "10 0D 0004 'MQTT' 03 02 003C 0001 'a'", unsupported("MQTT", 3)),
        (ALL, "10 0D 0004 'MQTT' 06 02 003C 0001 'a'", unsupported("MQTT", 6)),
        (ALL, "10 0F 0006 'MQIsdp' 04 02 003C 0001 'a'", unsupported("MQIsdp", 4)),
        (ALL, "10 0D 0004 'mqtt' 04 02 003C 0001 'a'", unsupported("mqtt", 4)),
        // Mosquitto's bridges set the highest bit of the level to be known as such, and ask again without.
        (ALL, "10 0D 0004 'MQTT' 84 02 003C 0001 'a'", unsupported("MQTT", 0x84)),
        // Whatever comes after the level, its format is unknown.
        (ALL, "10 07 0004 'MQTT' 07", unsupported("MQTT", 7)),
        (ALL, "1F 07 0004 'MQTT' 07", unsupported("MQTT", 7)),
        (ALL, "10 03 0000 00", unsupported("", 0)),
        (ALL, "10 06 0003 FF 0A 'x' 01", unsupported("\u{FFFD}\\nx", 1)),
        (ALL, "10 17 0014 'abcdefghijklmnopqrst' 04", unsupported("abcdefghijklmnop", 4)),
    ]);
}

#[test]
fn violations() {
    let topic = |topic: InvalidTopic, clause, code| Breaks(Violation::Topic(topic), clause, code);
    let truncated = || Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED);
    check(vec![
        (
            V311,
            "10 0D 0004 'MQTT' 04 03 003C 0001 'a'",
            Breaks(Violation::ReservedConnectFlag, "MQTT-3.1.2-3", MALFORMED),
        ),
        (
            V5,
            "10 0E 0004 'MQTT' 05 03 003C 00 0001 'a'",
            Breaks(Violation::ReservedConnectFlag, "MQTT-3.1.2-3", MALFORMED),
        ),
        (
            V31,
            "10 13 0006 'MQIsdp' 03 42 003C 0001 'a' 0002 'pw'",
            Breaks(Violation::PasswordWithoutUserName, "3.1.1: MQTT-3.1.2-22", MALFORMED),
        ),
        (
            V311,
            "10 11 0004 'MQTT' 04 42 003C 0001 'a' 0002 'pw'",
            Breaks(Violation::PasswordWithoutUserName, "3.1.1: MQTT-3.1.2-22", MALFORMED),
        ),
        (
            V31,
            "10 18 0006 'MQIsdp' 03 1E 003C 0001 'a' 0001 'w' 0004 'gone'",
            Breaks(Violation::WillQosThree, "MQTT-3.1.2-12; 3.1.1: MQTT-3.1.2-14", MALFORMED),
        ),
        (
            V311,
            "10 16 0004 'MQTT' 04 1E 003C 0001 'a' 0001 'w' 0004 'gone'",
            Breaks(Violation::WillQosThree, "MQTT-3.1.2-12; 3.1.1: MQTT-3.1.2-14", MALFORMED),
        ),
        (
            V5,
            "10 18 0004 'MQTT' 05 1E 003C 00 0001 'a' 00 0001 'w' 0004 'gone'",
            Breaks(Violation::WillQosThree, "MQTT-3.1.2-12; 3.1.1: MQTT-3.1.2-14", MALFORMED),
        ),
        (
            V311,
            "10 0D 0004 'MQTT' 04 0A 003C 0001 'a'",
            Breaks(Violation::WillQosWithoutWill, "MQTT-3.1.2-11; 3.1.1: MQTT-3.1.2-13", MALFORMED),
        ),
        (
            V5,
            "10 0E 0004 'MQTT' 05 1A 003C 00 0001 'a'",
            Breaks(Violation::WillQosWithoutWill, "MQTT-3.1.2-11; 3.1.1: MQTT-3.1.2-13", MALFORMED),
        ),
        (
            V311,
            "10 0D 0004 'MQTT' 04 22 003C 0001 'a'",
            Breaks(Violation::WillRetainWithoutWill, "MQTT-3.1.2-13; 3.1.1: MQTT-3.1.2-15", MALFORMED),
        ),
        (
            V5,
            "10 0E 0004 'MQTT' 05 22 003C 00 0001 'a'",
            Breaks(Violation::WillRetainWithoutWill, "MQTT-3.1.2-13; 3.1.1: MQTT-3.1.2-15", MALFORMED),
        ),
        (
            V311,
            "10 15 0004 'MQTT' 04 06 003C 0001 'a' 0000 0004 'gone'",
            topic(InvalidTopic::Empty, "MQTT-4.7.3-1", MALFORMED),
        ),
        (
            V311,
            "10 16 0004 'MQTT' 04 06 003C 0001 'a' 0001 '#' 0004 'gone'",
            topic(InvalidTopic::WildcardInName, "MQTT-3.3.2-2", ReasonCode::TOPIC_NAME_INVALID),
        ),
        (
            V5,
            "10 18 0004 'MQTT' 05 06 003C 00 0001 'a' 00 0001 '+' 0004 'gone'",
            topic(InvalidTopic::WildcardInName, "MQTT-3.3.2-2", ReasonCode::TOPIC_NAME_INVALID),
        ),
        // The flags promise more than there is; there is more than the flags promise.
        (V311, "10 0D 0004 'MQTT' 04 82 003C 0001 'a'", truncated()),
        (V311, "10 0D 0004 'MQTT' 04 06 003C 0001 'a'", truncated()),
        (V5, "10 0D 0004 'MQTT' 05 02 003C 0001 'a'", truncated()),
        (V5, "10 0A 0004 'MQTT' 05 02 003C", truncated()),
        (ALL, "10 01 00", truncated()),
        (ALL, "10 00", truncated()),
        (
            V3,
            "10 11 0004 'MQTT' 04 02 003C 0001 'a' 0002 'me'",
            Breaks(Violation::TrailingBytes { count: 4 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
        (
            V311,
            "10 10 0004 'MQTT' 04 82 003C 0001 'a' 0001 FF",
            Breaks(Violation::IllFormedUtf8, "MQTT-1.5.4-1; 3.1.1: MQTT-1.5.3-1", MALFORMED),
        ),
        (
            V311,
            "10 0D 0004 'MQTT' 04 02 003C 0001 00",
            Breaks(Violation::NullCharacter, "MQTT-1.5.4-2; 3.1.1: MQTT-1.5.3-2", MALFORMED),
        ),
    ]);
}

#[test]
fn violations_of_properties() {
    let twice = |property: Property, section| Breaks(Violation::DuplicateProperty { property }, section, PROTOCOL);
    let not_bit =
        |property, value, section| Breaks(Violation::PropertyNotZeroOrOne { property, value }, section, PROTOCOL);
    check(vec![
        (
            V5,
            "10 18 0004 'MQTT' 05 02 003C 0A 11 00000001 11 00000001 0001 'a'",
            twice(Property::SessionExpiryInterval, "MQTT 5.0, 3.1.2.11.2"),
        ),
        (
            V5,
            "10 14 0004 'MQTT' 05 02 003C 06 21 0001 21 0001 0001 'a'",
            twice(Property::ReceiveMaximum, "MQTT 5.0, 3.1.2.11.3"),
        ),
        (
            V5,
            "10 18 0004 'MQTT' 05 02 003C 0A 27 00000001 27 00000001 0001 'a'",
            twice(Property::MaximumPacketSize, "MQTT 5.0, 3.1.2.11.4"),
        ),
        (
            V5,
            "10 14 0004 'MQTT' 05 02 003C 06 22 0001 22 0001 0001 'a'",
            twice(Property::TopicAliasMaximum, "MQTT 5.0, 3.1.2.11.5"),
        ),
        (
            V5,
            "10 12 0004 'MQTT' 05 02 003C 04 19 00 19 00 0001 'a'",
            twice(Property::RequestResponseInformation, "MQTT 5.0, 3.1.2.11.6"),
        ),
        (
            V5,
            "10 12 0004 'MQTT' 05 02 003C 04 17 00 17 00 0001 'a'",
            twice(Property::RequestProblemInformation, "MQTT 5.0, 3.1.2.11.7"),
        ),
        (
            V5,
            "10 16 0004 'MQTT' 05 02 003C 08 15 0001'm' 15 0001'm' 0001 'a'",
            twice(Property::AuthenticationMethod, "MQTT 5.0, 3.1.2.11.9"),
        ),
        (
            V5,
            "10 14 0004 'MQTT' 05 02 003C 06 16 0000 16 0000 0001 'a'",
            twice(Property::AuthenticationData, "MQTT 5.0, 3.1.2.11.10"),
        ),
        (
            V5,
            "10 10 0004 'MQTT' 05 02 003C 02 19 02 0001 'a'",
            not_bit(Property::RequestResponseInformation, 2, "MQTT 5.0, 3.1.2.11.6"),
        ),
        (
            V5,
            "10 10 0004 'MQTT' 05 02 003C 02 17 FF 0001 'a'",
            not_bit(Property::RequestProblemInformation, 255, "MQTT 5.0, 3.1.2.11.7"),
        ),
        (
            V5,
            "10 11 0004 'MQTT' 05 02 003C 03 21 0000 0001 'a'",
            Breaks(Violation::ZeroReceiveMaximum, "MQTT 5.0, 3.1.2.11.3", PROTOCOL),
        ),
        (
            V5,
            "10 13 0004 'MQTT' 05 02 003C 05 27 00000000 0001 'a'",
            Breaks(Violation::ZeroMaximumPacketSize, "MQTT 5.0, 3.1.2.11.4", PROTOCOL),
        ),
        (
            V5,
            "10 12 0004 'MQTT' 05 02 003C 04 16 0001 00 0001 'a'",
            Breaks(Violation::AuthenticationDataWithoutMethod, "MQTT 5.0, 3.1.2.11.10", PROTOCOL),
        ),
        // Of the Will.
        (
            V5,
            "10 1A 0004 'MQTT' 05 06 003C 00 0001 'a' 02 01 02 0001 'w' 0004 'gone'",
            not_bit(Property::PayloadFormatIndicator, 2, "MQTT 5.0, 3.3.2.3.2"),
        ),
        (
            V5,
            "10 1C 0004 'MQTT' 05 06 003C 00 0001 'a' 04 01 01 01 01 0001 'w' 0004 'gone'",
            twice(Property::PayloadFormatIndicator, "MQTT 5.0, 3.3.2.3.2"),
        ),
        (
            V5,
            "10 22 0004 'MQTT' 05 06 003C 00 0001 'a' 0A 18 00000001 18 00000001 0001 'w' 0004 'gone'",
            twice(Property::WillDelayInterval, "MQTT 5.0, 3.1.3.2.2"),
        ),
        (
            V5,
            "10 1C 0004 'MQTT' 05 06 003C 00 0001 'a' 04 08 0001'#' 0001 'w' 0004 'gone'",
            Breaks(Violation::WildcardInResponseTopic, "MQTT-3.3.2-14", PROTOCOL),
        ),
        // One of the Will's among CONNECT's.
        (
            V5,
            "10 13 0004 'MQTT' 05 02 003C 05 18 00000001 0001 'a'",
            Breaks(
                Violation::PropertyNotAllowed { property: Property::WillDelayInterval, packet: PacketType::Connect },
                "MQTT 5.0, 2.2.2.2",
                MALFORMED,
            ),
        ),
    ]);
}
