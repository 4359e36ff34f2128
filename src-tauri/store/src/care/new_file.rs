use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::CareError;

/// A file that is whole from its first moment under its own name, or is not there at all: until then its name ends in
/// `.part`.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    part: PathBuf,
    is_whole: bool,
}

impl NewFile {
    /// Makes the file, for its owner alone; it must not be there yet.
    pub(super) fn create(path: &Path) -> Result<(Self, File), CareError> {
        if path.exists() {
            return Err(CareError::Exists { file: path.to_owned() });
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let new = Self { path: path.to_owned(), part: PathBuf::from(part), is_whole: false };
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new.part);
        let file = file.map_err(|source| new.unwritable(source))?;
        Ok((new, file))
    }

    /// Where it is written.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Gives the file its name, once it is on the disk.
    pub(super) fn complete(mut self, file: &File) -> Result<(), CareError> {
        file.sync_all().and_then(|()| fs::rename(&self.part, &self.path)).map_err(|source| self.unwritable(source))?;
        self.is_whole = true;
        Ok(())
    }

    pub(super) fn unwritable(&self, source: io::Error) -> CareError {
        CareError::Unwritable { file: self.path.clone(), source }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = fs::remove_file(&self.part);
        }
    }
}
