use std::sync::atomic::{AtomicU64, Ordering};

use crate::DropReason;

/// What the broker did since it started. Traffic is added once a read or write.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) packets_in: AtomicU64,
    pub(crate) packets_out: AtomicU64,
    pub(crate) messages_in: AtomicU64,
    pub(crate) messages_out: AtomicU64,
    pub(crate) payload_in: AtomicU64,
    pub(crate) payload_out: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) sockets: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) refused_connections: AtomicU64,
    pub(crate) most_connected: AtomicU64,
    pub(crate) expired_sessions: AtomicU64,
    pub(crate) denied_subscriptions: AtomicU64,
    pub(crate) withheld: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

/// [`Counters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets of all kinds from clients.
    pub packets_in: u64,
    /// Packets of all kinds to clients.
    pub packets_out: u64,
    /// PUBLISH packets from clients.
    pub messages_in: u64,
    /// PUBLISH packets to clients.
    pub messages_out: u64,
    /// Bytes of their payloads.
    pub payload_in: u64,
    pub payload_out: u64,
    /// Bytes on the network, packet headers included.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Connections that were opened, whatever came of them.
    pub sockets: u64,
    /// CONNECT packets.
    pub connects: u64,
    /// Connections that CONNACK accepted.
    pub connections: u64,
    pub refused_connections: u64,
    /// The most clients that were connected at once.
    pub most_connected: u64,
    /// Sessions that expired while their clients were away.
    pub expired_sessions: u64,
    /// Topic Filters of which the rules allow nothing.
    pub denied_subscriptions: u64,
    /// Messages that were not routed to a subscriber, because it may not read their topics, or, of one that is retained,
    /// because its publisher may no longer publish it: one that is kept from two subscribers counts twice.
    pub withheld: u64,
    /// In the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
}

impl Totals {
    /// Messages that were not delivered, for whatever reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

/// Adds to a counter; the order among counters does not matter.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

impl Counters {
    /// A client is connected, one of so many.
    pub(crate) fn connected(&self, now_connected: usize) {
        add(&self.connections, 1);
        self.most_connected.fetch_max(now_connected as u64, Ordering::Relaxed);
    }

    pub(crate) fn drop_messages(&self, reason: DropReason, count: u64) {
        add(&self.dropped[reason as usize], count);
    }

    pub(crate) fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            packets_in: read(&self.packets_in),
            packets_out: read(&self.packets_out),
            messages_in: read(&self.messages_in),
            messages_out: read(&self.messages_out),
            payload_in: read(&self.payload_in),
            payload_out: read(&self.payload_out),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            sockets: read(&self.sockets),
            connects: read(&self.connects),
            connections: read(&self.connections),
            refused_connections: read(&self.refused_connections),
            most_connected: read(&self.most_connected),
            expired_sessions: read(&self.expired_sessions),
            denied_subscriptions: read(&self.denied_subscriptions),
            withheld: read(&self.withheld),
            dropped: std::array::from_fn(|reason| read(&self.dropped[reason])),
        }
    }
}
