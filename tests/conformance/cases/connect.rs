//! CONNECT (3.1), and who is turned away.

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{Packet, ProtocolVersion, QoS, ReasonCode};

use crate::bytes::{RawConnect, packet, properties, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ALL: first_packet, takeover;
    BOTH: second_connect, protocol_name, protocol_level, reserved_flag, malformed, will_without_fields,
        will_qos_without_will, will_qos_3, will_retain_without_will, user_name_without_flag, user_name_missing,
        password_without_flag, password_missing, fields_in_order, no_client_identifier, plain_client_identifiers,
        long_client_identifier, nothing_after_a_refusal;
    ONLY_5: properties_out_of_range, assigned_identifier;
}

const WILL: u8 = 0b0000_0100;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

fn raw(stage: &Stage) -> RawConnect {
    RawConnect::new(stage.version, &stage.client("a"))
}

/// Whatever comes before CONNECT ends the connection, and is not answered with DISCONNECT.
fn first_packet(stage: &Stage) -> anyhow::Result<()> {
    let no_properties = properties(stage.version, &[]);
    let topic = string(stage.topic("t"));
    for (what, bytes) in [
        ("PUBLISH", packet(0x30, &[&topic, &no_properties, b"x"])),
        ("PUBREL", packet(0x62, &[&[0, 1]])),
        ("SUBSCRIBE", packet(0x82, &[&[0, 1], &no_properties, &topic, &[0]])),
        ("PINGREQ", packet(0xC0, &[])),
        ("DISCONNECT", packet(0xE0, &[])),
        ("AUTH", packet(0xF0, &[])),
    ] {
        stage.expect_no_entry(&bytes, what)?;
    }
    Ok(())
}

/// A second CONNECT ends the connection, and gets no second CONNACK.
fn second_connect(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_refused_bytes("a", &raw(stage).bytes(), "a second CONNECT")?;
    // Another client's name makes it no better.
    let other = RawConnect::new(stage.version, &stage.client("b"));
    stage.expect_refused_bytes("a", &other.bytes(), "a second CONNECT")
}

/// That a CONNECT ends its connection, answered at most with a CONNACK that refuses, in the form of whatever version.
fn turned_away(stage: &Stage, connect: &RawConnect, what: &str) -> anyhow::Result<()> {
    let mut peer = stage.dial()?;
    peer.send_bytes(&connect.bytes())?;
    if let Some(answer) = peer.receive_bytes_until_end()? {
        let [0x20, _, 0, code, ..] = answer[..] else { bail!("{what}: answered with {answer:02X?}") };
        ensure!(code != 0, "{what}: it is let in");
        ensure!(peer.receive_bytes_until_end()?.is_none(), "{what}: the connection is not closed");
    }
    Ok(())
}

/// A protocol that is not called MQTT.
fn protocol_name(stage: &Stage) -> anyhow::Result<()> {
    for name in ["MQTQ", "mqtt", "MQT", "MQTTT", "", "HTTP"] {
        let connect = RawConnect { name: string(name), ..raw(stage) };
        turned_away(stage, &connect, &format!("protocol {name:?}"))?;
    }
    Ok(())
}

/// A version that there is not.
fn protocol_level(stage: &Stage) -> anyhow::Result<()> {
    for level in [0, 1, 2, 6, 0x7F] {
        turned_away(stage, &RawConnect { level, ..raw(stage) }, &format!("level {level}"))?;
    }
    Ok(())
}

/// The lowest connect flag is 0.
fn reserved_flag(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_no_entry(&raw(stage).with(1, &[]).bytes(), "the reserved flag")
}

/// CONNECTs that end too early, too late, or have other flags in their first byte.
fn malformed(stage: &Stage) -> anyhow::Result<()> {
    let good = raw(stage).bytes();
    // Without its last bytes, with a length that says so: every prefix of the body.
    for length in 0..good.len() - 2 {
        stage.expect_no_entry(&packet(0x10, &[&good[2..2 + length]]), &format!("the first {length} bytes"))?;
    }
    stage.expect_no_entry(&raw(stage).with(0, &[b"x"]).bytes(), "a byte too much")?;
    for flags in 1..16 {
        stage.expect_no_entry(&packet(0x10 | flags, &[&good[2..]]), &format!("flags {flags:04b}"))?;
    }
    Ok(())
}

/// The Will Flag without what it promises.
fn will_without_fields(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_no_entry(&raw(stage).with(WILL, &[]).bytes(), "no will at all")?;
    let fields = [&properties(stage.version, &[])[..], &string(stage.topic("will"))];
    stage.expect_no_entry(&raw(stage).with(WILL, &fields).bytes(), "no will payload")?;
    if stage.is_v5() {
        stage.expect_no_entry(&raw(stage).with(WILL, &[&[0]]).bytes(), "no will topic")?;
    }
    Ok(())
}

fn will_qos_without_will(stage: &Stage) -> anyhow::Result<()> {
    for qos in 1..=3 {
        stage.expect_no_entry(&raw(stage).with(qos << 3, &[]).bytes(), &format!("Will QoS {qos}"))?;
    }
    Ok(())
}

fn will_retain_without_will(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_no_entry(&raw(stage).with(WILL_RETAIN, &[]).bytes(), "Will Retain")
}

fn will_qos_3(stage: &Stage) -> anyhow::Result<()> {
    let fields = [&properties(stage.version, &[])[..], &string(stage.topic("will")), &string("x")];
    stage.expect_no_entry(&raw(stage).with(WILL | 3 << 3, &fields).bytes(), "Will QoS 3")
}

/// A User Name that no flag announces.
fn user_name_without_flag(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_no_entry(&raw(stage).with(0, &[&string("user")]).bytes(), "a name without its flag")
}

fn user_name_missing(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_no_entry(&raw(stage).with(USER_NAME, &[]).bytes(), "no name")?;
    stage.expect_no_entry(&raw(stage).with(USER_NAME, &[&[0, 9], b"user"]).bytes(), "half a name")
}

/// A Password that no flag announces.
fn password_without_flag(stage: &Stage) -> anyhow::Result<()> {
    let fields = [&string("user")[..], &string("password")];
    stage.expect_no_entry(&raw(stage).with(USER_NAME, &fields).bytes(), "a password without its flag")
}

fn password_missing(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_no_entry(&raw(stage).with(USER_NAME | PASSWORD, &[&string("user")]).bytes(), "no password")
}

/// Client Identifier, Will Topic, Will Payload, User Name and Password are read in this order.
fn fields_in_order(stage: &Stage) -> anyhow::Result<()> {
    let topic = stage.topic("will");
    let mut witness = stage.subscriber("w", "will", QoS::AtMostOnce)?;
    let no_properties = properties(stage.version, &[]);
    let fields = [&no_properties[..], &string(&topic), &string("payload"), &string("name"), &string("password")];
    let mut peer = stage.dial()?;
    peer.send_bytes(&raw(stage).with(WILL | USER_NAME | PASSWORD, &fields).bytes())?;
    match peer.receive()? {
        Packet::ConnAck(answer) if !answer.reason_code.is_error() => {}
        Packet::ConnAck(answer)
            if [ReasonCode::BAD_USER_NAME_OR_PASSWORD, ReasonCode::NOT_AUTHORIZED].contains(&answer.reason_code) =>
        {
            return Err(Skip("it lets no unknown users in").into());
        }
        other => bail!("{other:?}"),
    }
    // The client's name is the first field: a second connection under it ends this one, and brings the will about.
    let second = stage.join("a")?;
    witness.expect_message(&topic, "payload")?;
    peer.expect_end()?;
    second.leave()
}

fn no_client_identifier(stage: &Stage) -> anyhow::Result<()> {
    let connect = RawConnect { payload: Vec::new(), ..raw(stage) };
    stage.expect_no_entry(&connect.bytes(), "no Client Identifier")
}

/// Every server takes identifiers of 1 to 23 letters and digits.
fn plain_client_identifiers(stage: &Stage) -> anyhow::Result<()> {
    for identifier in [
        "0123456789abcdefghijklm",
        "nopqrstuvwxyzABCDEFGHIJ",
        "KLMNOPQRSTUVWXYZ",
        if stage.is_v5() { "5" } else { "4" },
    ] {
        let mut connect = stage.connect("");
        connect.client_identifier = identifier.into();
        stage.enter(connect).with_context(|| identifier.to_owned())?;
    }
    Ok(())
}

/// An identifier that a server need not take is taken, or refused and the connection closed.
fn long_client_identifier(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect("");
    connect.client_identifier = format!("{:x<65535}", stage.client("")).into();
    let (mut peer, answer) = stage.open(connect)?;
    if answer.reason_code.is_error() {
        ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
        Ok(())
    } else {
        peer.ping()
    }
}

/// Who comes without an identifier gets one that nobody else has; with it the session can be found again.
fn assigned_identifier(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect("");
    connect.client_identifier = "".into();
    connect.properties.session_expiry_interval = Some(300);
    let mut identifiers = Vec::new();
    for _ in 0..3 {
        let (mut peer, answer) = stage.open(connect.clone())?;
        if answer.reason_code.is_error() {
            ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
            return Err(Skip("it does not take empty Client Identifiers").into());
        }
        let identifier = answer.properties.assigned_client_identifier.context("no identifier was assigned")?;
        ensure!(!identifier.is_empty(), "the assigned identifier is empty");
        ensure!(!identifiers.contains(&identifier), "{identifier} is assigned twice");
        peer.ping()?;
        peer.leave()?;
        identifiers.push(identifier);
    }
    for identifier in identifiers {
        let mut connect = stage.connect("");
        connect.clean_start = false;
        connect.client_identifier = identifier;
        let (_, answer) = stage.enter(connect)?;
        ensure!(answer.session_present, "the session is not found under the assigned identifier");
    }
    Ok(())
}

/// Properties of CONNECT that are wrong, or wrong together.
fn properties_out_of_range(stage: &Stage) -> anyhow::Result<()> {
    for (what, bytes) in [
        ("Receive Maximum 0", &[0x21, 0, 0][..]),
        ("Maximum Packet Size 0", &[0x27, 0, 0, 0, 0]),
        ("Request Response Information 2", &[0x19, 2]),
        ("Request Problem Information 2", &[0x17, 2]),
        ("Session Expiry Interval twice", &[0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1]),
        ("Receive Maximum twice", &[0x21, 0, 1, 0x21, 0, 1]),
        ("Maximum Packet Size twice", &[0x27, 0, 0, 9, 9, 0x27, 0, 0, 9, 9]),
        ("Topic Alias Maximum twice", &[0x22, 0, 1, 0x22, 0, 1]),
        ("Request Problem Information twice", &[0x17, 1, 0x17, 1]),
        ("Authentication Data without a method", &[0x16, 0, 1, b'x']),
        ("Topic Alias, which is PUBLISH's", &[0x23, 0, 1]),
        ("Server Keep Alive, which is CONNACK's", &[0x13, 0, 1]),
        ("a property that there is not", &[0x7F, 0]),
    ] {
        let connect = RawConnect { properties: bytes.to_vec(), ..raw(stage) };
        stage.expect_no_entry(&connect.bytes(), what)?;
    }
    for (what, bytes) in [
        ("Will Delay Interval twice", &[10, 0x18, 0, 0, 0, 1, 0x18, 0, 0, 0, 1][..]),
        ("Receive Maximum, which is CONNECT's own", &[3, 0x21, 0, 1]),
    ] {
        let fields = [bytes, &string(stage.topic("will")), &string("x")];
        stage.expect_no_entry(&raw(stage).with(WILL, &fields).bytes(), what)?;
    }
    Ok(())
}

/// A second connection under the same identifier ends the first, which in MQTT 5.0 is told so: the numbered statement
/// itself says that DISCONNECT is sent. Its session goes on, or
/// ends with Clean Start.
fn takeover(stage: &Stage) -> anyhow::Result<()> {
    let mut first = stage.resume("a", false)?;
    first.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    let mut second = stage.resume("a", true)?;
    taken_over(stage, first.expect_end()?)?;
    stage.join("p")?.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, false)?;
    second.expect_message(&stage.topic("t"), "x")?;

    let (mut third, answer) = stage.enter(stage.connect("a"))?;
    ensure!(!answer.session_present, "Session Present after Clean Start");
    taken_over(stage, second.expect_end()?)?;
    let mut publisher = stage.join("p")?;
    third.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    publisher.publish_acknowledged(&stage.topic("t"), "nobody subscribed to this", QoS::AtLeastOnce, false)?;
    third.expect_only(&mut publisher, &stage.topic("marker"))
}

fn taken_over(stage: &Stage, last_words: Vec<Packet>) -> anyhow::Result<()> {
    match &last_words[..] {
        [] if stage.version != ProtocolVersion::V5 => Ok(()),
        [Packet::Disconnect(disconnect)] if disconnect.reason_code == ReasonCode::SESSION_TAKEN_OVER => Ok(()),
        other => bail!("the first connection ended with {other:?}"),
    }
}

/// What a client sends after a CONNECT that is refused is not carried out.
fn nothing_after_a_refusal(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let refused = if stage.is_v5() {
        RawConnect { properties: [&[0x15], &string("no such method")[..]].concat(), ..raw(stage) }
    } else {
        // An empty identifier without Clean Session.
        RawConnect { flags: 0, payload: string(""), ..raw(stage) }
    };
    let publish = packet(0x30, &[&string(stage.topic("t")), &properties(stage.version, &[]), b"x"]);
    stage.expect_no_entry(&[refused.bytes(), publish].concat(), "a refused CONNECT")?;
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}
