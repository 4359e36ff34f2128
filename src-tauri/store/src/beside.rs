//! Tables that others than the journal's writer change, while a broker runs on the data directory or while none does: in
//! transactions of a moment. A broker looks whether they were changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use crate::directory::{self, Directory};
use crate::open::prepare;
use crate::schema::{self, Origin};
use crate::{Durability, OpenError, ReadError};

/// How long a broker's batch may hold up a change.
const BUSY: Duration = Duration::from_secs(10);

/// Why the tables of a data directory can't be had. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    #[error(transparent)]
    Open(#[from] OpenError),

    #[error("{} is not a journal of Nightjar: name the data directory with --data-dir", file.display())]
    Foreign { file: PathBuf },

    #[error(
        "the Nightjar that runs on {} is of another version: use the nightjar-server that belongs to it",
        file.display()
    )]
    OtherVersion { file: PathBuf },

    #[error("the journal can't be read or written ({0})")]
    Database(#[from] rusqlite::Error),
}

/// The database of a data directory, beside whoever else uses it.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) connection: Connection,
    /// Ours until the change is made, where no broker has it.
    _directory: Option<Directory>,
}

impl Beside {
    /// Opens the database of a data directory, which is made where it is missing, and may be in use.
    pub(crate) fn open(directory: &Path) -> Result<Self, BesideError> {
        let file = directory::database_in(directory);
        let ours = match Directory::open(directory) {
            Ok(ours) => Some(ours),
            Err(OpenError::InUse { .. }) if file.is_file() => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(ours) = &ours {
            ours.secure_database()?;
        }
        let unopened = |error: rusqlite::Error| BesideError::Open(OpenError::from_database(&file, &error));
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&file, flags).map_err(unopened)?;
        connection.busy_timeout(BUSY).map_err(unopened)?;
        match schema::origin(&connection).map_err(|_| BesideError::Foreign { file: file.clone() })? {
            Origin::Newer => return Err(OpenError::Newer { file }.into()),
            Origin::Foreign => return Err(BesideError::Foreign { file }),
            Origin::Empty | Origin::Nightjar => {}
        }
        match &ours {
            Some(ours) => prepare(&mut connection, Durability::PowerLoss, ours.database_size()).map_err(unopened)?,
            None if schema::is_newest(&connection)? => {
                connection.pragma_update(None, "synchronous", "FULL")?;
                // That is the broker's.
                connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            }
            None => return Err(BesideError::OtherVersion { file }),
        }
        Ok(Self { connection, _directory: ours })
    }

    /// Begins a change; [`commit`] ends it.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate)
    }
}

/// Ends a change, and counts it under that name, so that whoever watches sees it.
pub(crate) fn commit(transaction: Transaction<'_>, counter: &str) -> rusqlite::Result<()> {
    count_change(&transaction, counter)?;
    transaction.commit()
}

/// Notes that there was a change.
pub(crate) fn count_change(connection: &Connection, counter: &str) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        [counter],
    )
}

/// Whether there ever was a change.
pub(crate) fn was_changed(connection: &Connection, counter: &str) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM meta WHERE name = ?1")?.exists([counter])
}

/// Tables of a data directory, looked at again and again.
#[derive(Debug)]
pub struct Watch<T> {
    file: PathBuf,
    counter: &'static str,
    read: fn(&Connection) -> rusqlite::Result<T>,
    connection: Option<Connection>,
    /// The number of the last change that was read.
    seen: Option<i64>,
}

impl<T: Default> Watch<T> {
    /// Nothing is opened yet: there may be no database before the first change.
    pub(crate) fn new(directory: &Path, counter: &'static str, read: fn(&Connection) -> rusqlite::Result<T>) -> Self {
        Self { file: directory::database_in(directory), counter, read, connection: None, seen: None }
    }

    /// What is in the tables, where it is something else than when they were last read; at first it is. Blocks on the disk,
    /// for one look at an index where nothing was changed.
    ///
    /// # Errors
    /// Where the tables can't be read; the next attempt opens the file anew.
    pub fn changed(&mut self) -> Result<Option<T>, ReadError> {
        let result = self.look();
        if result.is_err() {
            self.connection = None;
        }
        Ok(result?)
    }

    fn look(&mut self) -> rusqlite::Result<Option<T>> {
        if self.connection.is_none() {
            if !self.file.is_file() {
                return Ok(self.seen.is_none().then(|| {
                    self.seen = Some(0);
                    T::default()
                }));
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&self.file, flags)?;
            connection.busy_timeout(Duration::from_secs(2))?;
            connection.pragma_update(None, "cache_size", -100)?;
            self.connection = Some(connection);
        }
        let Some(connection) = &mut self.connection else { return Ok(None) };
        // Both in one view.
        let view = connection.transaction()?;
        let number: Option<i64> = view
            .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
            .query_row([self.counter], |row| row.get(0))
            .optional()?;
        let number = number.unwrap_or(0);
        if self.seen == Some(number) {
            return Ok(None);
        }
        // Before the first change, the database may be an older one, without the tables.
        let found = if number == 0 { T::default() } else { (self.read)(&view)? };
        self.seen = Some(number);
        Ok(Some(found))
    }
}
