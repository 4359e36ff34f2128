//! What was retained in the past: on all topics at one time, and on one topic over time.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use nightjar_broker::Timestamp;
use nightjar_mqtt::TopicFilter;
use rusqlite::{Connection, OptionalExtension, Row};

use super::message::{StoredMessage, by_id, read, read_with_row};
use super::search::Search;
use super::walk::{Stop, Visitor, Walk, topics};
use crate::postings::{SEGMENT, segments};
use crate::{ReadError, Store, properties};

/// Changes after which the visitor is told how far the walk is.
const TELL: u32 = 256;

/// Shows the messages that topics retained at a time, the newest first. The order is that of the record: where the clock
/// was set back, a topic's state is that of the last message that has no later time.
pub(crate) fn retained_at(
    connection: &Connection,
    ids: &RangeInclusive<i64>,
    filter: Option<&TopicFilter>,
    at: Timestamp,
    visitor: &mut impl Visitor,
) -> Result<(), Stop> {
    let wanted: Option<HashSet<i64>> = match filter {
        None => None,
        Some(filter) => topics(connection, filter)?.map(|topics| topics.into_iter().collect()),
    };
    let is_wanted = |topic| wanted.as_ref().is_none_or(|wanted| wanted.contains(&topic));
    let mut seen = HashSet::new();
    changes(connection, ids, at, visitor, &mut |visitor, change| {
        let stands = change.size > 0 && change.expires.is_none_or(|expires| expires > at);
        if is_wanted(change.topic) && seen.insert(change.topic) && stands {
            visitor.ids(change.id..=change.id)
        } else {
            Ok(())
        }
    })
}

/// A message that set what its topic retains or, without a payload, cleared it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) id: i64,
    pub(super) topic: i64,
    pub(super) at: Timestamp,
    /// Bytes of the payload.
    pub(super) size: u64,
    /// When it is no longer retained, whatever comes.
    pub(super) expires: Option<Timestamp>,
}

/// Shows every change up to a time, the newest first. What the history has let go of, and is still retained, was retained
/// all the time since: it comes last.
pub(super) fn changes<V: Visitor>(
    connection: &Connection,
    ids: &RangeInclusive<i64>,
    until: Timestamp,
    visitor: &mut V,
    show: &mut impl FnMut(&mut V, Change) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let windows: Vec<_> = segments(ids).rev().collect();
    let count = windows.len();
    for (number, window) in (1_u32..).zip(windows) {
        let mut select = connection.prepare_cached(
            "SELECT id, topic_id, time_us, properties, length(payload) FROM message INDEXED BY message_retain
             WHERE retain AND retain = 1 AND id BETWEEN ?1 AND ?2 AND time_us <= ?3 ORDER BY id DESC",
        )?;
        let share = |within: i64| (f64::from(number - 1) + within as f64 / SEGMENT as f64) / (count + 1) as f64;
        let mut rows = select.query((window.start(), window.end(), until.micros()))?;
        let mut shown = 0_u32;
        while let Some(row) = rows.next()? {
            let change = change(row)?;
            show(visitor, change)?;
            shown += 1;
            if shown.is_multiple_of(TELL) {
                visitor.is_at(share(window.end() - change.id))?;
            }
        }
        drop(rows);
        visitor.is_at(f64::from(number) / (count + 1) as f64)?;
    }
    let mut select = connection.prepare_cached(
        "SELECT id, topic_id, time_us, properties, length(payload) FROM held WHERE time_us <= ?1 ORDER BY id DESC",
    )?;
    let mut rows = select.query([until.micros()])?;
    while let Some(row) = rows.next()? {
        show(visitor, change(row)?)?;
    }
    Ok(())
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let at: i64 = row.get(2)?;
    let interval = row.get_ref(3)?.as_blob_or_null()?.and_then(properties::decode);
    let expires = interval
        .and_then(|properties| properties.message_expiry_interval)
        .map(|seconds| Timestamp::from_micros(at.saturating_add(i64::from(seconds) * 1_000_000)));
    Ok(Change { id: row.get(0)?, topic: row.get(1)?, at: Timestamp::from_micros(at), size: row.get(4)?, expires })
}

impl Store {
    /// What a topic retained over time: the messages that set or, with an empty payload, cleared it; newest first, at most
    /// `count` of those that came up to `at`, each with at most `limit` bytes of its payload.
    pub fn retained_changes(
        &self,
        topic: &str,
        at: Option<Timestamp>,
        count: usize,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, ReadError> {
        let Ok(filter) = TopicFilter::new(topic.to_owned()) else { return Ok(Vec::new()) };
        let reader = self.shared.readers.reader()?;
        let search = Search { filter: Some(filter), retain: Some(true), to: at, ..Search::default() };
        let (first, last) = self.shared.extent();
        let mut newest = Newest { ids: Vec::new(), count };
        if count > 0
            && let Some(walk) = Walk::new(&reader, self.shared.postings(&reader), &search, &(first..=last))?
        {
            match walk.run(&mut newest) {
                Ok(()) | Err(Stop::Enough | Stop::Cancelled) => {}
                Err(Stop::Failed(error)) => return Err(error.into()),
            }
        }
        if newest.ids.len() < count {
            let held: Option<i64> = reader
                .prepare_cached(
                    "SELECT held.id FROM held JOIN topic ON topic.id = topic_id
                     WHERE topic.name = ?1 AND time_us <= ?2 ORDER BY held.id DESC LIMIT 1",
                )?
                .query_row((topic, at.map_or(i64::MAX, Timestamp::micros)), |row| row.get(0))
                .optional()?;
            newest.ids.extend(held);
        }
        read_all(&reader, &newest.ids, limit)
    }

    /// What a topic retained last before it was cleared; `None` where it was not cleared, or the history does not know.
    pub fn retained_before_clearing(&self, topic: &str, limit: usize) -> Result<Option<StoredMessage>, ReadError> {
        // Who clears a topic twice clears it once.
        let mut changes = self.retained_changes(topic, None, 16, limit)?.into_iter();
        match changes.next() {
            Some(last) if last.size == 0 => Ok(changes.find(|change| change.size > 0)),
            _ => Ok(None),
        }
    }
}

/// Reads messages of the history, or that topics retain, in the order of their ids as given. Those that are gone are left
/// out.
pub(crate) fn read_all(connection: &Connection, ids: &[i64], limit: usize) -> Result<Vec<StoredMessage>, ReadError> {
    let mut select = by_id(connection)?;
    let mut messages = Vec::with_capacity(ids.len());
    for &id in ids {
        let found = select.query_row((read_with_row(limit), id), |row| read(connection, row, limit)).optional()?;
        messages.extend(match found {
            Some(found) => found,
            None => super::message::read_held(connection, id, limit)?,
        });
    }
    Ok(messages)
}

/// Collects the first ones.
struct Newest {
    ids: Vec<i64>,
    count: usize,
}

impl Newest {
    fn add(&mut self, id: i64) -> Result<(), Stop> {
        self.ids.push(id);
        if self.ids.len() < self.count { Ok(()) } else { Err(Stop::Enough) }
    }
}

impl Visitor for Newest {
    const READS: bool = false;

    fn ids(&mut self, ids: RangeInclusive<i64>) -> Result<(), Stop> {
        ids.rev().try_for_each(|id| self.add(id))
    }

    fn message(&mut self, id: i64, _time_us: i64, _payload: &[u8]) -> Result<(), Stop> {
        self.add(id)
    }

    fn is_at(&mut self, _share: f64) -> Result<(), Stop> {
        Ok(())
    }
}
