//! The subscriptions of a session. Most sessions have one or a few, which lie in a plain list; who has many has a tree.

use std::collections::BTreeMap;

use nightjar_mqtt::TopicFilter;

use crate::client_card::SubscriptionState;

/// Subscriptions that lie in a list.
const FEW: usize = 16;

/// The subscriptions of a session, with the memory that they may take.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionSubscriptions {
    by_filter: ByFilter,
    footprint: usize,
}

#[derive(Clone, Debug)]
enum ByFilter {
    /// In the order of their filters, too.
    Few(Vec<(TopicFilter, SubscriptionState)>),
    Many(BTreeMap<TopicFilter, SubscriptionState>),
}

impl Default for ByFilter {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl ByFilter {
    /// Returns whether it is new.
    fn insert(&mut self, filter: TopicFilter, state: SubscriptionState) -> bool {
        let few = match self {
            Self::Many(many) => return many.insert(filter, state).is_none(),
            Self::Few(few) => few,
        };
        match few.binary_search_by(|(known, _)| known.cmp(&filter)) {
            Ok(place) => {
                few[place].1 = state;
                false
            }
            Err(place) => {
                if few.len() < FEW {
                    few.reserve_exact(1);
                    few.insert(place, (filter, state));
                } else {
                    let mut many: BTreeMap<_, _> = std::mem::take(few).into_iter().collect();
                    many.insert(filter, state);
                    *self = Self::Many(many);
                }
                true
            }
        }
    }

    /// Returns whether it was there.
    fn remove(&mut self, filter: &TopicFilter) -> bool {
        match self {
            Self::Many(many) => many.remove(filter).is_some(),
            Self::Few(few) => {
                let place = few.binary_search_by(|(known, _)| known.cmp(filter));
                place.map(|place| few.remove(place)).is_ok()
            }
        }
    }
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

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match &self.by_filter {
            ByFilter::Few(few) => few.len(),
            ByFilter::Many(many) => many.len(),
        }
    }

    /// Whether there is one to exactly that filter.
    pub(crate) fn contains(&self, filter: &TopicFilter) -> bool {
        match &self.by_filter {
            ByFilter::Few(few) => few.binary_search_by(|(known, _)| known.cmp(filter)).is_ok(),
            ByFilter::Many(many) => many.contains_key(filter),
        }
    }

    /// Adds a subscription, or changes its options.
    pub(crate) fn insert(&mut self, filter: TopicFilter, state: SubscriptionState) {
        let footprint = Self::footprint_of(&filter);
        if self.by_filter.insert(filter, state) {
            self.footprint += footprint;
        }
    }

    /// Ends a subscription, where there is one.
    pub(crate) fn remove(&mut self, filter: &TopicFilter) {
        if self.by_filter.remove(filter) {
            self.footprint -= Self::footprint_of(filter);
        }
    }

    /// All of them, in the order of their filters.
    pub(crate) fn to_vec(&self) -> Vec<(TopicFilter, SubscriptionState)> {
        match &self.by_filter {
            ByFilter::Few(few) => few.clone(),
            ByFilter::Many(many) => many.iter().map(|(filter, state)| (filter.clone(), *state)).collect(),
        }
    }

    /// The Topic Filters.
    pub(crate) fn into_filters(self) -> impl Iterator<Item = TopicFilter> {
        let (few, many) = match self.by_filter {
            ByFilter::Few(few) => (few, BTreeMap::new()),
            ByFilter::Many(many) => (Vec::new(), many),
        };
        few.into_iter().map(|(filter, _)| filter).chain(many.into_keys())
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

    #[test]
    fn few_and_many_are_the_same_to_who_asks() {
        let state = SubscriptionState { options: SubscriptionOptions::default(), identifier: None };
        let filter = |number: usize| TopicFilter::new(format!("f/{number:02}")).unwrap();
        let mut subscriptions = SessionSubscriptions::default();
        for number in (0..2 * FEW).rev() {
            subscriptions.insert(filter(number), state);
            subscriptions.insert(filter(number), SubscriptionState { identifier: Some(7), ..state });
            assert_eq!(subscriptions.len(), 2 * FEW - number);
            assert!(subscriptions.contains(&filter(number)) && !subscriptions.contains(&filter(number + 2 * FEW)));
            let all = subscriptions.to_vec();
            assert!(all.is_sorted_by_key(|(filter, _)| filter.clone()));
            assert!(all.iter().all(|(_, state)| state.identifier == Some(7)));
        }
        for number in 0..2 * FEW {
            subscriptions.remove(&filter(number));
            assert!(!subscriptions.contains(&filter(number)));
            assert_eq!(subscriptions.clone().into_filters().count(), 2 * FEW - number - 1);
        }
        assert_eq!(subscriptions.footprint(), 0);
    }
}
