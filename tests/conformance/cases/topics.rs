//! Topic Names and Topic Filters (4.7).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};

use crate::bytes::{packet, properties, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ALL: misplaced_wildcards, wildcards;
    BOTH: dollar, empty, longest, as_they_are;
}

/// That a SUBSCRIBE is not granted: it ends the connection, or its SUBACK says no.
fn expect_not_granted(stage: &Stage, filter: &str) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    peer.send_bytes(&packet(0x82, &[&[0, 1], &properties(stage.version, &[]), &string(filter), &[0]]))?;
    match peer.receive_until_end()? {
        None => Ok(()),
        Some(Packet::Disconnect(answer)) if answer.reason_code.is_error() => Ok(()),
        Some(Packet::SubAck(answer)) if answer.reason_codes.iter().all(|code| code.is_error()) => Ok(()),
        other => bail!("{filter}: {other:?}"),
    }
}

/// Wildcards that do not stand for whole levels, and a # that is not the last.
fn misplaced_wildcards(stage: &Stage) -> anyhow::Result<()> {
    for filter in ["a#", "#a", "a/b#", "a/#/b", "#/", "##", "a/##", "+a", "a+", "a/+b", "a/b+/c", "++", "+#", "#+"] {
        expect_not_granted(stage, &stage.topic(filter))?;
        expect_not_granted(stage, filter)?;
    }
    Ok(())
}

/// Which filters match which topics.
const MATCHES: [(&str, &[&str], &[&str]); 12] = [
    ("a", &["a"], &["A", "a/", "/a", "aa", "a/b"]),
    ("a/b", &["a/b"], &["a", "a/b/", "a//b", "a/b/c", "ab"]),
    ("a/#", &["a", "a/", "a/b", "a/b/c", "a//"], &["b", "ab", "/a"]),
    ("#", &["a", "a/b", "/", "//a"], &[]),
    ("+", &["a", "b"], &["a/b", "/a", "a/"]),
    ("a/+", &["a/b", "a/"], &["a", "a/b/c", "a/b/"]),
    ("+/b", &["a/b", "/b"], &["b", "a/b/", "/a/b", "a/c"]),
    ("a/+/c", &["a/b/c", "a//c"], &["a/c", "a/b/b/c", "a/b/c/d"]),
    ("+/+", &["a/b", "/"], &["a", "a/b/c"]),
    ("/+", &["/a", "/"], &["a", "a/b", "//a"]),
    ("+/b/#", &["a/b", "a/b/c", "/b/c/d"], &["b", "a/c/b"]),
    ("/", &["/"], &["a", "//"]),
];

fn wildcards(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    for (number, (filter, matching, others)) in MATCHES.iter().enumerate() {
        let below = |topic: &str| stage.topic(&format!("{number}/{topic}"));
        let mut subscriber = stage.join("s")?;
        subscriber.subscribe(&below(filter), QoS::AtMostOnce)?;
        subscriber.subscribe(&stage.topic("marker"), QoS::AtMostOnce)?;
        for topic in *others {
            publisher.publish(&below(topic), format!("{topic} is not {filter}"), QoS::AtMostOnce, false)?;
        }
        for topic in *matching {
            publisher.publish(&below(topic), "x", QoS::AtMostOnce, false)?;
            subscriber.expect_message(&below(topic), "x")?;
        }
        subscriber.expect_only(&mut publisher, &stage.topic("marker"))?;
        subscriber.leave()?;
    }
    Ok(())
}

/// A filter that begins with a wildcard matches no topic that begins with $, whether the broker's own or a client's.
fn dollar(stage: &Stage) -> anyhow::Result<()> {
    let topic = format!("${}", stage.topic("t"));
    // Some brokers take no messages for such topics, and may end the connection of who sends them.
    let mut stranger = stage.join("a")?;
    drop(stranger.publish(&topic, "x", QoS::AtMostOnce, true));
    drop(stranger.ping());
    for filter in ["#", "+/#", "+/t", "+/broker/#"] {
        let mut subscriber = stage.join("s")?;
        subscriber.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
        // Retained messages and SUBACK may come in any order.
        subscriber.send_bytes(&packet(0x82, &[&[1, 0], &properties(stage.version, &[]), &string(filter), &[0]]))?;
        let mut publisher = stage.join("p")?;
        let mut stranger = stage.join("a")?;
        drop(stranger.publish(&topic, "x", QoS::AtMostOnce, false));
        drop(stranger.ping());
        publisher.publish_acknowledged(&stage.topic("marker"), "marker", QoS::AtLeastOnce, false)?;
        loop {
            match subscriber.receive()? {
                Packet::SubAck(_) => {}
                Packet::Publish(message) => {
                    let name = message.topic.as_deref().unwrap_or("");
                    ensure!(!name.starts_with('$'), "{filter} brought {name}");
                    if name == stage.topic("marker") {
                        break;
                    }
                }
                other => bail!("{other:?}"),
            }
        }
        drop(subscriber);
    }
    drop(stage.join("a")?.publish(&topic, "", QoS::AtMostOnce, true));
    Ok(())
}

/// A filter without a character, and a Topic Name without one.
fn empty(stage: &Stage) -> anyhow::Result<()> {
    expect_not_granted(stage, "")?;
    let publish = packet(0x30, &[&string(""), &properties(stage.version, &[]), b"x"]);
    stage.expect_refused_bytes("a", &publish, "an empty Topic Name")?;
    let unsubscribe = packet(0xA2, &[&[0, 1], &properties(stage.version, &[]), &string("")]);
    let mut peer = stage.join("a")?;
    peer.send_bytes(&unsubscribe)?;
    match peer.receive_until_end()? {
        None => Ok(()),
        Some(Packet::Disconnect(answer)) if answer.reason_code.is_error() => Ok(()),
        Some(Packet::UnsubAck(answer)) if answer.reason_codes.iter().any(|code| code.0 != 0) => Ok(()),
        other => bail!("{other:?}"),
    }
}

/// A topic of 65,535 bytes is a topic: a message on it comes unharmed, unless the server says that it takes no such one.
fn longest(stage: &Stage) -> anyhow::Result<()> {
    let topic = format!("{:x<65535}", stage.topic(""));
    let mut subscriber = stage.join("s")?;
    subscriber.send_bytes(&packet(0x82, &[&[0, 1], &properties(stage.version, &[]), &string(&topic), &[0]]))?;
    match subscriber.receive_until_end()? {
        Some(Packet::SubAck(answer)) if answer.reason_codes[0].0 == 0 => {}
        Some(Packet::SubAck(_) | Packet::Disconnect(_)) | None => return Ok(()),
        other => bail!("{other:?}"),
    }
    let mut publisher = stage.join("p")?;
    publisher.publish(&topic, "x", QoS::AtMostOnce, false)?;
    subscriber.expect_message(&topic, "x").map(drop)
}

/// Topics that look alike to people, or to Unicode, are not the same.
fn as_they_are(stage: &Stage) -> anyhow::Result<()> {
    let topics = [
        "\u{E9}",
        "e\u{301}",
        "E\u{301}",
        "\u{C9}",
        "\u{212B}",
        "\u{C5}",
        "A\u{30A}",
        "a b",
        "ab",
        "a\u{A0}b",
        " ab",
        "ab ",
        "AB",
        "a/b",
        "a//b",
        "a/b/",
        "a%2Fb",
        "\u{FB01}",
        "fi",
        "\u{1F989}",
        "a\u{200B}b",
    ];
    let mut subscriber = stage.join("s")?;
    let mut publisher = stage.join("p")?;
    for subscribed in topics {
        subscriber.subscribe(&stage.topic(subscribed), QoS::AtMostOnce)?;
        for topic in topics.into_iter().filter(|topic| *topic != subscribed) {
            publisher.publish(&stage.topic(topic), topic, QoS::AtMostOnce, false)?;
        }
        publisher.publish(&stage.topic(subscribed), "the very one", QoS::AtMostOnce, false)?;
        subscriber.expect_message(&stage.topic(subscribed), "the very one")?;
        let filter = string(stage.topic(subscribed));
        subscriber.send_bytes(&packet(0xA2, &[&[1, 0], &properties(stage.version, &[]), &filter]))?;
        ensure!(matches!(subscriber.receive()?, Packet::UnsubAck(_)), "{subscribed:?}: not an UNSUBACK");
    }
    Ok(())
}
