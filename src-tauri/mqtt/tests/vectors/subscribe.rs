//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK.

use nightjar_mqtt::{
    InvalidTopic, Packet, PacketType, Property, ProtocolVersion, QoS, ReasonCode, RetainHandling, SubAck,
    SubAckProperties, Subscribe, SubscribeProperties, Subscription, SubscriptionOptions, TopicFilter, UnsubAck,
    Unsubscribe, Violation,
};

use crate::acknowledgement::check_reason_codes;
use crate::{ALL, Breaks, Is, MALFORMED, PROTOCOL, Reads, V3, V5, V31, V311, Writes, check, identifier};

fn filter(text: &'static str) -> TopicFilter {
    TopicFilter::new(text).expect("the tests' own filters are valid")
}

fn subscription(text: &'static str, maximum_qos: QoS) -> Subscription {
    let options = SubscriptionOptions { maximum_qos, ..SubscriptionOptions::default() };
    Subscription { filter: filter(text), options }
}

fn subscribe(subscriptions: Vec<Subscription>) -> Packet {
    Packet::Subscribe(Subscribe {
        packet_identifier: identifier(10),
        properties: SubscribeProperties::default(),
        subscriptions,
    })
}

#[test]
fn subscribes() {
    let three = vec![
        subscription("a", QoS::AtMostOnce),
        subscription("+/b", QoS::AtLeastOnce),
        subscription("#", QoS::ExactlyOnce),
    ];
    let full = SubscriptionOptions {
        maximum_qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::Never,
    };
    let options = vec![
        Subscription { filter: filter("a"), options: full },
        Subscription {
            filter: filter("b"),
            options: SubscriptionOptions {
                retain_handling: RetainHandling::AtNewSubscribe,
                ..SubscriptionOptions::default()
            },
        },
        // A Shared Subscription may have all but No Local.
        Subscription { filter: filter("$share/g/a"), options: SubscriptionOptions { no_local: false, ..full } },
    ];
    check(vec![
        (V3, "82 10 000A 0001'a' 00 0003'+/b' 01 0001'#' 02", Is(subscribe(three.clone()))),
        (V5, "82 11 000A 00 0001'a' 00 0003'+/b' 01 0001'#' 02", Is(subscribe(three))),
        (V5, "82 18 000A 00 0001'a' 2D 0001'b' 10 000A'$share/g/a' 29", Is(subscribe(options.clone()))),
        // Below MQTT 5.0 of the options only the QoS is said.
        (V3, "82 17 000A 0001'a' 01 0001'b' 00 000A'$share/g/a' 01", Writes(subscribe(options))),
        (V31, "82 06 000A 0001'a' FD", Reads(subscribe(vec![subscription("a", QoS::AtLeastOnce)]))),
        (
            V5,
            "82 10 000A 09 0B 8001 26 0001'k' 0000 0001'a' 00",
            Is(Packet::Subscribe(Subscribe {
                packet_identifier: identifier(10),
                properties: SubscribeProperties {
                    subscription_identifier: Some(128),
                    user_properties: vec![("k".into(), "".into())],
                },
                subscriptions: vec![subscription("a", QoS::AtMostOnce)],
            })),
        ),
    ]);
}

#[test]
fn below_5_shares_are_levels_like_any_other() {
    for (version, text) in [(ProtocolVersion::V31, "$share/+/#"), (ProtocolVersion::V311, "$share/g/a")] {
        let filter = TopicFilter::new_for(version, text).expect("an ordinary filter");
        assert_eq!(filter.shared(), None);
        check(vec![(
            V3,
            format!("A2 0E 000A 000A'{text}'").leak(),
            Is(Packet::Unsubscribe(Unsubscribe {
                packet_identifier: identifier(10),
                user_properties: Vec::new(),
                filters: vec![filter],
            })),
        )]);
    }
}

#[test]
fn subacks() {
    let suback = |properties, codes: &[u8]| {
        Packet::SubAck(SubAck {
            packet_identifier: identifier(10),
            properties,
            reason_codes: codes.iter().map(|&code| ReasonCode(code)).collect(),
        })
    };
    let properties =
        SubAckProperties { reason_string: Some("r".into()), user_properties: vec![("k".into(), "v".into())] };
    check(vec![
        (V3, "90 06 000A 00 01 02 80", Is(suback(SubAckProperties::default(), &[0, 1, 2, 0x80]))),
        (V5, "90 07 000A 00 00 01 02 80", Is(suback(SubAckProperties::default(), &[0, 1, 2, 0x80]))),
        (V5, "90 0F 000A 0B 1F 0001'r' 26 0001'k' 0001'v' 00", Is(suback(properties.clone(), &[0]))),
        // Below MQTT 5.0 every error is 0x80.
        (V3, "90 05 000A 01 80 80", Writes(suback(properties, &[1, 0x87, 0x8F]))),
    ]);
    check_reason_codes(
        PacketType::SubAck,
        "MQTT-3.9.3-2",
        &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2],
        |code| vec![0x90, 4, 0, 1, 0, code],
    );
}

#[test]
fn unsubscribes() {
    let unsubscribe = |user_properties| {
        Packet::Unsubscribe(Unsubscribe {
            packet_identifier: identifier(10),
            user_properties,
            filters: vec![filter("a/+"), filter("#")],
        })
    };
    check(vec![
        (V3, "A2 0A 000A 0003'a/+' 0001'#'", Is(unsubscribe(Vec::new()))),
        (V5, "A2 0B 000A 00 0003'a/+' 0001'#'", Is(unsubscribe(Vec::new()))),
        (V5, "A2 12 000A 07 26 0001'k' 0001'v' 0003'a/+' 0001'#'", Is(unsubscribe(vec![("k".into(), "v".into())]))),
        (V3, "A2 0A 000A 0003'a/+' 0001'#'", Writes(unsubscribe(vec![("k".into(), "v".into())]))),
    ]);
}

#[test]
fn unsubacks() {
    let unsuback = |properties, codes: &[u8]| {
        Packet::UnsubAck(UnsubAck {
            packet_identifier: identifier(10),
            properties,
            reason_codes: codes.iter().map(|&code| ReasonCode(code)).collect(),
        })
    };
    let properties =
        SubAckProperties { reason_string: Some("r".into()), user_properties: vec![("k".into(), "v".into())] };
    check(vec![
        (V3, "B0 02 000A", Is(unsuback(SubAckProperties::default(), &[]))),
        (V3, "B0 02 000A", Writes(unsuback(properties.clone(), &[0, 0x11]))),
        (V5, "B0 05 000A 00 00 11", Is(unsuback(SubAckProperties::default(), &[0, 0x11]))),
        (V5, "B0 0F 000A 0B 1F 0001'r' 26 0001'k' 0001'v' 87", Is(unsuback(properties, &[0x87]))),
        (
            V3,
            "B0 03 000A 00",
            Breaks(Violation::TrailingBytes { count: 1 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
    ]);
    check_reason_codes(PacketType::UnsubAck, "MQTT-3.11.3-2", &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91], |code| {
        vec![0xB0, 4, 0, 1, 0, code]
    });
}

#[test]
fn violations() {
    let zero = || Breaks(Violation::ZeroPacketIdentifier, "MQTT-2.2.1-3; 3.1.1: MQTT-2.3.1-1", PROTOCOL);
    let truncated = || Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED);
    let reserved = |options| {
        Breaks(Violation::ReservedSubscriptionOptions { options }, "MQTT-3.8.3-5; 3.1.1: MQTT-3-8.3-4", MALFORMED)
    };
    check(vec![
        (V3, "82 06 0000 0001'a' 00", zero()),
        (V5, "82 07 0000 00 0001'a' 00", zero()),
        (ALL, "A2 06 0000 00 0001'a'", zero()),
        (ALL, "90 04 0000 00 00", zero()),
        (ALL, "B0 04 0000 00 00", zero()),
        (V3, "82 02 0001", Breaks(Violation::NoSubscriptions, "MQTT-3.8.3-2; 3.1.1: MQTT-3.8.3-3", PROTOCOL)),
        (V5, "82 03 0001 00", Breaks(Violation::NoSubscriptions, "MQTT-3.8.3-2; 3.1.1: MQTT-3.8.3-3", PROTOCOL)),
        (V3, "A2 02 0001", Breaks(Violation::NoFilters, "MQTT-3.10.3-2", PROTOCOL)),
        (V5, "A2 03 0001 00", Breaks(Violation::NoFilters, "MQTT-3.10.3-2", PROTOCOL)),
        (V3, "82 05 0001 0001'a'", truncated()),
        (V5, "82 06 0001 00 0001'a'", truncated()),
        (V5, "82 02 0001", truncated()),
        (V3, "A2 04 0001 0001", truncated()),
        (
            V3,
            "82 06 0001 0001'a' 03",
            Breaks(Violation::SubscriptionQosThree, "MQTT 5.0, 3.8.3.1; 3.1.1: MQTT-3-8.3-4", PROTOCOL),
        ),
        (
            V5,
            "82 07 0001 00 0001'a' 03",
            Breaks(Violation::SubscriptionQosThree, "MQTT 5.0, 3.8.3.1; 3.1.1: MQTT-3-8.3-4", PROTOCOL),
        ),
        (V311, "82 06 0001 0001'a' 04", reserved(0b0000_0100)),
        (V311, "82 06 0001 0001'a' 80", reserved(0b1000_0000)),
        (V5, "82 07 0001 00 0001'a' 40", reserved(0b0100_0000)),
        (V5, "82 07 0001 00 0001'a' 81", reserved(0b1000_0001)),
        (V5, "82 07 0001 00 0001'a' 30", Breaks(Violation::RetainHandlingThree, "MQTT 5.0, 3.8.3.1", PROTOCOL)),
        (
            V5,
            "82 10 0001 00 000A'$share/g/a' 04",
            Breaks(Violation::NoLocalOnSharedSubscription, "MQTT-3.8.3-4", PROTOCOL),
        ),
        (
            V5,
            "82 09 0001 02 0B 00 0001'a' 00",
            Breaks(Violation::ZeroSubscriptionIdentifier, "MQTT 5.0, 3.8.2.1.2", PROTOCOL),
        ),
        (
            V5,
            "82 0B 0001 04 0B 01 0B 02 0001'a' 00",
            Breaks(
                Violation::DuplicateProperty { property: Property::SubscriptionIdentifier },
                "MQTT 5.0, 3.8.2.1.2",
                PROTOCOL,
            ),
        ),
        (
            V3,
            "90 03 0001 03",
            Breaks(Violation::UnknownReasonCode { packet: PacketType::SubAck, code: 3 }, "MQTT-3.9.3-2", PROTOCOL),
        ),
        (
            V3,
            "90 03 0001 87",
            Breaks(Violation::UnknownReasonCode { packet: PacketType::SubAck, code: 0x87 }, "MQTT-3.9.3-2", PROTOCOL),
        ),
    ]);
}

#[test]
fn violations_of_filters() {
    let filter = |topic, clause| Breaks(Violation::Topic(topic), clause, ReasonCode::TOPIC_FILTER_INVALID);
    let multi = || filter(InvalidTopic::MisplacedMultiLevelWildcard, "MQTT-4.7.1-1; 3.1.1: MQTT-4.7.1-2");
    let single = || filter(InvalidTopic::MisplacedSingleLevelWildcard, "MQTT-4.7.1-2; 3.1.1: MQTT-4.7.1-3");
    let share = || filter(InvalidTopic::InvalidShareName, "MQTT-4.8.2-1, MQTT-4.8.2-2");
    check(vec![
        (V3, "82 08 0001 0003'#/a' 00", multi()),
        (V3, "82 07 0001 0002'a#' 00", multi()),
        (V5, "82 08 0001 00 0002'a#' 00", multi()),
        (V3, "82 07 0001 0002'a+' 00", single()),
        (V5, "A2 08 0001 00 0003'a+/'", single()),
        (V5, "A2 0D 0001 00 0008'$share//'", share()),
        (V5, "A2 0E 0001 00 0009'$share/g/'", share()),
        (V5, "A2 0F 0001 00 000A'$share/+/a'", share()),
        (V3, "82 05 0001 0000 00", Breaks(Violation::Topic(InvalidTopic::Empty), "MQTT-4.7.3-1", MALFORMED)),
        (V3, "A2 06 0001 0002'a' 00", Breaks(Violation::NullCharacter, "MQTT-1.5.4-2; 3.1.1: MQTT-1.5.3-2", MALFORMED)),
    ]);
}
