//! How much there is of something in a minute, averaged over the last 1, 5 and 15 minutes, as Mosquitto has it: an
//! exponential average, in which the past fades. Told the time.

use std::time::Duration;

const MINUTE: f64 = 60.0;

/// A count's averages, each per minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LoadAverage {
    averages: [f64; 3],
    last: u64,
}

impl LoadAverage {
    /// The periods by the names that end their topics.
    pub(crate) const PERIODS: [(&str, f64); 3] = [("1min", 1.0), ("5min", 5.0), ("15min", 15.0)];

    /// Takes in what the count is `passed` after it was last taken in.
    pub(crate) fn update(&mut self, count: u64, passed: Duration) {
        let minutes = passed.as_secs_f64() / MINUTE;
        if minutes <= 0.0 {
            return;
        }
        let rate = count.saturating_sub(self.last) as f64 / minutes;
        self.last = count;
        for (average, (_, period)) in self.averages.iter_mut().zip(Self::PERIODS) {
            *average = rate + (-minutes / period).exp() * (*average - rate);
        }
    }

    /// The averages, in the order of [`Self::PERIODS`].
    pub(crate) const fn averages(&self) -> [f64; 3] {
        self.averages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(10);

    #[test]
    fn a_steady_load_is_found_in_the_end() {
        let mut load = LoadAverage::default();
        for tick in 1..=600 {
            load.update(tick * 100, TICK);
        }
        for average in load.averages() {
            assert!((average - 600.0).abs() < 1.0, "100 in 10 s are 600 in a minute: {average}");
        }
    }

    #[test]
    fn a_burst_fades_over_its_period() {
        let mut load = LoadAverage::default();
        load.update(60, Duration::from_secs(60));
        // A minute at 60 a minute: the averages are on their way there, by 1 - 1/e, 1 - e^(-1/5), 1 - e^(-1/15).
        for (average, expected) in load.averages().into_iter().zip([37.93, 10.88, 3.87]) {
            assert!((average - expected).abs() < 0.01, "{average} instead of {expected}");
        }
        load.update(60, Duration::from_secs(300));
        for (average, expected) in load.averages().into_iter().zip([0.26, 4.00, 2.77]) {
            assert!((average - expected).abs() < 0.01, "{average} instead of {expected}");
        }
    }

    #[test]
    fn how_often_it_is_asked_makes_little_difference() {
        let (mut often, mut seldom) = (LoadAverage::default(), LoadAverage::default());
        for tick in 1..=60 {
            often.update(tick * 10, Duration::from_secs(1));
        }
        seldom.update(600, Duration::from_secs(60));
        for (often, seldom) in often.averages().into_iter().zip(seldom.averages()) {
            assert!((often - seldom).abs() < 0.001, "{often} and {seldom}");
        }
    }
}
