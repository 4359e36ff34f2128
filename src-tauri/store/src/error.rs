//! What can go wrong, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the journal can't be opened. Each is one sentence that ends with the cure.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data directory {} can't be used ({source}): make it writable for you, or choose another with --data-dir",
        directory.display()
    )]
    Directory { directory: PathBuf, source: io::Error },

    #[error(
        "another Nightjar{} uses the data directory {}: stop it, or choose another directory with --data-dir",
        process.map_or_else(String::new, |id| format!(" (process {id})")),
        directory.display()
    )]
    InUse { directory: PathBuf, process: Option<u32> },

    #[error("another program has locked {}: close it, and start Nightjar again", file.display())]
    Locked { file: PathBuf },

    #[error(
        "{} can't be opened ({reason}): make it and its directory readable and writable for you, or choose another \
         directory with --data-dir",
        file.display()
    )]
    NotWritable { file: PathBuf, reason: String },

    #[error(
        "the disk with {} is full: make room, or choose a directory on another disk with --data-dir",
        file.display()
    )]
    DiskFull { file: PathBuf },

    #[error(
        "{} was written by a newer version of Nightjar: start that version, or choose another directory with --data-dir",
        file.display()
    )]
    Newer { file: PathBuf },

    #[error(
        "the disk with {} reports an error ({reason}): check the disk, or choose a directory on another one with \
         --data-dir",
        file.display()
    )]
    Disk { file: PathBuf, reason: String },

    #[error("the journal's thread can't be started ({0}): raise the limit of processes of this user")]
    Thread(io::Error),
}

impl OpenError {
    pub(crate) fn from_io(file: &Path, source: io::Error) -> Self {
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { file },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::IsADirectory => {
                Self::NotWritable { file, reason: source.to_string() }
            }
            _ => Self::Disk { file, reason: source.to_string() },
        }
    }

    pub(crate) fn from_database(file: &Path, error: &rusqlite::Error) -> Self {
        let file = file.to_owned();
        if is_full(error) {
            return Self::DiskFull { file };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                Self::Locked { file }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::NotWritable { file, reason: error.to_string() }
            }
            _ => Self::Disk { file, reason: error.to_string() },
        }
    }
}

/// Why the history can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the history can't be read ({0})")]
pub struct ReadError(#[from] rusqlite::Error);

/// The journal was closed while the disk took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{records} records could not be written before the journal was closed")]
pub struct Unkept {
    pub records: usize,
}

/// Whether the file itself is wrong, so that another attempt would end the same way: its pages, its tables, or what
/// is in them.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType, SqliteFailure, Utf8Error};
    match error {
        SqliteFailure(failure, _) if matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            true
        }
        SqliteFailure(_, Some(text)) | rusqlite::Error::SqlInputError { msg: text, .. } => text.starts_with("no such "),
        FromSqlConversionFailure(..) | InvalidColumnType(..) | Utf8Error(..) => true,
        _ => false,
    }
}

/// Whether there is no room: for a page, or for the log's index, which SQLite calls an I/O error.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_SHMSIZE};
    error.sqlite_error().is_some_and(|error| matches!(error.extended_code, SQLITE_FULL | SQLITE_IOERR_SHMSIZE))
}

/// Why nothing can be written, in words that go on from "because".
pub(crate) fn why_paused(error: &rusqlite::Error) -> String {
    if is_full(error) {
        return "the disk is full".to_owned();
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has locked the database".to_owned()
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the database is damaged; restart Nightjar, which sets it aside and starts a new one".to_owned()
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "the database can't be written".to_owned()
        }
        Some(ErrorCode::SystemIoFailure) => format!("the disk reports an error ({error})"),
        _ => format!("the database reports an error ({error})"),
    }
}
