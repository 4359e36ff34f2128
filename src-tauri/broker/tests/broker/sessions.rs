//! Sessions beyond a connection, and takeover.

use std::time::Duration;

use nightjar_broker::EventKind;
use nightjar_mqtt::{Packet, ReasonCode};

use crate::peer::*;

#[tokio::test(start_paused = true)]
async fn a_session_keeps_subscriptions_and_messages_while_its_client_is_away() {
    for version in [V31, V311, V5] {
        let house = house();
        let (mut client, connack) = house.connect(resume(version, "client", 100)).await;
        assert!(!connack.session_present);
        client.subscribe("a", Q1).await;
        client.disconnect().await;
        let mut publisher = house.client(version, "publisher").await;
        publisher.publish(message(Q0, 0, "a", "qos 0")).await;
        for payload in ["1", "2", "3"] {
            publisher.publish_acknowledged("a", payload).await;
        }
        let (mut client, connack) = house.connect(resume(version, "client", 100)).await;
        assert_eq!(connack.session_present, version != V31, "MQTT 3.1 has no Session Present");
        for payload in ["1", "2", "3"] {
            client.expect_payload(payload).await;
        }
        client.expect_silence().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_comes_again_after_a_reconnect() {
    let house = house();
    let (mut client, _) = house.connect(resume(V311, "client", 0)).await;
    client.subscribe("#", Q2).await;
    let mut publisher = house.client(V311, "publisher").await;
    publisher.publish_acknowledged("a", "one").await;
    publisher.publish_acknowledged("b", "two").await;
    let first = client.expect_payload("one").await;
    let second = client.expect_payload("two").await;
    assert!(!first.dup);
    client.send(Packet::PubAck(acknowledgement(first.packet_identifier.unwrap().value()))).await;
    client.expect_silence().await;
    drop(client);
    let (mut client, _) = house.connect(resume(V311, "client", 0)).await;
    let again = client.expect_payload("two").await;
    assert!(again.dup);
    assert_eq!(again.packet_identifier, second.packet_identifier);
    client.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_clean_start_ends_the_session_before_it() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.subscribe("a", Q1).await;
    client.disconnect().await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("a", "lost").await;
    let (mut client, connack) = house.connect(connect(V5, "client")).await;
    assert!(!connack.session_present);
    publisher.publish_acknowledged("a", "nobody").await;
    client.expect_silence().await;
    assert!(house.event(EventKind::Dropped).await.detail.contains("session ended"));
}

#[tokio::test(start_paused = true)]
async fn a_session_expires() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 10)).await;
    client.subscribe("a", Q1).await;
    client.disconnect().await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    let (client, connack) = house.connect(resume(V5, "client", 10)).await;
    assert!(connack.session_present);
    client.disconnect().await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(house.broker.client("client").is_none());
    let (_, connack) = house.connect(resume(V5, "client", 10)).await;
    assert!(!connack.session_present);
    assert_eq!(house.journal.events(EventKind::Expired).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_takes_the_session_over() {
    let house = house();
    let (mut first, _) = house.connect(resume(V5, "client", 100)).await;
    first.subscribe("a", Q1).await;
    let (mut second, connack) = house.connect(resume(V5, "client", 100)).await;
    assert!(connack.session_present);
    first.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("a", "x").await;
    second.expect_payload("x").await;
    assert_eq!(house.event(EventKind::Takeover).await.client.as_deref(), Some("client"));
    assert_eq!(house.broker.client_count(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn many_connections_for_one_client_line_up() {
    let house = house();
    let mut peers: Vec<_> = (0..20).map(|_| house.peer()).collect();
    for peer in &mut peers {
        peer.send(Packet::Connect(Box::new(resume(V5, "client", 100)))).await;
    }
    let mut last = peers.pop().unwrap();
    assert!(matches!(last.receive().await, Packet::ConnAck(_)));
    for mut peer in peers {
        assert!(matches!(peer.receive().await, Packet::ConnAck(_)));
        peer.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
    }
    last.expect_silence().await;
    assert_eq!(house.broker.client_count(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_owner_disconnects_a_client_and_ends_a_session() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    assert!(house.broker.disconnect("client").await);
    client.expect_disconnect(ReasonCode::ADMINISTRATIVE_ACTION).await;
    let away = house.broker.client("client").unwrap();
    assert!(!away.connected && away.last_disconnect.unwrap().contains("owner"));
    assert!(house.broker.disconnect("client").await);
    assert!(house.broker.client("client").is_none());
    assert!(!house.broker.disconnect("client").await);
}
