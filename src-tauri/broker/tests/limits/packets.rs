//! Packets, windows and queues.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_packet_too_large_ends_the_connection_before_it_has_come() {
    let house = house_with(Limits { maximum_packet_size: 1_000, ..Limits::default() });
    let mut client = house.client(V5, "client").await;
    client.publish_acknowledged("a", &"x".repeat(900)).await;
    // PUBLISH with a Remaining Length of 1,000: 1,003 bytes in all, of which only the header comes.
    client.send_bytes(&[0x30, 0xE8, 0x07]).await;
    client.expect_disconnect(ReasonCode::PACKET_TOO_LARGE).await;
    assert!(house.event(EventKind::Violation).await.detail.contains("1003"));
}

#[tokio::test(start_paused = true)]
async fn a_connect_too_large_is_no_exception() {
    let house = house_with(Limits { maximum_packet_size: 1_000, ..Limits::default() });
    let mut peer = house.peer();
    peer.send_bytes(&[0x10, 0xE8, 0x07]).await;
    peer.expect_eof().await;
    assert!(house.event(EventKind::Violation).await.detail.contains("1003"));
}

#[tokio::test(start_paused = true)]
async fn more_messages_on_the_way_than_receive_maximum_end_the_connection() {
    let house = house_with(Limits { receive_maximum: 2, ..Limits::default() });
    house.journal.hold();
    let mut client = house.client(V5, "client").await;
    for number in 1..=3 {
        client.publish(message(Q1, number, "a", "x")).await;
    }
    client.expect_disconnect(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED).await;
    assert_eq!(house.journal.payloads().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_topic_alias_above_the_maximum_ends_the_connection() {
    let house = house_with(Limits { topic_alias_maximum: 2, ..Limits::default() });
    let mut client = house.client(V5, "client").await;
    let aliased = |alias| {
        let properties = PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() };
        Publish { properties: Some(Box::new(properties)), ..message(Q0, 0, "a", "x") }
    };
    client.publish(aliased(2)).await;
    client.expect_silence().await;
    client.publish(aliased(3)).await;
    client.expect_disconnect(ReasonCode::TOPIC_ALIAS_INVALID).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_is_on_the_way_to_a_client_than_the_window_allows() {
    let house = house_with(Limits { maximum_inflight: 2, ..Limits::default() });
    let mut subscriber = house.client(V311, "subscriber").await;
    subscriber.subscribe("a", Q1).await;
    let mut publisher = house.client(V311, "publisher").await;
    for payload in ["1", "2", "3"] {
        publisher.publish_acknowledged("a", payload).await;
    }
    let first = subscriber.expect_payload("1").await;
    subscriber.expect_payload("2").await;
    subscriber.expect_silence().await;
    assert_eq!(house.broker.client("subscriber").unwrap().queued, 1);
    subscriber.send(Packet::PubAck(acknowledgement(first.packet_identifier.unwrap().value()))).await;
    subscriber.expect_payload("3").await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_of_a_client_that_is_away_is_bounded_in_messages_and_bytes() {
    let limits = [
        Limits { maximum_queued_messages: 3, ..Limits::default() },
        Limits { maximum_queued_bytes: 3 * (128 + 1 + 100), ..Limits::default() },
    ];
    for limits in limits {
        let house = house_with(limits);
        let (mut client, _) = house.connect(resume(V311, "away", 0)).await;
        client.subscribe("a", Q1).await;
        client.disconnect().await;
        let mut publisher = house.client(V311, "publisher").await;
        for _ in 0..5 {
            publisher.publish_acknowledged("a", &"x".repeat(100)).await;
        }
        let event = house.event(EventKind::Dropped).await;
        assert_eq!(event.client.as_deref(), Some("away"));
        assert_eq!(dropped(&house, DropReason::QueueFull), 2);
        assert_eq!(house.broker.client("away").unwrap().queued, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn qos_0_that_waits_for_a_slow_reader_is_bounded_in_messages_and_bytes() {
    let limits = [
        Limits { maximum_waiting_messages: 5, ..Limits::default() },
        Limits { maximum_waiting_bytes: 5 * (128 + 1 + 50_000), ..Limits::default() },
    ];
    for limits in limits {
        let house = house_with(limits);
        let mut slow = house.peer_from("127.0.0.1:50001", 1_024);
        slow.connect(connect(V311, "slow")).await;
        slow.subscribe("a", Q0).await;
        let mut publisher = house.client(V311, "publisher").await;
        for _ in 0..50 {
            publisher.publish_acknowledged("a", &"x".repeat(50_000)).await;
        }
        assert_eq!(house.broker.client("slow").unwrap().queued, 5);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let event = house.event(EventKind::Dropped).await;
        assert_eq!(event.client.as_deref(), Some("slow"));
        assert!(event.detail.contains("subscriber too slow"), "{}", event.detail);
        let (lost, mut came) = (dropped(&house, DropReason::SlowSubscriber), 0);
        while tokio::time::timeout(Duration::from_secs(1), slow.expect_message()).await.is_ok() {
            came += 1;
        }
        assert_eq!(lost + came, 50, "what did not come is counted");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_aliases_are_set_for_a_client_than_the_limit_allows() {
    let house = house_with(Limits { maximum_aliases_to_client: 1, ..Limits::default() });
    let mut eager = connect(V5, "eager");
    eager.properties.topic_alias_maximum = Some(10);
    let (mut subscriber, _) = house.connect(eager).await;
    subscriber.subscribe("#", Q0).await;
    let mut publisher = house.client(V5, "publisher").await;
    let mut set = 0;
    for _ in 0..20 {
        for topic in ["first/topic", "second/topic"] {
            publisher.publish(message(Q0, 0, topic, "x")).await;
            let alias = subscriber.expect_message().await.properties.and_then(|properties| properties.topic_alias);
            assert!(alias.is_none_or(|alias| alias == 1), "{alias:?}");
            set += u32::from(alias.is_some());
        }
    }
    assert!(set > 0, "the one alias is in use");
}
