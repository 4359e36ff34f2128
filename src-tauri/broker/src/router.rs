//! Finds the subscribers of a message and puts it into their outboxes. It never waits: not for the disk, and not for a
//! subscriber.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nightjar_mqtt::{QoS, SubscriptionOptions, TopicFilter, TopicName};
use parking_lot::{RwLock, RwLockWriteGuard};

use crate::access::{Decider, RuleEngine, Who};
use crate::clock::Moment;
use crate::delivery::{Delivery, Entry, Kept};
use crate::outbox::{Outbox, OutboxId, Pushed};
use crate::routing::{Epoch, RetainedCursor, RetainedTree, SubscriptionTree, Walked};
use crate::share::{Member, Share};
use crate::{ClientIdentifier, Message, Record, Sequence, SubscriptionState};

/// Subscriptions that change under one lock: with more, others get their turn in between.
const CHANGED_AT_ONCE: usize = 256;
/// Levels of the tree of retained messages that are looked at under one lock.
const WALKED_AT_ONCE: usize = 512;
/// Such looks in one part of a round for what has expired.
const SWEPT_AT_ONCE: usize = 8;

/// One subscription, as the tree holds it.
#[derive(Debug)]
struct Subscriber {
    outbox: Arc<Outbox>,
    options: SubscriptionOptions,
    identifier: Option<u32>,
}

/// Every subscription.
#[derive(Debug, Default)]
struct Subscriptions {
    ordinary: SubscriptionTree<OutboxId, Subscriber>,
    /// By the filter behind the share name. The subscribers here are the whole filters, share name included.
    shared: SubscriptionTree<TopicFilter, Arc<Share>>,
    /// By the whole filter.
    shares: HashMap<TopicFilter, Arc<Share>>,
    /// Members of all shares.
    members: usize,
}

/// How one session gets the messages of a topic, all of its overlapping subscriptions taken together
/// [MQTT-3.3.4-2], [MQTT-3.3.4-3].
#[derive(Debug)]
struct Route {
    outbox: Arc<Outbox>,
    terms: Terms,
    own: Own,
}

/// What the subscriptions that apply to a message say of its delivery.
#[derive(Clone, Debug)]
struct Terms {
    maximum_qos: QoS,
    retain_as_published: bool,
    identifiers: Arc<[u32]>,
}

/// How the session gets messages that its own client published: No Local takes subscriptions away
/// [MQTT-3.8.3-3].
#[derive(Debug)]
enum Own {
    /// As those of others.
    Same,
    Not,
    By(Box<Terms>),
}

/// Where the messages of a topic go.
#[derive(Debug, Default)]
struct Routes {
    sessions: Box<[Route]>,
    shares: Box<[ShareRoute]>,
    /// Sessions and shares that subscribed, and may not read the topic.
    withheld: u32,
}

#[derive(Debug)]
struct ShareRoute {
    share: Arc<Share>,
    barred: Barred,
}

/// Members of a Shared Subscription that may not read a topic; none where there are no rules.
#[derive(Debug, Default)]
pub(crate) struct Barred(Box<[OutboxId]>);

/// Subscriptions, retained messages and rules, shared by all connections.
///
/// Whoever locks both locks `retained` first.
#[derive(Debug, Default)]
pub(crate) struct Router {
    subscriptions: RwLock<Subscriptions>,
    rules: RwLock<Arc<RuleEngine>>,
    /// Counts the changes of `subscriptions`, of `rules`, and of the accounts that sessions are of: what a cache knows is
    /// true while this stands still.
    version: AtomicU64,
    /// The version with which the rules took effect; 0 where there are none.
    rules_version: AtomicU64,
    pub(crate) retained: RwLock<RetainedTree>,
}

/// What a new subscription found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscribed {
    /// It is not one that was changed.
    pub(crate) is_new: bool,
    /// Retained messages up to here are to be sent, where there are any; later ones come as they are published.
    pub(crate) retained: Option<Epoch>,
}

/// A publisher's memory of where its topics go, so that a repeated topic costs no walk and no allocation.
#[derive(Debug, Default)]
pub(crate) struct RouteCache {
    version: u64,
    known: Vec<Known>,
    /// Places in `known`. Clients choose the topics, but no more of them than the cache holds: a quick hash will do.
    places: HashMap<TopicName, usize, foldhash::fast::RandomState>,
    /// The place that was asked for last: many publishers have one topic.
    last: usize,
    /// Sessions and shares in all of `known`.
    weight: usize,
}

/// A topic and where its messages go.
#[derive(Debug)]
pub(crate) struct Known {
    /// With memory of its own, for messages that may wait for long.
    pub(crate) topic: TopicName,
    /// What denies the publisher to publish to it.
    pub(crate) denied: Option<Decider>,
    routes: Routes,
}

/// Outboxes that a batch of messages touched, each to be woken once.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    to_wake: Vec<Arc<Outbox>>,
    /// Those that dropped something for the first time since the last report.
    pub(crate) dropping: Vec<Arc<Outbox>>,
    /// What the journal is to be told of kept sessions.
    pub(crate) records: Vec<Record>,
    /// What of it makes entries of queues.
    entries: Vec<Entry>,
}

impl Touched {
    /// Nothing was touched.
    pub(crate) const NONE: Self =
        Self { to_wake: Vec::new(), dropping: Vec::new(), records: Vec::new(), entries: Vec::new() };

    pub(crate) fn is_clear(&self) -> bool {
        self.to_wake.is_empty() && self.dropping.is_empty() && self.records.is_empty() && self.entries.is_empty()
    }

    /// The length that its longest list has room for.
    pub(crate) fn capacity(&self) -> usize {
        let lists =
            [self.to_wake.capacity(), self.dropping.capacity(), self.records.capacity(), self.entries.capacity()];
        lists.into_iter().max().unwrap_or(0)
    }

    /// Wakes the subscribers.
    pub(crate) fn wake(&mut self) {
        self.to_wake.drain(..).for_each(|outbox| outbox.wake());
    }

    /// Notes what is to be done after a message was put into an outbox.
    pub(crate) fn note(&mut self, outbox: &Arc<Outbox>, pushed: Pushed) {
        if pushed.wake {
            self.to_wake.push(Arc::clone(outbox));
        }
        if pushed.first_drop {
            self.dropping.push(Arc::clone(outbox));
        }
        self.records.extend(pushed.record.map(Record::Session));
        self.entries.extend(pushed.entry);
    }

    /// Notes an entry of a queue whose record is among those to be appended.
    pub(crate) fn note_entry(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The records of all entries so far are in the journal, up to that sequence.
    pub(crate) fn set_appended(&mut self, sequence: Sequence) {
        self.entries.drain(..).for_each(|entry| entry.set_appended(sequence));
    }
}

impl RouteCache {
    /// Topics that one publisher's cache holds before it starts anew.
    const TOPICS: usize = 1_024;
    /// Sessions and shares that it holds for them, for the same reason: a topic may have many subscribers.
    const WEIGHT: usize = 65_536;

    fn follow(&mut self, version: u64) {
        if self.version != version {
            self.clear();
            self.version = version;
        }
    }

    fn find(&self, topic: &TopicName) -> Option<usize> {
        if self.known.get(self.last).is_some_and(|known| known.topic == *topic) {
            return Some(self.last);
        }
        self.places.get(topic).copied()
    }

    /// Returns its place.
    fn keep(&mut self, known: Known) -> usize {
        let weight = known.routes.sessions.len() + known.routes.shares.len();
        if self.known.len() >= Self::TOPICS || self.weight + weight > Self::WEIGHT {
            self.clear();
        }
        self.weight += weight;
        let place = self.known.len();
        self.places.insert(known.topic.clone(), place);
        self.known.push(known);
        place
    }

    fn clear(&mut self) {
        self.known.clear();
        self.places.clear();
        self.weight = 0;
    }
}

impl Subscriptions {
    /// Adds or changes one; returns whether it is new to its session.
    fn insert(&mut self, outbox: &Arc<Outbox>, filter: &TopicFilter, state: SubscriptionState) -> bool {
        let SubscriptionState { options, identifier } = state;
        let outbox = Arc::clone(outbox);
        let Some((_, behind_name)) = filter.shared() else {
            return self.ordinary.insert(filter, outbox.id(), Subscriber { outbox, options, identifier }).is_none();
        };
        let share = match self.shares.get(filter) {
            Some(share) => share,
            None => {
                let share = Arc::<Share>::default();
                self.shared.insert(behind_name, filter.clone(), Arc::clone(&share));
                self.shares.entry(filter.clone()).or_insert(share)
            }
        };
        let is_new = share.join(Member {
            outbox,
            maximum_qos: options.maximum_qos,
            retain_as_published: options.retain_as_published,
            identifiers: identifier.into_iter().collect(),
        });
        self.members += usize::from(is_new);
        is_new
    }

    fn remove(&mut self, session: OutboxId, filter: &TopicFilter) -> bool {
        let Some((_, behind_name)) = filter.shared() else {
            return self.ordinary.remove(filter, &session).is_some();
        };
        let Some(share) = self.shares.get(filter) else { return false };
        let was_member = share.leave(session);
        if share.is_empty() {
            self.shares.remove(filter);
            self.shared.remove(behind_name, filter);
        }
        self.members -= usize::from(was_member);
        was_member
    }
}

impl FromIterator<OutboxId> for Barred {
    fn from_iter<I: IntoIterator<Item = OutboxId>>(sessions: I) -> Self {
        Self(sessions.into_iter().collect())
    }
}

impl Barred {
    pub(crate) fn has(&self, session: OutboxId) -> bool {
        // Most of the time there are none.
        self.0.contains(&session)
    }
}

impl Router {
    /// The rules that are in force.
    pub(crate) fn rules(&self) -> Arc<RuleEngine> {
        Arc::clone(&self.rules.read())
    }

    /// Takes other rules: everything that is routed or sent from here on follows them. Returns those from before.
    pub(crate) fn set_rules(&self, rules: RuleEngine) -> Arc<RuleEngine> {
        let rules = Arc::new(rules);
        let current = &mut *self.rules.write();
        let version = self.version.fetch_add(1, Ordering::Release) + 1;
        self.rules_version.store(if rules.is_open() { 0 } else { version }, Ordering::Release);
        std::mem::replace(current, rules)
    }

    /// Stands for the rules that are in force; 0 where there are none, so that nothing need be asked.
    pub(crate) fn rules_version(&self) -> u64 {
        self.rules_version.load(Ordering::Acquire)
    }

    /// Forgets what was found for publishers: a session is another account's now.
    pub(crate) fn forget_routes(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Whether a session may read a topic.
    pub(crate) fn may_read(&self, outbox: &Outbox, topic: &TopicName) -> bool {
        self.rules().denies_read(&outbox.who(), topic).is_none()
    }

    /// The members of a share that may not read a topic.
    pub(crate) fn barred(&self, share: &Share, topic: &TopicName) -> Barred {
        if self.rules_version() == 0 { Barred::default() } else { share.barred(&self.rules(), topic) }
    }

    /// Registers the subscriptions of a session, in order.
    ///
    /// The retained messages that each is due are settled in the same instant, so that one that is published meanwhile
    /// comes once: as retained, or as published.
    pub(crate) fn subscribe(
        &self,
        outbox: &Arc<Outbox>,
        wanted: &[(TopicFilter, SubscriptionState)],
    ) -> Vec<Subscribed> {
        let mut found = Vec::with_capacity(wanted.len());
        for wanted in wanted.chunks(CHANGED_AT_ONCE) {
            let retained = self.retained.read();
            let mut subscriptions = self.subscriptions.write();
            for (filter, state) in wanted {
                let is_new = subscriptions.insert(outbox, filter, *state);
                let has_retained = filter.shared().is_none()
                    && if filter.contains(['+', '#']) { retained.len() > 0 } else { retained.of(filter).is_some() };
                found.push(Subscribed { is_new, retained: has_retained.then(|| retained.epoch()) });
            }
            self.version.fetch_add(1, Ordering::Release);
            RwLockWriteGuard::unlock_fair(subscriptions);
        }
        found
    }

    /// Ends subscriptions of a session; returns of each whether there was one.
    pub(crate) fn unsubscribe<'f>(
        &self,
        session: OutboxId,
        filters: impl IntoIterator<Item = &'f TopicFilter>,
    ) -> Vec<bool> {
        let mut filters = filters.into_iter().peekable();
        let mut removed = Vec::new();
        while filters.peek().is_some() {
            let mut subscriptions = self.subscriptions.write();
            let filters = filters.by_ref().take(CHANGED_AT_ONCE);
            removed.extend(filters.map(|filter| subscriptions.remove(session, filter)));
            self.version.fetch_add(1, Ordering::Release);
            RwLockWriteGuard::unlock_fair(subscriptions);
        }
        removed
    }

    /// Subscriptions in all, shared ones included.
    pub(crate) fn subscription_count(&self) -> usize {
        let subscriptions = self.subscriptions.read();
        subscriptions.ordinary.len() + subscriptions.members
    }

    /// Shared Subscriptions, each member's counted.
    pub(crate) fn shared_subscription_count(&self) -> usize {
        self.subscriptions.read().members
    }

    /// Goes on with a walk over the retained messages, for a bounded time. What has expired is passed over.
    pub(crate) fn walk_retained(
        &self,
        cursor: &mut RetainedCursor,
        filter: &str,
        now: Moment,
        mut take: impl FnMut(&Arc<Message>) -> ControlFlow<()>,
    ) -> Walked {
        let retained = self.retained.read();
        cursor.walk(&retained, filter, WALKED_AT_ONCE, &mut |message| {
            if message.has_expired(now.wall) { ControlFlow::Continue(()) } else { take(message) }
        })
    }

    /// Goes on with a round over all retained messages, for a bounded time, and forgets those that have expired.
    pub(crate) fn sweep_retained(&self, round: &mut RetainedCursor, now: Moment) {
        let mut expired = Vec::new();
        for _ in 0..SWEPT_AT_ONCE {
            let walked = round.walk(&self.retained.read(), "#", WALKED_AT_ONCE, &mut |message| {
                if message.has_expired(now.wall) {
                    expired.push(Arc::clone(message));
                }
                ControlFlow::Continue(())
            });
            if walked == Walked::Whole {
                *round = RetainedCursor::over_all();
                break;
            }
        }
        for expired in expired.chunks(CHANGED_AT_ONCE) {
            let mut retained = self.retained.write();
            for message in expired {
                // Meanwhile there may be a new one.
                if retained.of(&message.topic).is_some_and(|current| Arc::ptr_eq(current, message)) {
                    retained.clear(&message.topic);
                }
            }
        }
    }

    /// Where the messages of a topic go at this moment, from that publisher; from the broker or its owner without one.
    pub(crate) fn find<'c>(&self, cache: &'c mut RouteCache, topic: &TopicName, publisher: Option<&Who>) -> &'c Known {
        cache.follow(self.version.load(Ordering::Acquire));
        let place = match cache.find(topic) {
            Some(place) => place,
            None => cache.keep(self.known(topic, publisher)),
        };
        cache.last = place;
        &cache.known[place]
    }

    fn known(&self, topic: &TopicName, publisher: Option<&Who>) -> Known {
        let rules = self.rules();
        let denied = publisher.and_then(|publisher| rules.denies_publish(publisher, topic));
        let routes = if denied.is_some() { Routes::default() } else { self.routes_of(topic, &rules) };
        Known { topic: topic.detached(), denied, routes }
    }

    fn routes_of(&self, topic: &TopicName, rules: &RuleEngine) -> Routes {
        let subscriptions = self.subscriptions.read();
        let mut by_session: HashMap<OutboxId, Vec<&Subscriber>> = HashMap::new();
        subscriptions.ordinary.visit_matches(topic, &mut |session, subscriber| {
            by_session.entry(*session).or_default().push(subscriber);
        });
        let mut shares = Vec::new();
        subscriptions.shared.visit_matches(topic, &mut |_, share| {
            shares.push(ShareRoute { share: Arc::clone(share), barred: share.barred(rules, topic) });
        });
        let found = by_session.len() + shares.len();
        if !rules.is_open() {
            let may_read = |subscribers: &Vec<&Subscriber>| {
                let reader = subscribers.first().map(|subscriber| subscriber.outbox.who());
                reader.is_none_or(|reader| rules.denies_read(&reader, topic).is_none())
            };
            by_session.retain(|_, subscribers| may_read(subscribers));
            shares.retain(|route| route.share.has_other_than(&route.barred));
        }
        let withheld = (found - by_session.len() - shares.len()) as u32;
        let sessions = by_session.into_values().filter_map(Route::of).collect();
        Routes { sessions, shares: shares.into(), withheld }
    }
}

impl Route {
    /// The route that one session's matching subscriptions make; `None` without any.
    fn of(subscribers: Vec<&Subscriber>) -> Option<Self> {
        let outbox = Arc::clone(&subscribers.first()?.outbox);
        let terms = Terms::of(subscribers.iter().copied())?;
        let own = if subscribers.iter().all(|subscriber| !subscriber.options.no_local) {
            Own::Same
        } else {
            let others = subscribers.iter().copied().filter(|subscriber| !subscriber.options.no_local);
            Terms::of(others).map_or(Own::Not, |terms| Own::By(Box::new(terms)))
        };
        Some(Self { outbox, terms, own })
    }

    /// The terms for messages of that publisher; `None` where it gets none.
    fn terms_for(&self, publisher: &ClientIdentifier) -> Option<&Terms> {
        match &self.own {
            Own::Same => Some(&self.terms),
            _ if self.outbox.client() != publisher => Some(&self.terms),
            Own::Not => None,
            Own::By(terms) => Some(terms),
        }
    }
}

impl Terms {
    fn of<'s>(subscribers: impl Iterator<Item = &'s Subscriber> + Clone) -> Option<Self> {
        let options = || subscribers.clone().map(|subscriber| subscriber.options);
        Some(Self {
            maximum_qos: options().map(|options| options.maximum_qos).max()?,
            retain_as_published: options().any(|options| options.retain_as_published),
            identifiers: subscribers.clone().filter_map(|subscriber| subscriber.identifier).collect(),
        })
    }
}

impl Known {
    /// Puts a message of the topic into the outbox of each session that subscribed to it, and of one member of each
    /// Shared Subscription; returns how many these are.
    pub(crate) fn deliver(&self, message: &Arc<Message>, touched: &mut Touched) -> u32 {
        self.routes.deliver(message, touched)
    }

    /// How many subscribers a message of the topic does not go to, because they may not read it.
    pub(crate) const fn withheld(&self) -> u32 {
        self.routes.withheld
    }
}

impl Routes {
    fn deliver(&self, message: &Arc<Message>, touched: &mut Touched) -> u32 {
        let mut matched = 0;
        for route in &self.sessions {
            let Some(terms) = route.terms_for(&message.publisher) else { continue };
            matched += 1;
            let pushed = route.outbox.push(Delivery {
                message: Arc::clone(message),
                qos: message.qos.min(terms.maximum_qos),
                retain: message.retain && terms.retain_as_published,
                identifiers: Arc::clone(&terms.identifiers),
                share: None,
                kept: Kept::Before,
            });
            touched.note(&route.outbox, pushed);
        }
        for ShareRoute { share, barred } in &self.shares {
            matched += 1;
            if let Some((outbox, pushed)) = share.give(message, &Kept::Before, barred) {
                touched.note(&outbox, pushed);
            }
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Limits, Timestamp};

    struct World {
        router: Router,
        cache: RouteCache,
        touched: Touched,
    }

    impl World {
        fn new() -> Self {
            Self { router: Router::default(), cache: RouteCache::default(), touched: Touched::default() }
        }

        fn client(&self, name: &str) -> Arc<Outbox> {
            let outbox = Outbox::new(ClientIdentifier::new(name), &Limits::default());
            outbox.open();
            Arc::new(outbox)
        }

        fn subscribe(&self, outbox: &Arc<Outbox>, filter: &str, options: SubscriptionOptions, identifier: Option<u32>) {
            let filter = TopicFilter::new(filter.to_owned()).unwrap();
            self.router.subscribe(outbox, &[(filter, SubscriptionState { options, identifier })]);
        }

        fn publish(&mut self, publisher: &str, topic: &str, retain: bool) -> u32 {
            let message = Arc::new(Message {
                topic: TopicName::new(topic.to_owned()).unwrap(),
                payload: Bytes::new(),
                qos: QoS::ExactlyOnce,
                retain,
                properties: None,
                publisher: ClientIdentifier::new(publisher),
                received: Timestamp::default(),
            });
            self.router.find(&mut self.cache, &message.topic, None).deliver(&message, &mut self.touched)
        }
    }

    fn taken(outbox: &Outbox) -> Vec<Delivery> {
        let mut taken = Vec::new();
        outbox.take(usize::MAX, 100, |_| true, &mut taken);
        taken
    }

    fn at(maximum_qos: QoS) -> SubscriptionOptions {
        SubscriptionOptions { maximum_qos, ..SubscriptionOptions::default() }
    }

    #[test]
    fn overlapping_subscriptions_bring_one_message_with_the_highest_qos_and_all_identifiers() {
        let mut world = World::new();
        let outbox = world.client("s");
        world.subscribe(&outbox, "a/#", at(QoS::AtMostOnce), Some(7));
        world.subscribe(&outbox, "a/+", at(QoS::AtLeastOnce), Some(9));
        assert_eq!(world.publish("p", "a/b", false), 1);
        let deliveries = taken(&outbox);
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].qos, QoS::AtLeastOnce);
        let mut identifiers = deliveries[0].identifiers.to_vec();
        identifiers.sort_unstable();
        assert_eq!(identifiers, [7, 9]);
    }

    #[test]
    fn no_local_keeps_a_clients_own_messages_from_it() {
        let mut world = World::new();
        let outbox = world.client("s");
        world.subscribe(&outbox, "a", SubscriptionOptions { no_local: true, ..at(QoS::ExactlyOnce) }, None);
        assert_eq!(world.publish("s", "a", false), 0);
        assert_eq!(world.publish("p", "a", false), 1);
    }

    #[test]
    fn no_local_takes_its_own_qos_identifier_and_retain_flag_with_it() {
        let mut world = World::new();
        let outbox = world.client("s");
        let loud = SubscriptionOptions { no_local: true, retain_as_published: true, ..at(QoS::ExactlyOnce) };
        world.subscribe(&outbox, "a/#", loud, Some(7));
        world.subscribe(&outbox, "a/+", at(QoS::AtMostOnce), Some(9));
        assert_eq!(world.publish("s", "a/b", true), 1);
        let own = taken(&outbox).remove(0);
        assert_eq!((own.qos, own.retain, &own.identifiers[..]), (QoS::AtMostOnce, false, &[9][..]));
        assert_eq!(world.publish("p", "a/b", true), 1);
        let others = taken(&outbox).remove(0);
        assert_eq!((others.qos, others.retain, others.identifiers.len()), (QoS::ExactlyOnce, true, 2));
    }

    #[test]
    fn one_member_of_a_share_and_every_ordinary_subscription_get_the_message() {
        let mut world = World::new();
        let (one, other) = (world.client("one"), world.client("other"));
        for outbox in [&one, &other] {
            world.subscribe(outbox, "$share/g/a/+", at(QoS::AtLeastOnce), Some(3));
        }
        world.subscribe(&one, "$share/h/a/#", at(QoS::AtLeastOnce), None);
        world.subscribe(&one, "a/b", at(QoS::ExactlyOnce), Some(5));
        assert_eq!((world.router.subscription_count(), world.router.shared_subscription_count()), (4, 3));
        let counts: Vec<_> = (0..2)
            .map(|_| {
                assert_eq!(world.publish("p", "a/b", false), 3);
                (taken(&one).len(), taken(&other).len())
            })
            .collect();
        assert_eq!(counts, [(3, 0), (2, 1)]);
        let filters = ["$share/g/a/+", "$share/h/a/#", "a/b"].map(|filter| TopicFilter::new(filter).unwrap());
        assert_eq!(world.router.unsubscribe(one.id(), &filters), [true; 3]);
        assert_eq!(world.publish("p", "a/b", false), 1);
        assert_eq!(&taken(&other)[0].identifiers[..], [3]);
        assert_eq!(world.router.unsubscribe(other.id(), &filters), [true, false, false]);
        assert_eq!(world.publish("p", "a/b", false), 0);
        assert_eq!((world.router.subscription_count(), world.router.shared_subscription_count()), (0, 0));
        assert!(world.router.subscriptions.read().shares.is_empty());
    }

    #[test]
    fn many_subscriptions_of_one_packet_all_take_effect() {
        let mut world = World::new();
        let outbox = world.client("s");
        let filters: Vec<_> = (0..1_000).map(|number| TopicFilter::new(format!("a/{number}")).unwrap()).collect();
        let state = SubscriptionState { options: at(QoS::AtMostOnce), identifier: None };
        let wanted: Vec<_> = filters.iter().map(|filter| (filter.clone(), state)).collect();
        assert!(world.router.subscribe(&outbox, &wanted).iter().all(|subscribed| subscribed.is_new));
        assert!(world.router.subscribe(&outbox, &wanted).iter().all(|subscribed| !subscribed.is_new));
        assert_eq!(world.publish("p", "a/999", false), 1);
        assert_eq!(world.router.unsubscribe(outbox.id(), &filters), vec![true; 1_000]);
        assert_eq!(world.publish("p", "a/999", false), 0);
    }

    #[test]
    fn a_cache_is_bounded_in_subscribers_too() {
        let mut world = World::new();
        let outboxes: Vec<_> = (0..1_000).map(|number| world.client(&number.to_string())).collect();
        for outbox in &outboxes {
            world.subscribe(outbox, "#", at(QoS::AtMostOnce), None);
        }
        for topic in 0..200 {
            world.publish("p", &topic.to_string(), false);
            assert!(world.cache.weight <= RouteCache::WEIGHT);
            assert_eq!(world.cache.weight, world.cache.known.len() * 1_000);
        }
    }

    #[test]
    fn the_retain_flag_is_passed_on_only_where_it_was_asked_for() {
        let mut world = World::new();
        let (plain, asking) = (world.client("plain"), world.client("asking"));
        world.subscribe(&plain, "a", at(QoS::AtMostOnce), None);
        world.subscribe(&asking, "a", SubscriptionOptions { retain_as_published: true, ..at(QoS::AtMostOnce) }, None);
        assert_eq!(world.publish("p", "a", true), 2);
        assert!(!taken(&plain)[0].retain);
        assert!(taken(&asking)[0].retain);
    }

    #[test]
    fn the_cache_follows_changes_of_the_subscriptions() {
        let mut world = World::new();
        let outbox = world.client("s");
        assert_eq!(world.publish("p", "a", false), 0);
        world.subscribe(&outbox, "+", at(QoS::AtMostOnce), None);
        assert_eq!(world.publish("p", "a", false), 1);
        assert_eq!(world.router.unsubscribe(outbox.id(), [&TopicFilter::new("+").unwrap()]), [true]);
        assert_eq!(world.router.unsubscribe(outbox.id(), [&TopicFilter::new("+").unwrap()]), [false]);
        assert_eq!(world.publish("p", "a", false), 0);
    }

    #[test]
    fn a_batch_wakes_each_subscriber_once() {
        let mut world = World::new();
        let outbox = world.client("s");
        world.subscribe(&outbox, "a", at(QoS::AtMostOnce), None);
        world.publish("p", "a", false);
        world.publish("p", "a", false);
        assert_eq!(world.touched.to_wake.len(), 1);
    }
}
