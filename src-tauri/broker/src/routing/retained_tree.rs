//! Retained Messages by topic level, so that a wildcard subscription walks only what it matches.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Nodes, the root and those of the server's own topics left out.
    levels: usize,
    /// Counts the calls of [`Self::set`].
    epoch: Epoch,
}

/// When a Retained Message was set, compared with when others were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// Later than any other.
    pub(crate) const LAST: Self = Self(u64::MAX);
}

/// A level of the tree. The depth is bounded by whoever inserts: the walks below recurse once a level.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) children: BTreeMap<Box<str>, Box<Self>>,
    pub(super) entry: Option<Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Arc<Message>,
    pub(super) set: Epoch,
}

impl RetainedTree {
    /// Bytes of a level that only one topic has: a node, its name, and its place among its siblings.
    pub(crate) const LEVEL: usize = 384;

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

    /// Bytes of memory, about, the server's own topics left out: a message of a few bytes can be the only one below many levels.
    pub(crate) const fn footprint(&self) -> usize {
        self.bytes_of_clients() + self.levels * Self::LEVEL
    }

    /// Levels that a message of that topic would add.
    pub(crate) fn levels_to_add(&self, topic: &str) -> usize {
        let mut node = &self.root;
        let mut levels = topic.split('/');
        let mut missing = 0;
        while let Some(level) = levels.next() {
            match node.children.get(level) {
                Some(child) => node = child,
                None => {
                    missing = 1 + levels.count();
                    break;
                }
            }
        }
        missing
    }

    /// Keeps the message for its topic; returns the one that it replaces [MQTT-3.3.1-5].
    pub(crate) fn set(&mut self, message: Arc<Message>) -> Option<Arc<Message>> {
        let is_own = is_own(&message.topic);
        let mut node = &mut self.root;
        for level in message.topic.split('/') {
            if !node.children.contains_key(level) {
                node.children.insert(level.into(), Box::default());
                self.levels += usize::from(!is_own);
            }
            node = node.children.get_mut(level).expect("inserted in the line above where it was missing");
        }
        let weight = message.weight();
        self.bytes += weight;
        self.own_bytes += if is_own { weight } else { 0 };
        self.epoch.0 += 1;
        let replaced = node.entry.replace(Entry { message, set: self.epoch }).map(|entry| entry.message);
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

    /// Whether there is not so much as an empty level.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn is_bare(&self) -> bool {
        self.root.children.is_empty() && self.root.entry.is_none()
    }

    /// The epoch of the message that was set last.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) const fn root(&self) -> &Node {
        &self.root
    }

    /// Forgets the message of a topic; `None` where it has none [MQTT-3.3.1-6].
    pub(crate) fn clear(&mut self, topic: &str) -> Option<Arc<Message>> {
        let mut removed = 0;
        let cleared = clear_below(&mut self.root, topic, &mut removed)?;
        self.len -= 1;
        self.bytes -= cleared.weight();
        if is_own(&cleared.topic) {
            self.own -= 1;
            self.own_bytes -= cleared.weight();
        } else {
            self.levels -= removed;
        }
        Some(cleared)
    }

    /// The message of a topic.
    pub(crate) fn of(&self, topic: &str) -> Option<&Arc<Message>> {
        let node =
            topic.split('/').try_fold(&self.root, |node, level| node.children.get(level).map(|child| &**child))?;
        node.entry.as_ref().map(|entry| &entry.message)
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

fn clear_below(node: &mut Node, topic: &str, removed: &mut usize) -> Option<Arc<Message>> {
    let (level, rest) = match topic.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (topic, None),
    };
    let child = node.children.get_mut(level)?;
    let cleared = match rest {
        Some(rest) => clear_below(child, rest, removed),
        None => child.entry.take().map(|entry| entry.message),
    };
    if child.entry.is_none() && child.children.is_empty() {
        node.children.remove(level);
        *removed += 1;
    }
    cleared
}

/// Everything below, and the node itself, but not what begins with `$` where the node is the top.
fn visit_rest<'a>(node: &'a Node, first: bool, found: &mut impl FnMut(&'a Arc<Message>)) {
    node.entry.iter().for_each(|entry| found(&entry.message));
    for (name, child) in &node.children {
        if !(first && name.starts_with('$')) {
            visit_rest(child, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nightjar_mqtt::{QoS, TopicName};

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
            source: None,
            received: Timestamp::default(),
        })
    }

    #[test]
    fn a_topic_has_one_message_and_none_once_cleared() {
        let mut tree = RetainedTree::default();
        assert!(tree.set(message("a/b", "1")).is_none());
        assert_eq!(tree.set(message("a/b", "22")).unwrap().payload, "1");
        assert_eq!((tree.len(), tree.bytes()), (1, message("a/b", "22").weight()));
        assert_eq!(tree.of("a/b").unwrap().payload, "22");
        assert!(tree.clear("a").is_none());
        assert!(tree.clear("a/b").is_some());
        assert_eq!((tree.len(), tree.bytes()), (0, 0));
        tree.set(message("$SYS/a", "1"));
        tree.set(message("$SYS/a", "22"));
        assert_eq!((tree.len(), tree.len_of_clients(), tree.bytes_of_clients()), (1, 0, 0));
        tree.clear("$SYS/a");
        assert_eq!((tree.bytes(), tree.bytes_of_clients()), (0, 0));
        assert_eq!(tree.footprint(), 0);
    }

    #[test]
    fn the_levels_above_a_message_have_their_weight() {
        let mut tree = RetainedTree::default();
        let of = |tree: &RetainedTree| (tree.footprint() - tree.bytes()) / RetainedTree::LEVEL;
        for (topic, added, levels) in [("a/b/c", 3, 3), ("a/b", 0, 3), ("a/d/e", 2, 5), ("a/b/c", 0, 5)] {
            assert_eq!(tree.levels_to_add(topic), added, "{topic}");
            tree.set(message(topic, "1"));
            assert_eq!(of(&tree), levels, "{topic}");
        }
        for (topic, levels) in [("a/b", 5), ("a/d/e", 3), ("a/d/e", 3), ("a/b/c", 0)] {
            tree.clear(topic);
            assert_eq!(of(&tree), levels, "{topic}");
        }
        assert!(tree.root.children.is_empty(), "no empty levels stay");
    }
}
