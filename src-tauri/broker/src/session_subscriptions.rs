use std::collections::BTreeMap;
use std::collections::btree_map::IntoKeys;
use std::ops::Deref;

use nightjar_mqtt::TopicFilter;

use crate::client_card::SubscriptionState;

/// The subscriptions of a session, with the memory that they may take.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionSubscriptions {
    by_filter: BTreeMap<TopicFilter, SubscriptionState>,
    footprint: usize,
}

impl SessionSubscriptions {
    /// Bytes of memory at most, about, here and in the subscription tree.
    pub(crate) const fn footprint(&self) -> usize {
        self.footprint
    }

    /// What a subscription adds to that at most: where no other session has the levels of its filter.
    pub(crate) fn footprint_of(filter: &TopicFilter) -> usize {
        /// An entry here, and one in the tree.
        const SUBSCRIPTION: usize = 512;
        /// A node of the tree, its name, and its place among its siblings.
        const LEVEL: usize = 256;
        SUBSCRIPTION + filter.len() + LEVEL * filter.split('/').count()
    }

    /// Adds a subscription, or changes its options.
    pub(crate) fn insert(&mut self, filter: TopicFilter, state: SubscriptionState) {
        let footprint = Self::footprint_of(&filter);
        if self.by_filter.insert(filter, state).is_none() {
            self.footprint += footprint;
        }
    }

    /// Ends a subscription, where there is one.
    pub(crate) fn remove(&mut self, filter: &TopicFilter) {
        if self.by_filter.remove(filter).is_some() {
            self.footprint -= Self::footprint_of(filter);
        }
    }
}

impl IntoIterator for SessionSubscriptions {
    type Item = TopicFilter;
    type IntoIter = IntoKeys<TopicFilter, SubscriptionState>;

    /// The Topic Filters.
    fn into_iter(self) -> Self::IntoIter {
        self.by_filter.into_keys()
    }
}

impl FromIterator<(TopicFilter, SubscriptionState)> for SessionSubscriptions {
    fn from_iter<I: IntoIterator<Item = (TopicFilter, SubscriptionState)>>(pairs: I) -> Self {
        let mut subscriptions = Self::default();
        for (filter, state) in pairs {
            subscriptions.insert(filter, state);
        }
        subscriptions
    }
}

impl Deref for SessionSubscriptions {
    type Target = BTreeMap<TopicFilter, SubscriptionState>;

    fn deref(&self) -> &Self::Target {
        &self.by_filter
    }
}

#[cfg(test)]
mod tests {
    use nightjar_mqtt::SubscriptionOptions;

    use super::*;

    #[test]
    fn what_was_added_is_given_back() {
        let mut subscriptions = SessionSubscriptions::default();
        let state = SubscriptionState { options: SubscriptionOptions::default(), identifier: None };
        let [short, long] = ["a", "a/b/c/d"].map(|filter| TopicFilter::new(filter).unwrap());
        subscriptions.insert(short.clone(), state);
        let one = subscriptions.footprint();
        subscriptions.insert(short.clone(), SubscriptionState { identifier: Some(1), ..state });
        assert_eq!(subscriptions.footprint(), one);
        subscriptions.insert(long.clone(), state);
        assert!(subscriptions.footprint() > 2 * one, "more levels take more");
        subscriptions.remove(&long);
        subscriptions.remove(&long);
        assert_eq!((subscriptions.footprint(), subscriptions.len()), (one, 1));
        subscriptions.remove(&short);
        assert_eq!(subscriptions.footprint(), 0);
    }
}
