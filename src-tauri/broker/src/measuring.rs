//! What `benches/` measures and nobody else may touch: the way of a message from the router to the outboxes. Nothing of
//! this is in the broker: the module needs the feature `measuring`.

use std::sync::Arc;

use bytes::Bytes;
use nightjar_mqtt::{QoS, SubscriptionOptions, TopicFilter, TopicName};

use crate::delivery::Delivery;
use crate::outbox::Outbox;
use crate::route_cache::RouteCache;
use crate::router::Router;
use crate::routes::Touched;
use crate::{ClientIdentifier, Limits, Message, SubscriptionState, Timestamp};

/// A router with its subscribers.
#[derive(Debug)]
pub struct Routing {
    router: Router,
    cache: RouteCache,
    touched: Touched,
    outboxes: Vec<Arc<Outbox>>,
    taken: Vec<Delivery>,
}

impl Routing {
    /// So many sessions, which take the filters in turn.
    pub fn new(sessions: usize, filters: impl IntoIterator<Item = TopicFilter>) -> Self {
        let router = Router::default();
        let limits = Limits::default();
        let outboxes: Vec<_> = (0..sessions)
            .map(|number| {
                let outbox = Arc::new(Outbox::new(ClientIdentifier::new(&format!("session-{number}")), &limits));
                outbox.open();
                outbox
            })
            .collect();
        let state = SubscriptionState { options: SubscriptionOptions::default(), identifier: None };
        for (filter, outbox) in filters.into_iter().zip(outboxes.iter().cycle()) {
            router.subscribe(outbox, &[(filter, state)]);
        }
        let (cache, touched, taken) = (RouteCache::default(), Touched::default(), Vec::new());
        Self { router, cache, touched, outboxes, taken }
    }

    /// A message of a stranger's.
    pub fn message(topic: &TopicName) -> Arc<Message> {
        Arc::new(Message {
            topic: topic.clone(),
            payload: Bytes::from_static(&[b'7'; 64]),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: None,
            publisher: ClientIdentifier::new("publisher"),
            source: None,
            received: Timestamp::default(),
        })
    }

    /// Puts a message into the outboxes of its subscribers, and returns how many these are.
    pub fn route(&mut self, message: &Arc<Message>) -> u32 {
        self.router.find(&mut self.cache, &message.topic, None).deliver(message, &mut self.touched)
    }

    /// The same for a publisher that has not published to that topic before, where others have.
    pub fn route_for_another(&mut self, message: &Arc<Message>) -> u32 {
        self.cache = RouteCache::default();
        self.route(message)
    }

    /// The same where nobody has published to that topic before: nothing is remembered.
    pub fn route_anew(&mut self, message: &Arc<Message>) -> u32 {
        self.router.forget_routes();
        self.route_for_another(message)
    }

    /// Has every subscriber take what waits for it.
    pub fn drain(&mut self) {
        self.touched.wake();
        for outbox in &self.outboxes {
            outbox.take(usize::MAX, 0, |_| true, &mut self.taken);
            self.taken.clear();
        }
    }
}
