//! What all connections of a broker share.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::LocalKey;

use nightjar_mqtt::{PublishProperties, QoS, Will};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Decider, Denials, Denied, Gate, Operation, Report, Who};
use crate::admission::{Admission, LackOfRoom};
use crate::clock::{self, Moment};
use crate::counters::{Counters, add};
use crate::delivery::{Delivery, Entry};
use crate::desk::{Lendable, OnLoan};
use crate::door::Door;
use crate::flapping::{Flapping, Over};
use crate::outbox::Outbox;
use crate::registry::{Ended, Registry};
use crate::route_cache::RouteCache;
use crate::router::Router;
use crate::routes::Touched;
use crate::routing::RetainedTree;
use crate::session_record::SessionRecord;
use crate::share::Share;
use crate::turns::{self, Turns};
use crate::{
    ClientIdentifier, DropReason, Event, EventKind, Journal, Limits, ListenerOptions, Message, Record, RetainSource,
    Sequence, SessionNumber,
};

pub(crate) struct Shared {
    limits: RwLock<Arc<Limits>>,
    /// [`Self::limits`] are others.
    pub(crate) limits_changed: Notify,
    /// The door of connections that somebody else accepted.
    open_door: RwLock<Arc<Door>>,
    pub(crate) gate: Gate,
    pub(crate) router: Router,
    pub(crate) registry: Registry,
    pub(crate) admission: Arc<Admission>,
    pub(crate) flapping: Flapping,
    pub(crate) counters: Arc<Counters>,
    pub(crate) denials: Denials,
    pub(crate) journal: Arc<dyn Journal>,
    /// The number of the next session that the journal keeps.
    pub(crate) next_session: AtomicU64,
    /// Outboxes with drops to report, each once.
    dropping: Mutex<Vec<Arc<Outbox>>>,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) started: Moment,
}

/// What one publisher carries along from message to message: its cache, and what its batch gathers.
#[derive(Default)]
pub(crate) struct PublishBatch {
    /// Made with the first message: most clients publish little, and many nothing.
    cache: Option<Box<RouteCache>>,
    gathered: OnLoan<Gathered>,
    /// The sequence that covers all that was appended before.
    appended: Option<Sequence>,
    /// Whose rules apply; `None` for the broker and its owner, who may publish everything.
    publisher: Option<Who>,
    /// The publisher is the broker's owner, whose retained messages are kept whatever there is already.
    is_owner: bool,
}

/// What a batch gathers.
#[derive(Debug, Default)]
struct Gathered {
    records: Vec<Record>,
    /// What the journal is to have right behind the next message.
    behind: Option<SessionRecord>,
    touched: Touched,
}

impl Lendable for Gathered {
    const UNUSED: &'static Self = &Self { records: Vec::new(), behind: None, touched: Touched::NONE };

    fn spare() -> &'static LocalKey<Cell<Option<Box<Self>>>> {
        thread_local!(static SPARE: Cell<Option<Box<Gathered>>> = const { Cell::new(None) });
        &SPARE
    }

    fn is_clear(&self) -> bool {
        self.records.is_empty() && self.behind.is_none() && self.touched.is_clear()
    }

    fn capacity(&self) -> usize {
        self.records.capacity().max(self.touched.capacity())
    }
}

impl PublishBatch {
    /// Gives back what only a turn needs.
    pub(crate) fn clear_away(&mut self) {
        self.gathered.clear_away();
    }

    /// The batches of a client.
    pub(crate) fn of(publisher: Who) -> Self {
        Self { publisher: Some(publisher), ..Self::default() }
    }

    /// Adds what the journal is to be told of a kept session.
    pub(crate) fn keep(&mut self, record: SessionRecord) {
        self.gathered.records.push(Record::Session(record));
    }

    /// The same, with the entry of a queue that it makes.
    pub(crate) fn keep_entry(&mut self, (record, entry): (SessionRecord, Entry)) {
        self.keep(record);
        self.gathered.touched.note_entry(entry);
    }

    /// Sets what the journal is to have right behind the next message.
    pub(crate) fn set_behind(&mut self, record: Option<SessionRecord>) {
        if record.is_some() || self.gathered.behind.is_some() {
            self.gathered.behind = record;
        }
    }

    /// Whether there is nothing to hand to the journal.
    pub(crate) fn is_empty(&self) -> bool {
        self.gathered.records.is_empty()
    }
}

/// A message that is not taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// There are as many retained messages as the broker keeps.
    RetainedFull(Arc<Message>),
    /// The rules deny it to the publisher.
    Denied(Box<Message>, Decider),
}

impl Shared {
    pub(crate) fn new(limits: Limits, gate: Gate, journal: Arc<dyn Journal>) -> Self {
        Self {
            admission: Arc::new(Admission::new(&limits)),
            flapping: Flapping::new(&limits),
            open_door: RwLock::new(Arc::new(open_door(&limits))),
            limits: RwLock::new(Arc::new(limits)),
            limits_changed: Notify::new(),
            gate,
            router: Router::default(),
            registry: Registry::default(),
            counters: Arc::default(),
            denials: Denials::default(),
            journal,
            next_session: AtomicU64::new(1),
            dropping: Mutex::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            started: clock::now(),
        }
    }

    /// The limits as they are now. A connection keeps to those of its listener's terms.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read())
    }

    /// Keeps to other limits from here on; who is connected keeps those that they came on.
    pub(crate) fn set_limits(&self, limits: Limits) {
        self.admission.set_limits(&limits);
        self.flapping.set_limits(&limits);
        *self.open_door.write() = Arc::new(open_door(&limits));
        *self.limits.write() = Arc::new(limits);
        self.limits_changed.notify_one();
    }

    /// The door of connections that somebody else accepted.
    pub(crate) fn open_door(&self) -> Arc<Door> {
        Arc::clone(&self.open_door.read())
    }

    /// Routes a message and adds it to the batch's records; returns how many sessions it goes to. A message that the rules
    /// deny its publisher is not taken, nor is one that would be one retained message too many.
    ///
    /// A retained message is kept, routed and recorded under one lock: so the journal has the changes of a topic in
    /// the order in which they took effect, and whoever subscribes meanwhile gets the message in one way or the other.
    pub(crate) fn publish(&self, batch: &mut PublishBatch, mut message: Message) -> Result<u32, NotTaken> {
        let mut retained = message.retain.then(|| self.router.retained.write());
        let known = self.router.find(batch.cache.get_or_insert_default(), &message.topic, batch.publisher.as_ref());
        if let Some(decider) = known.denied {
            return Err(NotTaken::Denied(Box::new(message), decider));
        }
        if message.retain {
            message.source = batch.publisher.as_ref().map(|publisher| RetainSource::of(publisher.user.clone()));
        }
        // What may wait for long, retained or in a queue, must not keep a whole read buffer alive.
        let may_wait = message.retain || message.qos != QoS::AtMostOnce;
        let message = Arc::new(if may_wait { message.detached(known.topic.clone()) } else { message });
        if let Some(retained) = &mut retained {
            if message.payload.is_empty() {
                retained.clear(&message.topic);
            } else if !batch.is_owner && !self.has_room_for(retained, &message) {
                return Err(NotTaken::RetainedFull(message));
            } else {
                retained.set(Arc::clone(&message));
            }
        }
        let gathered = &mut *batch.gathered;
        let matched = known.deliver(&message, &mut gathered.touched);
        if known.withheld() > 0 {
            add(&self.counters.withheld, known.withheld().into());
        }
        let behind = gathered.behind.take().map(Record::Session);
        let is_needed = retained.is_some() || behind.is_some() || !gathered.touched.records.is_empty();
        if is_needed || self.journal.wants_all() {
            gathered.records.push(Record::Message { message, matched });
            gathered.records.append(&mut gathered.touched.records);
            gathered.records.extend(behind);
        }
        if retained.is_some() {
            self.append(batch);
        }
        Ok(matched)
    }

    /// Whether a retained message fits. One that makes the set no larger always does, or a set that the limits no
    /// longer allow could not shrink.
    fn has_room_for(&self, retained: &RetainedTree, message: &Message) -> bool {
        let replaced = retained.of(&message.topic).map(|replaced| replaced.weight());
        let levels = if replaced.is_some() { 0 } else { retained.levels_to_add(&message.topic) };
        let grows = (message.weight() + levels * RetainedTree::LEVEL).saturating_sub(replaced.unwrap_or(0));
        let limits = self.limits.read();
        (replaced.is_some() || retained.len_of_clients() < limits.maximum_retained_messages)
            && (grows == 0 || retained.footprint() + grows <= limits.maximum_retained_bytes)
    }

    /// Hands the batch's records to the journal and wakes the subscribers; returns the sequence that covers it all.
    pub(crate) fn finish(&self, batch: &mut PublishBatch) -> Sequence {
        let sequence = self.append(batch);
        if !batch.gathered.touched.is_clear() {
            self.settle(&mut batch.gathered.touched);
        }
        sequence
    }

    fn append(&self, batch: &mut PublishBatch) -> Sequence {
        if let Some(sequence) = batch.appended.filter(|_| batch.is_empty()) {
            return sequence;
        }
        let sequence = self.journal.append(&mut batch.gathered.records);
        batch.gathered.touched.set_appended(sequence);
        batch.appended = Some(sequence);
        sequence
    }

    /// Tells the journal of kept sessions.
    pub(crate) fn keep(&self, record: SessionRecord) {
        self.journal.append(&mut vec![Record::Session(record)]);
    }

    /// A number for a session that outlives its connection; `None` where the journal keeps none.
    pub(crate) fn new_session(&self) -> Option<SessionNumber> {
        self.journal.keeps_sessions().then(|| SessionNumber(self.next_session.fetch_add(1, Ordering::Relaxed)))
    }

    fn settle(&self, touched: &mut Touched) {
        if !touched.records.is_empty() {
            let sequence = self.journal.append(&mut touched.records);
            touched.set_appended(sequence);
        }
        touched.wake();
        if !touched.dropping.is_empty() {
            self.dropping.lock().append(&mut touched.dropping);
        }
    }

    /// Routes and records a single message of the owner's.
    pub(crate) fn publish_own(&self, message: Message) -> Sequence {
        let mut batch = PublishBatch { is_owner: true, ..PublishBatch::default() };
        // The owner is never refused.
        let _ = self.publish(&mut batch, message);
        self.finish(&mut batch)
    }

    /// Puts a message of the broker's own (`$SYS`) into the retained set and routes it; it is not for the record.
    pub(crate) fn announce(&self, message: Message) {
        let message = Arc::new(message);
        let mut batch = PublishBatch::default();
        {
            let mut retained = self.router.retained.write();
            retained.set(Arc::clone(&message));
            let cache = batch.cache.get_or_insert_default();
            self.router.find(cache, &message.topic, None).deliver(&message, &mut batch.gathered.touched);
        }
        self.finish(&mut batch);
    }

    pub(crate) fn record(&self, kind: EventKind, client: Option<&ClientIdentifier>, detail: String) {
        let detail = shortened(detail);
        match client {
            Some(client) => tracing::info!(client = &**client, "{}: {detail}", kind.name()),
            None => tracing::info!("{}: {detail}", kind.name()),
        }
        let event = Event { time: clock::now().wall, client: client.cloned(), kind, detail };
        self.journal.append(&mut vec![Record::Event(event)]);
    }

    /// Counts and notes what the rules deny a client.
    pub(crate) fn deny(&self, denied: Denied<'_>) {
        match denied.operation {
            Operation::Publish => self.counters.drop_messages(DropReason::NotAuthorized, 1),
            Operation::Subscribe => add(&self.counters.denied_subscriptions, 1),
        }
        self.denials.note(denied);
    }

    /// Publishes a client's Will Message [MQTT-3.1.2-8] unless the rules deny it meanwhile, and has the journal end the Will
    /// of a kept session with it: `end` says how.
    pub(crate) fn publish_will(&self, who: Who, will: Will, end: Option<SessionRecord>) {
        let client = &who.client.clone();
        let detail = format!("its Will Message was published to {}", will.topic);
        let properties = will.properties;
        let properties = PublishProperties {
            payload_format_indicator: properties.payload_format_indicator,
            message_expiry_interval: properties.message_expiry_interval,
            response_topic: properties.response_topic,
            correlation_data: properties.correlation_data,
            user_properties: properties.user_properties,
            content_type: properties.content_type,
            ..PublishProperties::default()
        };
        let message = Message {
            topic: will.topic,
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            properties: (properties != PublishProperties::default()).then(|| Box::new(properties)),
            publisher: client.clone(),
            source: None,
            received: clock::now().wall,
        };
        let mut batch = PublishBatch::of(who);
        batch.set_behind(end);
        let published = self.publish(&mut batch, message);
        // It is still there where the message was not taken.
        let behind = batch.gathered.behind.take();
        batch.gathered.records.extend(behind.map(Record::Session));
        self.finish(&mut batch);
        match published {
            Ok(_) => self.record(EventKind::Will, Some(client), detail),
            Err(NotTaken::Denied(message, decider)) => {
                let Some(who) = &batch.publisher else { return };
                let (topic, operation) = (&message.topic, Operation::Publish);
                self.deny(Denied { who, address: None, operation, is_will: true, topic, decider });
            }
            Err(NotTaken::RetainedFull(message)) => {
                self.counters.drop_messages(DropReason::RetainedFull, 1);
                let detail =
                    format!("its Will Message: {}", drop_detail(DropReason::RetainedFull, 1, Some(&message.topic)));
                self.record(EventKind::Dropped, Some(client), detail);
            }
        }
    }

    /// Gives the messages of Shared Subscriptions that wait for a client that went away to members that are there.
    pub(crate) fn pass_on(&self, outbox: &Arc<Outbox>) {
        let client = outbox.client();
        let mut touched = Touched::default();
        for delivery in outbox.take_shared(|share| share.has_other_present(client)) {
            let give = |share: &Arc<Share>| {
                let barred = self.router.barred(share, &delivery.message.topic);
                share.give_to_present(&delivery.message, &delivery.kept, client, &barred)
            };
            let given = delivery.share.as_ref().and_then(give);
            match given {
                Some((taker, pushed)) => touched.note(&taker, pushed),
                None => touched.note(outbox, outbox.push(delivery)),
            }
        }
        self.settle(&mut touched);
    }

    /// Removes what a session that is over leaves in the tree and in its queue. What it was to get from a Shared
    /// Subscription, and did not get for sure, goes to another member (MQTT 5.0, 4.8.2).
    pub(crate) async fn end_session(&self, ended: Ended) {
        let Ended { client, session, outbox, card, will } = ended;
        let subscriptions = std::mem::take(&mut card.about.lock().subscriptions);
        let mut filters = subscriptions.into_filters().peekable();
        let mut turns = Turns::default();
        while filters.peek().is_some() {
            let part: Vec<_> = filters.by_ref().take(turns::FILTERS).collect();
            self.router.unsubscribe(outbox.id(), &part);
            if filters.peek().is_some() {
                turns.over().await;
            }
        }
        let mut touched = Touched::default();
        let mut give = |delivery: &Delivery| {
            let given = delivery.share.as_ref().and_then(|share| {
                let barred = self.router.barred(share, &delivery.message.topic);
                share.give(&delivery.message, &delivery.kept, &barred)
            });
            given.map(|(taker, pushed)| touched.note(&taker, pushed)).is_some()
        };
        for delivery in session.into_undelivered() {
            give(&delivery);
        }
        let (waited, spilled) = outbox.end();
        let (mut count, mut example) = (spilled as u64, None);
        for delivery in waited {
            if !give(&delivery) {
                count += 1;
                example.get_or_insert_with(|| delivery.message.topic.to_string());
            }
        }
        let end = outbox.session().map(|session| SessionRecord::Ended { session });
        match will {
            Some(will) => {
                self.settle(&mut touched);
                self.publish_will(outbox.who(), *will, end);
            }
            None => {
                touched.records.extend(end.map(Record::Session));
                self.settle(&mut touched);
            }
        }
        if count > 0 {
            self.counters.drop_messages(DropReason::SessionEnded, count);
            let detail = drop_detail(DropReason::SessionEnded, count, example.as_deref());
            self.record(EventKind::Dropped, Some(&client), detail);
        }
    }

    /// Counts a message that was on its way to a client and could not be sent.
    pub(crate) fn drop_delivery(&self, outbox: &Arc<Outbox>, delivery: &Delivery, reason: DropReason) {
        if outbox.count_drop(reason, delivery).first_drop {
            self.dropping.lock().push(Arc::clone(outbox));
        }
    }

    /// Gives a message of a Shared Subscription that its member may not read to one that may; `false` where there is none.
    pub(crate) fn hand_on(&self, delivery: &Delivery) -> bool {
        let Some(share) = &delivery.share else { return false };
        let barred = self.router.barred(share, &delivery.message.topic);
        let Some((taker, pushed)) = share.give(&delivery.message, &delivery.kept, &barred) else { return false };
        let mut touched = Touched::default();
        touched.note(&taker, pushed);
        self.settle(&mut touched);
        true
    }

    /// Turns what rules and bans refused into events.
    pub(crate) fn report_denials(&self, now: Moment) {
        for detail in self.gate.bans().take_reports(now.steady) {
            self.record(EventKind::Refused, None, detail);
        }
        for Report { client, detail } in self.denials.take_reports(now.steady) {
            self.record(EventKind::Refused, client.as_ref(), detail);
        }
    }

    /// Turns the drops since the last call into counts and events: one for each client and reason.
    pub(crate) fn report_drops(&self) {
        let dropping = std::mem::take(&mut *self.dropping.lock());
        for outbox in dropping {
            for (reason, tally) in outbox.take_drops() {
                self.counters.drop_messages(reason, tally.count);
                let detail = drop_detail(reason, tally.count, Some(&tally.example));
                self.record(EventKind::Dropped, Some(outbox.client()), detail);
            }
        }
    }

    /// Reports the connections that there was no room for, and the pauses that are over.
    pub(crate) fn report_admission(&self, now: Moment) {
        let LackOfRoom { crowded_out, turned_away } = self.admission.take_lack_of_room();
        if crowded_out > 0 {
            add(&self.counters.refused_connections, crowded_out);
            let detail =
                format!("{crowded_out} connections that had not said CONNECT were closed to make room for new ones");
            self.record(EventKind::Refused, None, detail);
        }
        if turned_away > 0 {
            let detail = format!(
                "{turned_away} connects were refused: the broker has as many connections, sessions or waiting logins as it \
                 allows"
            );
            self.record(EventKind::Refused, None, detail);
        }
        for Over { client, detail } in self.flapping.settle(now.steady) {
            self.record(EventKind::Broker, client.as_ref(), detail);
        }
    }
}

fn open_door(limits: &Limits) -> Door {
    Door::new(None, &ListenerOptions::default(), limits)
}

/// A sentence of an event, cut where it quotes too much: ten Topic Filters may be 640 KB.
fn shortened(mut detail: String) -> String {
    const LONGEST: usize = 2_000;
    if detail.len() > LONGEST {
        detail.truncate(detail.floor_char_boundary(LONGEST));
        detail.push('…');
        detail.shrink_to_fit();
    }
    detail
}

pub(crate) fn drop_detail(reason: DropReason, count: u64, example: Option<&str>) -> String {
    let messages = if count == 1 { "message" } else { "messages" };
    let first = example.map_or_else(String::new, |topic| format!(" (the first on {topic})"));
    format!("{count} {messages} not delivered: {}{first}", reason.name())
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("limits", &self.limits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_cut_between_two_characters() {
        assert_eq!(shortened("short".to_owned()), "short");
        let long = shortened(format!("x{}", "ü".repeat(2_000)));
        assert_eq!(long, format!("x{}…", "ü".repeat(999)));
    }
}
