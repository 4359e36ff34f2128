use std::path::Path;
use std::time::Duration;

use nightjar_mqtt::{TopicFilter, TopicName};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};

use super::CareError;
use crate::directory;
use crate::ledger::Extent;
use crate::postings::{Postings, SEGMENT, Tail};
use crate::schema::{self, Origin};

/// A journal as it is at one moment, opened to be read. A broker may go on writing it.
#[derive(Debug)]
pub struct Archive {
    pub(super) connection: Connection,
    pub(super) tail: Tail,
    pub(super) extent: Extent,
}

impl Archive {
    /// Opens the journal of a data directory.
    ///
    /// # Errors
    /// Where there is none, or it is of another version.
    pub fn open(directory: &Path) -> Result<Self, CareError> {
        let file = directory::database_in(directory);
        if !file.is_file() {
            return Err(CareError::Missing { directory: directory.to_owned() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&file, flags)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let foreign = |_error| CareError::Foreign { file: file.clone() };
        match schema::origin(&connection).map_err(foreign)? {
            Origin::Nightjar if schema::is_newest(&connection)? => {}
            Origin::Nightjar => return Err(CareError::OtherVersion { file, newer: false }),
            Origin::Newer => return Err(CareError::OtherVersion { file, newer: true }),
            Origin::Empty | Origin::Foreign => return Err(CareError::Foreign { file }),
        }
        connection.create_scalar_function(
            "topic_matches",
            2,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
            |context| {
                let invalid = |error| rusqlite::Error::UserFunctionError(Box::new(error));
                let topic = TopicName::new(context.get::<String>(0)?).map_err(invalid)?;
                Ok(TopicFilter::new(context.get::<String>(1)?).map_err(invalid)?.matches(&topic))
            },
        )?;
        // One view of everything, whatever is written meanwhile.
        connection.execute_batch("BEGIN")?;
        let (tail, extent) = read_ends(&connection)?;
        Ok(Self { connection, tail, extent })
    }

    pub(super) fn postings(&self) -> Postings<'_> {
        Postings::new(&self.connection, &self.tail)
    }

    /// Messages in the history.
    pub fn messages(&self) -> Result<u64, CareError> {
        Ok(self.connection.query_row("SELECT count(*) FROM message", (), |row| row.get(0))?)
    }
}

fn read_ends(connection: &Connection) -> rusqlite::Result<(Tail, Extent)> {
    let (first, last): (Option<i64>, Option<i64>) =
        connection.query_row("SELECT min(id), max(id) FROM message", (), |row| row.try_into())?;
    let sealed: Option<i64> = connection.query_row("SELECT max(number) FROM segment", (), |row| row.get(0))?;
    let tail = Tail::default();
    let start = sealed.map_or(0, |sealed| (sealed + 1) * SEGMENT);
    tail.begin(start);
    tail.read(connection, start..=last.unwrap_or(0))?;
    Ok((tail, Extent { first: first.unwrap_or(1), last: last.unwrap_or(0) }))
}
