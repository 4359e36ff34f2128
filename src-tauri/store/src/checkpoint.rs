//! The thread that moves the log to the database, so that no commit waits for it.
//!
//! A passive checkpoint runs beside the writer, but never catches up with one that does not pause, and the log would grow
//! for ever. So where the log has grown large, the writer is held for a moment, right after a passive checkpoint has left
//! little to do: then the log starts anew.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::Connection;

/// Bytes of the log after which it is moved to the database.
const DUE: u64 = 16 << 20;
/// Bytes of the log after which the writer is held for it.
const LARGE: u64 = 64 << 20;

/// What the writer and the checkpointer say to each other.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    state: Mutex<State>,
    woken: Condvar,
    /// Held by who commits, and for a moment by who starts the log anew.
    log: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that were committed since the last checkpoint, and since the log started.
    fresh: u64,
    log: u64,
    /// The disk wants the room of the log back.
    shrinks: bool,
    closed: bool,
}

impl Checkpoints {
    /// Must be held while committing.
    pub(crate) fn committing(&self) -> MutexGuard<'_, ()> {
        self.log.lock()
    }

    /// About that many bytes went to the log.
    pub(crate) fn committed(&self, bytes: u64) {
        let mut state = self.state.lock();
        let was_due = state.fresh >= DUE;
        state.fresh += bytes;
        state.log += bytes;
        if !was_due && state.fresh >= DUE {
            self.woken.notify_one();
        }
    }

    /// Has the log moved now, as far as that goes, and its room given back.
    pub(crate) fn hurry(&self) {
        let mut state = self.state.lock();
        state.fresh = state.fresh.max(DUE);
        state.log = state.log.max(LARGE);
        state.shrinks = true;
        self.woken.notify_one();
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.woken.notify_all();
    }

    /// Waits until there is something to do; `None` once closed, else how large the log is.
    fn wait(&self) -> Option<u64> {
        let mut state = self.state.lock();
        while state.fresh < DUE && !state.closed {
            self.woken.wait(&mut state);
        }
        state.fresh = 0;
        (!state.closed).then_some(state.log)
    }
}

/// Starts the thread, with a connection of its own.
pub(crate) fn start(
    connection: Connection,
    checkpoints: Arc<Checkpoints>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("checkpoints".to_owned()).spawn(move || run(&connection, &checkpoints))
}

fn run(connection: &Connection, checkpoints: &Checkpoints) {
    // A reader that is in the way is waited for by trying again later, not by holding the writer.
    if let Err(error) = connection.busy_timeout(Duration::ZERO) {
        tracing::debug!(%error, "the checkpoints may wait for readers");
    }
    while let Some(log) = checkpoints.wait() {
        let result = checkpoint(connection, "PASSIVE").and_then(|_busy| {
            if log < LARGE {
                return Ok(());
            }
            let _held = checkpoints.log.lock();
            // A log that is written over costs less than one that grows again.
            let mode = if checkpoints.state.lock().shrinks { "TRUNCATE" } else { "RESTART" };
            if !checkpoint(connection, mode)? {
                let state = &mut *checkpoints.state.lock();
                (state.log, state.shrinks) = (0, false);
            }
            Ok(())
        });
        if let Err(error) = result {
            tracing::debug!(%error, "the log was not moved to the database");
        }
    }
}

/// Whether somebody was in the way.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    match connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), (), |row| row.get(0)) {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(true),
        result => result,
    }
}
