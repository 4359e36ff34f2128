//! Messages from the broker to the database: `cargo bench --package nightjar-store`. `examples/ingest.rs` measures the
//! same over millions, on a disk, and beside SQLite alone.

use std::sync::Arc;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use nightjar_broker::{ClientIdentifier, Journal, Message, Record, Timestamp};
use nightjar_mqtt::{QoS, TopicName};
use nightjar_store::{Durability, Keeping, Options, Store};

/// Messages that are appended at once, as one read of a busy connection gives.
const APPENDED: usize = 64;
/// Appends before the writer is waited for.
const APPENDS: usize = 64;

fn main() {
    divan::main();
}

/// Messages that are appended and committed, in memory.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn append_and_commit(bencher: Bencher<'_, '_>) {
    let options = Options { keeping: Keeping::everything(), ..Options::new("") };
    let store = Store::open(&options.durability(Durability::None)).expect("it opens").store;
    let topics: Vec<_> = (0..1_000)
        .map(|number| TopicName::new(format!("line-{}/machine-{number}/value", number % 10)).expect("a valid name"))
        .collect();
    let publisher = ClientIdentifier::new("publisher");
    let mut count = 0;
    let mut records = move || -> Vec<Record> {
        (0..APPENDED)
            .map(|_| {
                count += 1;
                let message = Message {
                    topic: topics[count % topics.len()].clone(),
                    payload: Bytes::from_static(&[b'7'; 64]),
                    qos: QoS::AtLeastOnce,
                    retain: false,
                    properties: None,
                    publisher: publisher.clone(),
                    source: None,
                    received: Timestamp::from_micros(1_700_000_000_000_000 + count as i64),
                };
                Record::Message { message: Arc::new(message), matched: 0 }
            })
            .collect()
    };
    let progress = store.progress();
    bencher
        .counter(ItemsCount::new(APPENDED * APPENDS))
        .with_inputs(|| (0..APPENDS).map(|_| records()).collect::<Vec<_>>())
        .bench_local_values(|appends| {
            let mut last = None;
            for mut records in appends {
                last = Some(store.append(&mut records));
            }
            while last.is_some_and(|last| progress.borrow().committed < last) {
                std::thread::yield_now();
            }
        });
}
