//! From times to messages. Clocks are set back, so that times need not ascend with ids; but for each block of 4,096
//! messages the earliest and the latest time are on record.

use std::ops::RangeInclusive;

use nightjar_broker::Timestamp;
use rusqlite::Connection;

use crate::schema::BLOCK;

/// A stretch of ids that a time range may have messages in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) ids: RangeInclusive<i64>,
    /// All of them are in the time range.
    pub(super) whole: bool,
}

impl Stretch {
    /// Ids in it.
    pub(super) fn len(&self) -> u64 {
        self.ids.end().abs_diff(*self.ids.start()) + 1
    }
}

/// Bounds of time, each included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TimeRange {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl TimeRange {
    pub(super) fn is_everything(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// As microseconds, for SQL.
    pub(super) fn micros(self) -> (i64, i64) {
        (self.from.map_or(i64::MIN, Timestamp::micros), self.to.map_or(i64::MAX, Timestamp::micros))
    }
}

/// The stretches of `first..=last` that may have messages of the time range, newest first. What is outside of them
/// has none.
pub(super) fn stretches(
    connection: &Connection,
    range: TimeRange,
    first: i64,
    last: i64,
) -> rusqlite::Result<Vec<Stretch>> {
    if last < first {
        return Ok(Vec::new());
    }
    if range.is_everything() {
        return Ok(vec![Stretch { ids: first..=last, whole: true }]);
    }
    let (from, to) = range.micros();
    let mut stretches = Stretches { bounds: first..=last, found: Vec::new() };
    let mut select = connection.prepare_cached(
        "SELECT number, earliest_us, latest_us FROM block WHERE number BETWEEN ?1 AND ?2 ORDER BY number DESC",
    )?;
    let mut rows = select.query((first / BLOCK, last / BLOCK))?;
    // Messages of the newest block are not summed up before it is full.
    let mut unknown_to = last;
    while let Some(row) = rows.next()? {
        let (number, earliest, latest): (i64, i64, i64) = row.try_into()?;
        let start = number * BLOCK;
        let end = start + BLOCK - 1;
        if unknown_to > end {
            stretches.add(end + 1, unknown_to, false);
        }
        if earliest <= to && latest >= from {
            stretches.add(start, end, from <= earliest && latest <= to);
        }
        unknown_to = start - 1;
    }
    if unknown_to >= first {
        stretches.add(first, unknown_to, false);
    }
    Ok(stretches.found)
}

struct Stretches {
    bounds: RangeInclusive<i64>,
    found: Vec<Stretch>,
}

impl Stretches {
    /// Adds a stretch below those that are there, and joins it to the last where it can.
    fn add(&mut self, start: i64, end: i64, whole: bool) {
        let start = start.max(*self.bounds.start());
        let end = end.min(*self.bounds.end());
        if start > end {
            return;
        }
        match self.found.last_mut() {
            Some(last) if last.whole == whole && *last.ids.start() == end + 1 => last.ids = start..=*last.ids.end(),
            _ => self.found.push(Stretch { ids: start..=end, whole }),
        }
    }
}
