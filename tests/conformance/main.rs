//! Every normative statement of MQTT 3.1.1 and 5.0, and the conversations with a broker that prove it.
//!
//! `statements/` is the table, `cases/` are the conversations; each case is a test for each version that it is for. The
//! suite starts a broker of its own, or takes any that is there:
//!
//! ```text
//! NIGHTJAR_TEST_ADDRESS=127.0.0.1:1883 cargo test -p nightjar-tests --test conformance
//! ```
//!
//! A case demands what the specification demands, and none of our own choices. README.md says more.

mod bytes;
mod case;
mod cases;
mod report;
mod stage;
mod statements;

use std::env;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nightjar_tests::Broker;

use case::{Case, Skip};
use report::{Outcome, Outcomes};
use stage::Stage;
use statements::TABLES;

/// Cases mostly wait, for a broker or for a timer of the specification: more of them at once than there are cores.
const AT_ONCE: usize = 16;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let folder = tempfile::tempdir()?;
    // Lives until the last case is through.
    let mut running = None;
    let address = if let Ok(address) = env::var("NIGHTJAR_TEST_ADDRESS") {
        address.to_socket_addrs()?.next().context("no such host")?
    } else if arguments.list {
        SocketAddr::from(([127, 0, 0, 1], 0))
    } else {
        // What survives a power cut is not the protocol's concern.
        let broker = Broker::nightjar(folder.path(), &["--durability", "crash"])?;
        running.insert(broker).address()
    };

    let cases = cases::all();
    let outcomes = Arc::new(Outcomes::default());
    let mut trials = table_trials(&cases);
    trials.extend(case_trials(&cases, address, &outcomes));
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(running);
    if !arguments.list {
        report::print(&outcomes)?;
    }
    Ok(conclusion.exit_code())
}

/// That the tables are whole, and fit the cases.
fn table_trials(cases: &[Case]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for table in TABLES {
        let title = |what: &str| format!("statements::{what}::mqtt-{}", table.version.name());
        trials.push(Trial::test(title("complete"), || table.check_complete().map_err(failed)));
        let cases = cases.to_vec();
        trials.push(Trial::test(title("cases"), move || table.check_cases(&cases).map_err(failed)));
    }
    trials
}

fn case_trials(cases: &[Case], address: SocketAddr, outcomes: &Arc<Outcomes>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (number, case) in cases.iter().copied().enumerate() {
        for &version in case.versions {
            // Unique on any broker, also on one that remembers an earlier run.
            let name = format!("n{:x}x{number}v{}", std::process::id(), version.level());
            let stage = Stage { address, version, name };
            let outcomes = Arc::clone(outcomes);
            let title = format!("{}::mqtt-{}", case.name, version.name());
            trials.push(Trial::ignorable_test(title, move || {
                let (outcome, result) = match (case.run)(&stage) {
                    Ok(()) => (Outcome::Passed, Ok(Completion::Completed)),
                    Err(error) => match error.downcast_ref::<Skip>() {
                        Some(skip) => (Outcome::Skipped, Ok(Completion::ignored_with(skip))),
                        None => (Outcome::Failed, Err(failed(error))),
                    },
                };
                outcomes.note(case.name, version, outcome);
                result
            }));
        }
    }
    trials
}

fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}
