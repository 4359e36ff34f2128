//! What came of a load.

use std::fmt;
use std::time::Duration;

use crate::histogram::Histogram;

#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Messages that were published.
    pub(crate) sent: u64,
    /// Of these, those that the broker acknowledged; QoS 0 has no such thing.
    pub(crate) acknowledged: Option<u64>,
    /// Copies that arrived; `None` without subscribers.
    pub(crate) delivered: Option<u64>,
    /// Copies that should have.
    pub(crate) expected: u64,
    /// From the first message to the last arrival.
    pub(crate) elapsed: Duration,
    /// CPU time of the broker meanwhile.
    pub(crate) cpu: Option<Duration>,
    pub(crate) latencies: Histogram,
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
        let cpu = self.cpu?.as_secs_f64();
        (cpu > 0.0).then(|| self.messages() as f64 / cpu)
    }

    /// Below zero where messages came twice.
    pub(crate) fn lost(&self) -> i64 {
        self.expected as i64 - self.delivered.unwrap_or(self.expected) as i64
    }

    pub(crate) fn latency(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.latencies.percentile(percent))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "sent          {}", self.sent)?;
        if let Some(acknowledged) = self.acknowledged {
            writeln!(formatter, "acknowledged  {acknowledged}")?;
        }
        if let Some(delivered) = self.delivered {
            writeln!(formatter, "delivered     {delivered} of {}", self.expected)?;
            writeln!(formatter, "lost          {}", self.lost())?;
            let [median, most, worst] = [50.0, 99.0, 100.0].map(|percent| self.latency(percent).as_secs_f64() * 1e3);
            writeln!(formatter, "latency       {median:.2} ms median, {most:.2} ms p99, {worst:.2} ms worst")?;
        }
        if let Some(cpu) = self.cpu {
            writeln!(formatter, "broker's CPU  {:.2} s", cpu.as_secs_f64())?;
        }
        write!(formatter, "throughput    {:.0} messages/s over {:.2} s", self.per_second(), self.elapsed.as_secs_f64())
    }
}
