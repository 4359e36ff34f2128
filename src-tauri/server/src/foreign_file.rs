//! Files of other programs, line by line.

use std::io;
use std::path::{Path, PathBuf};

/// Bytes of the largest file.
const LARGEST: u64 = 64 << 20;
/// Wrong lines that are named.
const NAMED: usize = 20;

/// A line that can't be used, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: {problem}")]
pub(crate) struct WrongLine {
    pub(crate) number: usize,
    pub(crate) problem: String,
}

/// Why a file can't be taken over. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ForeignFileError {
    #[error("{} can't be read ({source})", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} is too large to be {what}", file.display())]
    TooLarge { file: PathBuf, what: &'static str },
    #[error("{} is not {what} of mosquitto: it is no text in UTF-8", file.display())]
    NoText { file: PathBuf, what: &'static str },
    #[error("{} has wrong lines, and nothing was imported:{}", file.display(), lines.concat())]
    Wrong {
        file: PathBuf,
        /// Each on a line of its own, and not too many.
        lines: Vec<String>,
    },
}

/// Reads a file as a whole, or says which lines are wrong. `what` follows "is too large to be".
pub(crate) fn read<T>(
    file: &Path,
    what: &'static str,
    parse: impl FnOnce(&str) -> Result<T, Vec<WrongLine>>,
) -> Result<T, ForeignFileError> {
    let unreadable = |source| ForeignFileError::Unreadable { file: file.to_owned(), source };
    let found = std::fs::metadata(file).map_err(unreadable)?;
    // A pipe or a device would never end.
    if !found.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    if found.len() > LARGEST {
        return Err(ForeignFileError::TooLarge { file: file.to_owned(), what });
    }
    let text = String::from_utf8(std::fs::read(file).map_err(unreadable)?)
        .map_err(|_| ForeignFileError::NoText { file: file.to_owned(), what })?;
    parse(&text).map_err(|wrong| {
        let mut lines: Vec<_> = wrong.iter().take(NAMED).map(|wrong| format!("\n  {wrong}")).collect();
        if wrong.len() > lines.len() {
            lines.push("\n  …".to_owned());
        }
        ForeignFileError::Wrong { file: file.to_owned(), lines }
    })
}
