use nightjar_broker::Timestamp;

/// Microseconds of a bucket; the average is over [`BUCKETS`] of them.
const BUCKET: i64 = 250_000;
const BUCKETS: usize = 8;

/// Messages per second, averaged over the last two seconds: counts by quarter of a second. Counts that are too old
/// are cleared when the next message comes, so that what is quiet costs nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    counts: [u32; BUCKETS],
    /// The newest bucket, as its number since 1970.
    newest: i64,
}

impl Rate {
    pub(super) fn add(&mut self, now: Timestamp) {
        let bucket = now.micros().div_euclid(BUCKET);
        let ahead = bucket - self.newest;
        if ahead != 0 {
            if (-(BUCKETS as i64)..0).contains(&ahead) {
                // The clock was set back a little: what counts is that the message is counted.
            } else if (1..BUCKETS as i64).contains(&ahead) {
                for passed in self.newest + 1..=bucket {
                    self.counts[place(passed)] = 0;
                }
                self.newest = bucket;
            } else {
                self.counts = [0; BUCKETS];
                self.newest = bucket;
            }
        }
        let count = &mut self.counts[place(self.newest)];
        *count = count.saturating_add(1);
    }

    /// Messages of the last two seconds.
    pub(super) fn recent(&self, now: Timestamp) -> u64 {
        let bucket = now.micros().div_euclid(BUCKET);
        let oldest = bucket - BUCKETS as i64 + 1;
        (oldest..=bucket)
            .filter(|bucket| (self.newest - BUCKETS as i64 + 1..=self.newest).contains(bucket))
            .map(|bucket| u64::from(self.counts[place(bucket)]))
            .sum()
    }
}

/// What a number of recent messages is per second. The newest bucket is not over yet, so that the time that they came
/// in is a little less than two seconds.
pub(super) fn per_second(recent: u64, now: Timestamp) -> f64 {
    let micros = BUCKET * (BUCKETS as i64 - 1) + now.micros().rem_euclid(BUCKET);
    recent as f64 * 1e6 / micros as f64
}

fn place(bucket: i64) -> usize {
    bucket.rem_euclid(BUCKETS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_767_225_600_000_000 + millis * 1_000)
    }

    fn rate_of(rate: &Rate, millis: i64) -> f64 {
        per_second(rate.recent(at(millis)), at(millis))
    }

    #[test]
    fn a_steady_flow_has_its_rate_at_any_moment() {
        let mut rate = Rate::default();
        for millis in (0..10_000).step_by(10) {
            rate.add(at(millis));
            if millis >= 2_000 {
                let per_second = rate_of(&rate, millis + 9);
                assert!((per_second - 100.0).abs() < 1.0, "{per_second} after {millis} ms");
            }
        }
    }

    #[test]
    fn a_flow_that_ends_is_over_after_two_seconds() {
        let mut rate = Rate::default();
        for _ in 0..10 {
            rate.add(at(0));
        }
        assert!(rate_of(&rate, 0) > 5.0);
        assert!((rate_of(&rate, 1_999) - 5.0).abs() < 0.01);
        assert_eq!(rate_of(&rate, 2_000), 0.0);
        assert_eq!(rate_of(&rate, 1_000_000), 0.0);
        rate.add(at(1_000_000));
        assert_eq!(rate.recent(at(1_000_000)), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_starts_anew() {
        let mut rate = Rate::default();
        rate.add(at(3_600_000));
        rate.add(at(3_599_000));
        assert_eq!(rate.recent(at(3_600_000)), 2);
        rate.add(at(0));
        assert_eq!(rate.recent(at(0)), 1);
        assert_eq!(rate.recent(at(3_600_000)), 0);
    }
}
