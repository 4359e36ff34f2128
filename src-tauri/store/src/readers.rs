//! Connections for reading: of their own, so that whoever reads never waits for the writer, nor the writer for them.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

use crate::statements;

/// Idle connections that are kept for the next reader.
const IDLE: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    database: Target,
    idle: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
enum Target {
    File(PathBuf),
    /// The name of a shared database in memory.
    Memory(String),
}

impl Readers {
    pub(crate) fn of_file(file: PathBuf) -> Self {
        Self::of(Target::File(file))
    }

    pub(crate) fn of_memory(name: String) -> Self {
        Self::of(Target::Memory(name))
    }

    fn of(database: Target) -> Self {
        Self { database, idle: Mutex::default() }
    }

    /// A connection to read with; it comes back to the pool by itself.
    pub(crate) fn reader(&self) -> rusqlite::Result<Reader<'_>> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        Ok(Reader { readers: self, connection: Some(connection) })
    }

    /// A connection to keep.
    pub(crate) fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match &self.database {
            Target::File(file) => Connection::open_with_flags(file, flags)?,
            Target::Memory(name) => Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_URI)?,
        };
        statements::compile_once(&connection)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "cache_size", -4_000)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    /// Closes what is idle, so that the writer can be the last to close the database.
    pub(crate) fn close_idle(&self) {
        self.idle.lock().clear();
    }
}

/// A connection on loan.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader has its connection until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let mut idle = self.readers.idle.lock();
            if idle.len() < IDLE {
                idle.push(connection);
            }
        }
    }
}
