//! What the broker knows of a client besides its session: for the window, for `$SYS`, and for whoever asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nightjar_mqtt::{ProtocolVersion, SubscriptionOptions, Will};
use parking_lot::Mutex;

use crate::outbox::Outbox;
use crate::session_subscriptions::SessionSubscriptions;
use crate::{ClientIdentifier, Timestamp};

/// Shared between the client's connection, which writes it, and whoever looks.
#[derive(Debug)]
pub(crate) struct ClientCard {
    pub(crate) messages_in: AtomicU64,
    pub(crate) messages_out: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) inflight: AtomicU32,
    pub(crate) about: Mutex<About>,
}

/// The slowly changing part.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) connected: bool,
    pub(crate) since: Timestamp,
    pub(crate) connection: ConnectionInfo,
    pub(crate) last_disconnect: Option<String>,
    /// The session's subscriptions: this is where they live, beside their copies in the tree.
    pub(crate) subscriptions: SessionSubscriptions,
}

/// A subscription of a session: how, and under which Subscription Identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    pub options: SubscriptionOptions,
    pub identifier: Option<u32>,
}

/// What CONNECT said, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    pub address: SocketAddr,
    pub version: ProtocolVersion,
    pub user_name: Option<String>,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    pub clean_start: bool,
    /// Seconds after the connection's end; `u32::MAX` never expires.
    pub session_expiry_interval: u32,
    pub receive_maximum: u16,
    pub will: Option<Box<Will>>,
}

/// A client, connected or away, at one moment.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    pub identifier: ClientIdentifier,
    /// The account whose session it is; `None` also where a user name was given that nobody asked for.
    pub account: Option<Arc<str>>,
    pub connected: bool,
    /// Connected since, or away since.
    pub since: Timestamp,
    /// Of the last connection, where the client is away.
    pub connection: ConnectionInfo,
    pub last_disconnect: Option<String>,
    pub messages_in: u64,
    pub messages_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub subscriptions: usize,
    /// Messages that were sent and wait for an acknowledgement.
    pub inflight: u32,
    /// Messages that wait to be sent.
    pub queued: usize,
    pub queued_bytes: usize,
    pub dropped: u64,
}

impl ClientCard {
    pub(crate) fn new(connection: ConnectionInfo, since: Timestamp) -> Self {
        Self {
            messages_in: AtomicU64::new(0),
            messages_out: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            inflight: AtomicU32::new(0),
            about: Mutex::new(About {
                connected: true,
                since,
                connection,
                last_disconnect: None,
                subscriptions: SessionSubscriptions::default(),
            }),
        }
    }

    pub(crate) fn info(&self, outbox: &Outbox) -> ClientInfo {
        let waiting = outbox.waiting();
        let about = self.about.lock();
        ClientInfo {
            identifier: outbox.client().clone(),
            account: outbox.who().user,
            connected: about.connected,
            since: about.since,
            connection: about.connection.clone(),
            last_disconnect: about.last_disconnect.clone(),
            messages_in: self.messages_in.load(Ordering::Relaxed),
            messages_out: self.messages_out.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            subscriptions: about.subscriptions.len(),
            inflight: self.inflight.load(Ordering::Relaxed),
            queued: waiting.messages,
            queued_bytes: waiting.bytes,
            dropped: waiting.dropped,
        }
    }
}
