//! Nightjar's record as anybody may read it: `nightjar.db`, with SQLite and nothing of Nightjar's own code.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags, Row};

use crate::DEADLINE;

/// A row of `message`, with the names that it points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedMessage {
    pub topic: String,
    /// Who published it.
    pub client: Option<String>,
    pub qos: u8,
    pub retain: bool,
    pub payload: Vec<u8>,
}

/// A row of `event`, with the client's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub client: Option<String>,
    pub kind: String,
    pub detail: String,
}

/// The database of a data directory, opened for reading.
#[derive(Debug)]
pub struct Record {
    connection: Connection,
}

impl Record {
    /// Opens the database; a broker may be writing to it.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("nightjar.db");
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| format!("{} can't be opened", path.display()))?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self { connection })
    }

    /// All messages whose topic starts with `prefix`, oldest first.
    ///
    /// # Errors
    /// Where the tables are not what ARCHITECTURE.md says.
    pub fn messages(&self, prefix: &str) -> anyhow::Result<Vec<RecordedMessage>> {
        self.rows(
            "SELECT topic.name, client.name, message.qos, message.retain, message.payload
             FROM message JOIN topic ON topic.id = message.topic_id LEFT JOIN client ON client.id = message.client_id
             WHERE substr(topic.name, 1, length(?1)) = ?1 ORDER BY message.id",
            prefix,
            |row| {
                Ok(RecordedMessage {
                    topic: row.get(0)?,
                    client: row.get(1)?,
                    qos: row.get(2)?,
                    retain: row.get(3)?,
                    payload: row.get(4)?,
                })
            },
        )
    }

    /// How many messages there are.
    ///
    /// # Errors
    /// Where the tables are not what ARCHITECTURE.md says.
    pub fn message_count(&self) -> anyhow::Result<u64> {
        let count: i64 = self.connection.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// All events, oldest first.
    ///
    /// # Errors
    /// Where the tables are not what ARCHITECTURE.md says.
    pub fn all_events(&self) -> anyhow::Result<Vec<Event>> {
        self.rows(
            "SELECT client.name, event.kind, coalesce(event.detail, '')
             FROM event LEFT JOIN client ON client.id = event.client_id WHERE event.id >= ?1 ORDER BY event.id",
            "0",
            |row| Ok(Event { client: row.get(0)?, kind: row.get(1)?, detail: row.get(2)? }),
        )
    }

    /// All events of a client, oldest first.
    ///
    /// # Errors
    /// Where the tables are not what ARCHITECTURE.md says.
    pub fn events(&self, client: &str) -> anyhow::Result<Vec<Event>> {
        self.rows(
            "SELECT client.name, event.kind, coalesce(event.detail, '')
             FROM event LEFT JOIN client ON client.id = event.client_id
             WHERE coalesce(client.name, '') = ?1 ORDER BY event.id",
            client,
            |row| Ok(Event { client: row.get(0)?, kind: row.get(1)?, detail: row.get(2)? }),
        )
    }

    fn rows<T>(
        &self,
        query: &str,
        parameter: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let mut statement = self.connection.prepare(query)?;
        let rows = statement.query_map([parameter], read)?.collect::<Result<_, _>>()?;
        Ok(rows)
    }

    /// Asks again and again until `found` makes something of the record: the writer commits a little later than the
    /// client sees.
    ///
    /// # Errors
    /// Where it never does, by the deadline.
    pub fn until<T>(&self, found: impl Fn(&Self) -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(result) = found(self)? {
                return Ok(result);
            }
            if Instant::now() >= end {
                bail!("the record does not show it within {DEADLINE:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
