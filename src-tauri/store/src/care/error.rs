use std::io;
use std::path::PathBuf;

use crate::{OpenError, ReadError};

/// Why something could not be done with a journal. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    #[error("there is no journal in {}: name the data directory with --data-dir", directory.display())]
    Missing { directory: PathBuf },

    #[error("{} is not a journal of Nightjar: name the data directory with --data-dir", file.display())]
    Foreign { file: PathBuf },

    #[error(
        "{} was written by {} version of Nightjar: start this version on it once, or use the one that wrote it",
        file.display(),
        if *newer { "a newer" } else { "an older" }
    )]
    OtherVersion { file: PathBuf, newer: bool },

    #[error(transparent)]
    Open(#[from] OpenError),

    #[error(transparent)]
    Read(#[from] ReadError),

    #[error("{} is there already: name a file that is not, or move it away", file.display())]
    Exists { file: PathBuf },

    #[error("{} can't be written ({source}): check the disk and the permissions", file.display())]
    Unwritable { file: PathBuf, source: io::Error },

    #[error("the output can't be written ({0}): check the disk and the permissions")]
    Output(io::Error),

    #[error("the input can't be read ({0})")]
    Input(io::Error),

    #[error("line {line} is not a message ({problem}): correct it, or take it out")]
    Line { line: u64, problem: String },

    #[error("the statement is not valid ({0}): `select * from messages limit 10` is one that is")]
    Sql(String),

    #[error("the statement would change the journal: only what reads is allowed")]
    NotReadOnly,

    #[error("it was stopped")]
    Stopped,
}

impl From<rusqlite::Error> for CareError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Read(error.into())
    }
}
