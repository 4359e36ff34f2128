//! Deletes messages, and what else speaks of them, within a transaction. What a topic retains, or a queue
//! needs, is held beside the history.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension};

use crate::postings::{Owner, remove_from_list, segment_of};
use crate::schema::BLOCK;

/// The topics that lost messages: name, and how many.
pub(crate) type Lost = Vec<(String, u64)>;

const HOLD: &str = "
    INSERT OR REPLACE INTO held SELECT * FROM message
    WHERE retain AND id BETWEEN ?1 AND ?2
          AND EXISTS (SELECT 1 FROM retained WHERE retained.topic_id = message.topic_id AND message_id = message.id)";

const KEEP_WAITING: &str = "
    INSERT OR IGNORE INTO waiting SELECT * FROM message
    WHERE id IN (SELECT message_id FROM queue WHERE message_id BETWEEN ?1 AND ?2)";

/// Deletes the messages up to and with that id, all of which must be counted.
pub(crate) fn forget_through(transaction: &Connection, through: i64) -> rusqlite::Result<Lost> {
    let lost = {
        let mut select =
            transaction.prepare_cached("SELECT topic_id, count(*) FROM message WHERE id <= ?1 GROUP BY topic_id")?;
        let rows = select.query_map([through], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<BTreeMap<i64, u64>>>()?
    };
    transaction.prepare_cached(HOLD)?.execute((0, through))?;
    transaction.prepare_cached(KEEP_WAITING)?.execute((0, through))?;
    transaction.prepare_cached("DELETE FROM message WHERE id <= ?1")?.execute([through])?;
    let left = through + 1;
    for (of, first) in [
        ("block WHERE number", left.div_euclid(BLOCK)),
        ("segment WHERE number", segment_of(left)),
        ("topic_posting WHERE segment", segment_of(left)),
        ("client_posting WHERE segment", segment_of(left)),
    ] {
        transaction.prepare_cached(&format!("DELETE FROM {of} < ?1"))?.execute([first])?;
    }
    count_down(transaction, &lost)
}

/// Deletes these messages of one segment, all of which must be counted; the lists of a segment that is sealed no longer
/// have them.
pub(crate) fn forget(transaction: &Connection, ids: &[i64]) -> rusqlite::Result<Lost> {
    let Some(&first) = ids.first() else { return Ok(Lost::new()) };
    let mut topics: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut clients: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut deleted = 0;
    {
        let mut select = transaction.prepare_cached("SELECT topic_id, client_id, retain FROM message WHERE id = ?1")?;
        let mut hold = transaction.prepare_cached(HOLD)?;
        let mut keep_waiting = transaction.prepare_cached(KEEP_WAITING)?;
        let mut delete = transaction.prepare_cached("DELETE FROM message WHERE id = ?1")?;
        for &id in ids {
            let row = select.query_row([id], |row| <(i64, i64, bool)>::try_from(row)).optional()?;
            let Some((topic, client, retain)) = row else { continue };
            if retain {
                hold.execute((id, id))?;
            }
            keep_waiting.execute((id, id))?;
            delete.execute([id])?;
            topics.entry(topic).or_default().push(id);
            clients.entry(client).or_default().push(id);
            deleted += 1;
        }
    }
    let segment = segment_of(first);
    let is_sealed = transaction
        .prepare_cached("UPDATE segment SET messages = messages - ?2 WHERE number = ?1")?
        .execute((segment, deleted))?
        > 0;
    if is_sealed {
        for (&topic, ids) in &topics {
            remove_from_list(transaction, segment, Owner::Topic(topic), ids)?;
        }
        for (&client, ids) in &clients {
            remove_from_list(transaction, segment, Owner::Client(client), ids)?;
        }
    }
    count_down(transaction, &topics.into_iter().map(|(topic, ids)| (topic, ids.len() as u64)).collect())
}

fn count_down(transaction: &Connection, lost: &BTreeMap<i64, u64>) -> rusqlite::Result<Lost> {
    let mut update =
        transaction.prepare_cached("UPDATE topic SET messages = messages - ?2 WHERE id = ?1 RETURNING name")?;
    lost.iter().map(|(&topic, &count)| Ok((update.query_row((topic, count), |row| row.get(0))?, count))).collect()
}

/// Deletes the events up to and with that id.
pub(crate) fn forget_events(connection: &Connection, through: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM event WHERE id <= ?1")?.execute([through])?;
    Ok(())
}

/// The ids of a range, in pieces that the writer deletes at once.
pub(crate) fn steps(ids: &RangeInclusive<i64>, step: i64) -> impl Iterator<Item = i64> + use<> {
    let (first, last) = (*ids.start(), *ids.end());
    (0..)
        .map(move |number| first + number * step)
        .take_while(move |&start| start <= last)
        .map(move |start| (start + step - 1).min(last))
}
