//! PUBLISH (3.3): its form, its properties, and who it goes to.

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, PublishProperties, QoS, SubscriptionOptions};

use crate::bytes::{packet, properties as with_length, string};
use crate::case::cases;
use crate::stage::{Conversation, ParseTopic, Stage};

cases! {
    BOTH: qos_3, wildcards_in_topic_name, refused_messages, overlapping;
    ONLY_5: properties, wildcards_in_response_topic, values_out_of_range, subscription_identifiers,
        subscription_identifier_of_retained,
        subscription_identifier_of_client;
}

/// A PUBLISH with both QoS bits.
fn qos_3(stage: &Stage) -> anyhow::Result<()> {
    for flags in [0x36, 0x37, 0x3E, 0x3F] {
        let fields = [&string(stage.topic("t"))[..], &[0, 1], &with_length(stage.version, &[]), b"x"];
        stage.expect_refused_bytes("a", &packet(flags, &fields), "QoS 3")?;
    }
    Ok(())
}

/// A message that is not to be taken: the connection ends, or in MQTT 5.0 its acknowledgement is an error.
fn expect_not_taken(stage: &Stage, publish: &[u8], what: &str) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    peer.send_bytes(publish)?;
    match peer.receive_until_end()? {
        None => Ok(()),
        Some(Packet::Disconnect(answer)) if answer.reason_code.is_error() => {
            ensure!(peer.receive_until_end()?.is_none(), "{what}: something came after DISCONNECT");
            Ok(())
        }
        Some(Packet::PubAck(answer)) if answer.reason_code.is_error() => Ok(()),
        other => bail!("{what}: {other:?}"),
    }
}

/// A Topic Name with a wildcard is no topic: the message goes nowhere.
fn wildcards_in_topic_name(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    for topic in ["+", "#", "a/+", "a/#", "+/a", "a#", "a+", "a/b+c"] {
        let fields = [&string(stage.topic(topic))[..], &[0, 1], &with_length(stage.version, &[]), b"x"];
        expect_not_taken(stage, &packet(0x32, &fields), topic)?;
    }
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// A Response Topic with a wildcard is none either, and goes to nobody.
fn wildcards_in_response_topic(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    for topic in ["+", "#", "a/+", "a/#"] {
        let property = [&[0x08], &string(topic)[..]].concat();
        let fields = [&string(stage.topic("t"))[..], &[0, 1], &with_length(stage.version, &property), b"x"];
        expect_not_taken(stage, &packet(0x32, &fields), topic)?;
    }
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// A message on a topic of the server's own is taken or refused with a code that its acknowledgement has.
fn refused_messages(stage: &Stage) -> anyhow::Result<()> {
    for first_byte in [0x32, 0x34] {
        let mut peer = stage.join("a")?;
        let no_properties = with_length(stage.version, &[]);
        peer.send_bytes(&packet(first_byte, &[&string("$SYS/broker/version"), &[0, 1], &no_properties, b"x"]))?;
        // The decoder takes no other codes.
        match peer.receive_until_end()? {
            Some(Packet::PubAck(_)) if first_byte == 0x32 => {}
            Some(Packet::PubRec(_)) if first_byte == 0x34 => {}
            Some(Packet::Disconnect(answer)) if answer.reason_code.is_error() => {}
            None => {}
            other => bail!("{other:?}"),
        }
    }
    Ok(())
}

/// Values that a property of PUBLISH can't have.
fn values_out_of_range(stage: &Stage) -> anyhow::Result<()> {
    let topic = string(stage.topic("t"));
    for (what, bytes) in [
        ("Topic Alias 0", packet(0x30, &[&topic, &[3, 0x23, 0, 0], b"x"])),
        ("Subscription Identifier 0", packet(0x30, &[&topic, &[2, 0x0B, 0], b"x"])),
        ("no Topic Name and no Topic Alias", packet(0x30, &[&[0, 0], &[0], b"x"])),
    ] {
        stage.expect_refused_bytes("a", &bytes, what)?;
    }
    Ok(())
}

pub(super) fn all_properties(stage: &Stage) -> anyhow::Result<PublishProperties> {
    Ok(PublishProperties {
        payload_format_indicator: Some(true),
        message_expiry_interval: None,
        topic_alias: None,
        response_topic: Some(stage.topic("answers").parse_topic()?),
        correlation_data: Some(vec![0, 1, 0xFF].into()),
        user_properties: [("b", "1"), ("a", "2"), ("b", "3"), ("", ""), ("a", "2"), ("ü", "\u{1F989}")]
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
        subscription_identifiers: Vec::new(),
        content_type: Some("text/plain; charset=utf-8".into()),
    })
}

/// Properties of the message reach each subscriber as they were sent, User Properties in their order.
fn properties(stage: &Stage) -> anyhow::Result<()> {
    let mut subscribers =
        [stage.subscriber("s", "t", QoS::ExactlyOnce)?, stage.subscriber("r", "#", QoS::ExactlyOnce)?];
    let mut away = stage.resume("v", false)?;
    away.subscribe(&stage.topic("t"), QoS::AtLeastOnce)?;
    away.leave()?;
    let given = all_properties(stage)?;
    let mut publisher = stage.join("p")?;
    for (qos, format) in [(QoS::AtMostOnce, Some(true)), (QoS::AtLeastOnce, Some(true)), (QoS::AtLeastOnce, None)] {
        let properties = PublishProperties { payload_format_indicator: format, ..given.clone() };
        publisher.publish_with(&stage.topic("t"), "x", qos, false, properties.clone())?;
        for subscriber in &mut subscribers {
            let message = subscriber.expect_message(&stage.topic("t"), "x")?;
            ensure!(*message.properties.unwrap_or_default() == properties, "not as sent");
        }
    }
    let mut away = stage.resume("v", true)?;
    loop {
        // Whether QoS 0 waits for who is away is the server's choice.
        let message = away.expect_message(&stage.topic("t"), "x")?;
        let came = *message.properties.unwrap_or_default();
        if message.qos == QoS::AtLeastOnce {
            ensure!(came == given, "{came:?}");
            return Ok(());
        }
    }
}

/// Of the subscriptions that match, the highest QoS counts.
fn overlapping(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.join("s")?;
    for (filter, qos) in [("a/#", QoS::AtMostOnce), ("a/+", QoS::ExactlyOnce), ("+/b", QoS::AtLeastOnce)] {
        subscriber.subscribe(&stage.topic(filter), qos)?;
    }
    subscriber.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("a/b"), "x", QoS::ExactlyOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("marker"), "marker", QoS::AtLeastOnce, false)?;
    // Once, or once for each subscription.
    let mut came = Vec::new();
    loop {
        let message = subscriber.receive_message()?;
        if message.payload == "marker" {
            break;
        }
        came.push(message.qos);
    }
    came.sort_unstable();
    ensure!(
        came == [QoS::ExactlyOnce] || came == [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce],
        "it came with {came:?}"
    );
    Ok(())
}

/// A message names the subscriptions that it comes for: all in one copy, or each in its own.
fn subscription_identifiers(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.join("s")?;
    let options = SubscriptionOptions { maximum_qos: QoS::AtLeastOnce, ..SubscriptionOptions::default() };
    for (filter, identifier) in [("a/#", Some(1)), ("a/+", Some(268_435_455)), ("+/b", None), ("c", Some(3))] {
        subscriber.subscribe_with(&stage.topic(filter), options, identifier)?;
    }
    subscriber.subscribe(&stage.topic("marker"), QoS::AtLeastOnce)?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("a/b"), "x", QoS::AtLeastOnce, false)?;
    publisher.publish_acknowledged(&stage.topic("marker"), "marker", QoS::AtLeastOnce, false)?;
    let mut copies = Vec::new();
    loop {
        let message = subscriber.receive_message()?;
        let mut identifiers = message.properties.unwrap_or_default().subscription_identifiers;
        if message.payload == "marker" {
            ensure!(identifiers.is_empty(), "the marker came for {identifiers:?}");
            break;
        }
        identifiers.sort_unstable();
        copies.push(identifiers);
    }
    copies.sort_unstable();
    ensure!(
        copies == [vec![1, 268_435_455]] || copies == [vec![], vec![1], vec![268_435_455]],
        "it came for {copies:?}"
    );
    Ok(())
}

/// A retained message names the subscription that it is sent for; the same filter without an identifier has none.
fn subscription_identifier_of_retained(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::AtLeastOnce, true)?;
    let mut subscriber = stage.join("s")?;
    for identifier in [Some(7), Some(16_384), None] {
        subscriber.subscribe_with(&stage.topic("t"), SubscriptionOptions::default(), identifier)?;
        let expected: Vec<_> = identifier.into_iter().collect();
        let retained = subscriber.expect_message(&stage.topic("t"), "x")?;
        ensure!(retained.properties.unwrap_or_default().subscription_identifiers == expected, "retained");
        publisher.publish_acknowledged(&stage.topic("t"), "live", QoS::AtLeastOnce, false)?;
        let live = subscriber.expect_message(&stage.topic("t"), "live")?;
        ensure!(live.properties.unwrap_or_default().subscription_identifiers == expected, "live");
    }
    publisher.publish_acknowledged(&stage.topic("t"), "", QoS::AtLeastOnce, true)
}

/// A Subscription Identifier in a client's PUBLISH is an error, and in no case goes to a subscriber.
fn subscription_identifier_of_client(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let fields = [&string(stage.topic("t"))[..], &[0, 1], &[2, 0x0B, 7], b"x"];
    expect_not_taken(stage, &packet(0x32, &fields), "a Subscription Identifier")?;
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}
