//! The rows that the window shows: the tree as a list, as far as it is unfolded.

use std::cmp::Reverse;
use std::collections::HashSet;

use nightjar_broker::Timestamp;

use super::marks::{Mark, Marks};
use super::tree::{Place, Tree};

/// How long an order by something that changes all the time stays, and how long a filter's result does: in
/// microseconds.
const REORDER: i64 = 250_000;
const FILTER_AGAIN: i64 = 500_000;

/// The order of rows that have the same parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopicSort {
    #[default]
    Name,
    /// The busiest first.
    Rate,
    /// What had a message last comes first.
    Recent,
}

/// The rows of a query, without what they say.
#[derive(Debug)]
pub(super) struct List {
    expanded: HashSet<String>,
    filter: String,
    sort: TopicSort,
    made: Timestamp,
    version: u64,
    /// The nodes whose children are rows, or would be if there were any; and how many children they have in all.
    unfolded: Vec<Place>,
    children: usize,
    pub(super) rows: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) place: Place,
    /// What is below it follows.
    pub(super) expanded: bool,
}

impl List {
    pub(super) fn new(tree: &Tree, expanded: &HashSet<String>, filter: &str, sort: TopicSort, now: Timestamp) -> Self {
        let mut lister = Lister {
            tree,
            expanded: expanded.iter().filter_map(|path| tree.find(path)).collect(),
            marks: Marks::of(tree, filter),
            sort,
            now,
            unfolded: vec![Tree::ROOT],
            rows: Vec::new(),
        };
        lister.list(Tree::ROOT, lister.marks.is_some());
        Self {
            rows: lister.rows,
            children: children(tree, &lister.unfolded),
            unfolded: lister.unfolded,
            expanded: expanded.clone(),
            filter: filter.to_owned(),
            sort,
            made: now,
            version: tree.version,
        }
    }

    /// Whether it answers the query still.
    pub(super) fn answers(
        &self,
        tree: &Tree,
        expanded: &HashSet<String>,
        filter: &str,
        sort: TopicSort,
        now: Timestamp,
    ) -> bool {
        let age = now.micros() - self.made.micros();
        let is_current = self.version == tree.version
            || if filter.is_empty() {
                // Nodes only ever come, so that what is new is elsewhere where these have no more than before.
                self.children == children(tree, &self.unfolded)
            } else {
                (0..FILTER_AGAIN).contains(&age)
            };
        let is_ordered = sort == TopicSort::Name || (0..REORDER).contains(&age);
        self.sort == sort && is_current && is_ordered && self.filter == filter && self.expanded == *expanded
    }
}

/// Children of the nodes in all.
fn children(tree: &Tree, places: &[Place]) -> usize {
    places.iter().map(|&place| tree.node(place).children.len()).sum()
}

struct Lister<'a> {
    tree: &'a Tree,
    expanded: HashSet<Place>,
    marks: Option<Marks>,
    sort: TopicSort,
    now: Timestamp,
    unfolded: Vec<Place>,
    rows: Vec<Line>,
}

impl Lister<'_> {
    /// Lists what is below a node: all of it, or what is marked.
    fn list(&mut self, place: Place, only_marked: bool) {
        let children = &self.tree.node(place).children;
        if self.sort == TopicSort::Name {
            for &child in children.values() {
                self.line(child, only_marked);
            }
            return;
        }
        let mut sorted: Vec<Place> = children.values().copied().collect();
        match self.sort {
            TopicSort::Name => {}
            TopicSort::Rate => sorted.sort_by_cached_key(|&child| Reverse(self.tree.node(child).rate.recent(self.now))),
            TopicSort::Recent => sorted.sort_by_cached_key(|&child| Reverse(self.tree.node(child).active_at)),
        }
        for child in sorted {
            self.line(child, only_marked);
        }
    }

    fn line(&mut self, place: Place, only_marked: bool) {
        let mark = match &self.marks {
            Some(marks) if only_marked => marks.of_node(place),
            _ => Mark::Matches,
        };
        let has_children = !self.tree.node(place).children.is_empty();
        let (expanded, only_marked) = match mark {
            Mark::Hidden => return,
            Mark::Above => (true, true),
            Mark::Matches => {
                let unfolded = self.expanded.contains(&place);
                if unfolded {
                    self.unfolded.push(place);
                }
                (has_children && unfolded, false)
            }
        };
        self.rows.push(Line { place, expanded });
        if expanded {
            self.list(place, only_marked);
        }
    }
}
