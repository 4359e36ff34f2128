//! Fills the tree with what the history knows, beside whatever happens meanwhile.

use rusqlite::{Connection, Row};

use super::tree::Recorded;
use crate::history::beginning;
use crate::store::Shared;
use nightjar_broker::Timestamp;

/// Topics that are read before the tree is locked to take them in.
const CHUNK: usize = 1_000;
/// Payloads up to this size are read as a whole, so that the next message can be told to be different.
const WHOLE: usize = 4_096;

/// A view of the history as it is now, whatever the writer does later.
pub(crate) fn view(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    connection.query_row("SELECT count(*) FROM meta", (), |_| Ok(()))
}

/// Reads the topics of the [`view`]; stops when the journal is closed.
pub(crate) fn fill(shared: &Shared, connection: &Connection) -> rusqlite::Result<()> {
    // What is not counted is next to nothing, but where the disk was full when the journal was opened.
    let mut select = connection.prepare(
        "WITH fresh AS (
             SELECT topic_id, count(*) AS messages, max(id) AS last_message FROM message
             WHERE id > coalesce((SELECT value FROM meta WHERE name = 'counted_through'), 0) GROUP BY topic_id
         )
         SELECT topic.name, topic.messages + coalesce(fresh.messages, 0), message.time_us, length(payload),
                CASE WHEN length(payload) <= ?1 THEN payload END, message.id,
                EXISTS (SELECT 1 FROM retained WHERE retained.topic_id = topic.id)
         FROM topic LEFT JOIN fresh ON fresh.topic_id = topic.id
         JOIN message ON message.id = coalesce(fresh.last_message, topic.last_message)",
    )?;
    let mut rows = select.query([WHOLE])?;
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(row) = rows.next()? {
        chunk.push(read(connection, row)?);
        if chunk.len() == CHUNK {
            shared.topics.recall(chunk.drain(..));
            if shared.queue.is_closed() {
                return Ok(());
            }
        }
    }
    shared.topics.recall(chunk.drain(..));
    Ok(())
}

fn read(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Recorded> {
    Ok(Recorded {
        name: row.get(0)?,
        messages: row.get(1)?,
        last_at: Timestamp::from_micros(row.get(2)?),
        size: row.get(3)?,
        payload: match row.get(4)? {
            Some(payload) => payload,
            None => beginning(connection, row.get(5)?, WHOLE)?.to_vec(),
        },
        retained: row.get(6)?,
    })
}
