//! The form that all packets share (1.5, 2.1, 2.2), and what becomes of packets without it.

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, QoS};

use crate::bytes::{packet, properties, string};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    ALL: length_of_five_bytes, lengths_that_are_sent, packets_in_pieces;
    BOTH: reserved_packet_types, packets_of_servers, fields_beyond_the_end, bytes_after_the_end, flags_of_puback,
        flags_of_pubrec, flags_of_pubrel, flags_of_pubcomp, flags_of_subscribe, flags_of_unsubscribe, flags_of_pingreq,
        flags_of_disconnect, packet_identifier_0, flags_that_are_sent;
    ONLY_5: flags_of_auth, flags_of_disconnect_are_named, properties_that_are_sent, unknown_property,
        property_of_another_packet, property_twice, properties_beyond_the_end, properties_longer_than_the_packet;
}

/// Packet types that the version does not have.
fn reserved_packet_types(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_refused_bytes("a", &[0x00, 0x00], "packet type 0")?;
    if !stage.is_v5() {
        stage.expect_refused_bytes("b", &[0xF0, 0x00], "packet type 15")?;
    }
    Ok(())
}

/// Packet types that go from servers to clients only.
fn packets_of_servers(stage: &Stage) -> anyhow::Result<()> {
    let version = stage.version;
    let suback = packet(0x90, &[&[0, 1], &properties(version, &[]), &[0]]);
    let unsuback = packet(0xB0, &[&[0, 1], &properties(version, &[]), if stage.is_v5() { &[0] } else { &[] }]);
    let connack = packet(0x20, &[&[0, 0], &properties(version, &[])]);
    for (what, bytes) in
        [("CONNACK", connack), ("SUBACK", suback), ("UNSUBACK", unsuback), ("PINGRESP", packet(0xD0, &[]))]
    {
        stage.expect_refused_bytes("a", &bytes, what)?;
    }
    Ok(())
}

/// A Remaining Length that goes on after its fourth byte.
fn length_of_five_bytes(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_refused_bytes("a", &[0x30, 0x80, 0x80, 0x80, 0x80, 0x01], "a length of five bytes")
}

/// Fields that reach beyond the end of their packet.
fn fields_beyond_the_end(stage: &Stage) -> anyhow::Result<()> {
    let no_properties = properties(stage.version, &[]);
    for (what, bytes) in [
        ("a topic that is longer than its PUBLISH", packet(0x30, &[&[0, 9], b"topic"])),
        ("a PUBLISH of QoS 1 without an identifier", packet(0x32, &[&string("t")])),
        ("half of a Packet Identifier", packet(0x40, &[&[1]])),
        ("a filter without options", packet(0x82, &[&[0, 1], &no_properties, &string("t")])),
        ("a filter that is longer than its SUBSCRIBE", packet(0x82, &[&[0, 1], &no_properties, &[0, 9], b"t", &[0]])),
        ("a filter that is longer than its UNSUBSCRIBE", packet(0xA2, &[&[0, 1], &no_properties, &[0, 9], b"t"])),
    ] {
        stage.expect_refused_bytes("a", &bytes, what)?;
    }
    Ok(())
}

/// Bytes that belong to no field.
fn bytes_after_the_end(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_refused_bytes("a", &packet(0xC0, &[b"x"]), "a PINGREQ with a payload")?;
    if !stage.is_v5() {
        // In MQTT 5.0 these could be a Reason Code.
        stage.expect_refused_bytes("b", &packet(0x40, &[&[0, 1], b"x"]), "a PUBACK with a payload")?;
        stage.expect_refused_bytes("c", &packet(0xE0, &[b"x"]), "a DISCONNECT with a payload")?;
    }
    Ok(())
}

/// Every value of the flags but the one that the packet has.
fn wrong_flags(stage: &Stage, first_byte: u8, fields: &[&[u8]]) -> anyhow::Result<()> {
    for flags in (0..16).filter(|flags| *flags != first_byte & 0x0F) {
        let bytes = packet(first_byte & 0xF0 | flags, fields);
        stage.expect_refused_bytes("a", &bytes, &format!("flags {flags:04b}"))?;
    }
    Ok(())
}

fn flags_of_puback(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0x40, &[&[0, 1]])
}

fn flags_of_pubrec(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0x50, &[&[0, 1]])
}

/// The flags of PUBREL are 0010.
fn flags_of_pubrel(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0x62, &[&[0, 1]])
}

fn flags_of_pubcomp(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0x70, &[&[0, 1]])
}

/// The flags of SUBSCRIBE are 0010.
fn flags_of_subscribe(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0x82, &[&[0, 1], &properties(stage.version, &[]), &string(stage.topic("t")), &[0]])
}

/// The flags of UNSUBSCRIBE are 0010.
fn flags_of_unsubscribe(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0xA2, &[&[0, 1], &properties(stage.version, &[]), &string(stage.topic("t"))])
}

fn flags_of_pingreq(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0xC0, &[])
}

/// The flags of DISCONNECT are 0000: with others it is no good-bye, and the Will is published.
fn flags_of_disconnect(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    for flags in 1..16 {
        let mut connect = stage.connect("a");
        connect.will = Some(stage.will("will", "not a good-bye", QoS::AtLeastOnce)?);
        let (mut peer, _) = stage.enter(connect)?;
        peer.send_bytes(&[0xE0 | flags, 0])?;
        stage.expect_refusal(peer, &format!("flags {flags:04b}"))?;
        witness.expect_message(&stage.topic("will"), "not a good-bye")?;
    }
    Ok(())
}

/// A DISCONNECT with wrong flags is answered with 0x81, where it is answered: 4.13.1 makes the answer a SHOULD.
fn flags_of_disconnect_are_named(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    peer.send_bytes(&[0xE1, 0])?;
    match &peer.expect_end()?[..] {
        [] => Ok(()),
        [Packet::Disconnect(disconnect)] => {
            ensure!(disconnect.reason_code.0 == 0x81, "DISCONNECT with {}", disconnect.reason_code);
            Ok(())
        }
        other => bail!("not a DISCONNECT with 0x81: {other:?}"),
    }
}

fn flags_of_auth(stage: &Stage) -> anyhow::Result<()> {
    wrong_flags(stage, 0xF0, &[])
}

/// The Packet Identifier of PUBLISH, SUBSCRIBE and UNSUBSCRIBE is not 0.
fn packet_identifier_0(stage: &Stage) -> anyhow::Result<()> {
    let topic = string(stage.topic("t"));
    let no_properties = properties(stage.version, &[]);
    for (what, bytes) in [
        ("PUBLISH at QoS 1", packet(0x32, &[&topic, &[0, 0], &no_properties])),
        ("PUBLISH at QoS 2", packet(0x34, &[&topic, &[0, 0], &no_properties])),
        ("SUBSCRIBE", packet(0x82, &[&[0, 0], &no_properties, &topic, &[0]])),
        ("UNSUBSCRIBE", packet(0xA2, &[&[0, 0], &no_properties, &topic])),
    ] {
        stage.expect_refused_bytes("a", &bytes, what)?;
    }
    Ok(())
}

/// What the broker sends has a Remaining Length of as few bytes as its value needs, on both sides of each limit.
fn lengths_that_are_sent(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::AtMostOnce)?;
    let mut publisher = stage.join("p")?;
    let topic = stage.topic("t");
    let before_payload = 2 + topic.len() + properties(stage.version, &[]).len();
    for (remaining_length, bytes_of_length) in
        [(127, 1), (128, 2), (16_383, 2), (16_384, 3), (2_097_151, 3), (2_097_152, 4)]
    {
        // Whoever takes no packets of 2 MiB does not send them either.
        if remaining_length > 2_000_000 && !takes(stage, remaining_length + 5)? {
            break;
        }
        publisher.publish(&topic, vec![b'x'; remaining_length - before_payload], QoS::AtMostOnce, false)?;
        let bytes = subscriber.receive_bytes()?;
        ensure!(bytes[0] == 0x30, "not a plain PUBLISH: {:02X}", bytes[0]);
        ensure!(
            bytes.len() == 1 + bytes_of_length + remaining_length,
            "a packet of length {remaining_length} has {} bytes",
            bytes.len()
        );
    }
    Ok(())
}

/// Whether the broker takes packets of so many bytes; below MQTT 5.0 it can't say.
fn takes(stage: &Stage, size: usize) -> anyhow::Result<bool> {
    let mut connect = stage.connect("m");
    connect.version = nightjar_mqtt::ProtocolVersion::V5;
    let mut peer = nightjar_tests::Peer::dial(stage.address, connect.version)?;
    peer.send(&Packet::Connect(Box::new(connect)))?;
    match peer.receive()? {
        Packet::ConnAck(answer) => {
            Ok(answer.properties.maximum_packet_size.is_none_or(|maximum| size <= maximum as usize))
        }
        other => bail!("not a CONNACK: {other:?}"),
    }
}

/// What the broker sends has the flags that its packet type has.
fn flags_that_are_sent(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.dial()?;
    peer.send(&Packet::Connect(Box::new(stage.connect("a"))))?;
    let version = stage.version;
    let topic = string(stage.topic("t"));
    let no_properties = properties(version, &[]);
    for (sent, first_byte) in [
        (Vec::new(), 0x20),
        (packet(0x82, &[&[0, 1], &no_properties, &string(stage.topic("other")), &[2]]), 0x90),
        (packet(0x32, &[&topic, &[0, 2], &no_properties, b"x"]), 0x40),
        (packet(0x34, &[&topic, &[0, 3], &no_properties, b"x"]), 0x50),
        (packet(0x62, &[&[0, 3]]), 0x70),
        (packet(0xC0, &[]), 0xD0),
        (packet(0xA2, &[&[0, 4], &no_properties, &string(stage.topic("other"))]), 0xB0),
    ] {
        peer.send_bytes(&sent)?;
        let bytes = peer.receive_bytes()?;
        ensure!(bytes[0] == first_byte, "{:02X} came instead of {first_byte:02X}", bytes[0]);
    }
    Ok(())
}

/// Packets need not come as they were sent: one byte at a time, and several at once.
fn packets_in_pieces(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::AtMostOnce)?;
    let mut peer = stage.join("a")?;
    let topic = stage.topic("t");
    let publish = |payload: &[u8]| packet(0x30, &[&string(&topic), &properties(stage.version, &[]), payload]);
    for byte in publish(b"slow") {
        peer.send_bytes(&[byte])?;
    }
    subscriber.expect_message(&topic, "slow")?;
    peer.send_bytes(&[publish(b"one"), publish(b"two"), packet(0xC0, &[])].concat())?;
    subscriber.expect_message(&topic, "one")?;
    subscriber.expect_message(&topic, "two")?;
    ensure!(matches!(peer.receive()?, Packet::PingResp), "not a PINGRESP");
    Ok(())
}

/// Without properties a packet of the broker's says so, with a length of 0.
fn properties_that_are_sent(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.subscriber("s", "t", QoS::AtLeastOnce)?;
    let topic = stage.topic("t");
    stage.join("p")?.publish_acknowledged(&topic, "payload", QoS::AtLeastOnce, false)?;
    let bytes = subscriber.receive_bytes()?;
    let after_identifier = &bytes[2 + 2 + topic.len() + 2..];
    ensure!(after_identifier == b"\x00payload", "after the Packet Identifier: {after_identifier:?}");
    Ok(())
}

/// A property that no packet has.
fn unknown_property(stage: &Stage) -> anyhow::Result<()> {
    for identifier in [0x00, 0x04, 0x7F] {
        let bytes = packet(0x30, &[&string(stage.topic("t")), &[2, identifier, 0], b"x"]);
        stage.expect_refused_bytes("a", &bytes, &format!("property {identifier:02X}"))?;
    }
    Ok(())
}

/// A property that other packets have.
fn property_of_another_packet(stage: &Stage) -> anyhow::Result<()> {
    let topic = string(stage.topic("t"));
    for (what, bytes) in [
        ("Receive Maximum in PUBLISH", packet(0x30, &[&topic, &[3, 0x21, 0, 1], b"x"])),
        ("Topic Alias in SUBSCRIBE", packet(0x82, &[&[0, 1], &[3, 0x23, 0, 1], &topic, &[0]])),
        ("Subscription Identifier in UNSUBSCRIBE", packet(0xA2, &[&[0, 1], &[2, 0x0B, 1], &topic])),
        ("Content Type in PUBACK", packet(0x40, &[&[0, 1, 0], &[3, 0x03, 0, 0]])),
        ("Will Delay Interval in DISCONNECT", packet(0xE0, &[&[0], &[5, 0x18, 0, 0, 0, 1]])),
    ] {
        stage.expect_refused_bytes("a", &bytes, what)?;
    }
    Ok(())
}

/// A property that may be there once only, twice.
fn property_twice(stage: &Stage) -> anyhow::Result<()> {
    let topic = string(stage.topic("t"));
    for (what, bytes) in [
        ("Payload Format Indicator", packet(0x30, &[&topic, &[4, 0x01, 0, 0x01, 0], b"x"])),
        ("Message Expiry Interval", packet(0x30, &[&topic, &[10, 2, 0, 0, 0, 9, 2, 0, 0, 0, 9], b"x"])),
        ("Content Type", packet(0x30, &[&topic, &[6, 3, 0, 0, 3, 0, 0], b"x"])),
        ("Response Topic", packet(0x30, &[&topic, &[8, 8, 0, 1, b'r', 8, 0, 1, b'r'], b"x"])),
        ("Correlation Data", packet(0x30, &[&topic, &[6, 9, 0, 0, 9, 0, 0], b"x"])),
        ("Topic Alias", packet(0x30, &[&topic, &[6, 0x23, 0, 1, 0x23, 0, 1], b"x"])),
        ("Subscription Identifier", packet(0x82, &[&[0, 1], &[4, 0x0B, 1, 0x0B, 2], &topic, &[0]])),
        ("Session Expiry Interval", packet(0xE0, &[&[0], &[10, 0x11, 0, 0, 0, 0, 0x11, 0, 0, 0, 0]])),
    ] {
        stage.expect_refused_bytes("a", &bytes, what)?;
    }
    Ok(())
}

/// A property that does not fit into the length of the properties.
fn properties_beyond_the_end(stage: &Stage) -> anyhow::Result<()> {
    let bytes = packet(0x30, &[&string(stage.topic("t")), &[3, 0x02, 0, 0, 0, 9], b"x"]);
    stage.expect_refused_bytes("a", &bytes, "half of a Message Expiry Interval")
}

/// Properties that do not fit into their packet.
fn properties_longer_than_the_packet(stage: &Stage) -> anyhow::Result<()> {
    let bytes = packet(0x30, &[&string(stage.topic("t")), &[100, 0x01, 0]]);
    stage.expect_refused_bytes("a", &bytes, "100 bytes of properties that are not there")
}
