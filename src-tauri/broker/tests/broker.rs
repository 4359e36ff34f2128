//! The broker as its clients see it, over pipes in memory, with virtual time.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should panic")]

mod peer;

use std::time::Duration;

use nightjar_broker::{Access, DropReason, EventKind, Limits};
use nightjar_mqtt::{
    Acknowledgement, Packet, Publish, PublishProperties, ReasonCode, RetainHandling, SubscriptionOptions,
};
use peer::*;

mod handshake {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_empty_client_identifier_is_assigned_or_refused_as_the_version_says() {
        let house = house();
        let (_, connack) = house.connect(connect(V5, "")).await;
        assert!(!connack.properties.assigned_client_identifier.unwrap().is_empty());
        house.connect(connect(V311, "")).await;
        for refused in [resume(V311, "", 0), connect(V31, "")] {
            let mut peer = house.peer();
            let connack = peer.connect(refused).await;
            assert_eq!(connack.reason_code, ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
            peer.expect_eof().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_this_computer_gets_in_until_anyone_may() {
        let house = house();
        let mut stranger = house.peer_from("192.168.1.7:50000", 4096);
        assert_eq!(stranger.connect(connect(V5, "tv")).await.reason_code, ReasonCode::NOT_AUTHORIZED);
        stranger.expect_eof().await;
        let refusal = house.event(EventKind::Refused).await;
        assert_eq!(refusal.client.as_deref(), Some("tv"));
        assert!(refusal.detail.contains("192.168.1.7"), "{}", refusal.detail);

        house.broker.set_access(Access::Anyone);
        let mut guest = house.peer_from("192.168.1.7:50001", 4096);
        assert_eq!(guest.connect(connect(V5, "tv")).await.reason_code, ReasonCode::SUCCESS);
        let mut local = house.client(V5, "local").await;
        house.broker.set_access(Access::ThisComputer);
        guest.expect_disconnect(ReasonCode::NOT_AUTHORIZED).await;
        local.expect_silence().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_connect_is_closed_after_a_while() {
        let house = house();
        let mut silent = house.peer();
        let mut slow = house.peer();
        slow.send_bytes(&[0x10]).await;
        silent.expect_eof().await;
        slow.expect_eof().await;
        assert_eq!(house.journal.events(EventKind::Refused).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn another_packet_before_connect_ends_the_connection_on_record() {
        let house = house();
        let mut peer = house.peer();
        peer.send(Packet::PingReq).await;
        peer.expect_eof().await;
        let event = house.event(EventKind::Violation).await;
        assert!(event.detail.contains("MQTT-3.1.0-1") && event.detail.contains("127.0.0.1"), "{}", event.detail);
    }

    #[tokio::test(start_paused = true)]
    async fn a_malformed_connect_of_mqtt_5_is_told_why() {
        let house = house();
        let mut peer = house.peer();
        // The reserved flag is set.
        peer.send_bytes(&[0x10, 0x0d, 0, 4, b'M', b'Q', b'T', b'T', 5, 0x01, 0, 60, 0, 0, 0]).await;
        match peer.receive().await {
            Packet::ConnAck(connack) => assert_eq!(connack.reason_code, ReasonCode::MALFORMED_PACKET),
            other => panic!("instead of CONNACK came {other:?}"),
        }
        peer.expect_eof().await;
    }

    #[tokio::test(start_paused = true)]
    async fn silence_beyond_the_keep_alive_ends_the_connection() {
        let house = house();
        let mut peer = house.client(V5, "asleep").await;
        peer.expect_disconnect(ReasonCode::KEEP_ALIVE_TIMEOUT).await;
        assert_eq!(house.event(EventKind::Lost).await.client.as_deref(), Some("asleep"));
    }
}

mod delivery {
    use super::*;

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
        let refused = |number| Acknowledgement::new(id(number), ReasonCode::QUOTA_EXCEEDED);
        new.publish(message(Q1, 1, "a", "lost")).await;
        new.expect(Packet::PubAck(refused(1))).await;
        new.publish(message(Q2, 2, "a", "lost")).await;
        new.expect(Packet::PubRec(refused(2))).await;
        old.publish(message(Q1, 3, "a", "later")).await;
        old.expect_silence().await;
        old.publish(message(Q0, 0, "a", "through")).await;
        subscriber.expect_payload("through").await;
        house.journal.pause(None);
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
        stuck.connect(Connect0::keep_alive_off("stuck")).await;
        stuck.subscribe("#", Q0).await;
        let mut publisher = house.client(V311, "publisher").await;
        publisher.publish_acknowledged("a", &"x".repeat(1_000)).await;
        publisher.disconnect().await;
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(house.broker.client("stuck").is_none());
        let ends = house.journal.events(EventKind::Disconnected);
        assert!(ends.iter().any(|event| event.detail.contains("read nothing")), "{ends:?}");
    }

    struct Connect0;

    impl Connect0 {
        fn keep_alive_off(name: &str) -> nightjar_mqtt::Connect {
            nightjar_mqtt::Connect { keep_alive: 0, ..connect(V311, name) }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_brokers_own_topics_can_be_read_but_not_written() {
        let house = house();
        let mut client = house.client(V5, "client").await;
        client.subscribe("$SYS/broker/version", Q0).await;
        let version = client.expect_message().await;
        assert!(version.retain && version.payload.starts_with(b"Nightjar"));
        client.publish(message(Q1, 1, "$SYS/broker/version", "fake")).await;
        client.expect(Packet::PubAck(Acknowledgement::new(id(1), ReasonCode::NOT_AUTHORIZED))).await;
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
}

mod retained {
    use super::*;

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
}

mod wills {
    use super::*;

    async fn watcher(house: &House) -> Peer {
        let mut watcher = house.client(V5, "watcher").await;
        watcher.subscribe("will", Q0).await;
        watcher
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_publishes_the_will_and_disconnect_does_not() {
        let house = house();
        let mut watcher = watcher(&house).await;
        for version in [V31, V311, V5] {
            let with_will = || nightjar_mqtt::Connect { will: will("will", None), ..connect(version, "mortal") };
            let (polite, _) = house.connect(with_will()).await;
            polite.disconnect().await;
            watcher.expect_silence().await;
            let (lost, _) = house.connect(with_will()).await;
            drop(lost);
            watcher.expect_payload("gone").await;
        }
        assert_eq!(house.journal.events(EventKind::Will).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_will_waits_and_a_return_takes_it_back() {
        let house = house();
        let mut watcher = watcher(&house).await;
        let with_will = || nightjar_mqtt::Connect { will: will("will", Some(30)), ..resume(V5, "mortal", 100) };
        let (lost, _) = house.connect(with_will()).await;
        drop(lost);
        house.event(EventKind::Lost).await;
        tokio::time::sleep(Duration::from_secs(29)).await;
        watcher.expect_silence().await;
        let (lost, connack) = house.connect(with_will()).await;
        assert!(connack.session_present);
        tokio::time::sleep(Duration::from_secs(5)).await;
        watcher.expect_silence().await;
        drop(lost);
        tokio::time::sleep(Duration::from_secs(31)).await;
        watcher.expect_payload("gone").await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_session_does_not_wait_for_the_delay() {
        let house = house();
        let mut watcher = watcher(&house).await;
        let mortal = nightjar_mqtt::Connect { will: will("will", Some(300)), ..resume(V5, "mortal", 10) };
        let (lost, _) = house.connect(mortal).await;
        drop(lost);
        tokio::time::sleep(Duration::from_secs(11)).await;
        watcher.expect_payload("gone").await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopping_broker_publishes_the_wills_that_are_left() {
        let house = house();
        let soon = nightjar_mqtt::Connect { will: will("will", None), ..connect(V5, "connected") };
        let (mut connected, _) = house.connect(soon).await;
        let later = nightjar_mqtt::Connect { will: will("will", Some(300)), ..resume(V5, "away", 1000) };
        let (away, _) = house.connect(later).await;
        drop(away);
        house.event(EventKind::Lost).await;
        house.broker.stop().await;
        connected.expect_disconnect(ReasonCode::SERVER_SHUTTING_DOWN).await;
        assert_eq!(house.journal.payloads(), ["gone", "gone"]);
    }
}

mod sessions {
    use super::*;

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
        assert!(house.broker.disconnect("client"));
        client.expect_disconnect(ReasonCode::ADMINISTRATIVE_ACTION).await;
        let away = house.broker.client("client").unwrap();
        assert!(!away.connected && away.last_disconnect.unwrap().contains("owner"));
        assert!(house.broker.disconnect("client"));
        assert!(house.broker.client("client").is_none());
        assert!(!house.broker.disconnect("client"));
    }
}
