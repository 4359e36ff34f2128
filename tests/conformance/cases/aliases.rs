//! Topic Aliases, in both directions (MQTT 5.0, 3.3.2.3.4).

use std::collections::HashMap;

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{Packet, QoS};

use crate::bytes::{packet, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_5: zero, above_the_maximum, up_to_the_maximum, end_with_the_connection, to_the_client, none_unasked,
        none_of_another_connection;
}

/// A PUBLISH of QoS 0 with an alias, and with a topic unless it is empty.
fn publish(topic: &str, alias: u16, payload: &str) -> Vec<u8> {
    let property = [&[0x23][..], &alias.to_be_bytes()].concat();
    packet(0x30, &[&string(topic), &[3], &property, payload.as_bytes()])
}

/// The Topic Alias Maximum of the server.
fn maximum(stage: &Stage) -> anyhow::Result<u16> {
    let (_, answer) = stage.enter(stage.connect("m"))?;
    Ok(answer.properties.topic_alias_maximum.unwrap_or(0))
}

/// An alias of 0.
fn zero(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_refused_bytes("a", &publish(&stage.topic("t"), 0, "x"), "alias 0")
}

/// An alias above the server's maximum.
fn above_the_maximum(stage: &Stage) -> anyhow::Result<()> {
    let Some(above) = maximum(stage)?.checked_add(1) else {
        return Err(Skip("it takes every alias that there is").into());
    };
    stage.expect_refused_bytes("a", &publish(&stage.topic("t"), above, "x"), "an alias above the maximum")
}

/// Every alias up to the server's maximum can be set, used, and set anew.
fn up_to_the_maximum(stage: &Stage) -> anyhow::Result<()> {
    let maximum = maximum(stage)?;
    if maximum == 0 {
        return Err(Skip("it takes no aliases").into());
    }
    let mut subscriber = stage.subscriber("s", "#", QoS::AtMostOnce)?;
    let mut publisher = stage.join("p")?;
    // Of many, the first and the last ones.
    let aliases: Vec<u16> = (1..=maximum).filter(|alias| *alias <= 128 || maximum - *alias < 128).collect();
    for topic in ["first", "second"] {
        for &alias in &aliases {
            publisher.send_bytes(&publish(&stage.topic(&format!("{topic}/{alias}")), alias, "set"))?;
            subscriber.expect_message(&stage.topic(&format!("{topic}/{alias}")), "set")?;
        }
        for &alias in &aliases {
            publisher.send_bytes(&publish("", alias, "used"))?;
            subscriber.expect_message(&stage.topic(&format!("{topic}/{alias}")), "used")?;
        }
    }
    Ok(())
}

/// An alias that was set on another connection, of the same session too, stands for nothing.
fn end_with_the_connection(stage: &Stage) -> anyhow::Result<()> {
    if maximum(stage)? == 0 {
        return Err(Skip("it takes no aliases").into());
    }
    let mut subscriber = stage.subscriber("s", "#", QoS::AtMostOnce)?;
    let mut peer = stage.resume("a", false)?;
    peer.send_bytes(&publish(&stage.topic("t"), 1, "set"))?;
    subscriber.expect_message(&stage.topic("t"), "set")?;
    peer.leave()?;
    let mut peer = stage.resume("a", true)?;
    peer.send_bytes(&publish("", 1, "used"))?;
    stage.expect_refusal(peer, "an alias of another connection")?;
    subscriber.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// Publishes to three topics in turn, and returns what comes: topic (empty where an alias alone stands for it) and alias.
fn traffic(stage: &Stage, maximum: Option<u16>) -> anyhow::Result<Vec<(String, Option<u16>, String)>> {
    let mut connect = stage.connect("s");
    connect.properties.topic_alias_maximum = maximum;
    let (mut subscriber, _) = stage.enter(connect)?;
    subscriber.subscribe(&stage.topic("#"), QoS::AtMostOnce)?;
    let mut publisher = stage.join("p")?;
    let mut came = Vec::new();
    for round in 0..4 {
        for topic in ["a", "b", "c"] {
            publisher.publish(&stage.topic(topic), format!("{topic}{round}"), QoS::AtMostOnce, false)?;
            match subscriber.receive()? {
                Packet::Publish(message) => came.push((
                    message.topic.as_deref().unwrap_or("").to_owned(),
                    message.properties.and_then(|properties| properties.topic_alias),
                    String::from_utf8(message.payload.to_vec())?,
                )),
                other => bail!("not a PUBLISH: {other:?}"),
            }
        }
    }
    Ok(came)
}

/// The server's aliases are 1 up to the client's maximum, and stand for the right topics.
fn to_the_client(stage: &Stage) -> anyhow::Result<()> {
    for maximum in [1, 2, 10] {
        let mut aliases = HashMap::new();
        for (topic, alias, payload) in traffic(stage, Some(maximum))? {
            let topic = match alias {
                None => topic,
                Some(alias) => {
                    // The decoder takes no alias of 0.
                    ensure!(alias <= maximum, "alias {alias} is above {maximum}");
                    if topic.is_empty() {
                        aliases.get(&alias).cloned().with_context(|| format!("alias {alias} was not set"))?
                    } else {
                        aliases.insert(alias, topic.clone());
                        topic
                    }
                }
            };
            ensure!(topic == stage.topic(&payload[..1]), "{payload} came on {topic}");
        }
    }
    Ok(())
}

/// Without a maximum, or with 0, the server uses none.
fn none_unasked(stage: &Stage) -> anyhow::Result<()> {
    for maximum in [None, Some(0)] {
        for (topic, alias, payload) in traffic(stage, maximum)? {
            ensure!(alias.is_none(), "{payload} came with alias {alias:?}");
            ensure!(topic == stage.topic(&payload[..1]), "{payload} came on {topic}");
        }
    }
    Ok(())
}

/// What is sent again on another connection comes with its topic, and without the aliases of the first.
fn none_of_another_connection(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect_kept("s");
    connect.properties.topic_alias_maximum = Some(10);
    let (mut peer, _) = stage.enter(connect.clone())?;
    peer.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    let mut publisher = stage.join("p")?;
    for payload in ["1", "2", "3"] {
        publisher.publish_acknowledged(&stage.topic("t"), payload, QoS::AtLeastOnce, false)?;
        ensure!(matches!(peer.receive()?, Packet::Publish(message) if message.payload == payload));
    }
    drop(peer);
    connect.properties.topic_alias_maximum = None;
    let (mut peer, _) = stage.enter(connect)?;
    for payload in ["1", "2", "3"] {
        let message = peer.expect_message(&stage.topic("t"), payload)?;
        ensure!(message.properties.is_none_or(|properties| properties.topic_alias.is_none()), "{payload}: an alias");
    }
    Ok(())
}
