use std::path::PathBuf;
use std::str::FromStr;

use crate::Keeping;

/// What a committed message survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: one fsync for each batch.
    #[default]
    PowerLoss,
    /// A crash of Nightjar, but not of the machine.
    Crash,
    /// Nothing: the history is in memory, and no file is touched.
    None,
}

impl Durability {
    /// The name in the configuration and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PowerLoss => "power-loss",
            Self::Crash => "crash",
            Self::None => "none",
        }
    }
}

/// A word that is no [`Durability`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("durability is \"power-loss\", \"crash\" or \"none\", not {0:?}")]
pub struct UnknownDurability(String);

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::PowerLoss, Self::Crash, Self::None]
            .into_iter()
            .find(|durability| durability.name() == name)
            .ok_or_else(|| UnknownDurability(name.to_owned()))
    }
}

/// What happens where the disk is slower than the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOverload {
    /// Publishers are slowed down: their sockets are not read for a while.
    #[default]
    SlowPublishers,
    /// Messages of QoS 0 are delivered but not recorded, which leaves a gap.
    SkipHistory,
}

impl OnOverload {
    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowPublishers => "slow-publishers",
            Self::SkipHistory => "skip-history",
        }
    }
}

/// A word that is no [`OnOverload`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("on_overload is \"slow-publishers\" or \"skip-history\", not {0:?}")]
pub struct UnknownOnOverload(String);

impl FromStr for OnOverload {
    type Err = UnknownOnOverload;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::SlowPublishers, Self::SkipHistory]
            .into_iter()
            .find(|choice| choice.name() == name)
            .ok_or_else(|| UnknownOnOverload(name.to_owned()))
    }
}

/// How to open the journal.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; made if it is missing, and not touched with [`Durability::None`].
    pub directory: PathBuf,
    pub durability: Durability,
    /// Bytes that may wait for the disk before publishers are slowed down, and, while the disk takes nothing, before
    /// messages of QoS 0 are skipped.
    pub queue_limit: usize,
    /// Bytes of history that [`Durability::None`] holds in memory; the oldest messages go first.
    pub memory_limit: u64,
    pub on_overload: OnOverload,
    /// What is kept for how long.
    pub keeping: Keeping,
    /// Whether somebody is to see the live topics: without that, [`Store::topics`](crate::Store::topics) stays empty,
    /// and costs nothing.
    pub watched: bool,
}

impl Options {
    /// The defaults: [`Durability::PowerLoss`], 8 MiB in the queue (a fraction of a second of work, so that publishers
    /// are slowed and not stopped), 256 MiB of history in memory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            durability: Durability::default(),
            queue_limit: 8 << 20,
            memory_limit: 256 << 20,
            on_overload: OnOverload::default(),
            keeping: Keeping::default(),
            watched: true,
        }
    }

    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}
