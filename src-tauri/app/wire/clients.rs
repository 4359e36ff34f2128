use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::EventRow;

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct ClientQuery {
    /// Text that the client identifier, user name or address contains.
    pub filter: String,
    pub only_connected: bool,
    pub sort: ClientSort,
    pub descending: bool,
    pub first: u32,
    pub count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum ClientSort {
    Name,
    State,
    RateIn,
    RateOut,
    Queue,
    Since,
    Address,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct ClientRows {
    /// Rows that the query has in all.
    pub total: u32,
    pub connected: u32,
    /// Sessions of clients that are away.
    pub away: u32,
    pub first: u32,
    pub rows: Vec<ClientRow>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct ClientRow {
    pub client: String,
    pub connected: bool,
    /// "5.0", "3.1.1", "3.1".
    pub version: String,
    /// `192.168.1.7:50411`; the last one where the client is away.
    pub address: String,
    pub user_name: Option<String>,
    /// Connected since, or away since.
    pub since: f64,
    /// Messages per second from the client, and to it.
    pub rate_in: f64,
    pub rate_out: f64,
    pub messages_in: u64,
    pub messages_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub subscriptions: u32,
    /// Messages that were sent to it and are not acknowledged yet.
    pub inflight: u32,
    /// Messages that wait for it.
    pub queued: u32,
    pub queued_bytes: u64,
    pub dropped: u64,
    /// It is this window, acting as a client.
    pub is_window: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct ClientDetail {
    pub row: ClientRow,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    pub clean_start: bool,
    /// Seconds after the connection ends; absent never expires.
    pub session_expiry_interval: Option<u32>,
    pub receive_maximum: u16,
    pub will: Option<WillDetail>,
    /// "Keep Alive timeout (0x8D): nothing was heard for 90 s [MQTT-3.1.2-22]".
    pub last_disconnect: Option<String>,
    pub subscriptions: Vec<SubscriptionRow>,
    /// The newest first, at most 100.
    pub timeline: Vec<EventRow>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct WillDetail {
    pub topic: String,
    pub preview: String,
    pub qos: u8,
    pub retain: bool,
    /// Seconds.
    pub delay: u32,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct SubscriptionRow {
    pub filter: String,
    pub qos: u8,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub identifier: Option<u32>,
}
