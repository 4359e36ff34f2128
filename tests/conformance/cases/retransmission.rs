//! What MQTT 3.1.1 demands of a client's return (4.4, 4.6): the very order in which all was sent.

use anyhow::{bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, PacketIdentifier, Publish, QoS, ReasonCode};
use nightjar_tests::Peer;

use crate::case::cases;
use crate::stage::Stage;

cases! {
    ONLY_311: messages_in_order, messages_in_order_twice, releases_in_order, only_what_is_unacknowledged,
        new_messages_follow;
}

const COUNT: usize = 8;

/// A kept session with messages of QoS 1 and 2 that it has received and not acknowledged.
fn unacknowledged(stage: &Stage, publisher: &mut Peer) -> anyhow::Result<(Peer, Vec<Publish>)> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("#"), QoS::ExactlyOnce)?;
    for number in 0..COUNT {
        // In an order that no sorting by QoS would leave as it is.
        let qos = if [0, 3, 4, 6].contains(&number) { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), qos, false)?;
    }
    let messages = (0..COUNT).map(|_| expect_publish(&mut peer)).collect::<Result<_, _>>()?;
    Ok((peer, messages))
}

fn expect_publish(peer: &mut Peer) -> anyhow::Result<Publish> {
    match peer.receive()? {
        Packet::Publish(message) => Ok(message),
        other => bail!("not a PUBLISH: {other:?}"),
    }
}

/// That these come now, again.
fn expect_again(peer: &mut Peer, expected: &[&Publish]) -> anyhow::Result<()> {
    for expected in expected {
        let again = expect_publish(peer)?;
        ensure!(again.dup, "{:?} came again without DUP", again.payload);
        ensure!(
            again.payload == expected.payload
                && again.packet_identifier == expected.packet_identifier
                && again.qos == expected.qos,
            "{again:?} came instead of {expected:?}"
        );
    }
    Ok(())
}

fn identifier(message: &Publish) -> PacketIdentifier {
    message.packet_identifier.expect("QoS 1 and 2 have one")
}

fn answer(message: &Publish) -> Acknowledgement {
    Acknowledgement::new(identifier(message), ReasonCode::SUCCESS)
}

fn expect_release(peer: &mut Peer, message: &Publish) -> anyhow::Result<()> {
    match peer.receive()? {
        Packet::PubRel(release) if release.packet_identifier == identifier(message) => Ok(()),
        other => bail!("not the PUBREL of {:?}: {other:?}", message.payload),
    }
}

/// All that was sent and not acknowledged comes again in the order of the first time, whatever its QoS.
fn messages_in_order(stage: &Stage) -> anyhow::Result<()> {
    let (peer, messages) = unacknowledged(stage, &mut stage.join("p")?)?;
    peer.leave()?;
    let mut peer = stage.resume("s", true)?;
    expect_again(&mut peer, &messages.iter().collect::<Vec<_>>())?;
    peer.ping()
}

/// And again when the connection is lost again, after half of it has come.
fn messages_in_order_twice(stage: &Stage) -> anyhow::Result<()> {
    let (peer, messages) = unacknowledged(stage, &mut stage.join("p")?)?;
    drop(peer);
    for count in [COUNT / 2, COUNT] {
        let mut peer = stage.resume("s", true)?;
        expect_again(&mut peer, &messages[..count].iter().collect::<Vec<_>>())?;
        drop(peer);
    }
    stage.join("s")?.leave()
}

/// PUBRELs come in the order of the PUBRECs, which need not be that of the messages.
fn releases_in_order(stage: &Stage) -> anyhow::Result<()> {
    let (mut peer, messages) = unacknowledged(stage, &mut stage.join("p")?)?;
    let of_qos_2: Vec<_> = messages.iter().filter(|message| message.qos == QoS::ExactlyOnce).collect();
    let received = [of_qos_2[2], of_qos_2[0], of_qos_2[3], of_qos_2[1]];
    for message in received {
        peer.send(&Packet::PubRec(answer(message)))?;
    }
    for message in received {
        expect_release(&mut peer, message)?;
    }
    peer.ping()
}

/// On return only what is not acknowledged comes again: PUBLISH where no PUBREC has come, PUBREL where one has.
fn only_what_is_unacknowledged(stage: &Stage) -> anyhow::Result<()> {
    let (mut peer, messages) = unacknowledged(stage, &mut stage.join("p")?)?;
    // 1 and 4 are done with, of 0 and 6 the message has come.
    peer.send(&Packet::PubAck(answer(&messages[1])))?;
    for number in [0, 4, 6] {
        peer.send(&Packet::PubRec(answer(&messages[number])))?;
        expect_release(&mut peer, &messages[number])?;
    }
    peer.send(&Packet::PubComp(answer(&messages[4])))?;
    peer.ping()?;
    drop(peer);
    let mut peer = stage.resume("s", true)?;
    let (mut again, mut released) = (Vec::new(), Vec::new());
    while again.len() + released.len() < COUNT - 2 {
        match peer.receive()? {
            Packet::Publish(message) => {
                ensure!(message.dup, "{:?} came again without DUP", message.payload);
                again.push((message.payload.clone(), identifier(&message)));
            }
            Packet::PubRel(release) => released.push(release.packet_identifier),
            other => bail!("{other:?}"),
        }
    }
    let expected: Vec<_> =
        [2, 3, 5, 7].map(|number: usize| (messages[number].payload.clone(), identifier(&messages[number]))).to_vec();
    ensure!(again == expected, "{again:?} came again instead of {expected:?}");
    ensure!(released == [0, 6].map(|number: usize| identifier(&messages[number])), "{released:?} were released");
    peer.ping()
}

/// What was published meanwhile has identifiers of its own, and comes after what was published before.
fn new_messages_follow(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    let (peer, messages) = unacknowledged(stage, &mut publisher)?;
    // With DISCONNECT: a server that has not noticed yet would send the next ones to nobody, and later again.
    peer.leave()?;
    for number in COUNT..COUNT + 3 {
        publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), QoS::AtLeastOnce, false)?;
    }
    let mut peer = stage.resume("s", true)?;
    expect_again(&mut peer, &messages.iter().collect::<Vec<_>>())?;
    for message in &messages {
        if message.qos == QoS::AtLeastOnce {
            peer.send(&Packet::PubAck(answer(message)))?;
        } else {
            peer.send(&Packet::PubRec(answer(message)))?;
        }
    }
    // A server may wait with them until the others are acknowledged, or not.
    let mut number = COUNT;
    while number < COUNT + 3 {
        match peer.receive()? {
            Packet::Publish(new) => {
                ensure!(new.payload == number.to_string(), "{:?} came instead of {number}", new.payload);
                ensure!(!new.dup, "{number} came with DUP for the first time");
                ensure!(
                    !messages
                        .iter()
                        .any(|old| old.qos == QoS::ExactlyOnce && old.packet_identifier == new.packet_identifier),
                    "{number} came under an identifier that is in use"
                );
                number += 1;
            }
            Packet::PubRel(_) => {}
            other => bail!("{other:?}"),
        }
    }
    Ok(())
}
