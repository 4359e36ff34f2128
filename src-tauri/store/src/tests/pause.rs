use std::sync::atomic::Ordering;

use super::*;

/// A store whose disk is full, with room for `queue_limit` bytes in its queue.
fn full(directory: &Path, queue_limit: usize) -> Arc<Store> {
    let options = Options { queue_limit, ..options(directory) };
    let store = Store::open(&options).unwrap().store;
    keep(&store, [record(message("before", "0"))]);
    store.shared.page_limit.store(1, Ordering::Relaxed);
    store
}

fn make_room(store: &Store) {
    store.shared.page_limit.store(0, Ordering::Relaxed);
}

fn quiet(topic: &str, payload: &str) -> Message {
    Message { qos: QoS::AtMostOnce, ..message(topic, payload) }
}

#[test]
fn a_full_disk_pauses_the_journal_and_room_resumes_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = full(directory.path(), 1 << 20);
    let long = "x".repeat(100_000);
    let last = append(&store, [record(message("during", &long)), record(message("during", "2"))]);
    let progress = wait_for(&store, |progress| progress.paused.is_some());
    assert_eq!(progress.paused.as_deref(), Some("the disk is full"));
    assert!(progress.committed < last, "nothing is acknowledged that is not kept");
    assert!(!store.is_behind(), "publishers of QoS 0 are not held up");
    assert_eq!(store.statistics().backlog, 2);

    make_room(&store);
    let progress = wait_for(&store, |progress| progress.committed >= last);
    assert_eq!(progress.committed, last);
    wait_for(&store, |progress| progress.paused.is_none());
    assert_eq!(found(&store, Search::default()), ["2".to_owned(), long, "0".to_owned()]);
    keep(&store, [record(message("after", "3"))]);
    let events = store.events(10).unwrap();
    assert_eq!(events.len(), 1, "nothing was skipped: {events:?}");
    assert_eq!(events[0].event.kind, EventKind::Broker);
    assert!(events[0].event.detail.contains("paused from"), "{events:?}");
    assert!(events[0].event.detail.contains("because the disk is full"), "{events:?}");
}

#[test]
fn what_does_not_fit_is_skipped_and_leaves_a_gap_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let store = full(directory.path(), 100_000);
    append(&store, [record(message("first", &"x".repeat(90_000)))]);
    wait_for(&store, |progress| progress.paused.is_some());

    let loud = append(&store, [record(message("loud", "kept"))]);
    for number in 0..2_000 {
        let received = at(f64::from(number));
        append(&store, [record(Message { received, ..quiet("quiet", &number.to_string()) })]);
    }
    let skipped_retained = Message { retain: true, received: at(3_000.0), ..quiet("lamp", "on") };
    append(&store, [record(skipped_retained.clone())]);
    let superseded = Message { retain: true, ..quiet("door", "open") };
    append(&store, [record(superseded)]);
    append(&store, [record(retained("door", "closed"))]);
    append(&store, [event(EventKind::Connected, Some("late"), "")]);
    assert!(store.statistics().backlog < 1_000, "the queue is bounded: {:?}", store.statistics());

    make_room(&store);
    wait_for(&store, |progress| progress.committed >= loud);
    let last = append(&store, [record(message("after", "goes on"))]);
    wait_for(&store, |progress| progress.committed >= last);

    let events = store.events(10).unwrap();
    let gap = events.iter().find(|stored| stored.event.detail.contains("gap")).expect("the gap is on record");
    let kept = store.count_of_topic("quiet").unwrap();
    assert!(kept > 0 && kept < 2_000);
    // The lamp is recorded after all, as the topic retains it; the door that was open is not.
    let skipped = 2_000 - kept + 1;
    assert!(gap.event.detail.contains(&format!("{skipped} messages")), "{}", gap.event.detail);
    assert!(gap.event.detail.contains("to 2026-01-01T00:50:00Z"), "{}", gap.event.detail);
    let gaps = store.gaps(Some(at(60.0)), None).unwrap();
    assert_eq!((gaps.len(), gaps[0].messages, &gaps[0].reason[..]), (1, skipped, "nothing could be written"));
    assert!(store.gaps(None, Some(at(-60.0))).unwrap().is_empty());
    assert_eq!(events.len(), 3, "so is the pause, and the other event");
    assert_eq!(store.count_of_topic("loud").unwrap(), 1);
    assert_eq!(store.count_of_topic("after").unwrap(), 1);
    assert_eq!(store.count_of_topic("door").unwrap(), 1);
    drop(store);

    let mut retained: Vec<Message> =
        open(directory.path()).kept.retained.iter().map(|message| Message::clone(message)).collect();
    retained.sort_by(|one, other| one.topic.cmp(&other.topic));
    let values: Vec<_> = retained.iter().map(|message| (&message.topic[..], &message.payload[..])).collect();
    assert_eq!(values, [("door", &b"closed"[..]), ("lamp", &b"on"[..])], "the retained set has no gap");
}

#[test]
fn closing_while_paused_tells_what_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let store = full(directory.path(), 1 << 20);
    append(&store, [record(message("a", &"x".repeat(100_000)))]);
    wait_for(&store, |progress| progress.paused.is_some());
    append(&store, [record(message("a", "2")), record(message("a", "3"))]);
    assert_eq!(store.close(), Err(crate::Unkept { records: 3 }));
    drop(store);
    assert_eq!(open(directory.path()).store.statistics().messages, 1);
}

#[test]
fn the_topic_tree_goes_on_while_the_journal_is_paused() {
    let directory = tempfile::tempdir().unwrap();
    let store = full(directory.path(), 10_000);
    append(&store, [record(message("t", &"x".repeat(9_000)))]);
    wait_for(&store, |progress| progress.paused.is_some());
    for _ in 0..200 {
        append(&store, [record(quiet("t", "y"))]);
    }
    let deadline = std::time::Instant::now() + DEADLINE;
    while store.topics().topic("t").is_none_or(|topic| topic.messages < 201) {
        assert!(std::time::Instant::now() < deadline, "{:?}", store.topics().topic("t"));
        std::thread::yield_now();
    }
    make_room(&store);
    wait_for(&store, |progress| progress.paused.is_none());
    keep(&store, [record(message("t", "z"))]);
    keep(&store, [record(message("end", ""))]);
    assert_eq!(store.topics().topic("t").unwrap().messages, 202, "nothing is shown twice");
    assert!(store.count_of_topic("t").unwrap() < 202, "some were skipped");
}
