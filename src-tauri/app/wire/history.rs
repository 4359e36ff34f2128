use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::MessageRow;

/// What to look for in the history. Empty fields ask for nothing.
#[derive(Clone, Debug, Default, Deserialize, TS)]
#[ts(export)]
pub struct HistoryQuery {
    /// A topic filter, with wildcards.
    pub filter: String,
    /// A client identifier, whole.
    pub client: String,
    /// Text that the payload contains; case does not matter for ASCII letters.
    pub text: String,
    /// What a value in a JSON payload must be: `$.temperature > 30`.
    pub json: String,
    pub from: Option<f64>,
    pub to: Option<f64>,
    /// 0, 1 or 2.
    pub qos: Option<u8>,
    /// Whether it was published to be retained.
    pub retain: Option<bool>,
}

/// A search that runs, or has run: its rows can be asked for from any position, newest first.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct HistoryProgress {
    pub search: u64,
    /// Messages found so far; all of them once `done`.
    pub found: u64,
    /// 0 to 1: how much of the history was looked at.
    pub progress: f64,
    pub done: bool,
    /// Messages that came to the history since the search began, matching or not.
    pub newer: u64,
    /// The search stopped at this many rows; narrow it to see the rest.
    pub limit_reached: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct HistoryPage {
    pub progress: HistoryProgress,
    pub first: u64,
    pub rows: Vec<MessageRow>,
}

/// Some of what a search found, by position.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct HistoryPick {
    pub search: u64,
    /// First and count, ascending.
    pub ranges: Vec<(u64, u64)>,
}

/// How what a search found spreads over a time.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct HistoryHistogram {
    pub from: f64,
    pub to: f64,
    /// Messages in equal parts of that time, the oldest first.
    pub counts: Vec<u64>,
}

/// A time of which the history does not have all.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct HistoryGap {
    pub from: f64,
    pub to: f64,
    /// Messages of QoS 0 that are missing.
    pub messages: u64,
    pub events: u64,
    /// Words that go on from "because".
    pub reason: String,
}

/// Which numbers to chart.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct HistoryPlotQuery {
    /// Of which messages.
    pub query: HistoryQuery,
    /// `$.value`; `$` for payloads that are numbers themselves.
    pub path: String,
    pub from: f64,
    pub to: f64,
    /// At most so many parts of the time.
    pub points: u32,
}

/// A chart that is being made, or has been.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct HistoryPlot {
    pub plot: u64,
    /// 0 to 1: how much of the history was looked at.
    pub progress: f64,
    pub done: bool,
    /// Messages that have no number there.
    pub without_number: u64,
    /// Oldest first; parts of the time without numbers have none.
    pub points: Vec<PlotPoint>,
}

/// The numbers of a part of the time.
#[derive(Clone, Copy, Debug, Serialize, TS)]
#[ts(export)]
pub struct PlotPoint {
    /// Where the part begins.
    pub at: f64,
    pub count: u64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// The one that came last.
    pub last: f64,
}

/// How messages are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON object a line, all properties included.
    JsonLines,
    /// A table.
    Csv,
}

impl From<ExportFormat> for nightjar_store::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::JsonLines => Self::JsonLines,
            ExportFormat::Csv => Self::Csv,
        }
    }
}

/// An export that runs, or has run.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct HistoryExport {
    pub file: String,
    /// 0 to 1.
    pub progress: f64,
    /// Messages in the file, once it is whole.
    pub written: Option<u64>,
}
