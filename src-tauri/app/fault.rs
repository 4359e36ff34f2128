//! What goes wrong, in the window's three parts: what happened, why, and what to do.

use std::fmt::Display;
use std::path::Path;

use nightjar_broker::QueueUnreadable;
use nightjar_server::{ForeignFileError, SettingsError, StartError};
use nightjar_store::ReadError;

use crate::wire::Fault;

impl Fault {
    pub fn new(what: impl Into<String>, why: impl Display, action: impl Into<String>) -> Self {
        Self { what: what.into(), why: sentence(&why.to_string()), action: sentence(&action.into()) }
    }

    /// The broker did not start, for whoever looks at the window rather than at a command line.
    pub fn of_start(error: &StartError, data_directory: &Path) -> Self {
        let settings = data_directory.join("nightjar.toml");
        let action = match error {
            StartError::Listen { .. } => {
                format!("Stop the other program and try again, or set another port in {}", settings.display())
            }
            StartError::Settings(SettingsError::Invalid { .. }) => "Correct that line and try again".to_owned(),
            StartError::Settings(_) | StartError::Journal(_) | StartError::Certificate(_) => error.action(),
        };
        Self::new(error.what(), error.why(), action)
    }

    /// The history can't be read.
    pub fn of_read(what: &str, error: &ReadError) -> Self {
        Self::new(what, error, "Check the disk with the data directory, then try again")
    }

    /// A file of another program can't be used; its wrong lines are named.
    pub fn of_foreign_file(what: &str, error: &ForeignFileError) -> Self {
        let action = match error {
            ForeignFileError::Wrong { .. } => "Correct these lines, and import it again",
            _ => "Choose another file",
        };
        Self::new(what, error, action)
    }

    /// A queue can't be read.
    pub fn of_queue(what: &str, error: &QueueUnreadable) -> Self {
        Self::new(what, error, "Check the disk with the data directory, then try again")
    }
}

/// Begins with a capital letter, as a line of its own does.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_port_in_use_names_the_port_and_the_file_that_sets_it() {
        let error =
            StartError::Listen { address: "127.0.0.1:1883".parse().unwrap(), source: io::ErrorKind::AddrInUse.into() };
        let fault = Fault::of_start(&error, Path::new("/data"));
        assert!(fault.what.contains("127.0.0.1:1883"), "{fault:?}");
        assert!(fault.why.starts_with("Another program"), "{fault:?}");
        assert!(fault.action.contains("/data/nightjar.toml"), "{fault:?}");
    }
}
