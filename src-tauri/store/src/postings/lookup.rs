use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension};

use super::list::decode;
use super::{SEGMENT, Tail};

/// Whose messages are looked for, by the number in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Topic(i64),
    Client(i64),
}

/// The segment that an id is in.
pub(crate) fn segment_of(id: i64) -> i64 {
    id.div_euclid(SEGMENT)
}

/// The parts of a range of ids that lie in one segment each, oldest first.
pub(crate) fn segments(ids: &RangeInclusive<i64>) -> impl DoubleEndedIterator<Item = RangeInclusive<i64>> + use<> {
    let (first, last) = (*ids.start(), *ids.end());
    let numbers = if first > last { 0..0 } else { segment_of(first)..segment_of(last) + 1 };
    numbers.map(move |number| first.max(number * SEGMENT)..=last.min(number * SEGMENT + SEGMENT - 1))
}

/// Where messages are. The connection must not be within a transaction or a statement: a view of the tables from before
/// a segment was sealed misses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Postings<'a> {
    connection: &'a Connection,
    tail: &'a Tail,
}

impl<'a> Postings<'a> {
    pub(crate) fn new(connection: &'a Connection, tail: &'a Tail) -> Self {
        Self { connection, tail }
    }

    /// Shows each topic that has messages in `ids`, which must be within one segment, and how many; some topics more than
    /// once.
    pub(crate) fn each_topic(&self, ids: &RangeInclusive<i64>, mut show: impl FnMut(i64, u64)) -> rusqlite::Result<()> {
        let in_tail = self.tail.look(ids, |entries| {
            entries.iter().filter(|entry| !entry.is_missing()).for_each(|entry| show(entry.topic, 1));
        });
        if in_tail.is_some() {
            return Ok(());
        }
        let segment = segment_of(*ids.start());
        let mut select =
            self.connection.prepare_cached("SELECT topic_id, ids FROM topic_posting WHERE segment = ?1")?;
        let mut rows = select.query([segment])?;
        while let Some(row) = rows.next()? {
            let list = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let listed = decode(list).filter(|offset| ids.contains(&(segment * SEGMENT + offset)));
            show(row.get(0)?, listed.count() as u64);
        }
        Ok(())
    }

    /// Appends the ids of an owner's messages that lie in `ids`, which must be within one segment; ascending.
    pub(crate) fn collect(&self, owner: Owner, ids: &RangeInclusive<i64>, out: &mut Vec<i64>) -> rusqlite::Result<()> {
        let in_tail = self.tail.look(ids, |entries| {
            out.extend((*ids.start()..).zip(entries).filter(|(_, entry)| entry.is_of(owner)).map(|(id, _)| id));
        });
        if in_tail.is_some() {
            return Ok(());
        }
        let segment = segment_of(*ids.start());
        let (sql, owner) = match owner {
            Owner::Topic(topic) => ("SELECT ids FROM topic_posting WHERE segment = ?1 AND topic_id = ?2", topic),
            Owner::Client(client) => ("SELECT ids FROM client_posting WHERE segment = ?1 AND client_id = ?2", client),
        };
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query((segment, owner))?;
        if let Some(row) = rows.next()? {
            let list = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            out.extend(decode(list).map(|offset| segment * SEGMENT + offset).filter(|id| ids.contains(id)));
        }
        Ok(())
    }

    /// The ids of the messages of many topics, as [`Self::collect`] does for one; in the order of ids.
    pub(crate) fn collect_topics(
        &self,
        topics: &TopicSet<'_>,
        ids: &RangeInclusive<i64>,
        out: &mut Vec<i64>,
    ) -> rusqlite::Result<()> {
        let in_tail = self.tail.look(ids, |entries| {
            out.extend(
                (*ids.start()..).zip(entries).filter(|(_, entry)| topics.contains(entry.topic)).map(|(id, _)| id),
            );
        });
        if in_tail.is_some() {
            return Ok(());
        }
        let segment = segment_of(*ids.start());
        let listed: Option<usize> = self
            .connection
            .prepare_cached("SELECT topics FROM segment WHERE number = ?1")?
            .query_row([segment], |row| row.get(0))
            .optional()?;
        let Some(listed) = listed else { return Ok(()) };
        // A list that is looked up costs several times one that is passed by.
        if topics.sorted.len() * 8 < listed {
            for &topic in topics.sorted {
                self.collect(Owner::Topic(topic), ids, out)?;
            }
        } else {
            let mut select =
                self.connection.prepare_cached("SELECT topic_id, ids FROM topic_posting WHERE segment = ?1")?;
            let mut rows = select.query([segment])?;
            while let Some(row) = rows.next()? {
                if topics.contains(row.get(0)?) {
                    let list = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                    out.extend(decode(list).map(|offset| segment * SEGMENT + offset).filter(|id| ids.contains(id)));
                }
            }
        }
        out.sort_unstable();
        Ok(())
    }

    /// The newest of an owner's messages in a range, newest first.
    pub(crate) fn newest(&self, owner: Owner, ids: RangeInclusive<i64>, limit: usize) -> rusqlite::Result<Vec<i64>> {
        let mut newest = Vec::new();
        let mut part = Vec::new();
        for ids in segments(&ids).rev() {
            if newest.len() >= limit {
                break;
            }
            part.clear();
            self.collect(owner, &ids, &mut part)?;
            newest.extend(part.iter().rev().take(limit - newest.len()));
        }
        Ok(newest)
    }

    /// How many messages of an owner there are in a range.
    pub(crate) fn count(&self, owner: Owner, ids: RangeInclusive<i64>) -> rusqlite::Result<u64> {
        let mut count = 0;
        let mut part = Vec::new();
        for ids in segments(&ids) {
            let is_whole = ids.end() - ids.start() == SEGMENT - 1;
            if is_whole && let Some(listed) = self.listed(owner, &ids)? {
                count += listed;
                continue;
            }
            part.clear();
            self.collect(owner, &ids, &mut part)?;
            count += part.len() as u64;
        }
        Ok(count)
    }

    /// What the tables say of a whole segment; `None` where it is not sealed.
    fn listed(&self, owner: Owner, ids: &RangeInclusive<i64>) -> rusqlite::Result<Option<u64>> {
        if self.tail.start() <= *ids.start() {
            return Ok(None);
        }
        let (sql, owner) = match owner {
            Owner::Topic(topic) => ("SELECT messages FROM topic_posting WHERE segment = ?1 AND topic_id = ?2", topic),
            Owner::Client(client) => {
                ("SELECT messages FROM client_posting WHERE segment = ?1 AND client_id = ?2", client)
            }
        };
        let mut select = self.connection.prepare_cached(sql)?;
        let listed = select.query_row((segment_of(*ids.start()), owner), |row| row.get(0)).optional()?;
        Ok(Some(listed.unwrap_or(0)))
    }

    /// Whether all ids of a range, which must be within one segment, have their message. A part of a sealed segment
    /// counts as dense only where the whole is.
    pub(crate) fn is_dense(&self, ids: &RangeInclusive<i64>) -> rusqlite::Result<bool> {
        if let Some(dense) = self.tail.look(ids, |entries| entries.iter().all(|entry| !entry.is_missing())) {
            return Ok(dense);
        }
        let segment = segment_of(*ids.start());
        let messages: Option<i64> = self
            .connection
            .prepare_cached("SELECT messages FROM segment WHERE number = ?1")?
            .query_row([segment], |row| row.get(0))
            .optional()?;
        // There is no message 0.
        let expected = if segment == 0 { SEGMENT - 1 } else { SEGMENT };
        Ok(messages == Some(expected))
    }
}

/// Several topics, by their numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicSet<'a> {
    sorted: &'a [i64],
}

impl<'a> TopicSet<'a> {
    /// They must ascend.
    pub(crate) fn new(sorted: &'a [i64]) -> Self {
        Self { sorted }
    }

    pub(crate) fn contains(&self, topic: i64) -> bool {
        self.sorted.binary_search(&topic).is_ok()
    }
}
