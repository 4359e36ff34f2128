//! Topics and subscriptions.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_too_long_or_too_deep_is_refused_and_counted() {
    let limits = Limits { maximum_topic_levels: 4, maximum_topic_length: 10, ..Limits::default() };
    let house = house_with(limits);
    let mut client = house.client(V5, "client").await;
    let mut old = house.client(V311, "old").await;
    for (topic, reason) in [("a/b/c/d/e", DropReason::TooManyLevels), ("long-topics", DropReason::TopicTooLong)] {
        client.publish(message(Q1, 1, topic, "x")).await;
        assert!(client.expect_refusal(1, ReasonCode::TOPIC_NAME_INVALID).await.unwrap().contains("Topic Name"));
        old.publish(message(Q1, 1, topic, "x")).await;
        old.expect(Packet::PubAck(acknowledgement(1))).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let event = house.event(EventKind::Dropped).await;
        assert!(event.detail.contains(topic), "{}", event.detail);
        assert_eq!(dropped(&house, reason), 2);
        let options = SubscriptionOptions::default();
        assert_eq!(client.subscribe_with(topic, options, None).await, ReasonCode::QUOTA_EXCEEDED);
        assert_eq!(old.subscribe_with(topic, options, None).await.0, 0x80);
    }
    assert!(house.journal.payloads().is_empty());
    client.publish(message(Q1, 1, "a/b/c/long", "x")).await;
    assert!(matches!(client.receive().await, Packet::PubAck(answer) if !answer.reason_code.is_error()));
}

#[tokio::test(start_paused = true)]
async fn a_will_topic_that_is_too_long_is_refused_with_connect() {
    let house = house_with(Limits { maximum_topic_length: 10, ..Limits::default() });
    let mut peer = house.peer();
    let mortal = Connect { will: will("long-topics", None), ..connect(V5, "mortal") };
    assert_eq!(peer.connect(mortal).await.reason_code, ReasonCode::TOPIC_NAME_INVALID);
}

#[tokio::test(start_paused = true)]
async fn a_session_has_so_many_subscriptions() {
    let house = house_with(Limits { maximum_subscriptions: 2, ..Limits::default() });
    let mut client = house.client(V5, "client").await;
    let mut old = house.client(V311, "old").await;
    for peer in [&mut client, &mut old] {
        peer.subscribe("a", Q0).await;
        peer.subscribe("b", Q0).await;
    }
    let options = SubscriptionOptions::default();
    assert_eq!(client.subscribe_with("c", options, None).await, ReasonCode::QUOTA_EXCEEDED);
    assert_eq!(old.subscribe_with("c", options, None).await.0, 0x80);
    client.subscribe("b", Q1).await;
    assert_eq!(house.event(EventKind::Refused).await.client.as_deref(), Some("old"));
}

#[tokio::test(start_paused = true)]
async fn a_session_has_so_much_memory_for_subscriptions() {
    let house = house_with(Limits { maximum_subscription_bytes: 10_000, ..Limits::default() });
    let mut client = house.client(V5, "client").await;
    let options = SubscriptionOptions::default();
    let deep = |name: &str| format!("{name}{}", "/x".repeat(20));
    client.subscribe(&deep("a"), Q0).await;
    assert_eq!(client.subscribe_with(&deep("b"), options, None).await, ReasonCode::QUOTA_EXCEEDED);
    client.subscribe(&deep("a"), Q1).await;
    client.subscribe("b", Q0).await;
}
