use std::fmt::{self, Write};

use rusqlite::types::ValueRef;

use super::{Archive, CareError};

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// As a field of a table: bytes as hex, tabs and line breaks as `\t` and `\n`.
impl fmt::Display for SqlValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Integer(number) => write!(formatter, "{number}"),
            Self::Real(number) => write!(formatter, "{number}"),
            Self::Text(text) => text.chars().try_for_each(|character| match character {
                character if character.is_control() => write!(formatter, "{}", character.escape_default()),
                character => formatter.write_char(character),
            }),
            Self::Blob(bytes) => bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}")),
        }
    }
}

impl Archive {
    /// Runs one statement that reads, and shows the names of its columns, then each row. The views `messages`, `events`,
    /// `retained_messages`, `topics` and `gaps` have names and times as text; `topic_matches(topic, filter)` is a function.
    ///
    /// # Errors
    /// Where the statement is not valid, would write, or `show` fails.
    pub fn sql(
        &self,
        statement: &str,
        mut columns: impl FnMut(&[&str]) -> Result<(), CareError>,
        mut show: impl FnMut(Vec<SqlValue>) -> Result<(), CareError>,
    ) -> Result<(), CareError> {
        let invalid = |error: rusqlite::Error| CareError::Sql(error.to_string());
        let mut select = self.connection.prepare(statement).map_err(invalid)?;
        let first = statement.trim_start().get(..6).unwrap_or_default().to_ascii_lowercase();
        // ATTACH, for one, counts as reading.
        if !select.readonly()
            || !["select", "with r", "values", "explai"].iter().any(|word| first.starts_with(&word[..4]))
        {
            return Err(CareError::NotReadOnly);
        }
        columns(&select.column_names())?;
        let count = select.column_count();
        let mut rows = select.query(()).map_err(invalid)?;
        while let Some(row) = rows.next().map_err(invalid)? {
            let values = (0..count).map(|column| Ok(value(row.get_ref(column)?)));
            show(values.collect::<rusqlite::Result<_>>().map_err(invalid)?)?;
        }
        Ok(())
    }
}

fn value(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Text(text) => SqlValue::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes.to_vec()),
    }
}
