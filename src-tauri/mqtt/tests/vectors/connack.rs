//! CONNACK.

use bytes::Bytes;
use nightjar_mqtt::{ConnAck, ConnAckProperties, Packet, PacketType, Property, QoS, ReasonCode, Violation};

use crate::{Breaks, Is, MALFORMED, PROTOCOL, Reads, V3, V5, V31, V311, V311_AND_5, Writes, check};

fn connack(session_present: bool, reason_code: ReasonCode) -> Packet {
    Packet::ConnAck(Box::new(ConnAck { session_present, reason_code, properties: ConnAckProperties::default() }))
}

fn with(properties: ConnAckProperties) -> Packet {
    Packet::ConnAck(Box::new(ConnAck { session_present: false, reason_code: ReasonCode::SUCCESS, properties }))
}

#[test]
fn connacks() {
    check(vec![
        (V3, "20 02 00 00", Is(connack(false, ReasonCode::SUCCESS))),
        (V311, "20 02 01 00", Is(connack(true, ReasonCode::SUCCESS))),
        (V5, "20 03 00 00 00", Is(connack(false, ReasonCode::SUCCESS))),
        (V5, "20 03 01 00 00", Is(connack(true, ReasonCode::SUCCESS))),
        (V5, "20 03 00 9F 00", Is(connack(false, ReasonCode::CONNECTION_RATE_EXCEEDED))),
        // MQTT 3.1 calls the byte unused.
        (V31, "20 02 00 00", Writes(connack(true, ReasonCode::SUCCESS))),
        (V31, "20 02 FF 00", Reads(connack(false, ReasonCode::SUCCESS))),
    ]);
}

#[test]
fn return_codes() {
    check(vec![
        (V3, "20 02 00 01", Is(connack(false, ReasonCode::UNSUPPORTED_PROTOCOL_VERSION))),
        (V3, "20 02 00 02", Is(connack(false, ReasonCode::CLIENT_IDENTIFIER_NOT_VALID))),
        (V3, "20 02 00 03", Is(connack(false, ReasonCode::SERVER_UNAVAILABLE))),
        (V3, "20 02 00 04", Is(connack(false, ReasonCode::BAD_USER_NAME_OR_PASSWORD))),
        (V3, "20 02 00 05", Is(connack(false, ReasonCode::NOT_AUTHORIZED))),
        // The nearest of the others.
        (V3, "20 02 00 03", Writes(connack(false, ReasonCode::SERVER_BUSY))),
        (V3, "20 02 00 03", Writes(connack(false, ReasonCode::QUOTA_EXCEEDED))),
        (V3, "20 02 00 03", Writes(connack(false, ReasonCode::UNSPECIFIED_ERROR))),
        (V3, "20 02 00 04", Writes(connack(false, ReasonCode::BAD_AUTHENTICATION_METHOD))),
        (V3, "20 02 00 05", Writes(connack(false, ReasonCode::BANNED))),
        (V3, "20 02 00 05", Writes(connack(false, ReasonCode::TOPIC_NAME_INVALID))),
    ]);
}

#[test]
fn reason_codes() {
    let known = [
        0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A,
        0x9B, 0x9C, 0x9D, 0x9F,
    ];
    crate::acknowledgement::check_reason_codes(PacketType::ConnAck, "MQTT-3.2.2-8; 3.1.1, 3.2.2.3", &known, |code| {
        vec![0x20, 3, 0, code, 0]
    });
}

#[test]
fn properties() {
    let properties = ConnAckProperties {
        session_expiry_interval: Some(1),
        receive_maximum: Some(2),
        maximum_qos: Some(QoS::AtLeastOnce),
        retain_available: false,
        maximum_packet_size: Some(3),
        assigned_client_identifier: Some("i".into()),
        topic_alias_maximum: Some(4),
        reason_string: Some("r".into()),
        user_properties: vec![("k".into(), "v".into())],
        wildcard_subscription_available: false,
        subscription_identifiers_available: false,
        shared_subscription_available: false,
        server_keep_alive: Some(5),
        response_information: Some("p".into()),
        server_reference: Some("s".into()),
        authentication_method: Some("m".into()),
        authentication_data: Some(Bytes::from_static(&[6])),
    };
    check(vec![
        (
            V5,
            "20 3F 00 00 3C 11 00000001 21 0002 24 01 25 00 27 00000003 12 0001'i' 22 0004 1F 0001'r' \
              26 0001'k' 0001'v' 28 00 29 00 2A 00 13 0005 1A 0001'p' 1C 0001's' 15 0001'm' 16 0001 06",
            Is(with(properties.clone())),
        ),
        (V3, "20 02 00 00", Writes(with(properties))),
        (
            V5,
            "20 05 00 00 02 24 00",
            Is(with(ConnAckProperties { maximum_qos: Some(QoS::AtMostOnce), ..ConnAckProperties::default() })),
        ),
        // QoS 2 is what absence says; so is a feature that is available.
        (
            V5,
            "20 03 00 00 00",
            Writes(with(ConnAckProperties { maximum_qos: Some(QoS::ExactlyOnce), ..ConnAckProperties::default() })),
        ),
        // Only in CONNECT is it an error to send Authentication Data without a method.
        (
            V5,
            "20 07 00 00 04 16 0001 06",
            Is(with(ConnAckProperties {
                authentication_data: Some(Bytes::from_static(&[6])),
                ..ConnAckProperties::default()
            })),
        ),
        (V5, "20 0B 00 00 08 25 01 28 01 29 01 2A 01", Reads(with(ConnAckProperties::default()))),
    ]);
}

#[test]
fn violations() {
    let twice = |property, section| Breaks(Violation::DuplicateProperty { property }, section, PROTOCOL);
    check(vec![
        (
            V311_AND_5,
            "20 03 02 00 00",
            Breaks(Violation::ReservedConnAckFlags, "MQTT-3.2.2-1; 3.1.1, 3.2.2.1", MALFORMED),
        ),
        (
            V311_AND_5,
            "20 03 81 00 00",
            Breaks(Violation::ReservedConnAckFlags, "MQTT-3.2.2-1; 3.1.1, 3.2.2.1", MALFORMED),
        ),
        (
            V311,
            "20 02 01 05",
            Breaks(Violation::SessionPresentInRefusal, "MQTT-3.2.2-6; 3.1.1: MQTT-3.2.2-4", PROTOCOL),
        ),
        (
            V5,
            "20 03 01 87 00",
            Breaks(Violation::SessionPresentInRefusal, "MQTT-3.2.2-6; 3.1.1: MQTT-3.2.2-4", PROTOCOL),
        ),
        (
            V3,
            "20 02 00 06",
            Breaks(
                Violation::UnknownReasonCode { packet: PacketType::ConnAck, code: 6 },
                "MQTT-3.2.2-8; 3.1.1, 3.2.2.3",
                PROTOCOL,
            ),
        ),
        (
            V3,
            "20 03 00 00 00",
            Breaks(Violation::TrailingBytes { count: 1 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
        (V5, "20 02 00 00", Breaks(Violation::Truncated, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED)),
        (
            V5,
            "20 05 00 00 02 24 02",
            Breaks(
                Violation::PropertyNotZeroOrOne { property: Property::MaximumQos, value: 2 },
                "MQTT 5.0, 3.2.2.3.4",
                PROTOCOL,
            ),
        ),
        (V5, "20 06 00 00 03 21 0000", Breaks(Violation::ZeroReceiveMaximum, "MQTT 5.0, 3.1.2.11.3", PROTOCOL)),
        (V5, "20 08 00 00 05 27 00000000", Breaks(Violation::ZeroMaximumPacketSize, "MQTT 5.0, 3.1.2.11.4", PROTOCOL)),
        (V5, "20 07 00 00 04 25 01 25 01", twice(Property::RetainAvailable, "MQTT 5.0, 3.2.2.3.5")),
        (V5, "20 07 00 00 04 28 01 28 01", twice(Property::WildcardSubscriptionAvailable, "MQTT 5.0, 3.2.2.3.11")),
        (V5, "20 07 00 00 04 29 01 29 01", twice(Property::SubscriptionIdentifiersAvailable, "MQTT 5.0, 3.2.2.3.12")),
        (V5, "20 07 00 00 04 2A 01 2A 01", twice(Property::SharedSubscriptionAvailable, "MQTT 5.0, 3.2.2.3.13")),
        (V5, "20 09 00 00 06 13 0001 13 0001", twice(Property::ServerKeepAlive, "MQTT 5.0, 3.2.2.3.14")),
        (V5, "20 09 00 00 06 12 0000 12 0000", twice(Property::AssignedClientIdentifier, "MQTT 5.0, 3.2.2.3.7")),
        (V5, "20 09 00 00 06 1F 0000 1F 0000", twice(Property::ReasonString, "MQTT 5.0, 3.2.2.3.9")),
        (V5, "20 09 00 00 06 1A 0000 1A 0000", twice(Property::ResponseInformation, "MQTT 5.0, 3.2.2.3.15")),
        (V5, "20 09 00 00 06 1C 0000 1C 0000", twice(Property::ServerReference, "MQTT 5.0, 3.2.2.3.16")),
    ]);
}
