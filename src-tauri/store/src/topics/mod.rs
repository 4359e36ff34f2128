//! The live topic tree: what goes on, by topic level. The writer shows it every message, in order and off the hot path;
//! the window asks for the rows that it shows.

mod marks;
mod ranking;
mod rate;
mod rows;
pub(crate) mod seed;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashSet;

use nightjar_broker::{Message, Timestamp};
use parking_lot::{Mutex, MutexGuard};

pub use rows::TopicSort;
pub use tree::TopicState;
pub(crate) use tree::{NodeHint, Recorded};

use rate::per_second;
use rows::{Line, List};
use tree::{Place, Tree};

/// Which rows of the tree to show.
#[derive(Clone, Copy, Debug)]
pub struct TopicTreeQuery<'a> {
    /// Full paths of the levels that are unfolded.
    pub expanded: &'a HashSet<String>,
    /// A topic filter with wildcards, or text that the path contains whatever its case; empty shows all. Levels above
    /// a match are shown, and unfolded, with it.
    pub filter: &'a str,
    pub sort: TopicSort,
    pub first: usize,
    pub count: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicRows {
    /// Rows that the query has in all.
    pub total: usize,
    /// Topics in the tree.
    pub topics: u32,
    /// Messages on topics that the tree had no room for.
    pub unlisted: u64,
    pub rows: Vec<TopicRow>,
}

/// A level of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRow {
    /// The Topic Name, where messages came on it.
    pub path: String,
    /// The last level. Below 64 levels, all that is left.
    pub name: String,
    /// 1 at the top.
    pub depth: u32,
    /// Levels right below.
    pub children: u32,
    /// Topics anywhere below.
    pub topics_below: u32,
    /// What is below follows.
    pub expanded: bool,
    /// Messages per second, on the topic and all below; an average over two seconds.
    pub rate: f64,
    /// When the last message came, on the topic or below.
    pub active_at: Option<Timestamp>,
    /// `None` for a level that only has topics below it.
    pub topic: Option<TopicState>,
}

/// A topic or level that was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRate {
    pub path: String,
    /// Messages came on it, and not only below it.
    pub is_topic: bool,
    /// Messages per second, averaged over two seconds.
    pub rate: f64,
}

/// The tree, shared by the writer and the window.
#[derive(Debug)]
pub struct Topics {
    state: Mutex<State>,
    /// Somebody is to see them; otherwise they stay empty.
    pub(crate) watched: bool,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    /// The last query's; the window asks the same again and again.
    list: Option<List>,
}

/// Takes messages in. The window gets a turn at the tree now and then.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    state: MutexGuard<'a, State>,
    taken: usize,
    now: Timestamp,
}

impl Recorder<'_> {
    const TURN: usize = 500;

    /// A message came.
    pub(crate) fn record(&mut self, message: &Message, hint: &mut NodeHint) {
        self.state.tree.record(message, hint, self.now);
        self.taken += 1;
        if self.taken.is_multiple_of(Self::TURN) {
            MutexGuard::bump(&mut self.state);
        }
    }
}

impl Topics {
    pub(crate) fn new() -> Self {
        Self::of(Tree::new())
    }

    /// Topics that nobody is to see.
    pub(crate) fn unwatched() -> Self {
        Self { watched: false, ..Self::new() }
    }

    fn of(tree: Tree) -> Self {
        Self { state: Mutex::new(State { tree, list: None }), watched: true }
    }

    /// Takes messages in that came now, where somebody is to see them.
    pub(crate) fn recorder(&self, now: Timestamp) -> Option<Recorder<'_>> {
        self.watched.then(|| Recorder { state: self.state.lock(), taken: 0, now })
    }

    /// Takes messages in that came now, and are looked up one by one.
    pub(crate) fn show<'a>(&self, messages: impl Iterator<Item = &'a Message>, now: Timestamp) {
        let mut messages = messages.peekable();
        if messages.peek().is_some()
            && let Some(mut recorder) = self.recorder(now)
        {
            messages.for_each(|message| recorder.record(message, &mut NodeHint::default()));
        }
    }

    pub(crate) fn recall(&self, topics: impl Iterator<Item = Recorded>) {
        let mut state = self.state.lock();
        for topic in topics {
            state.tree.recall(topic);
        }
    }

    pub(crate) fn forget(&self, topics: &[(String, u64)]) {
        let mut state = self.state.lock();
        for (topic, messages) in topics {
            state.tree.forget(topic, *messages);
        }
    }

    /// The rows of a query.
    pub fn rows(&self, query: TopicTreeQuery<'_>, now: Timestamp) -> TopicRows {
        let TopicTreeQuery { expanded, filter, sort, first, count } = query;
        let mut state = self.state.lock();
        let State { tree, list } = &mut *state;
        let list = match list {
            Some(list) if list.answers(tree, expanded, filter, sort, now) => list,
            _ => list.insert(List::new(tree, expanded, filter, sort, now)),
        };
        TopicRows {
            total: list.rows.len(),
            topics: tree.topics(),
            unlisted: tree.unlisted,
            rows: list.rows.iter().skip(first).take(count).map(|&line| row(tree, line, now)).collect(),
        }
    }

    /// Topics that messages came on.
    pub fn count(&self) -> u32 {
        self.state.lock().tree.topics()
    }

    /// What is known of a topic; `None` where no message came on it.
    pub fn topic(&self, path: &str) -> Option<TopicState> {
        let state = self.state.lock();
        let place = state.tree.find(path)?;
        state.tree.node(place).topic.as_ref().map(|topic| topic.state.clone())
    }

    /// The busiest topics, each without what is below it, at most `count`.
    pub fn busiest(&self, count: usize, now: Timestamp) -> Vec<TopicRate> {
        let state = self.state.lock();
        let tree = &state.tree;
        ranking::busiest(tree, count, now)
            .into_iter()
            .map(|(place, recent)| TopicRate { path: tree.path(place), is_topic: true, rate: per_second(recent, now) })
            .collect()
    }

    /// Up to `count` of the highest levels whose path contains the text, whatever its case, or of the topics that a
    /// filter with wildcards matches; the busiest first.
    pub fn find(&self, text: &str, count: usize, now: Timestamp) -> Vec<TopicRate> {
        let state = self.state.lock();
        let tree = &state.tree;
        let mut found: Vec<(u64, Place)> =
            marks::matches(tree, text).into_iter().map(|place| (tree.node(place).rate.recent(now), place)).collect();
        found.sort_by_key(|&(recent, place)| (std::cmp::Reverse(recent), place));
        found
            .into_iter()
            .take(count)
            .map(|(recent, place)| TopicRate {
                path: tree.path(place),
                is_topic: tree.node(place).topic.is_some(),
                rate: per_second(recent, now),
            })
            .collect()
    }
}

fn row(tree: &Tree, line: Line, now: Timestamp) -> TopicRow {
    let node = tree.node(line.place);
    TopicRow {
        path: tree.path(line.place),
        name: node.name.to_string(),
        depth: node.depth,
        children: u32::try_from(node.children.len()).unwrap_or(u32::MAX),
        topics_below: node.topics_below,
        expanded: line.expanded,
        rate: per_second(node.rate.recent(now), now),
        active_at: node.active_at,
        topic: node.topic.as_ref().map(|topic| topic.state.clone()),
    }
}
