//! Nightjar beside mosquitto under the same loads.
//!
//! The brokers take turns within each round, so that a noisy minute of the computer hits them alike; the median of
//! the rounds is what counts. Two cores carry broker and generator together, so messages per second depend on both;
//! messages per second of the broker's own CPU time say more.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use nightjar_tests::{Broker, Record, is_installed};

use crate::generator;
use crate::plan::{Pattern, Plan};
use crate::report::Report;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The nightjar-server to measure: a release build
    #[arg(long)]
    server: PathBuf,
    /// Length of each run
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only loads whose name contains this
    #[arg(long, default_value = "")]
    only: String,
}

/// A kind of load. The numbers of clients are small enough for two cores.
struct Load {
    name: &'static str,
    pattern: Pattern,
    publishers: usize,
    subscribers: usize,
    qos: u8,
}

const LOADS: [Load; 6] = [
    load("fan-in QoS 0", Pattern::All, 50, 1, 0),
    load("fan-in QoS 1", Pattern::All, 50, 1, 1),
    load("pairs QoS 0", Pattern::Pairs, 50, 50, 0),
    load("pairs QoS 1", Pattern::Pairs, 50, 50, 1),
    load("fan-out QoS 0", Pattern::All, 1, 50, 0),
    load("fan-out QoS 1", Pattern::All, 1, 50, 1),
];

const fn load(name: &'static str, pattern: Pattern, publishers: usize, subscribers: usize, qos: u8) -> Load {
    Load { name, pattern, publishers, subscribers, qos }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contestant {
    Mosquitto,
    Nightjar { durability: &'static str },
}

impl Contestant {
    fn name(self) -> String {
        match self {
            Self::Mosquitto => "mosquitto".to_owned(),
            Self::Nightjar { durability } => format!("nightjar, {durability}"),
        }
    }
}

impl Bench {
    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what the bench is for")]
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        ensure!(self.rounds > 0 && self.seconds > 0, "--rounds and --seconds are at least 1");
        let mut contestants = vec![
            Contestant::Nightjar { durability: "none" },
            Contestant::Nightjar { durability: "crash" },
            Contestant::Nightjar { durability: "power-loss" },
        ];
        if is_installed("mosquitto") {
            contestants.insert(0, Contestant::Mosquitto);
        } else {
            eprintln!("mosquitto is not installed, so there is nothing to compare with");
        }

        println!(
            "| load | broker | messages/s | messages/CPU-s | p50 | p99 | lost | on record | × mosquitto | × per CPU-s |"
        );
        println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        for load in LOADS.iter().filter(|load| load.name.contains(&self.only)) {
            let mut runs: Vec<Vec<Run>> = contestants.iter().map(|_| Vec::new()).collect();
            for round in 1..=self.rounds {
                for (contestant, runs) in contestants.iter().zip(&mut runs) {
                    eprintln!("{} · {} · round {round} of {}", load.name, contestant.name(), self.rounds);
                    runs.push(self.measure(*contestant, load)?);
                }
            }
            let baseline = (contestants[0] == Contestant::Mosquitto).then(|| Figures::of(&runs[0]));
            for (contestant, runs) in contestants.iter().zip(&runs) {
                println!("{}", Figures::of(runs).row(load.name, &contestant.name(), baseline.as_ref()));
            }
        }
        Ok(())
    }

    fn measure(&self, contestant: Contestant, load: &Load) -> anyhow::Result<Run> {
        // Beside the program and so in target/: /tmp may be memory, which would make every disk look fast.
        let program = env::current_exe()?;
        let folder = tempfile::tempdir_in(program.parent().context("a program lies in a folder")?)?;
        let mut broker = match contestant {
            Contestant::Mosquitto => Broker::mosquitto(folder.path())?,
            Contestant::Nightjar { durability } => {
                let data_dir = folder.path().join("data");
                fs::create_dir(&data_dir)?;
                Broker::nightjar_from(&self.server, &data_dir, &["--durability", durability])?
            }
        };
        let report = generator::run(&Plan {
            address: broker.address(),
            pattern: load.pattern,
            publishers: load.publishers,
            subscribers: load.subscribers,
            topics: 1000,
            prefix: "bench".to_owned(),
            payload: 64,
            qos: load.qos,
            rate: 0,
            seconds: self.seconds,
            in_flight: if load.subscribers > load.publishers { 100 } else { 2000 },
            process: Some(broker.process_id()),
        })
        .with_context(|| format!("{}: {}", contestant.name(), broker.stderr()))?;
        broker.stop()?;
        // Without durability there is no file.
        let recorded = match contestant {
            Contestant::Nightjar { durability } if durability != "none" => {
                Some(Record::open(&folder.path().join("data"))?.message_count()?)
            }
            _ => None,
        };
        Ok(Run { report, recorded })
    }
}

/// A report, and how many messages the broker's record holds afterwards.
struct Run {
    report: Report,
    recorded: Option<u64>,
}

/// The medians of a contestant's runs, and all that was lost in them.
struct Figures {
    per_second: f64,
    per_cpu_second: f64,
    p50: f64,
    p99: f64,
    lost: i64,
    /// The share of what was sent, where there is a record.
    on_record: Option<f64>,
}

impl Figures {
    fn of(runs: &[Run]) -> Self {
        let recorded: Option<u64> = runs.iter().map(|run| run.recorded).sum();
        let sent: u64 = runs.iter().map(|run| run.report.sent).sum();
        Self {
            per_second: median(runs, Report::per_second),
            per_cpu_second: median(runs, |run| run.per_cpu_second().unwrap_or(0.0)),
            p50: median(runs, |run| run.latency(50.0).as_secs_f64() * 1e3),
            p99: median(runs, |run| run.latency(99.0).as_secs_f64() * 1e3),
            lost: runs.iter().map(|run| run.report.lost()).sum(),
            on_record: recorded.map(|recorded| 100.0 * recorded as f64 / sent as f64),
        }
    }

    fn row(&self, load: &str, contestant: &str, baseline: Option<&Self>) -> String {
        let ratio = |of: fn(&Self) -> f64| match baseline {
            Some(baseline) if of(baseline) > 0.0 => format!("{:.2}", of(self) / of(baseline)),
            _ => "–".to_owned(),
        };
        format!(
            "| {load} | {contestant} | {:.0} | {:.0} | {:.2} ms | {:.2} ms | {} | {} | {} | {} |",
            self.per_second,
            self.per_cpu_second,
            self.p50,
            self.p99,
            self.lost,
            self.on_record.map_or("–".to_owned(), |percent| format!("{percent:.1} %")),
            ratio(|figures| figures.per_second),
            ratio(|figures| figures.per_cpu_second),
        )
    }
}

fn median(runs: &[Run], of: impl Fn(&Report) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(|run| of(&run.report)).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
