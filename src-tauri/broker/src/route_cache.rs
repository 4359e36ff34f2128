//! Memories of where topics go: one of each publisher, so that a repeated topic costs no walk, no lock and no allocation,
//! and behind them one for all, so that a publisher of very many topics, or a second publisher, spares the walk too.
//!
//! Both are true while the version of the router stands still. Clients choose the topics, so both are bounded in bytes,
//! and start anew when they are full. Keys are few enough for a quick hash.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use nightjar_mqtt::TopicName;
use parking_lot::RwLock;

use crate::Message;
use crate::access::Decider;
use crate::routes::{Route, Routes, Touched};

/// What an entry takes beside its topic and its routes, in bytes, about.
const ENTRY: usize = 200;

/// A topic and where its messages go.
#[derive(Debug)]
pub(crate) struct Known {
    /// With memory of its own, for messages that may wait for long.
    pub(crate) topic: TopicName,
    /// What denies the publisher to publish to it.
    pub(crate) denied: Option<Decider>,
    pub(crate) routes: Arc<Routes>,
}

/// A publisher's memory.
#[derive(Debug, Default)]
pub(crate) struct RouteCache {
    version: u64,
    known: Vec<Known>,
    /// Places in `known`.
    places: HashMap<TopicName, usize, RandomState>,
    /// The place that was asked for last: many publishers have one topic.
    last: usize,
    /// Bytes of all of `known`, about.
    weight: usize,
}

/// The memory behind those of all publishers.
#[derive(Debug, Default)]
pub(crate) struct CommonRoutes {
    hasher: RandomState,
    /// By the hash of the topic: whoever adds one keeps few others waiting.
    shards: [RwLock<Shard>; Self::SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    version: u64,
    routes: HashMap<TopicName, Arc<Routes>, RandomState>,
    /// Bytes of all of `routes`, about.
    weight: usize,
}

fn weight(topic: &TopicName, routes: &Routes) -> usize {
    ENTRY + topic.len() + routes.len() * size_of::<Route>()
}

impl RouteCache {
    const TOPICS: usize = 1_024;
    const BYTES: usize = 4 << 20;

    /// What is known of a topic at that version of the router; `find_out` is asked where nothing is.
    pub(crate) fn find(&mut self, version: u64, topic: &TopicName, find_out: impl FnOnce() -> Known) -> &Known {
        if self.version != version {
            self.clear();
            self.version = version;
        }
        if self.known.get(self.last).is_none_or(|known| known.topic != *topic) {
            self.last = match self.places.get(topic) {
                Some(place) => *place,
                None => self.keep(find_out()),
            };
        }
        &self.known[self.last]
    }

    /// Returns its place.
    fn keep(&mut self, known: Known) -> usize {
        let weight = weight(&known.topic, &known.routes);
        if self.known.len() >= Self::TOPICS || self.weight + weight > Self::BYTES {
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

impl CommonRoutes {
    const SHARDS: usize = 16;

    /// The topic, with memory of its own, and where its messages go at that version of the router; `find_out` is asked
    /// where that is not known.
    pub(crate) fn find(
        &self,
        version: u64,
        topic: &TopicName,
        find_out: impl FnOnce() -> Routes,
    ) -> (TopicName, Arc<Routes>) {
        let shard = &self.shards[self.hasher.hash_one(topic) as usize % Self::SHARDS];
        if let Some(found) = shard.read().find(version, topic) {
            return found;
        }
        let found = (topic.detached(), Arc::new(find_out()));
        shard.write().keep(version, &found);
        found
    }

    /// Lets go of what is no longer true: it holds on to sessions that may have ended.
    pub(crate) fn forget_before(&self, version: u64) {
        for shard in &self.shards {
            if shard.read().is_outdated(version) {
                shard.write().follow(version);
            }
        }
    }
}

impl Shard {
    const BYTES: usize = 4 << 20;

    fn find(&self, version: u64, topic: &TopicName) -> Option<(TopicName, Arc<Routes>)> {
        let (topic, routes) = self.routes.get_key_value(topic).filter(|_| self.version == version)?;
        Some((topic.clone(), Arc::clone(routes)))
    }

    fn keep(&mut self, version: u64, (topic, routes): &(TopicName, Arc<Routes>)) {
        self.follow(version);
        let weight = weight(topic, routes);
        // Who was slow to find it out has an old version; what others found since is worth more.
        if self.version != version || weight > Self::BYTES {
            return;
        }
        if self.weight + weight > Self::BYTES {
            self.clear();
        }
        // Two may have found out the same at once.
        if self.routes.insert(topic.clone(), Arc::clone(routes)).is_none() {
            self.weight += weight;
        }
    }

    fn is_outdated(&self, version: u64) -> bool {
        self.version < version && !self.routes.is_empty()
    }

    fn follow(&mut self, version: u64) {
        if self.version < version {
            self.clear();
            self.version = version;
        }
    }

    /// Gives the memory back as well: a burst of topics may never come again.
    fn clear(&mut self) {
        self.routes = HashMap::default();
        self.weight = 0;
    }
}

impl Known {
    /// Puts a message of the topic into the outbox of each session that subscribed to it, and of one member of each
    /// Shared Subscription; returns how many these are.
    pub(crate) fn deliver(&self, message: &Arc<Message>, touched: &mut Touched) -> u32 {
        self.routes.deliver(message, touched)
    }

    /// How many subscribers a message of the topic does not go to, because they may not read it.
    pub(crate) fn withheld(&self) -> u32 {
        self.routes.withheld
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: impl Into<String>) -> TopicName {
        TopicName::new(name.into()).unwrap()
    }

    fn withholding(withheld: u32) -> Routes {
        Routes { withheld, ..Routes::default() }
    }

    fn found(common: &CommonRoutes, version: u64, name: &str, otherwise: u32) -> u32 {
        common.find(version, &topic(name), || withholding(otherwise)).1.withheld
    }

    #[test]
    fn what_one_found_out_others_know_until_the_version_moves() {
        let common = CommonRoutes::default();
        assert_eq!(found(&common, 1, "a", 7), 7);
        assert_eq!(found(&common, 1, "a", 8), 7);
        assert_eq!(found(&common, 1, "b", 9), 9);
        assert_eq!(found(&common, 2, "a", 10), 10);
        // Whoever is late neither learns what is newer, nor takes it from the others.
        assert_eq!(found(&common, 1, "a", 11), 11);
        assert_eq!(found(&common, 2, "a", 12), 10);
    }

    #[test]
    fn what_is_outdated_is_let_go() {
        let common = CommonRoutes::default();
        let (_, routes) = common.find(1, &topic("a"), Routes::default);
        common.forget_before(1);
        assert_eq!(Arc::strong_count(&routes), 2);
        common.forget_before(2);
        assert_eq!(Arc::strong_count(&routes), 1);
    }

    #[test]
    fn both_are_bounded_in_bytes_whatever_the_topics() {
        let (common, mut cache) = (CommonRoutes::default(), RouteCache::default());
        for number in 0..2_000 {
            let long = topic(format!("{number}/{}", "x".repeat(65_000)));
            cache.find(1, &long, || {
                let (topic, routes) = common.find(1, &long, Routes::default);
                Known { topic, denied: None, routes }
            });
            assert!(cache.weight <= RouteCache::BYTES);
            assert_eq!(cache.weight, cache.known.iter().map(|known| weight(&known.topic, &known.routes)).sum());
        }
        for shard in &common.shards {
            let shard = shard.read();
            assert!((1..=Shard::BYTES / 65_000).contains(&shard.routes.len()), "{}", shard.routes.len());
            let weights = shard.routes.iter().map(|(topic, routes)| weight(topic, routes));
            assert_eq!(shard.weight, weights.sum());
        }
    }
}
