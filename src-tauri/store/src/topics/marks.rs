//! Which nodes of the tree a filter shows.

use nightjar_mqtt::{TopicFilter, TopicName};

use super::tree::{MOST_LEVELS, Place, Tree};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Not shown.
    Hidden,
    /// Above what matches: shown, and unfolded.
    Above,
    /// Matches; everything below can be unfolded.
    Matches,
}

/// What a filter matches: the topics that a topic filter does, else the highest levels that contain the text.
pub(super) fn matches(tree: &Tree, filter: &str) -> Vec<Place> {
    let Some(marks) = Marks::of(tree, filter) else { return Vec::new() };
    tree.places().filter(|&place| marks.of_node(place) == Mark::Matches).collect()
}

/// The marks of all nodes.
#[derive(Debug)]
pub(super) struct Marks {
    marks: Vec<Mark>,
}

impl Marks {
    /// With wildcards, the topics that a topic filter matches; else the highest levels whose path contains the text,
    /// whatever the case of its letters. Empty text shows everything, and needs no marks.
    pub(super) fn of(tree: &Tree, filter: &str) -> Option<Self> {
        if filter.is_empty() {
            return None;
        }
        let mut marks = Self { marks: vec![Mark::Hidden; tree.len()] };
        match TopicFilter::new(filter.to_owned()) {
            Ok(topics) if filter.contains(['+', '#']) && topics.shared().is_none() => {
                let levels: Vec<&str> = filter.split('/').collect();
                marks.mark_topics(tree, Tree::ROOT, &levels, &topics);
            }
            _ => {
                let text = filter.to_lowercase();
                marks.mark_text(tree, Tree::ROOT, &mut String::new(), &text);
            }
        }
        Some(marks)
    }

    pub(super) fn of_node(&self, place: Place) -> Mark {
        // A node that came after the marks were made is not shown before the next ones.
        self.marks.get(Tree::index(place)).copied().unwrap_or(Mark::Hidden)
    }

    fn set(&mut self, place: Place, mark: Mark) {
        self.marks[Tree::index(place)] = mark;
    }

    /// Marks what matches the levels below a node; whether anything does.
    fn mark_topics(&mut self, tree: &Tree, place: Place, levels: &[&str], filter: &TopicFilter) -> bool {
        let node = tree.node(place);
        let is_match = node.topic.is_some()
            && match levels {
                // The last level of the tree holds what is left of the topic.
                _ if node.depth as usize == MOST_LEVELS => {
                    TopicName::new(tree.path(place)).is_ok_and(|topic| filter.matches(&topic))
                }
                [] | ["#"] => true,
                _ => false,
            };
        let mut any = false;
        match levels {
            [] => {}
            [level @ ("#" | "+"), rest @ ..] => {
                let rest = if *level == "#" { levels } else { rest };
                for (name, &child) in &node.children {
                    // No wildcard matches the first level of a topic that belongs to the server [MQTT-4.7.2-1].
                    if place == Tree::ROOT && name.starts_with('$') {
                        continue;
                    }
                    any |= self.mark_topics(tree, child, rest, filter);
                }
            }
            _ if node.depth as usize == MOST_LEVELS - 1 => {
                for &child in node.children.values() {
                    any |= self.mark_topics(tree, child, levels, filter);
                }
            }
            [level, rest @ ..] => {
                if let Some(&child) = node.children.get(*level) {
                    any = self.mark_topics(tree, child, rest, filter);
                }
            }
        }
        if any {
            self.set(place, Mark::Above);
        } else if is_match {
            self.set(place, Mark::Matches);
        }
        is_match || any
    }

    /// Marks what contains the text below a node, whose path in lower case is given; whether anything does.
    fn mark_text(&mut self, tree: &Tree, place: Place, path: &mut String, text: &str) -> bool {
        let end = path.len();
        let mut any = false;
        for (name, &child) in &tree.node(place).children {
            if place != Tree::ROOT {
                path.push('/');
            }
            if name.is_ascii() {
                let start = path.len();
                path.push_str(name);
                path[start..].make_ascii_lowercase();
            } else {
                path.push_str(&name.to_lowercase());
            }
            // What lies in the path above was looked at there.
            let start = path.floor_char_boundary(end.saturating_sub(text.len()));
            if path[start..].contains(text) {
                self.set(child, Mark::Matches);
                any = true;
            } else if self.mark_text(tree, child, path, text) {
                self.set(child, Mark::Above);
                any = true;
            }
            path.truncate(end);
        }
        any
    }
}
