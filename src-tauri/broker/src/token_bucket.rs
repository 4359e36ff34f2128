//! How fast something may go, on average: a bucket that fills at a rate and is emptied by what is done. Told the time.

use std::time::{Duration, Instant};

/// A bucket of one second's worth of tokens.
///
/// What is done is always paid for, if need be with tokens that come later: so what is larger than the bucket gets
/// through too, and is made up for by waiting.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    /// Tokens that come in a second.
    rate: f64,
    /// Below zero is debt.
    tokens: f64,
    filled: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(tokens_per_second: u64, now: Instant) -> Self {
        let rate = tokens_per_second.max(1) as f64;
        Self { rate, tokens: rate, filled: now }
    }

    /// Pays for something that is done now.
    pub(crate) fn take(&mut self, tokens: u64, now: Instant) {
        self.fill(now);
        self.tokens -= tokens as f64;
    }

    /// When the next thing may be done; `None` for at once.
    pub(crate) fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        self.fill(now);
        // A bucket with less than a token counts as empty, and one that is a rounding error short of it as full enough.
        let missing = 1.0 - self.tokens;
        (missing > 1e-6).then(|| now + Duration::from_secs_f64((missing / self.rate).max(1e-6)))
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.rate);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_second_of_tokens_goes_at_once_and_then_the_rate_holds() {
        let start = clock::now().steady;
        let mut bucket = TokenBucket::new(10, start);
        let mut now = start;
        let mut done = 0;
        while now - start < Duration::from_secs(10) {
            match bucket.ready_at(now) {
                None => {
                    bucket.take(1, now);
                    done += 1;
                }
                Some(later) => now = later,
            }
        }
        assert!((109..=111).contains(&done), "10 at once and 10 a second: {done}");
    }

    #[test]
    fn what_is_larger_than_the_bucket_is_made_up_for() {
        let start = clock::now().steady;
        let mut bucket = TokenBucket::new(100, start);
        assert_eq!(bucket.ready_at(start), None);
        bucket.take(1_100, start);
        let ready = bucket.ready_at(start).unwrap();
        let wait = ready - start;
        assert!((10.0..10.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(bucket.ready_at(ready), None);
    }

    #[test]
    fn rest_saves_no_more_than_a_second() {
        let start = clock::now().steady;
        let mut bucket = TokenBucket::new(10, start);
        let later = start + Duration::from_secs(1_000);
        bucket.take(10, later);
        assert!(bucket.ready_at(later).is_some());
    }

    #[test]
    fn a_clock_that_stands_still_gives_nothing() {
        let start = clock::now().steady;
        let mut bucket = TokenBucket::new(1, start);
        bucket.take(1, start);
        assert!(bucket.ready_at(start).is_some_and(|ready| ready > start));
    }
}
