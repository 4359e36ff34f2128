use std::io::{BufWriter, Write};
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::csv::write_row;
use super::json_lines::Line;
use super::new_file::NewFile;
use super::{Archive, CareError};
use crate::history::{Stop, Visitor, Walk, read_all, retained_at};
use crate::{Search, SearchHandle, StoredMessage, moment};

/// How messages are written to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON object a line; an import reads it again, all properties included.
    #[default]
    JsonLines,
    /// A table: time, topic, client, QoS, RETAIN, size, payload as text and, where it is none, as base64.
    Csv,
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "jsonl" => Ok(Self::JsonLines),
            "csv" => Ok(Self::Csv),
            _ => Err(format!("the format is \"jsonl\" or \"csv\", not {name:?}")),
        }
    }
}

/// Messages that are collected before they are written.
const CHUNK: usize = 256;

impl Archive {
    /// Writes the messages that a search finds, in its order. `go_on` is told how far it is, from 0 to 1, and says whether
    /// to go on. Returns how many there were.
    ///
    /// # Errors
    /// Where the output can't be written, or `go_on` said no.
    pub fn export(
        &self,
        search: &Search,
        format: ExportFormat,
        out: &mut impl Write,
        go_on: impl FnMut(f64) -> bool,
    ) -> Result<u64, CareError> {
        write_head(format, out)?;
        let mut exporter = Exporter { archive: self, format, out, go_on, ids: Vec::new(), written: 0, failed: None };
        let ids = self.extent.first..=self.extent.last;
        let walked = match search.retained_at {
            Some(at) => retained_at(&self.connection, &ids, search.filter.as_ref(), at, &mut exporter),
            None => match Walk::new(&self.connection, self.postings(), search, &ids)? {
                Some(walk) => walk.run(&mut exporter),
                None => Ok(()),
            },
        };
        match walked {
            Ok(()) => {}
            Err(Stop::Failed(error)) => return Err(error.into()),
            Err(Stop::Cancelled | Stop::Enough) => return Err(exporter.failed.take().unwrap_or(CareError::Stopped)),
        }
        let written = exporter.finish()?;
        out.flush().map_err(CareError::Output)?;
        Ok(written)
    }
}

impl Archive {
    /// Writes the messages that a search finds to a file that is not there yet; half of them would be of no use, so that
    /// nothing is left of it where that fails.
    ///
    /// # Errors
    /// Where the file is there or can't be written, or `go_on` said no.
    pub fn export_to_file(
        &self,
        search: &Search,
        format: ExportFormat,
        file: &Path,
        go_on: impl FnMut(f64) -> bool,
    ) -> Result<u64, CareError> {
        let (new, file) = NewFile::create(file)?;
        let mut out = BufWriter::new(file);
        let written = self.export(search, format, &mut out, go_on);
        // What is left in the buffer is of no use where it failed, and must not be tried once more.
        let (file, _unwritten) = out.into_parts();
        let written = written.map_err(|error| match error {
            CareError::Output(source) => new.unwritable(source),
            error => error,
        })?;
        new.complete(&file)?;
        Ok(written)
    }
}

impl SearchHandle {
    /// Writes messages that the search has found, by their positions in its order. One that is no longer in the history is
    /// left out. `go_on` is told how far it is, from 0 to 1, and says whether to go on. Returns how many there were.
    ///
    /// # Errors
    /// Where the history can't be read, the output can't be written, or `go_on` said no.
    pub fn export(
        &self,
        positions: &[Range<u64>],
        format: ExportFormat,
        out: &mut impl Write,
        mut go_on: impl FnMut(f64) -> bool,
    ) -> Result<u64, CareError> {
        write_head(format, out)?;
        let all: u64 = positions.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        let (mut passed, mut written) = (0, 0);
        for range in positions {
            for first in range.clone().step_by(CHUNK) {
                let count = (range.end - first).min(CHUNK as u64);
                for message in self.rows(first, count as usize, usize::MAX)? {
                    write_message(format, out, &message)?;
                    written += 1;
                }
                passed += count;
                if !go_on(passed as f64 / all as f64) {
                    return Err(CareError::Stopped);
                }
            }
        }
        out.flush().map_err(CareError::Output)?;
        Ok(written)
    }
}

struct Exporter<'a, W, G> {
    archive: &'a Archive,
    format: ExportFormat,
    out: &'a mut W,
    go_on: G,
    ids: Vec<i64>,
    written: u64,
    failed: Option<CareError>,
}

impl<W: Write, G: FnMut(f64) -> bool> Exporter<'_, W, G> {
    fn add(&mut self, id: i64) -> Result<(), Stop> {
        self.ids.push(id);
        if self.ids.len() < CHUNK {
            return Ok(());
        }
        self.write().map_err(|error| {
            self.failed = Some(error);
            Stop::Cancelled
        })
    }

    fn write(&mut self) -> Result<(), CareError> {
        for message in read_all(&self.archive.connection, &self.ids, usize::MAX)? {
            write_message(self.format, self.out, &message)?;
            self.written += 1;
        }
        self.ids.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<u64, CareError> {
        self.write()?;
        Ok(self.written)
    }
}

impl<W: Write, G: FnMut(f64) -> bool> Visitor for Exporter<'_, W, G> {
    const READS: bool = false;

    fn ids(&mut self, ids: RangeInclusive<i64>) -> Result<(), Stop> {
        ids.into_iter().try_for_each(|id| self.add(id))
    }

    fn message(&mut self, id: i64, _time_us: i64, _payload: &[u8]) -> Result<(), Stop> {
        self.add(id)
    }

    fn is_at(&mut self, share: f64) -> Result<(), Stop> {
        if (self.go_on)(share) { Ok(()) } else { Err(Stop::Cancelled) }
    }
}

/// What comes before the first message.
fn write_head(format: ExportFormat, out: &mut impl Write) -> Result<(), CareError> {
    if format == ExportFormat::Csv {
        let names = ["time", "topic", "client", "qos", "retain", "size", "payload", "payload_base64"];
        write_row(out, names).map_err(CareError::Output)?;
    }
    Ok(())
}

fn write_message(format: ExportFormat, out: &mut impl Write, message: &StoredMessage) -> Result<(), CareError> {
    match format {
        ExportFormat::JsonLines => {
            serde_json::to_writer(&mut *out, &Line::of(message)).map_err(|error| CareError::Output(error.into()))?;
            out.write_all(b"\n").map_err(CareError::Output)
        }
        ExportFormat::Csv => write_csv(out, message).map_err(CareError::Output),
    }
}

fn write_csv(out: &mut impl Write, message: &StoredMessage) -> std::io::Result<()> {
    let text = std::str::from_utf8(&message.payload).ok();
    write_row(
        out,
        [
            &*moment::precise(message.received),
            &*message.topic,
            &*message.publisher,
            &message.qos.level().to_string(),
            if message.retain { "1" } else { "0" },
            &message.size.to_string(),
            text.unwrap_or_default(),
            &if text.is_some() { String::new() } else { STANDARD.encode(&message.payload) },
        ],
    )
}
