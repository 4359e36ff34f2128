//! A thousand malformed inputs over real sockets: each ends with the reason of the specification or a closed socket, and
//! with an event that names client, address and clause; the broker lives, keeps its size, and another client's messages
//! go on as if nothing were.
//!
//! `NIGHTJAR_SEED=number` makes other inputs; a failure prints the seed and the bytes.

mod bystander;
mod bytes;
mod kinds;
mod random;

use std::collections::HashMap;
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::ProtocolVersion::{self, V5};
use nightjar_mqtt::{Packet, QoS, ReasonCode};
use nightjar_tests::{Broker, DEADLINE, Event, Peer, Record};
use tempfile::TempDir;

use crate::bystander::Bystander;
use crate::kinds::{End, KINDS, Kind, Sender};
use crate::random::Random;

const INPUTS: usize = 1_000;
/// Enough that every kind has come, so that what the broker allocates once is there.
const WARM_UP: usize = 300;
/// How often the broker is warmed up at most before it has to have its size.
const WARM_UPS: u64 = 10;
const MIB: u64 = 1 << 20;

/// One input, and what is known of it afterwards.
struct Case {
    name: String,
    kind: &'static Kind,
    version: ProtocolVersion,
    bytes: Vec<u8>,
    /// Where it came from.
    address: Option<SocketAddr>,
}

impl Case {
    /// The `index`-th input of a seed: every kind comes once before any comes again.
    fn new(seed: u64, index: usize) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x1_0001).wrapping_add(index as u64));
        let kind = &KINDS[index % KINDS.len()];
        let version = random.pick(kind.versions);
        let bytes = (kind.make)(&mut random, version);
        Self { name: format!("{index}-{}", kind.name), kind, version, bytes, address: None }
    }

    fn describe(&self, seed: u64) -> String {
        let shown = &self.bytes[..self.bytes.len().min(200)];
        let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
        let more =
            if shown.len() < self.bytes.len() { format!("… ({} bytes)", self.bytes.len()) } else { String::new() };
        format!("{} of seed {seed}, MQTT {}: {hex}{more}", self.name, self.version.name())
    }

    /// Sends it and checks how the connection ends.
    fn run(&mut self, broker: SocketAddr) -> anyhow::Result<()> {
        let mut peer = match self.kind.sender {
            Sender::Stranger => Peer::dial(broker, self.version)?,
            Sender::Client => Peer::join(broker, self.version, &self.name)?,
        };
        self.address = Some(peer.local_address()?);
        // The broker may hang up in the middle of it.
        drop(peer.send_bytes(&self.bytes));
        let mut answers = Vec::new();
        if self.kind.end == End::Refused {
            // The acknowledgement waits for the disk, and nobody gets it who hangs up before.
            answers.push(peer.receive()?);
        }
        if matches!(self.kind.end, End::Open | End::Refused) {
            peer.finish()?;
        }
        answers.extend(peer.expect_end()?);
        let words: Vec<ReasonCode> = answers.iter().filter_map(last_word).collect();
        match self.kind.end {
            End::Closed(reason, _) if self.version == V5 => ensure!(words == [reason], "answered with {answers:?}"),
            End::Closed(..) | End::Silent(_) => ensure!(answers.is_empty(), "answered with {answers:?}"),
            End::Refused => {
                let refused = answers.iter().any(|answer| match answer {
                    Packet::PubAck(answer) => answer.reason_code.is_error() || self.version != V5,
                    Packet::SubAck(answer) => answer.reason_codes.iter().all(|reason| reason.is_error()),
                    _ => false,
                });
                ensure!(refused, "answered with {answers:?}");
            }
            End::Open => {
                let in_order = words.len() <= 1 && words.iter().all(|reason| reason.is_error());
                let says_so = answers.iter().position(|answer| last_word(answer).is_some());
                ensure!(in_order && says_so.is_none_or(|said| said + 1 == answers.len()), "answered with {answers:?}");
            }
        }
        Ok(())
    }

    /// Whether its event is among those of its client.
    fn check_event(&self, events: &[Event]) -> anyhow::Result<()> {
        let clause = match self.kind.end {
            End::Closed(_, [of_5, of_311]) => {
                if self.version == V5 {
                    of_5
                } else {
                    of_311
                }
            }
            End::Silent(clause) => clause,
            End::Refused | End::Open => return Ok(()),
        };
        let address = self.address.context("it ran")?.to_string();
        let found = events.iter().any(|event| {
            matches!(&event.kind[..], "violation" | "refused")
                && event.detail.contains(&address)
                && event.detail.contains(clause)
        });
        ensure!(found, "no event names {address} and {clause}: {events:?}");
        Ok(())
    }
}

/// What ends a connection: DISCONNECT, or a CONNACK that refuses.
fn last_word(packet: &Packet) -> Option<ReasonCode> {
    match packet {
        Packet::Disconnect(disconnect) => Some(disconnect.reason_code),
        Packet::ConnAck(answer) if answer.reason_code.is_error() => Some(answer.reason_code),
        _ => None,
    }
}

/// A broker without the pauses for those who fail too often, which would end this test early.
fn lenient_broker(data: &Path) -> anyhow::Result<Broker> {
    let limits =
        "[limits]\nmaximum-failed-connects = \"off\"\nmaximum-takeovers = \"off\"\nconnect-timeout = \"2 s\"\n";
    fs::write(data.join("nightjar.toml"), limits)?;
    Broker::nightjar(data, &["--durability", "crash"])
}

fn seed() -> u64 {
    env::var("NIGHTJAR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122)
}

/// Bytes of memory that a process holds.
fn resident(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1_024)
}

/// Waits until the broker holds no more than `limit`; returns what it holds.
fn expect_size(broker: &Broker, limit: u64) -> anyhow::Result<u64> {
    let end = Instant::now() + DEADLINE;
    loop {
        let size = resident(broker.process_id())?;
        if size <= limit {
            return Ok(size);
        }
        if Instant::now() >= end {
            bail!("the broker holds {:.1} MiB, more than {:.1}", size as f64 / MIB as f64, limit as f64 / MIB as f64);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Repeats `warm_up` until a round of it leaves the broker no more than 1 MiB larger than any round before; returns the
/// most that it held after a round.
///
/// One round is not enough: what the process keeps for itself grows to its size over several. The journal's writer has a
/// page cache of 32 MB, which is emptied at times, and an allocator gives back what a thread has freed when that thread
/// allocates again. A leak grows with every round.
fn settled_size(broker: &Broker, mut warm_up: impl FnMut(u64) -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let mut sizes = Vec::new();
    for round in 0..WARM_UPS {
        warm_up(round)?;
        let size = resident(broker.process_id())?;
        let most = sizes.iter().copied().max();
        sizes.push(size);
        if let Some(most) = most
            && size <= most + MIB
        {
            return Ok(size.max(most));
        }
    }
    bail!("the broker grows with each of {WARM_UPS} rounds: it held {sizes:?} bytes")
}

/// Messages of more than the 32 MB of pages that the journal's writer keeps in memory.
fn fill_page_cache(broker: &Broker) -> anyhow::Result<()> {
    let mut loud = Peer::join(broker.address(), V5, "loud")?;
    for _ in 0..400 {
        loud.publish("loud", vec![b'x'; 100_000], QoS::AtMostOnce, false)?;
    }
    // The last is acknowledged when all of them are on record.
    loud.publish_acknowledged("loud", Vec::new(), QoS::AtLeastOnce, false)?;
    loud.leave()
}

/// Sends all of a seed's inputs, one after the other.
fn run_all(broker: &Broker, seed: u64, count: usize) -> anyhow::Result<Vec<Case>> {
    let mut cases: Vec<Case> = (0..count).map(|index| Case::new(seed, index)).collect();
    all_pass(seed, &mut cases, |case| case.run(broker.address()))?;
    Ok(cases)
}

/// Fails with all that failed, as far as anybody would read.
fn all_pass(
    seed: u64,
    cases: &mut [Case],
    mut check: impl FnMut(&mut Case) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut failures = Vec::new();
    for case in cases {
        if let Err(error) = check(case) {
            failures.push(format!("{}\n    {error:#}", case.describe(seed)));
            if failures.len() == 20 {
                break;
            }
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

#[test]
fn a_thousand_malformed_inputs_harm_nobody() -> anyhow::Result<()> {
    let seed = seed();
    let data = TempDir::new()?;
    let broker = lenient_broker(data.path())?;
    let record = Record::open(data.path())?;

    let bystander = Bystander::start(broker.address())?;
    fill_page_cache(&broker)?;
    let before = settled_size(&broker, |round| {
        run_all(&broker, seed ^ (1 + round), WARM_UP)?;
        bystander.rest(100)
    })?;

    bystander.others_begin();
    let mut cases = run_all(&broker, seed, INPUTS)?;
    bystander.others_end();
    bystander.rest(100)?;
    let trips = bystander.stop()?;
    println!("seed {seed}: {trips}");
    trips.check()?;

    let after = expect_size(&broker, before + 10 * MIB)?;
    println!("the broker held {} KiB before and {} KiB after", before / 1_024, after / 1_024);
    Peer::join(broker.address(), V5, "decent")?.ping()?;

    // The last is committed a little later than its client sees.
    let last = cases.iter().rfind(|case| !matches!(case.kind.end, End::Open | End::Refused)).context("no case")?;
    let client_of = |case: &Case| if case.kind.sender == Sender::Client { case.name.clone() } else { String::new() };
    record.until(|record| Ok(last.check_event(&record.events(&client_of(last))?).ok()))?;
    let mut events: HashMap<String, Vec<Event>> = HashMap::new();
    for event in record.all_events()? {
        events.entry(event.client.clone().unwrap_or_default()).or_default().push(event);
    }
    all_pass(seed, &mut cases, |case| {
        let mut about = events.get(&client_of(case)).cloned().unwrap_or_default();
        if case.kind.sender == Sender::Stranger {
            // One whose CONNECT could be read is on record by its name.
            about.extend(events.get("x").cloned().unwrap_or_default());
            let address = case.address.context("it ran")?.to_string();
            about.retain(|event| event.detail.contains(&address));
        }
        case.check_event(&about)
    })?;
    Ok(())
}

#[test]
fn connect_a_byte_at_a_time_runs_out_of_time() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = lenient_broker(data.path())?;
    let record = Record::open(data.path())?;
    let whole = bytes::connect(V5, 2, b"", &bytes::string("x".repeat(60_000)));
    let mut slow = Peer::dial(broker.address(), V5)?;
    let address = slow.local_address()?.to_string();
    let started = Instant::now();
    // Every byte comes in time, and the whole never does.
    for byte in whole {
        if started.elapsed() > DEADLINE || slow.send_bytes(&[byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    ensure!(started.elapsed() < DEADLINE, "the broker went on waiting");
    let event =
        record.until(|record| Ok(record.events("")?.into_iter().find(|event| event.detail.contains(&address))))?;
    assert_eq!(event.kind, "refused");
    assert!(event.detail.contains("MQTT-3.1.4-1"), "{}", event.detail);
    Ok(())
}

/// Clients that take much memory on purpose, and leave: 50,000 subscriptions with deep filters, as far as they are granted, a session full of QoS 2
/// that is never released, and messages for one who does not read.
#[test]
fn bombs_and_floods_leave_the_memory_where_it_was() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = lenient_broker(data.path())?;
    let mut random = Random::new(seed());
    let mut round = || -> anyhow::Result<()> {
        let mut bomb = Peer::join(broker.address(), V5, "bomb")?;
        for identifier in 1..=50 {
            let filters: Vec<_> = (0..1_000)
                .map(|number| {
                    let level = random.pick(&["+", "a", "b"]);
                    (format!("bomb/{identifier}/{number}/{}#", format!("{level}/").repeat(18)).into_bytes(), 1)
                })
                .collect();
            bomb.send_bytes(&bytes::subscribe(V5, 0x82, identifier, b"", &filters))?;
            ensure!(matches!(bomb.receive()?, Packet::SubAck(_)), "a bomb is answered like any other SUBSCRIBE");
        }
        bomb.leave()?;

        let mut flood = Peer::join(broker.address(), ProtocolVersion::V311, "flood")?;
        for identifier in 1..=u16::MAX {
            flood.send_bytes(&bytes::publish(ProtocolVersion::V311, 4, "flood", identifier, b""))?;
            if identifier % 1_000 == 0 {
                flood.drain()?;
            }
        }
        flood.leave()?;

        let mut deaf = Peer::join(broker.address(), V5, "deaf")?;
        deaf.subscribe("loud", QoS::AtMostOnce)?;
        let mut loud = Peer::join(broker.address(), V5, "loud")?;
        for _ in 0..500 {
            loud.publish("loud", vec![b'x'; 100_000], QoS::AtMostOnce, false)?;
        }
        loud.ping()?;
        loud.leave()?;
        // It never reads; that it is gone is all that the broker hears of it.
        drop(deaf);
        Ok(())
    };
    let before = settled_size(&broker, |_| {
        round()?;
        // Nothing of that round is left to be let go.
        Peer::join(broker.address(), V5, "decent")?.ping()
    })?;
    round()?;
    round()?;
    // A round takes 100 MiB and more: an allocator keeps a little of that, and a leak would be most of it.
    let after = expect_size(&broker, before + 25 * MIB)?;
    println!("the broker held {} KiB before and {} KiB after", before / 1_024, after / 1_024);
    Ok(())
}
