//! How fast the journal takes messages, and what reading costs beside it: `cargo run --release --example ingest -- [DIR]
//! [MILLIONS] [TOPICS]`. The first line is a plain SQLite table with the same rows in the same run, as the measure.

#![allow(clippy::print_stdout, reason = "what it measures is its output")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, Journal, Message, Record, Timestamp};
use nightjar_mqtt::{QoS, TopicFilter, TopicName};
use nightjar_store::{Durability, Keeping, Options, Search, Store, TopicSort, TopicTreeQuery};

/// Records that are appended at once, as one read of a busy connection gives.
const APPENDED: usize = 64;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map_or_else(|| std::env::temp_dir().join("nightjar-ingest"), PathBuf::from);
    let millions: f64 = arguments.next().map_or(1.0, |text| text.parse().expect("a number of millions"));
    let count = (millions * 1e6) as usize;
    let different: usize = arguments.next().map_or(10_000, |text| text.parse().expect("a number of topics"));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("the directory can be made");

    let topics: Vec<TopicName> = (0..different)
        .map(|number| {
            format!("factory/line-{}/machine-{}/sensor-{}/value", number % 10, number / 10 % 100, number / 1_000)
        })
        .map(|name| TopicName::new(name).expect("a valid name"))
        .collect();

    let plain = plain_table(&directory.join("plain.db"), count);
    println!("plain table        {plain:>9.0} rows per CPU second");
    for durability in [Durability::Crash, Durability::PowerLoss] {
        let directory = directory.join(durability.name());
        let options = Options { keeping: Keeping::everything(), ..Options::new(&directory) };
        let store = Store::open(&options.durability(durability)).expect("it opens").store;
        let rate = ingest(&store, &topics, count);
        println!("{:<18} {rate:>9.0} rows per CPU second, {:.2} of the plain table", durability.name(), rate / plain);
        latency(&store, &topics);
        if durability == Durability::Crash {
            read(&store);
        }
        let closing = Instant::now();
        drop(store);
        println!("  close            {:>9.1} ms", millis(closing));
    }
    let opening = Instant::now();
    let options = Options { keeping: Keeping::everything(), ..Options::new(directory.join("crash")) };
    let store = Store::open(&options).expect("it opens").store;
    println!("  open             {:>9.1} ms", millis(opening));
    store.wait_for_topics();
    println!("  topics are known {:>9.1} ms", millis(opening));
}

/// A table with the same columns, in transactions of 10,000 rows, on this thread.
fn plain_table(file: &Path, count: usize) -> f64 {
    let mut connection = rusqlite::Connection::open(file).expect("it opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE message (id INTEGER PRIMARY KEY, time_us, topic_id, client_id, qos, retain, matched, properties,
                                   payload)",
        )
        .expect("it is made");
    let before = cpu_seconds();
    let mut id = 0_i64;
    while (id as usize) < count {
        let transaction = connection.transaction().expect("it begins");
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, 1, 0, 0, 1, NULL, ?4)")
                .expect("it is prepared");
            for _ in 0..10_000 {
                id += 1;
                insert.execute((id, 1_767_225_600_000_000 + id, id % 10_000, &[b'x'; 64][..])).expect("it is inserted");
            }
        }
        transaction.commit().expect("it is committed");
    }
    id as f64 / (cpu_seconds() - before)
}

fn ingest(store: &Store, topics: &[TopicName], count: usize) -> f64 {
    let publisher = ClientIdentifier::new("load");
    let started = Instant::now();
    let before = cpu_seconds();
    let mut appending = Duration::ZERO;
    let mut records = Vec::with_capacity(APPENDED);
    let mut number = 0;
    let mut last = Default::default();
    let mut mark = (0, before);
    let mut marks = [count / 100, count / 10, count / 2, count - count / 10, usize::MAX].into_iter();
    let mut next = marks.next().unwrap_or(usize::MAX);
    while number < count {
        for _ in 0..APPENDED {
            let topic = topics[number * 7_919 % topics.len()].clone();
            number += 1;
            records.push(Record::Message {
                message: Arc::new(Message {
                    topic,
                    payload: Bytes::from_static(&[b'x'; 64]),
                    qos: QoS::AtMostOnce,
                    retain: false,
                    properties: None,
                    publisher: publisher.clone(),
                    received: Timestamp::from_micros(1_767_225_600_000_000 + number as i64),
                }),
                matched: 1,
            });
        }
        let append = Instant::now();
        last = store.append(&mut records);
        appending += append.elapsed();
        while store.is_behind() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if number >= next {
            wait(store, last);
            mark = tell(mark, number);
            next = marks.next().unwrap_or(usize::MAX);
        }
    }
    wait(store, last);
    tell(mark, number);
    println!("  wall clock       {:>9.0} rows per second", number as f64 / started.elapsed().as_secs_f64());
    println!("  append           {:>9.0} ns per row", appending.as_nanos() as f64 / number as f64);
    let writing = thread_seconds("journal") + thread_seconds("checkpoints");
    println!("  writer alone     {:>9.0} rows per CPU second", number as f64 / writing);
    number as f64 / (cpu_seconds() - before)
}

/// Says what the rows since the last mark cost: the rate should not fall as the file grows.
fn tell(mark: (usize, f64), number: usize) -> (usize, f64) {
    let now = cpu_seconds();
    let rate = (number - mark.0) as f64 / (now - mark.1);
    println!("  to row {number:>10} {rate:>10.0} rows per CPU second, {} MiB resident", resident() >> 20);
    (number, now)
}

/// How long one publisher waits for each acknowledgement, while 20,000 messages a second of others come in.
fn latency(store: &Store, topics: &[TopicName]) {
    let message = |topic: &TopicName, qos| Record::Message {
        message: Arc::new(Message {
            topic: topic.clone(),
            payload: Bytes::from_static(b"21.5"),
            qos,
            retain: false,
            properties: None,
            publisher: ClientIdentifier::new("one"),
            received: Timestamp::from_micros(1_767_225_700_000_000),
        }),
        matched: 1,
    };
    let mut waits = Vec::new();
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        store.append(
            &mut (0..100).map(|number| message(&topics[number * 97 % topics.len()], QoS::AtMostOnce)).collect(),
        );
        let appended = Instant::now();
        let last = store.append(&mut vec![message(&topics[0], QoS::AtLeastOnce)]);
        wait(store, last);
        waits.push(appended.elapsed());
        std::thread::sleep(Duration::from_millis(5).saturating_sub(appended.elapsed()));
    }
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "  acknowledgements {:>9.2} ms half of them, {:.2} ms 99 of 100, {:.2} ms all",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn read(store: &Store) {
    let searches = [
        ("everything", "", ""),
        ("one topic", "factory/line-3/machine-7/sensor-3/value", ""),
        ("some topics", "factory/line-3/+/sensor-3/#", ""),
        ("most topics", "factory/+/+/+/value", "yy"),
        ("rare text", "", "21.5"),
        ("absent text", "", "no such text"),
    ];
    for (name, filter, text) in searches {
        let search = Search {
            filter: (!filter.is_empty()).then(|| TopicFilter::new(filter).expect("a valid filter")),
            text: text.to_owned(),
            ..Search::default()
        };
        let started = Instant::now();
        let handle = store.search(search).expect("it starts");
        while handle.progress().found == 0 && !handle.progress().done {
            std::thread::sleep(Duration::from_micros(200));
        }
        let rows = handle.rows(0, 100, 160).expect("it reads").len();
        let first = millis(started);
        handle.wait(Duration::from_secs(600));
        let all = millis(started);
        let found = handle.progress().found;
        let page = Instant::now();
        let middle = handle.rows(found / 2, 100, 160).expect("it reads").len();
        println!(
            "  {name:<16} {first:>9.1} ms to the first {rows} rows, {all:.1} ms to all {found}; {:.2} ms for {middle} from the middle",
            millis(page)
        );
    }
    let expanded = (0..10)
        .flat_map(|line| (0..100).map(move |machine| format!("factory/line-{line}/machine-{machine}")))
        .chain((0..10).map(|line| format!("factory/line-{line}")))
        .chain(["factory".to_owned()])
        .collect();
    let now = Timestamp::from_micros(1_767_225_700_000_000);
    for (name, filter, sort) in [
        ("tree", "", TopicSort::Name),
        ("tree by rate", "", TopicSort::Rate),
        ("tree, filtered", "sensor-3", TopicSort::Name),
    ] {
        let query = TopicTreeQuery { expanded: &expanded, filter, sort, first: 500, count: 50 };
        let started = Instant::now();
        let rows = store.topics().rows(query, now);
        let first = millis(started);
        let again = Instant::now();
        store.topics().rows(query, now);
        println!("  {name:<16} {first:>9.2} ms for 50 of {} rows, {:.2} ms again", rows.total, millis(again));
    }
}

fn wait(store: &Store, last: nightjar_broker::Sequence) {
    let mut progress = store.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(progress.wait_for(|progress| progress.committed >= last)).expect("the journal is open");
}

/// User and system time of the whole process.
fn cpu_seconds() -> f64 {
    seconds_in(&std::fs::read_to_string("/proc/self/stat").expect("there is a /proc"))
}

/// The same of the threads with that name.
fn thread_seconds(name: &str) -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("there is a /proc");
    let threads = threads.filter_map(|thread| Some(thread.ok()?.path()));
    threads
        .filter(|thread| std::fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.trim() == name))
        .filter_map(|thread| std::fs::read_to_string(thread.join("stat")).ok())
        .map(|stat| seconds_in(&stat))
        .sum()
}

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("there is a /proc");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

fn seconds_in(stat: &str) -> f64 {
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap_or(0.0)).sum();
    ticks / 100.0
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
