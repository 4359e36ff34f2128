//! The table `account`: who has a password. It is written beside a broker that runs, in transactions of a moment, and the
//! broker looks whether it was changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nightjar_broker::{Account, AccountName, PasswordHash, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use crate::directory::{self, Directory};
use crate::open::prepare;
use crate::schema::{self, Origin};
use crate::{Durability, OpenError, ReadError};

/// How long a broker's batch may hold up a change.
const BUSY: Duration = Duration::from_secs(10);

/// Why accounts could not be changed. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error(transparent)]
    Open(#[from] OpenError),

    #[error("{} is not a journal of Nightjar: name the data directory with --data-dir", file.display())]
    Foreign { file: PathBuf },

    #[error(
        "the Nightjar that runs on {} is of another version: use the nightjar-server that belongs to it",
        file.display()
    )]
    OtherVersion { file: PathBuf },

    #[error("there is an account {name} already: `account password` changes its password")]
    Exists { name: AccountName },

    #[error("there is no account {name}: `account list` shows those that there are")]
    Unknown { name: AccountName },

    #[error("the accounts can't be read or written ({0})")]
    Database(#[from] rusqlite::Error),
}

/// The accounts of a data directory, to be changed.
#[derive(Debug)]
pub struct AccountBook {
    connection: Connection,
    /// Ours until the change is made, where no broker has it.
    _directory: Option<Directory>,
}

impl AccountBook {
    /// Opens the accounts of a data directory, which is made where it is missing, and may be in use.
    ///
    /// # Errors
    /// See [`AccountsError`].
    pub fn open(directory: &Path) -> Result<Self, AccountsError> {
        let file = directory::database_in(directory);
        let ours = match Directory::open(directory) {
            Ok(ours) => Some(ours),
            Err(OpenError::InUse { .. }) if file.is_file() => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(ours) = &ours {
            ours.secure_database()?;
        }
        let unopened = |error: rusqlite::Error| AccountsError::Open(OpenError::from_database(&file, &error));
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&file, flags).map_err(unopened)?;
        connection.busy_timeout(BUSY).map_err(unopened)?;
        match schema::origin(&connection).map_err(|_| AccountsError::Foreign { file: file.clone() })? {
            Origin::Newer => return Err(OpenError::Newer { file }.into()),
            Origin::Foreign => return Err(AccountsError::Foreign { file }),
            Origin::Empty | Origin::Nightjar => {}
        }
        match &ours {
            Some(ours) => prepare(&mut connection, Durability::PowerLoss, ours.database_size()).map_err(unopened)?,
            None if schema::is_newest(&connection)? => {
                connection.pragma_update(None, "synchronous", "FULL")?;
                // That is the broker's.
                connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            }
            None => return Err(AccountsError::OtherVersion { file }),
        }
        Ok(Self { connection, _directory: ours })
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// Where the table can't be read.
    pub fn accounts(&self) -> Result<Vec<Account>, AccountsError> {
        Ok(read(&self.connection)?)
    }

    /// Adds accounts, all of them or none.
    ///
    /// # Errors
    /// Where there is one of that name already, or the disk takes nothing.
    pub fn add(&mut self, accounts: &[Account]) -> Result<(), AccountsError> {
        self.change(|transaction| {
            for account in accounts {
                if !insert(transaction, account, "OR IGNORE")? {
                    return Err(AccountsError::Exists { name: account.name.clone() });
                }
            }
            Ok(())
        })
    }

    /// Sets the password of an account, from the moment `now` on.
    ///
    /// # Errors
    /// Where there is no such account, or the disk takes nothing.
    pub fn set_password(
        &mut self,
        name: &AccountName,
        password: &PasswordHash,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let change = "UPDATE account SET password = ?2, changed_us = ?3 WHERE name = ?1";
        self.change(|transaction| {
            let changed = transaction.execute(change, (&**name, password.as_str(), now.micros()))?;
            unless_unknown(changed, name)
        })
    }

    /// Lets an account in again, or no longer.
    ///
    /// # Errors
    /// Where there is no such account, or the disk takes nothing.
    pub fn set_disabled(&mut self, name: &AccountName, disabled: bool) -> Result<(), AccountsError> {
        self.change(|transaction| {
            let changed =
                transaction.execute("UPDATE account SET disabled = ?2 WHERE name = ?1", (&**name, disabled))?;
            unless_unknown(changed, name)
        })
    }

    /// Deletes an account.
    ///
    /// # Errors
    /// Where there is no such account, or the disk takes nothing.
    pub fn remove(&mut self, name: &AccountName) -> Result<(), AccountsError> {
        self.change(|transaction| {
            unless_unknown(transaction.execute("DELETE FROM account WHERE name = ?1", [&**name])?, name)
        })
    }

    fn change(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<(), AccountsError>,
    ) -> Result<(), AccountsError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        change(&transaction)?;
        count_change(&transaction)?;
        Ok(transaction.commit()?)
    }
}

/// The accounts of a data directory, looked at again and again.
#[derive(Debug)]
pub struct AccountWatch {
    file: PathBuf,
    connection: Option<Connection>,
    /// The number of the last change that was read.
    seen: Option<i64>,
}

impl AccountWatch {
    /// Nothing is opened yet: there may be no database before the first account.
    pub fn new(directory: &Path) -> Self {
        Self { file: directory::database_in(directory), connection: None, seen: None }
    }

    /// All accounts, where they are others than when they were last read; at first they are. Blocks on the disk, for one
    /// look at an index where nothing was changed.
    ///
    /// # Errors
    /// Where the table can't be read; the next attempt opens the file anew.
    pub fn changed(&mut self) -> Result<Option<Vec<Account>>, ReadError> {
        let result = self.look();
        if result.is_err() {
            self.connection = None;
        }
        Ok(result?)
    }

    fn look(&mut self) -> rusqlite::Result<Option<Vec<Account>>> {
        if self.connection.is_none() {
            if !self.file.is_file() {
                return Ok(self.seen.is_none().then(|| {
                    self.seen = Some(0);
                    Vec::new()
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
            .prepare_cached("SELECT value FROM meta WHERE name = 'accounts'")?
            .query_row((), |row| row.get(0))
            .optional()?;
        let number = number.unwrap_or(0);
        if self.seen == Some(number) {
            return Ok(None);
        }
        // Before the first change, the database may be an older one, without the table.
        let accounts = if number == 0 { Vec::new() } else { read(&view)? };
        self.seen = Some(number);
        Ok(Some(accounts))
    }
}

fn count_change(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('accounts', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (),
    )
}

fn unless_unknown(changed: usize, name: &AccountName) -> Result<(), AccountsError> {
    if changed == 0 { Err(AccountsError::Unknown { name: name.clone() }) } else { Ok(()) }
}

/// Whether there was none of that name.
fn insert(connection: &Connection, account: &Account, or: &str) -> rusqlite::Result<bool> {
    let Account { name, password, disabled, changed } = account;
    let insert = format!("INSERT {or} INTO account (name, password, disabled, changed_us) VALUES (?1, ?2, ?3, ?4)");
    let rows = connection.prepare_cached(&insert)?.execute((&**name, password.as_str(), disabled, changed.micros()))?;
    Ok(rows > 0)
}

/// All accounts, by name. One that somebody else wrote and nobody can use is left out, with a warning.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Vec<Account>> {
    let mut select =
        connection.prepare_cached("SELECT name, password, disabled, changed_us FROM account ORDER BY name")?;
    let mut rows = select.query(())?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, password): (String, String) = (row.get(0)?, row.get(1)?);
        match (AccountName::new(&name), PasswordHash::parse(&password)) {
            (Ok(name), Ok(password)) => {
                let changed = Timestamp::from_micros(row.get(3)?);
                accounts.push(Account { name, password, disabled: row.get(2)?, changed });
            }
            (Err(error), _) => tracing::warn!(name, %error, "an account is left out"),
            (_, Err(error)) => tracing::warn!(name, "an account is left out: its hash {error}"),
        }
    }
    Ok(accounts)
}

/// Takes the accounts of a database that was set aside into the new one: devices would be locked out otherwise. Returns
/// how many there were, or `None` where they can't be read.
pub(crate) fn salvage(from: &Path, into: &Connection) -> Option<usize> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let accounts = Connection::open_with_flags(from, flags).and_then(|connection| read(&connection)).ok()?;
    for account in &accounts {
        insert(into, account, "OR REPLACE").ok()?;
    }
    count_change(into).ok()?;
    Some(accounts.len())
}
