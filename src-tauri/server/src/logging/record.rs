//! One thing that the program said, bounded, and as a line of text.

use std::fmt::{self, Write};

use nightjar_broker::Timestamp;
use nightjar_store::precise_time;
use tracing::field::{Field, Visit};

use super::LogLevel;

/// Bytes of the longest message; the rest is cut off.
const LONGEST_MESSAGE: usize = 4 << 10;
/// Bytes of the longest value.
const LONGEST_VALUE: usize = 1 << 10;
const MOST_FIELDS: usize = 16;
/// What a record takes beside its texts, about.
const FLAT: usize = 160;

/// One thing that the program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// 1 for the first one of the process; each has the next.
    pub id: u64,
    pub time: Timestamp,
    pub level: LogLevel,
    /// The module that said it.
    pub target: Box<str>,
    /// The client that it is about.
    pub client: Option<Box<str>>,
    pub message: Box<str>,
    pub fields: Box<[LogField]>,
}

/// A name and a value beside the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogField {
    pub name: Box<str>,
    pub value: Box<str>,
}

impl LogRecord {
    /// Bytes of memory, about.
    pub(super) fn size(&self) -> usize {
        let fields: usize = self.fields.iter().map(|field| field.name.len() + field.value.len() + 32).sum();
        FLAT + self.target.len() + self.client.as_ref().map_or(0, |client| client.len()) + self.message.len() + fields
    }

    /// Whether one of its texts is so for `test`.
    pub fn any(&self, mut test: impl FnMut(&str) -> bool) -> bool {
        test(&self.message)
            || self.client.as_deref().is_some_and(&mut test)
            || test(&self.target)
            || self.fields.iter().any(|field| test(&field.name) || test(&field.value))
    }

    /// The record as one line, whatever its texts are made of: no control character of a client's reaches a terminal.
    pub fn line(&self) -> String {
        let mut line = precise_time(self.time);
        line.push_str(match self.level {
            LogLevel::Error => " ERROR ",
            LogLevel::Warn => "  WARN ",
            LogLevel::Info => "  INFO ",
            LogLevel::Debug => " DEBUG ",
            LogLevel::Trace => " TRACE ",
        });
        escape(&mut line, &self.target);
        line.push_str(": ");
        escape(&mut line, &self.message);
        if let Some(client) = &self.client {
            assign(&mut line, "client", client);
        }
        for LogField { name, value } in &self.fields {
            assign(&mut line, name, value);
        }
        line
    }
}

fn assign(line: &mut String, name: &str, value: &str) {
    line.push(' ');
    escape(line, name);
    line.push('=');
    let is_plain = !value.is_empty() && !value.contains(|letter: char| letter.is_whitespace() || letter == '"');
    if is_plain {
        escape(line, value);
    } else {
        line.push('"');
        escape(line, &value.replace('\\', "\\\\").replace('"', "\\\""));
        line.push('"');
    }
}

fn escape(line: &mut String, text: &str) {
    for letter in text.chars() {
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
}

/// Gathers what an event or a span says.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) message: String,
    pub(super) client: Option<Box<str>>,
    /// Where it came through the `log` crate, which has fields of its own for that.
    pub(super) target: Option<Box<str>>,
    pub(super) fields: Vec<LogField>,
}

impl Visit for Gathered {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field.name(), format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field.name(), format_args!("{value:?}"));
    }
}

impl Gathered {
    fn take(&mut self, name: &str, value: fmt::Arguments<'_>) {
        match name {
            "message" => self.message = cut(value, LONGEST_MESSAGE),
            "client" => self.client = Some(cut(value, LONGEST_VALUE).into()),
            "log.target" => self.target = Some(cut(value, LONGEST_VALUE).into()),
            _ if name.starts_with("log.") => {}
            _ if self.fields.len() < MOST_FIELDS => {
                self.fields.push(LogField { name: name.into(), value: cut(value, LONGEST_VALUE).into() });
            }
            _ => {}
        }
    }
}

/// What is written, as far as it fits.
fn cut(value: fmt::Arguments<'_>, most: usize) -> String {
    let mut bounded = Bounded { text: String::new(), most };
    // An error means that it was full, or that the value can't be written: then it is as far as it went.
    let _ = bounded.write_fmt(value);
    bounded.text
}

struct Bounded {
    text: String,
    most: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.most.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        self.text.push_str(&text[..text.floor_char_boundary(room)]);
        self.text.push('…');
        Err(fmt::Error)
    }
}
