//! The numbers of the whole broker.

use nightjar_broker::{Broker, DropReason, EventKind, Journal, Timestamp};
use nightjar_store::{ReadError, Store};
use parking_lot::Mutex;

use super::{count, events, millis};
use crate::sampler::Sampler;
use crate::wire::{Busy, DropCount, Overview, Vitals};

/// What Overview shows of each list.
const BUSIEST: usize = 5;
const EVENTS: usize = 20;
/// Microseconds: who joined and left is counted that far back.
const LATELY: i64 = 300_000_000;
/// Microseconds that the count stays.
const COUNT_STAYS: i64 = 1_000_000;

/// The numbers that are always in sight.
pub fn vitals(broker: &Broker, store: &Store, sampler: &Sampler, started: Timestamp, now: Timestamp) -> Vitals {
    let totals = broker.totals();
    let rates = sampler.rates();
    let statistics = store.statistics();
    let paused = store.progress().borrow().paused.clone();
    Vitals {
        clients: count(broker.client_count().0),
        topics: store.topics().count(),
        retained: count(broker.retained_count()),
        messages_in: rates.messages_in,
        messages_out: rates.messages_out,
        bytes_in: rates.bytes_in,
        bytes_out: rates.bytes_out,
        dropped: totals.dropped_in_all(),
        dropped_by_reason: DropReason::ALL
            .into_iter()
            .zip(totals.dropped)
            .filter(|&(_, count)| count > 0)
            .map(|(reason, count)| DropCount { reason: reason.name().to_owned(), count })
            .collect(),
        history_messages: statistics.messages,
        history_bytes: statistics.bytes,
        journal_backlog: statistics.backlog,
        journal_paused: paused.map(|why| why.to_string()),
        now: millis(now),
        uptime_seconds: (millis(now) - millis(started)).max(0.0) / 1_000.0,
    }
}

/// Who came and went lately, counted at most once a second.
#[derive(Debug, Default)]
pub struct Comings {
    counted: Mutex<Option<(Timestamp, u32, u32)>>,
}

impl Comings {
    fn count(&self, store: &Store, now: Timestamp) -> Result<(u32, u32), ReadError> {
        if let Some((at, joined, left)) = *self.counted.lock()
            && (0..COUNT_STAYS).contains(&(now.micros() - at.micros()))
        {
            return Ok((joined, left));
        }
        let counts = store.event_counts(Timestamp::from_micros(now.micros() - LATELY))?;
        let of = |kinds: &[EventKind]| {
            let sum: u64 = kinds.iter().filter_map(|kind| counts.get(kind)).sum();
            u32::try_from(sum).unwrap_or(u32::MAX)
        };
        let joined = of(&[EventKind::Connected]);
        let left = of(&[EventKind::Disconnected, EventKind::Lost, EventKind::Violation, EventKind::Takeover]);
        *self.counted.lock() = Some((now, joined, left));
        Ok((joined, left))
    }
}

/// What Overview shows besides.
///
/// # Errors
/// Where the history can't be read.
pub fn overview(store: &Store, sampler: &Sampler, comings: &Comings, now: Timestamp) -> Result<Overview, ReadError> {
    let (joined, left) = comings.count(store, now)?;
    let busiest_topics = store.topics().busiest(BUSIEST, now);
    Ok(Overview {
        joined_5_min: joined,
        left_5_min: left,
        peak_in: sampler.peak_in(),
        busiest_topics: busiest_topics
            .into_iter()
            .filter(|topic| topic.rate > 0.0)
            .map(|topic| Busy { name: topic.path, rate: topic.rate })
            .collect(),
        busiest_clients: sampler.client_rates().busiest(BUSIEST),
        events: store.events(EVENTS)?.iter().map(events::row).collect(),
    })
}
