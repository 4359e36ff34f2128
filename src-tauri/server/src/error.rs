//! What can go wrong at the start, in three parts: what happened, why, and what to do.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nightjar_store::OpenError;

use crate::CertificateError;

/// Why `nightjar.toml` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{} can't be read ({source}): make it readable for you", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} can't be written ({source}): make it and its directory writable for you", file.display())]
    Unwritable { file: PathBuf, source: io::Error },
    #[error("{}, line {line}{}: {problem}", file.display(), and_more(others.len()))]
    Invalid {
        file: PathBuf,
        /// The first that is wrong.
        line: usize,
        problem: String,
        /// Whatever else is wrong, in order.
        others: Vec<WrongLine>,
    },
    /// A change was asked for that would make the file a wrong one.
    #[error("{problem}")]
    Refused { problem: String },
}

/// A line of the file, 1 first, and what is wrong with it; the cure is behind the last colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLine {
    pub line: usize,
    pub problem: String,
}

impl SettingsError {
    pub(crate) fn invalid(file: &Path, lines: impl IntoIterator<Item = WrongLine>) -> Self {
        let mut lines = lines.into_iter();
        let WrongLine { line, problem } = lines.next().unwrap_or(WrongLine { line: 1, problem: String::new() });
        Self::Invalid { file: file.to_owned(), line, problem, others: lines.collect() }
    }

    /// Everything that is wrong with the file's lines.
    pub fn wrong_lines(&self) -> Vec<WrongLine> {
        match self {
            Self::Invalid { line, problem, others, .. } => {
                let first = WrongLine { line: *line, problem: problem.clone() };
                std::iter::once(first).chain(others.iter().cloned()).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn and_more(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (and another)".to_owned(),
        others => format!(" (and {others} others)"),
    }
}

/// Why the broker does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Journal(#[from] OpenError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("{}: {}. {}", self.what(), self.why(), self.action())]
    Listen { address: SocketAddr, source: io::Error },
}

impl StartError {
    /// What happened, as a title.
    pub fn what(&self) -> String {
        match self {
            Self::Settings(_) => "The settings can't be used".to_owned(),
            Self::Journal(_) => "The data directory can't be used".to_owned(),
            Self::Certificate(_) => "The certificate can't be used".to_owned(),
            Self::Listen { address, .. } => format!("Nightjar can't listen on {address}"),
        }
    }

    /// Why.
    pub fn why(&self) -> String {
        match self {
            Self::Settings(error) => cause(&error.to_string()).to_owned(),
            Self::Journal(error) => cause(&error.to_string()).to_owned(),
            Self::Certificate(error) => cause(&error.to_string()).to_owned(),
            Self::Listen { address, source } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    format!("another program, perhaps another MQTT broker, uses port {}", address.port())
                }
                io::ErrorKind::PermissionDenied => {
                    format!("this user may not open port {}; ports below 1024 are for administrators", address.port())
                }
                io::ErrorKind::AddrNotAvailable => format!("{} is not an address of this computer", address.ip()),
                _ => source.to_string(),
            },
        }
    }

    /// What to do.
    pub fn action(&self) -> String {
        match self {
            Self::Settings(error) => cure(&error.to_string()).unwrap_or("Correct that line").to_owned(),
            Self::Journal(error) => cure(&error.to_string()).unwrap_or("Try again").to_owned(),
            Self::Certificate(error) => cure(&error.to_string()).unwrap_or("Take another certificate").to_owned(),
            Self::Listen { address, source } => match source.kind() {
                io::ErrorKind::AddrNotAvailable => "Choose another address".to_owned(),
                io::ErrorKind::PermissionDenied => "Choose a port above 1024".to_owned(),
                _ => format!("Stop that program, or choose another port than {}", address.port()),
            },
        }
    }
}

/// The part of a sentence before its last ": ", where the cure follows.
fn cause(sentence: &str) -> &str {
    sentence.rsplit_once(": ").map_or(sentence, |(cause, _)| cause)
}

fn cure(sentence: &str) -> Option<&str> {
    sentence.rsplit_once(": ").map(|(_, cure)| cure)
}
