//! The order of messages (4.6).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, QoS, ReasonCode};
use nightjar_tests::Peer;

use crate::case::cases;
use crate::stage::Stage;

cases! {
    ALL: live, queued;
}

/// Fewer at once than any server is known to take.
const AT_ONCE: usize = 8;
const BATCHES: usize = 10;

/// Publishes batches of messages of one QoS without waiting for each.
fn publish(stage: &Stage, peer: &mut Peer, qos: QoS) -> anyhow::Result<()> {
    for batch in 0..BATCHES {
        let mut identifiers = Vec::new();
        for number in 0..AT_ONCE {
            let payload = (batch * AT_ONCE + number).to_string();
            identifiers.extend(peer.publish(&stage.topic("t"), payload, qos, false)?);
        }
        let mut answers = identifiers.len() * usize::from(qos.level());
        while answers > 0 {
            match peer.receive()? {
                Packet::PubAck(_) | Packet::PubComp(_) => {}
                Packet::PubRec(answer) => {
                    let release = Acknowledgement::new(answer.packet_identifier, ReasonCode::SUCCESS);
                    peer.send(&Packet::PubRel(release))?;
                }
                other => bail!("{other:?}"),
            }
            answers -= 1;
        }
    }
    Ok(())
}

fn expect_in_order(peer: &mut Peer, qos: QoS) -> anyhow::Result<()> {
    for number in 0..AT_ONCE * BATCHES {
        let message = peer.receive_message()?;
        ensure!(message.qos == qos, "{:?} instead of {qos:?}", message.qos);
        ensure!(message.payload == number.to_string(), "{:?} came instead of {number}", message.payload);
    }
    Ok(())
}

/// Messages of one client, topic and QoS come in their order.
fn live(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "+", QoS::ExactlyOnce)?;
    let mut publisher = stage.join("p")?;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publish(stage, &mut publisher, qos)?;
        expect_in_order(&mut subscriber, qos)?;
    }
    Ok(())
}

/// And so they do where they had to wait for the client.
fn queued(stage: &Stage) -> anyhow::Result<()> {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut away = stage.resume("s", qos == QoS::ExactlyOnce)?;
        away.subscribe(&stage.topic("t"), QoS::ExactlyOnce)?;
        away.leave()?;
        publish(stage, &mut stage.join("p")?, qos)?;
        let mut back = stage.resume("s", true)?;
        expect_in_order(&mut back, qos)?;
        // The last flow ends before the connection does.
        if qos == QoS::ExactlyOnce {
            ensure!(matches!(back.receive()?, Packet::PubRel(_)), "not the PUBREL");
        }
        back.leave()?;
    }
    Ok(())
}
