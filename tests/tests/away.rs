//! A durable subscriber that is away costs disk and not memory: it gets everything, in order, and the broker stays small.
//!
//! `NIGHTJAR_AWAY_MESSAGES` sets how much it misses: with 1,000,000 and a release build, it is the figure of the README.

use std::time::Instant;

use anyhow::{Context, ensure};
use nightjar_mqtt::{Acknowledgement, Connect, Packet, ProtocolVersion, QoS, ReasonCode};
use nightjar_tests::{Broker, Peer, connect};
use tempfile::TempDir;

const MESSAGES: usize = 50_000;
/// Of the broker's process, at its highest.
const MOST_MEMORY: u64 = 150 << 20;
/// Messages that the publisher has on the way.
const IN_FLIGHT: usize = 1_000;
const TOPIC: &str = "away/meter";

#[test]
fn a_subscriber_that_is_away_costs_disk_and_not_memory() -> anyhow::Result<()> {
    let messages = match std::env::var("NIGHTJAR_AWAY_MESSAGES") {
        Ok(text) => text.parse().with_context(|| format!("NIGHTJAR_AWAY_MESSAGES={text}"))?,
        Err(_) => MESSAGES,
    };
    let data = TempDir::new()?;
    let mut broker = Broker::nightjar(data.path(), &[])?;
    let (mut subscriber, _) = Peer::connect(broker.address(), resume())?;
    subscriber.subscribe(TOPIC, QoS::AtLeastOnce)?;
    subscriber.leave()?;

    let began = Instant::now();
    let mut publisher = Peer::join(broker.address(), ProtocolVersion::V311, "meter")?;
    publish(&mut publisher, 0..messages)?;
    let published = began.elapsed();
    let while_away = peak_memory(&broker)?;

    let began = Instant::now();
    let (mut subscriber, answer) = Peer::connect(broker.address(), resume())?;
    ensure!(answer.session_present, "the session is lost");
    // New messages come while the old ones are on their way.
    let late = messages / 100;
    receive(&mut subscriber, 0..messages / 2)?;
    publish(&mut publisher, messages..messages + late)?;
    receive(&mut subscriber, messages / 2..messages + late)?;
    let received = began.elapsed();
    let in_all = peak_memory(&broker)?;
    broker.stop()?;
    println!(
        "{messages} messages of QoS 1 for a subscriber that is away: published in {published:.1?}, {} MiB at most; \
         with {late} more received in order in {received:.1?}, {} MiB at most",
        while_away >> 20,
        in_all >> 20,
    );
    ensure!(in_all < MOST_MEMORY, "the broker took {} MiB", in_all >> 20);
    Ok(())
}

fn resume() -> Connect {
    Connect { clean_start: false, ..connect(ProtocolVersion::V311, "subscriber") }
}

/// Numbers as long as a small reading.
fn payload(number: usize) -> String {
    format!("{number:064}")
}

fn publish(peer: &mut Peer, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let count = numbers.len();
    let mut acknowledged = 0;
    for (sent, number) in numbers.enumerate() {
        peer.publish(TOPIC, payload(number), QoS::AtLeastOnce, false)?;
        while sent + 1 - acknowledged >= IN_FLIGHT {
            expect_puback(peer)?;
            acknowledged += 1;
        }
    }
    for _ in acknowledged..count {
        expect_puback(peer)?;
    }
    Ok(())
}

fn expect_puback(peer: &mut Peer) -> anyhow::Result<()> {
    let packet = peer.receive()?;
    ensure!(matches!(packet, Packet::PubAck(_)), "not a PUBACK: {packet:?}");
    Ok(())
}

fn receive(peer: &mut Peer, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    for number in numbers {
        let packet = peer.receive()?;
        let Packet::Publish(message) = packet else { anyhow::bail!("not a message: {packet:?}") };
        ensure!(message.payload == payload(number), "instead of {number} came {:?}", message.payload);
        ensure!(!message.dup, "{number} was not sent before");
        let packet_identifier = message.packet_identifier.context("QoS 1 has one")?;
        peer.send(&Packet::PubAck(Acknowledgement::new(packet_identifier, ReasonCode::SUCCESS)))?;
    }
    Ok(())
}

/// Bytes of the process's memory at their highest.
fn peak_memory(broker: &Broker) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", broker.process_id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("Linux says so")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes << 10)
}
