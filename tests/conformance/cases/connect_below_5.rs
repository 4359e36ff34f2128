//! CONNECT and CONNACK in MQTT 3.1.1 (3.1, 3.2), where MQTT 5.0 has another rule or leaves more open.

use anyhow::{Context, ensure};
use nightjar_mqtt::QoS;
use nightjar_tests::Peer;

use crate::bytes::{RawConnect, packet, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ONLY_311: flags, unknown_level, malformed_gets_no_answer, will_fields_without_flag, no_will,
        password_without_user_name, empty_client_identifier, empty_client_identifier_of_kept_session,
        unusual_client_identifiers, refusal_of_a_known_client;
}

const WILL: u8 = 0b0000_0100;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

/// CONNACK 0x02, without Session Present.
const IDENTIFIER_REJECTED: &[u8] = &[0x20, 2, 0, 2];

fn raw(stage: &Stage) -> RawConnect {
    RawConnect::new(stage.version, &stage.client("a"))
}

/// That the broker closes the connection and says nothing.
fn expect_silent_end(stage: &Stage, opening: &[u8], what: &str) -> anyhow::Result<()> {
    let mut peer = stage.dial()?;
    peer.send_bytes(opening)?;
    let packets = peer.expect_end().with_context(|| format!("{what}: the connection is not closed"))?;
    ensure!(packets.is_empty(), "{what}: the broker answered {packets:?}");
    Ok(())
}

/// That it answers with these bytes and closes the connection.
fn expect_answer_and_end(stage: &Stage, opening: &[u8], expected: &[u8], what: &str) -> anyhow::Result<()> {
    let mut peer = stage.dial()?;
    peer.send_bytes(opening)?;
    let answer = peer.receive_bytes().with_context(|| format!("{what}: there is no CONNACK"))?;
    ensure!(answer == expected, "{what}: {answer:02X?} came instead of {expected:02X?}");
    let packets = peer.expect_end().with_context(|| format!("{what}: the connection is not closed"))?;
    ensure!(packets.is_empty(), "{what}: after CONNACK came {packets:?}");
    Ok(())
}

/// The flags of CONNECT are 0000.
fn flags(stage: &Stage) -> anyhow::Result<()> {
    let good = raw(stage).bytes();
    for flags in 1..16 {
        stage.expect_no_entry(&packet(0x10 | flags, &[&good[2..]]), &format!("flags {flags:04b}"))?;
    }
    Ok(())
}

/// A level that no server speaks is answered with 0x01.
fn unknown_level(stage: &Stage) -> anyhow::Result<()> {
    for level in [0, 2, 6, 0x7F] {
        let connect = RawConnect { level, ..raw(stage) };
        expect_answer_and_end(stage, &connect.bytes(), &[0x20, 2, 0, 1], &format!("level {level}"))?;
    }
    Ok(())
}

/// A CONNECT that is not of its form is not answered: none of the return codes says so.
fn malformed_gets_no_answer(stage: &Stage) -> anyhow::Result<()> {
    let good = raw(stage).bytes();
    let will = [&string(stage.topic("will"))[..], &string("x")].concat();
    let no_identifier = RawConnect { payload: Vec::new(), ..raw(stage) };
    let ill_formed_identifier = RawConnect { payload: string(b"a\xFF"), ..raw(stage) };
    for (what, bytes) in [
        ("flags of the fixed header", packet(0x11, &[&good[2..]])),
        ("the reserved flag", raw(stage).with(1, &[]).bytes()),
        ("Will QoS 3", raw(stage).with(WILL | 3 << 3, &[&will]).bytes()),
        ("Will QoS without a Will", raw(stage).with(1 << 3, &[]).bytes()),
        ("Will Retain without a Will", raw(stage).with(WILL_RETAIN, &[]).bytes()),
        ("the Will Flag without a Will", raw(stage).with(WILL, &[]).bytes()),
        ("the User Name Flag without a User Name", raw(stage).with(USER_NAME, &[]).bytes()),
        ("the Password Flag alone", raw(stage).with(PASSWORD, &[&string("x")]).bytes()),
        ("a byte too much", raw(stage).with(0, &[b"x"]).bytes()),
        ("no Client Identifier", no_identifier.bytes()),
        ("a Client Identifier that is not UTF-8", ill_formed_identifier.bytes()),
    ] {
        expect_silent_end(stage, &bytes, what)?;
    }
    Ok(())
}

/// Topic and message of a Will that no flag announces.
fn will_fields_without_flag(stage: &Stage) -> anyhow::Result<()> {
    let fields = [&string(stage.topic("will"))[..], &string("payload")];
    stage.expect_no_entry(&raw(stage).with(0, &fields).bytes(), "a Will without its flag")
}

/// A connection without a Will leaves none, also not that of the connection before.
fn no_will(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let mut connect = stage.connect("a");
    connect.will = Some(stage.will("will", "of the first", QoS::AtLeastOnce)?);
    stage.enter(connect)?.0.leave()?;
    let (mut peer, _) = stage.enter(stage.connect("a"))?;
    peer.send_bytes(&[0x00, 0x00])?;
    stage.expect_refusal(peer, "packet type 0")?;
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// The Password Flag without the User Name Flag.
fn password_without_user_name(stage: &Stage) -> anyhow::Result<()> {
    stage.expect_no_entry(&raw(stage).with(PASSWORD, &[&string("password")]).bytes(), "a password without a name")?;
    // Nor with the field that the name would be.
    let fields = [&string("name")[..], &string("password")];
    stage.expect_no_entry(&raw(stage).with(PASSWORD, &fields).bytes(), "a name without its flag")
}

/// The answer to a CONNECT with an empty Client Identifier; `None` where the server rejects it, as it may.
fn enter_unnamed(stage: &Stage) -> anyhow::Result<Option<Peer>> {
    let mut peer = stage.dial()?;
    peer.send_bytes(&RawConnect::new(stage.version, "").bytes())?;
    let answer = peer.receive_bytes()?;
    if answer == IDENTIFIER_REJECTED {
        ensure!(peer.expect_end()?.is_empty(), "something came after the refusal");
        return Ok(None);
    }
    ensure!(answer == [0x20, 2, 0, 0][..], "answered with {answer:02X?}");
    Ok(Some(peer))
}

/// Clients without an identifier are as many clients, none of which takes another's place.
fn empty_client_identifier(stage: &Stage) -> anyhow::Result<()> {
    let mut peers = Vec::new();
    for number in 0..3 {
        let Some(mut peer) = enter_unnamed(stage)? else {
            return Err(Skip("it does not take empty Client Identifiers").into());
        };
        peer.subscribe(&stage.topic(&number.to_string()), QoS::AtLeastOnce)?;
        peers.push(peer);
    }
    let mut publisher = stage.join("p")?;
    for (number, peer) in peers.iter_mut().enumerate() {
        let topic = stage.topic(&number.to_string());
        publisher.publish_acknowledged(&topic, "x", QoS::AtLeastOnce, false)?;
        peer.expect_message(&topic, "x")?;
        peer.ping()?;
    }
    Ok(())
}

/// A session that is to be kept needs a name.
fn empty_client_identifier_of_kept_session(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = RawConnect::new(stage.version, "");
    connect.flags = 0;
    expect_answer_and_end(stage, &connect.bytes(), IDENTIFIER_REJECTED, "an empty identifier and Clean Session 0")
}

/// Identifiers that a server need not take are taken, or answered with 0x02.
fn unusual_client_identifiers(stage: &Stage) -> anyhow::Result<()> {
    let longer = format!("{:x<24}", stage.name);
    let longest = format!("{:x<65535}", stage.name);
    for (what, identifier) in [
        ("24 letters", longer.as_str()),
        ("65,535 letters", &longest),
        ("a space", &format!("{} ", stage.name)),
        ("wildcards", &format!("{}/+/#", stage.name)),
        ("a $", &format!("$SYS/{}", stage.name)),
        ("letters that are not ASCII", &format!("{}ü\u{1F989}", stage.name)),
        ("control characters", &format!("{}\u{1}\u{7F}", stage.name)),
    ] {
        let mut peer = stage.dial()?;
        peer.send_bytes(&RawConnect::new(stage.version, identifier).bytes())?;
        // Control characters need not be taken at all [1.5.3].
        let Some(answer) = peer.receive_bytes_until_end()? else {
            ensure!(what == "control characters", "{what}: there is no CONNACK");
            continue;
        };
        if answer == IDENTIFIER_REJECTED {
            ensure!(peer.expect_end()?.is_empty(), "{what}: something came after the refusal");
        } else {
            ensure!(answer == [0x20, 2, 0, 0][..], "{what}: answered with {answer:02X?}");
            peer.ping()?;
        }
    }
    Ok(())
}

/// A refusal does not tell of the session that there is.
fn refusal_of_a_known_client(stage: &Stage) -> anyhow::Result<()> {
    stage.resume("a", false)?.leave()?;
    let connect = RawConnect { level: 0x7F, flags: 0, ..raw(stage) };
    expect_answer_and_end(stage, &connect.bytes(), &[0x20, 2, 0, 1], "level 127")?;
    // And leaves it as it is.
    stage.resume("a", true)?.leave()?;
    stage.join("a")?.leave()
}
