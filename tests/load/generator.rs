//! The loop that sends, hears and counts.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use mio::{Events, Interest, Poll, Token};
use nightjar_mqtt::{Packet, PacketIdentifier, ProtocolVersion, Publish, QoS, TopicName};

use crate::client::Client;
use crate::frame::Frame;
use crate::histogram::Histogram;
use crate::plan::{Plan, STAMP};
use crate::report::Report;

/// A publisher writes no further message while so many bytes wait for its socket.
const FULL: usize = 32 * 1024;

/// What is still on its way after so long without any arrival is lost. A broker whose disk is behind may hold its
/// publishers back for seconds without losing anything.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// How long a broker may go on working after the last message before its CPU time is taken.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// Puts the load on the broker; returns when all that was sent has arrived, or is lost.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<Report> {
    plan.check()?;
    let mut generator = Generator::new(plan)?;
    let cpu_before = plan.process.map(cpu_time).transpose()?;
    generator.go()?;
    let cpu = match (plan.process, cpu_before) {
        (Some(process), Some(before)) => Some(settled_cpu_time(process)? - before),
        _ => None,
    };
    Ok(generator.report(cpu))
}

/// The CPU time that a broker has used once it has also done what it put off, such as writing its record.
fn settled_cpu_time(process: u32) -> anyhow::Result<Duration> {
    let end = Instant::now() + SETTLED_WITHIN;
    let mut used = cpu_time(process)?;
    loop {
        thread::sleep(Duration::from_millis(200));
        let before = std::mem::replace(&mut used, cpu_time(process)?);
        if used - before <= Duration::from_millis(10) || Instant::now() > end {
            return Ok(used);
        }
    }
}

/// The CPU time that a process has used, all its threads together.
fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field behind it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<u64> { Ok(fields.get(index).context("/proc/PID/stat")?.parse()?) };
    // Linux counts in hundredths of a second here, whatever its timer does.
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

#[derive(Debug)]
struct Publisher {
    client: Client,
    /// A PUBLISH for each topic, but for the Packet Identifier and the time.
    templates: Vec<Vec<u8>>,
    next: usize,
    packet_identifier: PacketIdentifier,
    unacknowledged: u64,
}

#[derive(Debug)]
struct Generator<'a> {
    plan: &'a Plan,
    poll: Poll,
    started: Instant,
    publishers: Vec<Publisher>,
    subscribers: Vec<Client>,
    /// The publisher whose turn it is.
    turn: usize,
    sent: u64,
    acknowledged: u64,
    received: u64,
    /// Copies that were given up: with them the limit of messages on their way would close for good.
    forgiven: u64,
    last_arrival: Instant,
    latencies: Histogram,
}

impl<'a> Generator<'a> {
    fn new(plan: &'a Plan) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let qos = QoS::from_level(plan.qos).context("QoS")?;
        let register = |client: &mut Client, token: usize| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut client.stream, Token(token), interest)
        };
        let process = std::process::id();
        let subscribers = (0..plan.subscribers)
            .map(|index| {
                let filter = plan.filter_of(index);
                let name = format!("load-{process}-subscriber-{index}");
                let mut client = Client::connect(plan.address, &name, Some((&filter, qos)))?;
                register(&mut client, plan.publishers + index)?;
                Ok(client)
            })
            .collect::<anyhow::Result<_>>()?;
        let publishers = (0..plan.publishers)
            .map(|index| {
                let mut client = Client::connect(plan.address, &format!("load-{process}-publisher-{index}"), None)?;
                register(&mut client, index)?;
                let templates = plan.topics_of(index).into_iter().map(|topic| template(&topic, plan.payload, qos));
                Ok(Publisher {
                    client,
                    templates: templates.collect::<anyhow::Result<_>>()?,
                    next: 0,
                    packet_identifier: PacketIdentifier::FIRST,
                    unacknowledged: 0,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        let now = Instant::now();
        Ok(Self {
            plan,
            poll,
            started: now,
            publishers,
            subscribers,
            turn: 0,
            sent: 0,
            acknowledged: 0,
            received: 0,
            forgiven: 0,
            last_arrival: now,
            latencies: Histogram::new(),
        })
    }

    fn go(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut chunk = vec![0; 256 * 1024];
        self.started = Instant::now();
        self.last_arrival = self.started;
        loop {
            let elapsed = self.started.elapsed();
            let is_sending = elapsed < self.plan.duration();
            if is_sending {
                self.send(elapsed);
            } else if self.outstanding() == 0 || self.is_stuck() {
                return Ok(());
            }
            for publisher in &mut self.publishers {
                publisher.client.flush()?;
            }
            for subscriber in &mut self.subscribers {
                subscriber.flush()?;
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(1)))?;
            for event in &events {
                self.handle(event.token().0, event.is_writable(), &mut chunk)?;
            }
            if is_sending && self.is_stuck() {
                self.forgiven += self.outstanding();
                self.last_arrival = Instant::now();
            }
        }
    }

    /// Writes as many messages as are due and as there is room for.
    fn send(&mut self, elapsed: Duration) {
        let due = match self.plan.rate {
            0 => u64::MAX,
            rate => (rate as f64 * elapsed.as_secs_f64()) as u64,
        };
        // Only what comes back can hold the publishers back; without that, their sockets do.
        let is_closed_loop = self.plan.rate == 0 && (self.plan.copies() > 0 || self.plan.qos > 0);
        let limit = self.plan.in_flight * self.plan.copies().max(1);
        let limit_of_publisher = self.plan.in_flight_of_publisher();
        let stamp = nanoseconds(elapsed).to_be_bytes();
        let mut idle = 0;
        while idle < self.publishers.len() && self.sent < due && !(is_closed_loop && self.outstanding() >= limit) {
            let publisher = &mut self.publishers[self.turn];
            self.turn = (self.turn + 1) % self.plan.publishers;
            let is_waiting = self.plan.qos > 0 && publisher.unacknowledged >= limit_of_publisher;
            if is_waiting || publisher.client.pending() >= FULL {
                idle += 1;
                continue;
            }
            idle = 0;
            publisher.write(stamp, self.plan);
            self.sent += 1;
        }
    }

    fn handle(&mut self, token: usize, is_writable: bool, chunk: &mut [u8]) -> anyhow::Result<()> {
        let now = nanoseconds(self.started.elapsed());
        let mut arrivals = 0;
        if token < self.publishers.len() {
            let publisher = &mut self.publishers[token];
            if is_writable {
                publisher.client.unblock();
            }
            publisher.client.read(chunk, |frame| {
                arrivals += u64::from(matches!(frame, Frame::PubAck | Frame::PubComp));
            })?;
            publisher.unacknowledged = publisher.unacknowledged.saturating_sub(arrivals);
            self.acknowledged += arrivals;
        } else {
            let subscriber = &mut self.subscribers[token - self.publishers.len()];
            if is_writable {
                subscriber.unblock();
            }
            let latencies = &mut self.latencies;
            subscriber.read(chunk, |frame| {
                if let Frame::Message { sent, .. } = frame {
                    arrivals += 1;
                    latencies.record(now.saturating_sub(sent));
                }
            })?;
            self.received += arrivals;
        }
        if arrivals > 0 {
            self.last_arrival = Instant::now();
        }
        Ok(())
    }

    /// Copies that have yet to arrive; without subscribers, messages that have yet to be acknowledged.
    fn outstanding(&self) -> u64 {
        let (sent, arrived) = match (self.plan.copies(), self.plan.qos) {
            (0, 0) => (self.publishers.iter().map(|publisher| publisher.client.pending() as u64).sum(), 0),
            (0, _) => (self.sent, self.acknowledged),
            (copies, _) => (self.sent * copies, self.received),
        };
        sent.saturating_sub(arrived + self.forgiven)
    }

    fn is_stuck(&self) -> bool {
        self.outstanding() > 0 && self.last_arrival.elapsed() > LOST_AFTER
    }

    fn report(self, cpu: Option<Duration>) -> Report {
        let silent = self.plan.copies() == 0;
        let end = if silent && self.plan.qos == 0 { Instant::now() } else { self.last_arrival };
        Report {
            sent: self.sent,
            acknowledged: (self.plan.qos > 0).then_some(self.acknowledged),
            delivered: (!silent).then_some(self.received),
            expected: self.sent * self.plan.copies(),
            elapsed: end - self.started,
            cpu,
            latencies: self.latencies,
        }
    }
}

impl Publisher {
    fn write(&mut self, stamp: [u8; STAMP], plan: &Plan) {
        let template = &self.templates[self.next];
        self.next = (self.next + 1) % self.templates.len();
        let output = self.client.output();
        output.extend_from_slice(template);
        let payload = output.len() - plan.payload;
        output[payload..payload + STAMP].copy_from_slice(&stamp);
        if plan.qos > 0 {
            output[payload - 2..payload].copy_from_slice(&self.packet_identifier.value().to_be_bytes());
            self.packet_identifier = self.packet_identifier.next();
            self.unacknowledged += 1;
        }
    }
}

/// A PUBLISH whose Packet Identifier stands right before the payload, as it does in MQTT 3.1.1.
fn template(topic: &str, payload: usize, qos: QoS) -> anyhow::Result<Vec<u8>> {
    let packet = Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: Some(TopicName::new(topic)?),
        packet_identifier: (qos != QoS::AtMostOnce).then_some(PacketIdentifier::FIRST),
        properties: None,
        payload: Bytes::from(vec![b'.'; payload]),
    });
    let mut bytes = BytesMut::new();
    packet.encode(ProtocolVersion::V311, &mut bytes)?;
    Ok(bytes.to_vec())
}

fn nanoseconds(duration: Duration) -> u64 {
    // 2^64 nanoseconds are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
