//! How what a search found spreads over time.
//!
//! Positions are in the order of time, so that the bounds of all slots are found by halving: a few thousand single rows,
//! however many millions were found, and the counts are exact.

use nightjar_broker::Timestamp;
use nightjar_store::{ReadError, SearchHandle};

use super::{millis, timestamp};
use crate::wire::HistoryHistogram;

/// Slots that a window can ask for.
const MOST_SLOTS: u32 = 1_000;

/// Messages found in each of `slots` equal parts of a time, the oldest first. Without bounds it is the time from the oldest
/// to the newest that was found; `None` where that is none.
///
/// # Errors
/// Where the history can't be read.
pub fn of_search(
    search: &SearchHandle,
    from: Option<f64>,
    to: Option<f64>,
    slots: u32,
) -> Result<Option<HistoryHistogram>, ReadError> {
    let mut found = Found {
        total: search.progress().found,
        time_at: |position| {
            let row = search.rows(position, 1, 0)?;
            Ok::<_, ReadError>(row.first().map(|message| message.received))
        },
    };
    found.histogram(from.map(timestamp), to.map(timestamp), slots.clamp(1, MOST_SLOTS))
}

/// What was found, newest first.
struct Found<F> {
    total: u64,
    /// When the message at a position was received; `None` where it is no longer there. What is gone is the oldest.
    time_at: F,
}

impl<E, F: FnMut(u64) -> Result<Option<Timestamp>, E>> Found<F> {
    fn histogram(
        &mut self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        slots: u32,
    ) -> Result<Option<HistoryHistogram>, E> {
        let Some(newest) = (if self.total == 0 { None } else { (self.time_at)(0)? }) else { return Ok(None) };
        let there = self.first_not(0, self.total, |time| time.is_some())?;
        let Some(oldest) = (self.time_at)(there.saturating_sub(1))? else { return Ok(None) };
        let (from, to) = (from.unwrap_or(oldest).micros(), to.unwrap_or(newest).micros());
        if from >= to {
            return Ok(None);
        }
        // Of the bounds between slots: how many messages are not older. The last slot has its upper bound.
        let after = self.first_not(0, there, |time| time.is_some_and(|time| time.micros() > to))?;
        let mut not_older = vec![after; slots as usize + 1];
        not_older[0] = self.first_not(after, there, |time| time.is_some_and(|time| time.micros() >= from))?;
        self.divide(&mut not_older, from, to, (0, slots as usize))?;
        let counts = not_older.windows(2).map(|pair| pair[0].saturating_sub(pair[1])).collect();
        let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
        Ok(Some(HistoryHistogram { from: millis(from), to: millis(to), counts }))
    }

    /// Fills in the bounds between two that are known.
    fn divide(&mut self, not_older: &mut [u64], from: i64, to: i64, (first, last): (usize, usize)) -> Result<(), E> {
        if last - first < 2 {
            return Ok(());
        }
        let middle = first.midpoint(last);
        let (most, least) = (not_older[first], not_older[last]);
        let slots = (not_older.len() - 1) as i128;
        let bound = i128::from(from) + (i128::from(to) - i128::from(from)) * middle as i128 / slots;
        not_older[middle] =
            self.first_not(least, most, |time| time.is_some_and(|time| i128::from(time.micros()) >= bound))?;
        self.divide(not_older, from, to, (first, middle))?;
        self.divide(not_older, from, to, (middle, last))
    }

    /// The first position from `low` on, and at most `high`, of whose time `holds` does not hold; it holds of all before.
    fn first_not(&mut self, mut low: u64, mut high: u64, holds: impl Fn(Option<Timestamp>) -> bool) -> Result<u64, E> {
        while low < high {
            let middle = low.midpoint(high);
            if holds((self.time_at)(middle)?) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// The histogram of messages at these seconds, and how many rows were read for it.
    fn histogram(
        seconds: &[i64],
        gone: usize,
        bounds: Option<(i64, i64)>,
        slots: u32,
    ) -> (Option<HistoryHistogram>, u32) {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let mut reads = 0;
        let mut found = Found {
            total: seconds.len() as u64,
            time_at: |position: u64| {
                reads += 1;
                let newest_first = seconds.len() - 1 - position as usize;
                Ok::<_, Infallible>((newest_first >= gone).then(|| at(seconds[newest_first])))
            },
        };
        let (from, to) = bounds.map_or((None, None), |(from, to)| (Some(at(from)), Some(at(to))));
        let Ok(histogram) = found.histogram(from, to, slots);
        (histogram, reads)
    }

    fn counts(seconds: &[i64], gone: usize, bounds: Option<(i64, i64)>, slots: u32) -> Option<Vec<u64>> {
        histogram(seconds, gone, bounds, slots).0.map(|histogram| histogram.counts)
    }

    #[test]
    fn every_message_is_in_one_slot() {
        assert_eq!(counts(&[0, 1, 2, 3, 4, 10], 0, None, 5), Some(vec![2, 2, 1, 0, 1]));
        assert_eq!(counts(&[0, 0, 0, 9, 10], 0, None, 2), Some(vec![3, 2]));
        assert_eq!(counts(&[1, 2, 3, 4, 5], 2, None, 2), Some(vec![1, 2]), "what is gone does not count");
    }

    #[test]
    fn bounds_hold_whatever_was_found() {
        assert_eq!(counts(&[5, 6], 0, Some((0, 10)), 5), Some(vec![0, 0, 1, 1, 0]));
        assert_eq!(counts(&[0, 5, 10, 15], 0, Some((5, 10)), 1), Some(vec![2]));
    }

    #[test]
    fn without_a_time_there_is_none() {
        assert_eq!(counts(&[], 0, None, 5), None);
        assert_eq!(counts(&[7, 7, 7], 0, None, 5), None);
        assert_eq!(counts(&[1, 2], 2, None, 5), None);
    }

    #[test]
    fn millions_cost_a_few_thousand_rows() {
        let seconds: Vec<i64> = (0..2_000_000).map(|n| n / 3).collect();
        let (histogram, reads) = histogram(&seconds, 0, None, 120);
        assert_eq!(histogram.unwrap().counts.iter().sum::<u64>(), 2_000_000);
        assert!(reads < 3_000, "{reads} rows were read");
    }
}
