use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::new_file::NewFile;
use super::{Archive, CareError};

/// Pages that are copied before progress is told.
const STEP: i32 = if cfg!(test) { 16 } else { 1_024 };

impl Archive {
    /// Copies the journal, as it was when it was opened, to a file that is not there yet. `go_on` is told how far the copy
    /// is, from 0 to 1, and says whether to go on.
    ///
    /// # Errors
    /// Where the file is there or can't be written, or `go_on` said no.
    pub fn backup(&self, to: &Path, mut go_on: impl FnMut(f64) -> bool) -> Result<(), CareError> {
        let (new, file) = NewFile::create(to)?;
        self.copy(&new, &mut go_on)?;
        new.complete(&file)
    }

    fn copy(&self, new: &NewFile, go_on: &mut impl FnMut(f64) -> bool) -> Result<(), CareError> {
        let unwritable = |error: rusqlite::Error| new.unwritable(std::io::Error::other(error.to_string()));
        let mut copy = Connection::open(new.part()).map_err(unwritable)?;
        let backup = Backup::new(&self.connection, &mut copy)?;
        loop {
            let step = backup.step(STEP).map_err(unwritable)?;
            let progress = backup.progress();
            let copied = progress.pagecount - progress.remaining;
            if !go_on(f64::from(copied) / f64::from(progress.pagecount.max(1))) {
                return Err(CareError::Stopped);
            }
            if step == StepResult::Done {
                return Ok(());
            }
        }
    }
}
