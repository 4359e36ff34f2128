//! The only place that asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Timestamp;

/// One moment on both clocks: the steady one for deadlines, the wall's for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub steady: Instant,
    pub wall: Timestamp,
}

impl Moment {
    /// The moment `duration` later, on both clocks.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self { steady: self.steady + duration, wall: Timestamp::from_micros(self.wall.micros().saturating_add(micros)) }
    }
}

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "this is where time enters")]
pub fn now() -> Moment {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    // tokio's, so that a test which pauses time pauses it everywhere.
    let steady = tokio::time::Instant::now().into_std();
    Moment { steady, wall: Timestamp::from_micros(micros) }
}
