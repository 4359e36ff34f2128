//! How fast the journal takes messages, and what reading costs beside it: `cargo run --release --example ingest -- [DIR]
//! [MILLIONS] [TOPICS]`. The measure is a plain SQLite table with the same rows in the same run. It says more on standard
//! error; on standard output is a Markdown table for `make bench`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it measures is its output")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, Journal, Message, Record, Timestamp};
use nightjar_mqtt::{QoS, TopicFilter, TopicName};
use nightjar_store::{Durability, Keeping, Options, Search, Store, TopicSort, TopicTreeQuery};

/// Records that are appended at once, as one read of a busy connection gives.
const APPENDED: usize = 64;

/// Messages whose posting lists are written at once.
const SEGMENT: usize = 1 << 18;

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

    let mut table = Table::new(count);
    let [slow, plain] = [1_000, 10_000].map(|batch| {
        let rate = plain_table(&directory.join(format!("plain-{batch}.db")), count, batch);
        eprintln!("plain table        {rate:>9.0} rows per CPU second in batches of {batch}");
        table.rate(&format!("SQLite alone, batches of {batch}"), rate, None);
        rate
    });
    for durability in [Durability::Crash, Durability::PowerLoss] {
        let directory = directory.join(durability.name());
        let options = Options { keeping: Keeping::everything(), ..Options::new(&directory) };
        let store = Store::open(&options.durability(durability)).expect("it opens").store;
        let rates = ingest(&store, &topics, count);
        let rate = rates.all;
        table.rate(&format!("the journal, {}", durability.name()), rate, Some([slow, plain]));
        table.rate("… its writer alone", rates.writer, Some([slow, plain]));
        if let (Some(early), Some(late)) = (rates.early, rates.late) {
            table.rate("… from its row 100,000 on", early, None);
            table.row("… at its end", &format!("{late:.0} rows per CPU-s"), &format!("{:.2} of those", late / early));
        }
        eprintln!("{:<18} {rate:>9.0} rows per CPU second, {:.2} of the plain table", durability.name(), rate / plain);
        latency(&store, &topics);
        if durability == Durability::Crash {
            read(&store, &mut table);
        }
        let closing = Instant::now();
        drop(store);
        eprintln!("  close            {:>9.1} ms", millis(closing));
    }
    let opening = Instant::now();
    let options = Options { keeping: Keeping::everything(), ..Options::new(directory.join("crash")) };
    let store = Store::open(&options).expect("it opens").store;
    eprintln!("  open             {:>9.1} ms", millis(opening));
    store.wait_for_topics();
    eprintln!("  topics are known {:>9.1} ms", millis(opening));
    print!("{}", table.text);
}

/// The figures as Markdown.
struct Table {
    text: String,
}

impl Table {
    fn new(count: usize) -> Self {
        Self { text: format!("| the journal, {count} messages of 64 B | | |\n|---|--:|---|\n") }
    }

    fn row(&mut self, name: &str, figure: &str, remark: &str) {
        self.text += &format!("| {name} | {figure} | {remark} |\n");
    }

    /// Rows per CPU second, and their share of those of SQLite alone.
    fn rate(&mut self, name: &str, rate: f64, plain: Option<[f64; 2]>) {
        let remark = plain.map_or_else(String::new, |[slow, fast]| {
            format!("{:.2} of SQLite in batches of 1,000, {:.2} in batches of 10,000", rate / slow, rate / fast)
        });
        self.row(name, &format!("{rate:.0} rows per CPU-s"), &remark);
    }
}

/// A table with the same columns, in transactions of `batch` rows, on this thread.
fn plain_table(file: &Path, count: usize, batch: usize) -> f64 {
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
            for _ in 0..batch {
                id += 1;
                insert.execute((id, 1_767_225_600_000_000 + id, id % 10_000, &[b'x'; 64][..])).expect("it is inserted");
            }
        }
        transaction.commit().expect("it is committed");
    }
    id as f64 / (cpu_seconds() - before)
}

/// Rows per CPU second.
struct Rates {
    all: f64,
    /// From row 100,000 on, and of the last rows: as many of both, where there are enough.
    early: Option<f64>,
    late: Option<f64>,
    /// Of the CPU time of the writer and the checkpoints alone: without making the messages.
    writer: f64,
}

fn ingest(store: &Store, topics: &[TopicName], count: usize) -> Rates {
    let publisher = ClientIdentifier::new("load");
    let started = Instant::now();
    let before = cpu_seconds();
    let mut appending = Duration::ZERO;
    let mut records = Vec::with_capacity(APPENDED);
    let mut number = 0;
    let mut last = Default::default();
    let mut mark = (0, before);
    // As many rows as a segment has, so that one is sealed among them, from row 100,000 on and at the end.
    let is_long = count >= 1_000_000;
    let marks = if is_long { [100_000, 100_000 + SEGMENT, count / 2, count - SEGMENT] } else { [count; 4] };
    let mut rates = Vec::new();
    let mut marks = marks.into_iter().chain([usize::MAX]);
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
                    source: None,
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
            let rate;
            (mark, rate) = tell(mark, number);
            rates.push(rate);
            next = marks.next().unwrap_or(usize::MAX);
        }
    }
    wait(store, last);
    let (_, late) = tell(mark, number);
    eprintln!("  wall clock       {:>9.0} rows per second", number as f64 / started.elapsed().as_secs_f64());
    eprintln!("  append           {:>9.0} ns per row", appending.as_nanos() as f64 / number as f64);
    let writing = thread_seconds("journal") + thread_seconds("checkpoints");
    eprintln!("  writer alone     {:>9.0} rows per CPU second", number as f64 / writing);
    Rates {
        all: number as f64 / (cpu_seconds() - before),
        writer: number as f64 / writing,
        early: rates.get(1).copied().filter(|_| is_long),
        late: is_long.then_some(late),
    }
}

/// Says what the rows since the last mark cost: the rate should not fall as the file grows.
fn tell(mark: (usize, f64), number: usize) -> ((usize, f64), f64) {
    let now = cpu_seconds();
    let rate = (number - mark.0) as f64 / (now - mark.1);
    eprintln!("  to row {number:>10} {rate:>10.0} rows per CPU second, {} MiB resident", resident() >> 20);
    ((number, now), rate)
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
            source: None,
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
    eprintln!(
        "  acknowledgements {:>9.2} ms half of them, {:.2} ms 99 of 100, {:.2} ms all",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn read(store: &Store, table: &mut Table) {
    let searches = [
        ("everything", "", ""),
        ("one topic", "factory/line-3/machine-7/sensor-3/value", ""),
        ("some topics", "factory/line-3/+/sensor-3/#", ""),
        ("most topics", "factory/+/+/+/value", "yy"),
        ("common text", "", "21.5"),
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
        while handle.progress().scanned == 0.0 && !handle.progress().done {
            std::thread::sleep(Duration::from_micros(200));
        }
        let progress = millis(started);
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
        let page = millis(page);
        if matches!(name, "one topic" | "common text" | "absent text") {
            let remark = format!("{progress:.1} ms to the first progress, {all:.0} ms to all {found}");
            table.row(&format!("{name}: the first page"), &format!("{first:.1} ms"), &remark);
        }
        eprintln!(
            "  {name:<16} {first:>9.1} ms to the first {rows} rows, {all:.1} ms to all {found}; {page:.2} ms for {middle} from the middle"
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
        eprintln!("  {name:<16} {first:>9.2} ms for 50 of {} rows, {:.2} ms again", rows.total, millis(again));
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
