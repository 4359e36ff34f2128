use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use nightjar_broker::RetainSource;

use super::*;
use crate::queue::{Queue, weight};

#[test]
fn progress_passes_each_record_in_order() {
    for (_directory, store) in both() {
        let mut last = Sequence(0);
        for round in 1..=20_u64 {
            let sequence = append(&store, (0..round).map(|number| record(message("a", &number.to_string()))));
            assert_eq!(sequence.0, last.0 + round);
            last = sequence;
        }
        let progress = wait_for(&store, |progress| progress.committed >= last);
        assert_eq!(progress, Progress { committed: last, paused: None });
        assert_eq!(store.statistics().messages, 210);
    }
}

#[test]
fn what_nobody_waits_for_is_committed_within_100_ms() {
    let store = in_memory();
    let quiet = || record(Message { qos: QoS::AtMostOnce, ..message("a", "1") });
    let happens = || event(EventKind::Broker, None, "started");
    for make in [&quiet as &dyn Fn() -> Record, &happens] {
        // A machine that has other things to do may be late, but not each time.
        let fastest = (0..50)
            .map(|_| {
                let appended = Instant::now();
                keep(&store, [make()]);
                appended.elapsed()
            })
            .find(|&elapsed| elapsed < Duration::from_millis(100));
        assert!(fastest.is_some());
    }
}

#[test]
fn many_appenders_share_commits() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    std::thread::scope(|scope| {
        for client in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..250 {
                    keep(store, [record(message(&format!("client/{client}"), &number.to_string()))]);
                }
            });
        }
    });
    assert_eq!(store.statistics().messages, 1_000);
    for client in 0..4 {
        let messages = store.messages_of_topic(&format!("client/{client}"), None, 1_000, 10).unwrap();
        let order: Vec<_> = messages.rows.iter().rev().map(|row| row.payload.clone()).collect();
        let expected: Vec<_> = (0..250).map(|number| Bytes::from(number.to_string())).collect();
        assert_eq!(order, expected, "each client's messages keep their order");
    }
}

#[test]
fn a_backlog_larger_than_a_batch_is_committed_whole() {
    let store = in_memory();
    keep(&store, (0..40_000).map(|number| record(message(&format!("t/{}", number % 7), "x"))));
    assert_eq!(store.statistics().messages, 40_000);
    assert_eq!(store.count_of_topic("t/0").unwrap(), 5_715);
}

#[test]
fn a_full_queue_is_behind_until_it_is_written() {
    let queue = Queue::new(10_000, crate::OnOverload::default());
    let quiet = || record(Message { qos: QoS::AtMostOnce, ..message("a", "x") });
    assert!(!queue.is_behind());
    queue.append(&mut (0..200).map(|_| quiet()).collect());
    assert!(queue.is_behind());
    queue.set_paused(true);
    assert!(!queue.is_behind(), "nobody waits for a disk that takes nothing");
    queue.set_paused(false);
    let taken = queue.take(Vec::new(), Instant::now());
    assert_eq!((taken.records.len(), taken.last), (200, Sequence(200)));
    assert!(queue.is_behind(), "what was taken is not written yet");
    queue.release(taken.records.len(), taken.records.iter().map(weight).sum());
    assert!(!queue.is_behind());
    assert_eq!(queue.backlog(), 0);
}

#[test]
fn as_whom_something_was_retained_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let sources =
        [("account", Some(RetainSource::Account("tv".into()))), ("guest", Some(RetainSource::Guest)), ("owner", None)];
    let store = open(directory.path()).store;
    for (topic, source) in &sources {
        keep(&store, [record(Message { source: source.clone(), ..retained(topic, "x") })]);
    }
    drop(store);
    let kept = open(directory.path()).kept.retained;
    for (topic, source) in sources {
        let message = kept.iter().find(|message| &*message.topic == topic).unwrap();
        assert_eq!(message.source, source, "{topic}");
    }
}

#[test]
fn a_history_in_memory_forgets_the_oldest_but_not_what_is_retained() {
    let options = Options { memory_limit: 2 << 20, ..options("/nowhere").durability(Durability::None) };
    let store = Store::open(&options).unwrap().store;
    keep(&store, [record(retained("kept", "first"))]);
    let payload = "x".repeat(200);
    for _ in 0..20 {
        keep(&store, (0..2_000).map(|_| record(message("a", &payload))));
    }
    // The last of a batch is committed before there is room made for it.
    keep(&store, [record(message("b", "last"))]);
    let statistics = store.statistics();
    assert!(statistics.bytes <= 2 << 20, "{statistics:?}");
    assert!(statistics.messages > 1_000 && statistics.messages < 20_000, "{statistics:?}");
    let search = finished(&store, Search::default());
    assert_eq!(search.progress().found, statistics.messages);
    assert_eq!(store.count_of_topic("kept").unwrap(), 0);
    let held = store.retained_ids(["kept"]).unwrap()[0].expect("the topic retains its message");
    assert_eq!(&store.message(held, 10).unwrap().unwrap().payload[..], b"first");
    let rows = search.rows(0, usize::MAX, 10).unwrap();
    assert_eq!(rows.len() as u64, statistics.messages, "positions have no holes");
    assert_eq!(&rows[0].payload[..], b"last");
}

/// What was committed is there after `kill -9`. This test is also the process that is killed: it appends, and prints
/// the number of each message that was committed.
#[test]
fn what_was_committed_survives_a_kill() {
    const DIRECTORY: &str = "NIGHTJAR_STORE_CRASH";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let store = open(Path::new(&directory)).store;
        for number in 0_u64.. {
            keep(
                &store,
                [
                    record(message(&format!("t/{}", number % 10), &number.to_string())),
                    record(retained("last", &number.to_string())),
                ],
            );
            println!("committed {number}");
        }
    }
    for durability in ["kill early", "kill later"] {
        let directory = tempfile::tempdir().unwrap();
        let mut committed: Option<u64> = None;
        for _ in 0..3 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["tests::durability::what_was_committed_survives_a_kill", "--exact", "--nocapture"])
                .env(DIRECTORY, directory.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let enough = if durability == "kill early" { 1 } else { 200 };
            let mut seen = 0;
            let mut last = None;
            for line in BufReader::new(child.stdout.take().unwrap()).lines() {
                let line = line.unwrap();
                let Some((_, number)) = line.split_once("committed ") else {
                    continue;
                };
                last = Some(number.parse().unwrap());
                seen += 1;
                if seen == enough {
                    child.kill().unwrap();
                }
            }
            child.wait().unwrap();
            assert!(seen >= enough);
            committed = last;

            let opened = open(directory.path());
            assert_eq!(opened.set_aside, None);
            let committed = committed.unwrap();
            let last: u64 = std::str::from_utf8(&opened.kept.retained[0].payload).unwrap().parse().unwrap();
            // One more may have been committed, and not told any more.
            assert!(last >= committed && last <= committed + 1, "retained {last}, committed {committed}");
            let newest_run: Vec<u64> = found(&opened.store, Search::default())
                .into_iter()
                .step_by(2)
                .map(|payload| payload.parse().unwrap())
                .take(committed as usize + 1)
                .collect();
            let expected: Vec<u64> = (0..=last).rev().take(committed as usize + 1).collect();
            assert_eq!(newest_run, expected, "nothing that was committed is missing");
            let counted: u64 = (0..10).map(|topic| opened.store.count_of_topic(&format!("t/{topic}")).unwrap()).sum();
            let last_count = opened.store.count_of_topic("last").unwrap();
            assert_eq!(counted, last_count, "records that are appended together are committed together");
            assert_eq!(opened.store.statistics().messages, counted + last_count, "counts are taken up again");
        }
        assert!(committed.is_some());
    }
}
