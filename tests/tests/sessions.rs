//! What durable subscribers were promised outlives `kill -9`: sessions, queues and the states of QoS 1 and 2, both ways.
//!
//! `NIGHTJAR_CRASH_ROUNDS` sets how often the broker is killed, `NIGHTJAR_CRASH_SEED` when, and who is there meanwhile.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nightjar_mqtt::{ProtocolVersion, QoS};
use nightjar_tests::Broker;
use nightjar_tests::flows::{Publisher, Subscriber, Traffic};
use tempfile::TempDir;

/// Kills in the suite.
const ROUNDS: usize = 6;
/// Longer than any round takes.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_was_promised_outlives_kill_9() -> anyhow::Result<()> {
    let rounds = variable("NIGHTJAR_CRASH_ROUNDS")?.unwrap_or(ROUNDS);
    let mut random = Random(variable("NIGHTJAR_CRASH_SEED")?.unwrap_or(7) as u64 | 1);
    let data = TempDir::new()?;
    let publisher = |name, qos| Publisher::new(name, ProtocolVersion::V311, qos);
    let mut publishers = [publisher("meter-1", QoS::AtLeastOnce), publisher("meter-2", QoS::ExactlyOnce)];
    let mut present = Subscriber::new("present");
    let mut visitor = Subscriber::new("visitor");
    subscribe(data.path(), &mut [&mut present, &mut visitor])?;

    for round in 0..rounds {
        let mut broker = Broker::nightjar(data.path(), &[])?;
        let address = broker.address();
        let traffic = Arc::new(Traffic::default());
        let publishing = publishers.map(|publisher| publisher.start(address, usize::MAX, &traffic));
        let listening = present.start(address, usize::MAX);
        // The other one is away, or comes for a while.
        let visit = if random.below(2) == 0 { random.below(3_000) } else { 0 };
        let visiting = visitor.start(address, visit);
        let moment = 100 + random.below(2_000);
        let end = Instant::now() + PATIENCE;
        while traffic.acknowledged() < moment {
            ensure!(Instant::now() < end, "round {round}: {moment} acknowledgements do not come");
            ensure!(publishing.iter().any(|thread| !thread.is_finished()), "round {round}: the publishers gave up");
            thread::sleep(Duration::from_millis(1));
        }
        broker.kill()?;
        let [first, second] = publishing.map(join);
        publishers = [first?, second?];
        present = join(listening)?;
        visitor = join(visiting)?;
    }

    // What was on the way is brought to its end, and the queues are emptied.
    let mut broker = Broker::nightjar(data.path(), &[])?;
    let address = broker.address();
    let traffic = Arc::new(Traffic::default());
    let publishing = publishers.map(|publisher| {
        let last = publisher.published();
        publisher.start(address, last, &traffic)
    });
    let [first, second] = publishing.map(join);
    let publishers = [first?, second?];
    for subscriber in [&mut present, &mut visitor] {
        subscriber.drain(address, &publishers)?;
    }
    publishers[1].check_retained(address)?;
    broker.stop()?;

    for publisher in &publishers {
        publisher.check_finished()?;
        ensure!(publisher.refused().is_empty());
        publisher.check_history(data.path())?;
        for subscriber in [&present, &visitor] {
            subscriber.check(publisher)?;
        }
    }
    let counts = publishers.each_ref().map(Publisher::published);
    println!("{rounds} kills under {counts:?} messages: nothing lost, order kept, QoS 2 never twice");
    Ok(())
}

fn join<T>(thread: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().expect("no thread of this test panics")
}

/// Makes the subscribers' sessions.
fn subscribe(data: &std::path::Path, subscribers: &mut [&mut Subscriber]) -> anyhow::Result<()> {
    let mut broker = Broker::nightjar(data, &[])?;
    for subscriber in subscribers {
        subscriber.subscribe(broker.address())?;
    }
    // SUBACK is a promise as well.
    broker.kill()
}

fn variable(name: &str) -> anyhow::Result<Option<usize>> {
    std::env::var(name).ok().map(|text| text.parse().with_context(|| format!("{name}={text}"))).transpose()
}

/// Xorshift: the same seed makes the same test.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
