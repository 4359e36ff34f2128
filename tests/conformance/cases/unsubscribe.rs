//! UNSUBSCRIBE and UNSUBACK (3.10, 3.11).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, QoS, ReasonCode, UnsubAck};
use nightjar_tests::Peer;

use crate::bytes::{packet, properties, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ALL: unsuback_answers, filter_is_compared_exactly, many_filters, nothing_new_comes;
    BOTH: no_filter, started_flows_end;
    ONLY_5: codes_in_order;
}

fn unsubscribe(stage: &Stage, peer: &mut Peer, identifier: u16, filters: &[&str]) -> anyhow::Result<UnsubAck> {
    let filters: Vec<u8> = filters.iter().flat_map(|filter| string(stage.topic(filter))).collect();
    peer.send_bytes(&packet(0xA2, &[&identifier.to_be_bytes(), &properties(stage.version, &[]), &filters]))?;
    match peer.receive()? {
        Packet::UnsubAck(answer) => Ok(answer),
        other => bail!("not an UNSUBACK: {other:?}"),
    }
}

/// Each UNSUBSCRIBE gets an UNSUBACK with its identifier, whether there was a subscription or not.
fn unsuback_answers(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    peer.subscribe(&stage.topic("t"), QoS::AtMostOnce)?;
    for identifier in [7, 1, 0x8000, 0xFFFF] {
        let answer = unsubscribe(stage, &mut peer, identifier, &["t"])?;
        ensure!(answer.packet_identifier.value() == identifier, "UNSUBACK of {:?}", answer.packet_identifier);
    }
    Ok(())
}

/// An UNSUBSCRIBE from nothing.
fn no_filter(stage: &Stage) -> anyhow::Result<()> {
    let bytes = packet(0xA2, &[&[0, 1], &properties(stage.version, &[])]);
    stage.expect_refused_bytes("a", &bytes, "an UNSUBSCRIBE from nothing")
}

/// UNSUBACK has a code for each filter, in their order.
fn codes_in_order(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    peer.subscribe(&stage.topic("a"), QoS::AtMostOnce)?;
    peer.subscribe(&stage.topic("c"), QoS::AtMostOnce)?;
    let answer = unsubscribe(stage, &mut peer, 1, &["a", "b", "c", "d"])?;
    let codes: Vec<_> = answer.reason_codes.iter().map(|code| code.0).collect();
    ensure!(codes == [0x00, 0x11, 0x00, 0x11], "UNSUBACK with {codes:02X?}");
    Ok(())
}

/// Only the very filter ends, not one that matches the same or that it matches.
fn filter_is_compared_exactly(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "a/+", QoS::AtMostOnce)?;
    unsubscribe(stage, &mut subscriber, 1, &["a/b", "a/#", "#", "+/+", "A/+", "a/+/"])?;
    let mut publisher = stage.join("p")?;
    publisher.publish(&stage.topic("a/b"), "still", QoS::AtMostOnce, false)?;
    subscriber.expect_message(&stage.topic("a/b"), "still")?;
    subscriber.subscribe(&stage.topic("marker"), QoS::AtMostOnce)?;
    unsubscribe(stage, &mut subscriber, 2, &["a/+"])?;
    publisher.publish_acknowledged(&stage.topic("a/b"), "no more", QoS::AtLeastOnce, false)?;
    subscriber.expect_only(&mut publisher, &stage.topic("marker"))
}

/// Many filters in one UNSUBSCRIBE end as many subscriptions, with one UNSUBACK.
fn many_filters(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.join("s")?;
    for topic in ["a", "b", "c", "marker"] {
        subscriber.subscribe(&stage.topic(topic), QoS::AtMostOnce)?;
    }
    unsubscribe(stage, &mut subscriber, 1, &["a", "none", "c"])?;
    let mut publisher = stage.join("p")?;
    for topic in ["a", "c"] {
        publisher.publish_acknowledged(&stage.topic(topic), "no more", QoS::AtLeastOnce, false)?;
    }
    publisher.publish_acknowledged(&stage.topic("b"), "still", QoS::AtLeastOnce, false)?;
    subscriber.expect_message(&stage.topic("b"), "still")?;
    subscriber.expect_only(&mut publisher, &stage.topic("marker"))
}

/// After UNSUBACK no new message comes for the filter, not even into the queue of a client that is away.
fn nothing_new_comes(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.resume("s", false)?;
    subscriber.subscribe(&stage.topic("a"), QoS::AtLeastOnce)?;
    subscriber.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    unsubscribe(stage, &mut subscriber, 5, &["a"])?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("a"), "no more", QoS::AtLeastOnce, false)?;
    subscriber.leave()?;
    publisher.publish_acknowledged(&stage.topic("a"), "no more", QoS::AtLeastOnce, false)?;
    let mut subscriber = stage.resume("s", true)?;
    subscriber.expect_only(&mut publisher, &stage.topic("marker"))
}

/// QoS 1 and 2 messages that were sent before UNSUBSCRIBE are finished: unacknowledged, they come again.
fn started_flows_end(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.resume("s", false)?;
    subscriber.subscribe(&stage.topic("a"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("a"), "1", QoS::AtLeastOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("a"), "2", QoS::ExactlyOnce, false)?;
    let mut sent = Vec::new();
    for _ in 0..2 {
        match subscriber.receive()? {
            Packet::Publish(message) => sent.push(message),
            other => bail!("not a PUBLISH: {other:?}"),
        }
    }
    unsubscribe(stage, &mut subscriber, 5, &["a"])?;
    let identifier = sent[1].packet_identifier.expect("QoS 2 has one");
    subscriber.send(&Packet::PubRec(Acknowledgement::new(identifier, ReasonCode::SUCCESS)))?;
    ensure!(
        matches!(subscriber.receive()?, Packet::PubRel(release) if release.packet_identifier == identifier),
        "not the PUBREL"
    );
    drop(subscriber);
    let mut subscriber = stage.resume("s", true)?;
    let (mut again, mut released) = (false, false);
    while !(again && released) {
        match subscriber.receive()? {
            Packet::Publish(message) if message.payload == "1" => {
                ensure!(message.dup && message.packet_identifier == sent[0].packet_identifier);
                again = true;
            }
            Packet::PubRel(release) if release.packet_identifier == identifier => released = true,
            other => bail!("{other:?}"),
        }
    }
    Ok(())
}
