//! The tree by topic level: what it holds, and how a message changes it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use nightjar_broker::{Message, Timestamp};

use super::rate::Rate;

/// Nodes, at most; some hundred bytes each.
const MOST_NODES: usize = 1_000_000;
/// Levels, at most: what comes below is part of the last one. A topic may have 65,536 of them, and nobody unfolds
/// those, but each would be a node.
pub(super) const MOST_LEVELS: usize = 64;
/// Bytes of the last payload that are kept.
const PREVIEW: usize = 160;

/// Where a node is; nodes stay where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place(u32);

/// Where a topic is in the tree, for whoever asks again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeHint(Option<Place>);

/// A level of the tree.
#[derive(Debug)]
pub(super) struct Node {
    /// `None` at the root alone.
    pub(super) parent: Option<Place>,
    /// The level's text.
    pub(super) name: Box<str>,
    /// 0 at the root.
    pub(super) depth: u32,
    pub(super) children: BTreeMap<Box<str>, Place>,
    /// Topics anywhere below.
    pub(super) topics_below: u32,
    /// Of the topic itself and all below.
    pub(super) rate: Rate,
    /// When the last message came, on the topic itself or below.
    pub(super) active_at: Option<Timestamp>,
    /// Where messages came on the very topic, and not only below it.
    pub(super) topic: Option<Box<Topic>>,
}

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) state: TopicState,
    /// Of the last payload; `None` where only its beginning was seen.
    hash: Option<u64>,
    /// A message came, and not only the record of earlier ones.
    is_live: bool,
}

/// What is known of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicState {
    /// Messages in the history.
    pub messages: u64,
    /// It has a Retained Message.
    pub retained: bool,
    /// The beginning of the last payload, up to 160 bytes.
    pub preview: Vec<u8>,
    /// Bytes of the last payload.
    pub size: u64,
    /// When the last message came.
    pub last_at: Timestamp,
    /// When the last payload differed from the one before; `None` where no two are known that differ.
    pub changed_at: Option<Timestamp>,
}

/// A topic as the history knows it.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) messages: u64,
    pub(crate) retained: bool,
    /// The last payload, or its beginning.
    pub(crate) payload: Vec<u8>,
    pub(crate) size: u64,
    pub(crate) last_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    most_nodes: usize,
    /// Changes whenever a node or a topic is added.
    pub(super) version: u64,
    /// Messages on topics that there was no room for.
    pub(super) unlisted: u64,
}

impl Tree {
    pub(super) const ROOT: Place = Place(0);

    pub(super) fn new() -> Self {
        Self::with_room_for(MOST_NODES)
    }

    pub(super) fn with_room_for(most_nodes: usize) -> Self {
        let root = Node {
            parent: None,
            name: Box::default(),
            depth: 0,
            children: BTreeMap::new(),
            topics_below: 0,
            rate: Rate::default(),
            active_at: None,
            topic: None,
        };
        Self { nodes: vec![root], most_nodes, version: 0, unlisted: 0 }
    }

    pub(super) fn node(&self, place: Place) -> &Node {
        &self.nodes[place.0 as usize]
    }

    fn node_mut(&mut self, place: Place) -> &mut Node {
        &mut self.nodes[place.0 as usize]
    }

    /// Nodes, the root included.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn index(place: Place) -> usize {
        place.0 as usize
    }

    /// A message came.
    pub(super) fn record(&mut self, message: &Message, hint: &mut NodeHint, now: Timestamp) {
        let Some(place) = hint.0.or_else(|| self.find_or_add(&message.topic)) else {
            self.unlisted += 1;
            return;
        };
        hint.0 = Some(place);
        let topic = self.topic_at(place);
        topic.is_live = true;
        let state = &mut topic.state;
        let hash = hash(&message.payload);
        let size = message.payload.len() as u64;
        let has_changed = state.size != size || topic.hash.is_some_and(|before| before != hash);
        if state.messages > 0 && has_changed {
            state.changed_at = Some(message.received);
        }
        topic.hash = Some(hash);
        state.messages += 1;
        state.size = size;
        state.last_at = message.received;
        state.preview.clear();
        state.preview.extend_from_slice(&message.payload[..message.payload.len().min(PREVIEW)]);
        if message.retain {
            state.retained = !message.payload.is_empty();
        }
        let mut above = Some(place);
        while let Some(place) = above {
            let node = self.node_mut(place);
            node.rate.add(now);
            node.active_at = node.active_at.max(Some(message.received));
            above = node.parent;
        }
    }

    /// What the history knows of a topic, which may come after newer messages.
    pub(super) fn recall(&mut self, recorded: Recorded) {
        let Some(place) = self.find_or_add(&recorded.name) else {
            self.unlisted += recorded.messages;
            return;
        };
        let topic = self.topic_at(place);
        topic.state.messages += recorded.messages;
        if topic.is_live {
            return;
        }
        let mut preview = recorded.payload;
        topic.hash = (preview.len() as u64 == recorded.size).then(|| hash(&preview));
        preview.truncate(PREVIEW);
        preview.shrink_to_fit();
        topic.state = TopicState {
            messages: topic.state.messages,
            retained: recorded.retained,
            preview,
            size: recorded.size,
            last_at: recorded.last_at,
            changed_at: None,
        };
        let mut above = Some(place);
        while let Some(place) = above {
            let node = self.node_mut(place);
            node.active_at = node.active_at.max(Some(recorded.last_at));
            above = node.parent;
        }
    }

    /// Messages of a topic are no longer in the history.
    pub(super) fn forget(&mut self, topic: &str, messages: u64) {
        if let Some(place) = self.find(topic)
            && let Some(topic) = &mut self.node_mut(place).topic
        {
            topic.state.messages = topic.state.messages.saturating_sub(messages);
        }
    }

    pub(super) fn find(&self, path: &str) -> Option<Place> {
        levels(path).try_fold(Self::ROOT, |place, level| self.node(place).children.get(level).copied())
    }

    /// The node of a path, made with all above it where it is missing; `None` where there is no room.
    fn find_or_add(&mut self, path: &str) -> Option<Place> {
        let mut place = Self::ROOT;
        let mut missing = 0;
        for level in levels(path) {
            match self.node(place).children.get(level) {
                Some(&child) if missing == 0 => place = child,
                _ => missing += 1,
            }
        }
        if self.nodes.len() + missing > self.most_nodes {
            return None;
        }
        let present = levels(path).count() - missing;
        for level in levels(path).skip(present) {
            place = self.add(place, level)?;
        }
        Some(place)
    }

    fn add(&mut self, parent: Place, level: &str) -> Option<Place> {
        let place = Place(u32::try_from(self.nodes.len()).ok()?);
        let depth = self.node(parent).depth + 1;
        self.nodes.push(Node {
            parent: Some(parent),
            name: Box::from(level),
            depth,
            children: BTreeMap::new(),
            topics_below: 0,
            rate: Rate::default(),
            active_at: None,
            topic: None,
        });
        self.node_mut(parent).children.insert(Box::from(level), place);
        self.version += 1;
        Some(place)
    }

    /// The topic of a node, which becomes one where it was none.
    fn topic_at(&mut self, place: Place) -> &mut Topic {
        if self.node(place).topic.is_none() {
            self.version += 1;
            let mut above = self.node(place).parent;
            while let Some(place) = above {
                let node = self.node_mut(place);
                node.topics_below += 1;
                above = node.parent;
            }
        }
        self.node_mut(place)
            .topic
            .get_or_insert_with(|| Box::new(Topic { state: TopicState::default(), hash: None, is_live: false }))
    }

    /// Topics that messages came on.
    pub(super) fn topics(&self) -> u32 {
        self.node(Self::ROOT).topics_below
    }

    /// Every node but the root.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        (1..self.nodes.len()).filter_map(|index| u32::try_from(index).ok().map(Place))
    }

    /// The full path of a node.
    pub(super) fn path(&self, place: Place) -> String {
        let mut names = Vec::with_capacity(self.node(place).depth as usize);
        let mut node = self.node(place);
        while let Some(parent) = node.parent {
            names.push(&*node.name);
            node = self.node(parent);
        }
        names.reverse();
        names.join("/")
    }

    /// Recent messages on the very topic of a node.
    pub(super) fn own_recent(&self, place: Place, now: Timestamp) -> u64 {
        let node = self.node(place);
        let below: u64 = node.children.values().map(|&child| self.node(child).rate.recent(now)).sum();
        node.rate.recent(now).saturating_sub(below)
    }
}

/// The levels of a path, as the tree has them.
fn levels(path: &str) -> impl Iterator<Item = &str> {
    path.splitn(MOST_LEVELS, '/')
}

fn hash(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(payload);
    hasher.finish()
}
