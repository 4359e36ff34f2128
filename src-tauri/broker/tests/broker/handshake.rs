//! Who is let in, and what ends a connection before it is one.

use nightjar_broker::{Access, EventKind};
use nightjar_mqtt::{Packet, ReasonCode};

use crate::peer::*;

#[tokio::test(start_paused = true)]
async fn an_empty_client_identifier_is_assigned_or_refused_as_the_version_says() {
    let house = house();
    let (_, connack) = house.connect(connect(V5, "")).await;
    assert!(!connack.properties.assigned_client_identifier.unwrap().is_empty());
    house.connect(connect(V311, "")).await;
    for refused in [resume(V311, "", 0), connect(V31, "")] {
        let mut peer = house.peer();
        let connack = peer.connect(refused).await;
        assert_eq!(connack.reason_code, ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
        peer.expect_eof().await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_this_computer_gets_in_until_anyone_may() {
    let house = house();
    let mut stranger = house.peer_from("192.168.1.7:50000", 4096);
    assert_eq!(stranger.connect(connect(V5, "tv")).await.reason_code, ReasonCode::NOT_AUTHORIZED);
    stranger.expect_eof().await;
    let refusal = house.event(EventKind::Refused).await;
    assert_eq!(refusal.client.as_deref(), Some("tv"));
    assert!(refusal.detail.contains("192.168.1.7"), "{}", refusal.detail);

    house.broker.set_access(Access::Anyone);
    let mut guest = house.peer_from("192.168.1.7:50001", 4096);
    assert_eq!(guest.connect(connect(V5, "tv")).await.reason_code, ReasonCode::SUCCESS);
    let mut local = house.client(V5, "local").await;
    house.broker.set_access(Access::ThisComputer);
    guest.expect_disconnect(ReasonCode::NOT_AUTHORIZED).await;
    local.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_connect_is_closed_after_a_while() {
    let house = house();
    let mut silent = house.peer();
    let mut slow = house.peer();
    slow.send_bytes(&[0x10]).await;
    silent.expect_eof().await;
    slow.expect_eof().await;
    assert_eq!(house.journal.events(EventKind::Refused).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_packet_before_connect_ends_the_connection_on_record() {
    let house = house();
    let mut peer = house.peer();
    peer.send(Packet::PingReq).await;
    peer.expect_eof().await;
    let event = house.event(EventKind::Violation).await;
    assert!(event.detail.contains("MQTT-3.1.0-1") && event.detail.contains("127.0.0.1"), "{}", event.detail);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_connect_of_mqtt_5_is_told_why() {
    let house = house();
    let mut peer = house.peer();
    // The reserved flag is set.
    peer.send_bytes(&[0x10, 0x0d, 0, 4, b'M', b'Q', b'T', b'T', 5, 0x01, 0, 60, 0, 0, 0]).await;
    match peer.receive().await {
        Packet::ConnAck(connack) => assert_eq!(connack.reason_code, ReasonCode::MALFORMED_PACKET),
        other => panic!("instead of CONNACK came {other:?}"),
    }
    peer.expect_eof().await;
}

#[tokio::test(start_paused = true)]
async fn silence_beyond_the_keep_alive_ends_the_connection() {
    let house = house();
    let mut peer = house.client(V5, "asleep").await;
    peer.expect_disconnect(ReasonCode::KEEP_ALIVE_TIMEOUT).await;
    assert_eq!(house.event(EventKind::Lost).await.client.as_deref(), Some("asleep"));
}

#[tokio::test(start_paused = true)]
async fn mqtt_3_1_knows_client_identifiers_of_1_to_23_characters() {
    let house = house();
    for (name, reason) in [
        ("x".repeat(23), ReasonCode::SUCCESS),
        ("ü".repeat(23), ReasonCode::SUCCESS),
        ("x".repeat(24), ReasonCode::CLIENT_IDENTIFIER_NOT_VALID),
    ] {
        assert_eq!(house.peer().connect(connect(V31, &name)).await.reason_code, reason, "{name}");
        for later in [V311, V5] {
            assert_eq!(house.peer().connect(connect(later, &name)).await.reason_code, ReasonCode::SUCCESS);
        }
    }
}

/// What is wrong with a CONNECT is said in the version that it asks for, if that has words for it.
#[tokio::test(start_paused = true)]
async fn a_connect_that_is_wrong_is_answered_in_its_own_version() {
    let house = house();
    let connect = |name: &[u8], level: u8, flags: u8| {
        let mut body = vec![0, name.len() as u8];
        body.extend_from_slice(name);
        body.extend_from_slice(&[level, flags, 0, 60]);
        if level == 5 {
            body.push(0);
        }
        body.extend_from_slice(&[0, 1, b'c']);
        [&[0x10, body.len() as u8], &body[..]].concat()
    };
    for (bytes, answer) in [
        // The reserved flag is set.
        (connect(b"MQTT", 5, 0x03), &[0x20][..]),
        (connect(b"MQTT", 4, 0x03), &[]),
        (connect(b"MQTT", 6, 0x02), &[0x20, 2, 0, 1]),
        (connect(b"MQTT", 3, 0x02), &[0x20, 2, 0, 1]),
        (connect(b"MQIsdp", 4, 0x02), &[0x20, 2, 0, 1]),
    ] {
        let mut peer = house.peer();
        peer.send_bytes(&bytes).await;
        let received = peer.rest().await;
        assert!(received.starts_with(answer), "{bytes:02x?} was answered with {received:02x?}");
        assert!(answer.len() <= 1 || received == answer, "{bytes:02x?} was answered with {received:02x?}");
        assert!(!answer.is_empty() || received.is_empty(), "{bytes:02x?} was answered with {received:02x?}");
    }
}
