//! The history written to a file: in the background, with progress, and whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nightjar_store::{Archive, CareError, Search};
use parking_lot::Mutex;

use crate::searches::search_of;
use crate::wire::{ExportFormat, Fault, HistoryExport, HistoryQuery};

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

impl Exports {
    /// Begins to write what a query finds in the journal of a data directory.
    ///
    /// # Errors
    /// Where another export runs, the query is not valid, or the file is there already or can't be made.
    pub fn begin(
        &self,
        data_directory: &Path,
        query: &HistoryQuery,
        format: ExportFormat,
        file: &str,
    ) -> Result<HistoryExport, Fault> {
        let search = search_of(query)?;
        let file = PathBuf::from(file.trim());
        if !file.is_absolute() {
            return Err(Fault::new(WHAT, "The path is not whole", "Write it from the root on, such as /home/…"));
        }
        let mut last = self.last.lock();
        if last.as_ref().is_some_and(|export| export.outcome.lock().is_none()) {
            return Err(Fault::new(WHAT, "Another export is being written", "Wait for it, or cancel it"));
        }
        let exists = io::Error::from(io::ErrorKind::AlreadyExists);
        let made = if file.exists() { Err(exists) } else { File::create(part(&file)) };
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
        let (task, directory) = (Arc::clone(&export), data_directory.to_owned());
        let thread = std::thread::Builder::new().name("export".to_owned());
        thread
            .spawn(move || {
                let outcome = task.run(&directory, &search, format, out);
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
    fn run(&self, directory: &Path, search: &Search, format: ExportFormat, out: File) -> Result<u64, CareError> {
        let archive = Archive::open(directory)?;
        let mut out = BufWriter::new(out);
        let written = archive.export(search, format.into(), &mut out, |share| {
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
    use nightjar_broker::{Broker, ClientIdentifier, Journal, OwnMessage};
    use nightjar_mqtt::{QoS, TopicName};
    use nightjar_store::{Options, Store};

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

    #[tokio::test]
    async fn what_is_found_is_in_the_file_and_half_a_file_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(directory.path())).unwrap().store;
        let broker = Broker::start(nightjar_broker::Options::default(), Arc::clone(&store) as _, Vec::new());
        let mut last = None;
        for n in 0..10 {
            last = Some(broker.publish(OwnMessage {
                publisher: ClientIdentifier::new("press"),
                topic: TopicName::new(if n % 2 == 0 { "a" } else { "b" }).unwrap(),
                payload: Bytes::from(format!("{{\"n\":{n}}}")),
                qos: QoS::AtLeastOnce,
                retain: false,
                properties: None,
            }));
        }
        let mut progress = store.progress();
        progress.wait_for(|progress| Some(progress.committed) >= last).await.unwrap();

        let exports = Exports::default();
        let file = directory.path().join("a.csv").display().to_string();
        let query = HistoryQuery { filter: "a".to_owned(), json: "$.n > 3".to_owned(), ..HistoryQuery::default() };
        exports.begin(directory.path(), &query, ExportFormat::Csv, &file).unwrap();
        let export = ended(&exports).unwrap();
        assert_eq!((export.written, &export.file), (Some(3), &file));
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");

        let again = exports.begin(directory.path(), &query, ExportFormat::Csv, &file).unwrap_err();
        assert!(again.why.contains("already"), "{again:?}");
        let nowhere = directory.path().join("not/there").display().to_string();
        assert!(exports.begin(directory.path(), &query, ExportFormat::Csv, &nowhere).is_err());
        assert!(exports.begin(directory.path(), &query, ExportFormat::Csv, "here.csv").is_err());

        let empty = tempfile::tempdir().unwrap();
        let file = directory.path().join("b.jsonl").display().to_string();
        exports.begin(empty.path(), &query, ExportFormat::JsonLines, &file).unwrap();
        assert!(ended(&exports).is_err());
        assert!(!Path::new(&file).exists() && !part(Path::new(&file)).exists(), "half a file was left");
        broker.stop().await;
        store.close().unwrap();
    }
}
