//! Real clients, which other people wrote, behind one small interface.

mod driver;
mod mosquitto;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use nightjar_mqtt::{ProtocolVersion, QoS};

pub use driver::Driver;
pub use mosquitto::Mosquitto;

/// A message as a client sends or receives it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub retain: bool,
}

impl std::fmt::Debug for Message {
    /// Long payloads by their length and ends: a failed assertion over 1 MiB should stay readable.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let retain = if self.retain { ", retained" } else { "" };
        write!(formatter, "{} (QoS {}{retain}) ", self.topic, self.qos.level())?;
        if self.payload.len() > 80 {
            let (head, tail) = (&self.payload[..16], &self.payload[self.payload.len() - 16..]);
            write!(formatter, "{} bytes: {head:02x?}…{tail:02x?}", self.payload.len())
        } else {
            write!(formatter, "{:?}", String::from_utf8_lossy(&self.payload))
        }
    }
}

/// What a listener speaks below MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Tcp,
    Tls,
    #[value(name = "websocket")]
    WebSocket,
    /// WebSocket over TLS
    #[value(name = "wss")]
    WebSocketTls,
}

impl Kind {
    /// Whether it is encrypted.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::WebSocketTls)
    }

    /// Whether MQTT is within WebSocket frames.
    pub const fn is_web_socket(self) -> bool {
        matches!(self, Self::WebSocket | Self::WebSocketTls)
    }
}

/// Where a client connects, and how.
#[derive(Clone, Debug)]
pub struct Place {
    pub address: SocketAddr,
    pub kind: Kind,
    /// The certificate authority to trust, as PEM; for TLS.
    pub authority: PathBuf,
}

impl Place {
    /// An address without anything below MQTT.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, kind: Kind::Tcp, authority: PathBuf::new() }
    }
}

/// How a client presents itself.
#[derive(Clone, Debug)]
pub struct Session {
    pub place: Place,
    pub version: ProtocolVersion,
    pub client_identifier: String,
    /// Whether the broker is to keep the session, for an hour, when the client goes.
    pub kept: bool,
    pub will: Option<Message>,
}

/// A family of clients: one library or set of tools.
pub trait Family: Send + Sync {
    /// Its name, as in the names of the tests.
    fn name(&self) -> &'static str;

    /// Whether its clients can reach such a listener.
    fn speaks(&self, _kind: Kind) -> bool {
        true
    }

    /// Connects, subscribes, and returns once the broker has confirmed both.
    ///
    /// # Errors
    /// Where the broker or the client does not do that.
    fn subscribe(&self, session: &Session, filter: &str, maximum_qos: QoS) -> anyhow::Result<Box<dyn Subscriber>>;

    /// Connects again to a session that was kept. `filter` is for clients that can't help subscribing.
    ///
    /// # Errors
    /// Where the session is not there any more.
    fn resume(&self, session: &Session, filter: &str, maximum_qos: QoS) -> anyhow::Result<Box<dyn Subscriber>>;

    /// Whether its DISCONNECT asks for the will all the same (MQTT 5.0, 3.14.2.1, 0x04).
    fn leaves_with_will(&self, _version: ProtocolVersion) -> bool {
        false
    }

    /// Connects, publishes the messages in order, each fully acknowledged, and disconnects.
    ///
    /// # Errors
    /// Where the broker or the client does not do that.
    fn publish(&self, session: &Session, messages: &[Message]) -> anyhow::Result<()>;
}

/// A connected client that subscribed.
pub trait Subscriber {
    /// The next message that arrives.
    ///
    /// # Errors
    /// Where none does by the deadline.
    fn receive(&mut self) -> anyhow::Result<Message>;

    /// Disconnects as the specification asks for.
    ///
    /// # Errors
    /// Where the client does not end then.
    fn leave(&mut self) -> anyhow::Result<()>;

    /// Dies without a word: the socket closes and no DISCONNECT is sent.
    ///
    /// # Errors
    /// Where it was dead before.
    fn vanish(&mut self) -> anyhow::Result<()>;
}
