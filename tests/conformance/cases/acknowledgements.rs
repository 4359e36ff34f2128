//! PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7), in both directions (4.3).

use std::collections::HashSet;

use anyhow::{bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, PacketIdentifier, Publish, QoS, ReasonCode};
use nightjar_tests::Peer;

use crate::bytes::{packet, properties, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ALL: puback_answers, pubrec_and_pubcomp_answer, qos_0_is_not_answered, identifier_is_free_after_puback,
        repeated_qos_2_is_one_message, identifier_is_free_after_pubcomp, pubrel_without_publish, identifiers_are_unused,
        first_attempt_has_no_dup, pubrec_is_answered_with_pubrel;
    BOTH: pubrec_without_publish;
    ONLY_5: identifier_is_free_after_refusal, qos_2_goes_on_after_expiry;
}

fn identifier(value: u16) -> PacketIdentifier {
    PacketIdentifier::new(value).expect("the identifiers of these tests are not 0")
}

/// A PUBLISH from a client that chooses its identifiers itself.
fn publish(stage: &Stage, first_byte: u8, identifier: u16, payload: &str) -> Vec<u8> {
    let fields =
        [&string(stage.topic("t"))[..], &identifier.to_be_bytes(), &properties(stage.version, &[]), payload.as_bytes()];
    packet(first_byte, &fields)
}

fn expect_puback(peer: &mut Peer, expected: u16) -> anyhow::Result<()> {
    match peer.receive()? {
        Packet::PubAck(answer) if answer.packet_identifier.value() == expected => {
            ensure!(!answer.reason_code.is_error(), "PUBACK with {}", answer.reason_code);
            Ok(())
        }
        other => bail!("not the PUBACK of {expected}: {other:?}"),
    }
}

fn expect_pubrec(peer: &mut Peer, expected: u16) -> anyhow::Result<()> {
    match peer.receive()? {
        Packet::PubRec(answer) if answer.packet_identifier.value() == expected => {
            ensure!(!answer.reason_code.is_error(), "PUBREC with {}", answer.reason_code);
            Ok(())
        }
        other => bail!("not the PUBREC of {expected}: {other:?}"),
    }
}

fn release(peer: &mut Peer, value: u16) -> anyhow::Result<()> {
    peer.send(&Packet::PubRel(Acknowledgement::new(identifier(value), ReasonCode::SUCCESS)))?;
    match peer.receive()? {
        Packet::PubComp(answer) if answer.packet_identifier.value() == value => Ok(()),
        other => bail!("not the PUBCOMP of {value}: {other:?}"),
    }
}

/// Each PUBLISH of QoS 1 gets a PUBACK with its identifier, the largest too.
fn puback_answers(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    for value in [7, 1, 0x8000, 0xFFFF] {
        peer.send_bytes(&publish(stage, 0x32, value, "x"))?;
        expect_puback(&mut peer, value)?;
    }
    Ok(())
}

/// Each PUBLISH of QoS 2 gets a PUBREC with its identifier, and each PUBREL a PUBCOMP.
fn pubrec_and_pubcomp_answer(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    let values = [7, 1, 0x8000, 0xFFFF];
    for value in values {
        peer.send_bytes(&publish(stage, 0x34, value, "x"))?;
        expect_pubrec(&mut peer, value)?;
    }
    for value in values {
        release(&mut peer, value)?;
    }
    Ok(())
}

/// A PUBLISH of QoS 0 gets no answer.
fn qos_0_is_not_answered(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    peer.publish(&stage.topic("t"), "x", QoS::AtMostOnce, false)?;
    peer.ping()
}

/// After its PUBACK an identifier stands for a new message, whatever DUP says.
fn identifier_is_free_after_puback(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::AtLeastOnce)?;
    let mut peer = stage.join("a")?;
    for (first_byte, payload) in [(0x32, "first"), (0x3A, "second"), (0x32, "third")] {
        peer.send_bytes(&publish(stage, first_byte, 5, payload))?;
        expect_puback(&mut peer, 5)?;
        subscriber.expect_message(&stage.topic("t"), payload)?;
    }
    Ok(())
}

/// A QoS 2 message that comes again before its PUBREL is acknowledged again, and delivered once.
fn repeated_qos_2_is_one_message(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "#", QoS::ExactlyOnce)?;
    let mut peer = stage.join("a")?;
    peer.send_bytes(&publish(stage, 0x34, 5, "once"))?;
    expect_pubrec(&mut peer, 5)?;
    for _ in 0..2 {
        peer.send_bytes(&publish(stage, 0x3C, 5, "once"))?;
        expect_pubrec(&mut peer, 5)?;
    }
    release(&mut peer, 5)?;
    subscriber.expect_message(&stage.topic("t"), "once")?;
    subscriber.expect_only(&mut peer, &stage.topic("marker"))
}

/// After its PUBCOMP an identifier stands for a new message, whatever DUP says.
fn identifier_is_free_after_pubcomp(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::ExactlyOnce)?;
    let mut peer = stage.join("a")?;
    for (first_byte, payload) in [(0x34, "first"), (0x3C, "second"), (0x34, "third")] {
        peer.send_bytes(&publish(stage, first_byte, 5, payload))?;
        expect_pubrec(&mut peer, 5)?;
        release(&mut peer, 5)?;
        subscriber.expect_message(&stage.topic("t"), payload)?;
    }
    Ok(())
}

/// A PUBREL whose PUBLISH the server does not know, as after a lost session, gets its PUBCOMP.
fn pubrel_without_publish(stage: &Stage) -> anyhow::Result<()> {
    release(&mut stage.join("a")?, 77)
}

/// After a PUBREC with an error an identifier stands for a new message.
fn identifier_is_free_after_refusal(stage: &Stage) -> anyhow::Result<()> {
    let Some(mut peer) = refused_publish(stage, 9)? else {
        return Err(Skip("it refused no message and went on").into());
    };
    let mut subscriber = stage.subscriber("s", "t", QoS::ExactlyOnce)?;
    peer.send_bytes(&publish(stage, 0x34, 9, "new"))?;
    expect_pubrec(&mut peer, 9)?;
    release(&mut peer, 9)?;
    subscriber.expect_message(&stage.topic("t"), "new").map(drop)
}

/// A connection on which the broker has refused a message of QoS 2 and that it has left open: what it may refuse is a
/// topic of its own, and a payload that is not what it says to be.
fn refused_publish(stage: &Stage, identifier: u16) -> anyhow::Result<Option<Peer>> {
    let reserved = [&string("$SYS/broker/uptime")[..], &identifier.to_be_bytes(), &[0], b"x"];
    let not_utf_8 = [&string(stage.topic("t"))[..], &identifier.to_be_bytes(), &[2, 0x01, 1], b"\xFF"];
    for attempt in [reserved, not_utf_8] {
        let mut peer = stage.join("a")?;
        peer.send_bytes(&packet(0x34, &attempt))?;
        if let Some(Packet::PubRec(answer)) = peer.receive_until_end()?
            && answer.reason_code.is_error()
            && peer.ping().is_ok()
        {
            return Ok(Some(peer));
        }
    }
    Ok(None)
}

/// The QoS 2 flow is finished although its message has expired meanwhile.
fn qos_2_goes_on_after_expiry(stage: &Stage) -> anyhow::Result<()> {
    // Somebody who is away keeps the message waiting.
    let mut away = stage.resume("s", false)?;
    away.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    away.leave()?;
    let mut peer = stage.join("a")?;
    peer.send_bytes(&packet(0x34, &[&string(stage.topic("t")), &[0, 5], &[5, 0x02, 0, 0, 0, 1], b"x"]))?;
    expect_pubrec(&mut peer, 5)?;
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    release(&mut peer, 5)
}

/// The broker's messages of one connection that are not acknowledged have identifiers of their own, none of them 0.
fn identifiers_are_unused(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    let count = 10;
    for number in 0..count {
        let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), qos, false)?;
    }
    let mut unacknowledged = HashSet::new();
    for _ in 0..count {
        let message = expect_publish(&mut subscriber)?;
        // The decoder takes no identifier of 0.
        let identifier = message.packet_identifier.expect("QoS 1 and 2 have one");
        ensure!(unacknowledged.insert(identifier), "{identifier:?} is in use");
    }
    Ok(())
}

/// The next packet, which is a PUBLISH; it is not acknowledged.
fn expect_publish(peer: &mut Peer) -> anyhow::Result<Publish> {
    match peer.receive()? {
        Packet::Publish(message) => Ok(message),
        other => bail!("not a PUBLISH: {other:?}"),
    }
}

/// What the broker sends for the first time has DUP 0, with whatever DUP it came.
fn first_attempt_has_no_dup(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::ExactlyOnce)?;
    let mut peer = stage.join("a")?;
    peer.publish(&stage.topic("t"), "0", QoS::AtMostOnce, false)?;
    peer.send_bytes(&publish(stage, 0x3A, 1, "1"))?;
    expect_puback(&mut peer, 1)?;
    peer.send_bytes(&publish(stage, 0x3C, 2, "2"))?;
    expect_pubrec(&mut peer, 2)?;
    // A server may wait for PUBREL before it delivers.
    release(&mut peer, 2)?;
    for (payload, qos) in [("0", QoS::AtMostOnce), ("1", QoS::AtLeastOnce), ("2", QoS::ExactlyOnce)] {
        let message = subscriber.expect_message(&stage.topic("t"), payload)?;
        ensure!(!message.dup, "{payload} came with DUP 1");
        ensure!(message.qos == qos, "{payload} came with QoS {}", message.qos.level());
        ensure!(message.packet_identifier.is_some() == (qos != QoS::AtMostOnce));
    }
    Ok(())
}

/// The broker answers PUBREC with PUBREL, with the same identifier.
fn pubrec_is_answered_with_pubrel(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::ExactlyOnce)?;
    stage.join("p")?.publish_acknowledged(&stage.topic("t"), "x", QoS::ExactlyOnce, false)?;
    let message = expect_publish(&mut subscriber)?;
    let identifier = message.packet_identifier.expect("QoS 2 has one");
    // Twice: a receiver may say it again.
    for _ in 0..2 {
        subscriber.send(&Packet::PubRec(Acknowledgement::new(identifier, ReasonCode::SUCCESS)))?;
        match subscriber.receive()? {
            Packet::PubRel(answer) if answer.packet_identifier == identifier => {}
            other => bail!("not the PUBREL: {other:?}"),
        }
    }
    subscriber.send(&Packet::PubComp(Acknowledgement::new(identifier, ReasonCode::SUCCESS)))?;
    subscriber.ping()
}

/// A PUBREC for a message that the broker did not send, as after a lost session: it goes on, or says which packet it
/// does not know.
fn pubrec_without_publish(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    peer.send(&Packet::PubRec(Acknowledgement::new(identifier(77), ReasonCode::SUCCESS)))?;
    match peer.receive_until_end()? {
        Some(Packet::PubRel(answer)) if answer.packet_identifier.value() == 77 => peer.ping(),
        // It may take it for an error.
        Some(Packet::Disconnect(answer)) if answer.reason_code.is_error() => Ok(()),
        None => Ok(()),
        other => bail!("not a PUBREL: {other:?}"),
    }
}
