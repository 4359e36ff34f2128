//! `[log]` in `nightjar.toml`: what the program says about itself, and how much of it is kept.

use crate::logging::LogLevel;
use crate::quantity::Kind;
use crate::settings_reader::Section;

/// `[log]`, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `level = "info"`: the least serious level that is recorded.
    pub level: LogLevel,
    /// `file`: whether `nightjar.log` is written in the data directory. By default the window does, and
    /// `nightjar-server`, whose standard error is usually kept by whoever starts it, does not.
    pub file: Option<bool>,
    /// `file-size = "5 MB"`: bytes of the largest file.
    pub file_size: u64,
    /// `files = 4`: how many files there are at most, the one that is written included.
    pub files: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: LogLevel::default(), file: None, file_size: 5_000_000, files: 4 }
    }
}

/// Bytes of a file that holds the longest line a few times.
const SMALLEST: u64 = 64_000;
const LARGEST: u64 = 10_000_000_000;
const MOST_FILES: u32 = 100;

/// Reads `[log]`.
pub(crate) fn read(mut section: Section<'_>) -> LogSettings {
    let defaults = LogSettings::default();
    let level = section.value("level", "write \"error\", \"warn\", \"info\", \"debug\" or \"trace\"", |value| {
        value.as_str()?.parse().ok()
    });
    let file = section.flag("file");
    let file_size = section.value("file-size", "write a size from \"64 kB\" to \"10 GB\"", |value| {
        Kind::Size.parse(value.as_str()?).filter(|size| (SMALLEST..=LARGEST).contains(size))
    });
    let files = section.value("files", "write a whole number from 1 to 100", |value| {
        value.as_integer()?.try_into().ok().filter(|files| (1..=MOST_FILES).contains(files))
    });
    section.finish();
    LogSettings {
        level: level.unwrap_or(defaults.level),
        file,
        file_size: file_size.unwrap_or(defaults.file_size),
        files: files.unwrap_or(defaults.files),
    }
}
