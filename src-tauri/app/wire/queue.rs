use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::MessageRow;

/// What waits for a client.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct QueueRows {
    /// Messages that wait.
    pub total: u32,
    pub bytes: u64,
    /// When the first of them was published.
    pub oldest: Option<f64>,
    /// Messages that were sent and wait for an acknowledgement; these are not among the rows.
    pub inflight: u32,
    pub first: u32,
    /// In the order of sending.
    pub rows: Vec<QueueRow>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct QueueRow {
    /// Names the message for as long as it waits.
    pub key: String,
    /// `qos` and `retain` are as it will be sent; `id` is 0.
    pub row: MessageRow,
}

/// Which waiting messages to purge.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "which", content = "value", rename_all = "snake_case")]
pub enum QueueSelection {
    /// All that wait at that moment.
    All,
    /// Those with these keys, as far as they still wait.
    Keys(Vec<String>),
}
