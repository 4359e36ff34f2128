//! Message Expiry Interval (MQTT 5.0, 3.3.2.3.3).

use std::thread::sleep;
use std::time::Duration;

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, Publish, PublishProperties, QoS};
use nightjar_tests::Peer;

use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_5: not_sent, retained, counted_down, not_of_what_was_sent;
}

fn publish(stage: &Stage, peer: &mut Peer, payload: &str, seconds: u32, retain: bool) -> anyhow::Result<()> {
    let properties = PublishProperties { message_expiry_interval: Some(seconds), ..PublishProperties::default() };
    peer.publish_with(&stage.topic("t"), payload, QoS::AtLeastOnce, retain, properties)
}

/// Somebody who is subscribed and away.
fn go_away(stage: &Stage) -> anyhow::Result<()> {
    let mut away = stage.resume("s", false)?;
    away.subscribe(&stage.topic("#"), QoS::ExactlyOnce)?;
    away.leave()
}

/// A message that expires while it waits for a client is not sent to it.
fn not_sent(stage: &Stage) -> anyhow::Result<()> {
    go_away(stage)?;
    let mut publisher = stage.join("p")?;
    publish(stage, &mut publisher, "soon gone", 1, false)?;
    publish(stage, &mut publisher, "still there", 600, false)?;
    sleep(Duration::from_millis(2_100));
    let mut back = stage.resume("s", true)?;
    back.expect_message(&stage.topic("t"), "still there")?;
    back.expect_only(&mut publisher, &stage.topic("marker"))
}

/// Nor is a retained message after its time.
fn retained(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publish(stage, &mut publisher, "soon gone", 1, true)?;
    sleep(Duration::from_millis(2_100));
    let mut later = stage.subscriber("l", "#", QoS::AtLeastOnce)?;
    later.expect_only(&mut publisher, &stage.topic("marker"))
}

/// A message comes with the seconds that are left of its time.
fn counted_down(stage: &Stage) -> anyhow::Result<()> {
    go_away(stage)?;
    let mut live = stage.subscriber("l", "t", QoS::AtLeastOnce)?;
    let mut publisher = stage.join("p")?;
    publish(stage, &mut publisher, "x", 600, false)?;
    let left = |message: Publish| message.properties.and_then(|properties| properties.message_expiry_interval);
    let at_once = left(live.expect_message(&stage.topic("t"), "x")?);
    ensure!(at_once.is_some_and(|left| (590..=600).contains(&left)), "at once {at_once:?} are left");
    sleep(Duration::from_millis(2_100));
    let later = left(stage.resume("s", true)?.expect_message(&stage.topic("t"), "x")?);
    ensure!(later.is_some_and(|left| (580..=598).contains(&left)), "after 2 s {later:?} are left");
    Ok(())
}

/// What was sent once does not expire: it comes again until it is acknowledged.
fn not_of_what_was_sent(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("s", false)?;
    peer.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    let properties = PublishProperties { message_expiry_interval: Some(1), ..PublishProperties::default() };
    publisher.publish_with(&stage.topic("t"), "x", QoS::ExactlyOnce, false, properties)?;
    let Packet::Publish(first) = peer.receive()? else { bail!("not a PUBLISH") };
    drop(peer);
    sleep(Duration::from_millis(2_100));
    match stage.resume("s", true)?.receive()? {
        Packet::Publish(again) => {
            ensure!(again.dup && again.packet_identifier == first.packet_identifier && again.payload == "x");
            Ok(())
        }
        other => bail!("not the PUBLISH: {other:?}"),
    }
}
