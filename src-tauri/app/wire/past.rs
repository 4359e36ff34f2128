use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{HistoryProgress, MessageRow};

/// A look at the retained set of the past that goes on, or is done. Its rows can be asked for once it is done.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct PastProgress {
    pub past: u64,
    /// The moment; absent for what was cleared.
    pub at: Option<f64>,
    /// Topics found so far.
    pub found: u32,
    /// 0 to 1: how much of the history was looked at.
    pub progress: f64,
    pub done: bool,
    /// It stopped at this many topics.
    pub limit_reached: bool,
}

/// Rows of a moment of the past.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct PastQuery {
    /// As in [`RetainedQuery`](super::RetainedQuery).
    pub filter: String,
    /// Only what is different now; with topics that retained nothing then.
    pub different: bool,
    pub sort: PastSort,
    pub descending: bool,
    pub first: u32,
    pub count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum PastSort {
    Topic,
    /// The youngest of that moment first.
    Age,
    Size,
}

/// How what a topic retained then compares to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum PastState {
    /// The same message.
    Same,
    /// Another message.
    Changed,
    /// There is none now.
    Gone,
    /// There was none then.
    New,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct PastRow {
    pub topic: String,
    pub state: PastState,
    /// What was retained then; absent where nothing was, or the history has let go of it meanwhile.
    pub then: Option<MessageRow>,
    /// What is retained now. Its `id` is 0.
    pub now: Option<MessageRow>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct PastRows {
    pub progress: PastProgress,
    /// Rows that the query has in all.
    pub total: u32,
    /// Topics of that moment in each state, whatever the query.
    pub same: u32,
    pub changed: u32,
    pub gone: u32,
    pub new: u32,
    pub first: u32,
    pub rows: Vec<PastRow>,
}

/// Rows of what was cleared, the last first.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct ClearedQuery {
    /// As in [`RetainedQuery`](super::RetainedQuery).
    pub filter: String,
    pub first: u32,
    pub count: u32,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct ClearedRow {
    /// What the topic retained last.
    pub row: MessageRow,
    pub ended: f64,
    /// Who cleared it; absent where it expired, or that is no longer on record.
    pub by: Option<String>,
    /// Its expiry interval was over; nobody cleared it.
    pub expired: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct ClearedRows {
    pub progress: PastProgress,
    pub total: u32,
    pub first: u32,
    pub rows: Vec<ClearedRow>,
}

/// A message of a topic's retained history, and how it ended.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct RetainedChange {
    /// Without a payload it cleared the topic.
    pub row: MessageRow,
    /// When it was no longer retained; absent for what still is.
    pub until: Option<f64>,
    pub ending: RetainedEnding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum RetainedEnding {
    /// It is retained now.
    Stands,
    /// Another message took its place.
    Replaced,
    Cleared,
    Expired,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct RetainedChanges {
    pub progress: HistoryProgress,
    pub first: u64,
    /// The newest first.
    pub rows: Vec<RetainedChange>,
}
