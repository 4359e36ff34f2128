//! Writes the rows of messages, a good dozen with one statement: what SQLite does once for each statement costs as much as
//! the half of a row.

use nightjar_broker::Message;
use rusqlite::{CachedStatement, Transaction};

use crate::properties;

/// Rows that one statement inserts. Eight times as many were no faster.
const TOGETHER: usize = 16;
const COLUMNS: usize = 9;

/// A table that holds messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MessageTable {
    /// The history.
    Message,
    /// What topics retain and the history does not have.
    Held,
}

/// A message and what its row says beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageRow<'m> {
    pub(crate) id: i64,
    pub(crate) topic: i64,
    pub(crate) client: i64,
    pub(crate) matched: u32,
    pub(crate) message: &'m Message,
}

/// Rows on their way to one table. They are there for sure after [`Self::finish`].
pub(crate) struct MessageRows<'t, 'm> {
    one: CachedStatement<'t>,
    many: CachedStatement<'t>,
    waiting: Vec<MessageRow<'m>>,
    /// The `properties` of one row, kept for its allocation.
    column: Vec<u8>,
}

impl<'t, 'm> MessageRows<'t, 'm> {
    pub(crate) fn new(transaction: &'t Transaction<'_>, table: MessageTable) -> rusqlite::Result<Self> {
        let table = match table {
            MessageTable::Message => "message",
            MessageTable::Held => "held",
        };
        let insert = |rows: usize| {
            let values = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows].join(", ");
            transaction.prepare_cached(&format!(
                "INSERT INTO {table} (id, time_us, topic_id, client_id, qos, retain, matched, properties, payload)
                 VALUES {values}"
            ))
        };
        let (one, many) = (insert(1)?, insert(TOGETHER)?);
        Ok(Self { one, many, waiting: Vec::with_capacity(TOGETHER), column: Vec::new() })
    }

    pub(crate) fn push(&mut self, row: MessageRow<'m>) -> rusqlite::Result<()> {
        self.waiting.push(row);
        if self.waiting.len() < TOGETHER {
            return Ok(());
        }
        for (index, row) in self.waiting.drain(..).enumerate() {
            bind(&mut self.many, index * COLUMNS, row, &mut self.column)?;
        }
        self.many.raw_execute()?;
        Ok(())
    }

    /// Inserts the rows that still wait for more.
    pub(crate) fn finish(mut self) -> rusqlite::Result<()> {
        for row in self.waiting.drain(..) {
            bind(&mut self.one, 0, row, &mut self.column)?;
            self.one.raw_execute()?;
        }
        Ok(())
    }
}

/// Binds a row to the parameters after the first `before`.
fn bind(
    insert: &mut CachedStatement<'_>,
    before: usize,
    row: MessageRow<'_>,
    column: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    let MessageRow { id, topic, client, matched, message } = row;
    insert.raw_bind_parameter(before + 1, id)?;
    insert.raw_bind_parameter(before + 2, message.received.micros())?;
    insert.raw_bind_parameter(before + 3, topic)?;
    insert.raw_bind_parameter(before + 4, client)?;
    insert.raw_bind_parameter(before + 5, message.qos.level())?;
    insert.raw_bind_parameter(before + 6, message.retain)?;
    insert.raw_bind_parameter(before + 7, matched)?;
    match &message.properties {
        None => insert.raw_bind_parameter(before + 8, None::<&[u8]>)?,
        Some(properties) => {
            column.clear();
            properties::encode(properties, column);
            insert.raw_bind_parameter(before + 8, column.as_slice())?;
        }
    }
    insert.raw_bind_parameter(before + 9, &message.payload[..])
}
