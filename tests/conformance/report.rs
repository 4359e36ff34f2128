//! What a run has shown, statement by statement.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Mutex;

use nightjar_mqtt::ProtocolVersion;

use crate::statements::{Proof, Statement, TABLES, Table};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// The broker does not have what the case needs, and need not have it.
    Skipped,
}

/// How the cases went. One that was not run, or that panicked, leaves nothing here.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Mutex<HashMap<(&'static str, ProtocolVersion), Outcome>>);

impl Outcomes {
    pub(crate) fn note(&self, case: &'static str, version: ProtocolVersion, outcome: Outcome) {
        self.0.lock().expect("nobody panics while holding it").insert((case, version), outcome);
    }

    fn of(&self, case: &'static str, version: ProtocolVersion) -> Option<Outcome> {
        self.0.lock().expect("nobody panics while holding it").get(&(case, version)).copied()
    }
}

#[derive(Debug, Default)]
struct Count {
    all: usize,
    tested: usize,
    binding_the_client: usize,
    not_testable: usize,
    passed: usize,
    failed: Vec<&'static str>,
    skipped: Vec<&'static str>,
    not_run: Vec<&'static str>,
}

impl Count {
    fn of(table: &Table, outcomes: &Outcomes) -> Self {
        let mut count = Self::default();
        for Statement { id, proof, .. } in table.statements() {
            count.all += 1;
            match proof {
                Proof::BindsClient => count.binding_the_client += 1,
                Proof::None(_) => count.not_testable += 1,
                Proof::Cases(cases) => {
                    count.tested += 1;
                    let outcomes: Vec<_> = cases.iter().map(|case| outcomes.of(case, table.version)).collect();
                    if outcomes.contains(&Some(Outcome::Failed)) {
                        count.failed.push(id);
                    } else if outcomes.contains(&None) {
                        count.not_run.push(id);
                    } else if outcomes.contains(&Some(Outcome::Skipped)) {
                        count.skipped.push(id);
                    } else {
                        count.passed += 1;
                    }
                }
            }
        }
        count
    }
}

/// A line a version, and the statements that did not pass.
pub(crate) fn print(outcomes: &Outcomes) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for table in TABLES {
        let count = Count::of(table, outcomes);
        writeln!(
            out,
            "MQTT {}: {} statements: {} tested, {} bind the client, {} not testable; of the tested, {} passed",
            table.version.name(),
            count.all,
            count.tested,
            count.binding_the_client,
            count.not_testable,
            count.passed,
        )?;
        for (what, ids) in [("failed", count.failed), ("not offered", count.skipped), ("not run", count.not_run)] {
            if !ids.is_empty() {
                writeln!(out, "    {what}: {}", ids.join(", "))?;
            }
        }
    }
    writeln!(out)
}
