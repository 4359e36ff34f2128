//! The loop that sends, hears and counts.
//!
//! In a closed loop a publisher writes when half of its window is free, so that no queue grows and the broker is as
//! busy as it can be. In an open loop messages leave when they are due, and count from then on: a broker that stalls is
//! charged for all that should have passed meanwhile.

use std::time::{Duration, Instant};

use anyhow::Context;
use mio::{Events, Interest, Poll, Token};
use nightjar_mqtt::QoS;

use crate::client::Client;
use crate::frame::Frame;
use crate::histogram::Histogram;
use crate::machine;
use crate::order::{Faults, Order};
use crate::plan::Plan;
use crate::publisher::Publisher;
use crate::report::{Report, Usage};
use crate::route::Route;

/// What is still on its way after so long without any arrival is lost. A broker whose disk is behind may hold its
/// publishers back for seconds without losing anything.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// Bytes that are read at once.
const CHUNK: usize = 512 * 1024;

/// Puts the load on the broker; returns when all that was sent has arrived, or is lost.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<Report> {
    plan.check()?;
    let mut generator = Generator::new(plan)?;
    let before = plan.process.map(machine::cpu_time).transpose()?;
    generator.go()?;
    let usage = match (plan.process, before) {
        (Some(process), Some(before)) => Some(Usage {
            cpu: machine::settled_cpu_time(process)?.saturating_sub(before),
            memory: machine::most_resident(process)?,
        }),
        _ => None,
    };
    Ok(generator.report(usage))
}

#[derive(Debug)]
struct Subscriber {
    client: Client,
    order: Order,
}

#[derive(Debug)]
struct Generator<'a> {
    plan: &'a Plan,
    poll: Poll,
    started: Instant,
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    /// The publisher whose turn it is in an open loop.
    turn: usize,
    sent: u64,
    acknowledged: u64,
    /// Copies that should arrive, and that did.
    expected: u64,
    delivered: u64,
    /// In nanoseconds since the start.
    last_arrival: u64,
    latencies: Histogram,
    acknowledgements: Histogram,
}

impl<'a> Generator<'a> {
    fn new(plan: &'a Plan) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let route = Route::of(plan)?;
        let qos = QoS::from_level(plan.qos).context("QoS")?;
        let register = |client: &mut Client, token: usize| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(client.socket(), Token(token), interest)
        };
        let process = std::process::id();
        let subscribers = (0..plan.subscribers)
            .map(|index| {
                let name = format!("load-{process}-subscriber-{index}");
                let mut client = Client::join(&route, &name, &plan.filters_of(index), qos)?;
                register(&mut client, plan.publishers + index)?;
                Ok(Subscriber { client, order: Order::new(plan.publishers, plan.is_partial()) })
            })
            .collect::<anyhow::Result<_>>()?;
        let publishers = (0..plan.publishers)
            .map(|index| {
                let name = format!("load-{process}-publisher-{index}");
                let mut client = Client::join(&route, &name, &[], qos)?;
                register(&mut client, index)?;
                Publisher::new(plan, index, qos, client)
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            plan,
            poll,
            started: Instant::now(),
            publishers,
            subscribers,
            turn: 0,
            sent: 0,
            acknowledged: 0,
            expected: 0,
            delivered: 0,
            last_arrival: 0,
            latencies: Histogram::new(),
            acknowledgements: Histogram::new(),
        })
    }

    fn go(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut chunk = vec![0; CHUNK];
        let end = nanoseconds(self.plan.duration());
        let is_open = self.plan.rate > 0;
        self.started = Instant::now();
        loop {
            let now = self.now();
            let is_sending = now < end;
            match (is_sending, is_open) {
                (true, true) => self.send_due(now)?,
                (true, false) => self.send_portions(now)?,
                (false, _) => self.send_rest()?,
            }
            let is_stuck = now.saturating_sub(self.last_arrival) > nanoseconds(LOST_AFTER);
            if !is_sending && (is_stuck || self.publishers.iter().all(Publisher::has_finished)) {
                return Ok(());
            }
            if is_stuck {
                self.publishers.iter_mut().for_each(Publisher::forgive);
                self.last_arrival = now;
            }
            // What is due next is a fraction of a millisecond away, which is all that a poll can wait.
            let wait = if is_sending && is_open { Duration::ZERO } else { Duration::from_millis(20) };
            self.poll.poll(&mut events, Some(wait))?;
            for event in &events {
                let client = match self.publishers.get_mut(event.token().0) {
                    Some(publisher) => &mut publisher.client,
                    None => &mut self.subscribers[event.token().0 - self.plan.publishers].client,
                };
                if event.is_writable() {
                    client.unblock();
                    client.flush()?;
                }
                if event.is_readable() {
                    self.hear(event.token().0, event.is_read_closed(), &mut chunk)?;
                }
            }
        }
    }

    fn now(&self) -> u64 {
        nanoseconds(self.started.elapsed())
    }

    /// Writes what is due, the publishers taking turns.
    fn send_due(&mut self, now: u64) -> anyhow::Result<()> {
        let due = due_by(now, self.plan.rate);
        let mut idle = 0;
        while self.sent < due && idle < self.publishers.len() {
            let publisher = &mut self.publishers[self.turn];
            self.turn = (self.turn + 1) % self.plan.publishers;
            if !publisher.may_write() {
                idle += 1;
                continue;
            }
            idle = 0;
            self.expected += u64::from(publisher.write(due_time(self.sent, self.plan.rate)));
            self.sent += 1;
        }
        for publisher in &mut self.publishers {
            publisher.fence(false);
            publisher.client.flush()?;
        }
        Ok(())
    }

    /// Fills the windows that are half empty.
    fn send_portions(&mut self, now: u64) -> anyhow::Result<()> {
        for publisher in &mut self.publishers {
            for _ in 0..publisher.portion() {
                self.expected += u64::from(publisher.write(now));
                self.sent += 1;
                publisher.fence(false);
                if self.plan.singly {
                    publisher.client.flush()?;
                }
            }
            publisher.client.flush()?;
        }
        Ok(())
    }

    fn send_rest(&mut self) -> anyhow::Result<()> {
        for publisher in &mut self.publishers {
            publisher.fence(true);
            publisher.client.flush()?;
        }
        Ok(())
    }

    /// Reads what a client was sent.
    fn hear(&mut self, token: usize, is_closing: bool, chunk: &mut [u8]) -> anyhow::Result<()> {
        let now = self.now();
        let mut arrivals = 0_u64;
        if let Some(publisher) = self.publishers.get_mut(token) {
            let mut acknowledged = Vec::new();
            publisher.client.read(chunk, is_closing, |frame| match frame {
                Frame::PubAck(identifier) | Frame::PubComp(identifier) => acknowledged.push(Some(identifier)),
                Frame::PingResp => acknowledged.push(None),
                _ => {}
            })?;
            for identifier in acknowledged {
                match identifier {
                    None => arrivals += u64::from(publisher.pass_fence()),
                    Some(identifier) => {
                        if let Some(due) = publisher.acknowledge(identifier) {
                            self.acknowledged += 1;
                            arrivals += 1;
                            self.acknowledgements.record(now.saturating_sub(due));
                        }
                    }
                }
            }
            // PUBREL.
            publisher.client.flush()?;
        } else {
            let subscriber = &mut self.subscribers[token - self.plan.publishers];
            let (publishers, latencies) = (&mut self.publishers, &mut self.latencies);
            let order = &mut subscriber.order;
            subscriber.client.read(chunk, is_closing, |frame| {
                if let Frame::Message { stamp, .. } = frame
                    && order.note(stamp.publisher, stamp.number)
                {
                    arrivals += 1;
                    latencies.record(now.saturating_sub(stamp.due));
                    if let Some(publisher) = publishers.get_mut(stamp.publisher as usize) {
                        publisher.heard();
                    }
                }
            })?;
            self.delivered += arrivals;
            subscriber.client.flush()?;
        }
        if arrivals > 0 {
            self.last_arrival = now;
        }
        Ok(())
    }

    fn report(self, usage: Option<Usage>) -> Report {
        let faults = self.subscribers.iter().map(|subscriber| subscriber.order.faults);
        Report {
            sent: self.sent,
            acknowledged: (self.plan.qos > 0).then_some(self.acknowledged),
            delivered: (self.plan.most_copies() > 0).then_some(self.delivered),
            expected: self.expected,
            faults: faults.fold(Faults::default(), Faults::plus),
            elapsed: Duration::from_nanos(self.last_arrival),
            usage,
            latencies: self.latencies,
            acknowledgements: self.acknowledgements,
        }
    }
}

/// Messages that are due by a time, at `rate` a second.
fn due_by(nanoseconds: u64, rate: u64) -> u64 {
    u64::try_from(u128::from(nanoseconds) * u128::from(rate) / 1_000_000_000).unwrap_or(u64::MAX)
}

/// When a message, counted from 0, is due.
fn due_time(number: u64, rate: u64) -> u64 {
    u64::try_from((u128::from(number) + 1) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX)
}

fn nanoseconds(duration: Duration) -> u64 {
    // 2^64 nanoseconds are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_due_when_it_is_counted_as_due() {
        for rate in [1, 3, 1_000, 9_999, 1_000_000] {
            for number in [0, 1, 2, 1_000, 123_456_789] {
                let time = due_time(number, rate);
                // Rounded down to a nanosecond, so a moment later it is.
                assert!(due_by(time + 1, rate) > number, "{number} at {rate} a second");
                assert!(due_by(time.saturating_sub(1), rate) <= number, "{number} at {rate} a second");
            }
        }
    }
}
