use nightjar_mqtt::PublishProperties;

use super::*;
use crate::MessageId;

#[test]
fn a_message_is_read_back_as_it_was_published() {
    for (_directory, store) in both() {
        let properties = PublishProperties {
            content_type: Some("text/plain".into()),
            user_properties: vec![("unit".into(), "°C".into())],
            ..PublishProperties::default()
        };
        let published = Message {
            qos: QoS::ExactlyOnce,
            retain: true,
            properties: Some(Box::new(properties)),
            publisher: ClientIdentifier::new("küche"),
            received: Timestamp::from_micros(1_767_225_600_123_456),
            ..message("küche/temperatur", "21.5")
        };
        let matched = 7;
        let message = Arc::new(published.clone());
        keep(&store, [Record::Message { message, matched }]);

        let stored = store.message(MessageId(1), usize::MAX).unwrap().unwrap();
        assert_eq!((stored.id, stored.matched, stored.size), (MessageId(1), 7, 4));
        assert!(stored.is_whole());
        let read = Message {
            topic: stored.topic,
            payload: stored.payload,
            qos: stored.qos,
            retain: stored.retain,
            properties: stored.properties,
            publisher: stored.publisher,
            source: None,
            received: stored.received,
        };
        assert_eq!(read, published);
        assert_eq!(store.message(MessageId(2), usize::MAX).unwrap(), None);
        assert_eq!(store.message(MessageId(u64::MAX), usize::MAX).unwrap(), None);
    }
}

#[test]
fn long_payloads_are_read_as_far_as_asked() {
    for (_directory, store) in both() {
        let long = "0123456789".repeat(100_000);
        let topic = "t".repeat(65_535);
        keep(&store, [record(message(&topic, &long)), record(message("empty", ""))]);
        let read = |limit| store.message(MessageId(1), limit).unwrap().unwrap();
        let beginning = read(160);
        assert_eq!(&beginning.payload[..], &long.as_bytes()[..160]);
        assert_eq!(beginning.size, 1_000_000);
        assert!(!beginning.is_whole());
        assert_eq!(&beginning.topic[..], topic);
        assert_eq!(&read(usize::MAX).payload[..], long.as_bytes());
        assert_eq!(read(0).payload.len(), 0);
        let empty = store.message(MessageId(2), 160).unwrap().unwrap();
        assert!(empty.is_whole());
        assert_eq!(empty.size, 0);
    }
}

#[test]
fn the_message_before_is_of_the_same_topic() {
    for (_directory, store) in both() {
        keep(&store, ["a", "b", "a", "b"].map(|topic| record(message(topic, topic))));
        let previous = |id| store.previous_on_topic(MessageId(id), 10).unwrap().map(|message| message.id.0);
        assert_eq!([1, 2, 3, 4, 5].map(previous), [None, None, Some(1), Some(2), None]);
    }
}

#[test]
fn messages_of_a_topic_come_newest_first_and_tell_what_was_skipped() {
    for (_directory, store) in both() {
        keep(&store, (0..100).map(|number| record(message(["a", "b"][number % 2], &number.to_string()))));
        let payloads = |after: Option<u64>, limit| {
            let found = store.messages_of_topic("a", after.map(MessageId), limit, 10).unwrap();
            let rows: Vec<_> = found.rows.iter().map(|row| String::from_utf8(row.payload.to_vec()).unwrap()).collect();
            (rows.join(" "), found.skipped)
        };
        assert_eq!(payloads(None, 3), ("98 96 94".to_owned(), 0));
        assert_eq!(payloads(Some(95), 3), ("98 96".to_owned(), 0));
        assert_eq!(payloads(Some(89), 3), ("98 96 94".to_owned(), 2));
        assert_eq!(payloads(Some(99), 3), (String::new(), 0));
        assert_eq!(store.count_of_topic("a").unwrap(), 50);
        assert_eq!(store.count_of_topic("nothing").unwrap(), 0);
        assert!(store.messages_of_topic("nothing", None, 3, 10).unwrap().rows.is_empty());
    }
}

#[test]
fn a_histogram_counts_the_messages_of_each_slot() {
    for (_directory, store) in both() {
        let times = [0.0, 0.5, 1.0, 1.9, 3.0, 3.999_999, 4.0, -0.1];
        let records = times.map(|time| record(Message { received: at(time), ..message("a", "") }));
        keep(&store, records);
        keep(&store, [record(message("b", ""))]);
        assert_eq!(store.topic_histogram("a", at(0.0), at(4.0), 4).unwrap(), [2, 2, 0, 2]);
        assert_eq!(store.topic_histogram("a", at(-10.0), at(10.0), 1).unwrap(), [8]);
        assert_eq!(store.topic_histogram("a", at(10.0), at(0.0), 2).unwrap(), [0, 0]);
        assert_eq!(store.topic_histogram("a", at(0.0), at(4.0), 0).unwrap(), [0_u32; 0]);
        assert_eq!(store.topic_histogram("c", at(0.0), at(4.0), 2).unwrap(), [0, 0]);
    }
}

#[test]
fn a_histogram_of_many_messages_counts_the_same() {
    let store = in_memory();
    let count = 50_000;
    keep(
        &store,
        (0..count).map(|number| {
            record(Message {
                received: at(f64::from(number) / 1_000.0),
                ..message(["a", "b"][(number % 2) as usize], "")
            })
        }),
    );
    assert_eq!(store.topic_histogram("a", at(0.0), at(50.0), 5).unwrap(), [5_000; 5]);
    assert_eq!(store.topic_histogram("a", at(-10.0), at(70.0), 4).unwrap(), [5_000, 10_000, 10_000, 0]);
    assert_eq!(store.topic_histogram("b", at(5.0), at(49.0), 1).unwrap(), [22_000]);
}

#[test]
fn a_series_is_thinned_evenly_and_keeps_the_newest() {
    for (_directory, store) in both() {
        keep(
            &store,
            (0..100)
                .map(|number| record(Message { received: at(f64::from(number)), ..message("a", &number.to_string()) })),
        );
        let series = |from, limit| {
            let payloads = store.topic_payloads("a", at(from), limit).unwrap();
            let values: Vec<_> = payloads.into_iter().map(|(_, payload)| String::from_utf8(payload).unwrap()).collect();
            values.join(" ")
        };
        assert_eq!(series(95.0, 10), "95 96 97 98 99");
        assert_eq!(series(0.0, 4), "24 49 74 99");
        assert_eq!(series(0.0, 0), "");
        assert_eq!(series(1_000.0, 4), "");
    }
}

#[test]
fn events_are_kept_with_their_client() {
    for (_directory, store) in both() {
        keep(
            &store,
            [
                event(EventKind::Broker, None, "started"),
                event(EventKind::Connected, Some("a"), "from 127.0.0.1:5, MQTT 5.0"),
                event(EventKind::Connected, Some("b"), ""),
                event(EventKind::Lost, Some("a"), "nothing was heard for 90 s"),
                record(message("t", "")),
            ],
        );
        let kinds = |events: Vec<crate::StoredEvent>| {
            events.into_iter().map(|stored| (stored.id, stored.event.kind)).collect::<Vec<_>>()
        };
        use EventKind::{Broker, Connected, Lost};
        assert_eq!(kinds(store.events(3).unwrap()), [(4, Lost), (3, Connected), (2, Connected)]);
        assert_eq!(kinds(store.events_of_client("a", 10).unwrap()), [(4, Lost), (2, Connected)]);
        assert_eq!(kinds(store.events_of_client("c", 10).unwrap()), []);
        let first = &store.events(10).unwrap()[3].event;
        assert_eq!((first.client.clone(), &first.detail[..]), (None, "started"));
        let counts = store.event_counts(at(0.0)).unwrap();
        assert_eq!(counts.get(&Connected), Some(&2));
        assert_eq!(counts.get(&Broker), Some(&1));
        assert!(store.event_counts(at(0.1)).unwrap().is_empty());
    }
}

#[test]
fn statistics_follow_what_is_committed() {
    for (_directory, store) in both() {
        keep(&store, (0..10).map(|_| record(message("a", "1"))));
        let statistics = store.statistics();
        assert_eq!((statistics.messages, statistics.backlog), (10, 0));
        assert!(statistics.bytes >= 4_096, "{statistics:?}");
    }
}
