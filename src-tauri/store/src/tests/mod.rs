//! The journal through its public methods.

mod accounts;
mod bad_input;
mod bans;
mod care;
mod durability;
mod faults;
mod history;
mod keeping;
mod migrating;
mod opening;
mod pause;
mod rules;
mod searching;
mod segments;
mod sessions;
mod time_travel;
mod tree;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, Event, EventKind, Journal, Message, Progress, Record, Sequence, Timestamp};
use nightjar_mqtt::{QoS, TopicName};

use crate::{Durability, Keeping, Opened, Options, Search, SearchHandle, Store};

/// Long enough for the slowest machine; nothing waits for it to pass.
const DEADLINE: Duration = Duration::from_secs(30);

/// 2026-01-01T00:00:00Z, plus that many seconds.
fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000 + (seconds * 1e6) as i64)
}

fn message(topic: &str, payload: &str) -> Message {
    Message {
        topic: TopicName::new(topic.to_owned()).unwrap(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: None,
        publisher: ClientIdentifier::new("sensor"),
        source: None,
        received: at(0.0),
    }
}

fn retained(topic: &str, payload: &str) -> Message {
    Message { retain: true, ..message(topic, payload) }
}

fn event(kind: EventKind, client: Option<&str>, detail: &str) -> Record {
    Record::Event(Event { time: at(0.0), client: client.map(ClientIdentifier::new), kind, detail: detail.to_owned() })
}

fn record(message: Message) -> Record {
    Record::Message { message: Arc::new(message), matched: 1 }
}

/// Their times are long past, and nothing is to be deleted for it.
fn options(directory: impl Into<std::path::PathBuf>) -> Options {
    Options { keeping: Keeping::everything(), ..Options::new(directory) }
}

fn open(directory: &Path) -> Opened {
    Store::open(&options(directory)).unwrap()
}

fn in_memory() -> Arc<Store> {
    Store::open(&options("/nowhere/at/all").durability(Durability::None)).unwrap().store
}

/// A store on the disk with its directory, and one in memory.
fn both() -> [(Option<tempfile::TempDir>, Arc<Store>); 2] {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    [(Some(directory), store), (None, in_memory())]
}

/// Waits until the progress is as wanted.
fn wait_for(store: &Store, wanted: impl FnMut(&Progress) -> bool) -> Progress {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut progress = store.progress();
    runtime.block_on(async {
        tokio::time::timeout(DEADLINE, progress.wait_for(wanted))
            .await
            .expect("the journal gets there before the deadline")
            .unwrap()
            .clone()
    })
}

fn append(store: &Store, records: impl IntoIterator<Item = Record>) -> Sequence {
    store.append(&mut records.into_iter().collect())
}

/// Appends the records, and waits until they are committed.
fn keep(store: &Store, records: impl IntoIterator<Item = Record>) {
    let last = append(store, records);
    wait_for(store, |progress| progress.committed >= last);
}

fn finished(store: &Store, search: Search) -> SearchHandle {
    let handle = store.search(search).unwrap();
    assert!(handle.wait(DEADLINE), "the search ends");
    assert_eq!(handle.progress().failed, None);
    handle
}

/// The payloads of all that a search finds.
fn found(store: &Store, search: Search) -> Vec<String> {
    let handle = finished(store, search);
    let rows = handle.rows(0, usize::MAX, usize::MAX).unwrap();
    assert_eq!(rows.len() as u64, handle.progress().found);
    rows.into_iter().map(|row| String::from_utf8(row.payload.to_vec()).unwrap()).collect()
}
