//! The retained set of the past, beside that of now.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use nightjar_broker::{Broker, Message};
use nightjar_mqtt::TopicName;
use nightjar_store::{MessageId, PastMessage, ReadError, Store, StoredMessage};

use super::payload::PREVIEW_BYTES;
use super::{TextOrFilter, count, messages, millis};
use crate::wire::{
    ClearedQuery, ClearedRow, ClearedRows, PastProgress, PastQuery, PastRow, PastRows, PastSort, PastState,
    RetainedChange, RetainedEnding, RetainedSelection,
};

/// Rows that a window can ask for at once.
const MOST_ROWS: u32 = 500;

/// A moment of the past beside a moment of now.
#[derive(Debug, Default)]
pub struct Compared {
    /// In the order of topics; those that are new come among the others.
    rows: Vec<Pair>,
    same: usize,
    changed: usize,
    gone: usize,
    new: usize,
}

/// A topic then and now.
#[derive(Debug)]
struct Pair {
    then: Option<PastMessage>,
    now: Option<Arc<Message>>,
    state: PastState,
}

impl Pair {
    fn topic(&self) -> Option<&TopicName> {
        self.then.as_ref().map(|then| &then.topic).or(self.now.as_ref().map(|now| &now.topic))
    }

    fn name(&self) -> &str {
        self.topic().map_or("", |topic| topic)
    }
}

impl Compared {
    /// Compares what was retained with what the broker retains.
    pub fn new(then: &[PastMessage], broker: &Broker) -> Self {
        let mut now: HashMap<TopicName, Arc<Message>> = HashMap::new();
        broker.visit_retained(|message| {
            now.insert(message.topic.clone(), Arc::clone(message));
        });
        let mut compared = Self::default();
        for then in then {
            let now = now.remove(&then.topic);
            let state = match &now {
                None => PastState::Gone,
                // A message is told by its moment, to the microsecond: the broker knows no numbers.
                Some(now) if now.received == then.received => PastState::Same,
                Some(_) => PastState::Changed,
            };
            compared.add(Pair { then: Some(then.clone()), now, state });
        }
        for now in now.into_values() {
            compared.add(Pair { then: None, now: Some(now), state: PastState::New });
        }
        compared.rows.sort_by(by_topic);
        compared
    }

    fn add(&mut self, pair: Pair) {
        *match pair.state {
            PastState::Same => &mut self.same,
            PastState::Changed => &mut self.changed,
            PastState::Gone => &mut self.gone,
            PastState::New => &mut self.new,
        } += 1;
        self.rows.push(pair);
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// Where the history can't be read.
    pub fn rows(&self, store: &Store, progress: PastProgress, query: &PastQuery) -> Result<PastRows, ReadError> {
        let wanted = TextOrFilter::new(&query.filter);
        let mut found: Vec<&Pair> = self
            .rows
            .iter()
            .filter(|pair| if query.different { pair.state != PastState::Same } else { pair.then.is_some() })
            .filter(|pair| pair.topic().is_some_and(|topic| wanted.matches(topic)))
            .collect();
        let order: fn(&Pair, &Pair) -> Ordering = match query.sort {
            PastSort::Topic => |_, _| Ordering::Equal,
            PastSort::Age => |a, b| received(b).cmp(&received(a)),
            PastSort::Size => |a, b| size(a).cmp(&size(b)),
        };
        // Stable: what is equal stays in the order of topics.
        found.sort_by(|a, b| order(a, b));
        if query.descending {
            found.reverse();
        }
        let shown: Vec<_> = found.iter().skip(query.first as usize).take(query.count.min(MOST_ROWS) as usize).collect();
        let ids: Vec<_> = shown.iter().filter_map(|pair| Some(pair.then.as_ref()?.id)).collect();
        let read = by_id(store.messages(&ids, PREVIEW_BYTES)?);
        let row = |pair: &&&Pair| PastRow {
            topic: pair.name().to_owned(),
            state: pair.state,
            then: pair.then.as_ref().and_then(|then| read.get(&then.id)).map(messages::row),
            now: pair.now.as_ref().map(|now| messages::row_of_held(now, None)),
        };
        Ok(PastRows {
            progress,
            total: count(found.len()),
            same: count(self.same),
            changed: count(self.changed),
            gone: count(self.gone),
            new: count(self.new),
            first: query.first,
            rows: shown.iter().map(row).collect(),
        })
    }
}

/// What was cleared, in rows.
///
/// # Errors
/// Where the history can't be read.
pub fn cleared_rows(
    cleared: &[PastMessage],
    store: &Store,
    broker: &Broker,
    progress: PastProgress,
    query: &ClearedQuery,
) -> Result<ClearedRows, ReadError> {
    let found: Vec<_> = gone(cleared, broker, &RetainedSelection::Filter(query.filter.clone())).collect();
    let shown: Vec<_> = found.iter().skip(query.first as usize).take(query.count.min(MOST_ROWS) as usize).collect();
    let ids: Vec<_> = shown
        .iter()
        .flat_map(|message| [Some(message.id), message.ending.and_then(|ending| ending.by)])
        .flatten()
        .collect();
    let read = by_id(store.messages(&ids, PREVIEW_BYTES)?);
    let rows = shown.iter().filter_map(|message| {
        let ending = message.ending?;
        let by = ending.by.and_then(|by| read.get(&by));
        Some(ClearedRow {
            row: messages::row(read.get(&message.id)?),
            ended: millis(ending.at),
            by: by.map(|by| by.publisher.to_string()),
            expired: ending.by.is_none(),
        })
    });
    let rows = rows.collect();
    Ok(ClearedRows { progress, total: count(found.len()), first: query.first, rows })
}

/// What a selection means of what was cleared; what is back meanwhile is no longer gone.
pub fn gone<'a>(
    cleared: &'a [PastMessage],
    broker: &'a Broker,
    selection: &RetainedSelection,
) -> impl Iterator<Item = &'a PastMessage> {
    let (filter, topics): (_, HashSet<String>) = match selection {
        RetainedSelection::Filter(filter) => (Some(TextOrFilter::new(filter)), HashSet::new()),
        RetainedSelection::Topics(topics) => (None, topics.iter().cloned().collect()),
    };
    cleared.iter().filter(move |message| {
        let is_wanted = match &filter {
            Some(filter) => filter.matches(&message.topic),
            None => topics.contains(&*message.topic),
        };
        is_wanted && broker.retained(&message.topic).is_none()
    })
}

/// The retained history of a topic, newest first. `newer` is the message after the first of them, where there is one.
pub fn changes(found: &[StoredMessage], newer: Option<&StoredMessage>, stands: bool) -> Vec<RetainedChange> {
    let mut newer = newer;
    let mut changes = Vec::with_capacity(found.len());
    for message in found {
        let expires = message.properties.as_ref().and_then(|properties| properties.message_expiry_interval);
        let expires = expires.map(|seconds| millis(message.received) + f64::from(seconds) * 1_000.0);
        let next = newer.map(|newer| millis(newer.received));
        let expired = expires.filter(|expires| next.is_none_or(|next| *expires < next));
        let ending = match newer {
            Some(_) if expired.is_some() => RetainedEnding::Expired,
            Some(newer) if newer.size == 0 => RetainedEnding::Cleared,
            Some(_) => RetainedEnding::Replaced,
            None if stands => RetainedEnding::Stands,
            None if message.size == 0 => RetainedEnding::Stands,
            None => RetainedEnding::Expired,
        };
        let until = match ending {
            RetainedEnding::Stands => None,
            _ => expired.or(next),
        };
        changes.push(RetainedChange { row: messages::row(message), until, ending });
        newer = Some(message);
    }
    changes
}

fn by_topic(a: &Pair, b: &Pair) -> Ordering {
    a.name().split('/').cmp(b.name().split('/'))
}

fn received(pair: &Pair) -> Option<nightjar_broker::Timestamp> {
    pair.then.as_ref().map(|then| then.received).or(pair.now.as_ref().map(|now| now.received))
}

fn size(pair: &Pair) -> u64 {
    pair.then.as_ref().map(|then| then.size).or(pair.now.as_ref().map(|now| now.payload.len() as u64)).unwrap_or(0)
}

fn by_id(messages: Vec<StoredMessage>) -> HashMap<MessageId, StoredMessage> {
    messages.into_iter().map(|message| (message.id, message)).collect()
}
