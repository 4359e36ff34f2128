//! Times of which the history does not have all.

use nightjar_store::{Gap, ReadError, Store};

use super::{millis, timestamp};
use crate::wire::HistoryGap;

/// Gaps that a window gets; a disk that was too slow for long left thousands.
const MOST: usize = 1_000;

/// Those that reach into a time, the newest first.
///
/// # Errors
/// Where the history can't be read.
pub fn between(store: &Store, from: Option<f64>, to: Option<f64>) -> Result<Vec<HistoryGap>, ReadError> {
    let gaps = store.gaps(from.map(timestamp), to.map(timestamp))?;
    Ok(gaps.into_iter().take(MOST).map(shown).collect())
}

fn shown(gap: Gap) -> HistoryGap {
    HistoryGap {
        from: millis(gap.from),
        to: millis(gap.to),
        messages: gap.messages,
        events: gap.events,
        reason: gap.reason,
    }
}

#[cfg(test)]
mod tests {
    use nightjar_broker::Timestamp;

    use super::*;

    #[test]
    fn a_gap_says_when_and_why() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let gap = Gap { from: at(1), to: at(3), messages: 12, events: 0, reason: "the disk was slow".to_owned() };
        let expected =
            HistoryGap { from: 1e3, to: 3e3, messages: 12, events: 0, reason: "the disk was slow".to_owned() };
        assert_eq!(shown(gap), expected);
    }
}
