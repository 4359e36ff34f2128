//! The busiest topics of a tree, found from the top: what is below a level is no busier than the level.

use std::collections::BinaryHeap;

use nightjar_broker::Timestamp;

use super::tree::{Place, Tree};

/// What is still to be looked at, the busiest first; a topic comes before a level that is as busy.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    recent: u64,
    is_topic: bool,
    /// Of two that are equally busy, the one that was there first.
    place: std::cmp::Reverse<Place>,
}

/// Up to `count` topics with messages in the last two seconds, and how many those are.
pub(super) fn busiest(tree: &Tree, count: usize, now: Timestamp) -> Vec<(Place, u64)> {
    let level = |place: Place| {
        let recent = tree.node(place).rate.recent(now);
        (recent > 0).then_some(Candidate { recent, is_topic: false, place: std::cmp::Reverse(place) })
    };
    let mut candidates = BinaryHeap::new();
    candidates.extend(level(Tree::ROOT));
    let mut found = Vec::new();
    while found.len() < count
        && let Some(Candidate { recent, is_topic, place }) = candidates.pop()
    {
        let place = place.0;
        if is_topic {
            found.push((place, recent));
            continue;
        }
        candidates.extend(tree.node(place).children.values().filter_map(|&child| level(child)));
        let own = if tree.node(place).topic.is_some() { tree.own_recent(place, now) } else { 0 };
        if own > 0 {
            candidates.push(Candidate { recent: own, is_topic: true, place: std::cmp::Reverse(place) });
        }
    }
    found
}
