//! Latencies in constant memory: 32 buckets to each power of two, so a percentile is right within 3 %.

const SHIFT: u32 = 5;

#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; index(u64::MAX) + 1], count: 0 }
    }

    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.buckets[index(nanoseconds)] += 1;
        self.count += 1;
    }

    /// The nanoseconds that the given share of all values stay below; 0 where there are none.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        let rank = (self.count as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                return value(index);
            }
        }
        0
    }

    /// Milliseconds until half, 99 of 100, and 999 of 1,000 values; `None` where there are none.
    pub(crate) fn milliseconds(&self) -> Option<[f64; 3]> {
        (self.count > 0).then(|| [50.0, 99.0, 99.9].map(|percent| self.percentile(percent) as f64 / 1e6))
    }
}

fn index(value: u64) -> usize {
    let exponent = value.checked_ilog2().unwrap_or(0).saturating_sub(SHIFT);
    (((exponent as u64) << SHIFT) + (value >> exponent)) as usize
}

fn value(index: usize) -> u64 {
    let index = index as u64;
    let exponent = (index >> SHIFT).saturating_sub(1);
    (index - (exponent << SHIFT)) << exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near_the_values() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(99.0), 0);
        assert_eq!(histogram.milliseconds(), None);
        for number in 1..=1000 {
            histogram.record(number * 1_000_000);
        }
        for (percent, expected) in [(50.0, 500e6), (99.0, 990e6), (100.0, 1000e6)] {
            let measured = histogram.percentile(percent) as f64;
            assert!((measured / expected - 1.0).abs() < 0.04, "{percent} %: {measured}");
        }
    }

    #[test]
    fn buckets_keep_the_order() {
        let values = [0, 1, 31, 32, 33, 63, 64, 65, 1000, 1 << 40, u64::MAX];
        for pair in values.windows(2) {
            assert!(index(pair[0]) <= index(pair[1]));
            assert!(value(index(pair[1])) <= pair[1]);
        }
    }
}
