//! The history written to a file: in the background, with progress, and whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nightjar_server::Server;
use nightjar_store::{Archive, CareError, Search, SearchHandle};
use parking_lot::Mutex;

use crate::searches::{Searches, search_of};
use crate::wire::{ExportFormat, Fault, HistoryExport, HistoryPick, HistoryQuery};

const WHAT: &str = "The messages were not exported";

/// The export that runs or has run last: there is one at a time.
#[derive(Debug, Default)]
pub struct Exports {
    last: Mutex<Option<Arc<Export>>>,
}

#[derive(Debug)]
struct Export {
    file: PathBuf,
    /// The bits of a number from 0 to 1.
    share: AtomicU64,
    cancelled: AtomicBool,
    outcome: Mutex<Option<Result<u64, CareError>>>,
}

/// What is to be written.
#[derive(Debug)]
pub enum Source {
    /// All that a search finds in the journal of a data directory, also what came since it was asked for.
    Found { directory: PathBuf, search: Box<Search> },
    /// Some of what a search has found.
    Picked { handle: Arc<SearchHandle>, positions: Vec<Range<u64>> },
}

impl Source {
    /// All that a query finds.
    ///
    /// # Errors
    /// Where the query is not valid, or there is no file to read.
    pub fn query(server: &Server, query: &HistoryQuery) -> Result<Self, Fault> {
        if server.store().is_in_memory() {
            let action = "Select messages in the list and export or copy those; to have a history on the disk, set durability \
                          to \"crash\" or \"power-loss\" in nightjar.toml and start Nightjar again";
            return Err(Fault::new(WHAT, "The history is in memory only, for durability is \"none\"", action));
        }
        let search = Box::new(search_of(query)?);
        Ok(Self::Found { directory: server.data_directory().to_owned(), search })
    }

    /// Some of what a search has found.
    ///
    /// # Errors
    /// Where the search is closed.
    pub fn picked(searches: &Searches, picked: &HistoryPick) -> Result<Self, Fault> {
        let (handle, positions) = searches.picked(picked)?;
        Ok(Self::Picked { handle, positions })
    }

    fn write(
        &self,
        format: ExportFormat,
        out: &mut impl Write,
        go_on: impl FnMut(f64) -> bool,
    ) -> Result<u64, CareError> {
        match self {
            Self::Found { directory, search } => Archive::open(directory)?.export(search, format.into(), out, go_on),
            Self::Picked { handle, positions } => handle.export(positions, format.into(), out, go_on),
        }
    }
}

/// Messages as JSON Lines, and how many there were.
///
/// # Errors
/// Where the search is closed, the history can't be read, or they are too many for a clipboard.
pub fn lines(searches: &Searches, picked: &HistoryPick) -> Result<(String, u64), Fault> {
    const WHAT: &str = "The messages were not copied";
    let source = Source::picked(searches, picked)?;
    let mut out = Bounded { bytes: Vec::new(), most: MOST_COPIED };
    match source.write(ExportFormat::JsonLines, &mut out, |_| true) {
        Ok(count) => Ok((String::from_utf8_lossy(&out.bytes).into_owned(), count)),
        Err(CareError::Output(_)) => {
            let why = format!("They are more than {} MB", MOST_COPIED / 1_000_000);
            Err(Fault::new(WHAT, why, "Select fewer, or export them to a file"))
        }
        Err(error) => Err(Fault::new(WHAT, error, "Search again, and copy them then")),
    }
}

/// Bytes that are copied at once: what a text editor still takes.
const MOST_COPIED: usize = 16_000_000;

/// Takes so many bytes and no more.
#[derive(Debug)]
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Exports {
    /// Begins to write to a file.
    ///
    /// # Errors
    /// Where another export runs, or the file can't be made, or is there already and is not to be replaced.
    pub fn begin(
        &self,
        source: Source,
        format: ExportFormat,
        file: &str,
        replace: bool,
    ) -> Result<HistoryExport, Fault> {
        let file = PathBuf::from(file.trim());
        if !file.is_absolute() {
            return Err(Fault::new(WHAT, "The path is not whole", "Write it from the root on, such as /home/…"));
        }
        let mut last = self.last.lock();
        if last.as_ref().is_some_and(|export| export.outcome.lock().is_none()) {
            return Err(Fault::new(WHAT, "Another export is being written", "Wait for it, or cancel it"));
        }
        let exists = io::Error::from(io::ErrorKind::AlreadyExists);
        let made = if file.exists() && !replace { Err(exists) } else { File::create(part(&file)) };
        let out = made.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Fault::new(WHAT, format!("{} is there already", file.display()), "Choose another name")
            }
            io::ErrorKind::NotFound => Fault::new(WHAT, "There is no such directory", "Choose one that is there"),
            _ => Fault::new(WHAT, error, "Choose a directory that you may write to"),
        })?;
        let export = Arc::new(Export {
            file,
            share: AtomicU64::default(),
            cancelled: AtomicBool::new(false),
            outcome: Mutex::default(),
        });
        let task = Arc::clone(&export);
        let thread = std::thread::Builder::new().name("export".to_owned());
        thread
            .spawn(move || {
                let outcome = task.run(&source, format, out);
                if outcome.is_err() {
                    // Half of it is of no use. Where it can't be deleted, it says by its name what it is.
                    let _ = fs::remove_file(part(&task.file));
                }
                *task.outcome.lock() = Some(outcome);
            })
            .map_err(|error| Fault::new(WHAT, error, "Try again"))?;
        *last = Some(Arc::clone(&export));
        drop(last);
        export.view()
    }

    /// How far the last export is; `None` where there was none.
    ///
    /// # Errors
    /// Where it failed.
    pub fn look(&self) -> Result<Option<HistoryExport>, Fault> {
        let last = self.last.lock().clone();
        last.map(|export| export.view()).transpose()
    }

    /// Stops the export; nothing of it stays.
    pub fn cancel(&self) {
        if let Some(export) = &*self.last.lock() {
            export.cancelled.store(true, Ordering::Relaxed);
        }
    }
}

impl Export {
    fn run(&self, source: &Source, format: ExportFormat, out: File) -> Result<u64, CareError> {
        let mut out = BufWriter::new(out);
        let written = source.write(format, &mut out, |share| {
            self.share.store(share.to_bits(), Ordering::Relaxed);
            !self.cancelled.load(Ordering::Relaxed)
        })?;
        let out = out.into_inner().map_err(|error| CareError::Output(error.into_error()))?;
        out.sync_all().and_then(|()| fs::rename(part(&self.file), &self.file)).map_err(CareError::Output)?;
        Ok(written)
    }

    fn view(&self) -> Result<HistoryExport, Fault> {
        let (progress, written) = match &*self.outcome.lock() {
            None => (f64::from_bits(self.share.load(Ordering::Relaxed)), None),
            Some(Ok(written)) => (1.0, Some(*written)),
            Some(Err(CareError::Stopped)) => return Err(Fault::new(WHAT, "It was cancelled", "Export them again")),
            Some(Err(error)) => return Err(Fault::new(WHAT, error, "Try again, perhaps to another disk")),
        };
        Ok(HistoryExport { file: self.file.display().to_string(), progress, written })
    }
}

/// Where it is written until it is whole.
fn part(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use bytes::Bytes;
    use nightjar_broker::{ClientIdentifier, Journal, OwnMessage};
    use nightjar_mqtt::{QoS, TopicName};
    use nightjar_server::{Overrides, StartOptions};
    use nightjar_store::Durability;

    use super::*;

    fn ended(exports: &Exports) -> Result<HistoryExport, Fault> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match exports.look().map(Option::unwrap) {
                Ok(export) if export.written.is_none() => assert!(Instant::now() < end, "it does not end"),
                other => return other,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A server with ten messages on the topics a and b, in turn.
    async fn server(directory: &Path, durability: Durability) -> Server {
        let overrides = Overrides { port: Some(0), durability: Some(durability), ..Overrides::default() };
        let options = StartOptions { overrides, watched: true, ..StartOptions::of(directory).unwrap() };
        let server = Server::start(options).await.unwrap();
        let mut last = None;
        for n in 0..10 {
            last = Some(server.broker().publish(OwnMessage {
                publisher: ClientIdentifier::new("press"),
                topic: TopicName::new(if n % 2 == 0 { "a" } else { "b" }).unwrap(),
                payload: Bytes::from(format!("{{\"n\":{n}}}")),
                qos: QoS::AtLeastOnce,
                retain: false,
                properties: None,
            }));
        }
        let mut progress = server.store().progress();
        progress.wait_for(|progress| Some(progress.committed) >= last).await.unwrap();
        server
    }

    fn above_three() -> HistoryQuery {
        HistoryQuery { filter: "a".to_owned(), json: "$.n > 3".to_owned(), ..HistoryQuery::default() }
    }

    #[tokio::test]
    async fn what_is_found_is_in_the_file_and_half_a_file_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let server = server(directory.path(), Durability::default()).await;
        let exports = Exports::default();
        let all = || Source::query(&server, &above_three()).unwrap();
        let file = directory.path().join("a.csv").display().to_string();
        exports.begin(all(), ExportFormat::Csv, &file, false).unwrap();
        let export = ended(&exports).unwrap();
        assert_eq!((export.written, &export.file), (Some(3), &file));
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");

        let again = exports.begin(all(), ExportFormat::Csv, &file, false).unwrap_err();
        assert!(again.why.contains("already"), "{again:?}");
        exports.begin(all(), ExportFormat::JsonLines, &file, true).unwrap();
        assert_eq!(ended(&exports).unwrap().written, Some(3));
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 3, "the other one was replaced");
        let nowhere = directory.path().join("not/there").display().to_string();
        assert!(exports.begin(all(), ExportFormat::Csv, &nowhere, false).is_err());
        assert!(exports.begin(all(), ExportFormat::Csv, "here.csv", false).is_err());

        let empty = tempfile::tempdir().unwrap();
        let file = directory.path().join("b.jsonl").display().to_string();
        let none = Source::Found { directory: empty.path().to_owned(), search: Box::default() };
        // It may have failed before the first look at it.
        let failed = exports.begin(none, ExportFormat::JsonLines, &file, false).and_then(|_| ended(&exports));
        assert!(failed.is_err(), "{failed:?}");
        assert!(!Path::new(&file).exists() && !part(Path::new(&file)).exists(), "half a file was left");
        server.stop().await;
    }

    #[tokio::test]
    async fn what_is_picked_goes_to_a_file_or_the_clipboard_also_from_memory() {
        let directory = tempfile::tempdir().unwrap();
        let server = server(directory.path(), Durability::None).await;
        let refused = Source::query(&server, &HistoryQuery::default()).unwrap_err();
        assert!(refused.why.contains("in memory only") && refused.action.contains("durability"), "{refused:?}");

        let (searches, exports) = (Searches::default(), Exports::default());
        let search = searches.open(server.store(), &HistoryQuery::default()).unwrap().search;
        let end = Instant::now() + Duration::from_secs(20);
        while !searches.page(search, 0, 0).unwrap().progress.done {
            assert!(Instant::now() < end, "the search does not end");
        }
        // Newest first: 9, 8, 7 …; what is beyond the last one is not there.
        let picked = HistoryPick { search, ranges: vec![(0, 1), (3, 2), (9, 5)] };
        let (text, count) = lines(&searches, &picked).unwrap();
        let numbers: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["payload"].take())
            .collect();
        assert_eq!((count, numbers), (4, ["9", "6", "5", "0"].map(|n| format!("{{\"n\":{n}}}").into()).to_vec()));

        let file = directory.path().join("some.jsonl").display().to_string();
        let source = Source::picked(&searches, &picked).unwrap();
        exports.begin(source, ExportFormat::JsonLines, &file, false).unwrap();
        assert_eq!(ended(&exports).unwrap().written, Some(4));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);

        searches.close(search);
        assert!(lines(&searches, &picked).unwrap_err().action.contains("Search again"));
        server.stop().await;
    }

    #[test]
    fn a_clipboard_takes_so_much_and_no_more() {
        let mut out = Bounded { bytes: Vec::new(), most: 4 };
        out.write_all(b"1234").unwrap();
        assert!(out.write_all(b"5").is_err());
        assert_eq!(out.bytes, b"1234");
    }
}
