use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Fault;

/// Whether the broker runs, and where devices find it.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Status {
    Starting,
    Running(Running),
    /// The error screen with *Retry*.
    Failed {
        fault: Fault,
    },
}

/// A broker at work.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Running {
    pub access: Access,
    pub listeners: Vec<Listener>,
    /// Ports at which anyone on the network may connect without a password.
    pub open_ports: Vec<u16>,
    /// The host that a device should be told, which follows `access`: 127.0.0.1, or this machine's address on the network.
    pub address: String,
    pub port: u16,
    /// `mqtt://address:port`.
    pub url: String,
    /// This machine's other addresses on its networks.
    pub other_addresses: Vec<String>,
    /// TLS shows Nightjar's own certificate, whose authority devices have to trust.
    pub authority: bool,
    pub data_directory: String,
    pub version: String,
    /// A client has connected since the data directory was made: the first-run card is over.
    pub ever_connected: bool,
    /// Something that is worth the notice bar, such as a database that was set aside.
    pub notices: Vec<String>,
    pub started_at: f64,
}

/// Who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    ThisComputer,
    Password,
    Anyone,
}

/// A way in beside plain MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum WayIn {
    Tls,
    WebSocket,
    WebSocketTls,
}

/// An address that the broker accepts connections at.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Listener {
    /// "MQTT".
    pub name: String,
    /// What is below MQTT; nothing but TCP where there is none.
    pub way: Option<WayIn>,
    /// `127.0.0.1:1883`.
    pub address: String,
    pub port: u16,
    /// What a WebSocket's request asks for, such as "/mqtt".
    pub path: Option<String>,
    pub clients: u32,
    /// Why it does not listen, where it does not.
    pub fault: Option<String>,
}

/// What the user set about the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Preferences {
    pub theme: Theme,
    pub density: Density,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum Density {
    Compact,
    #[default]
    Normal,
    Comfortable,
}
