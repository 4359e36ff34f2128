//! Retained messages.

use nightjar_broker::Limits;
use nightjar_mqtt::{Packet, RetainHandling, SubscriptionOptions};

use crate::peer::*;

#[tokio::test(start_paused = true)]
async fn the_last_retained_message_meets_a_new_subscriber_until_it_is_cleared() {
    let house = house();
    let mut publisher = house.client(V311, "publisher").await;
    publisher.publish_retained("a/b", "old").await;
    publisher.publish_retained("a/b", "new").await;
    publisher.publish_acknowledged("a/b", "not retained").await;
    let mut subscriber = house.client(V311, "subscriber").await;
    subscriber.subscribe("a/#", Q1).await;
    let received = subscriber.expect_payload("new").await;
    assert!(received.retain);
    publisher.publish_retained("a/b", "").await;
    let cleared = subscriber.expect_payload("").await;
    assert!(!cleared.retain, "an established subscription sees no RETAIN flag [MQTT-3.3.1-9]");
    let mut late = house.client(V311, "late").await;
    late.subscribe("a/#", Q1).await;
    late.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn retain_handling_says_when_retained_messages_come() {
    let house = house();
    let mut client = house.client(V5, "client").await;
    client.publish_retained("a", "value").await;
    let with = |retain_handling| SubscriptionOptions { retain_handling, ..SubscriptionOptions::default() };
    client.subscribe_with("a", with(RetainHandling::Never), None).await;
    client.expect_silence().await;
    client.subscribe_with("a", with(RetainHandling::AtNewSubscribe), None).await;
    client.expect_silence().await;
    client.subscribe_with("+", with(RetainHandling::AtNewSubscribe), None).await;
    client.expect_payload("value").await;
    client.subscribe_with("a", with(RetainHandling::AtSubscribe), None).await;
    client.expect_payload("value").await;
}

#[tokio::test(start_paused = true)]
async fn more_retained_messages_than_the_window_holds_all_arrive() {
    let house = house_with(Limits { maximum_inflight: 5, ..Limits::default() });
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..50 {
        publisher.publish_retained(&format!("t/{number:02}"), "x").await;
    }
    let mut subscriber = house.client(V311, "subscriber").await;
    subscriber.subscribe("t/+", Q1).await;
    for number in 0..50 {
        let received = subscriber.expect_message().await;
        assert_eq!(received.topic.as_deref(), Some(&format!("t/{number:02}")[..]));
        subscriber.send(Packet::PubAck(acknowledgement(received.packet_identifier.unwrap().value()))).await;
    }
}
