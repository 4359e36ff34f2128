//! A client that does nothing wrong, and must notice nothing of those that do.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use nightjar_mqtt::{ProtocolVersion, QoS};
use nightjar_tests::{DEADLINE, Peer};

/// Publishes at QoS 1 and hears itself, one round trip after the other, until it is stopped.
pub(crate) struct Bystander {
    shared: Arc<Shared>,
    thread: JoinHandle<anyhow::Result<[Vec<Duration>; 2]>>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    /// 0 while it is alone, 1 while others do wrong.
    phase: AtomicU8,
    trips: AtomicUsize,
}

/// How long the round trips took.
pub(crate) struct Trips {
    alone: Vec<Duration>,
    beside: Vec<Duration>,
}

impl Bystander {
    pub(crate) fn start(broker: SocketAddr) -> anyhow::Result<Self> {
        let mut subscriber = Peer::join(broker, ProtocolVersion::V5, "bystander-hears")?;
        subscriber.subscribe("peace/#", QoS::AtLeastOnce)?;
        let mut publisher = Peer::join(broker, ProtocolVersion::V311, "bystander-speaks")?;
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut trips = [Vec::new(), Vec::new()];
            let mut number = 0_u64;
            while !state.stopped.load(Ordering::Relaxed) {
                let phase = usize::from(state.phase.load(Ordering::Relaxed));
                let started = Instant::now();
                publisher.publish_acknowledged("peace/count", number.to_string(), QoS::AtLeastOnce, false)?;
                let heard = subscriber.receive_message()?;
                trips[phase].push(started.elapsed());
                // Every message, once, in order.
                ensure!(heard.payload == number.to_string(), "heard {:?} instead of {number}", heard.payload);
                number += 1;
                state.trips.fetch_add(1, Ordering::Relaxed);
            }
            Ok(trips)
        });
        Ok(Self { shared, thread })
    }

    pub(crate) fn others_begin(&self) {
        self.shared.phase.store(1, Ordering::Relaxed);
    }

    pub(crate) fn others_end(&self) {
        self.shared.phase.store(0, Ordering::Relaxed);
    }

    /// Waits for so many more round trips.
    pub(crate) fn rest(&self, trips: usize) -> anyhow::Result<()> {
        let wanted = self.shared.trips.load(Ordering::Relaxed) + trips;
        let end = Instant::now() + DEADLINE;
        while self.shared.trips.load(Ordering::Relaxed) < wanted && !self.thread.is_finished() {
            ensure!(Instant::now() < end, "the bystander's messages no longer come");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub(crate) fn stop(self) -> anyhow::Result<Trips> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let [alone, beside] = self.thread.join().map_err(|_| anyhow!("the bystander panicked"))??;
        Ok(Trips { alone, beside })
    }
}

impl Trips {
    /// That the others made no difference that one would notice. A ratio, and a generous one, since the computer is
    /// busy with the inputs themselves; what would break it is a broker that serves one after the other.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.beside.len() >= 100, "only {} round trips beside the others", self.beside.len());
        let (alone, beside) = (percentile(&self.alone, 50), percentile(&self.beside, 50));
        ensure!(beside <= alone * 20, "{self}");
        Ok(())
    }
}

impl fmt::Display for Trips {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, trips) in [("alone", &self.alone), ("beside the others", &self.beside)] {
            let [median, most] = [50, 99].map(|percent| percentile(trips, percent).as_secs_f64() * 1e3);
            write!(formatter, "{} round trips {name}: {median:.2} ms median, {most:.2} ms p99; ", trips.len())?;
        }
        Ok(())
    }
}

fn percentile(trips: &[Duration], percent: usize) -> Duration {
    let mut sorted = trips.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
