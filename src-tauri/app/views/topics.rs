//! The topic tree, and what is found in it.

use std::collections::HashSet;

use nightjar_broker::{Broker, Timestamp};
use nightjar_store::{Store, TopicTreeQuery};

use super::payload::Glimpse;
use super::text_or_filter::contains;
use super::{count, millis};
use crate::wire::{Found, FoundClient, FoundTopic, PayloadKind, TopicQuery, TopicRow, TopicRows, TopicSort};

/// Rows that a window can ask for at once.
const MOST_ROWS: u32 = 500;
/// What the palette shows of each kind.
const FOUND: usize = 8;

/// The rows of the tree that a query shows.
pub fn rows(store: &Store, query: TopicQuery, now: Timestamp) -> TopicRows {
    let expanded: HashSet<String> = query.expanded.into_iter().collect();
    let found = store.topics().rows(
        TopicTreeQuery {
            expanded: &expanded,
            filter: &query.filter,
            sort: match query.sort {
                TopicSort::Name => nightjar_store::TopicSort::Name,
                TopicSort::Rate => nightjar_store::TopicSort::Rate,
                TopicSort::Recent => nightjar_store::TopicSort::Recent,
            },
            first: query.first as usize,
            count: query.count.min(MOST_ROWS) as usize,
        },
        now,
    );
    TopicRows {
        total: count(found.total),
        topics: found.topics,
        first: query.first,
        rows: found.rows.into_iter().map(row).collect(),
    }
}

fn row(row: nightjar_store::TopicRow) -> TopicRow {
    let topic = row.topic.as_ref();
    let glimpse = topic.map(|topic| Glimpse { bytes: &topic.preview, size: topic.size });
    TopicRow {
        depth: row.depth,
        children: row.children,
        topics_below: row.topics_below,
        expanded: row.expanded,
        is_topic: topic.is_some(),
        retained: topic.is_some_and(|topic| topic.retained),
        rate: row.rate,
        messages: topic.map_or(0, |topic| topic.messages),
        value: glimpse.map_or_else(String::new, Glimpse::value),
        value_kind: glimpse.map_or(PayloadKind::Empty, Glimpse::kind),
        last_at: row.active_at.map(millis),
        changed_at: topic.and_then(|topic| topic.changed_at).map(millis),
        path: row.path,
        name: row.name,
    }
}

/// What the palette finds: topics by their path, clients by their identifier.
pub fn find(broker: &Broker, store: &Store, text: &str, now: Timestamp) -> Found {
    let topics = store.topics().find(text, FOUND, now);
    let topics =
        topics.into_iter().map(|topic| FoundTopic { path: topic.path, is_topic: topic.is_topic, rate: topic.rate });
    let lower = text.to_lowercase();
    let mut clients: Vec<_> = broker
        .clients()
        .into_iter()
        .filter(|info| contains(&info.identifier, &lower))
        .map(|info| FoundClient { client: info.identifier.to_string(), connected: info.connected })
        .collect();
    clients.sort_by(|a, b| b.connected.cmp(&a.connected).then_with(|| a.client.cmp(&b.client)));
    clients.truncate(FOUND);
    Found { topics: topics.collect(), clients }
}
