//! The table `account`: who has a password.

use std::path::Path;

use nightjar_broker::{Account, AccountName, PasswordHash, Rehash, Timestamp};
use rusqlite::{Connection, OpenFlags, Transaction};

use crate::beside::{self, Beside, BesideError, Watch};

/// What counts the changes.
const COUNTER: &str = "accounts";

/// Why accounts could not be changed. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error(transparent)]
    Beside(#[from] BesideError),

    #[error("there is an account {name} already: `account password` changes its password")]
    Exists { name: AccountName },

    #[error("there is no account {name}: `account list` shows those that there are")]
    Unknown { name: AccountName },

    #[error("the accounts can't be read or written ({0})")]
    Database(#[from] rusqlite::Error),
}

/// The accounts of a data directory, to be changed.
#[derive(Debug)]
pub struct AccountBook(Beside);

impl AccountBook {
    /// Opens the accounts of a data directory, which is made where it is missing, and may be in use.
    ///
    /// # Errors
    /// See [`AccountsError`].
    pub fn open(directory: &Path) -> Result<Self, AccountsError> {
        Ok(Self(Beside::open(directory)?))
    }

    /// The accounts, to be looked at again and again.
    pub fn watch(directory: &Path) -> Watch<Vec<Account>> {
        Watch::new(directory, COUNTER, read)
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// Where the table can't be read.
    pub fn accounts(&self) -> Result<Vec<Account>, AccountsError> {
        Ok(read(&self.0.connection)?)
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

    /// Puts other hashes of the same passwords in the place of those that the accounts have: nothing else of them changes.
    /// Returns how many; an account that has another password by now keeps it.
    ///
    /// # Errors
    /// Where the disk takes nothing.
    pub fn hash_anew(&mut self, rehashes: &[Rehash]) -> Result<usize, AccountsError> {
        let change = "UPDATE account SET password = ?3 WHERE name = ?1 AND password = ?2";
        let mut changed = 0;
        self.change(|transaction| {
            let mut change = transaction.prepare(change)?;
            for Rehash { name, before, anew } in rehashes {
                changed += change.execute((&**name, before.as_str(), anew.as_str()))?;
            }
            Ok(())
        })?;
        Ok(changed)
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
        let transaction = self.0.begin()?;
        change(&transaction)?;
        Ok(beside::commit(transaction, COUNTER)?)
    }
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
    beside::count_change(into, COUNTER).ok()?;
    Some(accounts.len())
}
