//! Sessions: what outlives a connection, and how it goes on (3.1.2.4, 4.1, 4.4).

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{
    Acknowledgement, Disconnect, DisconnectProperties, Packet, PacketIdentifier, Publish, QoS, ReasonCode,
};
use nightjar_tests::Peer;

use crate::bytes::{packet, properties, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ALL: clean_start_discards, goes_on, begins, belongs_to_the_identifier, outlives, ends_with_its_connection,
        sends_again, releases_again, remembers_what_it_received, every_subscriber;
    BOTH: lasts_with_the_connection;
    ONLY_5: does_not_repeat_itself, expires, expires_at_once, expires_as_disconnect_says, refused_is_acknowledged;
}

/// Clean Start ends the session that was there: its subscriptions and what waits for it.
fn clean_start_discards(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    peer.leave()?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "waits", QoS::AtLeastOnce, false)?;
    let (mut peer, answer) = stage.enter(stage.connect("s"))?;
    ensure!(!answer.session_present, "Session Present after Clean Start");
    peer.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    publisher.publish_acknowledged(&stage.topic("t"), "no longer subscribed to", QoS::AtLeastOnce, false)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))
}

/// Without Clean Start the session goes on: its subscriptions hold.
fn goes_on(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    // However the connection ended.
    peer.leave()?;
    let mut publisher = stage.join("p")?;
    for payload in ["after DISCONNECT", "after a lost connection"] {
        let mut peer = stage.resume("s", true)?;
        publisher.publish_acknowledged(&stage.topic("t"), payload, QoS::AtLeastOnce, false)?;
        peer.expect_message(&stage.topic("t"), payload)?;
        // The acknowledgement has come before the connection is lost.
        peer.ping()?;
    }
    Ok(())
}

/// Where there is no session one begins, without subscriptions.
fn begins(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.ping()?;
    peer.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    peer.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// Another identifier is another session.
fn belongs_to_the_identifier(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("sa", false)?;
    peer.subscribe(&stage.topic("a"), QoS::AtLeastOnce)?;
    peer.leave()?;
    for other in ["sA", "s", "sa1"] {
        stage.resume(other, false)?.ping()?;
    }
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("a"), "for a", QoS::AtLeastOnce, false)?;
    stage.resume("s", true)?.ping()?;
    stage.resume("sa", true)?.expect_message(&stage.topic("a"), "for a").map(drop)
}

/// What is published while a client is away waits for it, with QoS 1 and 2, however the connection ended.
fn outlives(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    peer.leave()?;
    let mut publisher = stage.join("p")?;
    for round in ["after DISCONNECT", "after a lost connection"] {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            publisher.publish_acknowledged(&stage.topic("t"), round, qos, false)?;
        }
        let mut peer = stage.resume("s", true)?;
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            ensure!(peer.expect_message(&stage.topic("t"), round)?.qos == qos);
        }
        // The last PUBREL has come and was answered.
        ensure!(matches!(peer.receive()?, Packet::PubRel(release) if complete(&mut peer, release.packet_identifier)));
        peer.ping()?;
    }
    Ok(())
}

fn complete(peer: &mut Peer, identifier: PacketIdentifier) -> bool {
    peer.send(&Packet::PubComp(Acknowledgement::new(identifier, ReasonCode::SUCCESS))).is_ok()
}

/// A session that is not to be kept is gone with its connection.
fn ends_with_its_connection(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("s")?;
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    peer.leave()?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, false)?;
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))
}

/// While its connection is open a session stays, longer than it would without.
fn lasts_with_the_connection(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect_kept("s");
    if stage.is_v5() {
        connect.properties.session_expiry_interval = Some(1);
    }
    let (mut peer, _) = stage.enter(connect)?;
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "not acknowledged", QoS::AtLeastOnce, false)?;
    let first = expect_publish(&mut peer)?;
    sleep(Duration::from_millis(1_500));
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, false)?;
    ensure!(expect_publish(&mut peer)?.payload == "x");
    drop(peer);
    let again = expect_publish(&mut stage.resume("s", true)?)?;
    ensure!(again.payload == first.payload && again.packet_identifier == first.packet_identifier);
    Ok(())
}

/// A session ends when its expiry interval is over.
fn expires(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect_kept("s");
    connect.properties.session_expiry_interval = Some(1);
    let (mut peer, _) = stage.enter(connect)?;
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    peer.leave()?;
    sleep(Duration::from_millis(2_500));
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, false)?;
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))
}

/// With an interval of 0, or none, a session ends with its connection, also one that was resumed.
fn expires_at_once(stage: &Stage) -> anyhow::Result<()> {
    for interval in [None, Some(0)] {
        stage.resume("s", false)?.leave()?;
        let mut connect = stage.connect_kept("s");
        connect.properties.session_expiry_interval = interval;
        let (peer, answer) = stage.enter(connect)?;
        ensure!(answer.session_present, "the kept session is not there");
        peer.leave()?;
        let (peer, answer) = stage.enter(stage.connect_kept("s"))?;
        ensure!(!answer.session_present, "the session was to end with its connection");
        peer.leave()?;
        stage.join("s")?.leave()?;
    }
    Ok(())
}

/// DISCONNECT may change the interval.
fn expires_as_disconnect_says(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.send(&Packet::Disconnect(Disconnect {
        reason_code: ReasonCode::SUCCESS,
        properties: DisconnectProperties { session_expiry_interval: Some(0), ..DisconnectProperties::default() },
    }))?;
    peer.expect_end()?;
    stage.resume("s", false)?.leave()
}

/// The next packet, which is a PUBLISH; it is not acknowledged.
fn expect_publish(peer: &mut Peer) -> anyhow::Result<Publish> {
    match peer.receive()? {
        Packet::Publish(message) => Ok(message),
        other => bail!("not a PUBLISH: {other:?}"),
    }
}

/// What was not acknowledged comes again on the next connection: in order, under its identifier, with DUP.
fn sends_again(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    for number in 0..6 {
        let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), qos, false)?;
    }
    let first: Vec<_> = (0..6).map(|_| expect_publish(&mut peer)).collect::<Result<_, _>>()?;
    ensure!(first.iter().all(|message| !message.dup), "DUP at the first attempt");
    // Twice, so that the second resumption shows that the first changed nothing.
    for _ in 0..2 {
        drop(peer);
        peer = stage.resume("s", true)?;
        // The order is that of each QoS: a server may send one before the other.
        let of = |qos: QoS| first.iter().filter(move |message| message.qos == qos);
        let mut expected = [of(QoS::AtLeastOnce), of(QoS::ExactlyOnce)];
        for _ in 0..6 {
            let again = expect_publish(&mut peer)?;
            let expected = expected[usize::from(again.qos == QoS::ExactlyOnce)].next();
            let expected = expected.with_context(|| format!("too many: {again:?}"))?;
            ensure!(again.dup, "{:?} came again without DUP", again.payload);
            ensure!(
                again.payload == expected.payload && again.packet_identifier == expected.packet_identifier,
                "{again:?} came instead of {expected:?}"
            );
        }
    }
    peer.ping()
}

/// A QoS 2 message whose PUBREL was sent is not sent again on the next connection; the PUBREL is, until PUBCOMP.
fn releases_again(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    stage.join("p")?.publish_acknowledged(&stage.topic("t"), "x", QoS::ExactlyOnce, false)?;
    let message = expect_publish(&mut peer)?;
    let identifier = message.packet_identifier.expect("QoS 2 has one");
    peer.send(&Packet::PubRec(Acknowledgement::new(identifier, ReasonCode::SUCCESS)))?;
    for _ in 0..2 {
        match peer.receive()? {
            Packet::PubRel(release) if release.packet_identifier == identifier => {}
            other => bail!("not the PUBREL: {other:?}"),
        }
        peer.ping()?;
        drop(peer);
        peer = stage.resume("s", true)?;
    }
    match peer.receive()? {
        Packet::PubRel(release) if release.packet_identifier == identifier => {}
        other => bail!("not the PUBREL: {other:?}"),
    }
    complete(&mut peer, identifier);
    peer.ping()?;
    drop(peer);
    stage.resume("s", true)?.ping()
}

/// The identifiers of QoS 2 messages that the broker received outlive the connection: a repetition is not delivered.
fn remembers_what_it_received(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "#", QoS::ExactlyOnce)?;
    let mut peer = stage.resume("a", false)?;
    let publish = |first_byte| {
        let fields = [&string(stage.topic("t"))[..], &[0, 5], &properties(stage.version, &[]), b"once"];
        packet(first_byte, &fields)
    };
    peer.send_bytes(&publish(0x34))?;
    ensure!(matches!(peer.receive()?, Packet::PubRec(answer) if answer.packet_identifier.value() == 5));
    drop(peer);
    let mut peer = stage.resume("a", true)?;
    peer.send_bytes(&publish(0x3C))?;
    ensure!(matches!(peer.receive()?, Packet::PubRec(answer) if answer.packet_identifier.value() == 5));
    peer.send_bytes(&packet(0x62, &[&[0, 5]]))?;
    ensure!(matches!(peer.receive()?, Packet::PubComp(answer) if answer.packet_identifier.value() == 5));
    subscriber.expect_message(&stage.topic("t"), "once")?;
    subscriber.expect_only(&mut peer, &stage.topic("marker"))
}

/// On one connection a message is sent once, however long its acknowledgement takes.
fn does_not_repeat_itself(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "1", QoS::AtLeastOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("t"), "2", QoS::ExactlyOnce, false)?;
    expect_publish(&mut peer)?;
    expect_publish(&mut peer)?;
    // Neither with time nor because something else happens on the connection.
    for _ in 0..3 {
        sleep(Duration::from_millis(500));
        peer.subscribe(&stage.topic("other"), QoS::AtMostOnce)?;
        peer.ping()?;
    }
    Ok(())
}

/// A message goes to each client that subscribed to it: those that are there, and those that are away.
fn every_subscriber(stage: &Stage) -> anyhow::Result<()> {
    let mut away = stage.resume("a", false)?;
    away.subscribe(&stage.topic("x/#"), QoS::AtLeastOnce)?;
    away.leave()?;
    let mut there = [
        stage.subscriber("b", "x/y", QoS::AtLeastOnce)?,
        stage.subscriber("c", "+/y", QoS::ExactlyOnce)?,
        stage.subscriber("d", "#", QoS::AtMostOnce)?,
    ];
    stage.join("p")?.publish_acknowledged(&stage.topic("x/y"), "for all", QoS::ExactlyOnce, false)?;
    for peer in &mut there {
        peer.expect_message(&stage.topic("x/y"), "for all")?;
    }
    stage.resume("a", true)?.expect_message(&stage.topic("x/y"), "for all").map(drop)
}

/// A message that the client refused, with PUBACK or PUBREC, is done with.
fn refused_is_acknowledged(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("#"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish_acknowledged(&stage.topic("t"), "x", qos, false)?;
        let message = expect_publish(&mut peer)?;
        let refusal = Acknowledgement::new(
            message.packet_identifier.expect("QoS 1 and 2 have one"),
            ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
        );
        peer.send(&if qos == QoS::AtLeastOnce { Packet::PubAck(refusal) } else { Packet::PubRec(refusal) })?;
        peer.ping()?;
    }
    drop(peer);
    stage.resume("s", true)?.expect_only(&mut publisher, &stage.topic("marker"))
}
