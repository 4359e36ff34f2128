//! What one run says about a broker.

use crate::order::Faults;
use crate::report::Report;

/// A figure that a run may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    PerCpuSecond,
    PerSecond,
    Busy,
    Median,
    P99,
    P999,
    AckMedian,
    AckP99,
    CpuPerMessage,
    CpuMilliseconds,
    Memory,
    BytesPerConnection,
}

/// The figures of one run, each `None` where it has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Run {
    /// Messages, or connections, per second of the broker's CPU time.
    pub(crate) per_cpu_second: Option<f64>,
    pub(crate) per_second: Option<f64>,
    /// CPU seconds of the broker per second.
    pub(crate) busy: Option<f64>,
    /// Milliseconds until half, 99 of 100, and 999 of 1,000 messages had arrived.
    pub(crate) latency: Option<[f64; 3]>,
    /// The same of acknowledgements.
    pub(crate) acknowledgement: Option<[f64; 3]>,
    /// Microseconds of CPU for each message in.
    pub(crate) cpu_per_message: Option<f64>,
    /// Milliseconds of CPU in all.
    pub(crate) cpu_milliseconds: Option<f64>,
    /// Bytes at most.
    pub(crate) memory: Option<f64>,
    pub(crate) bytes_per_connection: Option<f64>,
    pub(crate) lost: u64,
    pub(crate) faults: Faults,
}

impl Run {
    pub(crate) fn of(report: &Report) -> Self {
        Self {
            per_cpu_second: report.per_cpu_second(),
            per_second: Some(report.per_second()),
            busy: report.usage.map(|usage| usage.cpu.as_secs_f64() / report.elapsed.as_secs_f64().max(0.001)),
            latency: report.latencies.milliseconds(),
            acknowledgement: report.acknowledgements.milliseconds(),
            cpu_per_message: report.cpu_per_message(),
            cpu_milliseconds: report.usage.map(|usage| usage.cpu.as_secs_f64() * 1e3),
            memory: report.usage.map(|usage| usage.memory as f64),
            bytes_per_connection: None,
            lost: report.lost(),
            faults: report.faults,
        }
    }
}

impl Metric {
    pub(crate) fn of(self, run: &Run) -> Option<f64> {
        let of = |times: Option<[f64; 3]>, index: usize| times.map(|times| times[index]);
        match self {
            Self::PerCpuSecond => run.per_cpu_second,
            Self::PerSecond => run.per_second,
            Self::Busy => run.busy,
            Self::Median => of(run.latency, 0),
            Self::P99 => of(run.latency, 1),
            Self::P999 => of(run.latency, 2),
            Self::AckMedian => of(run.acknowledgement, 0),
            Self::AckP99 => of(run.acknowledgement, 1),
            Self::CpuPerMessage => run.cpu_per_message,
            Self::CpuMilliseconds => run.cpu_milliseconds,
            Self::Memory => run.memory,
            Self::BytesPerConnection => run.bytes_per_connection,
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::PerCpuSecond => "per CPU-s",
            Self::PerSecond => "per s",
            Self::Busy => "busy",
            Self::Median => "p50 ms",
            Self::P99 => "p99 ms",
            Self::P999 => "p99.9 ms",
            Self::AckMedian => "ack p50 ms",
            Self::AckP99 => "ack p99 ms",
            Self::CpuPerMessage => "CPU µs per message in",
            Self::CpuMilliseconds => "CPU ms",
            Self::Memory => "MiB at most",
            Self::BytesPerConnection => "bytes per connection",
        }
    }

    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::PerCpuSecond | Self::PerSecond | Self::BytesPerConnection => thousands(value),
            Self::Busy => format!("{:.0} %", value * 100.0),
            Self::CpuMilliseconds => format!("{value:.0}"),
            Self::CpuPerMessage => format!("{value:.2}"),
            Self::Memory => format!("{:.1}", value / f64::from(1 << 20)),
            Self::Median | Self::P99 | Self::P999 | Self::AckMedian | Self::AckP99 => {
                // Microseconds where they matter, and no more digits than the histogram is good for.
                if value < 10.0 { format!("{value:.3}") } else { format!("{value:.1}") }
            }
        }
    }
}

/// A whole number with its thousands apart.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_the_digits_that_they_are_good_for() {
        for (metric, value, shown) in [
            (Metric::PerSecond, 0.0, "0"),
            (Metric::PerSecond, 999.4, "999"),
            (Metric::PerCpuSecond, 1_234_567.0, "1,234,567"),
            (Metric::Busy, 0.986, "99 %"),
            (Metric::P99, 0.0726, "0.073"),
            (Metric::P99, 123.45, "123.5"),
            (Metric::Memory, 1.5 * 1024.0 * 1024.0, "1.5"),
        ] {
            assert_eq!(metric.show(value), shown);
        }
    }
}
