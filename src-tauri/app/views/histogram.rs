//! How what a search found spreads over time.

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
    let Some((oldest, newest)) = span(search)? else { return Ok(None) };
    let (from, to) = (from.map_or(oldest, timestamp), to.map_or(newest, timestamp));
    if from >= to {
        return Ok(None);
    }
    // The window's bounds are both included.
    let end = Timestamp::from_micros(to.micros().saturating_add(1));
    let counts = search.histogram(from, end, slots.clamp(1, MOST_SLOTS) as usize)?;
    Ok(Some(HistoryHistogram { from: millis(from), to: millis(to), counts }))
}

/// When the oldest and the newest were received: exactly, where they are still there.
fn span(search: &SearchHandle) -> Result<Option<(Timestamp, Timestamp)>, ReadError> {
    let Some(last) = search.progress().found.checked_sub(1) else { return Ok(None) };
    let received = |position| search.rows(position, 1, 0).map(|rows| rows.first().map(|message| message.received));
    match received(last)?.zip(received(0)?) {
        Some(span) => Ok(Some(span)),
        None => search.time_span(),
    }
}
