use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;

use nightjar_broker::{
    Journal, Page, PageQuery, Progress, QueueUnreadable, Record, Sequence, SessionNumber, Timestamp,
};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use crate::Options;
use crate::checkpoint::{self, Checkpoints};
use crate::directory::{Directory, SetAside};
use crate::error::{OpenError, ReadError, Unkept, is_damage};
use crate::keeping::{self, Keeper, Keeping, Orders, Pruning};
use crate::open::{self, Database, Kept};
use crate::postings::{Postings, Tail};
use crate::queue::Queue;
use crate::readers::Readers;
use crate::sessions::{Marks, order_at, read_page};
use crate::topics::{Topics, seed};
use crate::writer::Writer;

/// The journal, open. Appending and `progress` may be called from anywhere; whatever reads the history blocks on the
/// disk, so that async code calls it through `spawn_blocking`.
#[derive(Debug)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<usize>>>,
    /// Fills the topic tree, which may take longer than the broker should wait.
    seeder: Mutex<Option<JoinHandle<()>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What [`Store::open`] gives.
#[derive(Debug)]
pub struct Opened {
    pub store: Arc<Store>,
    pub kept: Kept,
    /// A database that could not be used, where there was one; the journal then starts anew.
    pub set_aside: Option<SetAside>,
}

/// Numbers about the journal, cheap enough for a few times a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages in the history.
    pub messages: u64,
    /// Bytes of the database, its log included.
    pub bytes: u64,
    /// Records that were appended and are not committed yet.
    pub backlog: u64,
}

/// What the writer, the readers and the handles have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) keeper: Keeper,
    pub(crate) orders: Orders,
    marks: Marks,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) readers: Readers,
    pub(crate) topics: Topics,
    /// Messages are wanted whether or not somebody needs them.
    wants_all: AtomicBool,
    tail: Arc<Tail>,
    directory: Option<Directory>,
    messages: AtomicU64,
    first_message: AtomicI64,
    last_message: AtomicI64,
    /// Bytes that a history in memory may have, and has.
    pub(crate) memory_limit: Option<u64>,
    memory: AtomicU64,
    #[cfg(test)]
    pub(crate) page_limit: AtomicU64,
}

impl Store {
    /// Opens the journal, or makes one. A damaged or foreign database is set aside.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(options: &Options) -> Result<Opened, OpenError> {
        let Database { ledger, readers, checkpointer, directory, kept, set_aside } = open::open(options)?;
        let unreadable = |error: rusqlite::Error| OpenError::from_database(&options.directory, &error);
        let extent = ledger.extent().map_err(unreadable)?;
        let messages = ledger.messages().map_err(unreadable)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue_limit, options.on_overload),
            checkpoints: Arc::default(),
            keeper: Keeper::new(options.keeping.clone()),
            orders: Orders::default(),
            marks: Marks::default(),
            progress: watch::Sender::new(Progress::default()),
            readers,
            topics: if options.watched { Topics::new() } else { Topics::unwatched() },
            wants_all: AtomicBool::new(options.watched || options.keeping.records_any()),
            tail: Arc::clone(ledger.tail()),
            memory_limit: directory.is_none().then_some(options.memory_limit),
            directory,
            messages: AtomicU64::new(messages),
            first_message: AtomicI64::new(extent.first),
            last_message: AtomicI64::new(extent.last),
            memory: AtomicU64::new(0),
            #[cfg(test)]
            page_limit: AtomicU64::new(0),
        });
        if let Some(SetAside { file, reason }) = &set_aside {
            tracing::warn!(file = %file.display(), %reason, "the database was set aside, and a new one started");
        }
        let seeder = if options.watched { seed(&shared)? } else { None };
        let checkpointer = match checkpointer {
            None => None,
            Some(connection) => {
                let thread = checkpoint::start(connection, Arc::clone(&shared.checkpoints));
                Some(thread.map_err(OpenError::Thread)?)
            }
        };
        let keeper = keeping::start(Arc::clone(&shared)).map_err(OpenError::Thread)?;
        let writer = Writer::new(ledger, Arc::clone(&shared), checkpointer);
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        Ok(Opened {
            store: Arc::new(Self {
                shared,
                writer: Mutex::new(Some(writer)),
                seeder: Mutex::new(seeder),
                keeper: Mutex::new(Some(keeper)),
            }),
            kept,
            set_aside,
        })
    }

    /// Commits everything that was appended, and closes the database. What is appended later is lost.
    ///
    /// # Errors
    /// Where the disk takes nothing.
    pub fn close(&self) -> Result<(), Unkept> {
        self.shared.queue.close();
        self.shared.keeper.close();
        self.shared.orders.close();
        for thread in [&self.seeder, &self.keeper] {
            if let Some(thread) = thread.lock().take() {
                let _ = thread.join();
            }
        }
        let Some(writer) = self.writer.lock().take() else {
            return Ok(());
        };
        let unkept = writer.join().unwrap_or_else(|_panic| self.shared.queue.backlog());
        // Searches may go on reading; the next to open the journal does not wait for them.
        if let Some(directory) = &self.shared.directory {
            directory.unlock();
        }
        match unkept {
            0 => Ok(()),
            records => Err(Unkept { records }),
        }
    }

    /// The live topic tree. After a start it fills up in the background.
    pub fn topics(&self) -> &Topics {
        &self.shared.topics
    }

    /// Waits until the topic tree knows all that the history knows.
    pub fn wait_for_topics(&self) {
        if let Some(seeder) = self.seeder.lock().take() {
            let _ = seeder.join();
        }
    }

    /// What is kept for how long.
    pub fn keeping(&self) -> Arc<Keeping> {
        self.shared.keeper.rules()
    }

    /// Keeps to other rules from here on. What they let go of is deleted bit by bit.
    pub fn set_keeping(&self, rules: Keeping) {
        self.shared.wants_all.store(self.shared.topics.watched || rules.records_any(), Ordering::Relaxed);
        self.shared.keeper.set_rules(rules);
        self.shared.queue.poke();
    }

    /// What the rules are letting go of.
    pub fn pruning(&self) -> Pruning {
        self.shared.keeper.pruning()
    }

    /// Whether the history is in memory only.
    pub fn is_in_memory(&self) -> bool {
        self.shared.directory.is_none()
    }

    /// When the oldest message of the history came; `None` where there is none.
    pub fn oldest(&self) -> Result<Option<Timestamp>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let mut select = reader.prepare_cached("SELECT time_us FROM message ORDER BY id LIMIT 1")?;
        let time_us: Option<i64> = select.query_row((), |row| row.get(0)).optional()?;
        Ok(time_us.map(Timestamp::from_micros))
    }

    /// Deletes what the rules let go of now, rather than within half a minute, and waits until that is done.
    pub fn keep_to_rules(&self) {
        self.shared.keeper.keep_to_rules();
    }

    /// Numbers for the window.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            messages: self.shared.messages.load(Ordering::Relaxed),
            bytes: match &self.shared.directory {
                Some(directory) => directory.database_size(),
                None => self.shared.memory.load(Ordering::Relaxed),
            },
            backlog: self.shared.queue.backlog() as u64,
        }
    }
}

/// Starts to fill the topic tree, with a view of the history as it is before anything is written.
fn seed(shared: &Arc<Shared>) -> Result<Option<JoinHandle<()>>, OpenError> {
    if shared.messages() == 0 {
        return Ok(None);
    }
    let unreadable = |error: rusqlite::Error| OpenError::from_database(&shared.database(), &error);
    let connection = shared.readers.connect().map_err(unreadable)?;
    seed::view(&connection).map_err(unreadable)?;
    let shared = Arc::clone(shared);
    let seeder = std::thread::Builder::new().name("topics".to_owned()).spawn(move || {
        if let Err(error) = seed::fill(&shared, &connection) {
            tracing::warn!(%error, "the topics of the history can't be read");
        }
    });
    Ok(Some(seeder.map_err(OpenError::Thread)?))
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the journal was closed");
        }
    }
}

impl Journal for Store {
    fn append(&self, records: &mut Vec<Record>) -> Sequence {
        self.shared.queue.append(records)
    }

    fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    fn is_behind(&self) -> bool {
        self.shared.queue.is_behind()
    }

    fn wants_all(&self) -> bool {
        self.shared.wants_all.load(Ordering::Relaxed)
    }

    fn keeps_sessions(&self) -> bool {
        self.shared.directory.is_some()
    }

    fn read_queue(&self, query: PageQuery) -> Result<Page, QueueUnreadable> {
        self.queue(|reader| read_page(reader, query))
    }

    fn order_at(
        &self,
        session: SessionNumber,
        orders: Range<u64>,
        before: usize,
    ) -> Result<Option<u64>, QueueUnreadable> {
        self.queue(|reader| order_at(reader, &self.shared.marks, session, &orders, before))
    }
}

impl Store {
    /// Reads something of a queue.
    fn queue<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, QueueUnreadable> {
        self.shared.readers.reader().and_then(|reader| read(&reader)).map_err(|error| {
            self.shared.note_damage(&error);
            QueueUnreadable(error.to_string())
        })
    }
}

impl Shared {
    fn database(&self) -> PathBuf {
        match &self.directory {
            Some(directory) => directory.database(),
            None => PathBuf::from(":memory:"),
        }
    }

    /// Messages were committed, and this is the last.
    pub(crate) fn add_messages(&self, count: u64, last: i64) {
        self.messages.fetch_add(count, Ordering::Relaxed);
        self.last_message.store(last, Ordering::Release);
    }

    /// Messages were deleted, and this is the first that is left.
    pub(crate) fn lose_messages(&self, count: u64, first: i64) {
        self.messages.fetch_sub(count, Ordering::Relaxed);
        self.first_message.store(first, Ordering::Release);
    }

    pub(crate) fn set_memory(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::Relaxed);
    }

    /// The first and the last message that are committed.
    pub(crate) fn extent(&self) -> (i64, i64) {
        let last = self.last_message.load(Ordering::Acquire);
        (self.first_message.load(Ordering::Acquire), last)
    }

    /// Where messages are. The connection must not be within a transaction or a statement.
    pub(crate) fn postings<'a>(&'a self, connection: &'a Connection) -> Postings<'a> {
        Postings::new(connection, &self.tail)
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Whether the log should be moved to the database while there is room for that.
    pub(crate) fn log_needs_room(&self) -> bool {
        self.directory.as_ref().is_some_and(Directory::log_needs_room)
    }

    /// There is room again, as far as is known.
    pub(crate) fn keep_reserve(&self) {
        if let Some(directory) = &self.directory {
            directory.keep_reserve();
        }
    }

    pub(crate) fn note_damage(&self, error: &rusqlite::Error) {
        if let Some(directory) = &self.directory
            && is_damage(error)
        {
            directory.note_damage();
        }
    }

    /// Lets tests run out of pages, as a full disk would.
    #[cfg(test)]
    pub(crate) fn apply_page_limit(&self, connection: &Connection) {
        let limit = match self.page_limit.load(Ordering::Relaxed) {
            0 => u64::from(u32::MAX) - 1,
            limit => limit,
        };
        connection.query_row(&format!("PRAGMA max_page_count = {limit}"), (), |_| Ok(())).unwrap();
    }
}
