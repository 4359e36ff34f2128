//! What the window shows of one topic: its messages, how they spread over time, and a series of its payloads.

use std::ops::RangeInclusive;

use nightjar_broker::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::blocks::{TimeRange, stretches};
use super::message::{MessageId, StoredMessage, by_id, read, read_with_row};
use crate::postings::{Owner, segments};
use crate::{ReadError, Store};

/// Messages up to which a histogram looks at each; beyond, it finds where its slots begin and counts ids.
const COUNTED_ONE_BY_ONE: u64 = 20_000;
/// Messages of a series that are considered; beyond, the oldest are left out.
const CONSIDERED: usize = 200_000;
/// Payloads longer than this are no numbers that a chart could show.
const LONGEST_VALUE: i64 = 64 << 10;

/// The newest messages of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicMessages {
    /// Newest first.
    pub rows: Vec<StoredMessage>,
    /// Messages that are newer than those asked for, and older than `rows`.
    pub skipped: u64,
}

impl Store {
    /// The newest messages of a topic, at most `limit`; with `after` only those that came after it. Each with at most
    /// `payload_limit` bytes of its payload.
    pub fn messages_of_topic(
        &self,
        topic: &str,
        after: Option<MessageId>,
        limit: usize,
        payload_limit: usize,
    ) -> Result<TopicMessages, ReadError> {
        let reader = self.shared.readers.reader()?;
        let Some(topic) = topic_id(&reader, topic)? else {
            return Ok(TopicMessages::default());
        };
        let (oldest, newest) = self.shared.extent();
        let first = after.map_or(0, |after| after.row().saturating_add(1)).max(oldest);
        let postings = self.shared.postings(&reader);
        let ids = postings.newest(Owner::Topic(topic), first..=newest, limit)?;
        let mut select = by_id(&reader)?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in &ids {
            let found = select.query_row((read_with_row(payload_limit), id), |row| read(&reader, row, payload_limit));
            rows.extend(found.optional()?.flatten());
        }
        let skipped = match (after, ids.last()) {
            (Some(_), Some(oldest)) if ids.len() == limit => {
                postings.count(Owner::Topic(topic), first..=oldest.saturating_sub(1))?
            }
            _ => 0,
        };
        Ok(TopicMessages { rows, skipped })
    }

    /// How many messages the history has of a topic.
    pub fn count_of_topic(&self, topic: &str) -> Result<u64, ReadError> {
        let reader = self.shared.readers.reader()?;
        match topic_id(&reader, topic)? {
            None => Ok(0),
            Some(topic) => {
                let (first, last) = self.shared.extent();
                Ok(self.shared.postings(&reader).count(Owner::Topic(topic), first..=last)?)
            }
        }
    }

    /// Messages of a topic in each of `slots` equal parts of the time from `from` to `to`, `to` excluded; the oldest
    /// first. Where there are many messages, times are taken to ascend.
    pub fn topic_histogram(
        &self,
        topic: &str,
        from: Timestamp,
        to: Timestamp,
        slots: usize,
    ) -> Result<Vec<u32>, ReadError> {
        let mut histogram = vec![0_u32; slots];
        let length = to.micros().saturating_sub(from.micros());
        if slots == 0 || length <= 0 {
            return Ok(histogram);
        }
        let reader = self.shared.readers.reader()?;
        let Some(topic) = topic_id(&reader, topic)? else {
            return Ok(histogram);
        };
        let Some(ids) = self.span(&reader, from, to)? else {
            return Ok(histogram);
        };
        let postings = self.shared.postings(&reader);
        let is_few = postings.count(Owner::Topic(topic), ids.clone())? <= COUNTED_ONE_BY_ONE;
        let mut found = Vec::new();
        if is_few {
            for part in segments(&ids) {
                postings.collect(Owner::Topic(topic), &part, &mut found)?;
            }
            let mut select = reader.prepare_cached("SELECT time_us FROM message WHERE id = ?1")?;
            for id in found {
                let Some(time) = select.query_row([id], |row| row.get::<_, i64>(0)).optional()? else { continue };
                let since = time - from.micros();
                if (0..length).contains(&since) {
                    let slot = i128::from(since) * slots as i128 / i128::from(length);
                    histogram[slot as usize] += 1;
                }
            }
            return Ok(histogram);
        }
        let bound = |slot: usize| from.micros() + (i128::from(length) * slot as i128 / slots as i128) as i64;
        let mut ends = Vec::with_capacity(slots);
        let mut start = first_at(&reader, &ids, from.micros())?;
        let first = start;
        for slot in 0..slots {
            start = first_at(&reader, &(start..=*ids.end()), bound(slot + 1))?;
            ends.push(start);
        }
        let mut slot = 0;
        for part in segments(&(first..=start - 1)) {
            found.clear();
            postings.collect(Owner::Topic(topic), &part, &mut found)?;
            for &id in &found {
                while ends[slot] <= id {
                    slot += 1;
                }
                histogram[slot] = histogram[slot].saturating_add(1);
            }
        }
        Ok(histogram)
    }

    /// Times and payloads of a topic's messages since `from`, oldest first: at most `limit`, evenly chosen where there
    /// are more, the newest among them. Long payloads are left out.
    pub fn topic_payloads(
        &self,
        topic: &str,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, Vec<u8>)>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let Some(topic) = topic_id(&reader, topic)? else {
            return Ok(Vec::new());
        };
        let Some(ids) = self.span(&reader, from, Timestamp::from_micros(i64::MAX))? else {
            return Ok(Vec::new());
        };
        // Where there are many messages, times are taken to ascend; a look at each would take too long.
        let postings = self.shared.postings(&reader);
        let owner = Owner::Topic(topic);
        let is_few = postings.count(owner, ids.clone())? <= COUNTED_ONE_BY_ONE;
        let first = if is_few { *ids.start() } else { first_at(&reader, &ids, from.micros())? };
        let mut newest_first = postings.newest(owner, first..=*ids.end(), CONSIDERED)?;
        if is_few {
            let mut select = reader.prepare_cached("SELECT 1 FROM message WHERE id = ?1 AND time_us >= ?2")?;
            let mut kept = Vec::with_capacity(newest_first.len());
            for id in newest_first {
                if select.exists((id, from.micros()))? {
                    kept.push(id);
                }
            }
            newest_first = kept;
        }
        let step = newest_first.len().div_ceil(limit.max(1)).max(1);
        let mut select = reader.prepare_cached(
            "SELECT time_us, payload FROM message WHERE id = ?1 AND time_us >= ?2 AND length(payload) <= ?3",
        )?;
        let mut payloads = Vec::new();
        for id in newest_first.into_iter().step_by(step).take(limit) {
            let found = select.query_row((id, from.micros(), LONGEST_VALUE), |row| {
                Ok((Timestamp::from_micros(row.get(0)?), row.get(1)?))
            });
            payloads.extend(found.optional()?);
        }
        payloads.reverse();
        Ok(payloads)
    }

    /// The ids between which all messages of that time are.
    fn span(
        &self,
        connection: &Connection,
        from: Timestamp,
        to: Timestamp,
    ) -> rusqlite::Result<Option<RangeInclusive<i64>>> {
        let (first, last) = self.shared.extent();
        let range = TimeRange { from: Some(from), to: Some(to) };
        let found = stretches(connection, range, first, last)?;
        Ok(found.last().zip(found.first()).map(|(oldest, newest)| *oldest.ids.start()..=*newest.ids.end()))
    }
}

pub(super) fn topic_id(connection: &Connection, topic: &str) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached("SELECT id FROM topic WHERE name = ?1")?.query_row([topic], |row| row.get(0)).optional()
}

/// The first of the ids whose message is not before the time, in as many steps as the number of ids has bits; the end
/// where there is none.
fn first_at(connection: &Connection, ids: &RangeInclusive<i64>, time: i64) -> rusqlite::Result<i64> {
    let mut select = connection.prepare_cached("SELECT time_us FROM message WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    let (mut low, mut high) = (*ids.start(), ids.end().saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<i64> = select.query_row([middle], |row| row.get(0)).optional()?;
        if found.is_some_and(|found| found < time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
