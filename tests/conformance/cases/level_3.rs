//! MQTT 3.1, whose specification has no numbered statements: what it demands, or allows to clients, beside 3.1.1.

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};
use nightjar_tests::Peer;

use crate::bytes::{RawConnect, packet, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_31: client_identifiers, empty_client_identifier, long_client_identifier, name_and_level,
        login_that_is_not_there, unused_connect_flags, repeated_requests, unused_flags, all_flows,
        sessions_are_not_told_of, will;
}

const ACCEPTED: &[u8] = &[0x20, 2, 0, 0];
const IDENTIFIER_REJECTED: &[u8] = &[0x20, 2, 0, 2];

/// The answer to a CONNECT.
fn open(stage: &Stage, connect: &RawConnect) -> anyhow::Result<(Peer, Vec<u8>)> {
    let mut peer = stage.dial()?;
    peer.send_bytes(&connect.bytes())?;
    let answer = peer.receive_bytes()?.to_vec();
    Ok((peer, answer))
}

fn raw(stage: &Stage) -> RawConnect {
    RawConnect::new(stage.version, &stage.client("a"))
}

/// Identifiers of 1 to 23 characters (3.1), which need not be letters.
fn client_identifiers(stage: &Stage) -> anyhow::Result<()> {
    for identifier in ["3", "nightjar/3.1", "ABCDEFGHIJKLMNOPQRSTUVW"] {
        let (mut peer, answer) = open(stage, &RawConnect::new(stage.version, identifier))?;
        ensure!(answer == ACCEPTED, "{identifier} is answered with {answer:02X?}");
        peer.ping()?;
        peer.leave()?;
    }
    Ok(())
}

/// There is no client without an identifier, clean or not.
fn empty_client_identifier(stage: &Stage) -> anyhow::Result<()> {
    for flags in [0b0000_0010, 0] {
        let connect = RawConnect { flags, ..RawConnect::new(stage.version, "") };
        let (mut peer, answer) = open(stage, &connect)?;
        ensure!(answer == IDENTIFIER_REJECTED, "answered with {answer:02X?}");
        ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
    }
    Ok(())
}

/// 24 characters and more are rejected with 0x02 (3.2); servers that know 3.1.1 may take them, too.
fn long_client_identifier(stage: &Stage) -> anyhow::Result<()> {
    let (mut peer, answer) = open(stage, &RawConnect::new(stage.version, &format!("{:x<24}", stage.name)))?;
    if answer == IDENTIFIER_REJECTED {
        ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
        return Ok(());
    }
    ensure!(answer == ACCEPTED, "answered with {answer:02X?}");
    peer.ping()
}

/// Level 3 is called MQIsdp, and MQIsdp has level 3.
fn name_and_level(stage: &Stage) -> anyhow::Result<()> {
    for (name, level) in [("MQTT", 3), ("MQIsdp", 4), ("MQIsdp", 5), ("MQIsdp", 0), ("mqisdp", 3)] {
        let connect = RawConnect { name: string(name), level, ..raw(stage) };
        let mut peer = stage.dial()?;
        peer.send_bytes(&connect.bytes())?;
        if let Some(answer) = peer.receive_bytes_until_end()? {
            ensure!(answer == [0x20, 2, 0, 1][..], "{name} {level} is answered with {answer:02X?}");
            ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
        }
    }
    Ok(())
}

/// Where the flags promise a User Name and a Password, and the length has no room for them, the length is right: old
/// clients do so, and servers must let them in (3.1).
fn login_that_is_not_there(stage: &Stage) -> anyhow::Result<()> {
    for (flags, fields) in [(0b1000_0000, &[][..]), (0b1100_0000, &[]), (0b1100_0000, &[&string("name")[..]])] {
        let (mut peer, answer) = open(stage, &raw(stage).with(flags, fields))?;
        ensure!(answer == ACCEPTED, "flags {flags:08b} are answered with {answer:02X?}");
        peer.ping()?;
    }
    Ok(())
}

/// Will QoS and Will Retain say nothing where there is no Will (3.1), and the lowest flag never does.
fn unused_connect_flags(stage: &Stage) -> anyhow::Result<()> {
    for flags in [0b0000_0001, 0b0000_1000, 0b0001_0000, 0b0010_0000] {
        let (mut peer, answer) = open(stage, &raw(stage).with(flags, &[]))?;
        ensure!(answer == ACCEPTED, "flags {flags:08b} are answered with {answer:02X?}");
        peer.ping()?;
    }
    Ok(())
}

/// SUBSCRIBE, UNSUBSCRIBE and PUBREL that a client sends again have DUP (3.6, 3.8, 3.10), and are answered again.
fn repeated_requests(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    let filter = string(stage.topic("t"));
    for (what, sent, expected) in [
        ("SUBSCRIBE", packet(0x82, &[&[0, 1], &filter, &[1]]), &[0x90, 3, 0, 1, 1][..]),
        ("SUBSCRIBE with DUP", packet(0x8A, &[&[0, 1], &filter, &[1]]), &[0x90, 3, 0, 1, 1]),
        ("UNSUBSCRIBE", packet(0xA2, &[&[0, 2], &filter]), &[0xB0, 2, 0, 2]),
        ("UNSUBSCRIBE with DUP", packet(0xAA, &[&[0, 2], &filter]), &[0xB0, 2, 0, 2]),
        ("PUBLISH", packet(0x34, &[&filter, &[0, 3], b"x"]), &[0x50, 2, 0, 3]),
        ("PUBLISH with DUP", packet(0x3C, &[&filter, &[0, 3], b"x"]), &[0x50, 2, 0, 3]),
        ("PUBREL", packet(0x62, &[&[0, 3]]), &[0x70, 2, 0, 3]),
        ("PUBREL with DUP", packet(0x6A, &[&[0, 3]]), &[0x70, 2, 0, 3]),
    ] {
        peer.send_bytes(&sent)?;
        let answer = peer.receive_bytes()?;
        ensure!(answer == expected, "{what} is answered with {answer:02X?}");
    }
    Ok(())
}

/// Packets that have no use for DUP, QoS and RETAIN (3.1, 3.4, 3.12) are what they are with any of them; and so is a
/// message of QoS 0 with DUP.
fn unused_flags(stage: &Stage) -> anyhow::Result<()> {
    let connect = raw(stage).bytes();
    for flags in [0b0001, 0b0010, 0b1000, 0b1011] {
        let mut peer = stage.dial()?;
        peer.send_bytes(&packet(0x10 | flags, &[&connect[2..]]))?;
        let answer = peer.receive_bytes()?;
        ensure!(answer == ACCEPTED, "CONNECT with flags {flags:04b} is answered with {answer:02X?}");
        peer.send_bytes(&[0xC0 | flags, 0])?;
        ensure!(matches!(peer.receive()?, Packet::PingResp), "PINGREQ with flags {flags:04b} is not answered");
    }
    let mut subscriber = stage.subscriber("s", "t", QoS::AtMostOnce)?;
    let mut peer = stage.join("a")?;
    peer.send_bytes(&packet(0x38, &[&string(stage.topic("t")), b"again"]))?;
    ensure!(!subscriber.expect_message(&stage.topic("t"), "again")?.dup, "it came with DUP");
    Ok(())
}

/// All three QoS in both directions, between MQTT 3.1 and itself.
fn all_flows(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t/#", QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish_acknowledged(&stage.topic("t/a"), "x", qos, false)?;
        let message = subscriber.expect_message(&stage.topic("t/a"), "x")?;
        ensure!(message.qos == qos && !message.retain && !message.dup, "{message:?}");
    }
    Ok(())
}

/// A kept session goes on, and what was not acknowledged comes again; CONNACK has no field that tells.
fn sessions_are_not_told_of(stage: &Stage) -> anyhow::Result<()> {
    let connect = RawConnect { flags: 0, ..raw(stage) };
    let (mut peer, answer) = open(stage, &connect)?;
    ensure!(answer == ACCEPTED, "answered with {answer:02X?}");
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    stage.join("p")?.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, false)?;
    let first = match peer.receive()? {
        Packet::Publish(message) => message,
        other => bail!("not a PUBLISH: {other:?}"),
    };
    ensure!(!first.dup, "it came with DUP for the first time");
    drop(peer);
    let (mut peer, answer) = open(stage, &connect)?;
    ensure!(answer == ACCEPTED, "answered with {answer:02X?}");
    let again = peer.expect_message(&stage.topic("t"), "x")?;
    ensure!(again.dup && again.packet_identifier == first.packet_identifier, "{again:?}");
    peer.leave()?;
    let (mut peer, _) = open(stage, &connect)?;
    peer.ping()?;
    peer.leave()?;
    stage.join("a")?.leave()
}

/// A Will is published when the connection is lost, and not after DISCONNECT.
fn will(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::ExactlyOnce)?;
    let mut connect = stage.connect("a");
    connect.will = Some(stage.will("will", "last words", QoS::ExactlyOnce)?);
    stage.enter(connect.clone())?.0.leave()?;
    drop(stage.enter(connect)?);
    let message = witness.expect_message(&stage.topic("will"), "last words")?;
    ensure!(message.qos == QoS::ExactlyOnce, "it came with {:?}", message.qos);
    Ok(())
}
