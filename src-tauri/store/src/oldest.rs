//! The oldest end of the history, where messages go when there is no more room for them.

use rusqlite::Connection;

use crate::postings::segment_of;
use crate::schema::BLOCK;

/// Deletes the messages up to and with that id, within a transaction. Those that topics retain are held beside the
/// history. Returns the topics that lost messages, and how many each. All of them must be counted.
pub(crate) fn delete_through(transaction: &Connection, through: i64) -> rusqlite::Result<Vec<(String, u64)>> {
    let lost = {
        let mut select = transaction.prepare_cached(
            "SELECT topic.id, topic.name, lost.messages
             FROM (SELECT topic_id, count(*) AS messages FROM message WHERE id <= ?1 GROUP BY topic_id) AS lost
             JOIN topic ON topic.id = lost.topic_id",
        )?;
        let rows = select.query_map([through], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<rusqlite::Result<Vec<(i64, String, u64)>>>()?
    };
    transaction
        .prepare_cached(
            "INSERT INTO held SELECT * FROM message
             WHERE retain AND id <= ?1
                   AND EXISTS (SELECT 1 FROM retained WHERE retained.topic_id = message.topic_id AND message_id = message.id)",
        )?
        .execute([through])?;
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
    let mut update = transaction.prepare_cached("UPDATE topic SET messages = messages - ?2 WHERE id = ?1")?;
    for (topic, _, count) in &lost {
        update.execute((topic, *count as i64))?;
    }
    Ok(lost.into_iter().map(|(_, name, count)| (name, count)).collect())
}
