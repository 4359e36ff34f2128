use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::ffi;

/// What a program asks of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    Write,
    /// fsync or fdatasync.
    Sync,
}

/// What the disk says instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// EIO.
    Io,
    /// ENOSPC.
    Full,
}

/// The files below a directory.
#[derive(Clone, Debug)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    counts: [u64; 3],
    plan: Option<Plan>,
    failed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    operation: Operation,
    with: Failure,
    /// Operations of that kind that still succeed, and how many fail then.
    spared: u64,
    times: u64,
}

static DISKS: Mutex<Vec<(PathBuf, Disk)>> = Mutex::new(Vec::new());

impl Disk {
    /// The disk that holds the directory. Only files that are opened from here on are subject to it.
    pub fn below(directory: &Path) -> Self {
        let disk = Self { state: Arc::default() };
        DISKS.lock().push((directory.to_owned(), disk.clone()));
        disk
    }

    pub(crate) fn of(file: &Path) -> Option<Self> {
        DISKS.lock().iter().find(|(directory, _)| file.starts_with(directory)).map(|(_, disk)| disk.clone())
    }

    /// Lets `spared` operations of a kind succeed, and has as many as `times` fail then.
    pub fn fail(&self, operation: Operation, with: Failure, spared: u64, times: u64) {
        self.state.lock().plan = Some(Plan { operation, with, spared, times });
    }

    /// From here on everything succeeds.
    pub fn heal(&self) {
        self.state.lock().plan = None;
    }

    /// How many operations of each kind there were, failed ones included.
    pub fn counts(&self) -> [u64; 3] {
        self.state.lock().counts
    }

    /// How many there were since [`Self::counts`] said this.
    pub fn since(&self, before: [u64; 3]) -> [u64; 3] {
        let counts = self.counts();
        [0, 1, 2].map(|kind| counts[kind] - before[kind])
    }

    /// How many operations failed.
    pub fn failed(&self) -> u64 {
        self.state.lock().failed
    }

    /// Notes an operation; how it fails, if it does.
    pub(crate) fn meet(&self, operation: Operation) -> Result<(), c_int> {
        let state = &mut *self.state.lock();
        state.counts[operation as usize] += 1;
        let Some(plan) = state.plan.as_mut().filter(|plan| plan.operation == operation) else { return Ok(()) };
        if plan.spared > 0 {
            plan.spared -= 1;
            return Ok(());
        }
        if plan.times == 0 {
            return Ok(());
        }
        plan.times -= 1;
        state.failed += 1;
        Err(match (plan.with, operation) {
            (Failure::Full, _) => ffi::SQLITE_FULL,
            (Failure::Io, Operation::Read) => ffi::SQLITE_IOERR_READ,
            (Failure::Io, Operation::Write) => ffi::SQLITE_IOERR_WRITE,
            (Failure::Io, Operation::Sync) => ffi::SQLITE_IOERR_FSYNC,
        })
    }
}
