use std::ops::Range;
use std::sync::Arc;

use nightjar_broker::{Page, PageQuery, QueuedMessage, SessionNumber};
use nightjar_mqtt::QoS;
use rusqlite::{Connection, OptionalExtension, Row};

use super::marks::{Marks, after, count};
use super::sweep::unswept;
use crate::history::read_message;

/// Reads a part of a queue.
pub(crate) fn read_page(connection: &Connection, query: PageQuery) -> rusqlite::Result<Page> {
    let PageQuery { session, from, to, messages, bytes } = query;
    // One view of all tables: a message that is let go of meanwhile is in the one or in the other.
    let view = connection.unchecked_transaction()?;
    let mut select = view.prepare_cached(
        "SELECT number, message_id, qos, retain, identifiers FROM queue
         WHERE session = ?1 AND number >= ?2 AND number < ?3 ORDER BY number",
    )?;
    let message = |table: &str| {
        view.prepare_cached(&format!(
            "SELECT time_us, topic.name, client.name, qos, retain, properties, payload
             FROM {table} AS message
             JOIN topic ON topic.id = message.topic_id JOIN client ON client.id = message.client_id
             WHERE message.id = ?1"
        ))
    };
    let (mut in_history, mut waiting) = (message("message")?, message("waiting")?);
    let mut page = Page { entries: Vec::with_capacity(messages), to, next: None };
    let mut weight = 0;
    for part in unswept(&view, session.0 as i64, number(from)..number(to))? {
        let mut rows = select.query((session.0 as i64, part.start, part.end))?;
        while let Some(row) = rows.next()? {
            let order = row.get::<_, i64>(0)? as u64;
            if page.entries.len() >= messages || weight >= bytes {
                page.next = Some(order);
                return Ok(page);
            }
            let id: i64 = row.get(1)?;
            let mut found = in_history.query_row([id], read_message).optional()?.flatten();
            if found.is_none() {
                found = waiting.query_row([id], read_message).optional()?.flatten();
            }
            let Some(message) = found else {
                tracing::warn!(session = session.0, order, "a message that waits for a client is missing");
                continue;
            };
            weight += message.weight();
            page.entries.push(QueuedMessage {
                order,
                qos: QoS::from_level(row.get(2)?).unwrap_or_default(),
                retain: row.get(3)?,
                identifiers: identifiers(row)?,
                message: Arc::new(message),
            });
        }
    }
    Ok(page)
}

/// The order of the entry that has `before` entries before it; `None` where there are no more.
pub(crate) fn order_at(
    connection: &Connection,
    marks: &Marks,
    session: SessionNumber,
    orders: &Range<u64>,
    mut before: usize,
) -> rusqlite::Result<Option<u64>> {
    let view = connection.unchecked_transaction()?;
    let session = session.0 as i64;
    let orders = number(orders.start)..number(orders.end);
    let parts = unswept(&view, session, orders.clone())?;
    if parts == [orders.clone()] {
        return Ok(marks.order_at(&view, session, &orders, before)?.map(|order| order as u64));
    }
    marks.forget(session);
    for part in parts {
        if let Some(order) = after(&view, session, &part, before)? {
            return Ok(Some(order as u64));
        }
        before -= count(&view, session, &part)?;
    }
    Ok(None)
}

fn number(order: u64) -> i64 {
    i64::try_from(order).unwrap_or(i64::MAX)
}

fn identifiers(row: &Row<'_>) -> rusqlite::Result<Arc<[u32]>> {
    let column = row.get_ref(4)?.as_blob_or_null()?.unwrap_or_default();
    let (numbers, _) = column.as_chunks::<4>();
    Ok(numbers.iter().map(|number| u32::from_be_bytes(*number)).collect())
}
