use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{MessageRow, Properties};

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct RetainedQuery {
    /// A topic filter with wildcards, or plain text that the topic contains; empty shows all.
    pub filter: String,
    pub sort: RetainedSort,
    pub descending: bool,
    pub first: u32,
    pub count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum RetainedSort {
    Topic,
    Age,
    Size,
    Publisher,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct RetainedRows {
    pub total: u32,
    pub first: u32,
    /// `id` is 0 where the message is no longer in the history; the topic is the key.
    pub rows: Vec<MessageRow>,
}

/// Which retained messages to clear.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "which", content = "value", rename_all = "snake_case")]
pub enum RetainedSelection {
    Topics(Vec<String>),
    /// Everything that the window's filter matches, as in [`RetainedQuery`].
    Filter(String),
}

/// A retained message to set.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct RetainedEdit {
    pub topic: String,
    /// Base64.
    pub payload: String,
    pub qos: u8,
    pub properties: Properties,
}
