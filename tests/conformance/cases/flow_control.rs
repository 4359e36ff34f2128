//! Receive Maximum, in both directions (MQTT 5.0, 4.9).

use std::collections::VecDeque;

use anyhow::{bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, Publish, QoS, ReasonCode};
use nightjar_tests::Peer;

use crate::bytes::{packet, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_5: of_the_client, on_return, others_go_on, of_the_server;
}

fn subscriber(stage: &Stage, receive_maximum: u16) -> anyhow::Result<Peer> {
    let mut connect = stage.connect("s");
    connect.properties.receive_maximum = Some(receive_maximum);
    let (mut peer, _) = stage.enter(connect)?;
    peer.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    Ok(peer)
}

fn expect_publish(peer: &mut Peer) -> anyhow::Result<Publish> {
    match peer.receive()? {
        Packet::Publish(message) => Ok(message),
        other => bail!("not a PUBLISH: {other:?}"),
    }
}

/// No more than Receive Maximum messages of QoS 1 and 2 are on their way at once. PUBACK, PUBCOMP and a PUBREC with an
/// error make room for one more; a PUBREC without does not.
fn of_the_client(stage: &Stage) -> anyhow::Result<()> {
    for receive_maximum in [1, 3] {
        let mut subscriber = subscriber(stage, receive_maximum)?;
        let mut publisher = stage.join("p")?;
        for number in 0..12 {
            let qos = if number % 3 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), qos, false)?;
        }
        let mut on_their_way = VecDeque::new();
        for number in 0..12 {
            if on_their_way.len() == usize::from(receive_maximum) {
                // Nothing comes before there is room.
                subscriber.ping()?;
                finish(&mut subscriber, &on_their_way.pop_front().expect("the maximum is not 0"))?;
            }
            let message = expect_publish(&mut subscriber)?;
            ensure!(message.payload == number.to_string(), "{:?} came instead of {number}", message.payload);
            on_their_way.push_back(message);
        }
        subscriber.leave()?;
    }
    Ok(())
}

/// Acknowledges a message, in the three ways that there are, and checks that only the last step makes room.
fn finish(peer: &mut Peer, message: &Publish) -> anyhow::Result<()> {
    let identifier = message.packet_identifier.expect("QoS 1 and 2 have one");
    let answer = Acknowledgement::new(identifier, ReasonCode::SUCCESS);
    if message.qos == QoS::AtLeastOnce {
        return peer.send(&Packet::PubAck(answer));
    }
    if message.payload.last().is_some_and(|digit| digit % 2 == 0) {
        return peer.send(&Packet::PubRec(Acknowledgement::new(identifier, ReasonCode::UNSPECIFIED_ERROR)));
    }
    peer.send(&Packet::PubRec(answer.clone()))?;
    ensure!(matches!(peer.receive()?, Packet::PubRel(release) if release.packet_identifier == identifier));
    peer.ping()?;
    peer.send(&Packet::PubComp(answer))
}

/// A connection that goes on with a session has a Receive Maximum of its own, for what is sent again as well.
fn on_return(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect_kept("s");
    connect.properties.receive_maximum = Some(4);
    let (mut peer, _) = stage.enter(connect.clone())?;
    peer.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    for number in 0..6 {
        let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), qos, false)?;
    }
    for number in 0..4 {
        ensure!(expect_publish(&mut peer)?.payload == number.to_string());
    }
    drop(peer);
    connect.properties.receive_maximum = Some(1);
    let (mut peer, answer) = stage.enter(connect)?;
    ensure!(answer.session_present, "the session is gone");
    let mut came = Vec::new();
    for _ in 0..6 {
        let message = expect_publish(&mut peer)?;
        // Nothing else before there is room again.
        peer.ping()?;
        let identifier = message.packet_identifier.expect("QoS 1 and 2 have one");
        let answer = Acknowledgement::new(identifier, ReasonCode::SUCCESS);
        if message.qos == QoS::AtLeastOnce {
            peer.send(&Packet::PubAck(answer))?;
        } else {
            peer.send(&Packet::PubRec(answer.clone()))?;
            ensure!(matches!(peer.receive()?, Packet::PubRel(release) if release.packet_identifier == identifier));
            peer.ping()?;
            peer.send(&Packet::PubComp(answer))?;
        }
        came.push(String::from_utf8(message.payload.to_vec())?);
    }
    // In their order for each QoS.
    came.sort_by_key(|payload| payload.parse::<u8>().is_ok_and(|number| number % 2 == 1));
    ensure!(came == ["0", "2", "4", "1", "3", "5"], "{came:?}");
    Ok(())
}

/// Where no further message of QoS 1 or 2 may come, everything else goes on, in both directions.
fn others_go_on(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = subscriber(stage, 1)?;
    let mut publisher = stage.join("p")?;
    for payload in ["on its way", "must wait"] {
        publisher.publish_acknowledged(&stage.topic("t"), payload, QoS::AtLeastOnce, false)?;
    }
    let first = expect_publish(&mut subscriber)?;
    subscriber.ping()?;
    subscriber.subscribe(&stage.topic("other"), QoS::AtMostOnce)?;
    publisher.publish_acknowledged(&stage.topic("other"), "QoS 0", QoS::AtMostOnce, false)?;
    subscriber.expect_message(&stage.topic("other"), "QoS 0")?;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        subscriber.publish_acknowledged(&stage.topic("mine"), "x", qos, false)?;
    }
    subscriber.send_bytes(&packet(0xA2, &[&[1, 0], &[0], &string(stage.topic("other"))]))?;
    ensure!(matches!(subscriber.receive()?, Packet::UnsubAck(_)), "not an UNSUBACK");
    let identifier = first.packet_identifier.expect("QoS 1 has one");
    subscriber.send(&Packet::PubAck(Acknowledgement::new(identifier, ReasonCode::SUCCESS)))?;
    subscriber.expect_message(&stage.topic("t"), "must wait").map(drop)
}

/// More messages of QoS 2 on their way to the server than its own maximum end the connection.
fn of_the_server(stage: &Stage) -> anyhow::Result<()> {
    let (mut peer, answer) = stage.enter(stage.connect("a"))?;
    let Some(maximum) = answer.properties.receive_maximum.filter(|maximum| *maximum < u16::MAX) else {
        return Err(Skip("it takes as many as there are Packet Identifiers").into());
    };
    let publish = |identifier: u16| packet(0x34, &[&string(stage.topic("t")), &identifier.to_be_bytes(), &[0], b"x"]);
    for identifier in 1..=maximum {
        peer.send_bytes(&publish(identifier))?;
    }
    for _ in 1..=maximum {
        match peer.receive()? {
            Packet::PubRec(answer) if !answer.reason_code.is_error() => {}
            other => bail!("within the maximum of {maximum} came {other:?}"),
        }
    }
    peer.send_bytes(&publish(maximum + 1))?;
    for packet in peer.expect_end()? {
        let reason_code = match &packet {
            Packet::Disconnect(answer) => answer.reason_code,
            Packet::PubRec(answer) => answer.reason_code,
            other => bail!("{other:?}"),
        };
        ensure!(reason_code.is_error(), "one more than the Receive Maximum is taken: {packet:?}");
    }
    Ok(())
}
