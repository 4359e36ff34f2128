//! Shared Subscriptions (MQTT 5.0, 4.8.2).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, Publish, QoS, ReasonCode};
use nightjar_tests::Peer;

use crate::bytes::{packet, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_5: malformed_filters, granted_qos, to_one_member, finished_on_return, not_to_others, refused, unsubscribed;
}

fn available(stage: &Stage) -> anyhow::Result<()> {
    let (_, answer) = stage.enter(stage.connect("x"))?;
    if answer.properties.shared_subscription_available {
        Ok(())
    } else {
        Err(Skip("it has no shared subscriptions").into())
    }
}

fn shared(stage: &Stage, topic: &str) -> String {
    format!("$share/{}/{}", stage.client("g"), stage.topic(topic))
}

/// Filters that begin like a shared one and are none.
fn malformed_filters(stage: &Stage) -> anyhow::Result<()> {
    available(stage)?;
    let topic = stage.topic("t");
    for filter in [
        "$share/".to_owned(),
        "$share/group".to_owned(),
        "$share/group/".to_owned(),
        "$share//".to_owned(),
        format!("$share//{topic}"),
        format!("$share/+/{topic}"),
        format!("$share/#/{topic}"),
        format!("$share/gr+oup/{topic}"),
        format!("$share/gr#oup/{topic}"),
        format!("$share/group/{topic}#"),
    ] {
        let mut peer = stage.join("a")?;
        peer.send_bytes(&packet(0x82, &[&[0, 1], &[0], &string(&filter), &[0]]))?;
        match peer.receive_until_end()? {
            None => {}
            Some(Packet::Disconnect(answer)) if answer.reason_code.is_error() => {}
            Some(Packet::SubAck(answer)) if answer.reason_codes.iter().all(|code| code.is_error()) => {}
            other => bail!("{filter}: {other:?}"),
        }
    }
    Ok(())
}

/// A member gets messages with at most the QoS that it was granted.
fn granted_qos(stage: &Stage) -> anyhow::Result<()> {
    available(stage)?;
    let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    let mut publisher = stage.join("p")?;
    for granted in levels {
        let mut member = stage.join("a")?;
        member.subscribe(&shared(stage, "t"), granted)?;
        for published in levels {
            publisher.publish_acknowledged(&stage.topic("t"), "x", published, false)?;
            let message = member.expect_message(&stage.topic("t"), "x")?;
            ensure!(message.qos == published.min(granted), "{published:?} came as {:?}", message.qos);
        }
        member.leave()?;
    }
    Ok(())
}

/// Each message goes to one member of a group, and to every group.
fn to_one_member(stage: &Stage) -> anyhow::Result<()> {
    available(stage)?;
    let mut members = [stage.join("a")?, stage.join("b")?];
    for member in &mut members {
        member.subscribe(&shared(stage, "t"), QoS::AtLeastOnce)?;
        member.subscribe(&stage.topic("end"), QoS::AtLeastOnce)?;
    }
    let mut other_group = stage.join("c")?;
    other_group.subscribe(&format!("$share/{}/{}", stage.client("h"), stage.topic("t")), QoS::AtLeastOnce)?;
    let mut publisher = stage.join("p")?;
    for number in 0..20 {
        publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), QoS::AtLeastOnce, false)?;
        other_group.expect_message(&stage.topic("t"), &number.to_string())?;
    }
    // Each member is told the end of its part.
    publisher.publish_acknowledged(&stage.topic("end"), "end", QoS::AtLeastOnce, false)?;
    let mut came: Vec<u32> = Vec::new();
    for member in &mut members {
        loop {
            let message = member.receive_message()?;
            if message.payload == "end" {
                break;
            }
            came.push(std::str::from_utf8(&message.payload)?.parse()?);
        }
    }
    came.sort_unstable();
    ensure!(came == (0..20).collect::<Vec<_>>(), "{came:?}");
    Ok(())
}

/// A member with a kept session that has got a QoS 2 message and not acknowledged it, and another one that joined later.
fn member_with_message(stage: &Stage) -> anyhow::Result<(Peer, Publish, Peer)> {
    available(stage)?;
    let mut member = stage.resume("a", false)?;
    member.subscribe(&shared(stage, "t"), QoS::ExactlyOnce)?;
    stage.join("p")?.publish_acknowledged(&stage.topic("t"), "x", QoS::ExactlyOnce, false)?;
    let Packet::Publish(message) = member.receive()? else { bail!("not a PUBLISH") };
    let mut other = stage.join("b")?;
    other.subscribe(&shared(stage, "t"), QoS::ExactlyOnce)?;
    other.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    Ok((member, message, other))
}

/// A QoS 2 message that was sent to a member is finished with it when it comes back, and does not go to another.
fn finished_on_return(stage: &Stage) -> anyhow::Result<()> {
    let (member, first, mut other) = member_with_message(stage)?;
    drop(member);
    let mut publisher = stage.join("p")?;
    other.expect_only(&mut publisher, &stage.topic("marker"))?;
    let mut member = stage.resume("a", true)?;
    let again = member.expect_message(&stage.topic("t"), "x")?;
    ensure!(again.dup && again.packet_identifier == first.packet_identifier, "{again:?}");
    ensure!(matches!(member.receive()?, Packet::PubRel(_)), "not the PUBREL");
    let identifier = again.packet_identifier.expect("QoS 2 has one");
    member.send(&Packet::PubComp(Acknowledgement::new(identifier, ReasonCode::SUCCESS)))?;
    member.ping()?;
    other.expect_only(&mut publisher, &stage.topic("marker"))
}

/// Nor does it where the member's session ends.
fn not_to_others(stage: &Stage) -> anyhow::Result<()> {
    let (member, _, mut other) = member_with_message(stage)?;
    drop(member);
    stage.join("a")?.leave()?;
    other.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// What a member refuses, with PUBACK or PUBREC, goes to no other.
fn refused(stage: &Stage) -> anyhow::Result<()> {
    let (mut member, message, mut other) = member_with_message(stage)?;
    for peer in [&mut member, &mut other] {
        peer.subscribe(&stage.topic("end"), QoS::AtMostOnce)?;
    }
    let refusal = |message: &Publish| {
        let identifier = message.packet_identifier.expect("QoS 1 and 2 have one");
        Acknowledgement::new(identifier, ReasonCode::UNSPECIFIED_ERROR)
    };
    member.send(&Packet::PubRec(refusal(&message)))?;
    member.ping()?;
    let mut publisher = stage.join("p")?;
    other.expect_only(&mut publisher, &stage.topic("marker"))?;

    // The same with QoS 1, which may go to either.
    publisher.publish_acknowledged(&stage.topic("t"), "y", QoS::AtLeastOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("end"), "end", QoS::AtLeastOnce, false)?;
    let mut came = 0;
    for peer in [&mut member, &mut other] {
        loop {
            match peer.receive()? {
                Packet::Publish(message) if message.payload == "end" => break,
                Packet::Publish(message) => {
                    came += 1;
                    peer.send(&Packet::PubAck(refusal(&message)))?;
                }
                other => bail!("{other:?}"),
            }
        }
        peer.ping()?;
    }
    ensure!(came == 1, "it came {came} times");
    Ok(())
}

/// A member that has left gets no more, and the others get all.
fn unsubscribed(stage: &Stage) -> anyhow::Result<()> {
    available(stage)?;
    let mut members = [stage.join("a")?, stage.join("b")?];
    for member in &mut members {
        member.subscribe(&shared(stage, "t"), QoS::AtLeastOnce)?;
        member.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    }
    let [leaver, other] = &mut members;
    leaver.send_bytes(&packet(0xA2, &[&[1, 0], &[0], &string(shared(stage, "t"))]))?;
    match leaver.receive()? {
        Packet::UnsubAck(answer) => ensure!(answer.reason_codes == [ReasonCode::SUCCESS], "{:?}", answer.reason_codes),
        other => bail!("not an UNSUBACK: {other:?}"),
    }
    let mut publisher = stage.join("p")?;
    for number in 0..6 {
        publisher.publish_acknowledged(&stage.topic("t"), number.to_string(), QoS::AtLeastOnce, false)?;
        other.expect_message(&stage.topic("t"), &number.to_string())?;
    }
    publisher.publish_acknowledged(&stage.topic("marker"), "marker", QoS::AtLeastOnce, false)?;
    for member in &mut members {
        member.expect_message(&stage.topic("marker"), "marker")?;
    }
    Ok(())
}
