//! The retained set of the past, topic by topic: what it was at a moment, and what was cleared from it since. Found on a
//! thread and a connection of its own, as a search is.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nightjar_broker::Timestamp;
use nightjar_mqtt::TopicName;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OptionalExtension};

use super::message::MessageId;
use super::time_travel::{Change, changes};
use super::walk::{Stop, Visitor};
use crate::store::Shared;
use crate::{ReadError, Store, moment};

/// Topics after which it is enough: about 100 MB.
const LIMIT: usize = 1_000_000;

/// Which part of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// What topics retained at that moment, in the order of the topics.
    At(Timestamp),
    /// What topics retained last that retain nothing now, the one that ended last first.
    Cleared,
}

/// What a topic retained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastMessage {
    pub id: MessageId,
    pub topic: TopicName,
    /// When it was published.
    pub received: Timestamp,
    /// Bytes of the payload.
    pub size: u64,
    /// Only of [`Past::Cleared`].
    pub ending: Option<Ending>,
}

/// How a topic came to retain nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub at: Timestamp,
    /// The message that cleared it; `None` where its Message Expiry Interval was over.
    pub by: Option<MessageId>,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastProgress {
    /// Topics found so far.
    pub found: usize,
    /// 0 to 1: how much of the history was looked at.
    pub scanned: f64,
    pub done: bool,
    /// It stopped because it had found enough.
    pub limit_reached: bool,
    /// Why it stopped before its end.
    pub failed: Option<String>,
}

/// A look at the past that goes on, or is done; dropped, it stops.
#[derive(Debug)]
pub struct PastHandle {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    results: Mutex<Results>,
    changed: Condvar,
    cancelled: AtomicBool,
}

#[derive(Debug, Default)]
struct Results {
    progress: PastProgress,
    /// Once it is done.
    messages: Arc<[PastMessage]>,
}

impl Store {
    /// Starts to look for what was retained in the past. What the history has let go of is not found, unless it is still
    /// retained.
    pub fn past(&self, past: Past) -> PastHandle {
        let state = Arc::new(State::default());
        let (task, shared) = (Arc::clone(&state), Arc::clone(&self.shared));
        let started = std::thread::Builder::new().name("past".to_owned()).spawn(move || {
            let mut finder = Finder::new(&task, past);
            let outcome = finder.run(&shared);
            let mut results = task.results.lock();
            match outcome {
                Ok(()) => results.progress.scanned = 1.0,
                Err(Stop::Cancelled) => {}
                Err(Stop::Enough) => results.progress.limit_reached = true,
                Err(Stop::Failed(error)) => {
                    shared.note_damage(&error);
                    results.progress.failed = Some(ReadError::from(error).to_string());
                }
            }
            results.progress.found = finder.named.len();
            results.messages = finder.named.into();
            results.progress.done = true;
            task.changed.notify_all();
        });
        if let Err(error) = started {
            let mut results = state.results.lock();
            results.progress.failed = Some(format!("the past can't be looked at ({error})"));
            results.progress.done = true;
        }
        PastHandle { state }
    }
}

impl PastHandle {
    pub fn progress(&self) -> PastProgress {
        self.state.results.lock().progress.clone()
    }

    /// What was found; nothing before it is done.
    pub fn messages(&self) -> Arc<[PastMessage]> {
        Arc::clone(&self.state.results.lock().messages)
    }

    /// Tells tests when it has let go of everything.
    #[cfg(test)]
    pub(crate) fn watch_end(&self) -> std::sync::Weak<impl Sized + use<>> {
        Arc::downgrade(&self.state)
    }

    /// Waits until it is done, at most that long; whether it is.
    pub fn wait(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let mut results = self.state.results.lock();
        while !results.progress.done && !self.state.changed.wait_until(&mut results, end).timed_out() {}
        results.progress.done
    }
}

impl Drop for PastHandle {
    fn drop(&mut self) {
        self.state.cancelled.store(true, Ordering::Relaxed);
    }
}

struct Finder<'a> {
    state: &'a State,
    past: Past,
    found: Vec<(Change, Option<Ending>)>,
    named: Vec<PastMessage>,
}

/// What is known of a topic, from the newest change to the oldest.
enum Known {
    /// Nothing older is of interest.
    Settled,
    /// It was cleared by that message, or by an older one.
    ClearedBy(Change),
}

impl<'a> Finder<'a> {
    fn new(state: &'a State, past: Past) -> Self {
        Self { state, past, found: Vec::new(), named: Vec::new() }
    }

    fn run(&mut self, shared: &Shared) -> Result<(), Stop> {
        let reader = shared.readers.reader()?;
        let (first, newest) = shared.extent();
        let ids = first..=newest;
        let walked = match self.past {
            Past::At(at) => self.walk_back_from(&reader, &ids, at),
            Past::Cleared => self.find_cleared(&reader, &ids),
        };
        // What was found is good even where there is more.
        if let Ok(()) | Err(Stop::Enough) = &walked {
            self.name(&reader)?;
        }
        walked
    }

    fn walk_back_from(&mut self, reader: &Connection, ids: &RangeInclusive<i64>, at: Timestamp) -> Result<(), Stop> {
        let mut seen = HashSet::new();
        changes(reader, ids, at, self, &mut |finder, change| {
            let stands = change.size > 0 && change.expires.is_none_or(|expires| expires > at);
            if seen.insert(change.topic) && stands { finder.add(change, None) } else { Ok(()) }
        })
    }

    fn find_cleared(&mut self, reader: &Connection, ids: &RangeInclusive<i64>) -> Result<(), Stop> {
        let now = moment::now();
        let mut topics: HashMap<i64, Known> = HashMap::new();
        // Clocks may be set back: what is recorded is past, whatever its time.
        let always = Timestamp::from_micros(i64::MAX);
        changes(reader, ids, always, self, &mut |finder, change| {
            let expired = change.expires.filter(|expires| *expires <= now).map(|at| Ending { at, by: None });
            let (known, ending) = match (topics.get(&change.topic), change.size) {
                (Some(Known::Settled), _) => return Ok(()),
                (_, 0) => (Known::ClearedBy(change), None),
                (None, _) => (Known::Settled, expired),
                (Some(Known::ClearedBy(by)), _) => {
                    let cleared = Ending { at: by.at, by: Some(MessageId::from_row(by.id)) };
                    // It may have been gone before somebody cleared it.
                    (Known::Settled, Some(expired.filter(|expired| expired.at <= by.at).unwrap_or(cleared)))
                }
            };
            topics.insert(change.topic, known);
            if ending.is_some() { finder.add(change, ending) } else { Ok(()) }
        })
    }

    fn add(&mut self, change: Change, ending: Option<Ending>) -> Result<(), Stop> {
        if self.found.len() >= LIMIT {
            return Err(Stop::Enough);
        }
        self.found.push((change, ending));
        Ok(())
    }

    /// Looks up the names of the topics, and puts everything in order.
    fn name(&mut self, reader: &Connection) -> Result<(), Stop> {
        let mut select = reader.prepare_cached("SELECT name FROM topic WHERE id = ?1")?;
        let mut named = Vec::with_capacity(self.found.len());
        for (change, ending) in std::mem::take(&mut self.found) {
            let name: Option<String> = select.query_row([change.topic], |row| row.get(0)).optional()?;
            // Only damage makes a topic none.
            let Some(topic) = name.and_then(|name| TopicName::new(name).ok()) else { continue };
            let id = MessageId::from_row(change.id);
            named.push(PastMessage { id, topic, received: change.at, size: change.size, ending });
        }
        match self.past {
            Past::At(_) => named.sort_unstable_by(|a, b| a.topic.split('/').cmp(b.topic.split('/'))),
            Past::Cleared => {
                named.sort_by_key(|message| std::cmp::Reverse(message.ending.map(|ending| ending.at)));
            }
        }
        self.named = named;
        Ok(())
    }
}

impl Visitor for Finder<'_> {
    const READS: bool = false;

    fn ids(&mut self, _ids: RangeInclusive<i64>) -> Result<(), Stop> {
        Ok(())
    }

    fn message(&mut self, _id: i64, _time_us: i64, _payload: &[u8]) -> Result<(), Stop> {
        Ok(())
    }

    fn is_at(&mut self, share: f64) -> Result<(), Stop> {
        if self.state.cancelled.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        let progress = &mut self.state.results.lock().progress;
        progress.scanned = share;
        progress.found = self.found.len();
        Ok(())
    }
}
