//! Files and messages that are not as one would like them.

use nightjar_mqtt::TopicFilter;

use super::*;
use crate::postings::SEGMENT;
use crate::{Archive, Keep, MessageId, moment};

/// What a power cut leaves of the log: its beginning, then nothing or nonsense.
#[test]
fn a_truncated_log_costs_its_end_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    for number in 0..40 {
        keep(&store, (0..10).map(|_| record(message(&format!("t/{}", number % 4), &number.to_string()))));
        keep(&store, [record(retained("last", &number.to_string()))]);
    }
    let database = std::fs::read(directory.path().join("nightjar.db")).unwrap();
    let log = std::fs::read(directory.path().join("nightjar.db-wal")).unwrap();
    assert!(log.len() > 100_000, "all of it is in the log: {}", log.len());
    let mut fewest = u64::MAX;
    for (length, nonsense) in [(log.len(), 0), (log.len() / 2 + 77, 0), (log.len() / 2, 5_000), (log.len() - 1, 0)] {
        let copy = tempfile::tempdir().unwrap();
        let mut log = log[..length].to_vec();
        log.resize(length + nonsense, 0xa5);
        std::fs::write(copy.path().join("nightjar.db"), &database).unwrap();
        std::fs::write(copy.path().join("nightjar.db-wal"), &log).unwrap();
        let opened = open(copy.path());
        assert_eq!(opened.set_aside, None, "{length}");
        let messages = opened.store.statistics().messages;
        assert_eq!(finished(&opened.store, Search::default()).progress().found, messages);
        let last: u64 = std::str::from_utf8(&opened.kept.retained[0].payload).unwrap().parse().unwrap();
        assert!(messages == 11 * (last + 1) || messages == 11 * (last + 1) + 10, "whole batches: {messages}, {last}");
        fewest = fewest.min(messages);
        keep(&opened.store, [record(message("after", "x"))]);
        opened.store.close().unwrap();
        assert_eq!(Archive::open(copy.path()).unwrap().check(|_| true).unwrap(), [""; 0], "{length}");
    }
    assert!(fewest < 300, "a part was cut off: {fewest}");
}

#[test]
fn a_clock_that_is_set_back_loses_nothing() {
    let store = in_memory();
    let hour = 3_600_000_000;
    let now = moment::now().micros();
    let at_time = |micros| Message { received: Timestamp::from_micros(micros), ..message("t", "x") };
    keep(&store, (0..SEGMENT).map(|number| record(at_time(now + number))));
    keep(&store, (0..SEGMENT).map(|number| record(at_time(now - hour + number))));
    let before = Search { to: Some(Timestamp::from_micros(now - 1)), ..Search::default() };
    let ids: Vec<i64> = (SEGMENT + 1..=2 * SEGMENT).rev().collect();
    assert_eq!(finished(&store, before).ids(), ids);
    // What is older than half an hour lies behind what is younger: it stays until that may go, too.
    store.set_keeping(Keeping { otherwise: Keep::for_age(Duration::from_secs(1_800)), ..Keeping::everything() });
    store.keep_to_rules();
    assert_eq!(store.statistics().messages as i64, 2 * SEGMENT);
}

#[test]
fn the_largest_payload_is_kept_and_the_smallest() {
    const LARGEST: usize = 268_435_455;
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let mut payload = vec![b'x'; LARGEST];
    payload[LARGEST - 6..].copy_from_slice(b"needle");
    keep(&store, [record(message("small", "")), record(Message { payload: payload.into(), ..message("large", "") })]);
    let large = store.message(MessageId(2), 160).unwrap().unwrap();
    assert_eq!((large.size, large.payload.len()), (LARGEST as u64, 160));
    assert_eq!(store.message(MessageId(1), 160).unwrap().unwrap().size, 0);
    let search = Search { text: "NEEDLE".to_owned(), ..Search::default() };
    assert_eq!(finished(&store, search).ids(), [2]);
    keep(&store, [record(message("after", "goes on"))]);
    assert_eq!(
        found(&store, Search { client: Some("sensor".to_owned()), text: "goes".to_owned(), ..Search::default() }).len(),
        1
    );
}

#[test]
fn the_longest_topic_is_found() {
    for (_directory, store) in both() {
        let longest = format!("{}/{}", "a/".repeat(50), "é".repeat(32_717));
        assert_eq!(longest.len(), 65_535);
        keep(&store, [record(message(&longest, "1")), record(message("b", "2"))]);
        for filter in [&*longest, "a/#"] {
            let filter = Some(TopicFilter::new(filter.to_owned()).unwrap());
            assert_eq!(found(&store, Search { filter, ..Search::default() }), ["1"]);
        }
        assert_eq!(store.messages_of_topic(&longest, None, 5, 5).unwrap().rows.len(), 1);
    }
}

/// A page in the midst of a file that is in use: neither the writer nor a reader ends by it, and the next start sets it aside.
#[test]
fn a_page_that_is_damaged_while_in_use_is_set_aside_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let payload = "x".repeat(1_000);
    keep(&store, (0..12_000).map(|number| record(message(&format!("t/{}", number % 50), &payload))));
    store.close().unwrap();
    drop(store);
    let store = open(directory.path()).store;
    let file = directory.path().join("nightjar.db");
    let length = std::fs::metadata(&file).unwrap().len();
    {
        use std::os::unix::fs::FileExt;
        let file = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
        for page in (length / 8_192..length / 4_096 - 8).step_by(7) {
            file.write_all_at(&[0xa5; 4_096], page * 4_096).unwrap();
        }
    }
    let handle = store.search(Search { text: "needle".to_owned(), ..Search::default() }).unwrap();
    assert!(handle.wait(DEADLINE), "the search ends");
    assert!(handle.progress().failed.is_some(), "it says that it could not read all");
    // Whether the writer meets the damage or not, it goes on or says why it can't.
    let last = append(&store, [record(message("after", "x"))]);
    wait_for(&store, |progress| progress.committed >= last || progress.paused.is_some());
    drop(store);
    let opened = open(directory.path());
    assert!(opened.set_aside.is_some(), "the damage was noted");
    keep(&opened.store, [record(message("new", "x"))]);
    drop(opened);
    assert_eq!(open(directory.path()).set_aside, None);
}

#[test]
fn what_nothing_or_everything_matches_is_found_so() {
    for (_directory, store) in both() {
        keep(&store, (0..300).map(|number| record(message(&format!("t/{number}"), &format!("{{\"n\": {number}}}")))));
        let filter = |filter: &str| Search { filter: Some(TopicFilter::new(filter).unwrap()), ..Search::default() };
        let json = |condition: &str| Search { json: Some(condition.parse().unwrap()), ..Search::default() };
        for everything in [Search::default(), filter("#"), filter("t/+"), json("$.n >= 0")] {
            assert_eq!(finished(&store, everything).progress().found, 300);
        }
        let until_long_ago = Search { to: Some(Timestamp::from_micros(0)), ..Search::default() };
        let from_the_future = Search { from: Some(at(1e9)), ..Search::default() };
        let nobody = Search { client: Some("nobody".to_owned()), ..Search::default() };
        let text = Search { text: "needle".to_owned(), ..Search::default() };
        for nothing in [filter("u/#"), json("$.m > 0"), json("$.n < 0"), until_long_ago, from_the_future, nobody, text]
        {
            let handle = finished(&store, nothing.clone());
            assert_eq!((handle.progress().found, handle.ids()), (0, Vec::new()), "{nothing:?}");
            assert!(handle.rows(0, 10, 10).unwrap().is_empty());
        }
    }
    for wrong in ["", "n > 1", "$.n >", "$.n ~ 1", "$[ > 1", "> 3"] {
        assert!(wrong.parse::<crate::JsonCondition>().is_err(), "{wrong:?}");
    }
}
