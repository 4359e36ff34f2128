//! The searches of the window's history: each runs, and is asked for rows, until it is closed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use nightjar_broker::Broker;
use nightjar_mqtt::{QoS, TopicFilter, TopicName};
use nightjar_store::{JsonCondition, JsonPathError, Search, SearchHandle, Store};
use parking_lot::Mutex;

use crate::fault::sentence;
use crate::views::payload::PREVIEW_BYTES;
use crate::views::{histogram, messages, past, timestamp};
use crate::wire::{Fault, HistoryHistogram, HistoryPage, HistoryPick, HistoryProgress, HistoryQuery, RetainedChanges};

/// Searches at once; History has one and Retained two, and the next may begin before the last was closed.
const MOST: usize = 8;
/// Rows that a window can ask for at once.
const MOST_ROWS: u32 = 500;
/// What a search has to be done before it is answered for the first time: most are, and the window need not ask twice.
const FIRST_LOOK: Duration = Duration::from_millis(50);

/// The searches that are open, by their numbers.
#[derive(Debug, Default)]
pub struct Searches {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    searches: BTreeMap<u64, Arc<SearchHandle>>,
}

impl Searches {
    /// Begins a search; where too many are open, the oldest one ends.
    ///
    /// # Errors
    /// Where the filter is none, or the history can't be read.
    pub fn open(&self, store: &Store, query: &HistoryQuery) -> Result<HistoryProgress, Fault> {
        let handle =
            store.search(search_of(query)?).map_err(|error| Fault::of_read("The search did not begin", &error))?;
        let handle = Arc::new(handle);
        let search = {
            let mut open = self.open.lock();
            open.last += 1;
            let search = open.last;
            open.searches.insert(search, Arc::clone(&handle));
            while open.searches.len() > MOST {
                open.searches.pop_first();
            }
            search
        };
        handle.wait(FIRST_LOOK);
        progress(search, &handle)
    }

    /// Rows of a search, newest first.
    ///
    /// # Errors
    /// Where the search is closed, or the history can't be read.
    pub fn page(&self, search: u64, first: u64, count: u32) -> Result<HistoryPage, Fault> {
        let handle = self.handle(search)?;
        let rows = handle
            .rows(first, count.min(MOST_ROWS) as usize, PREVIEW_BYTES)
            .map_err(|error| Fault::of_read("The messages were not read", &error))?;
        Ok(HistoryPage { progress: progress(search, &handle)?, first, rows: rows.iter().map(messages::row).collect() })
    }

    /// How what a search has found spreads over time.
    ///
    /// # Errors
    /// Where the search is closed, or the history can't be read.
    pub fn histogram(
        &self,
        search: u64,
        from: Option<f64>,
        to: Option<f64>,
        slots: u32,
    ) -> Result<Option<HistoryHistogram>, Fault> {
        histogram::of_search(&*self.handle(search)?, from, to, slots)
            .map_err(|error| Fault::of_read("The times were not read", &error))
    }

    /// A search, and the positions that were picked of it.
    ///
    /// # Errors
    /// Where the search is closed.
    pub(crate) fn picked(&self, picked: &HistoryPick) -> Result<(Arc<SearchHandle>, Vec<Range<u64>>), Fault> {
        let handle = self.handle(picked.search)?;
        let found = handle.progress().found;
        let ranges =
            picked.ranges.iter().map(|&(first, count)| first.min(found)..first.saturating_add(count).min(found));
        Ok((handle, ranges.collect()))
    }

    /// Part of the retained history of a topic; without `search` it begins one.
    ///
    /// # Errors
    /// Where the search is closed, or the history can't be read.
    pub fn retained_changes(
        &self,
        broker: &Broker,
        store: &Store,
        topic: &str,
        search: Option<u64>,
        first: u64,
        count: u32,
    ) -> Result<RetainedChanges, Fault> {
        let search = match search {
            Some(search) => search,
            None => {
                let query = HistoryQuery { filter: topic.to_owned(), retain: Some(true), ..HistoryQuery::default() };
                self.open(store, &query)?.search
            }
        };
        let handle = self.handle(search)?;
        let unread = |error| Fault::of_read("The values were not read", &error);
        // With the one that ended the first of them.
        let before = first.min(1);
        let count = count.min(MOST_ROWS) as usize;
        let mut found = handle.rows(first - before, count + before as usize, PREVIEW_BYTES).map_err(unread)?;
        let mut progress = progress(search, &handle)?;
        let held = TopicName::new(topic).ok().and_then(|topic| broker.retained(&topic));
        if progress.done {
            // What is still retained, and the history has let go of, comes last.
            let held = store.retained_ids([topic]).map_err(unread)?.into_iter().next().flatten();
            let held = held.map(|id| store.message(id, PREVIEW_BYTES)).transpose().map_err(unread)?.flatten();
            let last = handle.rows(progress.found.saturating_sub(1), 1, 0).map_err(unread)?.pop();
            if let Some(held) = held.filter(|held| last.is_none_or(|last| held.id < last.id)) {
                if first - before + found.len() as u64 == progress.found && found.len() < count + before as usize {
                    found.push(held);
                }
                progress.found += 1;
            }
        }
        let newer = (before == 1 && !found.is_empty()).then(|| found.remove(0));
        let rows = past::changes(&found, newer.as_ref(), held.is_some());
        Ok(RetainedChanges { progress, first, rows })
    }

    fn handle(&self, search: u64) -> Result<Arc<SearchHandle>, Fault> {
        let handle = self.open.lock().searches.get(&search).cloned();
        handle.ok_or_else(|| Fault::new("The search has ended", "Other searches took its place", "Search again"))
    }

    /// Ends a search.
    pub fn close(&self, search: u64) {
        self.open.lock().searches.remove(&search);
    }
}

fn progress(search: u64, handle: &SearchHandle) -> Result<HistoryProgress, Fault> {
    let progress = handle.progress();
    if let Some(why) = progress.failed {
        return Err(Fault::new("The search stopped", why, "Search again"));
    }
    Ok(HistoryProgress {
        search,
        found: progress.found,
        progress: progress.scanned,
        done: progress.done,
        newer: progress.newer,
        limit_reached: progress.limit_reached,
    })
}

/// What is wrong with a condition on JSON payloads; `None` where nothing is, or it asks for nothing.
pub fn condition_error(condition: &str) -> Option<String> {
    if condition.trim().is_empty() {
        return None;
    }
    condition.parse::<JsonCondition>().err().map(|error| sentence(&error.to_string()))
}

pub(crate) fn search_of(query: &HistoryQuery) -> Result<Search, Fault> {
    let filter = match &*query.filter {
        "" => None,
        filter => Some(TopicFilter::new(filter).map_err(|error| {
            let action = "Correct it: + stands for one level, # at the end for all that follow";
            Fault::new("The topic filter is not valid", error, action)
        })?),
    };
    let qos = match query.qos {
        None => None,
        Some(level) => Some(QoS::from_level(level).ok_or_else(|| {
            Fault::new("The search did not begin", format!("There is no QoS {level}"), "Choose QoS 0, 1 or 2")
        })?),
    };
    let json = match query.json.trim() {
        "" => None,
        condition => Some(condition.parse().map_err(|error: JsonPathError| {
            Fault::new("The condition is not valid", error, "Write it as in $.temperature > 30")
        })?),
    };
    Ok(Search {
        filter,
        client: (!query.client.is_empty()).then(|| query.client.clone()),
        text: query.text.clone(),
        from: query.from.map(timestamp),
        to: query.to.map(timestamp),
        qos,
        retain: query.retain,
        json,
        ..Search::default()
    })
}

#[cfg(test)]
mod tests {
    use nightjar_store::{Durability, Options};

    use super::*;

    fn store() -> Arc<Store> {
        Store::open(&Options::new("unused").durability(Durability::None)).unwrap().store
    }

    #[test]
    fn the_oldest_search_makes_room() {
        let (store, searches) = (store(), Searches::default());
        let numbers: Vec<u64> =
            (0..=MOST).map(|_| searches.open(&store, &HistoryQuery::default()).unwrap().search).collect();
        assert!(searches.page(numbers[0], 0, 10).is_err());
        for &number in &numbers[1..] {
            let page = searches.page(number, 0, 10).unwrap();
            assert_eq!((page.progress.search, page.rows.len()), (number, 0));
        }
        searches.close(numbers[1]);
        assert!(searches.page(numbers[1], 0, 10).is_err());
    }

    #[test]
    fn what_can_not_be_asked_for_says_why() {
        let open = |query: HistoryQuery| Searches::default().open(&store(), &query).unwrap_err();
        let fault = open(HistoryQuery { json: "temperature > 30".to_owned(), ..HistoryQuery::default() });
        assert_eq!(Some(&fault.why), condition_error("temperature > 30").as_ref());
        assert!(fault.why.contains('$'), "{fault:?}");
        assert_eq!((condition_error("$.temperature > 30"), condition_error(" ")), (None, None));
        let fault = open(HistoryQuery { qos: Some(3), ..HistoryQuery::default() });
        assert!(fault.why.contains('3'), "{fault:?}");
    }

    #[test]
    fn a_filter_that_is_none_says_why() {
        let query = HistoryQuery { filter: "a#/b".to_owned(), ..HistoryQuery::default() };
        let fault = Searches::default().open(&store(), &query).unwrap_err();
        assert!(fault.why.contains("MQTT-4.7.1-1"), "{fault:?}");
    }
}
