use nightjar_broker::Timestamp;

use crate::{ReadError, Store};

/// A time of which the history does not have all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Messages of QoS 0 that are missing.
    pub messages: u64,
    pub events: u64,
    /// Words that go on from "because".
    pub reason: String,
}

impl Store {
    /// The gaps that reach into a time, newest first.
    pub fn gaps(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Vec<Gap>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let mut select = reader.prepare_cached(
            "SELECT from_us, to_us, messages, events, reason FROM gap WHERE to_us >= ?1 AND from_us <= ?2 ORDER BY id DESC",
        )?;
        let bounds = (from.map_or(i64::MIN, Timestamp::micros), to.map_or(i64::MAX, Timestamp::micros));
        let gaps = select.query_map(bounds, |row| {
            Ok(Gap {
                from: Timestamp::from_micros(row.get(0)?),
                to: Timestamp::from_micros(row.get(1)?),
                messages: row.get(2)?,
                events: row.get(3)?,
                reason: row.get(4)?,
            })
        })?;
        Ok(gaps.collect::<rusqlite::Result<_>>()?)
    }
}
