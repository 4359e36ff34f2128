//! The log file, which a thread of its own writes: nobody who logs waits for the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::LogRecord;
use super::rotation::RotatingFile;

/// Records that may be on their way to the file.
const MOST_WAITING: usize = 2_048;
/// Bytes that are written at once, about.
const CHUNK: usize = 64 << 10;

/// A thread that writes records to a file until this is dropped; then all are in it.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    records: Option<SyncSender<Arc<LogRecord>>>,
    troubles: Arc<Troubles>,
    thread: Option<JoinHandle<()>>,
}

/// How a log file does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFileState {
    pub path: PathBuf,
    /// Why it is not written, where it is not.
    pub fault: Option<String>,
    /// Records that are not in it: the disk took none, or too few.
    pub lost: u64,
}

#[derive(Debug, Default)]
struct Troubles {
    fault: Mutex<Option<String>>,
    lost: AtomicU64,
}

impl LogFile {
    /// Begins to write. Where that fails, the state says why, and each record is another attempt.
    pub(super) fn start(path: PathBuf, most_bytes: u64, most_files: u32) -> Self {
        let (records, coming) = sync_channel(MOST_WAITING);
        let troubles = Arc::new(Troubles::default());
        let mut writer = Writer {
            file: None,
            open: Box::new({
                let path = path.clone();
                move || RotatingFile::open(&path, most_bytes, most_files)
            }),
            troubles: Arc::clone(&troubles),
            told: 0,
        };
        let thread = std::thread::Builder::new()
            .name("log file".to_owned())
            .spawn(move || writer.run(&coming))
            .map_err(|error| {
                *troubles.fault.lock() = Some(format!("the thread that writes it can't be started ({error})"));
            });
        Self { path, records: Some(records), troubles, thread: thread.ok() }
    }

    /// Hands a record over; where too many wait it is lost, and counted.
    pub(super) fn write(&self, record: Arc<LogRecord>) {
        if let Some(records) = &self.records
            && records.try_send(record).is_err()
        {
            self.troubles.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn state(&self) -> LogFileState {
        LogFileState {
            path: self.path.clone(),
            fault: self.troubles.fault.lock().clone(),
            lost: self.troubles.lost.load(Ordering::Relaxed),
        }
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        self.records = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread has. It must not log: that would come back to it.
struct Writer {
    file: Option<RotatingFile>,
    open: Box<dyn Fn() -> std::io::Result<RotatingFile> + Send>,
    troubles: Arc<Troubles>,
    /// How many lost records the file tells of.
    told: u64,
}

impl Writer {
    fn run(&mut self, coming: &Receiver<Arc<LogRecord>>) {
        while let Ok(record) = coming.recv() {
            let mut lines = String::new();
            let mut count = 0;
            let mut next = Some(record);
            while let Some(record) = next {
                lines.push_str(&record.line());
                lines.push('\n');
                count += 1;
                next = if lines.len() < CHUNK { coming.try_recv().ok() } else { None };
            }
            self.write(lines, count);
        }
    }

    fn write(&mut self, mut lines: String, count: u64) {
        let lost = self.troubles.lost.load(Ordering::Relaxed);
        if lost > self.told {
            lines.insert_str(0, &format!("({} records before this one are not in the file)\n", lost - self.told));
        }
        match self.try_write(lines.as_bytes()) {
            Ok(()) => {
                self.told = lost;
                *self.troubles.fault.lock() = None;
            }
            Err(error) => {
                // What is wrong with it may be gone with the next attempt.
                self.file = None;
                self.troubles.lost.fetch_add(count, Ordering::Relaxed);
                *self.troubles.fault.lock() = Some(error.to_string());
            }
        }
    }

    fn try_write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert((self.open)()?),
        };
        file.write(lines)
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writer").field("file", &self.file).field("told", &self.told).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use nightjar_broker::Timestamp;

    use super::super::LogLevel;
    use super::*;

    fn record(message: &str) -> Arc<LogRecord> {
        Arc::new(LogRecord {
            id: 1,
            time: Timestamp::from_micros(0),
            level: LogLevel::Info,
            target: "nightjar".into(),
            client: None,
            message: message.into(),
            fields: Box::default(),
        })
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn all_that_was_handed_over_is_in_the_file_once_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nightjar.log");
        let file = LogFile::start(path.clone(), 1 << 20, 2);
        for number in 0..1_000 {
            file.write(record(&format!("number {number}")));
        }
        assert_eq!(file.state(), LogFileState { path: path.clone(), fault: None, lost: 0 });
        drop(file);
        assert_eq!(text(&path).lines().count(), 1_000);
        assert!(text(&path).starts_with("1970-01-01T00:00:00.000000Z  INFO nightjar: number 0\n"));
    }

    #[test]
    fn a_file_that_can_not_be_written_says_why_and_goes_on_once_it_can() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nightjar.log");
        std::fs::create_dir(&path).unwrap();
        let file = LogFile::start(path.clone(), 1 << 20, 2);
        file.write(record("lost"));
        while file.state().fault.is_none() {
            std::thread::yield_now();
        }
        assert_eq!(file.state().lost, 1);
        std::fs::remove_dir(&path).unwrap();
        file.write(record("kept"));
        drop(file);
        let text = text(&path);
        assert!(text.starts_with("(1 records before this one") && text.ends_with("kept\n"), "{text}");
    }
}
