//! Retained Messages by topic level, so that a wildcard subscription walks only what it matches.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightjar_mqtt::{TopicFilter, TopicName};

use crate::Message;

/// The Retained Message of each topic that has one (3.3.1.3 RETAIN), in the topics' order.
#[derive(Debug, Default)]
pub(crate) struct RetainedTree {
    root: Node,
    len: usize,
    /// Those of the server's own topics.
    own: usize,
    bytes: usize,
    own_bytes: usize,
}

/// A level of the tree. The depth is bounded by whoever inserts: the walks below recurse once a level.
#[derive(Debug, Default)]
struct Node {
    children: BTreeMap<Box<str>, Self>,
    message: Option<Arc<Message>>,
}

impl RetainedTree {
    /// Retained messages in all, the server's own (`$SYS`) included.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Retained messages, the server's own left out.
    pub(crate) const fn len_of_clients(&self) -> usize {
        self.len - self.own
    }

    /// Bytes that they weigh.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that those weigh which are not the server's own.
    pub(crate) const fn bytes_of_clients(&self) -> usize {
        self.bytes - self.own_bytes
    }

    /// Keeps the message for its topic; returns the one that it replaces [MQTT-3.3.1-5].
    pub(crate) fn set(&mut self, message: Arc<Message>) -> Option<Arc<Message>> {
        let mut node = &mut self.root;
        for level in message.topic.split('/') {
            if !node.children.contains_key(level) {
                node.children.insert(level.into(), Node::default());
            }
            node = node.children.get_mut(level).expect("inserted in the line above where it was missing");
        }
        let weight = message.weight();
        let is_own = is_own(&message.topic);
        self.bytes += weight;
        self.own_bytes += if is_own { weight } else { 0 };
        let replaced = node.message.replace(message);
        match &replaced {
            Some(replaced) => {
                self.bytes -= replaced.weight();
                self.own_bytes -= if is_own { replaced.weight() } else { 0 };
            }
            None => {
                self.len += 1;
                self.own += usize::from(is_own);
            }
        }
        replaced
    }

    /// Forgets the message of a topic; `None` where it has none [MQTT-3.3.1-6].
    pub(crate) fn clear(&mut self, topic: &str) -> Option<Arc<Message>> {
        let cleared = clear_below(&mut self.root, topic)?;
        self.len -= 1;
        self.bytes -= cleared.weight();
        if is_own(&cleared.topic) {
            self.own -= 1;
            self.own_bytes -= cleared.weight();
        }
        Some(cleared)
    }

    /// The message of a topic.
    pub(crate) fn of(&self, topic: &TopicName) -> Option<&Arc<Message>> {
        topic.split('/').try_fold(&self.root, |node, level| node.children.get(level))?.message.as_ref()
    }

    /// Calls `found` for the message of each topic that the filter matches.
    pub(crate) fn visit_matches<'a>(&'a self, filter: &TopicFilter, found: &mut impl FnMut(&'a Arc<Message>)) {
        visit_below(&self.root, Some(filter.as_ref()), true, found);
    }

    /// Calls `found` for each message, the server's own left out.
    pub(crate) fn visit_all<'a>(&'a self, found: &mut impl FnMut(&'a Arc<Message>)) {
        for (_, child) in self.root.children.iter().filter(|(name, _)| &***name != OWN) {
            visit_rest(child, false, found);
        }
    }
}

/// The first level of the server's own topics.
const OWN: &str = "$SYS";

fn is_own(topic: &str) -> bool {
    topic.split('/').next() == Some(OWN)
}

fn clear_below(node: &mut Node, topic: &str) -> Option<Arc<Message>> {
    let (level, rest) = match topic.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (topic, None),
    };
    let child = node.children.get_mut(level)?;
    let cleared = match rest {
        Some(rest) => clear_below(child, rest),
        None => child.message.take(),
    };
    if child.message.is_none() && child.children.is_empty() {
        node.children.remove(level);
    }
    cleared
}

fn visit_below<'a>(node: &'a Node, filter: Option<&str>, first: bool, found: &mut impl FnMut(&'a Arc<Message>)) {
    let Some(filter) = filter else {
        node.message.iter().for_each(found);
        return;
    };
    let (level, rest) = match filter.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (filter, None),
    };
    match level {
        "#" => visit_rest(node, first, found),
        "+" => {
            for (name, child) in &node.children {
                if !(first && name.starts_with('$')) {
                    visit_below(child, rest, false, found);
                }
            }
        }
        level => {
            if let Some(child) = node.children.get(level) {
                visit_below(child, rest, false, found);
            }
        }
    }
}

/// Everything below, and the node itself: `#` matches the level above it too (4.7.1.2). Topics that begin with `$`
/// are not found from the top [MQTT-4.7.2-1].
fn visit_rest<'a>(node: &'a Node, first: bool, found: &mut impl FnMut(&'a Arc<Message>)) {
    node.message.iter().for_each(&mut *found);
    for (name, child) in &node.children {
        if !(first && name.starts_with('$')) {
            visit_rest(child, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nightjar_mqtt::QoS;
    use proptest::prelude::*;

    use super::*;
    use crate::{ClientIdentifier, Timestamp};

    fn message(topic: &str, payload: &'static str) -> Arc<Message> {
        Arc::new(Message {
            topic: TopicName::new(topic.to_owned()).unwrap(),
            payload: Bytes::from_static(payload.as_bytes()),
            qos: QoS::AtMostOnce,
            retain: true,
            properties: None,
            publisher: ClientIdentifier::new("publisher"),
            received: Timestamp::default(),
        })
    }

    fn found(tree: &RetainedTree, filter: &str) -> Vec<String> {
        let mut topics = Vec::new();
        let filter = TopicFilter::new(filter.to_owned()).unwrap();
        tree.visit_matches(&filter, &mut |message| topics.push(message.topic.to_string()));
        topics
    }

    #[test]
    fn a_topic_has_one_message_and_none_once_cleared() {
        let mut tree = RetainedTree::default();
        assert!(tree.set(message("a/b", "1")).is_none());
        assert_eq!(tree.set(message("a/b", "22")).unwrap().payload, "1");
        assert_eq!((tree.len(), tree.bytes()), (1, message("a/b", "22").weight()));
        assert_eq!(tree.of(&TopicName::new("a/b").unwrap()).unwrap().payload, "22");
        assert!(tree.clear("a").is_none());
        assert!(tree.clear("a/b").is_some());
        assert_eq!((tree.len(), tree.bytes()), (0, 0));
        tree.set(message("$SYS/a", "1"));
        tree.set(message("$SYS/a", "22"));
        assert_eq!((tree.len(), tree.len_of_clients(), tree.bytes_of_clients()), (1, 0, 0));
        tree.clear("$SYS/a");
        assert_eq!((tree.bytes(), tree.bytes_of_clients()), (0, 0));
        assert!(tree.root.children.is_empty(), "no empty levels stay");
    }

    proptest! {
        #[test]
        fn finds_what_a_naive_matcher_finds(
            topics in prop::collection::btree_set("(a|b|\\$S)(/(a|b|)){0,3}", 0..20),
            filter in "(a|b|\\+|\\$S)(/(a|b||\\+)){0,3}(/#)?|#",
        ) {
            let mut tree = RetainedTree::default();
            for topic in &topics {
                tree.set(message(topic, "x"));
            }
            let wanted = TopicFilter::new(filter.clone()).unwrap();
            let mut expected: Vec<_> = topics
                .iter()
                .filter(|topic| wanted.matches(&TopicName::new((*topic).clone()).unwrap()))
                .cloned()
                .collect();
            let mut actual = found(&tree, &filter);
            expected.sort();
            actual.sort();
            prop_assert_eq!(actual, expected);
        }
    }
}
