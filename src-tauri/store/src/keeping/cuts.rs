//! Where bounds cut the history: the newest message beyond each.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use crate::moment;
use crate::postings::{Owner, segments};
use crate::schema::BLOCK;
use crate::store::Shared;

/// The last message of the oldest that are all older than that; what is older but came after younger ones, because
/// the clock was set, stays with them.
pub(super) fn older_than(shared: &Shared, reader: &Connection, age: Duration) -> rusqlite::Result<i64> {
    let cut = cut(age);
    let (first, last) = shared.extent();
    let mut through = first - 1;
    let mut select = reader.prepare_cached("SELECT number, latest_us FROM block WHERE number >= ?1 ORDER BY number")?;
    let mut rows = select.query([first.div_euclid(BLOCK)])?;
    while let Some(row) = rows.next()? {
        let (number, latest): (i64, i64) = row.try_into()?;
        if latest >= cut {
            break;
        }
        through = number * BLOCK + BLOCK - 1;
    }
    // Within the block that is not old as a whole, one by one.
    let mut select = reader
        .prepare_cached("SELECT id FROM message WHERE id > ?1 AND id <= ?2 AND time_us >= ?3 ORDER BY id LIMIT 1")?;
    let end = last.min(through + BLOCK);
    let young: Option<i64> = select.query_row((through, end, cut), |row| row.get(0)).optional()?;
    Ok(young.map_or(end, |young| young - 1))
}

/// The newest message of the topics at which they have more bytes than that, counted from the newest on; 0 where they
/// have no more. `None` where that can't be said until then.
pub(super) fn beyond_bytes(
    shared: &Shared,
    topics: &[i64],
    bytes: u64,
    until: Option<Instant>,
) -> rusqlite::Result<Option<i64>> {
    let (first, last) = shared.extent();
    let reader = shared.readers.reader()?;
    let mut select = reader.prepare_cached("SELECT length(payload) FROM message WHERE id = ?1")?;
    let mut sum = 0;
    let mut ids = Vec::new();
    for window in segments(&(first..=last)).rev() {
        ids.clear();
        for &topic in topics {
            shared.postings(&reader).collect(Owner::Topic(topic), &window, &mut ids)?;
        }
        ids.sort_unstable();
        for (count, &id) in ids.iter().rev().enumerate() {
            if count % 256 == 0 && until.is_some_and(|until| Instant::now() > until) {
                return Ok(None);
            }
            sum += select.query_row([id], |row| row.get::<_, u64>(0)).optional()?.unwrap_or(0);
            if sum > bytes {
                return Ok(Some(id));
            }
        }
    }
    Ok(Some(0))
}

/// The moment that long ago, in microseconds.
pub(super) fn cut(age: Duration) -> i64 {
    moment::now().micros().saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}

/// Bytes in use, and free pages.
pub(super) fn pages(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let pragma =
        |name: &str| -> rusqlite::Result<u64> { connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get(0)) };
    let free = pragma("freelist_count")?;
    Ok(((pragma("page_count")? - free) * pragma("page_size")?, free))
}
