//! The queue between the router and one subscriber. It lives as long as the session, so that it is also where messages
//! wait for a client that is away; and it is bounded, in messages and in bytes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use nightjar_mqtt::QoS;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::access::Who;
use crate::assured_queue::{self, AssuredQueue, TakenOut};
use crate::bell::Bell;
use crate::delivery::{Delivery, Entry, Kept};
use crate::share::Share;
use crate::{
    ClientIdentifier, DropReason, KeptQueue, Limits, Page, PageQuery, Place, Progress, QueueKey, Queued, QueuedMessage,
    SessionNumber, SessionRecord, Source,
};

/// A member of a Shared Subscription with more messages than this is passed over while another has fewer.
const BACKED_UP: usize = 64;

/// Orders in use at once must differ by less, or two messages would have one Packet Identifier.
const ORDERS: u64 = 65_535;

/// Tells sessions apart, also those of one client: the next may begin while the last is being taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OutboxId(u64);

/// Messages that wait for one client.
#[derive(Debug)]
pub(crate) struct Outbox {
    id: OutboxId,
    client: ClientIdentifier,
    /// The account that the client was last let in with.
    user: RwLock<Option<Arc<str>>>,
    bounds: Bounds,
    journal: Option<InJournal>,
    queues: Mutex<Queues>,
    filled: Bell,
    load: Load,
}

/// What others may know without the lock, and so a moment late: whether it makes sense to choose this client among
/// others.
#[derive(Debug, Default)]
struct Load {
    present: AtomicBool,
    /// The client has as much on the way as it may have, or does not read fast enough.
    busy: AtomicBool,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Bounds {
    assured_messages: usize,
    assured_bytes: usize,
    relaxed_messages: usize,
    relaxed_bytes: usize,
}

/// The session is one that the journal keeps.
#[derive(Debug)]
pub(crate) struct InJournal {
    pub(crate) session: SessionNumber,
    pub(crate) progress: watch::Receiver<Progress>,
}

/// Two queues, because QoS 0 may pass messages that wait for the in-flight window; the order number puts both
/// together again where it does not have to (4.6 Message ordering).
#[derive(Debug, Default)]
struct Queues {
    /// QoS 1 and 2.
    assured: AssuredQueue,
    /// The next place in the journal's queue.
    next_order: u64,
    /// QoS 0.
    relaxed: VecDeque<(u64, Delivery)>,
    relaxed_bytes: usize,
    next: u64,
    /// The client is there: QoS 0 is worth keeping.
    open: bool,
    /// The session is over: nobody will ever take what is put in.
    ended: bool,
    /// Somebody was told, or is about to be told, to take what is here.
    signalled: bool,
    /// What was dropped since the last report: mostly nothing.
    drops: Option<Box<Drops>>,
    dropped: u64,
}

/// What was dropped, by reason.
#[derive(Debug, Default)]
struct Drops(HashMap<DropReason, DropTally>);

/// Messages that did not get through, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DropTally {
    pub(crate) count: u64,
    /// The topic of the first of them.
    pub(crate) example: String,
}

/// Under which circumstances a client is to take a message that could go to another one, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// While it is connected.
    Present,
    /// Also while it is away, for its return.
    Away,
}

/// What came of putting a delivery in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pushed {
    /// The subscriber has to be woken, once the batch is through.
    pub(crate) wake: bool,
    /// The first drop since the last report: the outbox is to be put on the list of those that have something to
    /// report.
    pub(crate) first_drop: bool,
    /// What the journal is to be told.
    pub(crate) record: Option<SessionRecord>,
    /// The entry that it makes in the journal.
    pub(crate) entry: Option<Entry>,
}

/// Why [`Outbox::take`] left messages where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// The next of them must be committed first.
    pub(crate) uncommitted: bool,
    /// The next of them are to be read from the journal soon.
    pub(crate) page: Option<PageQuery>,
}

/// How many messages wait, and how many were dropped since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) dropped: u64,
}

impl Outbox {
    pub(crate) fn new(client: ClientIdentifier, limits: &Limits) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = OutboxId(NEXT.fetch_add(1, Ordering::Relaxed));
        let bounds = Bounds {
            assured_messages: limits.maximum_queued_messages,
            assured_bytes: limits.maximum_queued_bytes,
            relaxed_messages: limits.maximum_waiting_messages,
            relaxed_bytes: limits.maximum_waiting_bytes,
        };
        let (filled, load) = (Bell::default(), Load::default());
        Self { id, client, user: RwLock::default(), bounds, journal: None, queues: Mutex::default(), filled, load }
    }

    /// The queue of a session that the journal keeps.
    pub(crate) fn in_journal(client: ClientIdentifier, limits: &Limits, journal: InJournal) -> Self {
        let outbox = Self::new(client, limits);
        let bounds = Bounds {
            assured_messages: limits.maximum_stored_messages,
            assured_bytes: limits.maximum_stored_bytes,
            ..outbox.bounds
        };
        Self { bounds, journal: Some(journal), ..outbox }
    }

    /// The same with what the journal has for it already.
    pub(crate) fn restored(client: ClientIdentifier, limits: &Limits, journal: InJournal, kept: KeptQueue) -> Self {
        let outbox = Self::in_journal(client, limits, journal);
        {
            let queues = &mut *outbox.queues.lock();
            queues.next_order = kept.next;
            queues.assured = AssuredQueue::restored(kept);
            outbox.note_waiting(queues);
        }
        outbox
    }

    /// The number that the session has in the journal; `None` where it is in memory only.
    pub(crate) fn session(&self) -> Option<SessionNumber> {
        self.journal.as_ref().map(|journal| journal.session)
    }

    /// The order after the last that was given.
    pub(crate) fn next_order(&self) -> u64 {
        self.queues.lock().next_order
    }

    pub(crate) const fn id(&self) -> OutboxId {
        self.id
    }

    pub(crate) const fn client(&self) -> &ClientIdentifier {
        &self.client
    }

    /// Whose session it is.
    pub(crate) fn who(&self) -> Who {
        Who::new(self.client.clone(), self.user.read().clone())
    }

    /// The session is one of that account from here on; returns whether it was another's.
    pub(crate) fn set_user(&self, user: Option<Arc<str>>) -> bool {
        std::mem::replace(&mut *self.user.write(), user.clone()) != user
    }

    /// Puts a message at the end of the queue, or counts it as dropped. QoS 0 for a client that is away is neither:
    /// nobody promised it (4.3.1). Nor is anything for a session that is over, whose subscriptions are.
    pub(crate) fn push(&self, delivery: Delivery) -> Pushed {
        let queues = &mut *self.queues.lock();
        if queues.ended || (delivery.qos == QoS::AtMostOnce && !queues.open) {
            return Pushed::default();
        }
        match self.bounds.exceeded(queues, &delivery) {
            Some(reason) => queues.drop_message(reason, &delivery),
            None => self.put(queues, delivery),
        }
    }

    /// Puts a message at the end of the queue, or gives it back where the queue is full, the session is over, or the
    /// client is away and that is no use: [`Self::push`] for whoever knows another client to take it.
    pub(crate) fn offer(&self, delivery: Delivery, to: Offered) -> Result<Pushed, Delivery> {
        let queues = &mut *self.queues.lock();
        let is_wanted = match to {
            Offered::Present => queues.open,
            Offered::Away => delivery.qos != QoS::AtMostOnce,
        };
        if queues.ended || !is_wanted || self.bounds.exceeded(queues, &delivery).is_some() {
            return Err(delivery);
        }
        Ok(self.put(queues, delivery))
    }

    fn put(&self, queues: &mut Queues, mut delivery: Delivery) -> Pushed {
        let Enrolled { record, entry } = self.enrol(&mut queues.next_order, &mut delivery);
        if delivery.qos == QoS::AtMostOnce {
            queues.relaxed_bytes += delivery.message.weight();
            queues.relaxed.push_back((queues.next, delivery));
        } else {
            queues.assured.push(queues.next, delivery);
        }
        queues.next += 1;
        self.spill(queues);
        self.note_waiting(queues);
        let wake = queues.open && !queues.signalled;
        queues.signalled = true;
        Pushed { wake, first_drop: false, record, entry }
    }

    /// Gives a QoS 1 or 2 message its place in the journal, where the session has any there; an entry of another session
    /// for the same message ends with it.
    fn enrol(&self, next_order: &mut u64, delivery: &mut Delivery) -> Enrolled {
        let before = std::mem::replace(&mut delivery.kept, Kept::No);
        let Some(journal) = self.journal.as_ref().filter(|_| delivery.qos != QoS::AtMostOnce) else {
            let record = match before {
                Kept::In(entry) => Some(SessionRecord::Done(entry.place)),
                Kept::Before | Kept::No => None,
            };
            return Enrolled { record, entry: None };
        };
        let place = Place { session: journal.session, order: *next_order };
        *next_order += 1;
        let entry = Entry::new(place);
        let own = |instead_of| Source::Own { message: Arc::clone(&delivery.message), instead_of };
        let queued = Queued {
            place,
            qos: delivery.qos,
            retain: delivery.retain,
            identifiers: Arc::clone(&delivery.identifiers),
            source: match before {
                Kept::Before => Source::Before,
                Kept::No => own(None),
                Kept::In(entry) => own(Some(entry.place)),
            },
        };
        delivery.kept = Kept::In(entry.clone());
        Enrolled { record: Some(SessionRecord::Queued(queued)), entry: Some(entry) }
    }

    /// Gives a message that is sent without having waited here its place in the journal, the next that `is_free`.
    pub(crate) fn enrol_sent(
        &self,
        delivery: &mut Delivery,
        is_free: impl Fn(u64) -> bool,
    ) -> Option<(SessionRecord, Entry)> {
        let queues = &mut *self.queues.lock();
        let next_order = &mut queues.next_order;
        // At most as many are not free as are under way.
        while self.journal.is_some() && !is_free(*next_order) {
            *next_order += 1;
        }
        let Enrolled { record, entry } = self.enrol(next_order, delivery);
        if let Some(entry) = &entry {
            queues.assured.set_apart(entry.place.order);
        }
        record.zip(entry)
    }

    /// Leaves the oldest messages to the journal, where there are too many for memory.
    fn spill(&self, queues: &mut Queues) {
        if let Some(journal) = &self.journal {
            queues.assured.spill(queues.open, || journal.progress.borrow().committed);
        }
    }

    /// Puts in what was read back of the journal's queue.
    pub(crate) fn put_page(&self, page: Page) {
        let Some(session) = self.session() else { return };
        let queues = &mut *self.queues.lock();
        queues.assured.put_page(session, page);
        self.note_waiting(queues);
    }

    fn note_waiting(&self, queues: &Queues) {
        self.load.waiting.store(queues.assured.len() + queues.relaxed.len(), Ordering::Relaxed);
    }

    /// Whether the client is connected.
    pub(crate) fn is_present(&self) -> bool {
        self.load.present.load(Ordering::Relaxed)
    }

    /// Whether the client is connected and takes messages as fast as they come.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_present()
            && !self.load.busy.load(Ordering::Relaxed)
            && self.load.waiting.load(Ordering::Relaxed) < BACKED_UP
    }

    /// Notes whether the client can't take more for now.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.load.busy.store(busy, Ordering::Relaxed);
    }

    /// Moves messages to `taken`, in order, until `bytes` are reached; at most `window` of them with QoS 1 or 2, and only
    /// those whose order `is_free`.
    pub(crate) fn take(
        &self,
        bytes: usize,
        window: usize,
        is_free: impl Fn(u64) -> bool,
        taken: &mut Vec<Delivery>,
    ) -> Left {
        let queues = &mut *self.queues.lock();
        queues.signalled = false;
        let committed = self.journal.as_ref().map(|journal| journal.progress.borrow().committed).unwrap_or_default();
        let mut window = window;
        let mut left = bytes;
        let mut first = None;
        let mut uncommitted = false;
        while left > 0 {
            let assured = queues.assured.next().filter(|_| window > 0).and_then(|(order, delivery)| {
                if !delivery.may_be_sent(committed) {
                    uncommitted = true;
                    return None;
                }
                let in_order = delivery.place().is_none_or(|place| {
                    is_free(place.order) && *first.get_or_insert(place.order) + ORDERS > place.order
                });
                in_order.then_some(order)
            });
            let relaxed = queues.relaxed.front().map(|(order, _)| *order);
            let from_assured = match (assured, relaxed) {
                (Some(assured), Some(relaxed)) => assured < relaxed,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let next = if from_assured {
                window -= 1;
                queues.assured.pop()
            } else {
                queues.relaxed.pop_front().map(|(_, delivery)| {
                    queues.relaxed_bytes -= delivery.message.weight();
                    delivery
                })
            };
            let Some(delivery) = next else { break };
            left = left.saturating_sub(delivery.message.weight());
            taken.push(delivery);
        }
        self.note_waiting(queues);
        if queues.relaxed.is_empty() && queues.relaxed.capacity() > 1_024 {
            queues.relaxed = VecDeque::new();
        }
        queues.assured.shrink();
        Left { uncommitted, page: self.session().and_then(|session| queues.assured.next_page(session)) }
    }

    /// Whether somebody called [`Self::wake`] since this was last ready.
    pub(crate) fn poll_filled(&self, context: &mut Context<'_>) -> Poll<()> {
        self.filled.poll_rung(context)
    }

    /// Tells the subscriber that there is something to take.
    pub(crate) fn wake(&self) {
        self.filled.ring();
    }

    /// The client is there, from now on.
    pub(crate) fn open(&self) {
        let queues = &mut *self.queues.lock();
        queues.open = true;
        queues.signalled = false;
        self.load.busy.store(false, Ordering::Relaxed);
        self.load.present.store(true, Ordering::Relaxed);
    }

    /// The client is away: QoS 0 that waits for it is let go.
    pub(crate) fn close(&self) {
        let queues = &mut *self.queues.lock();
        queues.open = false;
        queues.relaxed = VecDeque::new();
        queues.relaxed_bytes = 0;
        self.spill(queues);
        self.note_waiting(queues);
        self.load.present.store(false, Ordering::Relaxed);
    }

    /// Takes out the messages of those Shared Subscriptions that have somebody else for them, in order. `passes_on` is
    /// asked under the lock: it must not look into an outbox itself.
    pub(crate) fn take_shared(&self, passes_on: impl Fn(&Share) -> bool) -> Vec<Delivery> {
        let queues = &mut *self.queues.lock();
        if !queues.assured.has_shared() {
            return Vec::new();
        }
        // Most of the time neighbours are of one share, so that one answer goes a long way.
        let mut last: Option<(*const Share, bool)> = None;
        let taken = queues.assured.extract(|delivery| {
            delivery.share.as_deref().is_some_and(|share| {
                let known = last.filter(|(known, _)| std::ptr::eq(*known, share));
                let goes = known.map_or_else(|| passes_on(share), |(_, goes)| goes);
                last = Some((share, goes));
                goes
            })
        });
        self.note_waiting(queues);
        taken
    }

    /// The session is over: returns the QoS 1 and 2 messages that waited in vain, and how many more the journal has.
    pub(crate) fn end(&self) -> (Vec<Delivery>, usize) {
        let queues = &mut *self.queues.lock();
        queues.open = false;
        queues.ended = true;
        let (waited, spilled) = queues.assured.take_all();
        queues.relaxed = VecDeque::new();
        queues.relaxed_bytes = 0;
        self.note_waiting(queues);
        self.load.present.store(false, Ordering::Relaxed);
        (waited, spilled)
    }

    /// What waits, as it is at this moment.
    pub(crate) fn with_waiting<T>(&self, look: impl FnOnce(&AssuredQueue, &VecDeque<(u64, Delivery)>) -> T) -> T {
        let queues = &*self.queues.lock();
        look(&queues.assured, &queues.relaxed)
    }

    /// Takes out everything that waits, for good.
    pub(crate) fn purge_all(&self) -> TakenOut {
        let queues = &mut *self.queues.lock();
        let mut taken = queues.assured.purge_all();
        taken.here.extend(std::mem::take(&mut queues.relaxed).into_iter().map(|(_, delivery)| delivery));
        queues.relaxed_bytes = 0;
        queues.dropped += (taken.here.len() + taken.spilled) as u64;
        self.note_waiting(queues);
        taken
    }

    /// Takes out what has one of the keys, for good. `read`: those of them that the journal had a moment ago.
    pub(crate) fn purge(&self, mut keys: HashSet<QueueKey>, read: Vec<QueuedMessage>) -> Vec<Delivery> {
        let queues = &mut *self.queues.lock();
        let mut taken = queues.assured.purge(&mut keys);
        queues.relaxed.retain(|(place, delivery)| {
            let goes = keys.remove(&QueueKey::of(*place, delivery));
            if goes {
                queues.relaxed_bytes -= delivery.message.weight();
                taken.push(delivery.clone());
            }
            !goes
        });
        if let Some(session) = self.session() {
            let spilled = read.into_iter().filter(|entry| keys.remove(&QueueKey::Order(entry.order)));
            taken.extend(spilled.filter_map(|entry| {
                queues.assured.purge_spilled(&entry).then(|| assured_queue::delivery(session, entry))
            }));
        }
        queues.dropped += taken.len() as u64;
        self.note_waiting(queues);
        taken
    }

    /// Counts a message that was taken and then could not be sent.
    pub(crate) fn count_drop(&self, reason: DropReason, delivery: &Delivery) -> Pushed {
        self.queues.lock().drop_message(reason, delivery)
    }

    /// What was dropped since this was last asked.
    pub(crate) fn take_drops(&self) -> HashMap<DropReason, DropTally> {
        self.queues.lock().drops.take().map(|drops| drops.0).unwrap_or_default()
    }

    pub(crate) fn waiting(&self) -> Waiting {
        let queues = &*self.queues.lock();
        Waiting {
            messages: queues.assured.len() + queues.relaxed.len(),
            bytes: queues.assured.weight() + queues.relaxed_bytes,
            dropped: queues.dropped,
        }
    }
}

impl Bounds {
    /// Why there is no room for a message; `None` where there is.
    fn exceeded(&self, queues: &Queues, delivery: &Delivery) -> Option<DropReason> {
        let weight = delivery.message.weight();
        if delivery.qos == QoS::AtMostOnce {
            let is_full =
                queues.relaxed.len() >= self.relaxed_messages || queues.relaxed_bytes + weight > self.relaxed_bytes;
            is_full.then_some(DropReason::SlowSubscriber)
        } else {
            let is_full =
                queues.assured.len() >= self.assured_messages || queues.assured.weight() + weight > self.assured_bytes;
            is_full.then_some(DropReason::QueueFull)
        }
    }
}

/// What came of giving a message its place in the journal.
struct Enrolled {
    record: Option<SessionRecord>,
    entry: Option<Entry>,
}

impl Queues {
    fn drop_message(&mut self, reason: DropReason, delivery: &Delivery) -> Pushed {
        let first_drop = self.drops.is_none();
        self.dropped += 1;
        self.drops
            .get_or_insert_default()
            .0
            .entry(reason)
            .and_modify(|tally| tally.count += 1)
            .or_insert_with(|| DropTally { count: 1, example: delivery.message.topic.to_string() });
        Pushed { first_drop, ..Pushed::default() }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nightjar_mqtt::TopicName;

    use super::*;
    use crate::{Message, Timestamp};

    fn delivery(qos: QoS, topic: &str) -> Delivery {
        let message = Message {
            topic: TopicName::new(topic.to_owned()).unwrap(),
            payload: Bytes::from_static(b"payload"),
            qos,
            retain: false,
            properties: None,
            publisher: ClientIdentifier::new("publisher"),
            source: None,
            received: Timestamp::default(),
        };
        Delivery {
            message: Arc::new(message),
            qos,
            retain: false,
            identifiers: Arc::from([]),
            share: None,
            kept: Kept::No,
        }
    }

    fn outbox(limits: &Limits) -> Outbox {
        let outbox = Outbox::new(ClientIdentifier::new("subscriber"), limits);
        outbox.open();
        outbox
    }

    /// Takes about `count` messages.
    fn take(outbox: &Outbox, count: usize, window: usize) -> Vec<String> {
        let mut taken = Vec::new();
        let one = delivery(QoS::AtMostOnce, "t").message.weight();
        outbox.take(count * one, window, |_| true, &mut taken);
        taken.iter().map(|delivery| delivery.message.topic.to_string()).collect()
    }

    #[test]
    fn keeps_the_order_across_qualities_of_service() {
        let outbox = outbox(&Limits::default());
        for (qos, topic) in
            [(QoS::AtMostOnce, "1"), (QoS::ExactlyOnce, "2"), (QoS::AtMostOnce, "3"), (QoS::AtLeastOnce, "4")]
        {
            outbox.push(delivery(qos, topic));
        }
        assert_eq!(take(&outbox, 3, 10), ["1", "2", "3"]);
        assert_eq!(take(&outbox, 3, 10), ["4"]);
        assert_eq!(outbox.waiting(), Waiting::default());
    }

    #[test]
    fn only_qos_0_passes_a_closed_window() {
        let outbox = outbox(&Limits::default());
        for (qos, topic) in [(QoS::AtLeastOnce, "1"), (QoS::AtLeastOnce, "2"), (QoS::AtMostOnce, "3")] {
            outbox.push(delivery(qos, topic));
        }
        assert_eq!(take(&outbox, 10, 1), ["1", "3"]);
        assert_eq!(take(&outbox, 10, 0), Vec::<String>::new());
        assert_eq!(take(&outbox, 10, 5), ["2"]);
    }

    #[test]
    fn wakes_its_subscriber_once_until_it_takes() {
        let outbox = outbox(&Limits::default());
        assert!(outbox.push(delivery(QoS::AtMostOnce, "1")).wake);
        assert!(!outbox.push(delivery(QoS::AtMostOnce, "2")).wake);
        take(&outbox, 10, 10);
        assert!(outbox.push(delivery(QoS::AtMostOnce, "3")).wake);
    }

    #[test]
    fn drops_and_counts_what_is_over_its_bounds() {
        let one = delivery(QoS::AtLeastOnce, "t").message.weight();
        let limits = Limits { maximum_queued_bytes: 2 * one, maximum_waiting_messages: 1, ..Limits::default() };
        let outbox = outbox(&limits);
        for _ in 0..4 {
            outbox.push(delivery(QoS::AtLeastOnce, "t"));
        }
        outbox.push(delivery(QoS::AtMostOnce, "u"));
        outbox.push(delivery(QoS::AtMostOnce, "v"));
        assert_eq!(outbox.waiting(), Waiting { messages: 3, bytes: 3 * one, dropped: 3 });
        let drops = outbox.take_drops();
        assert_eq!(drops[&DropReason::QueueFull], DropTally { count: 2, example: "t".to_owned() });
        assert_eq!(drops[&DropReason::SlowSubscriber], DropTally { count: 1, example: "v".to_owned() });
        assert!(outbox.take_drops().is_empty(), "a drop is reported once");
    }

    #[test]
    fn keeps_qos_1_and_2_for_a_client_that_is_away() {
        let outbox = outbox(&Limits::default());
        outbox.push(delivery(QoS::AtMostOnce, "gone"));
        outbox.push(delivery(QoS::AtLeastOnce, "kept"));
        outbox.close();
        assert!(!outbox.push(delivery(QoS::ExactlyOnce, "kept too")).wake, "nobody is there to be woken");
        outbox.push(delivery(QoS::AtMostOnce, "gone"));
        assert_eq!(outbox.waiting().dropped, 0);
        outbox.open();
        assert_eq!(take(&outbox, 10, 10), ["kept", "kept too"]);
    }

    #[test]
    fn the_end_of_the_session_gives_back_what_waited_and_takes_no_more() {
        let outbox = outbox(&Limits::default());
        assert!(outbox.end().0.is_empty());
        let outbox = self::outbox(&Limits::default());
        outbox.push(delivery(QoS::AtLeastOnce, "a"));
        outbox.push(delivery(QoS::AtMostOnce, "b"));
        outbox.push(delivery(QoS::AtLeastOnce, "c"));
        let waited: Vec<_> = outbox.end().0.iter().map(|delivery| delivery.message.topic.to_string()).collect();
        assert_eq!(waited, ["a", "c"]);
        outbox.push(delivery(QoS::AtLeastOnce, "late"));
        assert_eq!(outbox.waiting(), Waiting::default());
        assert!(outbox.offer(delivery(QoS::AtLeastOnce, "late"), Offered::Away).is_err());
    }

    #[test]
    fn an_offer_is_turned_down_where_another_client_would_do_better() {
        let limits = Limits { maximum_queued_messages: 1, ..Limits::default() };
        let outbox = outbox(&limits);
        assert!(outbox.offer(delivery(QoS::AtLeastOnce, "a"), Offered::Present).is_ok());
        assert!(outbox.offer(delivery(QoS::AtLeastOnce, "b"), Offered::Present).is_err(), "the queue is full");
        assert_eq!(outbox.waiting().dropped, 0, "an offer that is turned down is no drop");
        outbox.close();
        take(&outbox, 10, 10);
        assert!(outbox.offer(delivery(QoS::AtLeastOnce, "c"), Offered::Present).is_err(), "the client is away");
        assert!(outbox.offer(delivery(QoS::AtMostOnce, "d"), Offered::Away).is_err(), "QoS 0 does not wait");
        assert!(outbox.offer(delivery(QoS::AtLeastOnce, "e"), Offered::Away).is_ok());
    }

    #[test]
    fn a_client_with_much_to_read_is_not_ready() {
        let outbox = outbox(&Limits::default());
        assert!(outbox.is_ready());
        outbox.set_busy(true);
        assert!(outbox.is_present() && !outbox.is_ready());
        outbox.set_busy(false);
        for _ in 0..BACKED_UP {
            assert!(outbox.is_ready());
            outbox.push(delivery(QoS::AtMostOnce, "a"));
        }
        assert!(!outbox.is_ready());
        take(&outbox, 1, 1);
        assert!(outbox.is_ready());
        outbox.close();
        assert!(!outbox.is_present() && !outbox.is_ready());
    }
}
