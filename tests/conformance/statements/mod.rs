//! The normative statements of the specifications, each with what proves it.
//!
//! Ids are the specifications' own (their Appendix B lists them); the gists are ours, and no substitute for reading the
//! clause.

pub(crate) mod v311;
pub(crate) mod v5;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, ensure};
use nightjar_mqtt::ProtocolVersion;

use crate::case::Case;

/// A normative statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// `3.1.2-24` for `[MQTT-3.1.2-24]`.
    pub(crate) id: &'static str,
    pub(crate) gist: &'static str,
    pub(crate) proof: Proof,
}

/// What shows that a broker keeps to a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    /// These cases, all of them.
    Cases(&'static [&'static str]),
    /// Nothing: it binds the client alone, and says nothing of what a server does.
    BindsClient,
    /// Nothing that goes over a socket, for the reason given.
    None(&'static str),
}

pub(crate) const fn tested(id: &'static str, gist: &'static str, cases: &'static [&'static str]) -> Statement {
    Statement { id, gist, proof: Proof::Cases(cases) }
}

pub(crate) const fn client(id: &'static str, gist: &'static str) -> Statement {
    Statement { id, gist, proof: Proof::BindsClient }
}

pub(crate) const fn untestable(id: &'static str, gist: &'static str, reason: &'static str) -> Statement {
    Statement { id, gist, proof: Proof::None(reason) }
}

/// All statements of one version of the specification.
pub(crate) struct Table {
    pub(crate) version: ProtocolVersion,
    /// By chapter, in the specification's order.
    pub(crate) chapters: &'static [&'static [Statement]],
    /// How many statements each section has, as the specification's Appendix B lists them: section, first and last
    /// number.
    pub(crate) sections: &'static [(&'static str, u16, u16)],
}

pub(crate) const TABLES: &[&Table] = &[&v311::TABLE, &v5::TABLE];

impl Table {
    pub(crate) fn statements(&self) -> impl Iterator<Item = &'static Statement> {
        self.chapters.iter().copied().flatten()
    }

    /// That it has each statement once, and none that the specification does not have.
    pub(crate) fn check_complete(&self) -> anyhow::Result<()> {
        let expected: BTreeSet<_> = self
            .sections
            .iter()
            .flat_map(|(section, first, last)| (*first..=*last).map(move |number| format!("{section}-{number}")))
            .collect();
        let mut present = BTreeSet::new();
        for statement in self.statements() {
            ensure!(present.insert(statement.id.to_owned()), "{} is there twice", statement.id);
            ensure!(!statement.gist.is_empty(), "{} has no gist", statement.id);
            match statement.proof {
                Proof::Cases([]) => bail!("{} names no case", statement.id),
                Proof::None("") => bail!("{} has neither a case nor a reason", statement.id),
                _ => {}
            }
        }
        let missing: Vec<_> = expected.difference(&present).collect();
        let invented: Vec<_> = present.difference(&expected).collect();
        ensure!(missing.is_empty(), "missing: {missing:?}");
        ensure!(invented.is_empty(), "not in the specification: {invented:?}");
        Ok(())
    }

    /// That the cases it names exist for its version, and that each case of the version proves something.
    pub(crate) fn check_cases(&self, cases: &[Case]) -> anyhow::Result<()> {
        let mut proofs: BTreeMap<_, _> = cases
            .iter()
            .filter(|case| case.versions.contains(&self.version))
            .map(|case| (case.name, 0_usize))
            .collect();
        for statement in self.statements() {
            let Proof::Cases(names) = statement.proof else { continue };
            for name in names {
                match proofs.get_mut(name) {
                    Some(count) => *count += 1,
                    None => bail!("{}: there is no case {name} for MQTT {}", statement.id, self.version.name()),
                }
            }
        }
        let idle: Vec<_> = proofs.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name).collect();
        ensure!(idle.is_empty(), "cases that prove nothing: {idle:?}");
        Ok(())
    }
}
