//! A disk that fails: at each moment of opening, writing, pruning and closing. Nothing panics, nothing that was committed
//! is lost, what is wrong can be seen, and the journal goes on by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nightjar_faults::{Disk, Failure, Operation};
use nightjar_mqtt::TopicFilter;

use super::migrating::version_1;
use super::sessions::{SESSION, opened, orders, waiting};
use super::*;
use crate::{Archive, Keep, KeepingRule};

/// Batches of the work, and messages of each.
const BATCHES: u64 = 12;
const BATCH: u64 = 5;
/// Moments at which each kind of failure strikes.
const MOMENTS: u64 = 16;
/// Tests that wait for the same disk wait at the same time.
const THREADS: usize = 8;

const FAILURES: [(Operation, Failure); 4] = [
    (Operation::Read, Failure::Io),
    (Operation::Write, Failure::Io),
    (Operation::Write, Failure::Full),
    (Operation::Sync, Failure::Io),
];

/// A disk with a journal that has a session in it, and other things that keeping rules let go of.
fn begin() -> (tempfile::TempDir, Disk) {
    nightjar_faults::install();
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::below(directory.path());
    let store = open(directory.path()).store;
    keep(&store, [opened(None)]);
    let payload = "x".repeat(2_000);
    keep(&store, (0..100).map(|_| record(message("old", &payload))));
    store.close().unwrap();
    (directory, disk)
}

/// Commits batches, has the rules let go of what is old, and closes. Returns whether a pause could be seen.
fn work(store: &Store) -> bool {
    let was_paused = AtomicBool::new(false);
    for batch in 0..BATCHES {
        let mut records = waiting(batch * BATCH..(batch + 1) * BATCH);
        records.push(record(retained("last", &batch.to_string())));
        let last = append(store, records);
        wait_for(store, |progress| {
            was_paused.fetch_or(progress.paused.is_some(), Ordering::Relaxed);
            progress.committed >= last
        });
        if batch == BATCHES / 2 {
            let filter = TopicFilter::new("old").unwrap();
            let rules = vec![KeepingRule { filter, keep: Keep::Nothing }];
            store.set_keeping(Keeping { rules, ..Keeping::everything() });
            store.keep_to_rules();
            // Whatever may have come in between, the rest is done at the next look.
            let _ = store.count_of_topic("t");
        }
    }
    // The last checkpoint may fail; all is in the log then.
    store.close().unwrap();
    was_paused.into_inner()
}

/// That everything is there that was committed.
fn check(directory: &Path, what: &str) {
    let opened = open(directory);
    assert_eq!(opened.set_aside, None, "{what}: an error of the disk is no damage of the file");
    let store = opened.store;
    let expected: Vec<u64> = (0..BATCHES * BATCH).collect();
    let filter = Some(TopicFilter::new("t").unwrap());
    let mut kept: Vec<u64> =
        found(&store, Search { filter, ..Search::default() }).iter().map(|payload| payload.parse().unwrap()).collect();
    kept.reverse();
    assert_eq!(kept, expected, "{what}: the history has each message once, in order");
    assert_eq!(orders(&store, 0, u64::MAX >> 1, 1_000).0, expected, "{what}: so has the queue");
    assert_eq!(opened.kept.sessions.iter().map(|session| session.number).collect::<Vec<_>>(), [SESSION], "{what}");
    let last: Vec<_> = opened.kept.retained.iter().map(|message| message.payload.clone()).collect();
    assert_eq!(last, [(BATCHES - 1).to_string()], "{what}");
    store.close().unwrap();
    assert_eq!(Archive::open(directory).unwrap().check(|_| true).unwrap(), [""; 0], "{what}");
}

/// Runs a test of each kind of failure at moments that are spread over as many operations as `rehearse` says there are.
fn at_all_moments(rehearse: impl FnOnce() -> [u64; 3], test: impl Fn(Operation, Failure, u64) + Sync) {
    let counts = rehearse();
    let moments: Vec<_> = FAILURES
        .into_iter()
        .flat_map(|(operation, with)| {
            let operations = counts[operation as usize];
            (0..MOMENTS).map(move |moment| (operation, with, moment * operations / MOMENTS))
        })
        .collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(&(operation, with, moment)) = moments.get(next.fetch_add(1, Ordering::Relaxed)) {
                    test(operation, with, moment);
                }
            });
        }
    });
}

#[test]
fn whatever_fails_while_working_nothing_committed_is_lost() {
    let pauses = AtomicUsize::new(0);
    at_all_moments(
        || {
            let (directory, disk) = begin();
            let store = open(directory.path()).store;
            let before = disk.counts();
            assert!(!work(&store));
            let counts = disk.since(before);
            check(directory.path(), "nothing fails");
            counts
        },
        |operation, with, moment| {
            let (directory, disk) = begin();
            let what = format!("{operation:?} {with:?} after {moment}");
            let store = open(directory.path()).store;
            disk.fail(operation, with, moment, 1 + moment % 2);
            let was_paused = work(&store);
            drop(store);
            if was_paused {
                pauses.fetch_add(1, Ordering::Relaxed);
                assert!(disk.failed() > 0, "{what}");
            }
            disk.heal();
            check(directory.path(), &what);
            if was_paused {
                let events = open(directory.path()).store.events(10).unwrap();
                assert!(events.iter().any(|stored| stored.event.detail.contains("journal was paused")), "{what}");
            }
        },
    );
    assert!(pauses.into_inner() as u64 > MOMENTS, "the disk failed under the writer");
}

#[test]
fn whatever_fails_while_opening_the_file_stays_and_opens_later() {
    at_all_moments(
        || {
            let (directory, disk) = begin();
            work(&open(directory.path()).store);
            let before = disk.counts();
            drop(open(directory.path()));
            disk.since(before)
        },
        |operation, with, moment| {
            let (directory, disk) = begin();
            work(&open(directory.path()).store);
            let what = format!("{operation:?} {with:?} at {moment}");
            disk.fail(operation, with, moment, 1);
            match Store::open(&options(directory.path())) {
                Ok(opened) => {
                    assert_eq!(opened.set_aside, None, "{what}: an error of the disk is no damage of the file");
                    drop(opened);
                }
                Err(error) => assert!(error.to_string().contains("disk"), "{what}: {error}"),
            }
            disk.heal();
            check(directory.path(), &what);
        },
    );
}

#[test]
fn whatever_fails_while_migrating_the_older_file_stays_and_opens_later() {
    const MESSAGES: i64 = 1_000;
    nightjar_faults::install();
    at_all_moments(
        || {
            let directory = tempfile::tempdir().unwrap();
            version_1(directory.path(), MESSAGES);
            let disk = Disk::below(directory.path());
            drop(open(directory.path()));
            disk.counts()
        },
        |operation, with, moment| {
            let directory = tempfile::tempdir().unwrap();
            version_1(directory.path(), MESSAGES);
            let what = format!("{operation:?} {with:?} at {moment}");
            let disk = Disk::below(directory.path());
            disk.fail(operation, with, moment, 2);
            match Store::open(&options(directory.path())) {
                Ok(opened) => assert_eq!(opened.set_aside, None, "{what}"),
                Err(error) => assert!(error.to_string().contains("disk"), "{what}: {error}"),
            }
            disk.heal();
            let opened = open(directory.path());
            assert_eq!(opened.set_aside, None, "{what}");
            assert_eq!(opened.store.statistics().messages, MESSAGES as u64, "{what}");
            let found = finished(&opened.store, Search::default()).ids();
            assert_eq!(found, (1..=MESSAGES).rev().collect::<Vec<_>>(), "{what}");
            drop(opened);
            assert_eq!(Archive::open(directory.path()).unwrap().check(|_| true).unwrap(), [""; 0], "{what}");
        },
    );
}
