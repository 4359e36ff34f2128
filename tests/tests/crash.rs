//! Acknowledged means kept: `kill -9` in the middle of traffic, and the record afterwards.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::ensure;
use nightjar_mqtt::{Acknowledgement, Packet, PacketIdentifier, ProtocolVersion, QoS, ReasonCode};
use nightjar_tests::{Broker, Peer, Record};
use tempfile::TempDir;

/// How many messages are on their way at any time; fewer than MQTT 3.1.1's clients and brokers usually allow.
const IN_FLIGHT: usize = 64;

/// The kill comes at different moments: of the batch, of the database's checkpoint.
const MOMENTS: [usize; 3] = [1000, 1377, 3211];

#[test]
fn qos_1_acknowledged_is_kept() -> anyhow::Result<()> {
    survives(QoS::AtLeastOnce, &[])
}

#[test]
fn qos_1_acknowledged_is_kept_with_durability_crash() -> anyhow::Result<()> {
    survives(QoS::AtLeastOnce, &["--durability", "crash"])
}

#[test]
fn qos_2_completed_is_kept_and_never_doubled() -> anyhow::Result<()> {
    survives(QoS::ExactlyOnce, &[])
}

/// For each moment, on one record that grows: kills the broker once so many messages are acknowledged and more are
/// on their way, and looks for all acknowledged ones after the restart.
fn survives(qos: QoS, arguments: &[&str]) -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let mut kept: Vec<(usize, HashSet<usize>)> = Vec::new();
    for moment in MOMENTS {
        let acknowledged = flood_and_kill(data.path(), arguments, qos, moment)?;
        ensure!(acknowledged.len() >= moment, "only {} of {moment} were acknowledged", acknowledged.len());
        kept.push((moment, acknowledged));

        // The restart, and that it takes messages again.
        let mut broker = Broker::nightjar(data.path(), arguments)?;
        let mut peer = Peer::join(broker.address(), ProtocolVersion::V311, "after")?;
        peer.publish_acknowledged(&format!("after/{moment}"), "alive", qos, false)?;
        for (moment, acknowledged) in &kept {
            check(data.path(), *moment, acknowledged)?;
        }
        broker.stop()?;
    }
    Ok(())
}

/// What was acknowledged before the kill.
fn flood_and_kill(data_dir: &Path, arguments: &[&str], qos: QoS, moment: usize) -> anyhow::Result<HashSet<usize>> {
    let mut broker = Broker::nightjar(data_dir, arguments)?;
    let address = broker.address();
    let (reached, moment_reached) = channel();
    let flood = thread::spawn(move || flood(address, qos, moment, &reached));
    // Killed by a thread of its own, so that the flood goes on until its socket breaks.
    if moment_reached.recv().is_ok() {
        broker.kill()?;
    }
    flood.join().expect("the flood does not panic")
}

/// Publishes numbered messages without end; returns the acknowledged ones once the connection breaks.
fn flood(address: SocketAddr, qos: QoS, moment: usize, reached: &Sender<()>) -> anyhow::Result<HashSet<usize>> {
    let mut peer = Peer::join(address, ProtocolVersion::V311, "meter")?;
    let topic = format!("crash/{moment}");
    let mut on_their_way: HashMap<PacketIdentifier, usize> = HashMap::new();
    let mut acknowledged = HashSet::new();
    let mut number = 0;
    loop {
        while on_their_way.len() < IN_FLIGHT {
            match peer.publish(&topic, number.to_string(), qos, false) {
                Ok(Some(identifier)) => on_their_way.insert(identifier, number),
                _ => return Ok(acknowledged),
            };
            number += 1;
        }
        let completed = match peer.receive() {
            Ok(Packet::PubAck(answer) | Packet::PubComp(answer)) => answer,
            Ok(Packet::PubRec(answer)) => {
                let release = Acknowledgement::new(answer.packet_identifier, ReasonCode::SUCCESS);
                if peer.send(&Packet::PubRel(release)).is_err() {
                    return Ok(acknowledged);
                }
                continue;
            }
            Ok(other) => anyhow::bail!("not an acknowledgement: {other:?}"),
            Err(_) => return Ok(acknowledged),
        };
        let number = on_their_way.remove(&completed.packet_identifier);
        ensure!(number.is_some_and(|number| acknowledged.insert(number)), "acknowledged twice, or never sent");
        if acknowledged.len() == moment {
            reached.send(())?;
        }
    }
}

fn check(data_dir: &Path, moment: usize, acknowledged: &HashSet<usize>) -> anyhow::Result<()> {
    let topic = format!("crash/{moment}");
    let mut found = HashSet::new();
    let mut last = None;
    for message in Record::open(data_dir)?.messages(&topic)?.iter().filter(|message| message.topic == topic) {
        let number: usize = std::str::from_utf8(&message.payload)?.parse()?;
        assert!(found.insert(number), "{number} is in the record twice");
        assert!(last < Some(number), "{number} comes after {last:?}: the order is the publisher's");
        assert_eq!(message.client.as_deref(), Some("meter"));
        last = Some(number);
    }
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged messages are lost after the kill at {moment}, such as {:?}",
        lost.len(),
        acknowledged.len(),
        &lost[..lost.len().min(5)]
    );
    Ok(())
}
