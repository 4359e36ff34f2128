//! A disk that fails when a test says so.
//!
//! [`install`] puts a layer (VFS) between SQLite and the files of this process. What is below a directory that has a
//! [`Disk`] fails as that disk says; all else goes through. The layer knows nothing of Nightjar, nor Nightjar of it.
//!
//! A sync that fails loses what was written since the last one that succeeded, as kernels may: whoever believes that a
//! second sync makes up for it reads the old bytes.

mod disk;
mod file;
mod vfs;

pub use disk::{Disk, Failure, Operation};
pub use vfs::install;
