//! Which layout finds a topic's and a client's messages at the least cost to writing them: `cargo run --release --example
//! layouts -- [DIR] [ROWS] [ROUNDS] [crash|power-loss]`. SQLite alone, on one thread; each figure is the median of the
//! rounds, in rows per second of CPU time (checkpoints included), and in brackets its share of the plain table's in the
//! same round.

#![allow(clippy::print_stdout, reason = "what it measures is its output")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;

/// Messages that a segment of the posting lists sums up.
const SEGMENT: usize = 1 << 18;
const TOPICS: usize = 10_000;
const CLIENTS: usize = 200;
const PAYLOAD: [u8; 64] = [b'x'; 64];
const START_US: i64 = 1_767_225_600_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// The rows, and nothing to find them by.
    Plain,
    /// An index on (topic, id), row by row.
    RowIndex,
    /// A list a topic and segment, in the order of topics.
    ListsByTopic,
    /// The same in the order of segments: each segment's lists are appended in one pass.
    ListsBySegment,
    /// (segment, topic, id) and (segment, client, id) as rows, appended in one sorted pass a segment.
    SealedRanges,
}

const LAYOUTS: [(&str, Layout); 5] = [
    ("plain", Layout::Plain),
    ("row index", Layout::RowIndex),
    ("lists by topic", Layout::ListsByTopic),
    ("lists by segment", Layout::ListsBySegment),
    ("sealed ranges", Layout::SealedRanges),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map_or_else(|| std::env::temp_dir().join("nightjar-layouts"), PathBuf::from);
    let rows: usize = arguments.next().map_or(1_000_000, |text| text.parse().expect("a number of rows"));
    let rounds: usize = arguments.next().map_or(3, |text| text.parse().expect("a number of rounds"));
    let only = arguments.next();
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("the directory can be made");

    println!(
        "{rows} rows of 64 B, {TOPICS} topics, segments of {SEGMENT}, {rounds} rounds; thousand rows per CPU second"
    );
    println!("durability  topics  batch   {}", LAYOUTS.map(|(name, _)| format!("{name:<24}")).concat());
    for durability in ["crash", "power-loss"] {
        if only.as_deref().is_some_and(|only| only != durability) {
            continue;
        }
        for (name, skewed) in [("even", false), ("skewed", true)] {
            let topics = topics(rows, skewed);
            for batch in [1_000, 10_000] {
                let mut measured: [Vec<Measured>; LAYOUTS.len()] = Default::default();
                for _ in 0..rounds {
                    for (index, (_, layout)) in LAYOUTS.into_iter().enumerate() {
                        let file = directory.join("layout.db");
                        measured[index].push(measure(&file, layout, durability, &topics, batch));
                    }
                }
                let plain: Vec<f64> = measured[0].iter().map(|one| one.rate).collect();
                print!("{durability:<11} {name:<7} {batch:>6}  ");
                for one in &measured {
                    let rate = median(one.iter().map(|one| one.rate));
                    let share = median(one.iter().zip(&plain).map(|(one, plain)| one.rate / plain));
                    let bytes = one[0].bytes / rows as u64;
                    let page = median(one.iter().map(|one| one.page_us));
                    print!("{:<24}", format!("{:.0} ({share:.2}) {bytes} B {page:.0} µs", rate / 1e3));
                }
                println!();
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    rate: f64,
    bytes: u64,
    /// Finding the newest 100 messages of a topic in the middle, without reading them.
    page_us: f64,
}

fn measure(file: &Path, layout: Layout, durability: &str, topics: &[u32], batch: usize) -> Measured {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    let mut connection = Connection::open(file).expect("it opens");
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {}; PRAGMA wal_autocheckpoint = 4000;
             PRAGMA cache_size = -32000;
             CREATE TABLE message (id INTEGER PRIMARY KEY, time_us, topic_id, client_id, qos, retain, matched, properties,
                                   payload);
             {}",
            if durability == "crash" { "NORMAL" } else { "FULL" },
            match layout {
                Layout::Plain => "",
                Layout::RowIndex => "CREATE INDEX message_topic ON message (topic_id);",
                Layout::ListsByTopic =>
                    "CREATE TABLE posting (topic, segment, ids, PRIMARY KEY (topic, segment)) WITHOUT ROWID;
                     CREATE TABLE posting_client (topic, segment, ids, PRIMARY KEY (topic, segment)) WITHOUT ROWID;",
                Layout::ListsBySegment =>
                    "CREATE TABLE posting (topic, segment, ids, PRIMARY KEY (segment, topic)) WITHOUT ROWID;
                     CREATE TABLE posting_client (topic, segment, ids, PRIMARY KEY (segment, topic)) WITHOUT ROWID;",
                Layout::SealedRanges =>
                    "CREATE TABLE posting (topic, segment, id, PRIMARY KEY (segment, topic, id)) WITHOUT ROWID;
                     CREATE TABLE posting_client (topic, segment, id, PRIMARY KEY (segment, topic, id)) WITHOUT ROWID;",
            }
        ))
        .expect("it is made");
    let before = cpu_seconds();
    let mut tail: Vec<(u32, u32)> = Vec::new();
    let mut id = 0_i64;
    for chunk in topics.chunks(batch) {
        let transaction = connection.transaction().expect("it begins");
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, ?4, 0, 0, 1, NULL, ?5)")
                .expect("it is prepared");
            for &topic in chunk {
                id += 1;
                let client = topic % CLIENTS as u32;
                insert.execute((id, START_US + id, topic, client, &PAYLOAD[..])).expect("it is inserted");
                if !matches!(layout, Layout::Plain | Layout::RowIndex) {
                    tail.push((topic, client));
                }
            }
        }
        transaction.commit().expect("it is committed");
        while tail.len() >= SEGMENT {
            let rest = tail.split_off(SEGMENT);
            let first = id - (rest.len() + SEGMENT) as i64;
            seal(&mut connection, layout, first, &tail);
            tail = rest;
        }
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).expect("it is checkpointed");
    let seconds = cpu_seconds() - before;
    let wanted = topics[topics.len() / 2];
    let started = Instant::now();
    let found = newest(&connection, layout, wanted, &tail, id);
    let page_us = started.elapsed().as_secs_f64() * 1e6;
    assert!(found > 0, "the topic is found");
    Measured {
        rate: topics.len() as f64 / seconds,
        bytes: std::fs::metadata(file).expect("it is there").len(),
        page_us,
    }
}

fn seal(connection: &mut Connection, layout: Layout, first: i64, tail: &[(u32, u32)]) {
    let transaction = connection.transaction().expect("it begins");
    let segment = first / SEGMENT as i64;
    for (table, of) in [("posting", (|entry| entry.0) as fn(&(u32, u32)) -> u32), ("posting_client", |entry| entry.1)] {
        let mut order: Vec<u64> = (0_u64..).zip(tail).map(|(at, entry)| u64::from(of(entry)) << 32 | at).collect();
        order.sort_unstable();
        let mut insert =
            transaction.prepare_cached(&format!("INSERT INTO {table} VALUES (?1, ?2, ?3)")).expect("it is prepared");
        for list in order.chunk_by(|one, other| one >> 32 == other >> 32) {
            let topic = list[0] >> 32;
            if layout == Layout::SealedRanges {
                for at in list {
                    insert.execute((topic as i64, segment, at & 0xffff_ffff)).expect("it is inserted");
                }
            } else {
                let mut ids = Vec::with_capacity(list.len() * 2);
                let mut last = 0;
                for at in list {
                    let at = (at & 0xffff_ffff) as u32;
                    varint(at - last, &mut ids);
                    last = at;
                }
                insert.execute((topic as i64, segment, ids)).expect("it is inserted");
            }
        }
    }
    transaction.commit().expect("it is committed");
}

fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many of the newest 100 messages of a topic there are.
fn newest(connection: &Connection, layout: Layout, topic: u32, tail: &[(u32, u32)], last: i64) -> usize {
    let mut found = tail.iter().rev().filter(|entry| entry.0 == topic).take(100).count();
    match layout {
        Layout::Plain => {
            return connection
                .query_row(
                    "SELECT count(*) FROM (SELECT 1 FROM message WHERE topic_id = ?1 ORDER BY id DESC LIMIT 100)",
                    [topic],
                    |row| row.get(0),
                )
                .expect("it is counted");
        }
        Layout::RowIndex => {
            return connection
                .query_row(
                    "SELECT count(*) FROM (SELECT id FROM message WHERE topic_id = ?1 ORDER BY id DESC LIMIT 100)",
                    [topic],
                    |row| row.get(0),
                )
                .expect("it is counted");
        }
        Layout::SealedRanges => {
            let mut select = connection
                .prepare("SELECT count(*) FROM posting WHERE segment = ?1 AND topic = ?2")
                .expect("it is prepared");
            for segment in (0..=last / SEGMENT as i64).rev() {
                if found >= 100 {
                    break;
                }
                found += select.query_row((segment, topic), |row| row.get::<_, usize>(0)).expect("it is read");
            }
        }
        Layout::ListsByTopic | Layout::ListsBySegment => {
            let mut select = connection
                .prepare("SELECT ids FROM posting WHERE segment = ?1 AND topic = ?2")
                .expect("it is prepared");
            for segment in (0..=last / SEGMENT as i64).rev() {
                if found >= 100 {
                    break;
                }
                let mut rows = select.query((segment, topic)).expect("it is read");
                if let Some(row) = rows.next().expect("it is read") {
                    let ids = row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).expect("a list");
                    found += ids.iter().filter(|&&byte| byte < 0x80).count();
                }
            }
        }
    }
    found.min(100)
}

/// Which topic each message is of: all alike, or few with most of the messages.
fn topics(rows: usize, skewed: bool) -> Vec<u32> {
    let mut state = 88_172_645_463_325_252_u64;
    (0..rows)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            ((if skewed { unit.powi(4) } else { unit }) * TOPICS as f64) as u32 + 1
        })
        .collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// User and system time of the whole process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("there is a /proc");
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap_or(0.0)).sum();
    ticks / 100.0
}
