//! Shared Subscriptions (MQTT 5.0, 4.8.2).

use std::time::Duration;

use nightjar_broker::EventKind;
use nightjar_mqtt::{Acknowledgement, Connect, ConnectProperties, Packet, ReasonCode, SubscriptionOptions};

use crate::peer::*;

/// A member whose session stays, with a window of so many messages.
async fn member(house: &House, name: &str, receive_maximum: u16) -> Peer {
    let properties = ConnectProperties {
        receive_maximum: Some(receive_maximum),
        session_expiry_interval: Some(100),
        ..ConnectProperties::default()
    };
    let (mut member, connack) = house.connect(Connect { properties, ..resume(V5, name, 100) }).await;
    assert!(connack.properties.shared_subscription_available);
    if !connack.session_present {
        member.subscribe("$share/group/work/#", Q2).await;
    }
    member
}

async fn wait_until_away(house: &House, name: &str) {
    while house.broker.client(name).is_some_and(|client| client.connected) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_message_goes_to_one_member_in_turn() {
    let house = house();
    let mut members = [member(&house, "a", 10).await, member(&house, "b", 10).await, member(&house, "c", 10).await];
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..9 {
        publisher.publish_acknowledged("work/x", &number.to_string()).await;
        let member = &mut members[number % 3];
        let received = member.expect_payload(&number.to_string()).await;
        member.acknowledge(&received).await;
    }
    for member in &mut members {
        member.expect_silence().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_has_its_own_qos_and_identifier_and_may_subscribe_by_itself_too() {
    let house = house();
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_retained("work/x", "retained").await;
    let mut one = house.client(V5, "one").await;
    let mut other = house.client(V5, "other").await;
    let at = |maximum_qos| SubscriptionOptions { maximum_qos, ..SubscriptionOptions::default() };
    one.subscribe_with("$share/group/work/+", at(Q0), Some(7)).await;
    other.subscribe_with("$share/group/work/+", at(Q1), Some(9)).await;
    one.expect_silence().await;
    other.expect_silence().await;
    one.subscribe_with("work/y", at(Q1), None).await;
    publisher.publish_acknowledged("work/y", "first").await;
    let both = [one.expect_payload("first").await, one.expect_payload("first").await];
    assert_eq!(both.iter().map(|received| received.qos).max(), Some(Q1), "by the ordinary subscription");
    let shared = both.iter().find(|received| received.qos == Q0).unwrap();
    assert_eq!(shared.properties.as_ref().unwrap().subscription_identifiers, [7]);
    publisher.publish_acknowledged("work/y", "second").await;
    assert_eq!(one.expect_payload("second").await.properties, None);
    let received = other.expect_payload("second").await;
    assert_eq!((received.qos, &received.properties.unwrap().subscription_identifiers[..]), (Q1, &[9][..]));
}

#[tokio::test(start_paused = true)]
async fn who_has_its_hands_full_is_passed_over() {
    let house = house();
    let mut busy = member(&house, "busy", 1).await;
    let mut idle = member(&house, "idle", 100).await;
    let mut publisher = house.client(V311, "publisher").await;
    publisher.publish_acknowledged("work", "0").await;
    let held = busy.expect_payload("0").await;
    for number in 1..20 {
        publisher.publish_acknowledged("work", &number.to_string()).await;
        idle.expect_payload(&number.to_string()).await;
    }
    busy.acknowledge(&held).await;
    busy.expect_silence().await;
    publisher.publish_acknowledged("work", "20").await;
    busy.expect_payload("20").await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_member_that_goes_away_goes_to_another_and_what_is_on_its_way_waits_for_its_return() {
    let house = house();
    let mut first = member(&house, "first", 2).await;
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..5 {
        publisher.publish_acknowledged("work", &number.to_string()).await;
    }
    first.expect_payload("0").await;
    first.expect_payload("1").await;
    first.expect_silence().await;
    let mut second = member(&house, "second", 100).await;
    drop(first);
    for number in 2..5 {
        second.expect_payload(&number.to_string()).await;
    }
    second.expect_silence().await;
    let mut first = member(&house, "first", 2).await;
    for payload in ["0", "1"] {
        assert!(first.expect_payload(payload).await.dup);
    }
    first.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_gives_qos_1_to_another_and_qos_2_to_nobody() {
    let house = house();
    let mut first = member(&house, "first", 2).await;
    let mut publisher = house.client(V311, "publisher").await;
    publisher.publish_acknowledged("work", "once").await;
    publisher.publish(message(Q2, 1, "work", "exactly once")).await;
    publisher.expect(Packet::PubRec(acknowledgement(1))).await;
    publisher.publish_acknowledged("work", "unsent").await;
    first.expect_payload("once").await;
    first.expect_payload("exactly once").await;
    first.disconnect().await;
    let mut second = member(&house, "second", 100).await;
    second.expect_silence().await;
    assert!(house.broker.disconnect("first").await, "its session ends");
    assert!(!second.expect_payload("once").await.dup, "it is new to this client");
    second.expect_payload("unsent").await;
    second.expect_silence().await;
    assert!(house.journal.events(EventKind::Dropped).is_empty(), "nothing was dropped");
}

#[tokio::test(start_paused = true)]
async fn what_a_member_refuses_goes_to_nobody_else() {
    let house = house();
    let mut refusing = member(&house, "refusing", 10).await;
    let mut publisher = house.client(V311, "publisher").await;
    publisher.publish_acknowledged("work", "x").await;
    let mut other = member(&house, "other", 10).await;
    let received = refusing.expect_payload("x").await;
    let number = received.packet_identifier.unwrap();
    refusing.send(Packet::PubAck(Acknowledgement::new(number, ReasonCode::UNSPECIFIED_ERROR))).await;
    refusing.expect_silence().await;
    other.expect_silence().await;
    assert!(house.event(EventKind::Dropped).await.detail.contains("refused"));
}

#[tokio::test(start_paused = true)]
async fn where_all_are_away_a_queue_keeps_qos_1_and_2() {
    let house = house();
    let first = member(&house, "first", 10).await;
    let second = member(&house, "second", 10).await;
    drop((first, second));
    wait_until_away(&house, "first").await;
    wait_until_away(&house, "second").await;
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..10 {
        publisher.publish_acknowledged("work", &number.to_string()).await;
    }
    let mut received = Vec::new();
    for name in ["first", "second"] {
        let mut member = member(&house, name, 10).await;
        for _ in 0..5 {
            received.push(member.expect_message().await.payload);
        }
        member.expect_silence().await;
    }
    received.sort();
    let expected: Vec<_> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(received, expected);
}

#[tokio::test(start_paused = true)]
async fn below_mqtt_5_a_share_is_a_topic_like_any_other() {
    let house = house();
    for version in [V31, V311] {
        let mut old = house.client(version, "old").await;
        old.subscribe("$share/group/work", Q1).await;
        let mut publisher = house.client(version, "publisher").await;
        publisher.publish_acknowledged("work", "not this").await;
        publisher.publish_acknowledged("$share/group/work", "this").await;
        old.expect_payload("this").await;
        old.expect_silence().await;
    }
}

/// Members come and go while messages flow: each message is acknowledged by somebody, and at QoS 1 that is all there is
/// to be had.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_while_members_come_and_go() {
    let house = house();
    let mut publisher = house.client(V311, "publisher").await;
    let mut steady = member(&house, "steady", 3).await;
    let mut restless = Some(member(&house, "restless", 3).await);
    let mut seen = std::collections::HashSet::new();
    for number in 0..300 {
        publisher.publish_acknowledged("work", &number.to_string()).await;
        if number % 7 == 0 {
            let received = steady.expect_message().await;
            seen.insert(received.payload.clone());
            steady.acknowledge(&received).await;
        }
        restless = match restless.take() {
            Some(gone) if number % 11 == 0 => {
                drop(gone);
                None
            }
            None if number % 5 == 0 => Some(member(&house, "restless", 3).await),
            other => other,
        };
    }
    drop(restless);
    wait_until_away(&house, "restless").await;
    house.broker.disconnect("restless").await;
    while seen.len() < 300 {
        let received = steady.expect_message().await;
        seen.insert(received.payload.clone());
        steady.acknowledge(&received).await;
    }
    steady.expect_silence().await;
}
