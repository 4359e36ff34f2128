use std::sync::atomic::{AtomicU64, Ordering};

use crate::DropReason;

/// What the broker did since it started. Updated once a batch.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages_in: AtomicU64,
    pub(crate) messages_out: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) refused_connections: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

/// [`Counters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// PUBLISH packets from clients.
    pub messages_in: u64,
    /// PUBLISH packets to clients.
    pub messages_out: u64,
    /// Bytes on the network, packet headers included.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Connections that CONNACK accepted.
    pub connections: u64,
    pub refused_connections: u64,
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
    pub(crate) fn drop_messages(&self, reason: DropReason, count: u64) {
        add(&self.dropped[reason as usize], count);
    }

    pub(crate) fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            messages_in: read(&self.messages_in),
            messages_out: read(&self.messages_out),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            connections: read(&self.connections),
            refused_connections: read(&self.refused_connections),
            dropped: std::array::from_fn(|reason| read(&self.dropped[reason])),
        }
    }
}
