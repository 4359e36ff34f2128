use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What is kept for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct KeepingRules {
    /// The first one that matches a topic is the one that counts.
    pub rules: Vec<KeepingRule>,
    /// For the topics that no rule matches.
    pub otherwise: KeepingBounds,
    /// Bytes of the whole file, beyond which the oldest messages go.
    pub file: Option<u64>,
    /// How long events are kept, in milliseconds.
    pub events: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct KeepingRule {
    /// A topic filter.
    pub filter: String,
    pub keep: KeepingBounds,
}

/// Whichever bound is reached first lets the oldest go; an absent one is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct KeepingBounds {
    /// Nothing is recorded, and the bounds say nothing.
    pub nothing: bool,
    /// Milliseconds.
    pub age: Option<u64>,
    /// Messages of each topic.
    pub messages: Option<u64>,
    /// Bytes of the payloads of all topics of the rule together.
    pub bytes: Option<u64>,
}

/// What is kept, how much that is, and what is being let go of.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Keeping {
    pub rules: KeepingRules,
    pub messages: u64,
    /// Of the file, its log included.
    pub bytes: u64,
    /// When the oldest message came.
    pub oldest: Option<f64>,
    /// There is no file: the history is in memory.
    pub in_memory: bool,
    /// Messages are being deleted.
    pub deleting: bool,
    /// How many so far or, where none are being deleted, the last time that any were.
    pub deleted: u64,
    /// When that ended.
    pub deleted_at: Option<f64>,
    /// Why the rules could not be applied.
    pub failed: Option<String>,
}

/// What rules would let go of, about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct KeepingForecast {
    /// One for each rule; the last one is for the topics that no rule matches.
    pub rules: Vec<RuleForecast>,
    /// Messages that would go, beyond those, for the file to stay below its bound.
    pub beyond_file: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct RuleForecast {
    /// Topics that it is for: those that no rule above it matches.
    pub topics: u64,
    /// Their messages.
    pub messages: u64,
    /// Those of them that would go.
    pub lost: u64,
    /// More may go: their bytes are too many to be added up at once.
    pub maybe_more: bool,
}
