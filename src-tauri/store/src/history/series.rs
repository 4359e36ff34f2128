//! The numbers at a JSON path over time, reduced to a few points.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nightjar_broker::Timestamp;
use parking_lot::{Condvar, Mutex};

use super::search::Search;
use super::walk::{Stop, Visitor, Walk};
use crate::store::Shared;
use crate::{JsonPath, ReadError, Store};

/// How often what was found is shown.
const SHOW: Duration = Duration::from_millis(50);

/// Which numbers to reduce, and to how many points.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesQuery {
    /// Which messages; its times are those of the series.
    pub search: Search,
    /// `$` for payloads that are numbers themselves.
    pub path: JsonPath,
    pub from: Timestamp,
    /// Excluded.
    pub to: Timestamp,
    pub points: usize,
}

/// The numbers of one part of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    /// Where the part begins; it lasts until the next one would.
    pub from: Timestamp,
    pub count: u64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// The one that came last.
    pub last: f64,
}

/// A series that is being made; dropped, it stops.
#[derive(Debug)]
pub struct SeriesHandle {
    state: Arc<State>,
}

/// How far a series is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesProgress {
    /// 0 to 1: how much of the history was looked at.
    pub scanned: f64,
    pub done: bool,
    /// Messages that had no number there.
    pub without_number: u64,
    /// Why it stopped before its end.
    pub failed: Option<String>,
}

#[derive(Debug)]
struct State {
    results: Mutex<Results>,
    changed: Condvar,
    cancelled: AtomicBool,
}

#[derive(Debug)]
struct Results {
    parts: Vec<Option<Part>>,
    from: i64,
    to: i64,
    progress: SeriesProgress,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
    last: f64,
    last_id: i64,
}

impl Store {
    /// Starts to make a series.
    pub fn series(&self, query: SeriesQuery) -> Result<SeriesHandle, ReadError> {
        let SeriesQuery { mut search, path, from, to, points } = query;
        search.from = Some(search.from.map_or(from, |other| other.max(from)));
        let last = Timestamp::from_micros(to.micros().saturating_sub(1));
        search.to = Some(search.to.map_or(last, |other| other.min(last)));
        let results = Results {
            parts: vec![None; points],
            from: from.micros(),
            to: to.micros(),
            progress: SeriesProgress::default(),
        };
        let state = Arc::new(State {
            results: Mutex::new(results),
            changed: Condvar::new(),
            cancelled: AtomicBool::new(false),
        });
        let (shared, task) = (Arc::clone(&self.shared), Arc::clone(&state));
        let started = std::thread::Builder::new().name("series".to_owned()).spawn(move || {
            let outcome = if points == 0 { Ok(()) } else { run(&search, &path, &task, &shared) };
            let mut results = task.results.lock();
            match outcome {
                Ok(()) => results.progress.scanned = 1.0,
                Err(Stop::Cancelled | Stop::Enough) => {}
                Err(Stop::Failed(error)) => results.progress.failed = Some(ReadError::from(error).to_string()),
            }
            results.progress.done = true;
            task.changed.notify_all();
        });
        if let Err(error) = started {
            let mut results = state.results.lock();
            results.progress.failed = Some(format!("the series can't be started ({error})"));
            results.progress.done = true;
        }
        Ok(SeriesHandle { state })
    }
}

impl SeriesHandle {
    pub fn progress(&self) -> SeriesProgress {
        self.state.results.lock().progress.clone()
    }

    /// The points so far, oldest first; parts of the time without numbers have none.
    pub fn points(&self) -> Vec<SeriesPoint> {
        let results = self.state.results.lock();
        let length = i128::from(results.to) - i128::from(results.from);
        let parts = results.parts.len() as i128;
        let start = |number: usize| results.from + (length * number as i128 / parts) as i64;
        let points = results.parts.iter().enumerate().filter_map(|(number, part)| {
            let Part { count, min, max, sum, last, .. } = (*part)?;
            let from = Timestamp::from_micros(start(number));
            Some(SeriesPoint { from, count, min, max, mean: sum / count as f64, last })
        });
        points.collect()
    }

    /// Waits until the series is done, at most that long; whether it is.
    pub fn wait(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let mut results = self.state.results.lock();
        while !results.progress.done && !self.state.changed.wait_until(&mut results, end).timed_out() {}
        results.progress.done
    }
}

impl Drop for SeriesHandle {
    fn drop(&mut self) {
        self.state.cancelled.store(true, Ordering::Relaxed);
    }
}

fn run(search: &Search, path: &JsonPath, state: &State, shared: &Shared) -> Result<(), Stop> {
    let reader = shared.readers.reader()?;
    let (first, last) = shared.extent();
    let Some(walk) = Walk::new(&reader, shared.postings(&reader), search, &(first..=last))? else { return Ok(()) };
    let mut adder = Adder { path, state, fresh: Vec::new(), without_number: 0, shown: Instant::now() };
    walk.run(&mut adder)?;
    adder.show(1.0);
    Ok(())
}

/// Puts the numbers of what the walk finds into their parts.
struct Adder<'a> {
    path: &'a JsonPath,
    state: &'a State,
    /// Id, time and number; not shown yet.
    fresh: Vec<(i64, i64, f64)>,
    without_number: u64,
    shown: Instant,
}

impl Adder<'_> {
    fn show(&mut self, share: f64) {
        let mut results = self.state.results.lock();
        let Results { parts, from, to, progress } = &mut *results;
        let (count, length) = (parts.len() as i128, i128::from(*to) - i128::from(*from));
        for (id, time, number) in self.fresh.drain(..) {
            let place = i128::from(time - *from) * count / length.max(1);
            let Some(part) = usize::try_from(place).ok().and_then(|place| parts.get_mut(place)) else { continue };
            let fresh = Part { count: 0, min: number, max: number, sum: 0.0, last: number, last_id: id };
            let part = part.get_or_insert(fresh);
            part.count += 1;
            part.min = part.min.min(number);
            part.max = part.max.max(number);
            part.sum += number;
            if id > part.last_id {
                (part.last, part.last_id) = (number, id);
            }
        }
        progress.scanned = share;
        progress.without_number += std::mem::take(&mut self.without_number);
        self.shown = Instant::now();
    }
}

impl Visitor for Adder<'_> {
    const READS: bool = true;

    fn ids(&mut self, _ids: RangeInclusive<i64>) -> Result<(), Stop> {
        debug_assert!(false, "a walk for one that reads shows messages");
        Ok(())
    }

    fn message(&mut self, id: i64, time_us: i64, payload: &[u8]) -> Result<(), Stop> {
        match self.path.number_in(payload) {
            Some(number) => self.fresh.push((id, time_us, number)),
            None => self.without_number += 1,
        }
        Ok(())
    }

    fn is_at(&mut self, share: f64) -> Result<(), Stop> {
        if self.state.cancelled.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        if self.shown.elapsed() > SHOW {
            self.show(share);
        }
        Ok(())
    }
}
