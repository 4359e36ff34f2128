use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How serious a record of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct LogQuery {
    /// Records at least as serious; null for all.
    pub level: Option<LogLevel>,
    /// Text that the message, the client, the module or a field contains.
    pub text: String,
    /// The newest record to look at, for a list that stands still.
    pub up_to: Option<u64>,
    pub first: u32,
    pub count: u32,
}

/// What Nightjar says about itself, the newest first.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct LogRows {
    /// Rows that the query has in all.
    pub total: u32,
    pub first: u32,
    pub rows: Vec<LogRow>,
    /// Rows that match and are newer than `up_to`.
    pub newer: u32,
    /// The id of the newest record; 0 where there is none.
    pub newest: u64,
    /// Older records that are not in memory any more.
    pub forgotten: u64,
    /// The least serious level that is recorded.
    pub level: LogLevel,
    /// Absent where none is written.
    pub file: Option<LogFile>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct LogFile {
    pub path: String,
    /// Why it is not written, where it is not.
    pub fault: Option<String>,
    /// Records that are not in it: the disk took none, or too few.
    pub lost: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct LogField {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct LogRow {
    pub id: u64,
    pub at: f64,
    pub level: LogLevel,
    /// The module that said it: `nightjar_broker::listener`.
    pub target: String,
    pub client: Option<String>,
    pub text: String,
    pub fields: Vec<LogField>,
    /// The record as a line of the log file.
    pub line: String,
}
