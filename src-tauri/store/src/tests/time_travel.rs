//! What was retained in the past.

use nightjar_mqtt::TopicFilter;

use super::*;
use crate::postings::SEGMENT;
use crate::{Bounds, Keep};

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
