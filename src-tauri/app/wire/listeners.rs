use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Access;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum ListenerKind {
    Tcp,
    Tls,
    WebSocket,
    WebSocketTls,
}

/// A listener, with all addresses that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ListenerRow {
    pub kind: ListenerKind,
    pub source: ListenerFrom,
    /// Connected through it.
    pub clients: u32,
    pub sockets: Vec<ListenerSocket>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ListenerSocket {
    /// `127.0.0.1:1883`.
    pub address: String,
    /// Why it does not listen, where it does not.
    pub fault: Option<String>,
}

/// Who wants a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ListenerFrom {
    /// `port` in the settings.
    Port {
        port: u16,
        /// The command line says it, so it can't be changed while Nightjar runs.
        fixed: bool,
    },
    CommandLine,
    /// A `[[listener]]` of the settings: which one, and what it says.
    Table {
        place: u32,
        written: ListenerDraft,
    },
}

/// What the window sets about a `[[listener]]`; whatever else it says stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ListenerDraft {
    pub kind: ListenerKind,
    /// Null: all of this computer's, or those that only this computer reaches, by who may connect.
    pub address: Option<String>,
    pub port: u16,
    /// Null: whoever may connect to the broker.
    pub access: Option<Access>,
    /// Files of the user's, both or none; null is what `[tls]` says, or Nightjar's own.
    pub certificate: Option<String>,
    pub key: Option<String>,
}
