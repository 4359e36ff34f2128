//! How much is retained.

use super::*;

async fn retain(peer: &mut Peer, topic: &str, payload: &str) -> ReasonCode {
    peer.publish(Publish { retain: true, ..message(Q1, 1, topic, payload) }).await;
    match peer.receive().await {
        Packet::PubAck(answer) => answer.reason_code,
        other => panic!("instead of PUBACK came {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_message_too_many_is_not_taken() {
    let house = house_with(Limits { maximum_retained_messages: 2, ..Limits::default() });
    let mut client = house.client(V5, "client").await;
    let mut old = house.client(V311, "old").await;
    let mut subscriber = house.client(V5, "subscriber").await;
    subscriber.subscribe("+", Q0).await;
    for topic in ["a", "b"] {
        assert!(!retain(&mut client, topic, "1").await.is_error());
        subscriber.expect_payload("1").await;
    }
    assert_eq!(retain(&mut client, "c", "1").await, ReasonCode::QUOTA_EXCEEDED);
    assert_eq!(retain(&mut old, "c", "1").await, ReasonCode::SUCCESS, "3.1.1 has no word for it");
    client.publish(Publish { retain: true, ..message(Q0, 0, "c", "1") }).await;
    client.expect_silence().await;
    subscriber.expect_silence().await;
    assert_eq!(house.broker.retained_count(), 2);
    let event = house.event(EventKind::Dropped).await;
    assert!(event.detail.contains("too many retained messages"), "{}", event.detail);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(dropped(&house, DropReason::RetainedFull), 3);

    assert!(!retain(&mut client, "a", "2").await.is_error(), "a new value takes no more room");
    assert!(!retain(&mut client, "b", "").await.is_error());
    assert!(!retain(&mut client, "c", "1").await.is_error(), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn nor_is_one_that_is_too_large_for_what_is_left() {
    let limits = Limits { maximum_retained_bytes: 2 * (128 + 384 + 1 + 100), ..Limits::default() };
    let house = house_with(limits);
    let mut client = house.client(V5, "client").await;
    assert!(!retain(&mut client, "a", &"x".repeat(100)).await.is_error());
    assert_eq!(retain(&mut client, "b", &"x".repeat(101)).await, ReasonCode::QUOTA_EXCEEDED);
    assert!(!retain(&mut client, "b", &"x".repeat(100)).await.is_error());
    assert_eq!(retain(&mut client, "a", &"x".repeat(101)).await, ReasonCode::QUOTA_EXCEEDED);
    assert!(!retain(&mut client, "a", "smaller").await.is_error());
}

#[tokio::test(start_paused = true)]
async fn topics_with_a_dollar_are_no_way_around_it() {
    let house = house_with(Limits { maximum_retained_messages: 1, ..Limits::default() });
    let mut client = house.client(V5, "client").await;
    assert!(!retain(&mut client, "$own/a", "1").await.is_error());
    assert_eq!(retain(&mut client, "$own/b", "1").await, ReasonCode::QUOTA_EXCEEDED);
}

#[tokio::test(start_paused = true)]
async fn a_will_that_is_not_taken_is_on_record() {
    let house = house_with(Limits { maximum_retained_messages: 0, ..Limits::default() });
    let mut last_words = will("w", None);
    last_words.as_mut().unwrap().retain = true;
    let (mortal, _) = house.connect(Connect { will: last_words, ..connect(V5, "mortal") }).await;
    drop(mortal);
    let event = house.event(EventKind::Dropped).await;
    assert_eq!(event.client.as_deref(), Some("mortal"));
    assert_eq!(dropped(&house, DropReason::RetainedFull), 1);
    assert!(house.journal.events(EventKind::Will).is_empty());
}
