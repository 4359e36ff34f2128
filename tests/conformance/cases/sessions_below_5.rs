//! Sessions below MQTT 5.0 (3.1.1: 3.1.2.4): Clean Session says both how a session begins and how it ends.

use anyhow::ensure;
use nightjar_mqtt::QoS;

use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    BELOW_5: collects_while_away, collects_after_a_lost_connection, clean_session_ends_with_its_connection,
        clean_session_leaves_nothing, retained_messages_outlive_it;
}

/// Publishes at QoS 1 and 2, and expects it at the return of who is away.
fn collects(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("not/asked/for"), "0", QoS::AtLeastOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("a/1"), "1", QoS::AtLeastOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("b"), "2", QoS::ExactlyOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("a/3"), "3", QoS::ExactlyOnce, false)?;
    let mut back = stage.resume("s", true)?;
    let mut came: Vec<_> = (0..3)
        .map(|_| back.receive_message().map(|message| (message.payload, message.qos)))
        .collect::<Result<_, _>>()?;
    // Their order is that of ordering::queued.
    came.sort_unstable();
    let expected = [("1", QoS::AtLeastOnce), ("2", QoS::ExactlyOnce), ("3", QoS::AtLeastOnce)]
        .map(|(payload, qos)| (payload.into(), qos));
    ensure!(came == expected, "{came:?} came instead of {expected:?}");
    Ok(())
}

/// What a client has subscribed to with QoS 1 and 2 is kept for it while it is away.
fn collects_while_away(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("a/+"), QoS::AtLeastOnce)?;
    peer.subscribe(&stage.topic("b"), QoS::ExactlyOnce)?;
    peer.leave()?;
    collects(stage)
}

/// Also where it went without a word.
fn collects_after_a_lost_connection(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("a/+"), QoS::AtLeastOnce)?;
    peer.subscribe(&stage.topic("b"), QoS::ExactlyOnce)?;
    peer.ping()?;
    drop(peer);
    collects(stage)
}

/// A clean session ends with its connection: what it had subscribed to is forgotten.
fn clean_session_ends_with_its_connection(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    let mut peer = stage.subscriber("s", "t", QoS::AtLeastOnce)?;
    peer.ping()?;
    peer.leave()?;
    publisher.publish_acknowledged(&stage.topic("t"), "to nobody", QoS::AtLeastOnce, false)?;
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    publisher.publish_acknowledged(&stage.topic("t"), "to nobody", QoS::AtLeastOnce, false)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))
}

/// A clean session takes the kept one away, with all that waited in it.
fn clean_session_leaves_nothing(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    peer.leave()?;
    publisher.publish_acknowledged(&stage.topic("t"), "forgotten", QoS::AtLeastOnce, false)?;
    let mut peer = stage.join("s")?;
    peer.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))?;
    peer.leave()?;
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    publisher.publish_acknowledged(&stage.topic("t"), "to nobody", QoS::AtLeastOnce, false)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))
}

/// A retained message does not go with the session of who published it.
fn retained_messages_outlive_it(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "still there", QoS::AtLeastOnce, true)?;
    publisher.leave()?;
    stage.join("p")?.leave()?;
    let mut later = stage.subscriber("l", "t", QoS::AtLeastOnce)?;
    ensure!(later.expect_message(&stage.topic("t"), "still there")?.retain, "it came without RETAIN");
    stage.join("p")?.publish_acknowledged(&stage.topic("t"), "", QoS::AtLeastOnce, true)
}
