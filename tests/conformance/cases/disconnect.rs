//! DISCONNECT, in both directions (3.14).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Disconnect, DisconnectProperties, Packet, QoS, ReasonCode};

use crate::bytes::{RawConnect, packet, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_5: of_the_server, nothing_after_it, expiry_after_none, with_an_error;
}

/// What the server says last, where it says anything, is a DISCONNECT with an error and without Session Expiry Interval;
/// then the connection ends.
fn of_the_server(stage: &Stage) -> anyhow::Result<()> {
    let topic = string(stage.topic("t"));
    for (what, bytes) in [
        ("a second CONNECT", RawConnect::new(stage.version, &stage.client("b")).bytes()),
        ("QoS 3", packet(0x36, &[&topic, &[0, 1], &[0]])),
        ("a SUBSCRIBE for nothing", packet(0x82, &[&[0, 1], &[0]])),
        ("alias 0", packet(0x30, &[&topic, &[3, 0x23, 0, 0], b"x"])),
        ("AUTH", packet(0xF0, &[&[0x18], &[4, 0x15, 0, 1, b'm']])),
    ] {
        let mut peer = stage.join("a")?;
        peer.send_bytes(&bytes)?;
        // The decoder takes no codes that DISCONNECT does not have.
        match &peer.expect_end()?[..] {
            [] => {}
            [Packet::Disconnect(answer)] => {
                ensure!(answer.reason_code.is_error(), "{what}: {}", answer.reason_code);
                ensure!(answer.properties.session_expiry_interval.is_none(), "{what}: a Session Expiry Interval");
            }
            other => bail!("{what}: {other:?}"),
        }
    }
    Ok(())
}

/// Nothing follows a DISCONNECT of the server's, however much is on its way to the client.
fn nothing_after_it(stage: &Stage) -> anyhow::Result<()> {
    let mut first = stage.subscriber("s", "t", QoS::AtMostOnce)?;
    let mut publisher = stage.join("p")?;
    for number in 0..500 {
        publisher.publish(&stage.topic("t"), number.to_string(), QoS::AtMostOnce, false)?;
        if number == 250 {
            stage.join("s")?.leave()?;
        }
    }
    publisher.ping()?;
    let packets = first.expect_end()?;
    let end = packets.iter().position(|packet| matches!(packet, Packet::Disconnect(_)));
    ensure!(end.is_none_or(|end| end + 1 == packets.len()), "{} packets after DISCONNECT", packets.len());
    Ok(())
}

/// A session that was to end with its connection can't be kept by DISCONNECT; one that says so is none, and the Will is
/// published.
fn expiry_after_none(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    let mut connect = stage.connect("a");
    connect.will = Some(stage.will("will", "no good-bye", QoS::AtLeastOnce)?);
    let (mut peer, _) = stage.enter(connect)?;
    peer.send(&Packet::Disconnect(Disconnect {
        reason_code: ReasonCode::SUCCESS,
        properties: DisconnectProperties { session_expiry_interval: Some(60), ..DisconnectProperties::default() },
    }))?;
    stage.expect_refusal(peer, "an expiry after none")?;
    witness.expect_message(&stage.topic("will"), "no good-bye")?;
    stage.resume("a", false)?.leave()
}

/// A client's DISCONNECT with an error ends the connection too, and the Will is published.
fn with_an_error(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    for reason_code in [ReasonCode::UNSPECIFIED_ERROR, ReasonCode::MALFORMED_PACKET, ReasonCode::QUOTA_EXCEEDED] {
        let mut connect = stage.connect("a");
        connect.will = Some(stage.will("will", "an error", QoS::AtLeastOnce)?);
        let (mut peer, _) = stage.enter(connect)?;
        peer.send(&Packet::Disconnect(Disconnect { reason_code, ..Disconnect::default() }))?;
        ensure!(peer.expect_end()?.is_empty(), "something came after DISCONNECT");
        witness.expect_message(&stage.topic("will"), "an error")?;
    }
    Ok(())
}
