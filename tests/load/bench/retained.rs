//! How long a new subscriber waits for all that is retained.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::BytesMut;
use nightjar_mqtt::{ProtocolVersion, QoS};
use nightjar_tests::{Broker, Peer};

use super::run::Run;
use crate::client::subscribe;
use crate::frame::{self, Frame};
use crate::histogram::Histogram;
use crate::machine;
use crate::order::Faults;
use crate::stamp::Stamp;

/// New subscribers, one after the other.
const SUBSCRIBERS: usize = 5;

/// How long a broker may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of each payload.
const PAYLOAD: usize = 64;

pub(crate) fn measure(broker: &Broker, messages: u32) -> anyhow::Result<Run> {
    publish(broker, messages)?;
    machine::settled_cpu_time(broker.process_id())?;
    let before = machine::cpu_time(broker.process_id())?;
    let mut times = Histogram::new();
    let mut faults = Faults::default();
    for number in 0..SUBSCRIBERS {
        let (time, doubled) = subscribe_to_all(broker, messages, number)?;
        times.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        faults.doubled += doubled;
    }
    let cpu = machine::settled_cpu_time(broker.process_id())?.saturating_sub(before);
    Ok(Run {
        latency: times.milliseconds(),
        cpu_milliseconds: Some(cpu.as_secs_f64() * 1e3 / SUBSCRIBERS as f64),
        memory: Some(machine::most_resident(broker.process_id())? as f64),
        faults,
        ..Run::default()
    })
}

/// Each message on a topic of its own; all of them are set when it returns.
fn publish(broker: &Broker, messages: u32) -> anyhow::Result<()> {
    let mut publisher = Peer::join(broker.address(), ProtocolVersion::V311, "keeper")?;
    for number in 0..messages {
        let mut payload = vec![b'.'; PAYLOAD];
        let stamp = Stamp { due: 0, publisher: 0, number };
        payload[..crate::stamp::LENGTH].copy_from_slice(&stamp.to_bytes());
        publisher.publish(&format!("kept/{}/{number}", number % 100), payload, QoS::AtMostOnce, true)?;
    }
    publisher.publish_acknowledged("mark", vec![b'.'; PAYLOAD], QoS::AtLeastOnce, false)?;
    publisher.leave()
}

/// From SUBSCRIBE to the last message, and how many came twice.
fn subscribe_to_all(broker: &Broker, messages: u32, number: usize) -> anyhow::Result<(Duration, u64)> {
    let mut stream = Peer::join(broker.address(), ProtocolVersion::V311, &format!("curious-{number}"))?.into_stream();
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut packet = BytesMut::new();
    subscribe(&["#".to_owned()], QoS::AtMostOnce)?.encode(ProtocolVersion::V311, &mut packet)?;
    // They come in any order, but each of them once.
    let mut seen = vec![false; messages as usize];
    let mut buffer = vec![0; 512 * 1024];
    let (mut end, mut heard, mut doubled) = (0, 0, 0);
    let started = Instant::now();
    stream.write_all(&packet)?;
    while heard < messages {
        let length = stream.read(&mut buffer[end..]).context("the retained messages do not come")?;
        ensure!(length > 0, "the broker closed the connection after {heard} messages");
        end += length;
        let mut consumed = 0;
        while let Some((frame, length)) = frame::read(&buffer[consumed..end])? {
            consumed += length;
            if let Frame::Message { retain: true, stamp, .. } = frame {
                let seen = seen.get_mut(stamp.number as usize).context("a message that nobody has sent")?;
                if std::mem::replace(seen, true) {
                    doubled += 1;
                } else {
                    heard += 1;
                }
            }
        }
        buffer.copy_within(consumed..end, 0);
        end -= consumed;
    }
    Ok((started.elapsed(), doubled))
}
