use std::collections::BTreeMap;

use nightjar_mqtt::{ProtocolVersion, TopicFilter, TopicName};

use super::matches;
use super::script::Script;
use crate::routing::SubscriptionTree;

const TOPIC_LEVELS: [&str; 6] = ["a", "b", "", "$SYS", "ü", "aa"];
const FILTER_LEVELS: [&str; 8] = ["a", "b", "", "$SYS", "ü", "aa", "+", "#"];

/// Subscribes, unsubscribes and looks up: the tree finds exactly what comparing the topic with each filter finds, and
/// holds nothing once all subscriptions are gone.
///
/// # Panics
/// Where it does not.
pub fn subscription_tree(input: &[u8]) {
    let mut script = Script::new(input);
    let mut tree: SubscriptionTree<u8, u8> = SubscriptionTree::default();
    let mut model: BTreeMap<(String, u8), u8> = BTreeMap::new();
    while !script.is_over() {
        match script.below(4) {
            0 | 1 => {
                let (filter, subscriber, data) = (script.topic(&FILTER_LEVELS), script.below(4), script.byte());
                if is_valid(&filter) {
                    let replaced = model.insert((filter.clone(), subscriber), data);
                    assert_eq!(tree.insert(&filter, subscriber, data), replaced, "subscribing to {filter}");
                }
            }
            2 => {
                let (filter, subscriber) = (script.topic(&FILTER_LEVELS), script.below(4));
                if is_valid(&filter) {
                    let removed = model.remove(&(filter.clone(), subscriber));
                    assert_eq!(tree.remove(&filter, &subscriber), removed, "unsubscribing from {filter}");
                }
            }
            _ => check(&tree, &model, &script.topic(&TOPIC_LEVELS)),
        }
        assert_eq!(tree.len(), model.len());
    }
    check(&tree, &model, "a");
    for ((filter, subscriber), data) in model {
        assert_eq!(tree.remove(&filter, &subscriber), Some(data), "unsubscribing from {filter}");
    }
    assert_eq!(tree.len(), 0);
    let bare: SubscriptionTree<u8, u8> = SubscriptionTree::default();
    assert_eq!(format!("{tree:?}"), format!("{bare:?}"), "levels stay behind");
}

/// Below MQTT 5.0, where `$share` is a level like any other.
fn is_valid(filter: &str) -> bool {
    TopicFilter::new_for(ProtocolVersion::V311, filter.to_owned()).is_ok()
}

fn check(tree: &SubscriptionTree<u8, u8>, model: &BTreeMap<(String, u8), u8>, topic: &str) {
    let Ok(name) = TopicName::new(topic.to_owned()) else { return };
    let mut found = Vec::new();
    tree.visit_matches(&name, &mut |subscriber, data| found.push((*subscriber, *data)));
    let mut expected: Vec<_> = model
        .iter()
        .filter(|((filter, _), _)| matches(filter, topic))
        .map(|((_, subscriber), data)| (*subscriber, *data))
        .collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "who gets {topic}");
}
