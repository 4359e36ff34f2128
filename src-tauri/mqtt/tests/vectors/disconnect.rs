//! DISCONNECT and AUTH.

use bytes::Bytes;
use nightjar_mqtt::{
    Auth, AuthProperties, Disconnect, DisconnectProperties, Packet, PacketType, Property, ReasonCode, Violation,
};

use crate::acknowledgement::check_reason_codes;
use crate::{ALL, Breaks, BreaksAtServer, Is, MALFORMED, PROTOCOL, Reads, V3, V5, Writes, check};

#[test]
fn disconnects() {
    let disconnect = |reason_code, properties| Packet::Disconnect(Disconnect { reason_code, properties });
    let none = DisconnectProperties::default;
    let all = DisconnectProperties {
        session_expiry_interval: Some(60),
        reason_string: Some("r".into()),
        user_properties: vec![("k".into(), "v".into())],
        server_reference: Some("s".into()),
    };
    check(vec![
        (ALL, "E0 00", Is(disconnect(ReasonCode::SUCCESS, none()))),
        (V5, "E0 01 00", Reads(disconnect(ReasonCode::SUCCESS, none()))),
        (V5, "E0 02 00 00", Reads(disconnect(ReasonCode::SUCCESS, none()))),
        (V5, "E0 01 04", Is(disconnect(ReasonCode::DISCONNECT_WITH_WILL, none()))),
        (V5, "E0 02 8E 00", Reads(disconnect(ReasonCode::SESSION_TAKEN_OVER, none()))),
        (
            V5,
            "E0 16 00 14 11 0000003C 1F 0001'r' 26 0001'k' 0001'v' 1C 0001's'",
            Is(disconnect(ReasonCode::SUCCESS, all.clone())),
        ),
        (V3, "E0 00", Writes(disconnect(ReasonCode::SESSION_TAKEN_OVER, all))),
    ]);
    check_reason_codes(
        PacketType::Disconnect,
        "MQTT-3.14.2-1",
        &[
            0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
            0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
        ],
        |code| vec![0xE0, 1, code],
    );
}

#[test]
fn auths() {
    let auth = |reason_code, properties| Packet::Auth(Auth { reason_code, properties });
    let method = AuthProperties { authentication_method: Some("m".into()), ..AuthProperties::default() };
    let all = AuthProperties {
        authentication_data: Some(Bytes::from_static(&[1, 2])),
        reason_string: Some("r".into()),
        user_properties: vec![("k".into(), "v".into())],
        ..method.clone()
    };
    check(vec![
        (V5, "F0 00", Is(auth(ReasonCode::SUCCESS, AuthProperties::default()))),
        (V5, "F0 06 18 04 15 0001'm'", Is(auth(ReasonCode::CONTINUE_AUTHENTICATION, method))),
        (
            V5,
            "F0 16 19 14 15 0001'm' 16 0002 0102 1F 0001'r' 26 0001'k' 0001'v'",
            Is(auth(ReasonCode::REAUTHENTICATE, all.clone())),
        ),
        // There is no such packet below MQTT 5.0.
        (V3, "", Writes(auth(ReasonCode::REAUTHENTICATE, all))),
    ]);
    check_reason_codes(PacketType::Auth, "MQTT-3.15.2-1", &[0x00, 0x18, 0x19], |code| {
        vec![0xF0, 6, code, 4, 0x15, 0, 1, b'm']
    });
}

#[test]
fn violations() {
    let twice = |property, section| Breaks(Violation::DuplicateProperty { property }, section, PROTOCOL);
    let no_method = || Breaks(Violation::NoAuthenticationMethod, "MQTT 5.0, 3.15.2.2.2", PROTOCOL);
    check(vec![
        (
            V3,
            "E0 01 00",
            Breaks(Violation::TrailingBytes { count: 1 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
        (
            V5,
            "E0 03 00 00 00",
            Breaks(Violation::TrailingBytes { count: 1 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
        (V5, "E0 0C 00 0A 11 00000001 11 00000001", twice(Property::SessionExpiryInterval, "MQTT 5.0, 3.1.2.11.2")),
        (V5, "E0 08 00 06 1C 0000 1C 0000", twice(Property::ServerReference, "MQTT 5.0, 3.2.2.3.16")),
        (
            V5,
            "E0 05 00 03 23 0001",
            Breaks(
                Violation::PropertyNotAllowed { property: Property::TopicAlias, packet: PacketType::Disconnect },
                "MQTT 5.0, 2.2.2.2",
                MALFORMED,
            ),
        ),
        // A client has no other server to point at.
        (
            V5,
            "E0 05 00 03 1C 0000",
            BreaksAtServer(
                Violation::PropertyNotAllowed { property: Property::ServerReference, packet: PacketType::Disconnect },
                "MQTT 5.0, 2.2.2.2",
                MALFORMED,
            ),
        ),
        (V5, "F0 01 18", no_method()),
        (V5, "F0 02 18 00", no_method()),
        (V5, "F0 02 00 00", no_method()),
        (V5, "F0 05 18 03 16 0000", no_method()),
        (V5, "F0 08 18 06 15 0000 15 0000", twice(Property::AuthenticationMethod, "MQTT 5.0, 3.1.2.11.9")),
        (V5, "F0 03 00 00 00", no_method()),
        (
            V5,
            "F0 06 18 03 15 0000 00",
            Breaks(Violation::TrailingBytes { count: 1 }, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1", MALFORMED),
        ),
    ]);
}
