use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The numbers that are always in sight: status bar, rail, and the top of Overview.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Vitals {
    pub clients: u32,
    pub topics: u32,
    pub retained: u32,
    pub messages_in: f64,
    pub messages_out: f64,
    /// Bytes per second.
    pub bytes_in: f64,
    pub bytes_out: f64,
    /// Messages that were not delivered, since the start.
    pub dropped: u64,
    pub dropped_by_reason: Vec<DropCount>,
    pub history_messages: u64,
    pub history_bytes: u64,
    /// Messages that the journal took but has not committed yet.
    pub journal_backlog: u64,
    /// Why the journal does not record at the moment, where it does not ("The disk is full").
    pub journal_paused: Option<String>,
    pub now: f64,
    pub uptime_seconds: f64,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct DropCount {
    /// "queue full", "too large", "expired", …
    pub reason: String,
    pub count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum TrafficRange {
    OneMinute,
    TenMinutes,
    OneHour,
    OneDay,
}

/// What Overview shows besides [`Vitals`].
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Overview {
    pub joined_5_min: u32,
    pub left_5_min: u32,
    /// The highest messages in per second, since the start.
    pub peak_in: f64,
    /// At most 5, the busiest first.
    pub busiest_topics: Vec<Busy>,
    pub busiest_clients: Vec<Busy>,
    /// At most 20, the newest first.
    pub events: Vec<EventRow>,
}

/// What Overview draws. It has a new point once a second at the most, and is asked for as often: apart from [`Overview`],
/// since it is larger by far than all that changes four times a second.
///
/// Columns of equal length, at most 600 points; `at` ascends. Values are per second.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Traffic {
    pub at: Vec<f64>,
    pub messages_in: Vec<f64>,
    pub messages_out: Vec<f64>,
    pub recent: Recent,
}

/// The last 60 s, one value a second, for the sparklines.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Recent {
    pub clients: Vec<f64>,
    pub messages_in: Vec<f64>,
    pub messages_out: Vec<f64>,
    /// In and out.
    pub bytes: Vec<f64>,
    pub dropped: Vec<f64>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Busy {
    pub name: String,
    pub rate: f64,
}

/// Something that happened, in words.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct EventRow {
    pub id: u64,
    pub at: f64,
    pub kind: EventKind,
    pub client: Option<String>,
    /// "hall-tablet connected".
    pub text: String,
    /// "from 192.168.1.7:50411, MQTT 5.0", "the packet has QoS 3 [MQTT-3.3.1-4]".
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Connected,
    Disconnected,
    /// The connection ended without DISCONNECT.
    Lost,
    Refused,
    Violation,
    Subscribed,
    Unsubscribed,
    Will,
    Dropped,
    Takeover,
    Expired,
    Broker,
}
