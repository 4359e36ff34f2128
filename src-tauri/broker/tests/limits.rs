//! What becomes of what is beyond a limit: who is told, in which words, and what is on record.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should panic")]

#[expect(dead_code, unused_imports, reason = "each test program uses its own part of it")]
mod peer;

use std::time::Duration;

use nightjar_broker::{DropReason, EventKind, Limits};
use nightjar_mqtt::{
    Acknowledgement, Connect, Disconnect, DisconnectProperties, Packet, Publish, PublishProperties, ReasonCode,
    SubscriptionOptions,
};
use peer::*;

fn dropped(house: &House, reason: DropReason) -> u64 {
    house.broker.totals().dropped[reason as usize]
}

mod connack {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tells_mqtt_5_clients_what_they_may() {
        let limits = Limits {
            maximum_packet_size: 5_000,
            receive_maximum: 7,
            topic_alias_maximum: 3,
            maximum_keep_alive: Some(Duration::from_secs(30)),
            maximum_session_expiry: Some(Duration::from_secs(600)),
            ..Limits::default()
        };
        let house = house_with(limits);
        let (_, connack) = house.connect(resume(V5, "client", 601)).await;
        let told = connack.properties;
        assert_eq!(told.maximum_packet_size, Some(5_000));
        assert_eq!(told.receive_maximum, Some(7));
        assert_eq!(told.topic_alias_maximum, Some(3));
        assert_eq!(told.server_keep_alive, Some(30));
        assert_eq!(told.session_expiry_interval, Some(600));

        let modest = Connect { keep_alive: 30, ..resume(V5, "modest", 600) };
        let (_, connack) = house.connect(modest).await;
        assert_eq!(connack.properties.server_keep_alive, None);
        assert_eq!(connack.properties.session_expiry_interval, None);
    }

    #[tokio::test(start_paused = true)]
    async fn its_keep_alive_is_the_one_that_counts() {
        let house = house_with(Limits { maximum_keep_alive: Some(Duration::from_secs(30)), ..Limits::default() });
        let (mut told, _) = house.connect(Connect { keep_alive: 0, ..connect(V5, "told") }).await;
        let (mut old, _) = house.connect(Connect { keep_alive: 0, ..connect(V311, "old") }).await;
        assert_eq!(house.broker.client("told").unwrap().connection.keep_alive, 30);
        let start = nightjar_broker::now().steady;
        told.expect_disconnect(ReasonCode::KEEP_ALIVE_TIMEOUT).await;
        assert_eq!((nightjar_broker::now().steady - start).as_secs(), 45);
        old.expect_silence().await;
    }
}

mod sessions {
    use super::*;

    fn capped() -> House {
        house_with(Limits { maximum_session_expiry: Some(Duration::from_secs(60)), ..Limits::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn none_outlives_the_longest_expiry() {
        for version in [V31, V311, V5] {
            let house = capped();
            let (client, _) = house.connect(resume(version, "client", 1_000)).await;
            client.disconnect().await;
            tokio::time::sleep(Duration::from_secs(59)).await;
            assert!(house.broker.client("client").is_some());
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(house.broker.client("client").is_none(), "{version:?}");
            assert_eq!(house.journal.events(EventKind::Expired).len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn disconnect_can_not_ask_for_more() {
        let house = capped();
        let (mut client, _) = house.connect(resume(V5, "client", 10)).await;
        let properties = DisconnectProperties { session_expiry_interval: Some(1_000), ..Default::default() };
        client.send(Packet::Disconnect(Disconnect { reason_code: ReasonCode::SUCCESS, properties })).await;
        client.expect_eof().await;
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(house.broker.client("client").is_some(), "it may ask for more than CONNECT did");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(house.broker.client("client").is_none());
    }
}

mod packets {
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
}

mod topics {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_is_too_long_or_too_deep_is_refused_and_counted() {
        let limits = Limits { maximum_topic_levels: 4, maximum_topic_length: 10, ..Limits::default() };
        let house = house_with(limits);
        let mut client = house.client(V5, "client").await;
        let mut old = house.client(V311, "old").await;
        for (topic, reason) in [("a/b/c/d/e", DropReason::TooManyLevels), ("long-topics", DropReason::TopicTooLong)] {
            client.publish(message(Q1, 1, topic, "x")).await;
            client.expect(Packet::PubAck(Acknowledgement::new(id(1), ReasonCode::TOPIC_NAME_INVALID))).await;
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
}

mod retained {
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
        let limits = Limits { maximum_retained_bytes: 2 * (128 + 1 + 100), ..Limits::default() };
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
}

mod pace {
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;

    async fn elapsed(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn messages_that_come_too_fast_are_read_more_slowly_and_none_is_lost() {
        let house = house_with(Limits { maximum_publish_rate: NonZeroU32::new(10), ..Limits::default() });
        let mut fast = house.client(V311, "fast").await;
        let mut other = house.client(V311, "other").await;
        for number in 0..100 {
            fast.publish(message(Q0, 0, "a", &number.to_string())).await;
        }
        elapsed(1).await;
        let taken = house.journal.payloads().len();
        assert!((10..=21).contains(&taken), "a second's worth at once and one more in the first second: {taken}");
        other.publish_acknowledged("a", "unhindered").await;
        elapsed(4).await;
        let taken = house.journal.payloads().len();
        assert!((50..=62).contains(&taken), "{taken}");
        elapsed(6).await;
        let all: Vec<_> =
            house.journal.messages().into_iter().filter(|message| &*message.publisher == "fast").collect();
        let payloads: Vec<_> =
            all.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect();
        assert_eq!(payloads, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(house.broker.totals().dropped_in_all(), 0);
        fast.expect_silence().await;
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_come_too_fast_are_read_more_slowly() {
        let house = house_with(Limits { maximum_read_rate: NonZeroUsize::new(10_000), ..Limits::default() });
        let mut fast = house.client(V311, "fast").await;
        for _ in 0..60 {
            fast.publish(message(Q0, 0, "a", &"x".repeat(995))).await;
        }
        elapsed(2).await;
        let taken = house.journal.payloads().len();
        assert!((25..=32).contains(&taken), "{taken}");
        elapsed(4).await;
        assert_eq!(house.journal.payloads().len(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_not_read_is_not_taken_for_a_silent_one() {
        let house = house_with(Limits { maximum_read_rate: NonZeroUsize::new(1_000), ..Limits::default() });
        let (mut fast, _) = house.connect(Connect { keep_alive: 10, ..connect(V311, "fast") }).await;
        fast.publish(message(Q0, 0, "a", &"x".repeat(100_000))).await;
        // It pings in time, but its ping stands behind what is slowed down.
        fast.expect_silence().await;
        assert!(house.journal.events(EventKind::Lost).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_waits_for_the_disk_is_not_taken_for_a_silent_one() {
        let house = house();
        let mut client = house.client(V311, "client").await;
        house.journal.hold();
        house.journal.fall_behind(true);
        client.publish(message(Q0, 0, "a", "1")).await;
        elapsed(1_000).await;
        house.journal.fall_behind(false);
        house.journal.commit();
        client.expect_silence().await;
        assert!(house.journal.events(EventKind::Lost).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_need_not_wait_for_connack() {
        let house = house();
        let mut peer = house.peer();
        // CONNECT for "a" and PINGREQ in one write.
        peer.send_bytes(b"\x10\x0E\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x01a\xC0\x00").await;
        assert!(matches!(peer.receive().await, Packet::ConnAck(_)));
        peer.expect(Packet::PingResp).await;
    }
}

mod connections {
    use std::num::{NonZeroU32, NonZeroUsize};

    use nightjar_broker::Access;

    use super::*;

    fn public(limits: Limits) -> House {
        let house = house_with(limits);
        house.broker.set_access(Access::Anyone);
        house
    }

    fn from(house: &House, address: &str) -> Peer {
        house.peer_from(&format!("{address}:50000"), 4096)
    }

    async fn refusals(house: &House, text: &str) -> usize {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let events = house.journal.events(EventKind::Refused);
        events.iter().filter(|event| event.detail.contains(text)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_many_in_all_is_told_so() {
        let house = house_with(Limits { maximum_connections: 2, ..Limits::default() });
        let _first = house.client(V5, "first").await;
        let second = house.client(V311, "second").await;
        for (version, code) in [(V5, ReasonCode::SERVER_BUSY), (V311, ReasonCode::SERVER_UNAVAILABLE)] {
            let mut third = house.peer();
            assert_eq!(third.connect(connect(version, "third")).await.reason_code, code);
            third.expect_eof().await;
        }
        assert_eq!(refusals(&house, "2 connects were refused").await, 1, "both in one event");
        second.disconnect().await;
        house.client(V5, "third").await;
        assert_eq!(house.broker.totals().refused_connections, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_many_from_an_address_is_told_so_but_this_computer_may() {
        let house = public(Limits { maximum_connections_per_address: NonZeroUsize::new(2), ..Limits::default() });
        let mut kept = Vec::new();
        for name in ["1", "2"] {
            let mut peer = from(&house, "10.0.0.1");
            assert_eq!(peer.connect(connect(V5, name)).await.reason_code, ReasonCode::SUCCESS);
            kept.push(peer);
        }
        let mut third = from(&house, "10.0.0.1");
        assert_eq!(third.connect(connect(V5, "3")).await.reason_code, ReasonCode::QUOTA_EXCEEDED);
        assert_eq!(refusals(&house, "10.0.0.1").await, 1);
        let mut other = from(&house, "10.0.0.2");
        assert_eq!(other.connect(connect(V5, "4")).await.reason_code, ReasonCode::SUCCESS);
        for name in ["5", "6", "7"] {
            kept.push(house.client(V5, name).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_silent_sockets_has_a_bound_and_clients_get_in() {
        let house = house_with(Limits { maximum_silent_connections: 10, ..Limits::default() });
        let mut silent: Vec<_> = (0..100).map(|_| house.peer()).collect();
        let mut client = house.client(V5, "client").await;
        for peer in &mut silent[..91] {
            peer.expect_eof().await;
        }
        client.expect_silence().await;
        assert_eq!(refusals(&house, "that had not said CONNECT were closed to make room").await, 1);
        // Who was not crowded out may still say it.
        assert_eq!(silent[95].connect(connect(V5, "patient")).await.reason_code, ReasonCode::SUCCESS);
        assert_eq!(house.broker.totals().refused_connections, 91);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_session_beyond_the_most_is_refused_and_an_old_one_goes_on() {
        let house = house_with(Limits { maximum_sessions: 2, ..Limits::default() });
        for name in ["a", "b"] {
            house.connect(resume(V311, name, 0)).await.0.disconnect().await;
        }
        let mut third = house.peer();
        assert_eq!(third.connect(connect(V5, "c")).await.reason_code, ReasonCode::QUOTA_EXCEEDED);
        let (again, connack) = house.connect(resume(V311, "a", 0)).await;
        assert!(connack.session_present);
        again.disconnect().await;
        assert!(house.broker.disconnect("a"));
        house.client(V5, "c").await;
    }

    fn strict() -> Limits {
        Limits {
            maximum_failed_connects: NonZeroU32::new(3),
            maximum_takeovers: NonZeroU32::new(3),
            first_pause: Duration::from_secs(10),
            longest_pause: Duration::from_secs(20),
            ..Limits::default()
        }
    }

    /// Sends what is no CONNECT from an address, as often as is one time too many.
    async fn fail(house: &House, address: &str) {
        for _ in 0..3 {
            let mut peer = from(house, address);
            peer.send_bytes(b"GET / HTTP/1.1\r\n\r\n").await;
            peer.expect_eof().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_fails_again_and_again_has_to_wait_longer_each_time() {
        let house = public(strict());
        for seconds in [10, 20, 20] {
            fail(&house, "10.0.0.1").await;
            let event = house.event(EventKind::Refused).await;
            assert!(event.detail.contains(&format!("refused for {seconds} s")), "{}", event.detail);
            assert!(event.detail.contains("3 connects from 10.0.0.1 failed"), "{}", event.detail);
            for (version, code) in [(V5, 0x9F), (V311, ReasonCode::SERVER_UNAVAILABLE.0)] {
                let mut peer = from(&house, "10.0.0.1");
                assert_eq!(peer.connect(connect(version, "meter")).await.reason_code.0, code);
                peer.expect_eof().await;
            }
            let mut other = from(&house, "10.0.0.2");
            assert_eq!(other.connect(connect(V5, "other")).await.reason_code, ReasonCode::SUCCESS);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let mut peer = from(&house, "10.0.0.1");
            assert_eq!(peer.connect(connect(V5, "meter")).await.reason_code, ReasonCode::SUCCESS);
            let over = house.event(EventKind::Broker).await;
            assert!(over.detail.contains("10.0.0.1 is over: 2 connects were refused"), "{}", over.detail);
        }
        assert_eq!(house.journal.events(EventKind::Violation).len(), 9, "in a pause nothing else is on record");
    }

    #[tokio::test(start_paused = true)]
    async fn this_computer_never_has_to_wait() {
        let house = house_with(strict());
        for _ in 0..5 {
            fail(&house, "127.0.0.1").await;
        }
        house.client(V5, "client").await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_not_allowed_in_is_forgiven_when_that_changes() {
        let house = house_with(strict());
        for expected in [ReasonCode::NOT_AUTHORIZED; 3].into_iter().chain([ReasonCode::CONNECTION_RATE_EXCEEDED]) {
            let mut peer = from(&house, "10.0.0.1");
            assert_eq!(peer.connect(connect(V5, "tv")).await.reason_code, expected);
        }
        house.broker.set_access(Access::Anyone);
        let mut peer = from(&house, "10.0.0.1");
        assert_eq!(peer.connect(connect(V5, "tv")).await.reason_code, ReasonCode::SUCCESS);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_devices_with_one_identifier_the_second_has_to_wait() {
        let house = house_with(strict());
        let mut connected = house.client(V5, "twin").await;
        for _ in 0..3 {
            let next = house.client(V5, "twin").await;
            connected.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
            connected = next;
        }
        let event = house.event(EventKind::Refused).await;
        assert_eq!(event.client.as_deref(), Some("twin"));
        for words in ["two devices", "3 takeovers", "127.0.0.1:50000", "10 s", "Give each device its own"] {
            assert!(event.detail.contains(words), "{words}: {}", event.detail);
        }
        for (version, code) in [(V5, 0x9F), (V311, ReasonCode::SERVER_UNAVAILABLE.0)] {
            let mut late = house.peer();
            assert_eq!(late.connect(connect(version, "twin")).await.reason_code.0, code);
        }
        connected.expect_silence().await;
        house.client(V5, "only-child").await;
        // The other one leaves: now there is nobody to take anything from.
        connected.disconnect().await;
        let mut connected = house.client(V5, "twin").await;
        tokio::time::sleep(Duration::from_secs(11)).await;
        let over = house.event(EventKind::Broker).await;
        assert!(over.detail.contains("is over: 2 connects"), "{}", over.detail);
        let _next = house.client(V5, "twin").await;
        connected.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
    }
}
