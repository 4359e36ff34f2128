//! What is done to a journal beside using it: copies, checks, export and import, and SQL. Everything but the import reads
//! only, and works beside a broker that uses the same data directory.

mod archive;
mod backup;
mod check;
mod csv;
mod error;
mod export;
mod import;
mod json_lines;
mod new_file;
mod sql;

pub use archive::Archive;
pub use error::CareError;
pub use export::ExportFormat;
pub use import::Imported;
pub use sql::SqlValue;
