//! The table `ban`: who is kept out.

use std::path::Path;

use nightjar_broker::{Ban, BanList, BanNumber, BanTarget, InvalidBan, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::beside::{self, Beside, BesideError, Watch};

/// What counts the changes.
const COUNTER: &str = "bans";
const NEXT: &str = "bans_next";

/// Why bans could not be changed. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BansError {
    #[error(transparent)]
    Beside(#[from] BesideError),

    #[error("{0}: `ban list` shows those that there are")]
    List(#[from] InvalidBan),

    #[error("the bans can't be read or written ({0})")]
    Database(#[from] rusqlite::Error),
}

/// The bans of a data directory, to be changed.
#[derive(Debug)]
pub struct BanBook(Beside);

impl BanBook {
    /// Opens the bans of a data directory, which is made where it is missing, and may be in use.
    ///
    /// # Errors
    /// See [`BansError`].
    pub fn open(directory: &Path) -> Result<Self, BansError> {
        Ok(Self(Beside::open(directory)?))
    }

    /// The bans, to be looked at again and again.
    pub fn watch(directory: &Path) -> Watch<BanList> {
        Watch::new(directory, COUNTER, read)
    }

    /// The bans as they are; those whose time is over may be among them.
    ///
    /// # Errors
    /// Where they can't be read.
    pub fn bans(&self) -> Result<BanList, BansError> {
        Ok(read(&self.0.connection)?)
    }

    /// Changes the list as a whole; returns what `change` does, and the list as it is then.
    ///
    /// # Errors
    /// Where `change` fails, or the disk takes nothing: everything is then as it was.
    pub fn change<T, E: From<BansError>>(
        &mut self,
        change: impl FnOnce(&mut BanList) -> Result<T, E>,
    ) -> Result<(T, BanList), E> {
        let transaction = self.0.begin().map_err(BansError::from)?;
        let mut list = read(&transaction).map_err(BansError::from)?;
        let changed = change(&mut list)?;
        write(&transaction, &list).map_err(BansError::from)?;
        beside::commit(transaction, COUNTER).map_err(BansError::from)?;
        Ok((changed, list))
    }
}

fn write(connection: &Connection, list: &BanList) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM ban", ())?;
    let mut insert = connection.prepare("INSERT INTO ban VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for Ban { number, target, since, until, note } in &list.bans {
        let until = until.map(Timestamp::micros);
        insert.execute(params![number.0, target.kind(), target.text(), since.micros(), until, note])?;
    }
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", (NEXT, list.next))?;
    Ok(())
}

/// The bans in the order of their numbers. One that can't be understood is an error and not left out.
fn read(connection: &Connection) -> rusqlite::Result<BanList> {
    let mut select =
        connection.prepare_cached("SELECT number, kind, target, since_us, until_us, note FROM ban ORDER BY number")?;
    let bans = select.query_map((), |row| {
        let (kind, target): (String, String) = (row.get(1)?, row.get(2)?);
        let target = BanTarget::parse(&kind, &target)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error.into()))?;
        Ok(Ban {
            number: BanNumber(row.get(0)?),
            target,
            since: Timestamp::from_micros(row.get(3)?),
            until: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_micros),
            note: row.get(5)?,
        })
    })?;
    let bans: Vec<_> = bans.collect::<Result<_, _>>()?;
    let next = connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([NEXT], |row| row.get(0))
        .optional()?
        .unwrap_or(1);
    let above = bans.iter().map(|ban| ban.number.0.saturating_add(1)).max().unwrap_or(1);
    Ok(BanList { bans, next: above.max(next) })
}

/// Takes the bans of a database that was set aside into the new one. Returns how many there were, or `None` where they
/// can't be read.
pub(crate) fn salvage(from: &Path, into: &Connection) -> Option<usize> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(from, flags).ok()?;
    // An older database has no such table.
    if !beside::was_changed(&from, COUNTER).ok()? {
        return Some(0);
    }
    let list = read(&from).ok()?;
    write(into, &list).ok()?;
    beside::count_change(into, COUNTER).ok()?;
    Some(list.bans.len())
}
