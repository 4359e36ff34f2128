//! How the messages that a search found spread over time.

use nightjar_broker::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::search::SearchHandle;
use crate::ReadError;
use crate::schema::BLOCK;

/// Messages up to which each one's time is read; beyond, times are taken to be even within a block of 4,096 messages.
const READ_ONE_BY_ONE: u64 = 10_000;

impl SearchHandle {
    /// The earliest and the latest time of what was found so far, to the block of 4,096 messages; `None` for nothing.
    pub fn time_span(&self) -> Result<Option<(Timestamp, Timestamp)>, ReadError> {
        let Some(extent) = self.found_extent() else { return Ok(None) };
        let reader = self.shared.readers.reader()?;
        let mut span: Option<(i64, i64)> = None;
        for number in extent.start().div_euclid(BLOCK)..=extent.end().div_euclid(BLOCK) {
            if let Some(block) = times_of(&reader, number)? {
                let (earliest, latest) = span.unwrap_or(block);
                span = Some((earliest.min(block.0), latest.max(block.1)));
            }
        }
        Ok(span.map(|(earliest, latest)| (Timestamp::from_micros(earliest), Timestamp::from_micros(latest))))
    }

    /// Messages found so far in each of `slots` equal parts of the time from `from` to `to`, `to` excluded; the oldest
    /// first. Exact for a few thousand messages; of more, those of the same block of 4,096 are spread evenly.
    pub fn histogram(&self, from: Timestamp, to: Timestamp, slots: usize) -> Result<Vec<u64>, ReadError> {
        let mut slots = Slots { from: from.micros(), to: to.micros(), counts: vec![0; slots] };
        if slots.counts.is_empty() || slots.to <= slots.from {
            return Ok(slots.counts);
        }
        let reader = self.shared.readers.reader()?;
        let is_few = self.progress().found <= READ_ONE_BY_ONE;
        let mut select = reader.prepare_cached("SELECT time_us FROM message WHERE id = ?1")?;
        let mut block = None;
        let mut result = Ok(());
        self.each_found(|id| {
            if result.is_err() {
                return;
            }
            result = (|| {
                if is_few {
                    if let Some(time) = select.query_row([id], |row| row.get(0)).optional()? {
                        slots.add(time);
                    }
                    return Ok(());
                }
                let number = id.div_euclid(BLOCK);
                if block.is_none_or(|(known, _)| known != number) {
                    block = Some((number, times_of(&reader, number)?));
                }
                if let Some((_, Some((earliest, latest)))) = block {
                    let share = (id.rem_euclid(BLOCK)) as f64 / BLOCK as f64;
                    slots.add(earliest + ((latest - earliest) as f64 * share) as i64);
                }
                Ok::<_, rusqlite::Error>(())
            })();
        });
        result?;
        Ok(slots.counts)
    }
}

struct Slots {
    from: i64,
    to: i64,
    counts: Vec<u64>,
}

impl Slots {
    fn add(&mut self, time: i64) {
        if (self.from..self.to).contains(&time) {
            let slot = i128::from(time - self.from) * self.counts.len() as i128 / i128::from(self.to - self.from);
            self.counts[slot as usize] += 1;
        }
    }
}

/// The earliest and the latest time of a block; of the newest one, as far as it goes.
fn times_of(connection: &Connection, number: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    let known = connection
        .prepare_cached("SELECT earliest_us, latest_us FROM block WHERE number = ?1")?
        .query_row([number], |row| row.try_into())
        .optional()?;
    match known {
        Some(known) => Ok(Some(known)),
        None => connection
            .prepare_cached("SELECT min(time_us), max(time_us) FROM message WHERE id BETWEEN ?1 AND ?2")?
            .query_row([number * BLOCK, number * BLOCK + BLOCK - 1], |row| {
                Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
            }),
    }
}
