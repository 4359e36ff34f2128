//! QoS 1 and 2 messages that wait for one client. Where the journal keeps the session, what waits is in the journal
//! too, and memory forgets what would take too much of it:
//!
//! ```text
//!  sent first                                         put in last
//!  page ─────────▶ spilled ───────────────▶ memory
//!  read back       in the journal alone
//! ```
//!
//! The oldest of `memory` spill, once they are committed; a subscriber that comes that far reads them back in pages.
//! So nothing is ever looked for in the journal that it has not yet.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ops::Range;

use crate::delivery::{Delivery, Entry, Kept};
use crate::{KeptQueue, Page, PageQuery, Place, QueueKey, QueuedMessage, Sequence, SessionNumber};

/// Messages and bytes that a kept session has in memory behind what it spilled, while its client is there; at the higher
/// bound it spills down to the lower.
const MEMORY_HIGH: (usize, usize) = (2_048, 2 << 20);
const MEMORY_LOW: (usize, usize) = (1_024, 1 << 20);
/// The same while its client is away.
const AWAY_HIGH: (usize, usize) = (64, 64 << 10);
const AWAY_LOW: (usize, usize) = (0, 0);
/// Messages and bytes that are read back at once.
const PAGE: (usize, usize) = (500, 1 << 20);

#[derive(Debug, Default)]
pub(crate) struct AssuredQueue {
    /// What was read back of `spilled`.
    page: VecDeque<Delivery>,
    page_bytes: usize,
    spilled: Option<Box<Spilled>>,
    /// Each with its place among those of QoS 0.
    memory: VecDeque<(u64, Delivery)>,
    memory_bytes: usize,
    /// Orders among those of the queue that are not in it: of messages that went past it, or were purged out of what
    /// spilled.
    apart: BTreeSet<u64>,
}

/// What [`AssuredQueue::purge_all`] took out.
#[derive(Debug, Default)]
pub(crate) struct TakenOut {
    /// What was in memory.
    pub(crate) here: Vec<Delivery>,
    /// How many more the journal has, and under which orders.
    pub(crate) spilled: usize,
    pub(crate) orders: Vec<Range<u64>>,
}

/// What is in the journal alone.
#[derive(Debug)]
struct Spilled {
    /// Orders, the end not included.
    from: u64,
    to: u64,
    messages: usize,
    bytes: usize,
}

impl AssuredQueue {
    /// What the journal has of a queue when the broker starts.
    pub(crate) fn restored(kept: KeptQueue) -> Self {
        let KeptQueue { messages, bytes, first, next, sent_below: _ } = kept;
        let spilled = (messages > 0).then(|| Box::new(Spilled { from: first, to: next, messages, bytes }));
        Self { spilled, ..Self::default() }
    }

    /// Messages, wherever they are.
    pub(crate) fn len(&self) -> usize {
        self.page.len() + self.spilled.as_ref().map_or(0, |spilled| spilled.messages) + self.memory.len()
    }

    /// Bytes that they weigh.
    pub(crate) fn weight(&self) -> usize {
        self.page_bytes + self.spilled.as_ref().map_or(0, |spilled| spilled.bytes) + self.memory_bytes
    }

    /// Puts a message at the end. `place` is its place among those of QoS 0.
    pub(crate) fn push(&mut self, place: u64, delivery: Delivery) {
        self.memory_bytes += delivery.message.weight();
        self.memory.push_back((place, delivery));
    }

    /// The next message and its place among those of QoS 0; what was read back is older than any of these. `None` where
    /// it has to be read back first.
    pub(crate) fn next(&self) -> Option<(u64, &Delivery)> {
        match self.page.front() {
            Some(delivery) => Some((0, delivery)),
            None if self.spilled.is_some() => None,
            None => self.memory.front().map(|(place, delivery)| (*place, delivery)),
        }
    }

    /// Takes out what [`Self::next`] shows.
    pub(crate) fn pop(&mut self) -> Option<Delivery> {
        if let Some(delivery) = self.page.pop_front() {
            self.page_bytes -= delivery.message.weight();
            return Some(delivery);
        }
        let (_, delivery) = self.memory.pop_front()?;
        self.memory_bytes -= delivery.message.weight();
        if let Some(place) = delivery.place() {
            self.pass(place.order);
        }
        Some(delivery)
    }

    /// Notes that a message with the next order goes past the queue.
    pub(crate) fn set_apart(&mut self, order: u64) {
        if self.len() > 0 {
            self.apart.insert(order);
        }
    }

    /// Everything below that order has left the queue.
    fn pass(&mut self, order: u64) {
        if !self.apart.is_empty() {
            self.apart = self.apart.split_off(&order);
        }
    }

    /// What was read back of the queue, in order.
    pub(crate) fn page(&self) -> impl ExactSizeIterator<Item = &Delivery> {
        self.page.iter()
    }

    /// What is in memory, in order, each with its place among those of QoS 0.
    pub(crate) fn memory(&self) -> impl Iterator<Item = &(u64, Delivery)> {
        self.memory.iter()
    }

    /// How many messages are in the journal alone, and under which orders.
    pub(crate) fn spilled(&self) -> (usize, Range<u64>) {
        self.spilled.as_ref().map_or((0, 0..0), |spilled| (spilled.messages, spilled.from..spilled.to))
    }

    /// Whether a message with that order is not in the queue, although its order is among those of the queue.
    pub(crate) fn is_apart(&self, order: u64) -> bool {
        self.apart.contains(&order)
    }

    /// Whether a message with that order, which the journal has, waits in the journal alone.
    pub(crate) fn has_spilled(&self, order: u64) -> bool {
        self.spilled().1.contains(&order) && !self.apart.contains(&order)
    }

    /// Takes everything out for good.
    pub(crate) fn purge_all(&mut self) -> TakenOut {
        let (spilled, range) = self.spilled();
        let apart = std::mem::take(&mut self.apart);
        let mut orders = Vec::new();
        let mut from = range.start;
        for &order in apart.range(range.clone()) {
            orders.push(from..order);
            from = order + 1;
        }
        orders.push(from..range.end);
        orders.retain(|orders| !orders.is_empty());
        let (here, _) = self.take_all();
        TakenOut { here, spilled, orders }
    }

    /// Takes those out of memory that have one of the keys, which it removes from these.
    pub(crate) fn purge(&mut self, keys: &mut HashSet<QueueKey>) -> Vec<Delivery> {
        let mut taken = Vec::new();
        self.page.retain(|delivery| {
            let goes = keys.remove(&QueueKey::of(0, delivery));
            if goes {
                self.page_bytes -= delivery.message.weight();
                taken.push(delivery.clone());
            }
            !goes
        });
        self.memory.retain(|(place, delivery)| {
            let goes = keys.remove(&QueueKey::of(*place, delivery));
            if goes {
                self.memory_bytes -= delivery.message.weight();
                taken.push(delivery.clone());
            }
            !goes
        });
        taken
    }

    /// Takes out a message that is in the journal alone; whether it was there.
    pub(crate) fn purge_spilled(&mut self, entry: &QueuedMessage) -> bool {
        if !self.has_spilled(entry.order) {
            return false;
        }
        self.apart.insert(entry.order);
        if let Some(spilled) = &mut self.spilled {
            spilled.messages = spilled.messages.saturating_sub(1);
            spilled.bytes = spilled.bytes.saturating_sub(entry.message.weight());
        }
        true
    }

    /// Takes out those in memory that `is_wanted`, in order.
    pub(crate) fn extract(&mut self, mut is_wanted: impl FnMut(&Delivery) -> bool) -> Vec<Delivery> {
        let mut taken = Vec::new();
        let mut left = VecDeque::new();
        for (place, delivery) in self.memory.drain(..) {
            if is_wanted(&delivery) {
                self.memory_bytes -= delivery.message.weight();
                taken.push(delivery);
            } else {
                left.push_back((place, delivery));
            }
        }
        self.memory = left;
        taken
    }

    /// Whether one of those in memory is of a Shared Subscription.
    pub(crate) fn has_shared(&self) -> bool {
        self.memory.iter().any(|(_, delivery)| delivery.share.is_some())
    }

    /// Takes out everything: the messages that are here, and how many more the journal has.
    pub(crate) fn take_all(&mut self) -> (Vec<Delivery>, usize) {
        let Self { page, spilled, memory, .. } = std::mem::take(self);
        let here = page.into_iter().chain(memory.into_iter().map(|(_, delivery)| delivery));
        (here.collect(), spilled.map_or(0, |spilled| spilled.messages))
    }

    /// Gives memory back, where much of it was used and none is.
    pub(crate) fn shrink(&mut self) {
        if self.memory.is_empty() && self.memory.capacity() > 1_024 {
            self.memory = VecDeque::new();
        }
    }

    /// Forgets the oldest messages that the journal has, where there are too many for memory. `is_open`: the client is
    /// there.
    pub(crate) fn spill(&mut self, is_open: bool, committed: impl FnOnce() -> Sequence) {
        let (high, low) = if is_open { (MEMORY_HIGH, MEMORY_LOW) } else { (AWAY_HIGH, AWAY_LOW) };
        if !self.is_over(high) {
            return;
        }
        let committed = committed();
        while self.is_over(low)
            && let Some((_, delivery)) = self.memory.pop_front_if(|(_, delivery)| delivery.is_committed(committed))
        {
            let Some(Place { order, .. }) = delivery.place() else { continue };
            let weight = delivery.message.weight();
            self.memory_bytes -= weight;
            let spilled =
                self.spilled.get_or_insert_with(|| Box::new(Spilled { from: order, to: order, messages: 0, bytes: 0 }));
            spilled.to = order + 1;
            spilled.messages += 1;
            spilled.bytes += weight;
        }
    }

    fn is_over(&self, (messages, bytes): (usize, usize)) -> bool {
        self.memory.len() > messages || self.memory_bytes > bytes
    }

    /// What is to be read from the journal next, where little is left of the last page.
    pub(crate) fn next_page(&self, session: SessionNumber) -> Option<PageQuery> {
        let Spilled { from, to, .. } = **self.spilled.as_ref()?;
        let is_low = self.page.len() <= PAGE.0 / 2 && self.page_bytes <= PAGE.1 / 2;
        is_low.then_some(PageQuery { session, from, to, messages: PAGE.0, bytes: PAGE.1 })
    }

    /// Puts in what was read back of the journal's queue.
    pub(crate) fn put_page(&mut self, session: SessionNumber, page: Page) {
        let Some(spilled) = &mut self.spilled else { return };
        for entry in page.entries {
            // What was purged while it was read, or never was in the queue.
            if entry.order < spilled.from || self.apart.contains(&entry.order) {
                continue;
            }
            let weight = entry.message.weight();
            spilled.messages = spilled.messages.saturating_sub(1);
            spilled.bytes = spilled.bytes.saturating_sub(weight);
            self.page_bytes += weight;
            self.page.push_back(delivery(session, entry));
        }
        match page.next {
            Some(next) => spilled.from = spilled.from.max(next),
            // More may have spilled while it was read.
            None if page.to < spilled.to => spilled.from = spilled.from.max(page.to),
            None => self.spilled = None,
        }
        self.pass(page.next.unwrap_or(page.to));
    }
}

/// What was read of the journal's queue, on its way again.
pub(crate) fn delivery(session: SessionNumber, entry: QueuedMessage) -> Delivery {
    let QueuedMessage { order, qos, retain, identifiers, message } = entry;
    let kept = Kept::In(Entry::read(Place { session, order }));
    Delivery { message, qos, retain, identifiers, share: None, kept }
}
