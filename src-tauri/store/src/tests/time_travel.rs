//! What was retained in the past.

use nightjar_mqtt::TopicFilter;

use super::*;
use crate::postings::SEGMENT;
use crate::{Bounds, Ending, Keep, Past, PastMessage, StoredMessage};

fn set(topic: &str, payload: &str, seconds: i64) -> Record {
    record(Message { received: at(seconds as f64), ..retained(topic, payload) })
}

fn retained_at(store: &Store, filter: &str, seconds: i64) -> Vec<String> {
    let filter = Some(TopicFilter::new(filter.to_owned()).unwrap());
    let mut found = found(store, Search { filter, retained_at: Some(at(seconds as f64)), ..Search::default() });
    found.sort();
    found
}

fn fill(store: &Store) {
    keep(store, [set("a/lamp", "lamp on", 10), set("b/door", "door open", 20)]);
    keep(store, [record(Message { received: at(25.0), ..message("a/lamp", "not retained") })]);
    keep(store, (0..SEGMENT + 10).map(|_| record(Message { received: at(25.0), ..message("noise", "x") })));
    keep(store, [set("a/lamp", "lamp off", 30), set("b/door", "", 40), set("a/new", "new", 50)]);
}

#[test]
fn the_set_of_any_time_is_found() {
    for (_directory, store) in both() {
        fill(&store);
        for (seconds, expected) in [
            (9, vec![]),
            (10, vec!["lamp on"]),
            (29, vec!["door open", "lamp on"]),
            (30, vec!["door open", "lamp off"]),
            (40, vec!["lamp off"]),
            (99, vec!["lamp off", "new"]),
        ] {
            assert_eq!(retained_at(&store, "#", seconds), expected, "at {seconds}");
        }
        assert_eq!(retained_at(&store, "b/+", 35), ["door open"]);
        assert_eq!(retained_at(&store, "c", 35), [""; 0]);
    }
}

#[test]
fn changes_of_a_topic_are_listed_and_undone() {
    for (_directory, store) in both() {
        fill(&store);
        let changes = |topic, until: Option<i64>, count| -> Vec<String> {
            let until = until.map(|seconds| at(seconds as f64));
            let changes = store.retained_changes(topic, until, count, 100).unwrap();
            changes.into_iter().map(|change| String::from_utf8(change.payload.to_vec()).unwrap()).collect()
        };
        assert_eq!(changes("a/lamp", None, 10), ["lamp off", "lamp on"]);
        assert_eq!(changes("a/lamp", None, 1), ["lamp off"]);
        assert_eq!(changes("a/lamp", Some(29), 10), ["lamp on"]);
        assert_eq!(changes("b/door", None, 10), ["", "door open"]);
        assert_eq!((changes("nothing", None, 10), changes("no/#", None, 10)), (vec![], vec![]));
        let before = |topic| {
            let message = store.retained_before_clearing(topic, 100).unwrap();
            message.map(|message| String::from_utf8(message.payload.to_vec()).unwrap())
        };
        assert_eq!(before("b/door").as_deref(), Some("door open"));
        assert_eq!((before("a/lamp"), before("nothing")), (None, None));
    }
}

#[test]
fn what_the_history_let_go_of_is_still_retained() {
    let store = in_memory();
    fill(&store);
    store.set_keeping(Keeping {
        otherwise: Keep::Within(Bounds { age: Some(Duration::ZERO), ..Bounds::default() }),
        ..Keeping::everything()
    });
    store.keep_to_rules();
    assert_eq!(store.statistics().messages, 0);
    assert_eq!(retained_at(&store, "#", 99), ["lamp off", "new"]);
    assert_eq!(retained_at(&store, "#", 29), [""; 0], "what is gone is not made up");
    assert_eq!(store.retained_changes("a/lamp", None, 5, 100).unwrap().len(), 1);
}

fn past(store: &Store, past: Past) -> Vec<PastMessage> {
    let handle = store.past(past);
    assert!(handle.wait(DEADLINE), "it ends");
    let progress = handle.progress();
    assert_eq!((progress.failed, progress.scanned), (None, 1.0));
    assert_eq!(progress.found, handle.messages().len());
    handle.messages().to_vec()
}

/// Topics with what they retained.
fn set_at(store: &Store, seconds: i64) -> Vec<(String, String)> {
    let found = past(store, Past::At(at(seconds as f64)));
    let ids: Vec<_> = found.iter().map(|message| message.id).collect();
    let read = store.messages(&ids, 100).unwrap();
    let payload = |message: &StoredMessage| String::from_utf8(message.payload.to_vec()).unwrap();
    found.iter().zip(&read).map(|(found, read)| (found.topic.to_string(), payload(read))).collect()
}

#[test]
fn the_set_of_a_moment_is_in_the_order_of_topics() {
    for (_directory, store) in both() {
        fill(&store);
        keep(&store, [set("a/lamp/x", "below", 26), set("a-z", "beside", 26)]);
        let pair = |topic: &str, payload: &str| (topic.to_owned(), payload.to_owned());
        assert_eq!(
            set_at(&store, 29),
            [pair("a/lamp", "lamp on"), pair("a/lamp/x", "below"), pair("a-z", "beside"), pair("b/door", "door open")]
        );
        assert_eq!(set_at(&store, 9), []);
        assert_eq!(set_at(&store, 99).len(), 4);
    }
}

#[test]
fn what_had_expired_was_not_retained() {
    for (_directory, store) in both() {
        let properties = nightjar_mqtt::PublishProperties { message_expiry_interval: Some(10), ..Default::default() };
        let short = |topic: &str, seconds: f64| {
            record(Message {
                received: at(seconds),
                properties: Some(Box::new(properties.clone())),
                ..retained(topic, "short")
            })
        };
        keep(&store, [set("lasting", "x", 0), short("t", 5.0), short("u", 5.0), set("u", "", 30)]);
        for (seconds, expected) in [(4, 1), (5, 3), (14, 3), (15, 1), (99, 1)] {
            assert_eq!(set_at(&store, seconds).len(), expected, "at {seconds}");
            assert_eq!(retained_at(&store, "#", seconds).len(), expected, "at {seconds}");
        }
        let gone = past(&store, Past::Cleared);
        let endings: Vec<_> = gone.iter().map(|gone| (&*gone.topic, gone.ending.unwrap())).collect();
        let expired = Ending { at: at(15.0), by: None };
        assert_eq!(endings, [("u", expired), ("t", expired)], "who clears what has expired clears nothing");
    }
}

#[test]
fn what_was_cleared_is_found_with_who_cleared_it() {
    for (_directory, store) in both() {
        fill(&store);
        keep(
            &store,
            [set("b/door", "", 60), set("c", "1", 61), set("c", "2", 62), set("c", "", 63), set("d", "x", 64)],
        );
        keep(&store, [set("d", "", 65), set("d", "back", 66), set("never", "", 67)]);
        let gone = past(&store, Past::Cleared);
        let found: Vec<_> = gone.iter().map(|gone| (&*gone.topic, gone.received, gone.ending.unwrap().at)).collect();
        assert_eq!(
            found,
            [("c", at(62.0), at(63.0)), ("b/door", at(20.0), at(40.0))],
            "the first of two clearings did it; what is back is not gone"
        );
        let by = store.message(gone[0].ending.unwrap().by.unwrap(), 0).unwrap().unwrap();
        assert_eq!((by.received, by.size), (at(63.0), 0));
    }
}

#[test]
fn a_look_at_the_past_ends_with_its_handle() {
    let store = in_memory();
    fill(&store);
    let handle = store.past(Past::At(at(99.0)));
    let state = handle.watch_end();
    drop(handle);
    let end = std::time::Instant::now() + DEADLINE;
    while state.strong_count() > 0 {
        assert!(std::time::Instant::now() < end, "its thread ends");
        std::thread::sleep(Duration::from_millis(1));
    }
}
