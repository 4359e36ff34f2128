//! What a client is told of what went wrong, and how.

use std::time::Duration;

use nightjar_broker::{DropReason, EventKind, Limits};
use nightjar_mqtt::{
    Connect, ConnectProperties, Packet, Publish, PublishProperties, ReasonCode, SubAck, SubscriptionOptions,
    TopicFilter, UnsubAck, Unsubscribe,
};

use crate::peer::*;

fn dropped(house: &House, reason: DropReason) -> u64 {
    house.broker.totals().dropped[reason as usize]
}

fn text(qos: nightjar_mqtt::QoS, number: u16, payload: &'static [u8]) -> Publish {
    let properties = PublishProperties { payload_format_indicator: Some(true), ..PublishProperties::default() };
    Publish {
        properties: Some(Box::new(properties)),
        payload: bytes::Bytes::from_static(payload),
        ..message(qos, number, "a", "")
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_not_the_text_it_says_it_is_is_refused() {
    let house = house();
    let mut watcher = house.client(V5, "watcher").await;
    watcher.subscribe("#", Q2).await;
    let mut publisher = house.client(V5, "publisher").await;
    let reason = ReasonCode::PAYLOAD_FORMAT_INVALID;
    publisher.publish(text(Q1, 1, &[0xc0, 0x80])).await;
    assert!(publisher.expect_refusal(1, reason).await.unwrap().contains("UTF-8"));
    publisher.publish(text(Q2, 2, &[0xff])).await;
    publisher.expect_refusal(2, reason).await;
    publisher.publish(text(Q0, 0, &[0xed, 0xa0, 0x80])).await;
    publisher.publish(text(Q2, 2, "größer".as_bytes())).await;
    publisher.expect(Packet::PubRec(acknowledgement(2))).await;
    watcher.expect_payload("größer").await;
    watcher.expect_silence().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(dropped(&house, DropReason::PayloadFormatInvalid), 3);
    let event = house.event(EventKind::Dropped).await;
    assert_eq!(event.client.as_deref(), Some("publisher"));
}

#[tokio::test(start_paused = true)]
async fn refused_subscriptions_are_explained_to_who_wants_to_know() {
    let house = house_with(Limits { maximum_topic_levels: 2, ..Limits::default() });
    for wanted in [true, false] {
        let properties =
            ConnectProperties { request_problem_information: Some(wanted), ..ConnectProperties::default() };
        let (mut client, _) = house.connect(Connect { properties, ..connect(V5, "client") }).await;
        let SubAck { properties, reason_codes, .. } = client.subscribe_to(&["a/b", "a/b/c"]).await;
        assert_eq!(reason_codes, [ReasonCode::SUCCESS, ReasonCode::QUOTA_EXCEEDED]);
        let told = properties.reason_string.as_deref();
        assert_eq!(told.is_some(), wanted);
        assert!(told.is_none_or(|told| told.contains("a/b/c") && told.contains("levels")), "{told:?}");
        let filters = ["a/b", "x"].map(|filter| TopicFilter::new(filter).unwrap()).to_vec();
        let unsubscribe = Unsubscribe { packet_identifier: id(2), user_properties: Vec::new(), filters };
        client.send(Packet::Unsubscribe(unsubscribe)).await;
        let Packet::UnsubAck(UnsubAck { properties, reason_codes, .. }) = client.receive().await else {
            panic!("no UNSUBACK");
        };
        assert_eq!(reason_codes, [ReasonCode::SUCCESS, ReasonCode::NO_SUBSCRIPTION_EXISTED]);
        assert_eq!(properties.reason_string.as_deref(), wanted.then_some("there was no subscription to x"));
    }
}

/// MQTT 3.1.1 has one word for it, and 3.1 none: there a client is granted the least, and the record says the truth.
#[tokio::test(start_paused = true)]
async fn a_refused_subscription_is_said_as_the_version_can() {
    let house = house_with(Limits { maximum_topic_levels: 2, ..Limits::default() });
    for (version, answer) in [(V31, ReasonCode::SUCCESS), (V311, ReasonCode::UNSPECIFIED_ERROR)] {
        let mut client = house.client(version, version.name()).await;
        let options = SubscriptionOptions { maximum_qos: Q1, ..SubscriptionOptions::default() };
        assert_eq!(client.subscribe_with("a/b/c", options, None).await, answer);
        assert_eq!(house.broker.subscriptions(version.name()).unwrap().len(), 0);
    }
    let refusals = house.journal.events(EventKind::Refused);
    assert_eq!(refusals.len(), 2);
    assert!(refusals.iter().all(|event| event.detail.contains("a/b/c")), "{refusals:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reason_string_that_does_not_fit_is_left_out() {
    let house = house();
    let properties = ConnectProperties { maximum_packet_size: Some(20), ..ConnectProperties::default() };
    let (mut client, _) = house.connect(Connect { properties, ..connect(V5, "client") }).await;
    client.publish(message(Q1, 1, "$SYS/a", "x")).await;
    assert_eq!(client.expect_refusal(1, ReasonCode::NOT_AUTHORIZED).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_the_wrong_kind_ends_the_connection_on_record() {
    let house = house();
    let mut subscriber = house.client(V5, "subscriber").await;
    subscriber.subscribe("a", Q2).await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_exactly_once("a", "x").await;
    let received = subscriber.expect_payload("x").await;
    subscriber.acknowledge(&received).await;
    subscriber.expect_disconnect(ReasonCode::PROTOCOL_ERROR).await;
    let event = house.event(EventKind::Violation).await;
    assert_eq!(event.client.as_deref(), Some("subscriber"));
    assert!(event.detail.contains("PUBACK"), "{}", event.detail);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_expires_in_a_queue_is_counted_and_named() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.subscribe("#", Q1).await;
    client.disconnect().await;
    let mut publisher = house.client(V5, "publisher").await;
    for (number, seconds) in [(1, 1), (2, 100)] {
        let properties = PublishProperties { message_expiry_interval: Some(seconds), ..PublishProperties::default() };
        let topic = format!("for/{seconds}");
        publisher.publish(Publish { properties: Some(Box::new(properties)), ..message(Q1, number, &topic, "x") }).await;
        publisher.expect(Packet::PubAck(acknowledgement(number))).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    let received = client.expect_message().await;
    assert_eq!(received.topic.as_deref(), Some("for/100"));
    let left = received.properties.unwrap().message_expiry_interval.unwrap();
    assert!((90..=99).contains(&left), "{left} s");
    client.expect_silence().await;
    let event = house.event(EventKind::Dropped).await;
    assert_eq!(event.client.as_deref(), Some("client"));
    assert!(event.detail.contains("expired") && event.detail.contains("for/1"), "{}", event.detail);
    assert_eq!(dropped(&house, DropReason::Expired), 1);
}
