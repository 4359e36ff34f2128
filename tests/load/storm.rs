//! What other clients notice of a client that raises a storm: 20,000 subscriptions, or 100,000 retained messages for one
//! SUBSCRIBE.
//!
//! One pair of clients sends a fixed number of messages a second, whatever comes back (an open loop: a broker that
//! stalls is charged for every message that should have left meanwhile). Its latency is taken before the storm and
//! during it.

use std::fmt;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use bytes::BytesMut;
use clap::Args;
use nightjar_mqtt::{
    Packet, PacketIdentifier, ProtocolVersion, QoS, Subscribe, SubscribeProperties, Subscription, SubscriptionOptions,
    TopicFilter,
};
use nightjar_tests::{Broker, Peer};

use crate::frame;
use crate::histogram::Histogram;

#[derive(Debug, Args)]
pub(crate) struct Storm {
    /// The nightjar-server to measure: a release build
    #[arg(long)]
    server: PathBuf,
    /// What an acknowledged message survives: power-loss, crash or none
    #[arg(long, default_value = "none")]
    durability: String,
    /// Messages a second between the two who must not notice
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    #[arg(long, default_value_t = 100_000)]
    retained: usize,
    #[arg(long, default_value_t = 20_000)]
    subscriptions: usize,
    /// How often each storm is raised, one second apart
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What has not come after so long is lost.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// Phases of the measurement; each has its histogram.
const CALM: u8 = 0;
const SUBSCRIBING: u8 = 1;
const RETAINED: u8 = 2;

impl Storm {
    #[expect(clippy::print_stdout, reason = "the figures are what this is for")]
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        ensure!(self.rate > 0 && self.rounds > 0, "--rate and --rounds are at least 1");
        // Beside the program and so in target/: /tmp may be memory, which would make every disk look fast.
        let program = std::env::current_exe()?;
        let folder = tempfile::tempdir_in(program.parent().context("a program lies in a folder")?)?;
        let broker = Broker::nightjar_from(&self.server, folder.path(), &["--durability", &self.durability])?;
        self.keep(broker.address())?;

        let pair = Pair::start(broker.address(), self.rate)?;
        // The first second is for what happens only once.
        thread::sleep(Duration::from_secs(1));
        pair.begin_measuring();
        thread::sleep(Duration::from_secs(10));
        let mut subscribing = Vec::new();
        let mut retained = Vec::new();
        for round in 0..self.rounds {
            subscribing.push(self.subscribe_to_much(broker.address(), round, &pair)?);
            pair.phase(CALM);
            thread::sleep(Duration::from_secs(1));
            retained.push(self.subscribe_to_all(broker.address(), round, &pair)?);
            pair.phase(CALM);
            thread::sleep(Duration::from_secs(1));
        }
        let [calm, beside_subscribing, beside_retained] = pair.stop()?;
        println!("durability {}, {} messages/s between two others", self.durability, self.rate);
        println!("before                        {}", Latency(&calm));
        println!("{:>6} subscriptions          {}", self.subscriptions, Latency(&beside_subscribing));
        println!("{:>6} retained messages      {}", self.retained, Latency(&beside_retained));
        for storm in subscribing.iter().chain(&retained) {
            println!("{storm}");
        }
        Ok(())
    }

    /// The retained messages, each on a topic of its own.
    fn keep(&self, broker: SocketAddr) -> anyhow::Result<()> {
        let mut keeper = Peer::join(broker, ProtocolVersion::V311, "keeper")?;
        for number in 0..self.retained {
            let topic = format!("kept/{}/{number}", number % 100);
            keeper.publish(&topic, vec![b'.'; 64], QoS::AtMostOnce, true)?;
        }
        // All of it is routed and on record before anything is measured.
        keeper.publish_acknowledged("kept/last", "x", QoS::AtLeastOnce, false)?;
        keeper.leave()
    }

    fn subscribe_to_much(&self, broker: SocketAddr, round: usize, pair: &Pair) -> anyhow::Result<Timing> {
        let mut greedy = Peer::join(broker, ProtocolVersion::V311, "greedy")?;
        let filters = (0..self.subscriptions).map(|number| format!("storm/{round}/{}/{number}/+", number % 100));
        // What the client itself needs for it is no part of the storm: it has the same two cores.
        let mut packet = BytesMut::new();
        subscribe(filters)?.encode(ProtocolVersion::V311, &mut packet)?;
        thread::sleep(Duration::from_millis(50));
        pair.phase(SUBSCRIBING);
        let started = Instant::now();
        greedy.send_bytes(&packet)?;
        let answer = greedy.receive()?;
        let suback = started.elapsed();
        ensure!(matches!(answer, Packet::SubAck(_)), "not a SUBACK: {answer:?}");
        // Its end is part of it: 20,000 subscriptions are taken out of the tree.
        greedy.leave()?;
        Ok(Timing { name: "subscriptions", count: self.subscriptions, suback, whole: started.elapsed() })
    }

    fn subscribe_to_all(&self, broker: SocketAddr, round: usize, pair: &Pair) -> anyhow::Result<Timing> {
        let curious = Peer::join(broker, ProtocolVersion::V311, &format!("curious-{round}"))?;
        let mut packet = BytesMut::new();
        subscribe(["#".to_owned()].into_iter())?.encode(ProtocolVersion::V311, &mut packet)?;
        // It only counts what comes, for what it does with it is no part of the storm either.
        let mut stream = curious.into_stream();
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(LOST_AFTER))?;
        thread::sleep(Duration::from_millis(50));
        pair.phase(RETAINED);
        let started = Instant::now();
        stream.write_all(&packet)?;
        let mut suback = None;
        let mut count = 0;
        let mut bytes = vec![0; 512 << 10];
        let mut filled = 0;
        while count < self.retained {
            let read = stream.read(&mut bytes[filled..]).context("a retained message is lost")?;
            ensure!(read > 0, "the broker closed the connection");
            filled += read;
            let mut done = 0;
            while let Some((_, end)) = frame::bounds(&bytes[done..filled])?.filter(|(_, end)| done + end <= filled) {
                match bytes[done] >> 4 {
                    9 => suback = Some(started.elapsed()),
                    3 => count += usize::from(bytes[done] & 1),
                    other => bail!("not a message, but a packet of type {other}"),
                }
                done += end;
            }
            bytes.copy_within(done..filled, 0);
            filled -= done;
        }
        let suback = suback.context("no SUBACK came")?;
        Ok(Timing { name: "retained messages", count, suback, whole: started.elapsed() })
    }
}

fn subscribe(filters: impl Iterator<Item = String>) -> anyhow::Result<Packet> {
    let options = SubscriptionOptions { maximum_qos: QoS::AtMostOnce, ..SubscriptionOptions::default() };
    let subscriptions = filters
        .map(|filter| Ok(Subscription { filter: TopicFilter::new(filter)?, options }))
        .collect::<anyhow::Result<_>>()?;
    let properties = SubscribeProperties::default();
    Ok(Packet::Subscribe(Subscribe { packet_identifier: PacketIdentifier::FIRST, properties, subscriptions }))
}

/// Two clients in threads of their own.
struct Pair {
    shared: Arc<Shared>,
    speaker: thread::JoinHandle<anyhow::Result<()>>,
    listener: thread::JoinHandle<anyhow::Result<[Histogram; 3]>>,
}

#[derive(Default)]
struct Shared {
    measures: AtomicBool,
    stopped: AtomicBool,
    phase: AtomicU8,
}

impl Pair {
    fn start(broker: SocketAddr, rate: u64) -> anyhow::Result<Self> {
        let mut listener = Peer::join(broker, ProtocolVersion::V311, "listener")?;
        listener.subscribe("peace", QoS::AtMostOnce)?;
        let mut speaker = Peer::join(broker, ProtocolVersion::V311, "speaker")?;
        let shared = Arc::new(Shared::default());
        let origin = Instant::now();
        let state = Arc::clone(&shared);
        let speaker = thread::spawn(move || {
            for number in 0_u64.. {
                let due = Duration::from_nanos(number * 1_000_000_000 / rate);
                if let Some(wait) = due.checked_sub(origin.elapsed()) {
                    thread::sleep(wait);
                }
                let last = state.stopped.load(Ordering::Relaxed);
                let phase =
                    if state.measures.load(Ordering::Relaxed) { state.phase.load(Ordering::Relaxed) } else { 9 };
                // When it was due, not when it left: a delay of the sender counts as well.
                let stamp = [&(due.as_nanos() as u64).to_be_bytes()[..], &[phase, u8::from(last)]].concat();
                speaker.publish("peace", stamp, QoS::AtMostOnce, false)?;
                if last {
                    break;
                }
            }
            Ok(())
        });
        let listener = thread::spawn(move || {
            let mut latencies = [Histogram::new(), Histogram::new(), Histogram::new()];
            loop {
                let message = listener.receive_message()?;
                let now = origin.elapsed().as_nanos() as u64;
                let (stamp, rest) = message.payload.split_first_chunk().context("a payload without its time")?;
                let latency = now.saturating_sub(u64::from_be_bytes(*stamp));
                if let Some(latencies) = latencies.get_mut(usize::from(rest[0])) {
                    latencies.record(latency);
                }
                if rest[1] == 1 {
                    return Ok(latencies);
                }
            }
        });
        Ok(Self { shared, speaker, listener })
    }

    fn begin_measuring(&self) {
        self.shared.measures.store(true, Ordering::Relaxed);
    }

    fn phase(&self, phase: u8) {
        self.shared.phase.store(phase, Ordering::Relaxed);
    }

    fn stop(self) -> anyhow::Result<[Histogram; 3]> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.speaker.join().map_err(|_| anyhow!("the speaker panicked"))??;
        self.listener.join().map_err(|_| anyhow!("the listener panicked"))?
    }
}

struct Latency<'a>(&'a Histogram);

impl fmt::Display for Latency<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most, worst] = [50.0, 99.0, 100.0].map(|percent| self.0.percentile(percent) as f64 / 1e6);
        write!(formatter, "{median:.2} ms median, {most:.2} ms p99, {worst:.2} ms worst")
    }
}

/// How long it took whoever raised the storm.
struct Timing {
    name: &'static str,
    count: usize,
    suback: Duration,
    whole: Duration,
}

impl fmt::Display for Timing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [suback, whole] = [self.suback, self.whole].map(|duration| duration.as_secs_f64() * 1e3);
        write!(formatter, "{} {}: SUBACK after {suback:.1} ms, all done after {whole:.0} ms", self.count, self.name)
    }
}
