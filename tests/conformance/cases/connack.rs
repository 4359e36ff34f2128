//! CONNACK (3.2).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};

use super::packet_size::provocations;
use crate::bytes::{RawConnect, string};
use crate::case::cases;
use crate::stage::Stage;

cases! {
    BOTH: comes_first, flags, refusal;
    ONLY_5: no_response_information, no_problem_information;
}

/// CONNACK comes before the messages that wait for the client.
fn comes_first(stage: &Stage) -> anyhow::Result<()> {
    let mut away = stage.resume("s", false)?;
    away.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    away.leave()?;
    let mut publisher = stage.join("p")?;
    for payload in ["1", "2", "3"] {
        publisher.publish_acknowledged(&stage.topic("t"), payload, QoS::AtLeastOnce, false)?;
    }
    let mut peer = stage.dial()?;
    peer.send(&Packet::Connect(Box::new(stage.connect_kept("s"))))?;
    match peer.receive()? {
        Packet::ConnAck(answer) => ensure!(answer.reason_code.0 == 0, "CONNACK with {}", answer.reason_code),
        other => bail!("{other:?} came first"),
    }
    for payload in ["1", "2", "3"] {
        ensure!(peer.receive_message()?.payload == payload);
    }
    Ok(())
}

/// Its flags are Session Present alone.
fn flags(stage: &Stage) -> anyhow::Result<()> {
    for present in [0, 1] {
        let mut peer = stage.dial()?;
        peer.send(&Packet::Connect(Box::new(stage.connect_kept("a"))))?;
        let bytes = peer.receive_bytes()?;
        ensure!(bytes[0] == 0x20 && bytes[2] == present, "flags {:08b} instead of {present}", bytes[2]);
        peer.leave()?;
    }
    Ok(())
}

/// A CONNACK that refuses has Session Present 0, also where there is a session, and the connection ends.
fn refusal(stage: &Stage) -> anyhow::Result<()> {
    stage.resume("a", false)?.leave()?;
    let mut connect = RawConnect::new(stage.version, &stage.client("a"));
    connect.flags = 0;
    if stage.is_v5() {
        connect.properties = [&[0x15], &string("no such method")[..]].concat();
    } else {
        connect.payload = string("");
    }
    stage.expect_no_entry(&connect.bytes(), "a CONNECT that every server refuses")?;
    // And the session is as it was.
    stage.resume("a", true)?.leave()
}

/// Response Information comes only to who asks for it.
fn no_response_information(stage: &Stage) -> anyhow::Result<()> {
    for asked in [None, Some(false)] {
        let mut connect = stage.connect("a");
        connect.properties.request_response_information = asked;
        let (_, answer) = stage.enter(connect)?;
        ensure!(answer.properties.response_information.is_none(), "{:?}", answer.properties.response_information);
    }
    Ok(())
}

/// Without Request Problem Information, answers that could have a reason string or user properties have none.
fn no_problem_information(stage: &Stage) -> anyhow::Result<()> {
    for (what, bytes) in provocations(stage) {
        let mut connect = stage.connect("a");
        connect.properties.request_problem_information = Some(false);
        let (mut peer, _) = stage.enter(connect)?;
        peer.send_bytes(&[&bytes[..], &[0xC0, 0]].concat())?;
        while let Some(answer) = peer.receive_until_end()? {
            let has_information = match &answer {
                Packet::PubAck(answer) | Packet::PubRec(answer) | Packet::PubRel(answer) | Packet::PubComp(answer) => {
                    answer.properties.as_ref().is_some_and(|properties| {
                        properties.reason_string.is_some() || !properties.user_properties.is_empty()
                    })
                }
                Packet::SubAck(answer) => {
                    answer.properties.reason_string.is_some() || !answer.properties.user_properties.is_empty()
                }
                Packet::UnsubAck(answer) => {
                    answer.properties.reason_string.is_some() || !answer.properties.user_properties.is_empty()
                }
                Packet::PingResp => break,
                _ => false,
            };
            ensure!(!has_information, "{what}: {answer:?}");
        }
    }
    Ok(())
}
