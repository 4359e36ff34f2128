//! What came of a load.

use std::fmt;
use std::time::Duration;

use crate::histogram::Histogram;
use crate::order::Faults;

#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Messages that were published.
    pub(crate) sent: u64,
    /// Of these, those that the broker acknowledged; QoS 0 has no such thing.
    pub(crate) acknowledged: Option<u64>,
    /// Copies that arrived, each counted once; `None` without subscribers.
    pub(crate) delivered: Option<u64>,
    /// Copies that should have.
    pub(crate) expected: u64,
    pub(crate) faults: Faults,
    /// From the first message to the last arrival.
    pub(crate) elapsed: Duration,
    /// `None` where the broker's process is not known.
    pub(crate) usage: Option<Usage>,
    /// From the instant a message was due to its arrival.
    pub(crate) latencies: Histogram,
    /// The same to its PUBACK or PUBCOMP.
    pub(crate) acknowledgements: Histogram,
}

/// What the broker used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time, with what the broker put off until after the last message.
    pub(crate) cpu: Duration,
    /// Bytes of memory that it had at most.
    pub(crate) memory: u64,
}

impl Report {
    /// Messages that count: delivered copies, or without subscribers what was sent.
    fn messages(&self) -> u64 {
        self.delivered.unwrap_or(self.sent)
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.messages() as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// `None` where the CPU time was not measured, or is too short to say anything.
    pub(crate) fn per_cpu_second(&self) -> Option<f64> {
        self.per_cpu(self.messages())
    }

    /// Microseconds of the broker's CPU time for each message that came in.
    pub(crate) fn cpu_per_message(&self) -> Option<f64> {
        self.per_cpu(self.sent).map(|rate| 1e6 / rate)
    }

    fn per_cpu(&self, messages: u64) -> Option<f64> {
        let cpu = self.usage?.cpu.as_secs_f64();
        (cpu > 0.0).then(|| messages as f64 / cpu)
    }

    /// Copies, and acknowledgements, that never came.
    pub(crate) fn lost(&self) -> u64 {
        let unheard = self.expected - self.delivered.unwrap_or(self.expected).min(self.expected);
        let unacknowledged = self.sent - self.acknowledged.unwrap_or(self.sent).min(self.sent);
        unheard + unacknowledged
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "sent          {}", self.sent)?;
        if let Some(acknowledged) = self.acknowledged {
            writeln!(formatter, "acknowledged  {acknowledged}")?;
            writeln!(formatter, "… after       {}", Times(&self.acknowledgements))?;
        }
        if let Some(delivered) = self.delivered {
            writeln!(formatter, "delivered     {delivered} of {}", self.expected)?;
            writeln!(formatter, "latency       {}", Times(&self.latencies))?;
        }
        writeln!(formatter, "lost          {}", self.lost())?;
        writeln!(formatter, "doubled       {}", self.faults.doubled)?;
        writeln!(formatter, "reordered     {}", self.faults.reordered)?;
        if let Some(usage) = self.usage {
            writeln!(
                formatter,
                "broker        {:.2} s of CPU, {:.1} MiB at most",
                usage.cpu.as_secs_f64(),
                usage.memory as f64 / f64::from(1 << 20)
            )?;
        }
        if let Some(rate) = self.per_cpu_second() {
            writeln!(formatter, "efficiency    {rate:.0} messages per CPU-second of the broker")?;
        }
        write!(formatter, "throughput    {:.0} messages/s over {:.2} s", self.per_second(), self.elapsed.as_secs_f64())
    }
}

struct Times<'a>(&'a Histogram);

impl fmt::Display for Times<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most, nearly_all, worst] =
            [50.0, 99.0, 99.9, 100.0].map(|percent| self.0.percentile(percent) as f64 / 1e6);
        write!(formatter, "{median:.3} ms median, {most:.3} ms p99, {nearly_all:.3} ms p99.9, {worst:.2} ms worst")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            sent: 1_000,
            acknowledged: Some(1_000),
            delivered: Some(4_000),
            expected: 4_000,
            faults: Faults::default(),
            elapsed: Duration::from_secs(2),
            usage: Some(Usage { cpu: Duration::from_millis(500), memory: 1 << 20 }),
            latencies: Histogram::new(),
            acknowledgements: Histogram::new(),
        }
    }

    #[test]
    fn rates_count_what_was_delivered() {
        let report = report();
        assert_eq!(report.per_second(), 2_000.0);
        assert_eq!(report.per_cpu_second(), Some(8_000.0));
        assert_eq!(report.cpu_per_message(), Some(500.0));
        let silent = Report { delivered: None, expected: 0, ..report };
        assert_eq!(silent.per_second(), 500.0);
        assert_eq!(Report { usage: None, ..silent }.per_cpu_second(), None);
    }

    #[test]
    fn losses_are_copies_and_acknowledgements() {
        assert_eq!(report().lost(), 0);
        assert_eq!(Report { delivered: Some(3_990), acknowledged: Some(999), ..report() }.lost(), 11);
        assert_eq!(Report { acknowledged: None, ..report() }.lost(), 0);
    }
}
