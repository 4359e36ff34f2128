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

/// The present moment. Who sets tokio's clock in a test sets both: the wall's is as far from the system's as tokio's is
/// from the machine's, which is nothing but for such a test.
#[expect(clippy::disallowed_methods, reason = "this is where time enters")]
pub fn now() -> Moment {
    let steady = tokio::time::Instant::now().into_std();
    let (machine, system) = (Instant::now(), SystemTime::now());
    let wall = match steady.checked_duration_since(machine) {
        Some(ahead) => system.checked_add(ahead),
        None => system.checked_sub(machine - steady),
    };
    let micros = wall.unwrap_or(system).duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    Moment { steady, wall: Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_test_that_moves_time_moves_both_clocks() {
        let before = now();
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let after = now();
        assert_eq!(after.steady - before.steady, Duration::from_secs(3_600));
        let moved = after.wall.micros() - before.wall.micros();
        assert!((moved - 3_600_000_000).abs() < 500_000, "{moved} µs");
    }
}
