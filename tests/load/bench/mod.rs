//! Nightjar beside other brokers under the same loads.
//!
//! Each broker is started fresh for each run, on a core of its own. The brokers take turns within each round, so that a
//! noisy minute of the computer hits them alike; the median of the rounds is what counts. Messages per second depend on
//! what else the computer does; messages per second of the broker's own CPU time can be compared.

mod connecting;
mod contestant;
mod retained;
mod run;
mod scenario;
mod table;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;

use self::contestant::Contestant;
use self::run::Run;
use self::scenario::Scenario;
use self::table::Row;
use crate::machine::{self, Cores};

/// The scenario that is a program of its own.
const JOURNAL: &str = "journal";

/// How often a run is tried.
const ATTEMPTS: usize = 2;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The nightjar-server to measure: a release build
    #[arg(long)]
    server: PathBuf,
    /// The journal's own measure, which runs no broker: nightjar-store's example `ingest`
    #[arg(long)]
    journal: Option<PathBuf>,
    /// All scenarios and brokers, with five rounds of five seconds, instead of a quick set with three of one
    #[arg(long)]
    full: bool,
    /// Length of each run
    #[arg(long)]
    seconds: Option<u64>,
    #[arg(long)]
    rounds: Option<usize>,
    /// Only scenarios whose name contains one of these, also such as are not in the quick set; `journal` is one, too
    #[arg(long, value_delimiter = ';')]
    only: Vec<String>,
    /// Who takes part; what is not installed is left out. Without it mosquitto, Nightjar without a history and with one;
    /// with `--full` all but `mosquitto-saving`
    #[arg(long, value_enum, value_delimiter = ',')]
    brokers: Vec<Contestant>,
}

impl Bench {
    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "the tables are what the bench is for")]
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let (rounds, seconds) = if self.full { (5, 5) } else { (3, 1) };
        let (rounds, seconds) = (self.rounds.unwrap_or(rounds), self.seconds.unwrap_or(seconds));
        ensure!(rounds > 0 && seconds > 0, "--rounds and --seconds are at least 1");
        let scenarios = self.scenarios();
        let journal =
            self.journal.as_deref().filter(|_| self.only.is_empty() || self.only.iter().any(|only| only == JOURNAL));
        ensure!(!scenarios.is_empty() || journal.is_some(), "no scenario's name contains one of {:?}", self.only);
        let (contestants, missing): (Vec<Contestant>, Vec<Contestant>) =
            self.contestants().iter().partition(|contestant| contestant.is_installed());
        for contestant in missing {
            eprintln!("{} is not installed, so it does not take part", contestant.name());
        }
        machine::raise_file_limit()?;
        let cores = Cores::choose()?;
        if !cores.are_separate {
            eprintln!("there is one core only, so broker and generator share it");
        }

        let started = Instant::now();
        let mut rows = Vec::new();
        for scenario in scenarios {
            let contestants: Vec<Contestant> =
                contestants.iter().copied().filter(|contestant| scenario.is_for(*contestant)).collect();
            let mut runs: Vec<Vec<Option<Run>>> = vec![Vec::new(); contestants.len()];
            let rounds = if scenario.is_steady() { 1 } else { rounds };
            for round in 1..=rounds {
                for (contestant, runs) in contestants.iter().zip(&mut runs) {
                    let elapsed = started.elapsed().as_secs();
                    eprintln!("{elapsed:>5} s · {} · {} · round {round} of {rounds}", scenario.name, contestant.name());
                    runs.push(self.try_measure(&cores, *contestant, &scenario, seconds));
                }
            }
            rows.extend(contestants.into_iter().zip(runs).map(|(contestant, runs)| Row {
                scenario: scenario.clone(),
                contestant,
                runs,
            }));
        }
        println!("{}", table::tables(&rows));
        if let Some(program) = journal {
            eprintln!("{:>5} s · the journal alone", started.elapsed().as_secs());
            println!("### The journal\n\n{}", self.measure_journal(&cores, program)?);
        }
        println!("{}", self.conditions(rounds, seconds, started.elapsed())?);
        let failed = rows.iter().filter(|row| row.runs.contains(&None));
        let failed: Vec<String> =
            failed.map(|row| format!("{} in {}", row.contestant.name(), row.scenario.name)).collect();
        ensure!(failed.is_empty(), "these failed: {}", failed.join("; "));
        Ok(())
    }

    fn contestants(&self) -> Vec<Contestant> {
        use Contestant::*;
        match (self.brokers.is_empty(), self.full) {
            (false, _) => self.brokers.clone(),
            (true, false) => vec![Mosquitto, Off, Crash],
            (true, true) => vec![Floor, Rumqttd, Mosquitto, Off, None, Crash, PowerLoss],
        }
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let is_chosen = |scenario: &Scenario| match self.only.is_empty() {
            true => self.full || scenario.is_quick,
            false => self.only.iter().any(|only| scenario.name.contains(only.as_str())),
        };
        Scenario::all().into_iter().filter(is_chosen).collect()
    }

    /// Under what the figures came about.
    fn conditions(&self, rounds: usize, seconds: u64, took: Duration) -> anyhow::Result<String> {
        let sync = machine::sync_time(self.folder()?.path())?.as_secs_f64() * 1e3;
        Ok(format!(
            "Medians of {rounds} rounds of {seconds} s (memory: one round) in which the brokers took turns, each started fresh; broker and \
             generator had a core each. Ratios are the medians of the rounds' ratios, of the first column with figures. \
             Figures per second and latencies suffer from whatever else the computer does; those per CPU-second of the \
             broker can be compared. A small append to this disk is certain after {sync:.2} ms (median of fdatasync). \
             The whole took {:.0} min; the load average at the end was {}.",
            took.as_secs_f64() / 60.0,
            machine::load_average()?,
        ))
    }

    /// A folder for a broker's files. Beside the program and so in target/: /tmp may be memory, which would make every
    /// disk look fast.
    fn folder(&self) -> anyhow::Result<tempfile::TempDir> {
        let program = env::current_exe()?;
        Ok(tempfile::tempdir_in(program.parent().context("a program lies in a folder")?)?)
    }

    /// `None` where a broker fails; the others go on.
    #[expect(clippy::print_stderr, reason = "who waits for the tables should know what is missing in them")]
    fn try_measure(&self, cores: &Cores, contestant: Contestant, scenario: &Scenario, seconds: u64) -> Option<Run> {
        for attempt in 1..=ATTEMPTS {
            match self.measure(cores, contestant, scenario, seconds) {
                Ok(run) => return Some(run),
                Err(error) => eprintln!("        attempt {attempt} of {ATTEMPTS} failed: {error:#}"),
            }
        }
        None
    }

    /// What the journal's own program says.
    fn measure_journal(&self, cores: &Cores, program: &Path) -> anyhow::Result<String> {
        let folder = self.folder()?;
        let millions = if self.full { "10" } else { "1" };
        let mut command = Command::new(program);
        command.arg(folder.path().join("journal")).arg(millions);
        let output = cores.start_anywhere(|| Ok(command.stderr(Stdio::inherit()).output()?))?;
        ensure!(output.status.success(), "{} ended with {}", program.display(), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    fn measure(&self, cores: &Cores, contestant: Contestant, scenario: &Scenario, seconds: u64) -> anyhow::Result<Run> {
        let folder = self.folder()?;
        let (mut broker, place) =
            cores.start(|| contestant.start(&self.server, folder.path(), scenario.transport()))?;
        let run = scenario.measure(&broker, place, seconds).with_context(|| broker.stderr())?;
        broker.stop()?;
        Ok(run)
    }
}
