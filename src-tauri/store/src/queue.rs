//! What waits for the writer: a list behind a short lock, bounded in bytes. Appending never waits for the disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nightjar_broker::{Message, Queued, Record, Sequence, SessionRecord, Source, Timestamp};
use nightjar_mqtt::{QoS, TopicName};
use parking_lot::{Condvar, Mutex};

use crate::OnOverload;

/// How long records that nobody waits for (QoS 0, events) may stay for company.
const LINGER: Duration = Duration::from_millis(50);
/// Bytes at which the writer is woken even so.
const ENOUGH: usize = 4 << 20;
/// Skipped messages that are kept for the next glance.
const SKIPPED: usize = 10_000;
/// Bytes that an event holds beside its text.
const EVENT_OVERHEAD: usize = 128;
/// Bytes that a record of a session holds; those with more are few.
const SESSION_WEIGHT: usize = 96;

#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    /// Bytes appended and not committed yet, the batch in the writer's hands included.
    bytes: AtomicUsize,
    /// Records of the same.
    records: AtomicUsize,
    /// The disk takes nothing at the moment.
    paused: AtomicBool,
    limit: usize,
    /// Skip messages of QoS 0 rather than slow their publishers down.
    skips: bool,
}

#[derive(Debug, Default)]
struct Inner {
    records: Vec<Record>,
    /// The sequence of the last record that was taken in.
    last: Sequence,
    /// Since when `records` is not empty.
    since: Option<Instant>,
    /// Somebody waits for one of `records` to be committed, or there are enough.
    urgent: bool,
    /// The writer is wanted for something else.
    poked: bool,
    closed: bool,
    gap: Option<Gap>,
    /// How many of `records` a glance has given.
    glanced_at: usize,
    /// Messages that were skipped since the last glance.
    skipped: Vec<Arc<Message>>,
}

/// Why records were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GapReason {
    /// The disk took none.
    Paused,
    /// The disk was slower than the traffic, and publishers are not to wait for it.
    Overload,
}

impl GapReason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "nothing could be written",
            Self::Overload => "the disk was slower than the traffic",
        }
    }
}

/// Records that were not kept.
#[derive(Debug)]
pub(crate) struct Gap {
    pub(crate) reason: GapReason,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) messages: u64,
    pub(crate) events: u64,
    /// The last retained message of each topic among them: the retained set has no gaps.
    pub(crate) retained: HashMap<TopicName, Record>,
}

impl Gap {
    /// Messages that are missing. What topics retain is recorded after all, if late.
    pub(crate) fn unrecorded(&self) -> u64 {
        self.messages.saturating_sub(self.retained.len() as u64)
    }
}

/// What the writer takes at once.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) records: Vec<Record>,
    /// The sequence of the last one.
    pub(crate) last: Sequence,
    /// Came before `records` ends, and ends before whatever comes after them.
    pub(crate) gap: Option<Gap>,
    /// How many of `records`, from the first on, a glance has given already.
    pub(crate) glanced_at: usize,
    pub(crate) closed: bool,
}

impl Queue {
    pub(crate) fn new(limit: usize, on_overload: OnOverload) -> Self {
        Self {
            inner: Mutex::default(),
            filled: Condvar::new(),
            bytes: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            limit,
            skips: on_overload == OnOverload::SkipHistory,
        }
    }

    /// Why messages that nobody waits for are skipped once the queue is full, if they are.
    fn skips_because(&self) -> Option<GapReason> {
        if self.paused.load(Ordering::Relaxed) {
            Some(GapReason::Paused)
        } else {
            self.skips.then_some(GapReason::Overload)
        }
    }

    pub(crate) fn append(&self, records: &mut Vec<Record>) -> Sequence {
        let weight: usize = records.iter().map(weight).sum();
        let awaited = records.iter().any(is_awaited);
        let mut inner = self.inner.lock();
        if inner.closed {
            records.clear();
            return inner.last;
        }
        if let Some(reason) = self.skips_because()
            && self.bytes.load(Ordering::Relaxed) + weight > self.limit
        {
            self.append_what_fits(&mut inner, records, reason);
            if awaited && !inner.urgent {
                inner.urgent = true;
                self.filled.notify_one();
            }
            return inner.last;
        }
        let bytes = self.bytes.fetch_add(weight, Ordering::Relaxed) + weight;
        self.records.fetch_add(records.len(), Ordering::Relaxed);
        inner.last.0 += records.len() as u64;
        inner.records.append(records);
        let was_empty = inner.since.is_none() && !inner.records.is_empty();
        if was_empty {
            inner.since = Some(Instant::now());
        }
        let becomes_urgent = !inner.urgent && (awaited || bytes > ENOUGH);
        inner.urgent |= becomes_urgent;
        let last = inner.last;
        drop(inner);
        if was_empty || becomes_urgent {
            self.filled.notify_one();
        }
        last
    }

    /// Keeps what must be kept while the disk takes nothing and the queue is full: what somebody waits for, and
    /// events up to twice the bound.
    fn append_what_fits(&self, inner: &mut Inner, records: &mut Vec<Record>, reason: GapReason) {
        for record in records.drain(..) {
            let weight = weight(&record);
            let room = self.bytes.load(Ordering::Relaxed) + weight <= 2 * self.limit;
            let is_kept = is_awaited(&record) || matches!(record, Record::Session(_));
            if is_kept || (room && matches!(record, Record::Event(_))) {
                if let (Some(gap), Record::Message { message, .. }) = (&mut inner.gap, &record)
                    && message.retain
                {
                    gap.retained.remove(&message.topic);
                }
                self.bytes.fetch_add(weight, Ordering::Relaxed);
                self.records.fetch_add(1, Ordering::Relaxed);
                inner.last.0 += 1;
                inner.since.get_or_insert_with(Instant::now);
                inner.records.push(record);
            } else {
                if let Record::Message { message, .. } = &record
                    && inner.skipped.len() < SKIPPED
                {
                    inner.skipped.push(Arc::clone(message));
                }
                skip(&mut inner.gap, record, reason);
            }
        }
    }

    /// Takes all that is there once it is worth a commit, or at that moment. `spare` becomes the queue's list, so that its allocation
    /// is used again.
    pub(crate) fn take(&self, spare: Vec<Record>, at_latest: Instant) -> Taken {
        debug_assert!(spare.is_empty(), "a spare list holds no records");
        let mut inner = self.inner.lock();
        while !inner.closed && !inner.urgent && !inner.poked {
            let due = inner.since.map_or(at_latest, |since| at_latest.min(since + LINGER));
            if self.filled.wait_until(&mut inner, due).timed_out() {
                break;
            }
        }
        if std::mem::take(&mut inner.poked) && !inner.urgent && !inner.closed {
            // What waits for company goes on waiting.
            return Taken { records: spare, last: inner.last, gap: None, glanced_at: 0, closed: false };
        }
        inner.urgent = false;
        inner.since = None;
        inner.skipped.clear();
        Taken {
            glanced_at: std::mem::take(&mut inner.glanced_at),
            records: std::mem::replace(&mut inner.records, spare),
            last: inner.last,
            gap: inner.gap.take(),
            closed: inner.closed,
        }
    }

    /// Has [`Self::take`] return, with nothing if need be.
    pub(crate) fn poke(&self) {
        self.inner.lock().poked = true;
        self.filled.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.lock().closed
    }

    /// Waits until the moment, or until the queue is closed. Gives the messages that came since the last glance,
    /// whether they stay in the queue or not.
    pub(crate) fn glance(&self, until: Instant) -> Vec<Arc<Message>> {
        let mut inner = self.inner.lock();
        while !inner.closed && !self.filled.wait_until(&mut inner, until).timed_out() {}
        let mut messages = std::mem::take(&mut inner.skipped);
        messages.extend(inner.records[inner.glanced_at..].iter().filter_map(|record| match record {
            Record::Message { message, .. } => Some(Arc::clone(message)),
            Record::Event(_) | Record::Session(_) => None,
        }));
        inner.glanced_at = inner.records.len();
        messages
    }

    /// So many records, which weigh so much, were committed, or given up.
    pub(crate) fn release(&self, records: usize, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.records.fetch_sub(records, Ordering::Relaxed);
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// From here on nothing is taken in.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.filled.notify_all();
    }

    /// While the disk takes nothing, publishers of QoS 0 are not held up, as nothing of theirs is going to be
    /// committed; whoever publishes more than that is, at four times the bound.
    pub(crate) fn is_behind(&self) -> bool {
        let limit = if self.skips_because().is_some() { 4 * self.limit } else { self.limit };
        self.bytes.load(Ordering::Relaxed) > limit
    }

    pub(crate) fn backlog(&self) -> usize {
        self.records.load(Ordering::Relaxed)
    }
}

/// Whether an acknowledgement waits for the record.
fn is_awaited(record: &Record) -> bool {
    match record {
        Record::Message { message, .. } => message.qos != QoS::AtMostOnce,
        Record::Session(record) => record.is_awaited(),
        Record::Event(_) => false,
    }
}

pub(crate) fn weight(record: &Record) -> usize {
    match record {
        Record::Message { message, .. } => message.weight(),
        Record::Event(event) => EVENT_OVERHEAD + event.detail.len(),
        Record::Session(SessionRecord::Queued(Queued { source: Source::Own { message, .. }, .. })) => message.weight(),
        Record::Session(_) => SESSION_WEIGHT,
    }
}

fn skip(gap: &mut Option<Gap>, record: Record, reason: GapReason) {
    let time = match &record {
        Record::Message { message, .. } => message.received,
        Record::Event(event) => event.time,
        // What happens to sessions is never skipped.
        Record::Session(_) => return,
    };
    let gap = gap.get_or_insert_with(|| Gap {
        reason,
        from: time,
        to: time,
        messages: 0,
        events: 0,
        retained: HashMap::new(),
    });
    gap.from = gap.from.min(time);
    gap.to = gap.to.max(time);
    match record {
        Record::Session(_) => {}
        Record::Event(_) => gap.events += 1,
        Record::Message { message, matched } => {
            gap.messages += 1;
            if message.retain {
                gap.retained.insert(message.topic.clone(), Record::Message { message, matched });
            }
        }
    }
}
