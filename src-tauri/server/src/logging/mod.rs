//! What the program says about itself: on the standard error, in memory for the window, and in a file.
//!
//! ```text
//! tracing ── filter (level, changeable) ──┬── standard error
//!                                         └── recorder ──┬── recent: the newest records, in memory
//!                                                        └── file: a thread that writes nightjar.log
//! ```
//!
//! Clients can provoke records, so each of these is bounded: a record in bytes, the memory in records and bytes, the way
//! to the file in records, the file in bytes and number. Whoever logs never waits for the disk. What the filter leaves
//! out costs one look at a number.

mod file;
mod level;
mod recent;
mod record;
mod recorder;
mod rotation;

pub use file::LogFileState;
pub use level::{LogLevel, UnknownLogLevel};
pub use recent::{LogPage, LogSearch};
pub use record::{LogField, LogRecord};

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::LogSettings;
use file::LogFile;
use recorder::{Recorder, Records};

/// The environment variable that says more or less than the settings do, in the manner of `tracing`: `debug`, or
/// `warn,nightjar_store=trace`.
const VARIABLE: &str = "NIGHTJAR_LOG";
/// Its name in a data directory.
const FILE: &str = "nightjar.log";

/// What goes to the standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToStderr {
    Nothing,
    /// Warnings and errors; all, where `NIGHTJAR_LOG` says what.
    Warnings,
    /// All that is recorded.
    All,
}

/// A handle on the log of this process.
#[derive(Clone, Debug)]
pub struct Logging {
    records: Arc<Records>,
    filter: reload::Handle<EnvFilter, Registry>,
    level: Arc<Mutex<LogLevel>>,
}

impl Logging {
    /// Logs from here on, at the level of the settings unless `NIGHTJAR_LOG` names another. Where the process has a log
    /// already, that one stays, and this handle sees nothing.
    pub fn start(level: LogLevel, stderr: ToStderr) -> Self {
        let (logging, subscriber) = Self::build(level, std::env::var(VARIABLE).ok().as_deref(), stderr);
        // A second one is refused where the program that calls has one already, which is then as good.
        let _ = subscriber.try_init();
        logging
    }

    /// A log of nothing, for who has no process of its own to log: nobody hears it.
    pub fn unheard() -> Self {
        Self::build(LogLevel::default(), None, ToStderr::Nothing).0
    }

    fn build(level: LogLevel, wanted: Option<&str>, stderr: ToStderr) -> (Self, impl Subscriber + Send + Sync) {
        let wanted = wanted.and_then(|wanted| EnvFilter::try_new(wanted).ok());
        let is_wanted = wanted.is_some();
        let filter = wanted.unwrap_or_else(|| filter(level));
        let level = filter.max_level_hint().filter(|_| is_wanted).map_or(level, LogLevel::nearest);
        let (filter, handle) = reload::Layer::new(filter);
        let records = Arc::new(Records::default());
        let bound = match stderr {
            ToStderr::Nothing => LevelFilter::OFF,
            ToStderr::Warnings if !is_wanted => LevelFilter::WARN,
            ToStderr::Warnings | ToStderr::All => LevelFilter::TRACE,
        };
        let written = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .with_filter(bound);
        let subscriber = Registry::default().with(filter).with(Recorder::new(Arc::clone(&records))).with(written);
        (Self { records, filter: handle, level: Arc::new(Mutex::new(level)) }, subscriber)
    }

    /// The least serious level that is recorded. Of other libraries, nothing below a warning is.
    pub fn level(&self) -> LogLevel {
        *self.level.lock()
    }

    /// Records from this level up, from here on.
    pub fn set_level(&self, level: LogLevel) {
        let mut held = self.level.lock();
        // An error means that this is not the log of the process.
        if self.filter.reload(filter(level)).is_ok() {
            *held = level;
        }
    }

    /// The newest records that match and are wanted, from the `first` one on, the newest of all being 0.
    pub fn page(
        &self,
        search: LogSearch,
        is_wanted: impl Fn(&LogRecord) -> bool,
        first: usize,
        count: usize,
    ) -> LogPage {
        self.records.recent().page(search, is_wanted, first, count)
    }

    /// Writes to `nightjar.log` in a data directory, too, what is still in memory first. The directory is to be this
    /// process's own by then.
    pub fn open_file(&self, data_directory: &Path, settings: &LogSettings) {
        self.records.write_to(|| LogFile::start(data_directory.join(FILE), settings.file_size, settings.files));
    }

    /// The file, where there is one.
    pub fn file(&self) -> Option<LogFileState> {
        self.records.file()
    }

    /// Ends the file once all is in it. Blocks on the disk.
    pub fn close_file(&self) {
        self.records.close();
    }
}

/// Our own crates at a level; what others say matters where it is a warning.
fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Error => "error".to_owned(),
        level => format!("warn,nightjar={}", level.name()),
    })
}

#[cfg(test)]
mod tests;
