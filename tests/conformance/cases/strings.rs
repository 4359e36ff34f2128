//! UTF-8 Encoded Strings (MQTT 5.0, 1.5.4; 3.1.1, 1.5.3), in every field that is one.

use anyhow::ensure;
use nightjar_mqtt::QoS;

use crate::bytes::{RawConnect, packet, properties, string, variable_byte_integer};
use crate::case::cases;
use crate::stage::{Conversation, Stage};

cases! {
    BOTH: ill_formed_client_identifier, ill_formed_will_topic, ill_formed_user_name, ill_formed_topic_name,
        ill_formed_filter, ill_formed_filter_of_unsubscribe, null_character, byte_order_mark;
    ONLY_5: ill_formed_user_property, ill_formed_response_topic, ill_formed_content_type, ill_formed_authentication_method,
        ill_formed_reason_string;
}

/// A byte that begins nothing, half a character, an overlong form, both surrogates, one above the last character.
const ILL_FORMED: [&[u8]; 6] =
    [b"a\xFF", b"a\xC3", b"a\xC0\x80", b"a\xED\xA0\x80", b"a\xED\xBF\xBF", b"a\xF4\x90\x80\x80"];

/// Holds each ill-formed string in a CONNECT against the broker.
fn refused_in_connect(stage: &Stage, connect: impl Fn(&[u8]) -> RawConnect) -> anyhow::Result<()> {
    stage.join("b")?;
    for text in ILL_FORMED {
        stage.expect_no_entry(&connect(text).bytes(), &format!("{text:02X?}"))?;
    }
    Ok(())
}

/// The same in a packet after it.
fn refused(stage: &Stage, packet: impl Fn(&[u8]) -> Vec<u8>) -> anyhow::Result<()> {
    for text in ILL_FORMED {
        stage.expect_refused_bytes("a", &packet(text), &format!("{text:02X?}"))?;
    }
    Ok(())
}

/// A PUBLISH with properties.
fn publish(stage: &Stage, content: &[u8]) -> Vec<u8> {
    packet(0x30, &[&string(stage.topic("t")), &properties(stage.version, content), b"x"])
}

fn ill_formed_client_identifier(stage: &Stage) -> anyhow::Result<()> {
    refused_in_connect(stage, |text| {
        let mut connect = RawConnect::new(stage.version, "");
        connect.payload = string(text);
        connect
    })
}

fn ill_formed_will_topic(stage: &Stage) -> anyhow::Result<()> {
    refused_in_connect(stage, |text| {
        let fields = [&properties(stage.version, &[])[..], &string(text), &string("payload")];
        RawConnect::new(stage.version, &stage.client("a")).with(0b0000_0100, &fields)
    })
}

fn ill_formed_user_name(stage: &Stage) -> anyhow::Result<()> {
    refused_in_connect(stage, |text| {
        RawConnect::new(stage.version, &stage.client("a")).with(0b1000_0000, &[&string(text)])
    })
}

fn ill_formed_authentication_method(stage: &Stage) -> anyhow::Result<()> {
    refused_in_connect(stage, |text| {
        let mut connect = RawConnect::new(stage.version, &stage.client("a"));
        connect.properties = [&[0x15], &string(text)[..]].concat();
        connect
    })
}

fn ill_formed_topic_name(stage: &Stage) -> anyhow::Result<()> {
    refused(stage, |text| packet(0x30, &[&string(text), &properties(stage.version, &[]), b"x"]))
}

fn ill_formed_filter(stage: &Stage) -> anyhow::Result<()> {
    refused(stage, |text| packet(0x82, &[&[0, 1], &properties(stage.version, &[]), &string(text), &[0]]))
}

fn ill_formed_filter_of_unsubscribe(stage: &Stage) -> anyhow::Result<()> {
    refused(stage, |text| packet(0xA2, &[&[0, 1], &properties(stage.version, &[]), &string(text)]))
}

/// Both strings of a pair are strings.
fn ill_formed_user_property(stage: &Stage) -> anyhow::Result<()> {
    refused(stage, |text| publish(stage, &[&[0x26], &string(text)[..], &string("value")].concat()))?;
    refused(stage, |text| publish(stage, &[&[0x26], &string("name")[..], &string(text)].concat()))
}

fn ill_formed_response_topic(stage: &Stage) -> anyhow::Result<()> {
    refused(stage, |text| publish(stage, &[&[0x08], &string(text)[..]].concat()))
}

fn ill_formed_content_type(stage: &Stage) -> anyhow::Result<()> {
    refused(stage, |text| publish(stage, &[&[0x03], &string(text)[..]].concat()))
}

fn ill_formed_reason_string(stage: &Stage) -> anyhow::Result<()> {
    refused(stage, |text| {
        let property = [&[0x1F], &string(text)[..]].concat();
        packet(0xE0, &[&[0], &variable_byte_integer(property.len()), &property])
    })
}

/// U+0000 in a string, wherever it comes.
fn null_character(stage: &Stage) -> anyhow::Result<()> {
    let version = stage.version;
    let no_properties = properties(version, &[]);
    let text = string("a\0b");
    let mut identifier = RawConnect::new(version, "");
    identifier.payload = text.clone();
    let connect = || RawConnect::new(version, &stage.client("a"));
    for (what, connect) in [
        ("Client Identifier", identifier),
        ("Will Topic", connect().with(0b0000_0100, &[&no_properties, &text, &string("payload")])),
        ("User Name", connect().with(0b1000_0000, &[&text])),
    ] {
        stage.expect_no_entry(&connect.bytes(), what)?;
    }
    for (what, bytes) in [
        ("Topic Name", packet(0x30, &[&text, &no_properties, b"x"])),
        ("Topic Filter in SUBSCRIBE", packet(0x82, &[&[0, 1], &no_properties, &text, &[0]])),
        ("Topic Filter in UNSUBSCRIBE", packet(0xA2, &[&[0, 1], &no_properties, &text])),
    ] {
        stage.expect_refused_bytes("a", &bytes, what)?;
    }
    if stage.is_v5() {
        for (what, property) in [
            ("Content Type", [&[0x03], &text[..]].concat()),
            ("Response Topic", [&[0x08], &text[..]].concat()),
            ("the name of a User Property", [&[0x26], &text[..], &string("value")].concat()),
            ("the value of a User Property", [&[0x26], &string("name")[..], &text].concat()),
        ] {
            stage.expect_refused_bytes("a", &publish(stage, &property), what)?;
        }
    }
    Ok(())
}

/// U+FEFF is a character as any other, at the start of a string too: it is neither dropped nor skipped.
fn byte_order_mark(stage: &Stage) -> anyhow::Result<()> {
    let marked = format!("\u{FEFF}{}", stage.topic("a\u{FEFF}b"));
    let plain = stage.topic("ab");
    let mut subscriber = stage.join("s")?;
    subscriber.subscribe(&marked, QoS::AtMostOnce)?;
    subscriber.subscribe(&plain, QoS::AtMostOnce)?;
    let mut publisher = stage.join("p")?;
    publisher.publish(&stage.topic("a\u{FEFF}b"), "without the first mark", QoS::AtMostOnce, false)?;
    publisher.publish(&marked, "with both marks", QoS::AtMostOnce, false)?;
    let message = subscriber.expect_message(&marked, "with both marks")?;
    ensure!(message.topic.as_deref().is_some_and(|topic| topic.as_bytes().starts_with(b"\xEF\xBB\xBF")));
    publisher.publish(&plain, "without marks", QoS::AtMostOnce, false)?;
    subscriber.expect_message(&plain, "without marks").map(drop)
}
