//! The thread that writes: takes what waits, commits it as one transaction, tells how far it is.
//!
//! A commit that fails is repeated until it succeeds; meanwhile the journal is paused, and says why.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nightjar_broker::{Event, EventKind, Message, Record, Sequence, Timestamp};

use crate::error::why_paused;
use crate::keeping::Order;
use crate::ledger::Ledger;
use crate::moment;
use crate::queue::{Gap, Taken, weight};
use crate::store::Shared;

/// Records and bytes of one transaction: what is acknowledged first must not wait for all that came after it, and while
/// one is written the queue must have room for the next.
const BATCH_RECORDS: usize = 16_384;
const BATCH_BYTES: usize = 4 << 20;
/// How long the disk is left alone after it took nothing.
const RETRY: Duration = Duration::from_secs(1);
/// How often the counts of topics are written, in time and in messages: what must be counted after a crash.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);
const COUNT_MESSAGES: u64 = 500_000;
/// How often the live tree is shown what waits while the journal is paused.
const GLANCE: Duration = Duration::from_millis(100);
/// Messages that a history in memory deletes at once when it is full.
const DROPPED_AT_ONCE: i64 = 4_096;
/// Bytes that the smallest commit writes to the log, about: the end of each table.
const LEAST_LOGGED: usize = 16 << 10;
/// Bytes that are committed between two looks at how much room the log leaves.
const ROOM_INTERVAL: u64 = 256 << 10;
/// Lists of records longer than this are not kept for the next batch.
const SPARE: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Writer {
    ledger: Ledger,
    shared: Arc<Shared>,
    /// The thread that moves the log to the database; `None` in memory.
    checkpointer: Option<JoinHandle<()>>,
    /// Why the last commit failed, and since when they do.
    paused: Option<Arc<str>>,
    paused_since: Timestamp,
    counted: Instant,
    uncounted: u64,
    /// Bytes committed since the last look at how much room the log leaves.
    unlooked: u64,
    /// No sweep before that: the disk did not take the last one.
    sweep_from: Option<Instant>,
}

/// What is committed as one transaction.
#[derive(Clone, Copy, Debug)]
struct Batch<'r> {
    records: &'r [Record],
    /// How much the records weigh.
    bytes: usize,
}

/// How a commit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commit {
    AtOnce,
    AfterPause,
}

/// The journal was closed and the disk takes nothing.
struct GaveUp;

impl Writer {
    pub(crate) fn new(ledger: Ledger, shared: Arc<Shared>, checkpointer: Option<JoinHandle<()>>) -> Self {
        Self {
            ledger,
            shared,
            checkpointer,
            paused: None,
            paused_since: moment::now(),
            counted: Instant::now(),
            uncounted: 0,
            unlooked: 0,
            sweep_from: None,
        }
    }

    /// Runs until the journal is closed. Returns how many records could not be written.
    pub(crate) fn run(mut self) -> usize {
        let _guard = TellOfPanic(Arc::clone(&self.shared));
        let mut spare = Vec::new();
        let unkept = loop {
            let taken = self.shared.queue.take(spare, self.next_turn());
            let closed = taken.closed;
            self.take_up_rules();
            match self.keep(taken) {
                Ok(emptied) => spare = emptied,
                Err(GaveUp) => break self.shared.queue.backlog(),
            }
            if closed {
                break 0;
            }
            self.count_topics();
            self.seal();
            self.keep_to_rules();
            self.sweep();
        };
        self.shared.orders.close();
        self.finish();
        unkept
    }

    /// When there is something to do, whether records came or not.
    fn next_turn(&self) -> Instant {
        let count = self.counted + COUNT_INTERVAL;
        if self.ledger.is_sweeping() { self.sweep_from.unwrap_or_else(Instant::now).min(count) } else { count }
    }

    /// Commits everything that was taken, and returns the emptied list.
    fn keep(&mut self, taken: Taken) -> Result<Vec<Record>, GaveUp> {
        let Taken { mut records, last, gap, glanced_at: mut shown, closed: _ } = taken;
        let first = last.0 - records.len() as u64;
        let mut done = 0;
        while done < records.len() {
            let batch = batch_of(&records[done..]);
            if self.commit(batch, &records[shown..])? == Commit::AfterPause {
                shown = records.len();
            }
            self.shared.queue.release(batch.records.len(), batch.bytes);
            let next = done + batch.records.len();
            let committed = Sequence(first + next as u64);
            self.shared.progress.send_modify(|progress| progress.committed = committed);
            self.ledger.show(batch.records, shown.saturating_sub(done), &self.shared.topics, moment::now());
            done = next;
        }
        if let Some(gap) = gap {
            if let Err(error) = self.ledger.record_gap(&gap) {
                tracing::warn!(%error, "a gap is only in the log of events");
            }
            let event = gap_event(&gap);
            let mut records: Vec<Record> = gap.retained.into_values().collect();
            records.push(event);
            let bytes = records.iter().map(weight).sum();
            self.commit(Batch { records: &records, bytes }, &[])?;
        }
        records.clear();
        if records.capacity() > SPARE {
            records = Vec::new();
        }
        Ok(records)
    }

    /// Commits a batch, however often it takes, unless the journal is closed. What was taken and is `unseen` in the
    /// live tree is seen there when it takes long.
    fn commit(&mut self, batch: Batch<'_>, mut unseen: &[Record]) -> Result<Commit, GaveUp> {
        let mut outcome = Commit::AtOnce;
        loop {
            #[cfg(test)]
            self.shared.apply_page_limit(self.ledger.connection());
            let committing = self.shared.checkpoints.committing();
            let result = self.ledger.commit(batch.records);
            drop(committing);
            let Err(error) = result else {
                self.resume();
                self.committed(batch.bytes);
                return Ok(outcome);
            };
            outcome = Commit::AfterPause;
            self.pause(&error);
            // The log may be what fills the disk.
            self.shared.checkpoints.hurry();
            self.shared.topics.show(std::mem::take(&mut unseen).iter().filter_map(message), moment::now());
            if self.shared.queue.is_closed() {
                return Err(GaveUp);
            }
            self.wait_for_retry();
        }
    }

    /// Leaves the disk alone for a while. What comes is seen in the live tree meanwhile.
    fn wait_for_retry(&self) {
        let retry = Instant::now() + RETRY;
        while Instant::now() < retry && !self.shared.queue.is_closed() {
            let came = self.shared.queue.glance(retry.min(Instant::now() + GLANCE));
            self.shared.topics.show(came.iter().map(|message| &**message), moment::now());
        }
    }

    /// Deletes the oldest messages of a history in memory that has become too large.
    fn stay_in_memory(&mut self) {
        let Some(limit) = self.shared.memory_limit else { return };
        let result = (|| {
            while self.ledger.size()? > limit {
                let lost = self.ledger.drop_oldest(DROPPED_AT_ONCE)?;
                let count: u64 = lost.iter().map(|(_, count)| count).sum();
                if count == 0 {
                    break;
                }
                self.shared.topics.forget(&lost);
                self.shared.lose_messages(count, self.ledger.extent()?.first);
            }
            self.shared.set_memory(self.ledger.size()?);
            Ok::<_, rusqlite::Error>(())
        })();
        if let Err(error) = result {
            tracing::debug!(%error, "the oldest messages were not deleted");
        }
    }

    fn committed(&mut self, bytes: usize) {
        let logged = (bytes + LEAST_LOGGED) as u64;
        self.shared.checkpoints.committed(logged);
        self.unlooked += logged;
        if self.unlooked >= ROOM_INTERVAL {
            self.unlooked = 0;
            if self.shared.log_needs_room() {
                self.shared.checkpoints.hurry();
            }
        }
        let messages = self.ledger.recorded();
        self.uncounted += messages;
        self.shared.add_messages(messages, self.ledger.last_message());
        self.stay_in_memory();
    }

    fn pause(&mut self, error: &rusqlite::Error) {
        let reason: Arc<str> = why_paused(error).into();
        if self.paused.as_ref() != Some(&reason) {
            tracing::warn!(%reason, "the journal is paused");
            if self.paused.is_none() {
                self.paused_since = moment::now();
            }
            self.shared.note_damage(error);
            self.shared.queue.set_paused(true);
            self.shared.progress.send_modify(|progress| progress.paused = Some(Arc::clone(&reason)));
            self.paused = Some(reason);
        }
    }

    fn resume(&mut self) {
        if let Some(reason) = &self.paused {
            tracing::info!("the journal goes on");
            self.shared.queue.append(&mut vec![pause_event(self.paused_since, reason)]);
            self.shared.queue.set_paused(false);
            self.shared.keep_reserve();
            self.shared.progress.send_modify(|progress| progress.paused = None);
        }
        self.paused = None;
    }

    /// Writes the counts of topics when they are due. They can be counted anew, so that a failure does not matter.
    fn count_topics(&mut self) {
        let due = self.counted.elapsed() >= COUNT_INTERVAL
            || self.uncounted >= COUNT_MESSAGES
            || self.ledger.remembers_too_much();
        if !due {
            return;
        }
        self.counted = Instant::now();
        if self.uncounted > 0 || self.ledger.remembers_too_much() {
            match self.ledger.write_counts() {
                Ok(()) => self.uncounted = 0,
                Err(error) => tracing::debug!(%error, "the counts of topics were not written"),
            }
        }
    }

    /// Does one thing that the keeping rules ask for.
    fn keep_to_rules(&mut self) {
        if let Some(order) = self.shared.orders.take() {
            if let Err(error) = self.carry_out(&order) {
                tracing::debug!(%error, ?order, "the keeping rules were not applied");
                self.shared.note_damage(&error);
            }
            self.shared.orders.done();
        }
    }

    /// Records what the rules of this moment say from here on.
    fn take_up_rules(&mut self) {
        let rules = self.shared.keeper.rules();
        if !Arc::ptr_eq(&rules, self.ledger.rules())
            && let Err(error) = self.ledger.set_rules(rules)
        {
            tracing::debug!(%error, "the keeping rules are taken up later");
        }
    }

    fn carry_out(&mut self, order: &Order) -> rusqlite::Result<()> {
        let shared = Arc::clone(&self.shared);
        let _committing = shared.checkpoints.committing();
        let lost = self.ledger.carry_out(order)?;
        let count = lost.iter().map(|(_, count)| count).sum();
        shared.topics.forget(&lost);
        shared.lose_messages(count, self.ledger.extent()?.first);
        shared.keeper.deleted(count);
        // A deleted message costs the log about what an inserted one does.
        shared.checkpoints.committed((count + 64) * 256);
        Ok(())
    }

    /// Deletes some of what is over in the queues of sessions. It stays written down until it is done.
    fn sweep(&mut self) {
        if !self.ledger.is_sweeping() || self.sweep_from.is_some_and(|from| Instant::now() < from) {
            return;
        }
        let _committing = self.shared.checkpoints.committing();
        match self.ledger.sweep() {
            Ok(deleted) => {
                self.sweep_from = None;
                self.shared.checkpoints.committed((deleted as u64 + 64) * 64);
            }
            Err(error) => {
                self.sweep_from = Some(Instant::now() + RETRY);
                tracing::debug!(%error, "what is over in the queues is deleted later");
                self.shared.note_damage(&error);
            }
        }
    }

    /// Writes the lists of a segment that is full. Until it succeeds, memory has what they say.
    fn seal(&mut self) {
        let _committing = self.shared.checkpoints.committing();
        if let Err(error) = self.ledger.seal() {
            tracing::debug!(%error, "a segment was not sealed");
            self.shared.note_damage(&error);
        }
    }

    fn finish(&mut self) {
        if self.paused.is_none()
            && let Err(error) = self.ledger.write_counts()
        {
            tracing::debug!(%error, "the counts of topics were not written");
        }
        self.shared.checkpoints.close();
        if let Some(checkpointer) = self.checkpointer.take() {
            let _ = checkpointer.join();
        }
        self.shared.readers.close_idle();
        let checkpoint = self.ledger.connection().query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        if let Err(error) = checkpoint {
            tracing::debug!(%error, "the log was not moved to the database");
        }
    }
}

fn gap_event(gap: &Gap) -> Record {
    Record::Event(Event {
        time: moment::now(),
        client: None,
        kind: EventKind::Broker,
        detail: format!(
            "the history has a gap from {} to {}: {} messages of QoS 0 and {} events were not recorded, because {}",
            moment::utc(gap.from),
            moment::utc(gap.to),
            gap.unrecorded(),
            gap.events,
            gap.reason.as_str()
        ),
    })
}

fn pause_event(since: Timestamp, reason: &str) -> Record {
    let now = moment::now();
    Record::Event(Event {
        time: now,
        client: None,
        kind: EventKind::Broker,
        detail: format!(
            "the journal was paused from {} to {}, because {reason}: messages of QoS 1 and 2 were refused meanwhile",
            moment::utc(since),
            moment::utc(now),
        ),
    })
}

fn message(record: &Record) -> Option<&Message> {
    match record {
        Record::Message { message, .. } => Some(message),
        Record::Event(_) | Record::Session(_) => None,
    }
}

/// The first of the records, of which there are some, that make one transaction.
fn batch_of(records: &[Record]) -> Batch<'_> {
    // What belongs to a message is committed with it.
    let belongs = |record: &Record| matches!(record, Record::Session(record) if record.belongs_to_message());
    let (mut count, mut bytes) = (0, 0);
    for record in records {
        let weight = weight(record);
        let is_full = count >= BATCH_RECORDS || bytes + weight > BATCH_BYTES;
        if count > 0 && is_full && !belongs(record) {
            break;
        }
        count += 1;
        bytes += weight;
    }
    Batch { records: &records[..count], bytes }
}

/// Without its writer the journal acknowledges nothing; it must not be silent about that.
struct TellOfPanic(Arc<Shared>);

impl Drop for TellOfPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "the journal stopped by an error of its own; restart Nightjar".into();
            self.0.queue.set_paused(true);
            self.0.progress.send_modify(|progress| progress.paused = Some(reason));
        }
    }
}
