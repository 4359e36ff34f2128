//! Finds the subscribers of a message and puts it into their outboxes. It never waits: not for the disk, and not for a
//! subscriber.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nightjar_mqtt::{QoS, SubscriptionOptions, TopicFilter, TopicName};
use parking_lot::RwLock;

use crate::delivery::Delivery;
use crate::outbox::Outbox;
use crate::routing::{RetainedTree, SubscriptionTree};
use crate::{ClientIdentifier, Message};

/// One subscription, as the tree holds it.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<u32>,
}

/// How one session gets the messages of a topic, all of its overlapping subscriptions taken together
/// [MQTT-3.3.4-2], [MQTT-3.3.4-3].
#[derive(Debug)]
struct Route {
    outbox: Arc<Outbox>,
    maximum_qos: QoS,
    no_local: bool,
    retain_as_published: bool,
    identifiers: Arc<[u32]>,
}

/// Subscriptions and retained messages, shared by all connections.
#[derive(Debug, Default)]
pub(crate) struct Router {
    subscriptions: RwLock<SubscriptionTree<ClientIdentifier, Subscriber>>,
    /// Counts the changes of `subscriptions`: what a cache knows is true while this stands still.
    version: AtomicU64,
    pub(crate) retained: RwLock<RetainedTree>,
}

/// A publisher's memory of where its topics go, so that a repeated topic costs no walk and no allocation.
#[derive(Debug, Default)]
pub(crate) struct RouteCache {
    version: u64,
    routes: HashMap<TopicName, Arc<[Route]>>,
}

/// Outboxes that a batch of messages touched, each to be woken once.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    to_wake: Vec<Arc<Outbox>>,
    /// Those that dropped something for the first time since the last report.
    pub(crate) dropping: Vec<Arc<Outbox>>,
}

impl Touched {
    /// Wakes the subscribers.
    pub(crate) fn wake(&mut self) {
        self.to_wake.drain(..).for_each(|outbox| outbox.wake());
    }
}

impl RouteCache {
    /// Topics that one publisher's cache holds before it starts anew.
    const CAPACITY: usize = 1_024;
}

impl Router {
    /// Registers a subscription; returns whether it is new to its session.
    pub(crate) fn subscribe(&self, filter: &TopicFilter, client: ClientIdentifier, subscriber: Subscriber) -> bool {
        let replaced = self.subscriptions.write().insert(filter, client, subscriber);
        self.version.fetch_add(1, Ordering::Release);
        replaced.is_none()
    }

    /// Ends a subscription; returns whether there was one.
    pub(crate) fn unsubscribe(&self, filter: &TopicFilter, client: &ClientIdentifier) -> bool {
        let removed = self.subscriptions.write().remove(filter, client);
        self.version.fetch_add(1, Ordering::Release);
        removed.is_some()
    }

    /// Subscriptions in all.
    pub(crate) fn subscription_count(&self) -> usize {
        self.subscriptions.read().len()
    }

    /// Puts the message into the outbox of each session that subscribed to its topic; returns how many.
    pub(crate) fn route(&self, cache: &mut RouteCache, message: &Arc<Message>, touched: &mut Touched) -> u32 {
        let version = self.version.load(Ordering::Acquire);
        if cache.version != version || cache.routes.len() > RouteCache::CAPACITY {
            cache.routes.clear();
            cache.version = version;
        }
        let mut matched = 0;
        let mut deliver = |routes: &[Route]| {
            for route in routes {
                if route.no_local && *route.outbox.client() == message.publisher {
                    continue;
                }
                matched += 1;
                let pushed = route.outbox.push(Delivery {
                    message: Arc::clone(message),
                    qos: message.qos.min(route.maximum_qos),
                    retain: message.retain && route.retain_as_published,
                    identifiers: Arc::clone(&route.identifiers),
                });
                if pushed.wake {
                    touched.to_wake.push(Arc::clone(&route.outbox));
                }
                if pushed.first_drop {
                    touched.dropping.push(Arc::clone(&route.outbox));
                }
            }
        };
        if let Some(routes) = cache.routes.get(&message.topic) {
            deliver(routes);
        } else {
            let routes = self.routes_of(&message.topic);
            deliver(&routes);
            cache.routes.insert(message.topic.detached(), routes);
        }
        matched
    }

    fn routes_of(&self, topic: &TopicName) -> Arc<[Route]> {
        let subscriptions = self.subscriptions.read();
        let mut by_client: HashMap<&ClientIdentifier, (Route, Vec<u32>)> = HashMap::new();
        subscriptions.visit_matches(topic, &mut |client, subscriber| {
            let options = &subscriber.options;
            let (route, identifiers) = by_client.entry(client).or_insert_with(|| {
                let route = Route {
                    outbox: Arc::clone(&subscriber.outbox),
                    maximum_qos: options.maximum_qos,
                    no_local: true,
                    retain_as_published: false,
                    identifiers: Arc::from([]),
                };
                (route, Vec::new())
            });
            route.maximum_qos = route.maximum_qos.max(options.maximum_qos);
            route.no_local &= options.no_local;
            route.retain_as_published |= options.retain_as_published;
            identifiers.extend(subscriber.identifier);
        });
        by_client.into_values().map(|(route, identifiers)| Route { identifiers: identifiers.into(), ..route }).collect()
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
            let subscriber = Subscriber { outbox: Arc::clone(outbox), options, identifier };
            let filter = TopicFilter::new(filter.to_owned()).unwrap();
            self.router.subscribe(&filter, outbox.client().clone(), subscriber);
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
            self.router.route(&mut self.cache, &message, &mut self.touched)
        }
    }

    fn taken(outbox: &Outbox) -> Vec<Delivery> {
        let mut taken = Vec::new();
        outbox.take(usize::MAX, 100, &mut taken);
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
        assert!(world.router.unsubscribe(&TopicFilter::new("+").unwrap(), outbox.client()));
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
