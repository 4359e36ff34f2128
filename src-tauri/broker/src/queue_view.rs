//! What waits for a client, message by message: to be looked at, and to be taken out by the broker's owner.
//!
//! A queue is in up to three places (see [`crate::assured_queue`]), and moves while it is looked at: what is in memory is
//! looked at under its lock, what is in the journal is read after it. What is taken out is counted once, by whoever takes
//! it out under the lock.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nightjar_mqtt::QoS;

use crate::delivery::Delivery;
use crate::outbox::Outbox;
use crate::session_record::SessionRecord;
use crate::shared::{Shared, drop_detail};
use crate::{
    Broker, DropReason, EventKind, Message, PageQuery, QueueUnreadable, QueuedMessage, Record, Sequence, SessionNumber,
    Timestamp,
};

/// Bytes of messages that are read at once.
const PAGE_BYTES: usize = 1 << 20;
/// Messages that are read at once.
const PAGE: usize = 500;

/// Names a message in its queue, for as long as it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueKey {
    /// Its order in the journal's queue.
    Order(u64),
    /// Its number among those that only memory has.
    Number(u64),
}

/// What waits for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueView {
    pub messages: usize,
    /// Bytes that they weigh, see [`Message::weight`].
    pub bytes: usize,
    /// Messages that were sent and wait for an acknowledgement; these are in no queue.
    pub inflight: u32,
    /// When the first of them was published.
    pub oldest: Option<Timestamp>,
}

/// A message that waits.
#[derive(Clone, Debug)]
pub struct QueueEntry {
    pub key: QueueKey,
    /// How it will be sent.
    pub qos: QoS,
    pub retain: bool,
    pub message: Arc<Message>,
}

/// What to take out of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All that waits at that moment.
    All,
    /// These, as far as they still wait.
    These(Vec<QueueKey>),
}

/// What was taken out of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    pub messages: u64,
    /// The journal has it once it has reached this.
    pub sequence: Sequence,
}

impl QueueKey {
    /// The key of a delivery; `place` is its place among those of QoS 0.
    pub(crate) fn of(place: u64, delivery: &Delivery) -> Self {
        delivery.place().map_or(Self::Number(place), |place| Self::Order(place.order))
    }
}

impl QueueEntry {
    fn of(place: u64, delivery: &Delivery) -> Self {
        let Delivery { message, qos, retain, .. } = delivery;
        Self { key: QueueKey::of(place, delivery), qos: *qos, retain: *retain, message: Arc::clone(message) }
    }
}

impl From<QueuedMessage> for QueueEntry {
    fn from(QueuedMessage { order, qos, retain, identifiers: _, message }: QueuedMessage) -> Self {
        Self { key: QueueKey::Order(order), qos, retain, message }
    }
}

/// A part of a queue, under its lock.
struct Glance {
    /// What was read back, then what the journal alone has, then what memory has.
    front: Vec<QueueEntry>,
    spilled: Range<u64>,
    /// Of these, how many come before the part, and how many are in it.
    skip: usize,
    take: usize,
    back: Vec<QueueEntry>,
}

impl Glance {
    fn of(outbox: &Outbox, first: usize, count: usize) -> Self {
        outbox.with_waiting(|assured, relaxed| {
            let front: Vec<_> =
                assured.page().skip(first).take(count).map(|delivery| QueueEntry::of(0, delivery)).collect();
            let (messages, spilled) = assured.spilled();
            let skip = first.saturating_sub(assured.page().len());
            let take = messages.saturating_sub(skip).min(count - front.len());
            let mut relaxed = relaxed.iter().peekable();
            let mut memory = assured.memory().peekable();
            let merged = std::iter::from_fn(|| match (memory.peek(), relaxed.peek()) {
                (Some((one, _)), Some((other, _))) if one > other => relaxed.next(),
                (None, _) => relaxed.next(),
                _ => memory.next(),
            });
            let back = merged
                .skip(skip.saturating_sub(messages))
                .take(count - front.len() - take)
                .map(|(place, delivery)| QueueEntry::of(*place, delivery))
                .collect();
            Self { front, spilled, skip, take, back }
        })
    }
}

impl Broker {
    /// Looks at what waits for a client: calls `visit` with up to `count` messages, in the order of sending, from position
    /// `first` on. `None` where there is no such session. Waits for the disk.
    ///
    /// # Errors
    /// Where the journal's part of the queue can't be read.
    pub fn visit_queue(
        &self,
        client: &str,
        first: usize,
        count: usize,
        mut visit: impl FnMut(QueueEntry),
    ) -> Result<Option<QueueView>, QueueUnreadable> {
        let shared = self.shared();
        let Some((card, outbox)) = shared.registry.find(client) else { return Ok(None) };
        let Glance { front, spilled, skip, take, back } = Glance::of(&outbox, first, count);
        front.into_iter().for_each(&mut visit);
        if let Some(session) = outbox.session().filter(|_| take > 0) {
            let part = Part { session, orders: spilled, skip, take };
            read_spilled(shared, &outbox, part, |entry| visit(entry.into()))?;
        }
        back.into_iter().for_each(visit);
        let waiting = outbox.waiting();
        let inflight = card.inflight.load(Ordering::Relaxed);
        let oldest = oldest(shared, &outbox)?;
        Ok(Some(QueueView { messages: waiting.messages, bytes: waiting.bytes, inflight, oldest }))
    }

    /// A message that waits for a client; `None` where it does not, or not any more. Waits for the disk.
    ///
    /// # Errors
    /// Where the journal's part of the queue can't be read.
    pub fn queued(&self, client: &str, key: QueueKey) -> Result<Option<QueueEntry>, QueueUnreadable> {
        let shared = self.shared();
        let Some((_, outbox)) = shared.registry.find(client) else { return Ok(None) };
        let found = outbox.with_waiting(|assured, relaxed| {
            let page = assured.page().map(|delivery| QueueEntry::of(0, delivery));
            let memory = assured.memory().chain(relaxed).map(|(place, delivery)| QueueEntry::of(*place, delivery));
            page.chain(memory).find(|entry| entry.key == key)
        });
        let (None, QueueKey::Order(order), Some(session)) = (&found, key, outbox.session()) else { return Ok(found) };
        Ok(read_one(shared, &outbox, session, order)?.map(QueueEntry::from))
    }

    /// Takes messages out of the queue of a client for good; what is on its way to the client already goes on. They are
    /// counted as dropped, with an event. `None` where there is no such session. Waits for the disk.
    ///
    /// # Errors
    /// Where the journal's part of the queue can't be read; then nothing is taken out.
    pub fn purge(&self, client: &str, which: &Purge) -> Result<Option<Purged>, QueueUnreadable> {
        let shared = self.shared();
        let Some((_, outbox)) = shared.registry.find(client) else { return Ok(None) };
        let session = outbox.session();
        let mut orders = Vec::new();
        let (here, spilled) = match which {
            Purge::All => {
                let taken = outbox.purge_all();
                orders = taken.orders;
                (taken.here, taken.spilled)
            }
            Purge::These(keys) => {
                let mut read = Vec::new();
                for key in keys {
                    if let (QueueKey::Order(order), Some(session)) = (*key, session) {
                        read.extend(read_one(shared, &outbox, session, order)?);
                    }
                }
                (outbox.purge(keys.iter().copied().collect::<HashSet<_>>(), read), 0)
            }
        };
        let messages = (here.len() + spilled) as u64;
        let mut records: Vec<Record> =
            here.iter().filter_map(|delivery| Some(Record::Session(SessionRecord::Done(delivery.place()?)))).collect();
        if let Some(session) = session {
            records.extend(orders.into_iter().map(|orders| Record::Session(SessionRecord::Purged { session, orders })));
        }
        let sequence = shared.journal.append(&mut records);
        if messages > 0 {
            shared.counters.drop_messages(DropReason::Purged, messages);
            let example = here.first().map(|delivery| &*delivery.message.topic);
            shared.record(
                EventKind::Dropped,
                Some(outbox.client()),
                drop_detail(DropReason::Purged, messages, example),
            );
            // Its connection may wait for a part of the queue that is gone.
            outbox.wake();
        }
        Ok(Some(Purged { messages, sequence }))
    }
}

/// Messages that the journal alone has.
struct Part {
    session: SessionNumber,
    orders: Range<u64>,
    skip: usize,
    take: usize,
}

/// Reads a part of a queue in pieces, so that memory has no more than one of them.
fn read_spilled(
    shared: &Shared,
    outbox: &Outbox,
    part: Part,
    mut visit: impl FnMut(QueuedMessage),
) -> Result<(), QueueUnreadable> {
    let Part { session, orders: Range { start, end: to }, skip, mut take } = part;
    let mut from = if skip == 0 { Some(start) } else { shared.journal.order_at(session, start..to, skip)? };
    while let Some(first) = from.filter(|_| take > 0) {
        let query = PageQuery { session, from: first, to, messages: take.min(PAGE), bytes: PAGE_BYTES };
        let page = shared.journal.read_queue(query)?;
        for entry in page.entries {
            // What left the queue since the glance is still shown where the list had it; what never was in it is not.
            if take > 0 && !outbox.with_waiting(|assured, _| assured.is_apart(entry.order)) {
                take -= 1;
                visit(entry);
            }
        }
        from = page.next;
    }
    Ok(())
}

/// A message that the journal alone has; `None` where it is elsewhere, or gone.
fn read_one(
    shared: &Shared,
    outbox: &Outbox,
    session: SessionNumber,
    order: u64,
) -> Result<Option<QueuedMessage>, QueueUnreadable> {
    if !outbox.with_waiting(|assured, _| assured.has_spilled(order)) {
        return Ok(None);
    }
    let query = PageQuery { session, from: order, to: order + 1, messages: 1, bytes: 1 };
    Ok(shared.journal.read_queue(query)?.entries.pop())
}

/// When the first message of a queue was published.
fn oldest(shared: &Shared, outbox: &Outbox) -> Result<Option<Timestamp>, QueueUnreadable> {
    let Glance { front, spilled, take, back, .. } = Glance::of(outbox, 0, 1);
    if let Some(entry) = front.first().or(back.first()) {
        return Ok(Some(entry.message.received));
    }
    let mut found = None;
    if let Some(session) = outbox.session().filter(|_| take > 0) {
        let part = Part { session, orders: spilled, skip: 0, take };
        read_spilled(shared, outbox, part, |entry| found = Some(entry.message.received))?;
    }
    Ok(found)
}
