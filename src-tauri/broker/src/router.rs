//! Finds the subscribers of a message and puts it into their outboxes. It never waits: not for the disk, and not for a
//! subscriber.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nightjar_mqtt::{TopicFilter, TopicName};
use parking_lot::{RwLock, RwLockWriteGuard};

use crate::access::{RuleEngine, Who};
use crate::clock::Moment;
use crate::outbox::{Outbox, OutboxId};
use crate::route_cache::{CommonRoutes, Known, RouteCache};
use crate::routes::Barred;
use crate::routing::{Epoch, RetainedCursor, RetainedTree, Walked};
use crate::share::Share;
use crate::subscriptions::Subscriptions;
use crate::{Message, SubscriptionState};

/// Subscriptions that change under one lock: with more, others get their turn in between.
const CHANGED_AT_ONCE: usize = 256;
/// Levels of the tree of retained messages that are looked at under one lock.
const WALKED_AT_ONCE: usize = 512;
/// Such looks in one part of a round for what has expired.
const SWEPT_AT_ONCE: usize = 8;

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
    common: CommonRoutes,
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

    /// Whether who published a retained message may still publish to its topic.
    pub(crate) fn source_may_publish(&self, message: &Message) -> bool {
        if self.rules_version() == 0 {
            return true;
        }
        message.source.as_ref().is_none_or(|source| {
            let publisher = Who::new(message.publisher.clone(), source.account());
            self.rules().denies_publish(&publisher, &message.topic).is_none()
        })
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
        self.subscriptions.read().len()
    }

    /// Shared Subscriptions, each member's counted.
    pub(crate) fn shared_subscription_count(&self) -> usize {
        self.subscriptions.read().members()
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
        let version = self.version.load(Ordering::Acquire);
        cache.find(version, topic, || self.known(version, topic, publisher))
    }

    fn known(&self, version: u64, topic: &TopicName, publisher: Option<&Who>) -> Known {
        let rules = self.rules();
        let denied = publisher.and_then(|publisher| rules.denies_publish(publisher, topic));
        if denied.is_some() {
            return Known { topic: topic.detached(), denied, routes: Arc::default() };
        }
        let (topic, routes) = self.common.find(version, topic, || self.subscriptions.read().routes(topic, &rules));
        Known { topic, denied, routes }
    }

    /// Lets go of routes that are no longer true.
    pub(crate) fn forget_old_routes(&self) {
        self.common.forget_before(self.version.load(Ordering::Acquire));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use nightjar_mqtt::{QoS, SubscriptionOptions};

    use super::*;
    use crate::delivery::Delivery;
    use crate::routes::Touched;
    use crate::{ClientIdentifier, Limits, Timestamp};

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
                source: None,
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
