use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use nightjar_mqtt::{ProtocolVersion, QoS, TopicFilter, TopicName};

use super::matches;
use super::script::Script;
use crate::routing::RetainedTree;
use crate::{ClientIdentifier, Message, Timestamp};

const TOPIC_LEVELS: [&str; 6] = ["a", "b", "", "$SYS", "ü", "a!"];
const FILTER_LEVELS: [&str; 8] = ["a", "b", "", "$SYS", "ü", "a!", "+", "#"];

/// Sets, clears and looks up: the tree holds each topic's last message, finds for a filter exactly what comparing it
/// with each topic finds, and counts right.
///
/// # Panics
/// Where it does not.
pub fn retained_tree(input: &[u8]) {
    let mut script = Script::new(input);
    let mut tree = RetainedTree::default();
    let mut model: BTreeMap<String, Arc<Message>> = BTreeMap::new();
    while !script.is_over() {
        match script.below(4) {
            0 | 1 => {
                let (topic, length) = (script.topic(&TOPIC_LEVELS), script.byte());
                if let Ok(name) = TopicName::new(topic.clone()) {
                    let message = Arc::new(message(name, length));
                    assert_eq!(tree.set(Arc::clone(&message)), model.insert(topic.clone(), message), "setting {topic}");
                }
            }
            2 => {
                let topic = script.topic(&TOPIC_LEVELS);
                assert_eq!(tree.clear(&topic), model.remove(&topic), "clearing {topic}");
            }
            _ => check(&tree, &model, &script.topic(&FILTER_LEVELS)),
        }
        check_counts(&tree, &model);
    }
    check(&tree, &model, "#");
    for (topic, message) in std::mem::take(&mut model) {
        if let Ok(name) = TopicName::new(topic.clone()) {
            assert_eq!(tree.of(&name), Some(&message), "the message of {topic}");
        }
        assert_eq!(tree.clear(&topic), Some(message), "clearing {topic}");
    }
    check_counts(&tree, &model);
    assert_eq!(format!("{tree:?}"), format!("{:?}", RetainedTree::default()), "levels stay behind");
}

fn message(topic: TopicName, length: u8) -> Message {
    Message {
        topic,
        payload: Bytes::from(vec![b'x'; usize::from(length)]),
        qos: QoS::AtMostOnce,
        retain: true,
        properties: None,
        publisher: ClientIdentifier::new("publisher"),
        received: Timestamp::default(),
    }
}

fn check(tree: &RetainedTree, model: &BTreeMap<String, Arc<Message>>, filter: &str) {
    // Below MQTT 5.0, so that `$share` is a level like any other.
    let Ok(wanted) = TopicFilter::new_for(ProtocolVersion::V311, filter.to_owned()) else { return };
    let mut found = Vec::new();
    tree.visit_matches(&wanted, &mut |message| found.push(message.topic.to_string()));
    found.sort_unstable();
    let expected: Vec<_> = model.keys().filter(|topic| matches(filter, topic)).cloned().collect();
    assert_eq!(found, expected, "what {filter} finds");
}

fn check_counts(tree: &RetainedTree, model: &BTreeMap<String, Arc<Message>>) {
    assert_eq!(tree.len(), model.len());
    assert_eq!(tree.len_of_clients(), model.keys().filter(|topic| !topic.starts_with('$')).count());
    assert_eq!(tree.bytes(), model.values().map(|message| message.weight()).sum::<usize>());
}
