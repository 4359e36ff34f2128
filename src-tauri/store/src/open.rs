//! How a journal comes to be open: directory, file, tables, and what was kept in them.

use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nightjar_broker::{KeptSession, Message};
use rusqlite::{Connection, OpenFlags};

use crate::directory::{Directory, SetAside};
use crate::error::{OpenError, is_damage};
use crate::ledger::{self, Ledger};
use crate::readers::Readers;
use crate::schema::{self, Origin};
use crate::{Durability, Options, accounts, bans, moment, rules, statements};

/// How long another program may hold a lock on the database before it counts as locked.
const BUSY: Duration = Duration::from_secs(2);
/// A database up to this size is checked as a whole when it is opened, which takes a fraction of a second.
const CHECKED_WHOLE: u64 = 16 << 20;
/// What the log shrinks to after a search has held it up.
const LOG_LIMIT: u32 = 64 << 20;

/// What the broker gets back when it starts.
#[derive(Debug, Default)]
pub struct Kept {
    /// The retained set.
    pub retained: Vec<Arc<Message>>,
    /// The sessions that outlived their connections.
    pub sessions: Vec<KeptSession>,
    /// Whether a client was ever connected.
    pub ever_connected: bool,
}

/// A database, ready to be written and read.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) ledger: Ledger,
    pub(crate) readers: Readers,
    /// The connection that moves the log to the database; `None` in memory.
    pub(crate) checkpointer: Option<Connection>,
    /// `None` where the history is in memory.
    pub(crate) directory: Option<Directory>,
    pub(crate) kept: Kept,
    pub(crate) set_aside: Option<SetAside>,
}

pub(crate) fn open(options: &Options) -> Result<Database, OpenError> {
    if options.durability == Durability::None {
        return open_in_memory().map_err(|error| OpenError::from_database(Path::new(":memory:"), &error));
    }
    let directory = Directory::open(&options.directory)?;
    let noted = directory.damage_was_noted() && directory.database().exists();
    let mut set_aside = None;
    if noted {
        set_aside = Some(directory.set_aside(moment::now(), "the file was found damaged while in use".to_owned())?);
    }
    let (ledger, checkpointer, kept) = match open_file(&directory, options.durability) {
        Err(Obstacle::Unusable(reason)) => {
            set_aside = Some(directory.set_aside(moment::now(), reason)?);
            open_file(&directory, options.durability)
        }
        Err(Obstacle::Error(OpenError::DiskFull { .. })) if directory.spend_reserve() => {
            open_file(&directory, options.durability)
        }
        result => result,
    }
    .map_err(|obstacle| match obstacle {
        Obstacle::Error(error) => error,
        Obstacle::Unusable(reason) => OpenError::Disk { file: directory.database(), reason },
    })?;
    if let Some(SetAside { file, .. }) = &set_aside
        && salvage(file, &directory.database()).is_none()
    {
        tracing::warn!(
            "accounts, rules and bans of the database that was set aside could not all be read: look at them"
        );
    }
    directory.keep_reserve();
    Ok(Database {
        ledger,
        checkpointer: Some(checkpointer),
        readers: Readers::of_file(directory.database()),
        directory: Some(directory),
        kept,
        set_aside,
    })
}

/// Takes accounts, rules and bans along from one file to another; `None` where some can't be read or written.
fn salvage(from: &Path, into: &Path) -> Option<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let into = Connection::open_with_flags(into, flags).ok()?;
    let found = [accounts::salvage(from, &into), rules::salvage(from, &into), bans::salvage(from, &into)];
    found.iter().all(Option::is_some).then_some(())
}

/// What is in the way of opening a file.
enum Obstacle {
    /// The file is not, or no longer, a journal; another one can take its place.
    Unusable(String),
    Error(OpenError),
}

fn open_file(directory: &Directory, durability: Durability) -> Result<(Ledger, Connection, Kept), Obstacle> {
    directory.secure_database().map_err(Obstacle::Error)?;
    let file = directory.database();
    let obstacle = |error: rusqlite::Error| {
        if is_damage(&error) {
            Obstacle::Unusable(format!("the file is damaged ({error})"))
        } else {
            Obstacle::Error(OpenError::from_database(&file, &error))
        }
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&file, flags).map_err(obstacle)?;
    connection.busy_timeout(BUSY).map_err(obstacle)?;
    match schema::origin(&connection).map_err(obstacle)? {
        Origin::Empty | Origin::Nightjar => {}
        Origin::Newer => return Err(Obstacle::Error(OpenError::Newer { file })),
        Origin::Foreign => return Err(Obstacle::Unusable("the file is not a database of Nightjar".to_owned())),
    }
    prepare(&mut connection, durability, directory.database_size()).map_err(obstacle)?;
    let kept = ledger::kept(&connection).map_err(obstacle)?;
    let ledger = Ledger::new(connection).map_err(obstacle)?;
    let checkpointer = Connection::open_with_flags(&file, flags).map_err(obstacle)?;
    checkpointer.pragma_update(None, "synchronous", synchronous(durability)).map_err(obstacle)?;
    checkpointer.pragma_update(None, "wal_autocheckpoint", 0).map_err(obstacle)?;
    Ok((ledger, checkpointer, kept))
}

pub(crate) fn prepare(connection: &mut Connection, durability: Durability, size: u64) -> rusqlite::Result<()> {
    statements::compile_once(connection)?;
    if connection.query_row("PRAGMA page_count", (), |row| row.get::<_, i64>(0))? == 0 {
        // So that space is given back bit by bit. A file that has pages would be written to before it is checked.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(mode, "the file system takes no write-ahead log: reading the history holds up writing it");
    }
    connection.pragma_update(None, "synchronous", synchronous(durability))?;
    // That is the checkpointer's.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    // Kibibytes where negative: the inner pages of the indexes of 100,000 topics.
    connection.pragma_update(None, "cache_size", -32_000)?;
    schema::migrate(connection)?;
    if size <= CHECKED_WHOLE {
        let check = || connection.query_row("PRAGMA quick_check(1)", (), |row| row.get::<_, String>(0));
        let mut verdict = check()?;
        if verdict != "ok" {
            // It does not always say that a page could not be read, rather than that it was wrong.
            verdict = check()?;
        }
        if verdict != "ok" {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(failed_read(&verdict).unwrap_or(rusqlite::ffi::SQLITE_CORRUPT)),
                Some(verdict.lines().last().unwrap_or_default().to_owned()),
            ));
        }
    }
    Ok(())
}

/// The error that kept a check from reading a page ("unable to get the page. error code=266"): it is the disk's, and says
/// nothing of what is in the file.
fn failed_read(verdict: &str) -> Option<c_int> {
    let (_, code) = verdict.rsplit_once("error code=")?;
    let code: c_int = code.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()?;
    (code & 0xFF != rusqlite::ffi::SQLITE_CORRUPT).then_some(code)
}

const fn synchronous(durability: Durability) -> &'static str {
    match durability {
        Durability::PowerLoss => "FULL",
        Durability::Crash | Durability::None => "NORMAL",
    }
}

/// A database that this process alone sees, and that ends with its last connection.
fn open_in_memory() -> rusqlite::Result<Database> {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let number = OPENED.fetch_add(1, Ordering::Relaxed);
    let name = format!("file:/nightjar-{}-{number}?vfs=memdb", std::process::id());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&name, flags)?;
    statements::compile_once(&connection)?;
    // Readers hold the writer up here, but never for longer than one step of a search.
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    schema::migrate(&mut connection)?;
    Ok(Database {
        ledger: Ledger::new(connection)?,
        checkpointer: None,
        readers: Readers::of_memory(name),
        directory: None,
        kept: Kept::default(),
        set_aside: None,
    })
}
