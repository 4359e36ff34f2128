//! The newest records, in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{LogLevel, LogRecord};

const MOST_RECORDS: usize = 10_000;
/// Bytes of all of them, about.
const MOST_BYTES: usize = 8 << 20;

/// The newest records; older ones make room.
#[derive(Debug, Default)]
pub(super) struct Recent {
    records: VecDeque<Arc<LogRecord>>,
    bytes: usize,
    newest: u64,
}

/// What to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSearch {
    /// Records at least as serious; `None` takes all.
    pub level: Option<LogLevel>,
    /// The newest record to look at, for a list that stands still.
    pub up_to: Option<u64>,
}

/// A part of what was found, the newest first.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// How many match in all.
    pub total: usize,
    /// How many match and are newer than the search looks.
    pub newer: usize,
    /// The newest record that there is, whether it matches or not; 0 where there is none.
    pub newest: u64,
    /// How many older ones are not in memory any more.
    pub forgotten: u64,
    pub records: Vec<Arc<LogRecord>>,
}

/// What was in memory at one moment, the oldest first, so that nobody has to wait while it is looked through.
#[derive(Debug)]
pub(super) struct RecentView {
    pub(super) records: Vec<Arc<LogRecord>>,
    newest: u64,
}

impl Recent {
    /// Numbers a record and keeps it.
    pub(super) fn push(&mut self, mut record: LogRecord) -> Arc<LogRecord> {
        self.newest += 1;
        record.id = self.newest;
        let record = Arc::new(record);
        self.bytes += record.size();
        self.records.push_back(Arc::clone(&record));
        while self.records.len() > MOST_RECORDS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= oldest.size();
        }
        record
    }

    pub(super) fn view(&self) -> RecentView {
        RecentView { records: self.records.iter().map(Arc::clone).collect(), newest: self.newest }
    }
}

impl RecentView {
    pub(super) fn page(
        &self,
        search: LogSearch,
        is_wanted: impl Fn(&LogRecord) -> bool,
        first: usize,
        count: usize,
    ) -> LogPage {
        let up_to = search.up_to.unwrap_or(u64::MAX);
        let matches = |record: &LogRecord| search.level.is_none_or(|level| record.level <= level) && is_wanted(record);
        let mut page = LogPage {
            total: 0,
            newer: 0,
            newest: self.newest,
            forgotten: self.newest - self.records.len() as u64,
            records: Vec::new(),
        };
        for record in self.records.iter().rev().filter(|record| matches(record)) {
            if record.id > up_to {
                page.newer += 1;
                continue;
            }
            if page.total >= first && page.records.len() < count {
                page.records.push(Arc::clone(record));
            }
            page.total += 1;
        }
        page
    }
}
