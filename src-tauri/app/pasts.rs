//! The looks at the retained set of the past that the window has open: each goes on, and is asked for rows, until it is
//! closed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightjar_broker::Broker;
use nightjar_store::{MessageId, Past, PastHandle, PastMessage, Store};
use parking_lot::Mutex;

use crate::views::past::{self, Compared};
use crate::views::{count, millis, timestamp};
use crate::wire::{ClearedQuery, ClearedRows, Fault, PastProgress, PastQuery, PastRows, RetainedSelection};

/// Open at once; a window has one or two, and the next may begin before the last was closed.
const MOST: usize = 4;
/// What one has to be done before it is answered for the first time.
const FIRST_LOOK: Duration = Duration::from_millis(50);
/// How old a comparison with now may be.
const FRESH: Duration = Duration::from_secs(1);

/// The looks that are open, by their numbers.
#[derive(Debug, Default)]
pub struct Pasts {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    pasts: BTreeMap<u64, Arc<Look>>,
}

#[derive(Debug)]
struct Look {
    at: Option<f64>,
    handle: PastHandle,
    compared: Mutex<Option<(Instant, Arc<Compared>)>>,
}

impl Pasts {
    /// Begins to look at a moment or, without one, at what was cleared; where too many are open, the oldest one ends.
    ///
    /// # Errors
    /// Where the history can't be read.
    pub fn open(&self, store: &Store, at: Option<f64>) -> Result<PastProgress, Fault> {
        let handle = store.past(at.map_or(Past::Cleared, |at| Past::At(timestamp(at))));
        let look = Arc::new(Look { at, handle, compared: Mutex::default() });
        let number = {
            let mut open = self.open.lock();
            open.last += 1;
            let number = open.last;
            open.pasts.insert(number, Arc::clone(&look));
            while open.pasts.len() > MOST {
                open.pasts.pop_first();
            }
            number
        };
        look.handle.wait(FIRST_LOOK);
        look.progress(number)
    }

    /// What was retained at the moment, beside what is now. There are no rows before it is done.
    ///
    /// # Errors
    /// Where it is closed, or the history can't be read.
    pub fn rows(&self, number: u64, store: &Store, broker: &Broker, query: &PastQuery) -> Result<PastRows, Fault> {
        let look = self.look(number)?;
        let progress = look.progress(number)?;
        let compared = if progress.done { look.compared(broker) } else { Arc::default() };
        compared
            .rows(store, progress, query)
            .map_err(|error| Fault::of_read("The retained messages were not read", &error))
    }

    /// What was cleared. There are no rows before it is done.
    ///
    /// # Errors
    /// Where it is closed, or the history can't be read.
    pub fn cleared(
        &self,
        number: u64,
        store: &Store,
        broker: &Broker,
        query: &ClearedQuery,
    ) -> Result<ClearedRows, Fault> {
        let look = self.look(number)?;
        let progress = look.progress(number)?;
        past::cleared_rows(&look.handle.messages(), store, broker, progress, query)
            .map_err(|error| Fault::of_read("The cleared messages were not read", &error))
    }

    fn look(&self, number: u64) -> Result<Arc<Look>, Fault> {
        let look = self.open.lock().pasts.get(&number).cloned();
        look.ok_or_else(|| Fault::new("The look at the past has ended", "Others took its place", "Choose it again"))
    }

    /// What a selection means of what was cleared since a moment, where one is given, and is not back.
    ///
    /// # Errors
    /// Where it is closed, or did not end yet.
    pub fn gone(
        &self,
        number: u64,
        broker: &Broker,
        selection: &RetainedSelection,
        since: Option<f64>,
    ) -> Result<Vec<MessageId>, Fault> {
        let look = self.look(number)?;
        if !look.progress(number)?.done {
            let why = "The history is still being looked through";
            return Err(Fault::new("Nothing was brought back", why, "Wait for it"));
        }
        let gone = look.handle.messages();
        let of_selection = past::gone(&gone, broker, selection);
        let is_late = |message: &&PastMessage| {
            let ended = message.ending.map(|ending| millis(ending.at));
            since.is_none_or(|since| ended.is_some_and(|ended| ended >= since))
        };
        Ok(of_selection.filter(is_late).map(|message| message.id).collect())
    }

    /// The window has changed what is retained: what it sees next is compared with that.
    pub fn changed(&self) {
        self.open.lock().pasts.values().for_each(|look| look.forget_comparison());
    }

    /// Ends one.
    pub fn close(&self, number: u64) {
        self.open.lock().pasts.remove(&number);
    }
}

impl Look {
    fn progress(&self, past: u64) -> Result<PastProgress, Fault> {
        let progress = self.handle.progress();
        if let Some(why) = progress.failed {
            return Err(Fault::new("The past was not read", why, "Check the disk with the data directory"));
        }
        Ok(PastProgress {
            past,
            at: self.at,
            found: count(progress.found),
            progress: progress.scanned,
            done: progress.done,
            limit_reached: progress.limit_reached,
        })
    }

    /// Beside now. To compare a hundred thousand topics takes a while, which nobody should have four times a second.
    fn compared(&self, broker: &Broker) -> Arc<Compared> {
        let mut compared = self.compared.lock();
        match &*compared {
            Some((when, compared)) if when.elapsed() < FRESH => Arc::clone(compared),
            _ => {
                let new = Arc::new(Compared::new(&self.handle.messages(), broker));
                *compared = Some((Instant::now(), Arc::clone(&new)));
                new
            }
        }
    }

    /// Compares anew from here on.
    fn forget_comparison(&self) {
        *self.compared.lock() = None;
    }
}
