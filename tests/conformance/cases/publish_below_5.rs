//! PUBLISH in MQTT 3.1.1 (3.3), and what becomes of retained messages, which have no options there.

use anyhow::ensure;
use nightjar_mqtt::QoS;

use crate::bytes::{packet, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_311: dup_of_qos_0;
    BELOW_5: retained_with_its_qos, retained_for_each_new_subscription, retained_at_qos_0;
}

/// DUP has no meaning at QoS 0, and is 0.
fn dup_of_qos_0(stage: &Stage) -> anyhow::Result<()> {
    for first_byte in [0x38, 0x39] {
        let bytes = packet(first_byte, &[&string(stage.topic("t")), b"x"]);
        stage.expect_refused_bytes("a", &bytes, "DUP at QoS 0")?;
    }
    Ok(())
}

/// A retained message keeps the QoS that it was published with.
fn retained_with_its_qos(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish_acknowledged(&stage.topic("t"), qos.level().to_string(), qos, true)?;
        for maximum in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let mut later = stage.subscriber("l", "t", maximum)?;
            let message = later.expect_message(&stage.topic("t"), &qos.level().to_string())?;
            ensure!(message.retain, "it came without RETAIN");
            ensure!(!message.dup, "it came with DUP");
            ensure!(message.qos == qos.min(maximum), "{qos:?} came to {maximum:?} as {:?}", message.qos);
        }
    }
    publisher.publish_acknowledged(&stage.topic("t"), "", QoS::AtLeastOnce, true)
}

/// Each new subscription gets the last message of each topic that it matches, with RETAIN.
fn retained_for_each_new_subscription(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    let topics = ["a", "a/b", "a/b/c", "d"];
    for topic in topics {
        for payload in ["first", "last"] {
            publisher.publish_acknowledged(&stage.topic(topic), payload, QoS::AtLeastOnce, true)?;
        }
    }
    let mut later = stage.join("l")?;
    for (filter, expected) in [("a", &["a"][..]), ("a/+", &["a/b"]), ("a/#", &["a", "a/b", "a/b/c"]), ("e", &[])] {
        later.subscribe(&stage.topic(filter), QoS::AtLeastOnce)?;
        let mut came = Vec::new();
        for _ in expected {
            let message = later.receive_message()?;
            ensure!(message.retain && message.payload == "last", "{filter}: {message:?}");
            came.push(message.topic.as_deref().unwrap_or_default().to_owned());
        }
        came.sort();
        let expected: Vec<_> = expected.iter().map(|topic| stage.topic(topic)).collect();
        ensure!(came == expected, "{filter}: {came:?} instead of {expected:?}");
        // And nothing more.
        later.ping()?;
    }
    for topic in topics {
        publisher.publish_acknowledged(&stage.topic(topic), "", QoS::AtLeastOnce, true)?;
    }
    Ok(())
}

/// A retained message of QoS 0 takes the old one away, whether it is kept itself or not.
fn retained_at_qos_0(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "old", QoS::AtLeastOnce, true)?;
    publisher.publish(&stage.topic("t"), "new", QoS::AtMostOnce, true)?;
    publisher.ping()?;
    let mut later = stage.subscriber("l", "#", QoS::AtLeastOnce)?;
    publisher.publish_acknowledged(&stage.topic("marker"), "marker", QoS::AtLeastOnce, false)?;
    let first = later.receive_message()?;
    if first.payload != "marker" {
        ensure!(first.payload == "new" && first.retain, "{first:?}");
        later.expect_message(&stage.topic("marker"), "marker")?;
    }
    publisher.publish_acknowledged(&stage.topic("t"), "", QoS::AtLeastOnce, true)
}
