use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use nightjar_mqtt::{ProtocolVersion, QoS, TopicFilter, TopicName};

use super::matches;
use super::script::Script;
use crate::routing::{RetainedCursor, RetainedTree, Walked};
use crate::{ClientIdentifier, Message, Timestamp};

const TOPIC_LEVELS: [&str; 6] = ["a", "b", "", "$SYS", "ü", "a!"];
const FILTER_LEVELS: [&str; 8] = ["a", "b", "", "$SYS", "ü", "a!", "+", "#"];

type Model = BTreeMap<String, Arc<Message>>;

/// Sets, clears and walks in steps of any size: the tree holds each topic's last message and counts right, and a walk
/// finds what comparing the filter with each topic finds, however the tree changes meanwhile.
///
/// # Panics
/// Where it does not.
pub fn retained_tree(input: &[u8]) {
    let mut script = Script::new(input);
    let mut tree = RetainedTree::default();
    let mut model = Model::new();
    let mut walk: Option<Walk> = None;
    while !script.is_over() {
        match script.below(6) {
            0 | 1 => {
                let (topic, length) = (script.topic(&TOPIC_LEVELS), script.byte());
                if let Ok(name) = TopicName::new(topic.clone()) {
                    let message = Arc::new(message(name, length));
                    let replaced = model.insert(topic.clone(), Arc::clone(&message));
                    assert_eq!(tree.set(message), replaced, "setting {topic}");
                    walk.iter_mut().for_each(|walk| walk.changed(&topic));
                }
            }
            2 => {
                let topic = script.topic(&TOPIC_LEVELS);
                assert_eq!(tree.clear(&topic), model.remove(&topic), "clearing {topic}");
                walk.iter_mut().for_each(|walk| walk.changed(&topic));
            }
            3 => walk = Walk::new(&tree, &model, script.topic(&FILTER_LEVELS), script.flag()).or(walk),
            _ => {
                let (steps, wanted) = (usize::from(script.below(5)) + 1, script.below(5));
                walk = walk.and_then(|walk| walk.step(&tree, steps, wanted));
            }
        }
        check_counts(&tree, &model);
    }
    while let Some(going) = walk {
        walk = going.step(&tree, 1, u8::MAX);
    }
    for (topic, message) in std::mem::take(&mut model) {
        assert_eq!(tree.of(&topic), Some(&message), "the message of {topic}");
        assert_eq!(tree.clear(&topic), Some(message), "clearing {topic}");
    }
    check_counts(&tree, &model);
    assert!(tree.is_bare(), "levels stay behind: {tree:?}");
}

/// A walk, and what it has to find.
struct Walk {
    cursor: RetainedCursor,
    filter: String,
    /// What stood when it began, and has stood since; each to be found once.
    due: Model,
    /// What stood when it began and was not found yet.
    allowed: Model,
    /// It finds what is set meanwhile, too.
    over_all: bool,
}

impl Walk {
    fn new(tree: &RetainedTree, model: &Model, filter: String, over_all: bool) -> Option<Self> {
        // Below MQTT 5.0, so that `$share` is a level like any other.
        TopicFilter::new_for(ProtocolVersion::V311, filter.clone()).ok()?;
        let is_due = |topic: &str| matches(&filter, topic) || (over_all && matches_all(&filter, topic));
        let due: Model = model
            .iter()
            .filter(|(topic, _)| is_due(topic))
            .map(|(topic, message)| (topic.clone(), Arc::clone(message)))
            .collect();
        let cursor = if over_all { RetainedCursor::over_all() } else { RetainedCursor::new(tree.epoch()) };
        Some(Self { cursor, filter, allowed: due.clone(), due, over_all })
    }

    fn changed(&mut self, topic: &str) {
        self.due.remove(topic);
        self.allowed.remove(topic);
    }

    /// Walks so far, and takes so many messages at the most; `None` where it has come to its end.
    fn step(mut self, tree: &RetainedTree, steps: usize, wanted: u8) -> Option<Self> {
        let mut found = Vec::new();
        let walked = self.cursor.walk(tree, &self.filter, steps, &mut |message| {
            if found.len() >= usize::from(wanted) {
                return ControlFlow::Break(());
            }
            found.push(Arc::clone(message));
            ControlFlow::Continue(())
        });
        assert!(found.len() <= steps, "a step goes no further than it may");
        for message in found {
            let topic = &*message.topic;
            let expected = self.allowed.remove(topic);
            assert!(
                expected.is_some_and(|expected| Arc::ptr_eq(&expected, &message)) || self.over_all,
                "{} finds {topic}, which it has found before, or which was set later",
                self.filter,
            );
            assert!(matches(&self.filter, topic) || (self.over_all && matches_all(&self.filter, topic)));
            self.due.remove(topic);
        }
        match walked {
            Walked::Whole => {
                assert!(self.due.is_empty(), "{} has not found {:?}", self.filter, self.due.keys());
                None
            }
            Walked::Further | Walked::Refused => Some(self),
        }
    }
}

/// The same where a wildcard in the first level finds server topics too: a level before it hides their `$`.
fn matches_all(filter: &str, topic: &str) -> bool {
    matches(&format!("x/{filter}"), &format!("x/{topic}"))
}

fn message(topic: TopicName, length: u8) -> Message {
    Message {
        topic,
        payload: Bytes::from(vec![b'x'; usize::from(length)]),
        qos: QoS::AtMostOnce,
        retain: true,
        properties: None,
        publisher: ClientIdentifier::new("publisher"),
        source: None,
        received: Timestamp::default(),
    }
}

fn check_counts(tree: &RetainedTree, model: &Model) {
    let weight = |is_own: bool| -> usize {
        let own = |topic: &str| topic.split('/').next() == Some("$SYS");
        model.iter().filter(|(topic, _)| own(topic) == is_own).map(|(_, message)| message.weight()).sum()
    };
    assert_eq!(tree.len(), model.len());
    assert_eq!(tree.len_of_clients(), model.keys().filter(|topic| topic.split('/').next() != Some("$SYS")).count());
    assert_eq!(tree.bytes(), weight(true) + weight(false));
    assert_eq!(tree.bytes_of_clients(), weight(false));
}
