//! What load is put on a broker.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::{Args, ValueEnum};
pub(crate) use nightjar_tests::client::Kind as Transport;

use crate::stamp;

/// With more QoS 2 messages on their way from one client mosquitto hangs up, with its defaults.
const WINDOW_OF_QOS_2: u32 = 20;

/// Filters that match the same topic where there are many of them.
const OVERLAP: usize = 4;

/// Who hears whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pattern {
    /// Every subscriber hears every publisher: many to one is a fan-in, one to many a fan-out
    All,
    /// The first subscriber hears the first publisher, and so on
    Pairs,
    /// The subscribers share --filters with wildcards; every other message matches four of them, the rest none
    Wildcards,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Plan {
    /// The broker
    #[arg(long, default_value = "127.0.0.1:1883")]
    pub(crate) address: SocketAddr,
    /// What the broker speaks there, below MQTT
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: Transport,
    /// The certificate authority to trust, as PEM, for `--transport tls` and `wss`: nightjar-server keeps its own in
    /// certs/ca.pem of its data directory
    #[arg(long, value_name = "FILE")]
    pub(crate) authority: Option<PathBuf>,
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
    /// Filters in all, for `--pattern wildcards`: as many topics that match and that don't are published to
    #[arg(long, default_value_t = 1000)]
    pub(crate) filters: usize,
    /// The first level of all topics
    #[arg(long, default_value = "load")]
    pub(crate) prefix: String,
    /// Bytes of each payload, at least 16
    #[arg(long, default_value_t = 64)]
    pub(crate) payload: usize,
    /// Of messages and subscriptions
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Messages a second in all, whatever comes back (an open loop: latency counts from the instant at which a message
    /// was due); 0 is as many as the broker takes
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Messages of one publisher that may be on their way at once with `--rate 0`; it writes again once half of them
    /// have come back
    #[arg(long, default_value_t = 20)]
    pub(crate) window: u32,
    /// Write each message by itself, rather than all that the window has room for at once
    #[arg(long)]
    pub(crate) singly: bool,
    /// The broker's process, to measure its CPU time and memory
    #[arg(long)]
    pub(crate) process: Option<u32>,
}

/// A topic, and how many subscribers hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) topic: String,
    pub(crate) copies: u32,
}

impl Plan {
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.payload >= stamp::LENGTH, "--payload is at least {} bytes", stamp::LENGTH);
        ensure!(self.publishers > 0, "--publishers is at least 1");
        ensure!(
            self.transport.is_tls() == self.authority.is_some(),
            "--transport tls and wss need --authority FILE, and the others have no use for it"
        );
        match self.pattern {
            Pattern::All => {}
            Pattern::Pairs => {
                ensure!(self.publishers == self.subscribers, "pairs have as many --subscribers as --publishers")
            }
            Pattern::Wildcards => ensure!(
                self.subscribers >= OVERLAP && self.filters >= self.publishers * OVERLAP,
                "wildcards need at least {OVERLAP} --subscribers, and as many --filters for each publisher"
            ),
        }
        ensure!(self.window > 0, "--window is at least 1");
        Ok(())
    }

    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How many subscribers a message goes to at most.
    pub(crate) fn most_copies(&self) -> u32 {
        match self.pattern {
            Pattern::All => u32::try_from(self.subscribers).unwrap_or(u32::MAX),
            Pattern::Pairs => 1,
            Pattern::Wildcards => OVERLAP as u32,
        }
    }

    /// A subscriber hears only some messages of a publisher.
    pub(crate) fn is_partial(&self) -> bool {
        self.pattern == Pattern::Wildcards
    }

    pub(crate) fn window(&self) -> u32 {
        if self.qos == 2 { self.window.min(WINDOW_OF_QOS_2) } else { self.window }
    }

    /// What one publisher publishes to, in turn.
    pub(crate) fn topics_of(&self, publisher: usize) -> Vec<Spoken> {
        let prefix = &self.prefix;
        if self.pattern == Pattern::Wildcards {
            let groups = (publisher..self.filters / OVERLAP).step_by(self.publishers);
            // Strided, so that neighbours in time are not neighbours in the tree.
            let mut groups: Vec<usize> = groups.collect();
            groups.sort_by_key(|group| group.wrapping_mul(0x9E37_79B9) & 0xFFFF);
            return groups
                .into_iter()
                .flat_map(|group| {
                    [("here", OVERLAP as u32), ("elsewhere", 0)]
                        .map(|(end, copies)| Spoken { topic: format!("{prefix}/area-{group}/device/{end}"), copies })
                })
                .collect();
        }
        let count = (self.topics / self.publishers).max(1);
        let copies = self.most_copies();
        (0..count).map(|topic| Spoken { topic: format!("{prefix}/{publisher}/{topic}"), copies }).collect()
    }

    /// What one subscriber subscribes to.
    pub(crate) fn filters_of(&self, subscriber: usize) -> Vec<String> {
        let prefix = &self.prefix;
        match self.pattern {
            Pattern::All => vec![format!("{prefix}/#")],
            Pattern::Pairs => vec![format!("{prefix}/{subscriber}/#")],
            Pattern::Wildcards => {
                // The filters of a group go to neighbours, so that nobody has two that match the same topic.
                let mine = (subscriber..self.filters / OVERLAP * OVERLAP).step_by(self.subscribers);
                mine.map(|number| {
                    let group = number / OVERLAP;
                    let start = if number % 2 == 0 { prefix } else { "+" };
                    let end = if number % OVERLAP < 2 { "+/here" } else { "device/here/#" };
                    format!("{start}/area-{group}/{end}")
                })
                .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use nightjar_mqtt::{TopicFilter, TopicName};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        plan: Plan,
    }

    fn plan(line: &str) -> Plan {
        Line::parse_from(["load"].into_iter().chain(line.split_whitespace())).plan
    }

    /// Each topic of the plan is heard by as many subscribers as it says, and by none of them twice.
    fn check_copies(plan: &Plan) {
        plan.check().unwrap();
        let subscribers: Vec<Vec<TopicFilter>> = (0..plan.subscribers)
            .map(|index| plan.filters_of(index).into_iter().map(|filter| TopicFilter::new(filter).unwrap()).collect())
            .collect();
        for publisher in 0..plan.publishers {
            for spoken in plan.topics_of(publisher) {
                let topic = TopicName::new(spoken.topic).unwrap();
                let hearing =
                    |filters: &Vec<TopicFilter>| filters.iter().filter(|filter| filter.matches(&topic)).count();
                let heard: Vec<usize> = subscribers.iter().map(hearing).collect();
                assert_eq!(heard.iter().sum::<usize>(), spoken.copies as usize, "{topic}");
                assert!(heard.iter().all(|copies| *copies <= 1), "{topic}");
            }
        }
    }

    #[test]
    fn topics_are_heard_as_planned() {
        check_copies(&plan("--publishers 3 --subscribers 4"));
        check_copies(&plan("--pattern pairs --publishers 5 --subscribers 5 --topics 20"));
        check_copies(&plan("--subscribers 0"));
        check_copies(&plan("--pattern wildcards --publishers 3 --subscribers 7 --filters 202"));
    }

    #[test]
    fn half_of_the_messages_match_wildcards() {
        let plan = plan("--pattern wildcards --publishers 10 --subscribers 50 --filters 1000");
        let filters: usize = (0..50).map(|subscriber| plan.filters_of(subscriber).len()).sum();
        assert_eq!(filters, 1000);
        let topics: Vec<Spoken> = (0..10).flat_map(|publisher| plan.topics_of(publisher)).collect();
        assert_eq!((topics.len(), topics.iter().filter(|spoken| spoken.copies == 4).count()), (500, 250));
    }

    #[test]
    fn what_can_not_be_is_refused() {
        for line in [
            "--payload 8",
            "--pattern pairs --subscribers 2",
            "--pattern wildcards",
            "--window 0",
            "--transport wss",
            "--transport websocket --authority ca.pem",
        ] {
            assert!(plan(line).check().is_err(), "{line}");
        }
        assert_eq!(plan("--qos 2 --window 50").window(), 20);
    }
}
