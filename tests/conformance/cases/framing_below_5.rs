//! The form of packets below MQTT 5.0: shorter, as there are neither properties nor Reason Codes.

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};

use crate::bytes::{RawConnect, packet, string};
use crate::case::cases;
use crate::stage::Stage;

cases! {
    BELOW_5: answers_have_their_form, qos_0_has_no_identifier;
    ONLY_311: length_of_more_bytes_than_needed;
}

/// CONNACK, SUBACK, PUBACK, PUBREC, PUBCOMP, PINGRESP and UNSUBACK, to the byte.
fn answers_have_their_form(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.dial()?;
    let topic = string(stage.topic("t"));
    let other = string(stage.topic("other"));
    for (what, sent, expected) in [
        ("CONNECT", RawConnect::new(stage.version, &stage.client("a")).bytes(), &[0x20, 2, 0, 0][..]),
        ("SUBSCRIBE", packet(0x82, &[&[0x12, 0x34], &other, &[0], &other, &[1]]), &[0x90, 4, 0x12, 0x34, 0, 1]),
        ("PUBLISH at QoS 1", packet(0x32, &[&topic, &[0, 2], b"x"]), &[0x40, 2, 0, 2]),
        ("PUBLISH at QoS 2", packet(0x34, &[&topic, &[0, 3], b"x"]), &[0x50, 2, 0, 3]),
        ("PUBREL", packet(0x62, &[&[0, 3]]), &[0x70, 2, 0, 3]),
        ("PINGREQ", packet(0xC0, &[]), &[0xD0, 0]),
        ("UNSUBSCRIBE", packet(0xA2, &[&[0xFF, 0xFF], &other]), &[0xB0, 2, 0xFF, 0xFF]),
    ] {
        peer.send_bytes(&sent)?;
        let answer = peer.receive_bytes()?;
        ensure!(answer == expected, "{what} is answered with {answer:02X?} instead of {expected:02X?}");
    }
    Ok(())
}

/// After the topic of a QoS 0 message comes its payload.
fn qos_0_has_no_identifier(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::ExactlyOnce)?;
    let topic = stage.topic("t");
    let mut publisher = stage.join("p")?;
    let expected = packet(0x30, &[&string(&topic), b"payload"]);
    publisher.publish(&topic, "payload", QoS::AtMostOnce, false)?;
    let bytes = subscriber.receive_bytes()?;
    ensure!(bytes == expected, "{bytes:02X?} came instead of {expected:02X?}");
    // Nor does one that was published at QoS 1, where QoS 0 was granted.
    let mut subscriber = stage.subscriber("s", "t", QoS::AtMostOnce)?;
    publisher.publish_acknowledged(&topic, "payload", QoS::AtLeastOnce, false)?;
    let bytes = subscriber.receive_bytes()?;
    ensure!(bytes == expected, "{bytes:02X?} came instead of {expected:02X?}");
    Ok(())
}

/// MQTT 3.1.1 does not say whether a length may have more bytes than it needs: it is read as what it says, or ends the
/// connection, and is in no case read as something else.
fn length_of_more_bytes_than_needed(stage: &Stage) -> anyhow::Result<()> {
    for bytes in [&[0xC0, 0x80, 0x00][..], &[0xC0, 0x80, 0x80, 0x00], &[0xC0, 0x80, 0x80, 0x80, 0x00]] {
        let mut peer = stage.join("a")?;
        peer.send_bytes(bytes)?;
        match peer.receive_until_end()? {
            None => {}
            Some(Packet::PingResp) => peer.ping()?,
            other => bail!("{bytes:02X?}: {other:?}"),
        }
    }
    Ok(())
}
