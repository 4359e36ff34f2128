//! The data directory: made for its owner alone, locked against a second Nightjar.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nightjar_broker::Timestamp;

use crate::OpenError;
use crate::moment;

const LOCK: &str = "nightjar.lock";
const DATABASE: &str = "nightjar.db";
const DAMAGED: &str = "nightjar.damaged";
/// Room that is given up to open the database on a disk that is full: SQLite needs some for the log and its index.
const RESERVE: &str = "nightjar.reserve";
const RESERVED: usize = 256 << 10;
/// What SQLite puts beside a database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// A data directory that is ours until it is unlocked or dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    lock: File,
}

/// A database that could not be used, and was renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub file: PathBuf,
    /// What is wrong with it: "the file is not a database of Nightjar".
    pub reason: String,
}

impl Directory {
    /// Makes the directory if it is missing, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let unusable = |source: io::Error| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::from_io(path, source),
            _ => OpenError::Directory { directory: path.to_owned(), source },
        };
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        }
        let lock = lock(path, unusable)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Lets another Nightjar have it, though there may still be readers of ours.
    pub(crate) fn unlock(&self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "the data directory was not unlocked");
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    /// Makes the database file if it is missing, and closes it to others. SQLite gives what it puts beside it the same
    /// permissions.
    pub(crate) fn secure_database(&self) -> Result<(), OpenError> {
        let secure = |file: &Path| {
            let file = owner_only().create(true).open(file)?;
            let mut permissions = file.metadata()?.permissions();
            if permissions.mode() & 0o077 != 0 {
                permissions.set_mode(0o600);
                file.set_permissions(permissions)?;
            }
            Ok(())
        };
        secure(&self.database()).map_err(|source| OpenError::from_io(&self.database(), source))?;
        for companion in COMPANIONS {
            let file = beside(&self.database(), companion);
            if file.exists() {
                secure(&file).map_err(|source| OpenError::from_io(&file, source))?;
            }
        }
        Ok(())
    }

    /// Renames the database and what belongs to it to a dated name.
    pub(crate) fn set_aside(&self, now: Timestamp, reason: String) -> Result<SetAside, OpenError> {
        let dated = moment::utc(now).replace(':', "-");
        let file = (1..)
            .map(|attempt| match attempt {
                1 => self.path.join(format!("nightjar-{dated}.db")),
                _ => self.path.join(format!("nightjar-{dated}-{attempt}.db")),
            })
            .find(|file| !file.exists())
            .expect("an endless sequence of names has one that is free");
        // The companions first: a database without its log is the older state of it, a log without its database is
        // nothing, and a log beside another database would damage that.
        for companion in COMPANIONS {
            let from = beside(&self.database(), companion);
            if from.exists() {
                let to = beside(&file, companion);
                fs::rename(&from, to).map_err(|source| OpenError::from_io(&from, source))?;
            }
        }
        fs::rename(self.database(), &file).map_err(|source| OpenError::from_io(&self.database(), source))?;
        let _ = fs::remove_file(self.path.join(DAMAGED));
        Ok(SetAside { file, reason })
    }

    /// Leaves a note that the database turned out to be damaged while it was in use, so that the next start sets it
    /// aside: damage in the middle of a large file is not found by looking at its ends.
    pub(crate) fn note_damage(&self) {
        let _ = owner_only().create(true).open(self.path.join(DAMAGED));
    }

    pub(crate) fn damage_was_noted(&self) -> bool {
        self.path.join(DAMAGED).exists()
    }

    /// Sets room aside for a start on a full disk, where there is enough.
    pub(crate) fn keep_reserve(&self) {
        let reserve = self.path.join(RESERVE);
        if !reserve.exists()
            && let Err(error) =
                owner_only().create_new(true).open(&reserve).and_then(|mut file| file.write_all(&vec![0; RESERVED]))
        {
            tracing::debug!(%error, "no room is set aside for a start on a full disk");
            let _ = fs::remove_file(&reserve);
        }
    }

    /// Gives up the room that was set aside; whether there was any.
    pub(crate) fn spend_reserve(&self) -> bool {
        fs::remove_file(self.path.join(RESERVE)).is_ok()
    }

    /// Whether the log takes so much of the disk that moving it to the database may soon not fit: then a disk that only
    /// this log has filled would stay full.
    pub(crate) fn log_needs_room(&self) -> bool {
        let log = fs::metadata(beside(&self.database(), "-wal")).map_or(0, |metadata| metadata.len());
        let free = rustix::fs::statvfs(&self.path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        log > free / 2
    }

    /// Bytes of the database with its log.
    pub(crate) fn database_size(&self) -> u64 {
        let database = self.database();
        let size = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
        size(&database) + size(&beside(&database, "-wal"))
    }
}

/// Where the database of a data directory is.
pub(crate) fn database_in(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

fn beside(database: &Path, companion: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(companion);
    PathBuf::from(name)
}

fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn lock(directory: &Path, unusable: impl Fn(io::Error) -> OpenError) -> Result<File, OpenError> {
    let mut file = owner_only().create(true).open(directory.join(LOCK)).map_err(&unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(source)) => return Err(unusable(source)),
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let _ = file.read_to_string(&mut process);
            return Err(OpenError::InUse { directory: directory.to_owned(), process: process.trim().parse().ok() });
        }
    }
    // The number is for the other's message only, so that a full disk is no reason to stop here.
    let _ = file.set_len(0);
    let _ = file.rewind();
    let _ = writeln!(file, "{}", std::process::id());
    Ok(file)
}
