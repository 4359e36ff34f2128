//! What the broker asks of whoever keeps its record. The store implements it; [`Forgetful`] keeps nothing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::kept::{Page, PageQuery, QueueUnreadable};
use crate::session_record::{SessionNumber, SessionRecord};
use crate::{Event, Message};

/// The place of a record in the journal's order; ascends by one with each record, and starts anew with each start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u64);

/// Something for the record.
#[derive(Clone, Debug)]
pub enum Record {
    /// A message as it was published, and the number of sessions that it was routed to. With `retain` it is also the
    /// topic's Retained Message from here on, or ends it where its payload is empty.
    Message {
        message: Arc<Message>,
        matched: u32,
    },
    Event(Event),
    /// A change of a session that outlives its connection; only where the journal [keeps](Journal::keeps_sessions) them.
    Session(SessionRecord),
}

/// How far the journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every record up to here is kept as the durability setting demands.
    pub committed: Sequence,
    /// Why nothing is recorded at the moment ("the disk is full"), while that is so.
    pub paused: Option<Arc<str>>,
}

/// The record of everything, in order.
///
/// `append` is on the hot path: it never touches the disk. Acknowledgements wait until `progress` has passed the
/// sequence that `append` gave.
pub trait Journal: Send + Sync + 'static {
    /// Takes the records, in order, leaves `records` empty, and returns the sequence of the last one.
    fn append(&self, records: &mut Vec<Record>) -> Sequence;

    /// Follows how far the journal is.
    fn progress(&self) -> watch::Receiver<Progress>;

    /// Whether so much waits for the disk that whoever appends should first wait for its own records to be
    /// committed, which slows publishers down to the disk's pace.
    fn is_behind(&self) -> bool;

    /// Whether it is to be told of every message. Otherwise those that it has to keep for somebody will do: what is
    /// retained, and what is in the queue of a session that it keeps.
    fn wants_all(&self) -> bool {
        true
    }

    /// Whether it keeps sessions and their queues; otherwise they live in memory.
    fn keeps_sessions(&self) -> bool {
        false
    }

    /// Reads entries of a queue that are committed, in order. Waits for the disk.
    ///
    /// # Errors
    /// Where it can't be read.
    fn read_queue(&self, query: PageQuery) -> Result<Page, QueueUnreadable> {
        let PageQuery { session, .. } = query;
        Err(QueueUnreadable(format!("no queue is kept of session {}", session.0)))
    }

    /// The order of the entry with `before` entries before it among those with these orders, all of which are
    /// committed; `None` where there are no more. Waits for the disk.
    ///
    /// # Errors
    /// Where the queue can't be read.
    fn order_at(
        &self,
        session: SessionNumber,
        _orders: Range<u64>,
        _before: usize,
    ) -> Result<Option<u64>, QueueUnreadable> {
        Err(QueueUnreadable(format!("no queue is kept of session {}", session.0)))
    }
}

/// A journal that keeps nothing: for measuring and testing the broker alone.
#[derive(Debug)]
pub struct Forgetful {
    last: AtomicU64,
    progress: watch::Sender<Progress>,
}

impl Forgetful {
    pub fn new() -> Self {
        let progress = Progress { committed: Sequence(u64::MAX), paused: None };
        Self { last: AtomicU64::new(0), progress: watch::Sender::new(progress) }
    }
}

impl Default for Forgetful {
    fn default() -> Self {
        Self::new()
    }
}

impl Journal for Forgetful {
    fn append(&self, records: &mut Vec<Record>) -> Sequence {
        let count = records.len() as u64;
        records.clear();
        Sequence(self.last.fetch_add(count, Ordering::Relaxed) + count)
    }

    fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn is_behind(&self) -> bool {
        false
    }

    fn wants_all(&self) -> bool {
        false
    }
}
