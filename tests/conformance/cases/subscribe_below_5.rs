//! SUBSCRIBE and SUBACK in MQTT 3.1.1 (3.8, 3.9), where MQTT 5.0 has more: a code for each reason, shared subscriptions.

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};

use crate::bytes::{packet, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_311: every_filter_is_answered, share_is_a_level, share_without_a_group;
}

/// Whatever the filter, there is a SUBACK with a code: the granted QoS, or 0x80 where the server does not want it.
fn every_filter_is_answered(stage: &Stage) -> anyhow::Result<()> {
    let deep = "/".repeat(300);
    let longest = format!("{:x<65535}", stage.topic(""));
    let deepest = "/".repeat(65_535);
    for (what, filter) in [
        ("$SYS/#", "$SYS/#"),
        ("a topic with $", "$unknown/topic"),
        ("$", "$"),
        ("300 levels", &deep),
        ("65,535 bytes", &longest),
        ("65,536 levels", &deepest),
    ] {
        for qos in 0..=2 {
            let mut peer = stage.join("a")?;
            peer.send_bytes(&packet(0x82, &[&[0, 7], &string(filter), &[qos]]))?;
            loop {
                match peer.receive_until_end()? {
                    // Of what is retained below $SYS.
                    Some(Packet::Publish(_)) => {}
                    Some(Packet::SubAck(answer)) => {
                        ensure!(answer.packet_identifier.value() == 7, "{what}: SUBACK of another identifier");
                        // The decoder takes none but 0, 1, 2 and 0x80.
                        let [code] = answer.reason_codes[..] else { bail!("{what}: {:?}", answer.reason_codes) };
                        ensure!(code.0 <= qos || code.0 == 0x80, "{what}: QoS {qos} is answered with {code}");
                        break;
                    }
                    other => bail!("{what}: there is no SUBACK, but {other:?}"),
                }
            }
        }
    }
    Ok(())
}

/// MQTT 3.1.1 knows no shared subscriptions: `$share/group/topic` matches that topic, and not `topic`.
fn share_is_a_level(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "marker", QoS::AtLeastOnce)?;
    let filter = string(format!("$share/group/{}", stage.topic("t")));
    subscriber.send_bytes(&packet(0x82, &[&[1, 0], &filter, &[1]]))?;
    ensure!(matches!(subscriber.receive()?, Packet::SubAck(_)), "not a SUBACK");
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "for who subscribed to it", QoS::AtLeastOnce, false)?;
    subscriber.expect_only(&mut publisher, &stage.topic("marker"))
}

/// So there is nothing wrong with such a filter where no group is named, either.
fn share_without_a_group(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    for filter in ["$share", "$share/", "$share//t", "$share/group", "$share/group/", "$share/+/t", "$share/#"] {
        peer.send_bytes(&packet(0x82, &[&[1, 0], &string(filter), &[1]]))?;
        match peer.receive_until_end()? {
            Some(Packet::SubAck(_)) => {}
            other => bail!("{filter}: {other:?}"),
        }
    }
    Ok(())
}
