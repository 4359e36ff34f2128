//! Messages on both sides of the segments' bounds are found as if there were none.

use nightjar_mqtt::TopicFilter;

use super::*;
use crate::postings::SEGMENT;
use crate::{MessageId, Order};

const TOPICS: [&str; 6] = ["busy", "busy", "a/b", "a/c", "b/c", "rare"];
const CLIENTS: [&str; 3] = ["one", "two", "three"];

fn topic_of(id: i64) -> &'static str {
    match id {
        _ if id % 1_999 == 0 => "rare",
        _ => TOPICS[(id * 7 % 5) as usize],
    }
}

fn client_of(id: i64) -> &'static str {
    CLIENTS[(id % 3) as usize]
}

fn fill(store: &Store, ids: std::ops::RangeInclusive<i64>) {
    let mut last = Sequence(0);
    let ids: Vec<i64> = ids.collect();
    for part in ids.chunks(999) {
        last = append(
            store,
            part.iter().map(|&id| {
                record(Message {
                    qos: QoS::AtMostOnce,
                    publisher: ClientIdentifier::new(client_of(id)),
                    received: at(id as f64 / 1e3),
                    ..message(topic_of(id), "x")
                })
            }),
        );
    }
    wait_for(store, |progress| progress.committed >= last);
}

fn check(store: &Store, last: i64) {
    for topic in ["busy", "a/b", "rare"] {
        let expected: Vec<i64> = (1..=last).rev().filter(|&id| topic_of(id) == topic).collect();
        assert_eq!(store.count_of_topic(topic).unwrap(), expected.len() as u64, "{topic}");
        let newest = store.messages_of_topic(topic, None, 50, 10).unwrap();
        let ids: Vec<i64> = newest.rows.iter().map(|row| row.id.row()).collect();
        assert_eq!(ids, expected[..expected.len().min(50)], "{topic}");
        let search = |order| Search { filter: Some(TopicFilter::new(topic).unwrap()), order, ..Search::default() };
        assert_eq!(finished(store, search(Order::NewestFirst)).ids(), expected, "{topic}");
        let oldest: Vec<i64> = expected.iter().rev().copied().collect();
        assert_eq!(finished(store, search(Order::OldestFirst)).ids(), oldest, "{topic}");
        let before = expected[expected.len() / 2];
        let previous = store.previous_on_topic(MessageId(before as u64), 10).unwrap().map(|message| message.id.row());
        assert_eq!(previous, expected.get(expected.len() / 2 + 1).copied(), "{topic}");
        let slots = store.topic_histogram(topic, at(0.0), at(last as f64 / 1e3 + 1.0), 7).unwrap();
        assert_eq!(slots.iter().sum::<u32>() as usize, expected.len(), "{topic}");
    }
    let both = Search {
        filter: Some(TopicFilter::new("a/+").unwrap()),
        client: Some("two".to_owned()),
        from: Some(at(1.0)),
        to: Some(at(last as f64 / 1e3 - 1.0)),
        ..Search::default()
    };
    let expected: Vec<i64> =
        (1_000..=last - 1_000).rev().filter(|&id| topic_of(id).starts_with("a/") && client_of(id) == "two").collect();
    assert_eq!(finished(store, both).ids(), expected);
    assert_eq!(finished(store, Search::default()).progress().found, last as u64);
}

#[test]
fn segments_do_not_show() {
    let last = 3 * SEGMENT + 1_000;
    for (directory, store) in both() {
        fill(&store, 1..=SEGMENT - 1);
        check(&store, SEGMENT - 1);
        fill(&store, SEGMENT..=last);
        check(&store, last);
        if let Some(directory) = directory {
            drop(store);
            check(&open(directory.path()).store, last);
        }
    }
}
