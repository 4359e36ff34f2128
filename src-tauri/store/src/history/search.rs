//! A search: runs on a thread and a connection of its own, newest first, and can be asked for rows from any position
//! while it runs.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nightjar_broker::Timestamp;
use nightjar_mqtt::{TopicFilter, TopicName};
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::blocks::{Stretch, TimeRange, stretches};
use super::contains::Needle;
use super::found::Found;
use super::message::{StoredMessage, by_id, read, read_with_row};
use crate::store::Shared;
use crate::{ReadError, Store};

/// Messages after which a search stops: 20 MB of ids.
const LIMIT: u64 = 5_000_000;
/// How long one statement reads. It holds its view of the database for that long, and the log can't be cut meanwhile.
const STEP: Duration = Duration::from_millis(200);
/// How often what was found is shown.
const SHOW: Duration = Duration::from_millis(20);
/// Topics up to which a search goes through the index, topic by topic; where they have most of the messages, reading
/// all messages in order is faster even for fewer.
const INDEXED_TOPICS: usize = 20_000;
/// Ids that are looked at for each topic before the results of all topics are put in order: from, and up to.
const FIRST_WINDOW: i64 = 1 << 14;
const LAST_WINDOW: i64 = 1 << 22;

/// What to look for; an empty field asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub filter: Option<TopicFilter>,
    /// A Client Identifier, whole.
    pub client: Option<String>,
    /// Text that the payload contains; the case of ASCII letters does not matter.
    pub text: String,
    /// Bounds of time, each included.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
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
    shared: Arc<Shared>,
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
        self.state.results.lock().found.ids(0, usize::MAX)
    }

    /// Up to `count` of the messages found, newest first, from position `first` on, each with at most `limit` bytes of
    /// its payload. A message that is no longer in the history is left out.
    pub fn rows(&self, first: u64, count: usize, limit: usize) -> Result<Vec<StoredMessage>, ReadError> {
        let ids = self.state.results.lock().found.ids(first, count);
        let reader = self.shared.readers.reader()?;
        let mut select = by_id(&reader)?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let found = select.query_row((read_with_row(limit), id), |row| read(&reader, row, limit));
            rows.extend(found.optional()?.flatten());
        }
        Ok(rows)
    }
}

impl Drop for SearchHandle {
    fn drop(&mut self) {
        self.state.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Why a search ends before it has seen everything.
enum Stop {
    Cancelled,
    Enough,
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// What a message must have, beside the right topic.
struct Wanted {
    time: TimeRange,
    client: Option<i64>,
    needle: Option<Needle>,
}

impl Wanted {
    fn is_everything(&self) -> bool {
        self.time.is_everything() && self.client.is_none() && self.needle.is_none()
    }
}

/// Which topics are wanted, and with that, how to get at their messages.
enum Topics {
    All,
    /// A few: through the index.
    Indexed(Vec<i64>),
    /// Many: by reading all messages.
    Scanned(HashSet<i64>),
}

fn run(search: &Search, state: &State, shared: &Shared, first: i64) -> Result<(), Stop> {
    let reader = shared.readers.reader()?;
    let client = match &search.client {
        None => None,
        Some(name) => {
            let id = reader.query_row("SELECT id FROM client WHERE name = ?1", [name], |row| row.get(0));
            match id.optional()? {
                None => return Ok(()),
                id => id,
            }
        }
    };
    let wanted =
        Wanted { time: TimeRange { from: search.from, to: search.to }, client, needle: Needle::new(&search.text) };
    let topics = topics(&reader, search.filter.as_ref())?;
    let stretches = stretches(&reader, wanted.time, first, state.newest)?;
    // Without holes, positions and ids go together, and nothing need be read.
    let is_dense = shared.messages() >= (state.newest - first + 1).unsigned_abs();
    let mut finder = Finder {
        connection: &reader,
        state,
        wanted: &wanted,
        fresh: Vec::new(),
        shown: Instant::now(),
        total: stretches.iter().map(Stretch::len).sum(),
        before: 0,
        first_hit: true,
        in_order_from: None,
    };
    for stretch in &stretches {
        match &topics {
            Topics::All if is_dense && stretch.whole && wanted.client.is_none() && wanted.needle.is_none() => {
                finder.all(stretch)?;
            }
            Topics::All => finder.scan(stretch, None)?,
            Topics::Scanned(topics) => finder.scan(stretch, Some(topics))?,
            Topics::Indexed(topics) => finder.look_up(stretch, topics)?,
        }
        finder.before += stretch.len();
    }
    finder.show(0)
}

fn topics(connection: &Connection, filter: Option<&TopicFilter>) -> rusqlite::Result<Topics> {
    let Some(filter) = filter else { return Ok(Topics::All) };
    if !filter.contains(['+', '#']) && filter.shared().is_none() {
        let id: Option<i64> =
            connection.query_row("SELECT id FROM topic WHERE name = ?1", [&**filter], |row| row.get(0)).optional()?;
        return Ok(Topics::Indexed(id.into_iter().collect()));
    }
    let mut matching = Vec::new();
    let (mut topics, mut messages, mut matching_messages) = (0_usize, 0_u64, 0_u64);
    let mut select = connection.prepare("SELECT id, name, messages FROM topic")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let count: u64 = row.get(2)?;
        topics += 1;
        messages += count;
        if TopicName::new(row.get::<_, String>(1)?).is_ok_and(|name| filter.matches(&name)) {
            matching.push(row.get(0)?);
            matching_messages += count;
        }
    }
    Ok(if matching.len() == topics {
        Topics::All
    } else if matching.len() <= 1 || (matching.len() <= INDEXED_TOPICS && matching_messages * 4 < messages) {
        Topics::Indexed(matching)
    } else {
        Topics::Scanned(matching.into_iter().collect())
    })
}

/// Goes through the history, and puts what it finds where the handle sees it.
struct Finder<'a> {
    connection: &'a Connection,
    state: &'a State,
    wanted: &'a Wanted,
    /// Found, and not shown yet.
    fresh: Vec<i64>,
    shown: Instant,
    /// Ids to look at in all, and in the stretches before this one.
    total: u64,
    before: u64,
    /// Nothing was shown yet: the first page should not wait.
    first_hit: bool,
    /// What is being read comes newest first, from there on.
    in_order_from: Option<i64>,
}

impl Finder<'_> {
    /// Takes a stretch as it is.
    fn all(&mut self, stretch: &Stretch) -> Result<(), Stop> {
        self.show(0)?;
        self.state.results.lock().found.push_all(&stretch.ids);
        self.show(stretch.len())
    }

    /// Reads the messages of a stretch one by one.
    fn scan(&mut self, stretch: &Stretch, topics: Option<&HashSet<i64>>) -> Result<(), Stop> {
        let (from, to) = self.bounds(stretch);
        let payload = if self.wanted.needle.is_some() { "payload" } else { "NULL" };
        let mut select = self.connection.prepare(&format!(
            "SELECT id, topic_id, {payload} FROM message NOT INDEXED
             WHERE id BETWEEN ?1 AND ?2 AND time_us BETWEEN ?3 AND ?4 AND (?5 IS NULL OR client_id = ?5)
             ORDER BY id DESC"
        ))?;
        let (first, mut last) = (*stretch.ids.start(), *stretch.ids.end());
        while last >= first {
            let step = Instant::now();
            let mut seen = 0_u32;
            let mut rows = select.query(params![first, last, from, to, self.wanted.client])?;
            // Where SQL finds nothing more, the rest was looked at.
            last = first - 1;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                if topics.is_none_or(|topics| row.get(1).is_ok_and(|topic| topics.contains(&topic)))
                    && self.has_text(row, 2)?
                {
                    self.fresh.push(id);
                }
                seen += 1;
                if seen.is_multiple_of(256) || (self.first_hit && !self.fresh.is_empty()) {
                    let distance = stretch.ids.end().abs_diff(id) + 1;
                    if self.is_due() {
                        self.show(distance)?;
                    }
                    if step.elapsed() > STEP {
                        last = id - 1;
                        break;
                    }
                }
            }
        }
        self.show(stretch.len())
    }

    /// Reads the messages of a stretch through the index, topic by topic in windows, newest first.
    fn look_up(&mut self, stretch: &Stretch, topics: &[i64]) -> Result<(), Stop> {
        let (from, to) = self.bounds(stretch);
        let connection = self.connection;
        if self.wanted.is_everything()
            || (stretch.whole && self.wanted.client.is_none() && self.wanted.needle.is_none())
        {
            let sql = "SELECT id FROM message INDEXED BY message_topic
                       WHERE topic_id = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id DESC";
            let mut select = connection.prepare(sql)?;
            return self
                .windows(stretch, topics, |finder, topic, first, last| finder.read(&mut select, (topic, first, last)));
        }
        let payload = if self.wanted.needle.is_some() { "payload" } else { "NULL" };
        let mut select = connection.prepare(&format!(
            "SELECT id, {payload} FROM message INDEXED BY message_topic
             WHERE topic_id = ?1 AND id BETWEEN ?2 AND ?3 AND time_us BETWEEN ?4 AND ?5
                   AND (?6 IS NULL OR client_id = ?6)
             ORDER BY id DESC"
        ))?;
        let client = self.wanted.client;
        self.windows(stretch, topics, |finder, topic, first, last| {
            finder.read(&mut select, params![topic, first, last, from, to, client])
        })
    }

    fn windows(
        &mut self,
        stretch: &Stretch,
        topics: &[i64],
        mut read: impl FnMut(&mut Self, i64, i64, i64) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        // A single topic comes in order by itself, and is shown as it comes.
        self.in_order_from = (topics.len() == 1).then_some(*stretch.ids.end());
        let mut window = if topics.len() == 1 { LAST_WINDOW } else { FIRST_WINDOW };
        let mut last = *stretch.ids.end();
        while last >= *stretch.ids.start() {
            let first = (last - window + 1).max(*stretch.ids.start());
            for &topic in topics {
                read(self, topic, first, last)?;
            }
            self.fresh.sort_unstable_by(|one, other| other.cmp(one));
            last = first - 1;
            self.show(stretch.ids.end().abs_diff(last))?;
            window = (window * 2).min(LAST_WINDOW);
        }
        Ok(())
    }

    /// Collects what a statement finds of one topic.
    fn read(&mut self, select: &mut rusqlite::Statement<'_>, params: impl Params) -> Result<(), Stop> {
        let mut rows = select.query(params)?;
        let mut seen = 0_u32;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if self.has_text(row, 1)? {
                self.fresh.push(id);
            }
            seen += 1;
            if seen.is_multiple_of(256) || (self.first_hit && !self.fresh.is_empty()) {
                match self.in_order_from {
                    Some(end) if self.is_due() => self.show(end.abs_diff(id) + 1)?,
                    _ => self.check_cancelled()?,
                }
            }
        }
        Ok(())
    }

    fn bounds(&self, stretch: &Stretch) -> (i64, i64) {
        if stretch.whole { (i64::MIN, i64::MAX) } else { self.wanted.time.micros() }
    }

    fn has_text(&self, row: &Row<'_>, column: usize) -> Result<bool, Stop> {
        match &self.wanted.needle {
            None => Ok(true),
            Some(needle) => Ok(needle.is_in(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)),
        }
    }

    fn is_due(&self) -> bool {
        (self.first_hit && !self.fresh.is_empty()) || self.shown.elapsed() > SHOW
    }

    fn check_cancelled(&self) -> Result<(), Stop> {
        if self.state.cancelled.load(Ordering::Relaxed) { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Shows what was found, after that many ids of the stretch.
    fn show(&mut self, looked_at: u64) -> Result<(), Stop> {
        self.check_cancelled()?;
        let mut results = self.state.results.lock();
        for id in self.fresh.drain(..) {
            self.first_hit = false;
            if results.found.len() >= self.state.limit {
                return Err(Stop::Enough);
            }
            results.found.push(id);
        }
        if self.total > 0 {
            results.scanned = (self.before + looked_at) as f64 / self.total as f64;
        }
        self.shown = Instant::now();
        Ok(())
    }
}
