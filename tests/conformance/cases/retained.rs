//! Retained messages (3.3.1.3).

use anyhow::ensure;
use nightjar_mqtt::{Packet, QoS, RetainHandling, SubscriptionOptions};
use nightjar_tests::Peer;

use super::publish::all_properties;
use crate::bytes::{packet, properties as with_length, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ALL: replaced, emptied, plain_messages_leave_it, not_as_published;
    ONLY_5: handling_0, handling_1, handling_2, as_published, properties;
}

/// Subscribes to everything of the case, and expects these retained messages and nothing else.
fn expect_retained(stage: &Stage, publisher: &mut Peer, expected: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut later = stage.subscriber("l", "#", QoS::ExactlyOnce)?;
    for (topic, payload) in expected {
        let message = later.expect_message(&stage.topic(topic), payload)?;
        ensure!(message.retain, "a retained message came without RETAIN");
    }
    later.expect_only(publisher, &stage.topic("marker"))?;
    later.leave()
}

fn clear(stage: &Stage, topic: &str) -> anyhow::Result<()> {
    stage.join("c")?.publish_acknowledged(&stage.topic(topic), "", QoS::AtLeastOnce, true)
}

/// The last message with RETAIN is the one that is kept, of any QoS.
fn replaced(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    for (qos, payload) in [(QoS::AtLeastOnce, "1"), (QoS::ExactlyOnce, "2"), (QoS::AtLeastOnce, "3")] {
        publisher.publish_acknowledged(&stage.topic("t"), payload, qos, true)?;
        expect_retained(stage, &mut publisher, &[("t", payload)])?;
    }
    clear(stage, "t")
}

/// An empty message with RETAIN is delivered, takes what was retained away, and is not retained itself.
fn emptied(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, true)?;
    let mut earlier = stage.subscriber("e", "t", QoS::AtLeastOnce)?;
    earlier.expect_message(&stage.topic("t"), "x")?;
    // Once more, where there is nothing to take away.
    for _ in 0..2 {
        publisher.publish_acknowledged(&stage.topic("t"), "", QoS::AtLeastOnce, true)?;
        ensure!(!earlier.expect_message(&stage.topic("t"), "")?.retain);
        expect_retained(stage, &mut publisher, &[])?;
    }
    Ok(())
}

/// Messages without RETAIN, empty ones too, neither replace nor remove what is retained.
fn plain_messages_leave_it(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("other"), "not retained", QoS::AtLeastOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("t"), "retained", QoS::AtLeastOnce, true)?;
    for payload in ["not retained", ""] {
        publisher.publish_acknowledged(&stage.topic("t"), payload, QoS::AtLeastOnce, false)?;
        expect_retained(stage, &mut publisher, &[("t", "retained")])?;
    }
    clear(stage, "t")
}

fn options(retain_handling: RetainHandling) -> SubscriptionOptions {
    SubscriptionOptions { maximum_qos: QoS::AtLeastOnce, retain_handling, ..SubscriptionOptions::default() }
}

/// What is retained is sent at each SUBSCRIBE.
fn handling_0(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, true)?;
    let mut peer = stage.join("a")?;
    for _ in 0..2 {
        peer.subscribe_with(&stage.topic("#"), options(RetainHandling::AtSubscribe), None)?;
        ensure!(peer.expect_message(&stage.topic("t"), "x")?.retain);
    }
    peer.expect_only(&mut publisher, &stage.topic("marker"))?;
    clear(stage, "t")
}

/// What is retained is sent when the subscription is new, in a resumed session too, and not when it is made again.
fn handling_1(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, true)?;
    let mut peer = stage.resume("a", false)?;
    peer.subscribe_with(&stage.topic("#"), options(RetainHandling::AtNewSubscribe), None)?;
    ensure!(peer.expect_message(&stage.topic("t"), "x")?.retain);
    peer.subscribe_with(&stage.topic("#"), options(RetainHandling::AtNewSubscribe), None)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))?;
    peer.leave()?;
    let mut peer = stage.resume("a", true)?;
    peer.subscribe_with(&stage.topic("#"), options(RetainHandling::AtNewSubscribe), None)?;
    peer.expect_only(&mut publisher, &stage.topic("marker"))?;
    // After UNSUBSCRIBE it is new again.
    peer.send_bytes(&packet(0xA2, &[&[1, 0], &with_length(stage.version, &[]), &string(stage.topic("#"))]))?;
    ensure!(matches!(peer.receive()?, Packet::UnsubAck(_)), "not an UNSUBACK");
    peer.subscribe_with(&stage.topic("#"), options(RetainHandling::AtNewSubscribe), None)?;
    ensure!(peer.expect_message(&stage.topic("t"), "x")?.retain);
    clear(stage, "t")
}

/// What is retained is not sent.
fn handling_2(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, true)?;
    let mut peer = stage.join("a")?;
    for _ in 0..2 {
        peer.subscribe_with(&stage.topic("#"), options(RetainHandling::Never), None)?;
        peer.expect_only(&mut publisher, &stage.topic("marker"))?;
    }
    clear(stage, "t")
}

/// To subscriptions that were there, messages come with RETAIN 0.
fn not_as_published(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.subscriber("s", "t", QoS::AtLeastOnce)?;
    let mut publisher = stage.join("p")?;
    for retain in [true, false] {
        publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, retain)?;
        ensure!(!peer.expect_message(&stage.topic("t"), "x")?.retain, "it came with RETAIN");
    }
    clear(stage, "t")
}

/// With Retain As Published they keep the flag that they came with.
fn as_published(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("s")?;
    let options = SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::default() };
    peer.subscribe_with(&stage.topic("t"), options, None)?;
    let mut publisher = stage.join("p")?;
    for retain in [true, false, true] {
        publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, retain)?;
        ensure!(peer.expect_message(&stage.topic("t"), "x")?.retain == retain, "RETAIN is not {retain}");
    }
    clear(stage, "t")
}

/// A retained message keeps its properties.
fn properties(stage: &Stage) -> anyhow::Result<()> {
    let given = all_properties(stage)?;
    let mut publisher = stage.join("p")?;
    publisher.publish_with(&stage.topic("t"), "x", QoS::AtLeastOnce, true, given.clone())?;
    let mut later = stage.subscriber("l", "t", QoS::AtLeastOnce)?;
    let message = later.expect_message(&stage.topic("t"), "x")?;
    ensure!(*message.properties.unwrap_or_default() == given, "not as sent");
    clear(stage, "t")
}
