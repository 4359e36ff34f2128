use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{MessageRow, Properties};

/// How the window connects when its user acts as a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PublisherOptions {
    pub client_id: String,
    pub version: PublisherVersion,
    pub clean_start: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub enum PublisherVersion {
    #[serde(rename = "3.1.1")]
    V311,
    #[serde(rename = "5.0")]
    V5,
}

/// The window's own connection, and what its subscriptions received.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct PublisherView {
    pub state: PublisherState,
    pub options: PublisherOptions,
    pub subscriptions: Vec<PublisherSubscription>,
    /// Messages that arrived since the connection began.
    pub received: u64,
    /// Those after the id that was asked for, newest first, at most 500. Ids count from 1 per window.
    pub inbox: Vec<ReceivedMessage>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PublisherState {
    Disconnected,
    Connecting,
    Connected { since: f64, session_present: bool },
    Failed { why: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PublisherSubscription {
    pub filter: String,
    pub qos: u8,
    pub no_local: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct ReceivedMessage {
    /// `publisher` is empty: MQTT does not tell a subscriber who published.
    pub row: MessageRow,
    /// The whole payload, base64, where it is at most 64 KiB; else its beginning.
    pub payload: String,
    pub properties: Properties,
}

/// A message to publish.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OutgoingMessage {
    pub topic: String,
    /// Base64.
    pub payload: String,
    pub qos: u8,
    pub retain: bool,
    pub properties: Properties,
}

/// How the broker took a message.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Published {
    /// Milliseconds from sending to the last acknowledgement; absent for QoS 0.
    pub acknowledged_after: Option<f64>,
    /// "Success", "No matching subscribers": MQTT 5.0 with QoS 1 and 2.
    pub reason: Option<String>,
}
