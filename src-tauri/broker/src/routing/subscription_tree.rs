//! Subscriptions by topic level, so that finding the subscribers of a topic costs its depth and not their number.

use std::collections::HashMap;
use std::hash::Hash;

/// Subscriptions of subscribers `K` with data `V`, found by the Topic Names that their Topic Filters match
/// (4.7 Topic Names and Topic Filters).
#[derive(Debug)]
pub(crate) struct SubscriptionTree<K, V> {
    root: Node<K, V>,
    len: usize,
}

/// A level of the tree. The depth is bounded by whoever inserts: the walks below recurse once a level.
#[derive(Debug)]
struct Node<K, V> {
    children: HashMap<Box<str>, Box<Self>>,
    any_level: Option<Box<Self>>,
    /// Filters that end with `#` here.
    rest: Ends<K, V>,
    /// Filters that end here.
    here: Ends<K, V>,
}

/// Subscriptions to one filter; most levels have none.
type Ends<K, V> = Option<Box<HashMap<K, V>>>;

impl<K, V> Default for Node<K, V> {
    fn default() -> Self {
        Self { children: HashMap::new(), any_level: None, rest: None, here: None }
    }
}

impl<K, V> Node<K, V> {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.any_level.is_none() && self.rest.is_none() && self.here.is_none()
    }
}

impl<K, V> Default for SubscriptionTree<K, V> {
    fn default() -> Self {
        Self { root: Node::default(), len: 0 }
    }
}

impl<K: Hash + Eq, V> SubscriptionTree<K, V> {
    /// Subscriptions in all.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a subscription; returns the data of the one that it replaces [MQTT-3.8.4-3].
    pub(crate) fn insert(&mut self, filter: &str, subscriber: K, data: V) -> Option<V> {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            match level {
                "#" => {
                    let replaced = node.rest.get_or_insert_default().insert(subscriber, data);
                    self.len += usize::from(replaced.is_none());
                    return replaced;
                }
                "+" => node = node.any_level.get_or_insert_default(),
                level if node.children.contains_key(level) => {
                    node = node.children.get_mut(level).expect("the key was found in the line above");
                }
                level => node = node.children.entry(level.into()).or_default(),
            }
        }
        let replaced = node.here.get_or_insert_default().insert(subscriber, data);
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Removes a subscription and the levels that only it needed; `None` where there is none.
    pub(crate) fn remove(&mut self, filter: &str, subscriber: &K) -> Option<V> {
        let removed = remove_below(&mut self.root, filter, subscriber);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Calls `found` for each subscription whose filter matches; once for each filter, so that a subscriber with
    /// overlapping filters comes up more than once.
    pub(crate) fn visit_matches<'a>(&'a self, topic: &str, found: &mut impl FnMut(&'a K, &'a V)) {
        // A wildcard in the first level does not match a topic that begins with $ [MQTT-4.7.2-1].
        if topic.starts_with('$') {
            let (level, rest) = split_level(topic);
            if let Some(child) = self.root.children.get(level) {
                visit_below(child, rest, found);
            }
        } else {
            visit_below(&self.root, Some(topic), found);
        }
    }
}

fn split_level(topic: &str) -> (&str, Option<&str>) {
    match topic.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (topic, None),
    }
}

fn visit_below<'a, K, V>(node: &'a Node<K, V>, topic: Option<&str>, found: &mut impl FnMut(&'a K, &'a V)) {
    // `#` matches the level above it too (4.7.1.2).
    node.rest.iter().flat_map(|ends| &**ends).for_each(|(subscriber, data)| found(subscriber, data));
    let Some(topic) = topic else {
        node.here.iter().flat_map(|ends| &**ends).for_each(|(subscriber, data)| found(subscriber, data));
        return;
    };
    let (level, rest) = split_level(topic);
    if let Some(child) = node.children.get(level) {
        visit_below(child, rest, found);
    }
    if let Some(child) = &node.any_level {
        visit_below(child, rest, found);
    }
}

fn remove_below<K: Hash + Eq, V>(node: &mut Node<K, V>, filter: &str, subscriber: &K) -> Option<V> {
    let (level, rest) = split_level(filter);
    if level == "#" {
        return remove_end(&mut node.rest, subscriber);
    }
    let child = if level == "+" { node.any_level.as_deref_mut()? } else { &mut **node.children.get_mut(level)? };
    let removed = match rest {
        Some(rest) => remove_below(child, rest, subscriber),
        None => remove_end(&mut child.here, subscriber),
    };
    if child.is_empty() {
        if level == "+" {
            node.any_level = None;
        } else {
            node.children.remove(level);
        }
    }
    removed
}

fn remove_end<K: Hash + Eq, V>(ends: &mut Ends<K, V>, subscriber: &K) -> Option<V> {
    let there = ends.as_mut()?;
    let removed = there.remove(subscriber);
    if there.is_empty() {
        *ends = None;
    }
    removed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nightjar_mqtt::{TopicFilter, TopicName};
    use proptest::prelude::*;

    use super::*;

    fn matches(tree: &SubscriptionTree<u8, String>, topic: &str) -> Vec<(u8, String)> {
        let mut found = Vec::new();
        tree.visit_matches(topic, &mut |subscriber, filter| found.push((*subscriber, filter.clone())));
        found.sort();
        found
    }

    #[test]
    fn a_second_subscription_to_the_same_filter_replaces_the_first() {
        let mut tree = SubscriptionTree::default();
        assert_eq!(tree.insert("a/+", 1, "old".to_owned()), None);
        assert_eq!(tree.insert("a/+", 1, "new".to_owned()), Some("old".to_owned()));
        assert_eq!(tree.len(), 1);
        assert_eq!(matches(&tree, "a/b"), [(1, "new".to_owned())]);
    }

    #[test]
    fn removing_the_last_subscription_leaves_no_levels_behind() {
        let mut tree = SubscriptionTree::default();
        for filter in ["a/b/c", "a/+/c", "a/#", "#", "+"] {
            tree.insert(filter, 1, filter.to_owned());
        }
        assert_eq!(tree.remove("a/b", &1), None);
        assert_eq!(tree.remove("a/b/c", &2), None);
        for filter in ["a/b/c", "a/+/c", "a/#", "#", "+"] {
            assert_eq!(tree.remove(filter, &1), Some(filter.to_owned()));
        }
        assert_eq!(tree.len(), 0);
        assert!(tree.root.is_empty());
    }

    fn level() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "", "$SYS", "ü"])
    }

    fn filter() -> impl Strategy<Value = String> {
        let levels = prop::collection::vec(prop_oneof![3 => level(), 1 => Just("+")], 1..5);
        (levels, any::<bool>()).prop_map(|(mut levels, rest)| {
            if rest {
                levels.push("#");
            }
            levels.join("/")
        })
    }

    fn topic() -> impl Strategy<Value = String> {
        prop::collection::vec(level(), 1..5).prop_map(|levels| levels.join("/"))
    }

    proptest! {
        /// The tree finds exactly what comparing the topic with each filter finds.
        #[test]
        fn finds_what_a_naive_matcher_finds(
            inserted in prop::collection::vec((filter(), 0..4_u8), 0..30),
            removed in prop::collection::vec((filter(), 0..4_u8), 0..15),
            topics in prop::collection::vec(topic(), 1..10),
        ) {
            let mut tree = SubscriptionTree::default();
            let mut naive = BTreeMap::new();
            for (filter, subscriber) in inserted {
                if TopicFilter::new(filter.clone()).is_ok() {
                    tree.insert(&filter, subscriber, filter.clone());
                    naive.insert((subscriber, filter), ());
                }
            }
            for (filter, subscriber) in removed {
                let expected = naive.remove(&(subscriber, filter.clone())).map(|()| filter.clone());
                prop_assert_eq!(tree.remove(&filter, &subscriber), expected);
            }
            prop_assert_eq!(tree.len(), naive.len());
            for topic in topics {
                let Ok(name) = TopicName::new(topic.clone()) else { continue };
                let expected: Vec<_> = naive
                    .keys()
                    .filter(|(_, filter)| TopicFilter::new(filter.clone()).unwrap().matches(&name))
                    .cloned()
                    .collect();
                prop_assert_eq!(matches(&tree, &topic), expected);
            }
        }
    }
}
