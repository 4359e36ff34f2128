//! Maximum Packet Size, in both directions (MQTT 5.0, 3.1.2.11.4, 3.2.2.3.6).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};
use nightjar_tests::Peer;

use crate::bytes::{RawConnect, packet, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_5: messages, too_large_counts_as_sent, on_return, answers, refusal, disconnect, of_the_server;
}

/// Packets whose answers may say more than they have to: refusals, and answers to what does not exist.
pub(super) fn provocations(stage: &Stage) -> Vec<(&'static str, Vec<u8>)> {
    let topic = string(stage.topic("t"));
    let subscribe = |filter: &str| packet(0x82, &[&[0, 1], &[0], &string(filter), &[1]]);
    vec![
        (
            "PUBLISH at QoS 1 to a topic of the server's",
            packet(0x32, &[&string("$SYS/broker/version"), &[0, 1], &[0], b"x"]),
        ),
        (
            "PUBLISH at QoS 2 to a topic of the server's",
            packet(0x34, &[&string("$SYS/broker/version"), &[0, 1], &[0], b"x"]),
        ),
        ("PUBLISH at QoS 1 to nobody", packet(0x32, &[&topic, &[0, 1], &[0], b"x"])),
        ("PUBLISH at QoS 2 to nobody", packet(0x34, &[&topic, &[0, 1], &[0], b"x"])),
        ("PUBLISH that is not the UTF-8 that it says", packet(0x32, &[&topic, &[0, 1], &[2, 0x01, 1], b"\xFF"])),
        (
            "PUBLISH on a thousand levels",
            packet(0x32, &[&string(stage.topic(&"/".repeat(1_000))), &[0, 1], &[0], b"x"]),
        ),
        ("PUBREC of nothing", packet(0x50, &[&[0, 9]])),
        ("PUBREL of nothing", packet(0x62, &[&[0, 9]])),
        ("SUBSCRIBE", subscribe(&stage.topic("s"))),
        ("SUBSCRIBE on a thousand levels", subscribe(&stage.topic(&"/".repeat(1_000)))),
        ("SUBSCRIBE to a bad share", subscribe("$share/+/t")),
        ("SUBSCRIBE to a bad filter", subscribe(&stage.topic("a#"))),
        ("UNSUBSCRIBE from nothing", packet(0xA2, &[&[0, 1], &[0], &string(stage.topic("none"))])),
    ]
}

/// The least that a client can ask for here: what CONNACK needs.
fn least(stage: &Stage) -> anyhow::Result<usize> {
    let mut peer = stage.dial()?;
    peer.send(&Packet::Connect(Box::new(stage.connect("a"))))?;
    Ok(peer.receive_bytes()?.len())
}

fn enter(stage: &Stage, role: &str, maximum: u32) -> anyhow::Result<Peer> {
    let mut connect = stage.connect(role);
    connect.properties.maximum_packet_size = Some(maximum);
    Ok(stage.enter(connect)?.0)
}

/// A message that is too large for a client does not come; one of just the size does, and others are not held up.
fn messages(stage: &Stage) -> anyhow::Result<()> {
    const MAXIMUM: usize = 200;
    let mut small = enter(stage, "a", MAXIMUM as u32)?;
    let mut other = stage.subscriber("b", "t", QoS::ExactlyOnce)?;
    small.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    for (qos, identifier) in [(QoS::AtMostOnce, 0), (QoS::AtLeastOnce, 2), (QoS::ExactlyOnce, 2)] {
        let before_payload = 1 + 2 + 2 + stage.topic("t").len() + identifier + 1;
        let fits = "x".repeat(MAXIMUM - before_payload);
        let too_large = format!("{fits}y");
        publisher.publish_acknowledged(&stage.topic("t"), too_large.clone(), qos, false)?;
        publisher.publish_acknowledged(&stage.topic("t"), fits.clone(), qos, false)?;
        other.expect_message(&stage.topic("t"), &too_large)?;
        other.expect_message(&stage.topic("t"), &fits)?;
        small.expect_message(&stage.topic("t"), &fits)?;
    }
    Ok(())
}

/// A message that is too large takes no place of the Receive Maximum, and does not come after a reconnection either.
fn too_large_counts_as_sent(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect_kept("a");
    connect.properties.maximum_packet_size = Some(200);
    connect.properties.receive_maximum = Some(1);
    let (mut small, _) = stage.enter(connect)?;
    small.subscribe(&stage.topic("#"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtLeastOnce] {
        publisher.publish_acknowledged(&stage.topic("t"), "x".repeat(300), qos, false)?;
    }
    small.expect_only(&mut publisher, &stage.topic("marker"))?;
    small.leave()?;
    stage.resume("a", true)?.expect_only(&mut publisher, &stage.topic("marker"))
}

/// A message that the client took before and did not acknowledge is not sent again where it is too large now.
fn on_return(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.resume("a", false)?;
    peer.subscribe(&stage.topic("#"), QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    let large = "x".repeat(300);
    for (payload, qos) in
        [(large.as_str(), QoS::AtLeastOnce), ("small", QoS::AtLeastOnce), (large.as_str(), QoS::ExactlyOnce)]
    {
        publisher.publish_acknowledged(&stage.topic("t"), payload.to_owned(), qos, false)?;
        ensure!(matches!(peer.receive()?, Packet::Publish(message) if message.payload == payload.as_bytes()));
    }
    drop(peer);
    let mut connect = stage.connect_kept("a");
    connect.properties.maximum_packet_size = Some(200);
    connect.properties.receive_maximum = Some(1);
    let (mut peer, answer) = stage.enter(connect)?;
    ensure!(answer.session_present, "the session is gone");
    peer.expect_message(&stage.topic("t"), "small")?;
    // They count as sent, and take no place of the Receive Maximum.
    peer.expect_only(&mut publisher, &stage.topic("marker"))
}

/// Answers leave out what would make them too large.
fn answers(stage: &Stage) -> anyhow::Result<()> {
    // A SUBACK of one code without properties has 6 bytes, and no answer to these needs more.
    let maximum = least(stage)?.max(6);
    for (what, bytes) in provocations(stage) {
        let mut peer = enter(stage, "a", maximum as u32)?;
        peer.send_bytes(&[&bytes[..], &[0xC0, 0]].concat())?;
        let mut answered = false;
        while let Some(answer) = peer.receive_bytes_until_end()? {
            ensure!(answer.len() <= maximum, "{what}: {answer:02X?}");
            if answer[0] == 0xD0 {
                break;
            }
            answered = true;
        }
        ensure!(answered || !what.ends_with("from nothing"), "{what}: no answer");
    }
    Ok(())
}

/// A CONNACK that refuses leaves out what would make it too large.
fn refusal(stage: &Stage) -> anyhow::Result<()> {
    const MAXIMUM: u8 = 5;
    let mut connect = RawConnect::new(stage.version, &stage.client("a"));
    connect.properties = [&[0x27, 0, 0, 0, MAXIMUM, 0x15], &string("no such method")[..]].concat();
    let mut peer = stage.dial()?;
    peer.send_bytes(&connect.bytes())?;
    while let Some(answer) = peer.receive_bytes_until_end()? {
        ensure!(answer.len() <= usize::from(MAXIMUM), "{answer:02X?}");
    }
    Ok(())
}

/// DISCONNECT leaves out what would make it too large.
fn disconnect(stage: &Stage) -> anyhow::Result<()> {
    let maximum = least(stage)?.max(4);
    for (what, bytes) in [
        ("a second CONNECT", RawConnect::new(stage.version, &stage.client("a")).bytes()),
        ("a PUBLISH with QoS 3", packet(0x36, &[&string(stage.topic("t")), &[0, 1], &[0]])),
    ] {
        let mut peer = enter(stage, "a", maximum as u32)?;
        peer.send_bytes(&bytes)?;
        while let Some(answer) = peer.receive_bytes_until_end()? {
            ensure!(answer.len() <= maximum, "{what}: {answer:02X?}");
        }
    }
    Ok(())
}

/// A packet above the server's own maximum ends the connection.
fn of_the_server(stage: &Stage) -> anyhow::Result<()> {
    let (mut peer, answer) = stage.enter(stage.connect("a"))?;
    let Some(maximum) = answer.properties.maximum_packet_size.filter(|maximum| *maximum <= 64 << 20) else {
        return Err(Skip("it has no Maximum Packet Size, or one that is too large to try").into());
    };
    let bytes = packet(0x30, &[&string(stage.topic("t")), &[0], &vec![0; maximum as usize]]);
    // It need not read a packet that it knows to be too large.
    drop(peer.send_bytes(&bytes));
    match &peer.expect_end()?[..] {
        [] => Ok(()),
        [Packet::Disconnect(disconnect)] if disconnect.reason_code.is_error() => Ok(()),
        other => bail!("{other:?}"),
    }
}
