//! Retained messages.

use std::time::Duration;

use nightjar_broker::Limits;
use nightjar_mqtt::{
    Packet, Publish, PublishProperties, ReasonCode, RetainHandling, Subscribe, Subscription, SubscriptionOptions,
    TopicFilter, Unsubscribe,
};

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

/// A house with so many retained messages, on topics that sort as they count.
async fn stocked(count: usize, limits: Limits) -> (House, Peer) {
    let house = house_with(limits);
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..count {
        publisher.publish(Publish { retain: true, ..message(Q0, 0, &topic(number), "old") }).await;
    }
    publisher.expect_silence().await;
    (house, publisher)
}

fn topic(number: usize) -> String {
    format!("t/{:03}/{:03}", number / 1_000, number % 1_000)
}

#[tokio::test(start_paused = true)]
async fn a_subscription_to_everything_is_answered_at_once_and_served_while_others_are() {
    const COUNT: usize = 20_000;
    let (house, _publisher) = stocked(COUNT, Limits::default()).await;
    // A small pipe: the broker can't be ahead of its reader by much.
    let mut greedy = house.peer_from("127.0.0.1:50001", 1024);
    greedy.connect(connect(V311, "greedy")).await;
    greedy.subscribe("#", Q0).await;
    let mut other = house.client(V311, "other").await;
    other.subscribe("live", Q0).await;
    let mut publisher = house.client(V311, "live publisher").await;
    let mut next = 0;
    let mut live = 0;
    for _ in 0..10 {
        publisher.publish_acknowledged("live", "now").await;
        other.expect_payload("now").await;
        for _ in 0..100 {
            match greedy.expect_message().await {
                received if received.retain => {
                    assert_eq!(received.topic.as_deref(), Some(&topic(next)[..]), "in order, none left out");
                    next += 1;
                }
                _ => live += 1,
            }
        }
    }
    while next < COUNT || live < 10 {
        let received = greedy.expect_message().await;
        if received.retain { next += 1 } else { live += 1 }
    }
    greedy.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_everything_does_not_keep_the_thread() {
    let (house, _publisher) = stocked(20_000, Limits::default()).await;
    let mut greedy = house.peer_from("127.0.0.1:50001", 64 << 20);
    greedy.connect(connect(V311, "greedy")).await;
    let mut other = house.client(V311, "other").await;
    let filter = TopicFilter::new("#").unwrap();
    let subscriptions = vec![Subscription { filter, options: SubscriptionOptions::default() }];
    let packet_identifier = id(1);
    greedy
        .send(Packet::Subscribe(Subscribe { packet_identifier, properties: Default::default(), subscriptions }))
        .await;
    other.send(Packet::PingReq).await;
    assert_eq!(other.receive().await, Packet::PingResp);
    let before = greedy.at_hand().await;
    assert!(before < 200 << 10, "{before} bytes came before another client had its turn");
}

#[tokio::test(start_paused = true)]
async fn what_is_set_after_the_subscription_comes_once_and_never_before_something_older() {
    const COUNT: usize = 10_000;
    let (house, mut publisher) = stocked(COUNT, Limits::default()).await;
    let mut subscriber = house.peer_from("127.0.0.1:50001", 1024);
    subscriber.connect(connect(V311, "subscriber")).await;
    subscriber.subscribe("#", Q0).await;
    // Pipe and buffer hold but a part: these come after the walk passed the first ones, and before the last.
    for number in (0..COUNT).step_by(10) {
        publisher.publish(Publish { retain: true, ..message(Q0, 0, &topic(number), "new") }).await;
    }
    publisher.publish(Publish { retain: true, ..message(Q0, 0, &topic(COUNT - 1), "") }).await;
    publisher.expect_silence().await;
    let mut seen = vec![Vec::new(); COUNT];
    subscriber.send(Packet::PingReq).await;
    let mut quiet = false;
    // Retained messages may go on after the answer, so that this asks until an answer comes alone.
    while !quiet {
        let mut messages = 0;
        while let Packet::Publish(received) = subscriber.receive().await {
            let name = received.topic.unwrap();
            let mut levels = name.split('/').skip(1).map(|level| level.parse::<usize>().unwrap());
            let number = levels.next().unwrap() * 1_000 + levels.next().unwrap();
            seen[number].push((received.payload, received.retain));
            messages += 1;
        }
        quiet = messages == 0;
        if !quiet {
            subscriber.send(Packet::PingReq).await;
        }
    }
    for (number, seen) in seen.iter().enumerate() {
        let payloads: Vec<_> = seen.iter().map(|(payload, _)| &payload[..]).collect();
        match (number == COUNT - 1, number % 10 == 0) {
            (true, _) => assert!(payloads == [&b""[..]] || payloads == [&b"old"[..], b""], "{number}: {payloads:?}"),
            (_, true) => {
                assert!(payloads == [&b"new"[..]] || payloads == [&b"old"[..], b"new"], "{number}: {payloads:?}")
            }
            (_, false) => assert_eq!(payloads, [&b"old"[..]], "{number}"),
        }
        assert!(seen.iter().all(|(payload, retain)| *retain == (payload == "old")), "{number}: {seen:?}");
    }
    assert!(seen.iter().step_by(10).any(|seen| seen.len() == 1), "the walk was overtaken, or this proves nothing");
}

#[tokio::test(start_paused = true)]
async fn unsubscribe_ends_the_retained_messages_too() {
    let (house, _publisher) = stocked(5_000, Limits { maximum_inflight: 1, ..Limits::default() }).await;
    let mut subscriber = house.peer_from("127.0.0.1:50001", 1024);
    subscriber.connect(connect(V5, "subscriber")).await;
    subscriber.subscribe("t/#", Q0).await;
    let filters = vec![TopicFilter::new("t/#").unwrap()];
    let unsubscribe = Unsubscribe { packet_identifier: id(2), user_properties: Vec::new(), filters };
    subscriber.send(Packet::Unsubscribe(unsubscribe)).await;
    let mut received = 0;
    while let Packet::Publish(_) = subscriber.receive().await {
        received += 1;
    }
    assert!(received < 5_000, "the walk was over before");
    subscriber.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn retained_messages_of_a_session_go_on_after_a_reconnect() {
    let house = house_with(Limits { maximum_inflight: 3, ..Limits::default() });
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..10 {
        publisher.publish_retained(&topic(number), "x").await;
    }
    let (mut subscriber, _) = house.connect(resume(V5, "subscriber", 100)).await;
    subscriber.subscribe("#", Q1).await;
    for number in 0..3 {
        assert_eq!(subscriber.expect_message().await.topic.as_deref(), Some(&topic(number)[..]));
    }
    drop(subscriber);
    let (mut subscriber, _) = house.connect(resume(V5, "subscriber", 100)).await;
    for number in 0..10 {
        let received = subscriber.expect_message().await;
        assert_eq!((received.topic.as_deref(), received.dup), (Some(&topic(number)[..]), number < 3));
        subscriber.acknowledge(&received).await;
    }
    subscriber.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_not_sent_and_does_not_stay() {
    let house = house();
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_retained("stays", "x").await;
    let properties = PublishProperties { message_expiry_interval: Some(1), ..PublishProperties::default() };
    for number in 0..100 {
        let goes = Publish {
            retain: true,
            properties: Some(Box::new(properties.clone())),
            ..message(Q0, 0, &topic(number), "x")
        };
        publisher.publish(goes).await;
    }
    publisher.expect_silence().await;
    assert_eq!(house.broker.retained_count(), 101);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut subscriber = house.client(V5, "subscriber").await;
    subscriber.subscribe("#", Q0).await;
    subscriber.expect_payload("x").await;
    subscriber.expect_silence().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(house.broker.retained_count(), 1, "the sweep forgets what has expired");
}

#[tokio::test(start_paused = true)]
async fn thousands_of_filters_in_one_packet_are_granted_and_served() {
    let (house, mut publisher) = stocked(2_000, Limits::default()).await;
    let mut subscriber = house.client(V5, "subscriber").await;
    let filters = (0..2_000).map(|number| TopicFilter::new(topic(number)).unwrap());
    let options = SubscriptionOptions::default();
    let subscriptions = filters.clone().map(|filter| Subscription { filter, options }).collect();
    let subscribe = Subscribe { packet_identifier: id(1), properties: Default::default(), subscriptions };
    subscriber.send(Packet::Subscribe(subscribe)).await;
    match subscriber.receive().await {
        Packet::SubAck(suback) => assert_eq!(suback.reason_codes, vec![ReasonCode::SUCCESS; 2_000]),
        other => panic!("instead of SUBACK came {other:?}"),
    }
    for _ in 0..2_000 {
        assert!(subscriber.expect_payload("old").await.retain);
    }
    publisher.publish_acknowledged(&topic(1_999), "new").await;
    subscriber.expect_payload("new").await;
    let unsubscribe = Unsubscribe { packet_identifier: id(2), user_properties: Vec::new(), filters: filters.collect() };
    subscriber.send(Packet::Unsubscribe(unsubscribe)).await;
    match subscriber.receive().await {
        Packet::UnsubAck(unsuback) => assert_eq!(unsuback.reason_codes, vec![ReasonCode::SUCCESS; 2_000]),
        other => panic!("instead of UNSUBACK came {other:?}"),
    }
    publisher.publish_acknowledged(&topic(1_999), "newer").await;
    subscriber.expect_silence().await;
}
