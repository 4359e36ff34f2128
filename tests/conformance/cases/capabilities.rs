//! What a server may leave out, and how it says so (MQTT 5.0, 3.2.2.3): each case holds for both answers.

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};

use crate::bytes::{packet, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_5: maximum_qos, any_subscription, qos_of_will, retained_will;
}

const LEVELS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// A server takes messages of every QoS up to the Maximum QoS that it names, and of all without one.
fn maximum_qos(stage: &Stage) -> anyhow::Result<()> {
    let (mut peer, answer) = stage.enter(stage.connect("a"))?;
    let maximum = answer.properties.maximum_qos.unwrap_or(QoS::ExactlyOnce);
    for qos in LEVELS.into_iter().filter(|qos| *qos <= maximum) {
        peer.publish_acknowledged(&stage.topic("t"), "x", qos, false)?;
    }
    peer.ping()
}

/// A subscription may ask for any QoS, whatever the server takes itself.
fn any_subscription(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    for qos in LEVELS {
        peer.send_bytes(&packet(0x82, &[&[0, 1], &[0], &string(stage.topic("t")), &[qos.level()]]))?;
        match peer.receive()? {
            Packet::SubAck(answer) => {
                ensure!(answer.reason_codes.iter().all(|code| code.0 <= qos.level()), "{:?}", answer.reason_codes);
            }
            other => bail!("{other:?}"),
        }
    }
    Ok(())
}

/// A Will of a QoS that the server does not have is refused; one that it has is published with it.
fn qos_of_will(stage: &Stage) -> anyhow::Result<()> {
    let (_, answer) = stage.enter(stage.connect("a"))?;
    let maximum = answer.properties.maximum_qos.unwrap_or(QoS::ExactlyOnce);
    let mut witness = stage.subscriber("w", "will", QoS::ExactlyOnce)?;
    for qos in LEVELS {
        let mut connect = stage.connect("b");
        connect.will = Some(stage.will("will", "x", qos)?);
        let (mut peer, answer) = stage.open(connect)?;
        if qos > maximum {
            ensure!(answer.reason_code.is_error(), "{qos:?} is above the Maximum QoS, and taken");
            ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
        } else {
            ensure!(!answer.reason_code.is_error(), "CONNECT was refused: {}", answer.reason_code);
            drop(peer);
            ensure!(witness.expect_message(&stage.topic("will"), "x")?.qos == qos);
        }
    }
    Ok(())
}

/// A retained Will is refused where nothing is retained, and retained elsewhere.
fn retained_will(stage: &Stage) -> anyhow::Result<()> {
    let (_, answer) = stage.enter(stage.connect("a"))?;
    let mut connect = stage.connect("b");
    let mut will = stage.will("will", "x", QoS::AtLeastOnce)?;
    will.retain = true;
    connect.will = Some(will);
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    let (mut peer, with_will) = stage.open(connect)?;
    if answer.properties.retain_available {
        ensure!(!with_will.reason_code.is_error(), "CONNECT was refused: {}", with_will.reason_code);
        drop(peer);
        witness.expect_message(&stage.topic("will"), "x")?;
        let message = stage.subscriber("l", "will", QoS::AtLeastOnce)?.expect_message(&stage.topic("will"), "x")?;
        ensure!(message.retain, "the retained will came without RETAIN");
        stage.join("p")?.publish_acknowledged(&stage.topic("will"), "", QoS::AtLeastOnce, true)
    } else {
        ensure!(with_will.reason_code.is_error(), "a retained will is taken");
        ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
        Ok(())
    }
}
