//! A walk over the retained messages that a filter matches, in steps: whoever walks holds the tree only for a step, and
//! remembers a place in it instead of a list of what there is.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::Message;
use crate::routing::retained_tree::{Epoch, Node, RetainedTree};

/// How far a walk is. Levels are visited from the top, each before those below it, in the order of their names.
#[derive(Debug)]
pub(crate) struct RetainedCursor {
    /// What was set after this is not found: whoever subscribed by then got it as it was published.
    until: Epoch,
    /// Topics that begin with `$` are found by a wildcard in the first level, too.
    finds_server_topics: bool,
    place: Option<Place>,
}

/// The level that the walk has come to.
#[derive(Debug)]
struct Place {
    path: String,
    /// Its own message is done; otherwise the walk goes on with that.
    is_past: bool,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walked {
    /// There is nothing more to be found.
    Whole,
    /// The step is over; the next one goes on.
    Further,
    /// A message was not wanted now; the next step begins with it.
    Refused,
}

impl RetainedCursor {
    /// A walk over what was set up to `until`.
    pub(crate) const fn new(until: Epoch) -> Self {
        Self { until, finds_server_topics: false, place: None }
    }

    /// A walk on which wildcards find every message there is.
    pub(crate) const fn over_all() -> Self {
        Self { until: Epoch::LAST, finds_server_topics: true, place: None }
    }

    /// Goes on for at most `steps` levels and offers each message on the way to `take`, which may refuse it. `filter`
    /// is the same at each step, and without a share.
    pub(crate) fn walk<'a>(
        &mut self,
        tree: &'a RetainedTree,
        filter: &str,
        steps: usize,
        take: &mut impl FnMut(&'a Arc<Message>) -> ControlFlow<()>,
    ) -> Walked {
        let start = self.place.take();
        let resume = start.as_ref().map(|place| Resume { path: &place.path, is_past: place.is_past });
        let finds_server_topics = self.finds_server_topics;
        let mut walk = Walk { steps, until: self.until, finds_server_topics, path: String::new(), take };
        match walk.children(tree.root(), filter, resume, true) {
            ControlFlow::Continue(()) => Walked::Whole,
            ControlFlow::Break(stop) => {
                self.place = Some(Place { path: walk.path, is_past: stop == Walked::Further });
                stop
            }
        }
    }
}

/// The way from a level down to the [`Place`] where the walk goes on.
#[derive(Clone, Copy)]
struct Resume<'p> {
    path: &'p str,
    is_past: bool,
}

/// One step of a walk.
struct Walk<'w, F> {
    steps: usize,
    until: Epoch,
    finds_server_topics: bool,
    /// Where the walk is; where it stops it stays as it was then.
    path: String,
    take: &'w mut F,
}

impl<'a, F: FnMut(&'a Arc<Message>) -> ControlFlow<()>> Walk<'_, F> {
    /// The levels below a node, as far as `filter` matches them.
    fn children(
        &mut self,
        node: &'a Node,
        filter: &str,
        resume: Option<Resume<'_>>,
        is_top: bool,
    ) -> ControlFlow<Walked> {
        let (wanted, rest) = split_level(filter);
        // The child on the way to the place; those before it are done.
        let start = resume.map(|resume| {
            let (level, path) = split_level(resume.path);
            (level, path.map(|path| Resume { path, ..resume }), resume.is_past)
        });
        let arrival = |level: &str| match start {
            Some((first, below, is_past)) if first == level => match below {
                Some(below) => Arrival::Through(below),
                None if is_past => Arrival::Past,
                None => Arrival::New,
            },
            _ => Arrival::New,
        };
        if !matches!(wanted, "#" | "+") {
            if start.is_some_and(|(first, ..)| wanted < first) {
                return ControlFlow::Continue(());
            }
            return match node.children.get(wanted) {
                Some(child) => self.enter(wanted, child, rest, arrival(wanted), is_top),
                None => ControlFlow::Continue(()),
            };
        }
        let rest = if wanted == "#" { Some("#") } else { rest };
        let from = start.map_or(Bound::Unbounded, |(first, ..)| Bound::Included(first));
        for (level, child) in node.children.range::<str, _>((from, Bound::Unbounded)) {
            // A wildcard in the first level does not match a topic that begins with $ [MQTT-4.7.2-1].
            if is_top && level.starts_with('$') && !self.finds_server_topics {
                continue;
            }
            self.enter(level, child, rest, arrival(level), is_top)?;
        }
        ControlFlow::Continue(())
    }

    /// A node, and the levels below it. `rest` is what of the filter is left for these.
    fn enter(
        &mut self,
        level: &str,
        node: &'a Node,
        rest: Option<&str>,
        arrival: Arrival<'_>,
        is_top: bool,
    ) -> ControlFlow<Walked> {
        let length = self.path.len();
        if !is_top {
            self.path.push('/');
        }
        self.path.push_str(level);
        if matches!(arrival, Arrival::New) {
            // `#` matches the level above it, too (4.7.1.2).
            if matches!(rest, None | Some("#"))
                && let Some(entry) = &node.entry
                && entry.set <= self.until
                && (self.take)(&entry.message).is_break()
            {
                return ControlFlow::Break(Walked::Refused);
            }
            self.steps = self.steps.saturating_sub(1);
            if self.steps == 0 {
                return ControlFlow::Break(Walked::Further);
            }
        }
        if let Some(rest) = rest {
            let resume = match arrival {
                Arrival::Through(below) => Some(below),
                Arrival::New | Arrival::Past => None,
            };
            self.children(node, rest, resume, false)?;
        }
        self.path.truncate(length);
        ControlFlow::Continue(())
    }
}

/// How a walk comes to a node.
enum Arrival<'p> {
    /// For the first time, or to offer its message again.
    New,
    /// Its message is done, what is below it is next.
    Past,
    /// The place to go on from is further below.
    Through(Resume<'p>),
}

fn split_level(topic: &str) -> (&str, Option<&str>) {
    match topic.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (topic, None),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nightjar_mqtt::{QoS, TopicFilter, TopicName};
    use proptest::prelude::*;

    use super::*;
    use crate::{ClientIdentifier, Timestamp};

    fn message(topic: &str) -> Arc<Message> {
        Arc::new(Message {
            topic: TopicName::new(topic.to_owned()).unwrap(),
            payload: Bytes::from_static(b"x"),
            qos: QoS::AtMostOnce,
            retain: true,
            properties: None,
            publisher: ClientIdentifier::new("publisher"),
            source: None,
            received: Timestamp::default(),
        })
    }

    fn tree<'t>(topics: impl IntoIterator<Item = &'t str>) -> RetainedTree {
        let mut tree = RetainedTree::default();
        for topic in topics {
            tree.set(message(topic));
        }
        tree
    }

    /// What one step finds.
    fn step(cursor: &mut RetainedCursor, tree: &RetainedTree, filter: &str, steps: usize) -> (Walked, Vec<String>) {
        let mut topics = Vec::new();
        let walked = cursor.walk(tree, filter, steps, &mut |message| {
            topics.push(message.topic.to_string());
            ControlFlow::Continue(())
        });
        (walked, topics)
    }

    #[test]
    fn a_step_is_bounded_also_where_it_finds_nothing() {
        let names: Vec<_> = (0..100).map(|number| format!("{number:03}/b")).collect();
        let tree = tree(names.iter().map(String::as_str));
        let mut cursor = RetainedCursor::new(tree.epoch());
        for _ in 0..9 {
            assert_eq!(step(&mut cursor, &tree, "+/a", 10), (Walked::Further, vec![]));
        }
        assert_eq!(step(&mut cursor, &tree, "+/a", 100), (Walked::Whole, vec![]));
    }

    #[test]
    fn what_is_set_after_the_start_is_passed_over() {
        let mut tree = tree(["a", "b", "c"]);
        let mut cursor = RetainedCursor::new(tree.epoch());
        assert_eq!(step(&mut cursor, &tree, "#", 1), (Walked::Further, vec!["a".to_owned()]));
        for topic in ["a", "b", "aa"] {
            tree.set(message(topic));
        }
        assert_eq!(step(&mut cursor, &tree, "#", 100), (Walked::Whole, vec!["c".to_owned()]));
    }

    #[test]
    fn a_walk_goes_on_where_its_place_has_vanished() {
        let mut tree = tree(["a/1", "a/2", "b/1", "c"]);
        let mut cursor = RetainedCursor::new(tree.epoch());
        assert_eq!(step(&mut cursor, &tree, "#", 3).1, ["a/1", "a/2"]);
        tree.clear("a/1");
        tree.clear("a/2");
        assert_eq!(step(&mut cursor, &tree, "#", 100), (Walked::Whole, vec!["b/1".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn a_refused_message_is_offered_again() {
        let tree = tree(["a", "a/b", "c"]);
        let mut cursor = RetainedCursor::new(tree.epoch());
        for _ in 0..2 {
            let mut offered = Vec::new();
            let walked = cursor.walk(&tree, "#", 100, &mut |message| {
                offered.push(message.topic.to_string());
                ControlFlow::Break(())
            });
            assert_eq!((walked, offered), (Walked::Refused, vec!["a".to_owned()]));
        }
        assert_eq!(step(&mut cursor, &tree, "#", 100).1, ["a", "a/b", "c"]);
    }

    #[test]
    fn a_walk_over_all_finds_server_topics_and_a_wildcard_does_not() {
        let tree = tree(["$x/a", "a"]);
        assert_eq!(step(&mut RetainedCursor::over_all(), &tree, "#", 100).1, ["$x/a", "a"]);
        assert_eq!(step(&mut RetainedCursor::new(tree.epoch()), &tree, "#", 100).1, ["a"]);
        assert_eq!(step(&mut RetainedCursor::new(tree.epoch()), &tree, "$x/#", 100).1, ["$x/a"]);
    }

    proptest! {
        /// Whatever the steps, and whatever refuses on the way: what is found is what a naive matcher finds, in order.
        #[test]
        fn finds_what_a_naive_matcher_finds(
            topics in prop::collection::btree_set("(a|b|\\$S|)(/(a|b|)){0,3}", 0..20),
            filter in "(a|b|\\+|\\$S|)(/(a|b||\\+)){0,3}(/#)?|#",
            steps in prop::collection::vec(1..5_usize, 1..5),
            refuse_every in 2..5_usize,
        ) {
            prop_assume!(!filter.is_empty());
            let topics: Vec<_> = topics.into_iter().filter(|topic| !topic.is_empty()).collect();
            let tree = tree(topics.iter().map(String::as_str));
            let mut cursor = RetainedCursor::new(tree.epoch());
            let (mut found, mut offers) = (Vec::new(), 0);
            let mut steps = steps.iter().cycle();
            while cursor.walk(&tree, &filter, *steps.next().unwrap(), &mut |message| {
                offers += 1;
                if offers % refuse_every == 0 {
                    return ControlFlow::Break(());
                }
                found.push(message.topic.to_string());
                ControlFlow::Continue(())
            }) != Walked::Whole {}
            let wanted = TopicFilter::new(filter).unwrap();
            let mut expected: Vec<_> = topics
                .iter()
                .filter(|topic| wanted.matches(&TopicName::new((*topic).clone()).unwrap()))
                .cloned()
                .collect();
            expected.sort_by(|one, other| one.split('/').cmp(other.split('/')));
            prop_assert_eq!(found, expected);
        }
    }
}
