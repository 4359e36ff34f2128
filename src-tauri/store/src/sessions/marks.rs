//! Remembers where the entries of a long queue are, so that whoever jumps about in it does not wait until all of the
//! entries before are counted each time.

use std::ops::Range;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};

/// Entries from one mark to the next: that many are counted in a few milliseconds.
const STRIDE: usize = if cfg!(test) { 16 } else { 16_384 };
/// How long marks are believed. Messages leave a queue at its front, which moves no mark; those that are purged from its
/// midst, or expire there, do.
const LIFETIME: Duration = Duration::from_secs(30);

/// The marks of the queue that was looked into last.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<Option<Marked>>);

#[derive(Debug)]
struct Marked {
    session: i64,
    since: Instant,
    /// The order from which on there are marks.
    from: i64,
    /// The order of each [`STRIDE`]th entry; never empty.
    orders: Vec<i64>,
}

impl Marks {
    /// The order of the entry that has `before` entries before it, among those of a session's queue of which nothing is
    /// being swept; `None` where there are no more.
    pub(super) fn order_at(
        &self,
        connection: &Connection,
        session: i64,
        orders: &Range<i64>,
        before: usize,
    ) -> rusqlite::Result<Option<i64>> {
        if before < STRIDE {
            return after(connection, session, orders, before);
        }
        let mut marked = self.0.lock();
        if !marked.as_ref().is_some_and(|marked| marked.serves(session, orders.start)) {
            let Some(first) = after(connection, session, orders, 0)? else { return Ok(None) };
            *marked = Some(Marked { session, since: Instant::now(), from: orders.start, orders: vec![first] });
        }
        let Some(marked) = &mut *marked else { return Ok(None) };
        // Only marks from `orders.start` on are counted from: before them, entries may have left the queue.
        let first = marked.orders.partition_point(|&mark| mark < orders.start);
        let until_first = count(connection, session, &(orders.start..marked.orders[first]))?;
        let Some(beyond) = before.checked_sub(until_first) else {
            return after(connection, session, orders, before);
        };
        let wanted = first + beyond / STRIDE;
        while marked.orders.len() <= wanted {
            let last = marked.orders[marked.orders.len() - 1];
            // The marks serve the next look, too, which may go beyond the end of this one.
            let Some(next) = after(connection, session, &(last..i64::MAX), STRIDE)? else { break };
            marked.orders.push(next);
        }
        let mark = wanted.min(marked.orders.len() - 1);
        after(connection, session, &(marked.orders[mark]..orders.end), beyond - (mark - first) * STRIDE)
    }

    /// Forgets what it knows: entries are being taken out of the midst of a queue.
    pub(super) fn forget(&self, session: i64) {
        self.0.lock().take_if(|marked| marked.session == session);
    }
}

impl Marked {
    /// Whether it has a mark to count from for entries from that order on.
    fn serves(&self, session: i64, from: i64) -> bool {
        self.session == session
            && self.from <= from
            && self.orders.last().is_some_and(|&last| last >= from)
            && self.since.elapsed() < LIFETIME
    }
}

/// The order of the entry that comes so many after the first of these.
pub(super) fn after(
    connection: &Connection,
    session: i64,
    orders: &Range<i64>,
    entries: usize,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT number FROM queue WHERE session = ?1 AND number >= ?2 AND number < ?3
             ORDER BY number LIMIT 1 OFFSET ?4",
        )?
        .query_row((session, orders.start, orders.end, entries as i64), |row| row.get(0))
        .optional()
}

pub(super) fn count(connection: &Connection, session: i64, orders: &Range<i64>) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("SELECT count(*) FROM queue WHERE session = ?1 AND number >= ?2 AND number < ?3")?
        .query_row((session, orders.start, orders.end), |row| row.get::<_, i64>(0))
        .map(|count| count as usize)
}
