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
