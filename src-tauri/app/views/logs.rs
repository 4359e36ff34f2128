//! What the program says about itself, a page at a time.

use nightjar_server::{LogFileState, LogLevel as Level, LogRecord, LogSearch, Logging};

use super::payload::harmless;
use super::{contains, count, millis};
use crate::wire::{LogField, LogFile, LogLevel, LogQuery, LogRow, LogRows};

/// Rows of one answer, whatever was asked for.
const MOST_ROWS: u32 = 500;

pub fn rows(logging: &Logging, query: &LogQuery) -> LogRows {
    let text = query.text.to_lowercase();
    let search = LogSearch { level: query.level.map(level), up_to: query.up_to };
    let is_wanted = |record: &LogRecord| text.is_empty() || record.any(|part| contains(part, &text));
    let page = logging.page(search, is_wanted, query.first as usize, query.count.min(MOST_ROWS) as usize);
    LogRows {
        total: count(page.total),
        first: query.first,
        rows: page.records.iter().map(|record| row(record)).collect(),
        newer: count(page.newer),
        newest: page.newest,
        forgotten: page.forgotten,
        level: named(logging.level()),
        file: logging.file().map(|LogFileState { path, fault, lost }| LogFile {
            path: path.display().to_string(),
            fault,
            lost,
        }),
    }
}

fn row(record: &LogRecord) -> LogRow {
    LogRow {
        id: record.id,
        at: millis(record.time),
        level: named(record.level),
        target: harmless(&record.target).into_owned(),
        client: record.client.as_deref().map(|client| harmless(client).into_owned()),
        text: harmless(&record.message).into_owned(),
        fields: record
            .fields
            .iter()
            .map(|field| LogField {
                name: harmless(&field.name).into_owned(),
                value: harmless(&field.value).into_owned(),
            })
            .collect(),
        line: harmless(&record.line()).into_owned(),
    }
}

const fn named(level: Level) -> LogLevel {
    match level {
        Level::Error => LogLevel::Error,
        Level::Warn => LogLevel::Warn,
        Level::Info => LogLevel::Info,
        Level::Debug => LogLevel::Debug,
        Level::Trace => LogLevel::Trace,
    }
}

/// The level that the window means.
pub const fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warn,
        LogLevel::Info => Level::Info,
        LogLevel::Debug => Level::Debug,
        LogLevel::Trace => Level::Trace,
    }
}

#[cfg(test)]
mod tests {
    use nightjar_server::ToStderr;

    use super::*;

    /// The log of a process is one: no other test of this crate makes one.
    #[test]
    fn what_is_said_is_found_as_the_window_asks_for_it() {
        let logging = Logging::start(Level::Warn, ToStderr::Nothing);
        logging.set_level(Level::Info);
        tracing::info!(client = "a\u{202E}b", attempt = 3, "first\nline of Küche");
        tracing::warn!("second");
        let ask = |level, text: &str, up_to| {
            let query = LogQuery { level, text: text.to_owned(), up_to, first: 0, count: 10 };
            let mut answer = rows(&logging, &query);
            // Other tests of the crate go on meanwhile.
            answer.rows.retain(|row| row.target == module_path!());
            answer
        };
        let all = ask(None, "", None);
        assert_eq!(all.level, LogLevel::Info);
        let [second, first] = &all.rows[..] else { panic!("{all:?}") };
        assert_eq!((&*second.text, second.level), ("second", LogLevel::Warn));
        assert_eq!((&*first.text, first.client.as_deref()), ("first\u{FFFD}line of Küche", Some("a\u{FFFD}b")));
        assert_eq!(first.fields, [LogField { name: "attempt".to_owned(), value: "3".to_owned() }]);
        assert!(first.line.ends_with("first\\nline of Küche client=a\u{FFFD}b attempt=3"), "{}", first.line);
        assert_eq!(ask(None, "KÜCHE", None).rows.len(), 1);
        assert_eq!(ask(Some(LogLevel::Warn), "", None).rows.len(), 1);
        let held = ask(None, "", Some(first.id));
        assert_eq!(held.rows.len(), 1, "what came later waits");
        assert!(held.newer >= 1);
        assert!(all.file.is_none());
    }
}
