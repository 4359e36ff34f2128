use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use nightjar_broker::{Journal, Record, Sequence};

use super::CareError;
use super::json_lines::Line;
use crate::Store;

/// Messages that are appended at once.
const CHUNK: usize = 512;

/// What an import brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub messages: u64,
}

impl Store {
    /// Appends the messages of a JSON Lines export, in their order and with their times; retained ones set what their
    /// topics retain, as they once did. Lines up to one that is wrong are imported. Blocks until all is committed.
    ///
    /// # Errors
    /// Where a line is no message, with its number, or the input can't be read.
    pub fn import(&self, input: impl BufRead) -> Result<Imported, CareError> {
        let mut records = Vec::with_capacity(CHUNK);
        let mut imported = Imported::default();
        let mut last = Sequence::default();
        let mut outcome = Ok(());
        for (number, line) in (1_u64..).zip(input.lines()) {
            let read = line.map_err(CareError::Input).and_then(|line| {
                if line.trim().is_empty() {
                    return Ok(None);
                }
                let invalid = |problem| CareError::Line { line: number, problem };
                let line: Line = serde_json::from_str(&line).map_err(|error| invalid(error.to_string()))?;
                line.into_message().map(Some).map_err(invalid)
            });
            match read {
                Ok(None) => {}
                Ok(Some((message, matched))) => {
                    records.push(Record::Message { message: Arc::new(message), matched });
                    imported.messages += 1;
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            if records.len() == CHUNK {
                last = self.append(&mut records);
                while self.is_behind() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        if !records.is_empty() {
            last = self.append(&mut records);
        }
        self.wait_for_commit(last);
        outcome.map(|()| imported)
    }

    fn wait_for_commit(&self, last: Sequence) {
        let progress = self.progress();
        while progress.borrow().committed < last {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
