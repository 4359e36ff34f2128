//! Messages from publishers to subscribers, and what is dropped on the way.

use std::time::Duration;

use nightjar_broker::{DropReason, EventKind, Limits};
use nightjar_mqtt::{Acknowledgement, Connect, Packet, Publish, PublishProperties, ReasonCode, SubscriptionOptions};

use crate::peer::*;

#[tokio::test(start_paused = true)]
async fn a_message_reaches_every_version_with_the_lower_qos() {
    let house = house();
    for version in [V31, V311, V5] {
        for (published, subscribed) in [(Q0, Q2), (Q1, Q1), (Q2, Q1), (Q2, Q2), (Q1, Q0)] {
            let mut subscriber = house.client(version, "subscriber").await;
            let mut publisher = house.client(version, "publisher").await;
            subscriber.subscribe("sensors/+/temperature", subscribed).await;
            let number = if published == Q0 { 0 } else { 5 };
            publisher.publish(message(published, number, "sensors/kitchen/temperature", "21.5")).await;
            let received = subscriber.expect_payload("21.5").await;
            assert_eq!(received.qos, published.min(subscribed));
            match published {
                Q0 => {}
                Q1 => publisher.expect(Packet::PubAck(acknowledgement(5))).await,
                Q2 => {
                    publisher.expect(Packet::PubRec(acknowledgement(5))).await;
                    publisher.send(Packet::PubRel(acknowledgement(5))).await;
                    publisher.expect(Packet::PubComp(acknowledgement(5))).await;
                }
            }
            publisher.disconnect().await;
            subscriber.disconnect().await;
        }
    }
    assert_eq!(house.journal.payloads().len(), 15, "each message is on record once");
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_waits_for_the_journal_and_a_delivery_does_not() {
    let house = house();
    let mut subscriber = house.client(V311, "subscriber").await;
    let mut publisher = house.client(V311, "publisher").await;
    subscriber.subscribe("#", Q0).await;
    house.journal.hold();
    publisher.publish(message(Q1, 1, "a", "first")).await;
    publisher.publish(message(Q2, 2, "a", "second")).await;
    subscriber.expect_payload("first").await;
    subscriber.expect_payload("second").await;
    publisher.expect_silence().await;
    house.journal.commit();
    publisher.expect(Packet::PubAck(acknowledgement(1))).await;
    publisher.expect(Packet::PubRec(acknowledgement(2))).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_the_journal_is_behind() {
    let house = house();
    let mut publisher = house.client(V311, "publisher").await;
    house.journal.hold();
    house.journal.fall_behind(true);
    publisher.publish(message(Q0, 0, "a", "1")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    publisher.publish(message(Q0, 0, "a", "2")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.journal.payloads(), ["1"]);
    house.journal.fall_behind(false);
    house.journal.commit();
    publisher.expect_silence().await;
    assert_eq!(house.journal.payloads(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_journal_refuses_qos_1_and_2_and_routes_qos_0() {
    let house = house();
    let mut subscriber = house.client(V5, "subscriber").await;
    subscriber.subscribe("#", Q2).await;
    let mut new = house.client(V5, "new").await;
    let mut old = house.client(V311, "old").await;
    house.journal.pause(Some("the disk is full"));
    new.publish(message(Q1, 1, "a", "lost")).await;
    assert!(new.expect_refusal(1, ReasonCode::QUOTA_EXCEEDED).await.unwrap().contains("kept"));
    new.publish(message(Q2, 2, "a", "lost")).await;
    new.expect_refusal(2, ReasonCode::QUOTA_EXCEEDED).await;
    old.publish(message(Q1, 3, "a", "later")).await;
    old.expect_silence().await;
    old.publish(message(Q0, 0, "a", "through")).await;
    subscriber.expect_payload("through").await;
    house.journal.pause(None);
    // Clients publish again when they connect again, and at no other time.
    old.expect_eof().await;
    let mut old = house.client(V311, "old").await;
    old.publish(Publish { dup: true, ..message(Q1, 3, "a", "later") }).await;
    old.expect(Packet::PubAck(acknowledgement(3))).await;
    subscriber.expect_payload("later").await;
}

#[tokio::test(start_paused = true)]
async fn mqtt_5_says_where_nobody_listens() {
    let house = house();
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish(message(Q1, 1, "nobody/cares", "x")).await;
    let reason = ReasonCode::NO_MATCHING_SUBSCRIBERS;
    publisher.expect(Packet::PubAck(Acknowledgement::new(id(1), reason))).await;
}

#[tokio::test(start_paused = true)]
async fn properties_travel_with_the_message() {
    let house = house();
    let mut subscriber = house.client(V5, "subscriber").await;
    let options = SubscriptionOptions { maximum_qos: Q1, ..SubscriptionOptions::default() };
    subscriber.subscribe_with("a", options, Some(42)).await;
    let mut publisher = house.client(V5, "publisher").await;
    let properties = PublishProperties {
        content_type: Some("text/plain".into()),
        correlation_data: Some("c".into()),
        response_topic: Some(topic_name("answers")),
        user_properties: vec![("b".into(), "1".into()), ("a".into(), "2".into()), ("b".into(), "3".into())],
        ..PublishProperties::default()
    };
    let properties = Some(Box::new(properties));
    publisher.publish(Publish { properties: properties.clone(), ..message(Q0, 0, "a", "x") }).await;
    let mut received = *subscriber.expect_message().await.properties.unwrap();
    assert_eq!(std::mem::take(&mut received.subscription_identifiers), [42]);
    assert_eq!(Some(Box::new(received)), properties);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_for_a_subscriber_is_dropped_and_counted() {
    let house = house();
    let mut small = connect(V5, "small");
    small.properties.maximum_packet_size = Some(64);
    let (mut subscriber, _) = house.connect(small).await;
    subscriber.subscribe("#", Q1).await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("a", &"x".repeat(100)).await;
    publisher.publish_acknowledged("a", "fits").await;
    subscriber.expect_payload("fits").await;
    let event = house.event(EventKind::Dropped).await;
    assert_eq!(event.client.as_deref(), Some("small"));
    assert!(event.detail.contains("too large"), "{}", event.detail);
    assert_eq!(house.broker.totals().dropped[DropReason::TooLarge as usize], 1);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_does_not_read_loses_messages_and_harms_nobody() {
    let limits = Limits { maximum_waiting_messages: 10, ..Limits::default() };
    let house = house_with(limits);
    let mut slow = house.peer_from("127.0.0.1:50001", 1024);
    slow.connect(connect(V311, "slow")).await;
    slow.subscribe("#", Q0).await;
    let mut quick = house.client(V311, "quick").await;
    quick.subscribe("#", Q1).await;
    let mut publisher = house.client(V311, "publisher").await;
    let payload = "x".repeat(10_000);
    for _ in 0..100 {
        publisher.publish_acknowledged("flood", &payload).await;
        let received = quick.expect_message().await;
        quick.send(Packet::PubAck(acknowledgement(received.packet_identifier.unwrap().value()))).await;
    }
    let event = house.event(EventKind::Dropped).await;
    assert_eq!(event.client.as_deref(), Some("slow"));
    assert!(house.broker.client("slow").unwrap().dropped > 50);
    assert_eq!(house.broker.client("quick").unwrap().dropped, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_for_long_is_cut_off() {
    let house = house();
    let mut stuck = house.peer_from("127.0.0.1:50001", 64);
    stuck.connect(Connect { keep_alive: 0, ..connect(V311, "stuck") }).await;
    stuck.subscribe("#", Q0).await;
    let mut publisher = house.client(V311, "publisher").await;
    publisher.publish_acknowledged("a", &"x".repeat(1_000)).await;
    publisher.disconnect().await;
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert!(house.broker.client("stuck").is_none());
    let ends = house.journal.events(EventKind::Disconnected);
    assert!(ends.iter().any(|event| event.detail.contains("read nothing")), "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn the_brokers_own_topics_can_be_read_but_not_written() {
    let house = house();
    let mut client = house.client(V5, "client").await;
    client.subscribe("$SYS/broker/version", Q0).await;
    let version = client.expect_message().await;
    assert!(version.retain && version.payload.starts_with(b"Nightjar"));
    client.publish(message(Q1, 1, "$SYS/broker/version", "fake")).await;
    assert!(client.expect_refusal(1, ReasonCode::NOT_AUTHORIZED).await.unwrap().contains("$SYS"));
    client.expect_silence().await;
    assert!(house.journal.payloads().is_empty());
    assert!(house.event(EventKind::Dropped).await.detail.contains("not authorized"));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_packet_ends_only_its_own_connection() {
    let house = house();
    let mut bystander = house.client(V5, "bystander").await;
    bystander.subscribe("#", Q0).await;
    let mut broken = house.client(V5, "broken").await;
    broken.publish(message(Q0, 0, "a", "before")).await;
    broken.send_bytes(&[0x36, 0x05, 0x00, 0x01, b'a', 0x00, 0x01]).await;
    broken.expect_disconnect(ReasonCode::MALFORMED_PACKET).await;
    bystander.expect_payload("before").await;
    bystander.expect_silence().await;
    let event = house.event(EventKind::Violation).await;
    assert_eq!(event.client.as_deref(), Some("broken"));
    assert!(event.detail.contains("MQTT-3.3.1-4"), "{}", event.detail);
}
