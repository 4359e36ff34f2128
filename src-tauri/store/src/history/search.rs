//! A search: runs on a thread and a connection of its own, and can be asked for rows from any position while it runs.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nightjar_broker::Timestamp;
use nightjar_mqtt::{QoS, TopicFilter};
use parking_lot::{Condvar, Mutex};

use super::found::Found;
use super::message::StoredMessage;
use super::time_travel::{read_all, retained_at};
use super::walk::{Stop, Visitor, Walk};
use crate::store::Shared;
use crate::{JsonCondition, ReadError, Store};

/// Messages after which a search stops: 20 MB of ids.
const LIMIT: u64 = 5_000_000;
/// How often what was found is shown.
const SHOW: Duration = Duration::from_millis(20);
/// What to look for; an empty field asks for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    pub filter: Option<TopicFilter>,
    /// A Client Identifier, whole.
    pub client: Option<String>,
    /// Text that the payload contains; the case of ASCII letters does not matter.
    pub text: String,
    /// Bounds of time, each included.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub qos: Option<QoS>,
    /// Whether it was published with RETAIN.
    pub retain: Option<bool>,
    /// What a value in a payload that is JSON must be.
    pub json: Option<JsonCondition>,
    /// Find what topics retained at that time instead: of the other fields, only the filter counts then, and the newest
    /// comes first.
    pub retained_at: Option<Timestamp>,
    pub order: Order,
}

/// The order in which messages are found and listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl Order {
    /// A number that descends in this order, for [`Found`]; the key of the key is the id.
    const fn key(self, id: i64) -> i64 {
        match self {
            Self::NewestFirst => id,
            Self::OldestFirst => -id,
        }
    }
}

/// How far a search is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchProgress {
    /// Messages found so far.
    pub found: u64,
    /// 0 to 1: how much of the history was looked at.
    pub scanned: f64,
    pub done: bool,
    /// Messages that came to the history since the search began, matching or not.
    pub newer: u64,
    /// The search stopped because it had found enough.
    pub limit_reached: bool,
    /// Why the search stopped before its end.
    pub failed: Option<String>,
}

/// A search that runs or has run; dropped, it stops.
#[derive(Debug)]
pub struct SearchHandle {
    pub(super) shared: Arc<Shared>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    results: Mutex<Results>,
    changed: Condvar,
    cancelled: AtomicBool,
    /// The newest message of the history when the search began.
    newest: i64,
    limit: u64,
    order: Order,
}

#[derive(Debug, Default)]
struct Results {
    found: Found,
    scanned: f64,
    done: bool,
    limit_reached: bool,
    failed: Option<String>,
}

impl Store {
    /// Starts a search.
    pub fn search(&self, search: Search) -> Result<SearchHandle, ReadError> {
        self.search_up_to(search, LIMIT)
    }

    pub(crate) fn search_up_to(&self, search: Search, limit: u64) -> Result<SearchHandle, ReadError> {
        let (first, newest) = self.shared.extent();
        let state = Arc::new(State {
            results: Mutex::default(),
            changed: Condvar::new(),
            cancelled: AtomicBool::new(false),
            newest,
            limit,
            order: if search.retained_at.is_some() { Order::NewestFirst } else { search.order },
        });
        let shared = Arc::clone(&self.shared);
        let task = (Arc::clone(&state), Arc::clone(&shared));
        let started = std::thread::Builder::new().name("search".to_owned()).spawn(move || {
            let (state, shared) = task;
            let outcome = run(&search, &state, &shared, first);
            let mut results = state.results.lock();
            match outcome {
                Ok(()) => results.scanned = 1.0,
                Err(Stop::Cancelled) => {}
                Err(Stop::Enough) => results.limit_reached = true,
                Err(Stop::Failed(error)) => results.failed = Some(ReadError::from(error).to_string()),
            }
            results.done = true;
            state.changed.notify_all();
        });
        if let Err(error) = started {
            let mut results = state.results.lock();
            results.failed = Some(format!("the search can't be started ({error})"));
            results.done = true;
        }
        Ok(SearchHandle { shared, state })
    }
}

impl SearchHandle {
    pub fn progress(&self) -> SearchProgress {
        let (_, newest) = self.shared.extent();
        let results = self.state.results.lock();
        SearchProgress {
            found: results.found.len(),
            scanned: results.scanned,
            done: results.done,
            newer: (newest - self.state.newest).unsigned_abs(),
            limit_reached: results.limit_reached,
            failed: results.failed.clone(),
        }
    }

    /// Waits until the search is done, at most that long; whether it is.
    pub fn wait(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let mut results = self.state.results.lock();
        while !results.done && !self.state.changed.wait_until(&mut results, end).timed_out() {}
        results.done
    }

    /// Tells tests when the search has let go of everything.
    #[cfg(test)]
    pub(crate) fn watch_end(&self) -> std::sync::Weak<impl Sized + use<>> {
        Arc::downgrade(&self.state)
    }

    /// All that was found, without reading it.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.ids_at(0, usize::MAX)
    }

    /// Shows every id that was found so far.
    pub(super) fn each_found(&self, mut show: impl FnMut(i64)) {
        self.state.results.lock().found.each(|key| show(self.state.order.key(key)));
    }

    /// The least and the greatest id that were found so far.
    pub(super) fn found_extent(&self) -> Option<RangeInclusive<i64>> {
        let count = self.progress().found;
        let first = self.ids_at(0, 1).pop()?;
        let last = self.ids_at(count.checked_sub(1)?, 1).pop()?;
        Some(first.min(last)..=first.max(last))
    }

    fn ids_at(&self, first: u64, count: usize) -> Vec<i64> {
        let mut ids = self.state.results.lock().found.ids(first, count);
        ids.iter_mut().for_each(|id| *id = self.state.order.key(*id));
        ids
    }

    /// Up to `count` of the messages found, in the search's order, from position `first` on, each with at most `limit` bytes of
    /// its payload. A message that is no longer in the history is left out.
    pub fn rows(&self, first: u64, count: usize, limit: usize) -> Result<Vec<StoredMessage>, ReadError> {
        let ids = self.ids_at(first, count);
        let reader = self.shared.readers.reader()?;
        read_all(&reader, &ids, limit)
    }
}

impl Drop for SearchHandle {
    fn drop(&mut self) {
        self.state.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Puts what the walk finds where the handle sees it.
struct Finder<'a> {
    state: &'a State,
    order: Order,
    /// Found, and not shown yet.
    fresh: Vec<i64>,
    shown: Instant,
    /// Nothing was shown yet: the first page should not wait.
    first_hit: bool,
}

impl Finder<'_> {
    fn show(&mut self, share: Option<f64>) -> Result<(), Stop> {
        let mut results = self.state.results.lock();
        for id in self.fresh.drain(..) {
            if results.found.len() >= self.state.limit {
                return Err(Stop::Enough);
            }
            results.found.push(self.order.key(id));
        }
        if let Some(share) = share {
            results.scanned = share;
        }
        self.shown = Instant::now();
        Ok(())
    }

    fn add(&mut self, id: i64) -> Result<(), Stop> {
        self.fresh.push(id);
        if self.first_hit {
            self.first_hit = false;
            self.show(None)?;
        }
        Ok(())
    }
}

impl Visitor for Finder<'_> {
    const READS: bool = false;

    fn ids(&mut self, ids: RangeInclusive<i64>) -> Result<(), Stop> {
        if ids.start() == ids.end() {
            return self.add(*ids.start());
        }
        self.show(None)?;
        self.first_hit = false;
        let (one, other) = (self.order.key(*ids.start()), self.order.key(*ids.end()));
        self.state.results.lock().found.push_all(&(one.min(other)..=one.max(other)));
        Ok(())
    }

    fn message(&mut self, id: i64, _time_us: i64, _payload: &[u8]) -> Result<(), Stop> {
        self.add(id)
    }

    fn is_at(&mut self, share: f64) -> Result<(), Stop> {
        if self.state.cancelled.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        if self.shown.elapsed() > SHOW { self.show(Some(share)) } else { Ok(()) }
    }
}

fn run(search: &Search, state: &State, shared: &Shared, first: i64) -> Result<(), Stop> {
    let reader = shared.readers.reader()?;
    let mut finder = Finder { state, order: search.order, fresh: Vec::new(), shown: Instant::now(), first_hit: true };
    if let Some(at) = search.retained_at {
        finder.order = Order::NewestFirst;
        retained_at(&reader, &(first..=state.newest), search.filter.as_ref(), at, &mut finder)?;
    } else {
        let postings = shared.postings(&reader);
        let Some(walk) = Walk::new(&reader, postings, search, &(first..=state.newest))? else { return Ok(()) };
        walk.run(&mut finder)?;
    }
    finder.show(None)
}
