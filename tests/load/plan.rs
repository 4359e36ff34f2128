//! What load is put on a broker.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use clap::{Args, ValueEnum};

/// Bytes at the start of each payload that hold the time at which it was sent.
pub(crate) const STAMP: usize = 8;

/// Who hears whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pattern {
    /// Every subscriber hears every publisher: many to one is a fan-in, one to many a fan-out
    All,
    /// The first subscriber hears the first publisher, and so on
    Pairs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Plan {
    /// The broker
    #[arg(long, default_value = "127.0.0.1:1883")]
    pub(crate) address: SocketAddr,
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) pattern: Pattern,
    #[arg(long, default_value_t = 10)]
    pub(crate) publishers: usize,
    /// 0 puts load on the broker without hearing it
    #[arg(long, default_value_t = 1)]
    pub(crate) subscribers: usize,
    /// Topics in all, spread over the publishers
    #[arg(long, default_value_t = 100)]
    pub(crate) topics: usize,
    /// The first level of all topics
    #[arg(long, default_value = "load")]
    pub(crate) prefix: String,
    /// Bytes of each payload, at least 8
    #[arg(long, default_value_t = 64)]
    pub(crate) payload: usize,
    /// Of messages and subscriptions
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Messages a second in all; 0 is as many as the broker takes
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Messages that may be on their way at once, in all: with `--rate 0` this is what holds the publishers back
    #[arg(long, default_value_t = 2000)]
    pub(crate) in_flight: u64,
    /// The broker's process, to measure its CPU time
    #[arg(long)]
    pub(crate) process: Option<u32>,
}

impl Plan {
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.payload >= STAMP, "--payload is at least {STAMP} bytes");
        ensure!(self.publishers > 0, "--publishers is at least 1");
        ensure!(
            self.pattern == Pattern::All || self.publishers == self.subscribers,
            "pairs have as many --subscribers as --publishers"
        );
        ensure!(self.in_flight > 0, "--in-flight is at least 1");
        Ok(())
    }

    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How many subscribers one message goes to.
    pub(crate) fn copies(&self) -> u64 {
        match self.pattern {
            Pattern::All => self.subscribers as u64,
            Pattern::Pairs => 1,
        }
    }

    /// The topics of one publisher.
    pub(crate) fn topics_of(&self, publisher: usize) -> Vec<String> {
        let count = (self.topics / self.publishers).max(1);
        (0..count).map(|topic| format!("{}/{publisher}/{topic}", self.prefix)).collect()
    }

    /// What one subscriber subscribes to.
    pub(crate) fn filter_of(&self, subscriber: usize) -> String {
        match self.pattern {
            Pattern::All => format!("{}/#", self.prefix),
            Pattern::Pairs => format!("{}/{subscriber}/#", self.prefix),
        }
    }

    /// Messages of one publisher that may wait for their acknowledgement: well below the 65,535 that have a Packet
    /// Identifier, and with QoS 2 no more than mosquitto's `max_inflight_messages`, at which it hangs up.
    pub(crate) fn in_flight_of_publisher(&self) -> u64 {
        let most = if self.qos == 2 { 20 } else { 10_000 };
        (self.in_flight / self.publishers as u64).clamp(1, most)
    }
}
