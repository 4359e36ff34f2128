//! Takes what was let go of out of the queues. A queue may have a million entries, more than one transaction should
//! delete while others wait: so what the batch itself does not manage is written down as a *sweep*, and the writer carries
//! it out between two batches, in steps. A sweep is as good as done from the moment it is committed: nobody is given what
//! lies in it, and a start goes on where the last run stopped.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension};

/// Entries that are deleted at once.
pub(crate) const STEP: usize = 2_000;

/// Orders of a session's queue, all of which go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Swept {
    pub(super) session: i64,
    pub(super) orders: Range<i64>,
}

impl Swept {
    /// Deletes its entries at once as far as `budget` goes, which it lowers; what is left is written down. Whether
    /// something is.
    pub(super) fn begin(mut self, connection: &Connection, budget: &mut usize) -> rusqlite::Result<bool> {
        let deleted = self.delete(connection, *budget)?;
        *budget -= deleted;
        if self.orders.is_empty() {
            return Ok(false);
        }
        connection
            .prepare_cached("INSERT INTO sweep (session, from_order, to_order) VALUES (?1, ?2, ?3)")?
            .execute((self.session, self.orders.start, self.orders.end))?;
        Ok(true)
    }

    /// Deletes entries from the front, at most so many, and what only they needed. What is left of the orders is what may
    /// still have entries. Returns how many were deleted.
    fn delete(&mut self, connection: &Connection, most: usize) -> rusqlite::Result<usize> {
        let Self { session, orders } = self;
        let mut entries: Vec<(i64, i64)> = connection
            .prepare_cached(
                "SELECT number, message_id FROM queue WHERE session = ?1 AND number >= ?2 AND number < ?3
                 ORDER BY number LIMIT ?4",
            )?
            // One more tells whether that was all.
            .query_map((*session, orders.start, orders.end, most as i64 + 1), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let next = if entries.len() > most { entries.pop().map(|(number, _)| number) } else { None };
        let end = next.unwrap_or(orders.end);
        connection
            .prepare_cached("DELETE FROM queue WHERE session = ?1 AND number >= ?2 AND number < ?3")?
            .execute((*session, orders.start, end))?;
        let mut let_go = connection.prepare_cached(
            "DELETE FROM waiting WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM queue WHERE message_id = ?1)",
        )?;
        for (_, message) in &entries {
            let_go.execute([message])?;
        }
        orders.start = end;
        Ok(entries.len())
    }
}

/// Whether something is left to be swept.
pub(super) fn is_due(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sweep)", (), |row| row.get(0))
}

/// Carries a step out. Returns how many entries it deleted.
pub(super) fn step(connection: &Connection) -> rusqlite::Result<usize> {
    let found = connection
        .prepare_cached("SELECT id, session, from_order, to_order FROM sweep ORDER BY id LIMIT 1")?
        .query_row((), |row| {
            Ok((row.get::<_, i64>(0)?, Swept { session: row.get(1)?, orders: row.get(2)?..row.get(3)? }))
        })
        .optional()?;
    let Some((id, mut swept)) = found else { return Ok(0) };
    let deleted = swept.delete(connection, STEP)?;
    if swept.orders.is_empty() {
        connection.prepare_cached("DELETE FROM sweep WHERE id = ?1")?.execute([id])?;
    } else {
        connection
            .prepare_cached("UPDATE sweep SET from_order = ?2 WHERE id = ?1")?
            .execute((id, swept.orders.start))?;
    }
    Ok(deleted)
}

/// What of these orders of a session's queue is not being swept, in order.
pub(super) fn unswept(connection: &Connection, session: i64, orders: Range<i64>) -> rusqlite::Result<Vec<Range<i64>>> {
    let mut select = connection.prepare_cached(
        "SELECT from_order, to_order FROM sweep WHERE session = ?1 AND from_order < ?3 AND to_order > ?2
         ORDER BY from_order",
    )?;
    let mut swept = select.query((session, orders.start, orders.end))?;
    let mut left = Vec::new();
    let mut from = orders.start;
    while let Some(row) = swept.next()? {
        let (first, end): (i64, i64) = row.try_into()?;
        if first > from {
            left.push(from..first);
        }
        from = from.max(end);
    }
    if from < orders.end {
        left.push(from..orders.end);
    }
    Ok(left)
}
