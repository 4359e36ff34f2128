use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::MessageRow;

/// Which rows of the topic tree the window shows.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct TopicQuery {
    /// Full paths of the levels that are unfolded ("factory", "factory/line-2").
    pub expanded: Vec<String>,
    /// A topic filter with wildcards, or plain text that the path contains; empty shows all. Levels above a match
    /// are shown, and unfolded, with it.
    pub filter: String,
    pub sort: TopicSort,
    pub first: u32,
    pub count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum TopicSort {
    Name,
    Rate,
    Recent,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct TopicRows {
    /// Rows that the query has in all, for the scroll bar.
    pub total: u32,
    /// Topics that the broker has seen messages on.
    pub topics: u32,
    pub first: u32,
    pub rows: Vec<TopicRow>,
}

/// A level of the tree.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct TopicRow {
    /// The full path, which is the Topic Name where `is_topic`.
    pub path: String,
    /// The last level, as shown.
    pub name: String,
    /// 1 at the top.
    pub depth: u32,
    /// Levels right below.
    pub children: u32,
    /// Topics anywhere below.
    pub topics_below: u32,
    pub expanded: bool,
    pub is_topic: bool,
    pub retained: bool,
    /// Messages per second, on this topic and all below.
    pub rate: f64,
    /// Messages since the history begins, on this topic alone.
    pub messages: u64,
    /// The last payload, shortened for one line; `{…} 412 B` for JSON objects. Empty where `!is_topic`.
    pub value: String,
    pub value_kind: PayloadKind,
    /// When the last message came.
    pub last_at: Option<f64>,
    /// When the last payload differed from the one before.
    pub changed_at: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum PayloadKind {
    #[default]
    Empty,
    Number,
    Boolean,
    /// A JSON string, array, object or null.
    Json,
    Text,
    Binary,
}

/// The newest messages of one topic; repeated with `after` = the newest id known.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct TopicMessagesQuery {
    pub topic: String,
    pub after: Option<u64>,
    /// At most 500.
    pub limit: u32,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct TopicMessages {
    /// Newest first.
    pub rows: Vec<MessageRow>,
    /// Messages after `after` that were too many for `limit`: older than `rows`, to be found in History.
    pub skipped: u64,
    /// Messages on the topic in the history.
    pub total: u64,
    /// Messages per slot over the last 5 minutes, 100 slots, oldest first.
    pub histogram: Vec<u32>,
    /// `[time, value]` of the last 5 minutes where payloads are numbers (or `value_path` in JSON), at most 300.
    pub series: Vec<(f64, f64)>,
    /// The JSON member that `series` follows; empty where the payload itself is the number.
    pub series_path: Option<String>,
}

/// What the palette (Ctrl K) finds.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Found {
    /// At most 8, the busiest first.
    pub topics: Vec<FoundTopic>,
    pub clients: Vec<FoundClient>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct FoundTopic {
    pub path: String,
    pub is_topic: bool,
    pub rate: f64,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct FoundClient {
    pub client: String,
    pub connected: bool,
}
