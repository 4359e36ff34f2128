//! SUBSCRIBE and SUBACK (3.8, 3.9).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Acknowledgement, Packet, Publish, QoS, ReasonCode, RetainHandling, SubAck, SubscriptionOptions};
use nightjar_tests::Peer;

use crate::bytes::{packet, properties, string};
use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ALL: suback_answers, many_filters, granted_qos, delivered_qos, replaced_subscription, replacing_loses_nothing;
    BOTH: no_filter, reserved_options, qos_3;
    ONLY_5: no_local, no_local_of_shared, retain_handling_3, replacing_options, identifier_0,
        refused_subscriptions;
}

/// Sends a SUBSCRIBE of raw filters and options, and returns the SUBACK.
fn subscribe(stage: &Stage, peer: &mut Peer, identifier: u16, filters: &[(&str, u8)]) -> anyhow::Result<SubAck> {
    let filters: Vec<u8> =
        filters.iter().flat_map(|(filter, options)| [string(stage.topic(filter)), vec![*options]].concat()).collect();
    peer.send_bytes(&packet(0x82, &[&identifier.to_be_bytes(), &properties(stage.version, &[]), &filters]))?;
    match peer.receive()? {
        Packet::SubAck(answer) => Ok(answer),
        other => bail!("not a SUBACK: {other:?}"),
    }
}

/// Each SUBSCRIBE gets a SUBACK with its identifier.
fn suback_answers(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    for identifier in [7, 1, 0x8000, 0xFFFF] {
        let answer = subscribe(stage, &mut peer, identifier, &[("t", 1)])?;
        ensure!(answer.packet_identifier.value() == identifier, "SUBACK of {:?}", answer.packet_identifier);
    }
    Ok(())
}

/// A SUBSCRIBE for nothing.
fn no_filter(stage: &Stage) -> anyhow::Result<()> {
    let bytes = packet(0x82, &[&[0, 1], &properties(stage.version, &[])]);
    stage.expect_refused_bytes("a", &bytes, "a SUBSCRIBE for nothing")
}

/// Bits of the options that have no meaning.
fn reserved_options(stage: &Stage) -> anyhow::Result<()> {
    let reserved: &[u8] = if stage.is_v5() { &[0x40, 0x80, 0xC1] } else { &[0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFD] };
    for options in reserved {
        let no_properties = properties(stage.version, &[]);
        let bytes = packet(0x82, &[&[0, 1], &no_properties, &string(stage.topic("t")), &[*options]]);
        stage.expect_refused_bytes("a", &bytes, &format!("options {options:08b}"))?;
    }
    Ok(())
}

/// A subscription with a QoS of 3.
fn qos_3(stage: &Stage) -> anyhow::Result<()> {
    let bytes = packet(0x82, &[&[0, 1], &properties(stage.version, &[]), &string(stage.topic("t")), &[3]]);
    stage.expect_refused_bytes("a", &bytes, "a subscription with QoS 3")
}

/// A subscription with a Retain Handling of 3.
fn retain_handling_3(stage: &Stage) -> anyhow::Result<()> {
    let bytes = packet(0x82, &[&[0, 1], &[0], &string(stage.topic("t")), &[0x30]]);
    stage.expect_refused_bytes("a", &bytes, "a subscription with Retain Handling 3")
}

/// A Subscription Identifier of 0.
fn identifier_0(stage: &Stage) -> anyhow::Result<()> {
    let bytes = packet(0x82, &[&[0, 1], &[2, 0x0B, 0], &string(stage.topic("t")), &[0]]);
    stage.expect_refused_bytes("a", &bytes, "a Subscription Identifier of 0")
}

/// Many filters in one SUBSCRIBE are as many subscriptions, with one SUBACK that has a code for each, in their order.
fn many_filters(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    // The one that comes twice counts as its last.
    let filters = [("a", 2), ("b", 0), ("c", 1), ("d", 2), ("b", 1)];
    let answer = subscribe(stage, &mut peer, 1, &filters)?;
    let codes: Vec<_> = answer.reason_codes.iter().map(|code| code.0).collect();
    ensure!(codes == [2, 0, 1, 2, 1], "SUBACK with {codes:?}");
    let mut publisher = stage.join("p")?;
    for (topic, qos) in [("a", QoS::ExactlyOnce), ("b", QoS::AtLeastOnce), ("c", QoS::AtLeastOnce)] {
        publisher.publish_acknowledged(&stage.topic(topic), "x", QoS::ExactlyOnce, false)?;
        let message = peer.expect_message(&stage.topic(topic), "x")?;
        ensure!(message.qos == qos, "{topic} came with QoS {}", message.qos.level());
    }
    Ok(())
}

/// SUBACK tells for each subscription the QoS that is granted, or that it failed.
fn granted_qos(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    for qos in 0..=2 {
        let answer = subscribe(stage, &mut peer, 1, &[("t", qos)])?;
        let [code] = answer.reason_codes[..] else { bail!("SUBACK with {:?}", answer.reason_codes) };
        ensure!(code.0 <= qos || code.is_error(), "QoS {qos} was asked for, and {code} granted");
    }
    Ok(())
}

/// A message comes with the lower of the QoS that it was published with and that was granted.
fn delivered_qos(stage: &Stage) -> anyhow::Result<()> {
    let mut publisher = stage.join("p")?;
    let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    for maximum in levels {
        let mut subscriber = stage.subscriber("s", "t", maximum)?;
        for published in levels {
            publisher.publish_acknowledged(&stage.topic("t"), "x", published, false)?;
            let message = subscriber.expect_message(&stage.topic("t"), "x")?;
            let expected = published.min(maximum);
            ensure!(message.qos == expected, "{published:?} to {maximum:?} came as {:?}", message.qos);
        }
        subscriber.leave()?;
    }
    Ok(())
}

/// A filter that is subscribed to again has its new QoS, and its messages come once.
fn replaced_subscription(stage: &Stage) -> anyhow::Result<()> {
    let mut subscriber = stage.join("s")?;
    subscriber.subscribe(&stage.topic("#"), QoS::ExactlyOnce)?;
    subscriber.subscribe(&stage.topic("#"), QoS::AtMostOnce)?;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t"), "x", QoS::ExactlyOnce, false)?;
    let message = subscriber.expect_message(&stage.topic("t"), "x")?;
    ensure!(message.qos == QoS::AtMostOnce, "it came with {:?}", message.qos);
    subscriber.expect_only(&mut publisher, &stage.topic("marker"))
}

/// Messages that come while a subscription is made again are not lost; its retained message comes again.
fn replacing_loses_nothing(stage: &Stage) -> anyhow::Result<()> {
    const ROUNDS: usize = 50;
    let mut publisher = stage.join("p")?;
    publisher.publish_acknowledged(&stage.topic("t/kept"), "retained", QoS::AtLeastOnce, true)?;
    let mut subscriber = stage.subscriber("s", "t/#", QoS::AtLeastOnce)?;
    ensure!(subscriber.expect_message(&stage.topic("t/kept"), "retained")?.retain);
    let filter = string(stage.topic("t/#"));
    let subscribe = packet(0x82, &[&[1, 0], &properties(stage.version, &[]), &filter, &[1]]);
    for number in 0..ROUNDS {
        subscriber.send_bytes(&subscribe)?;
        publisher.publish(&stage.topic("t/live"), number.to_string(), QoS::AtLeastOnce, false)?;
    }
    let (mut live, mut retained, mut granted) = (Vec::new(), 0, 0);
    // Where one SUBSCRIBE follows another at once, the retained message may come for both.
    while granted < ROUNDS || live.len() < ROUNDS || retained == 0 {
        match subscriber.receive()? {
            Packet::SubAck(_) => granted += 1,
            Packet::Publish(message) => {
                acknowledge(&mut subscriber, &message)?;
                if message.payload == "retained" {
                    ensure!(message.retain, "the retained message came without RETAIN");
                    retained += 1;
                } else {
                    live.push(String::from_utf8_lossy(&message.payload).into_owned());
                }
            }
            other => bail!("{other:?}"),
        }
    }
    let expected: Vec<_> = (0..ROUNDS).map(|number| number.to_string()).collect();
    ensure!(live == expected, "{live:?}");
    stage.join("c")?.publish_acknowledged(&stage.topic("t/end"), "end", QoS::AtLeastOnce, false)?;
    loop {
        let message = subscriber.receive_message()?;
        if message.payload == "end" {
            break;
        }
        ensure!(message.payload == "retained", "{:?} came twice", message.payload);
        retained += 1;
    }
    ensure!(retained <= ROUNDS, "the retained message came {retained} times for {ROUNDS} subscriptions");
    // One by one, each brings it.
    for _ in 0..3 {
        subscriber.subscribe(&stage.topic("t/#"), QoS::AtLeastOnce)?;
        ensure!(subscriber.expect_message(&stage.topic("t/kept"), "retained")?.retain);
    }
    stage.join("c")?.publish_acknowledged(&stage.topic("t/kept"), "", QoS::AtLeastOnce, true)
}

fn acknowledge(peer: &mut Peer, message: &Publish) -> anyhow::Result<()> {
    message
        .packet_identifier
        .map_or(Ok(()), |identifier| peer.send(&Packet::PubAck(Acknowledgement::new(identifier, ReasonCode::SUCCESS))))
}

/// The options of a subscription that is made again are the new ones.
fn replacing_options(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    let topic = stage.topic("t");
    let options = |no_local| SubscriptionOptions { no_local, ..SubscriptionOptions::default() };
    peer.subscribe_with(&topic, options(true), None)?;
    peer.publish(&topic, "not for me", QoS::AtMostOnce, false)?;
    peer.subscribe_with(&topic, options(false), None)?;
    peer.publish(&topic, "for me", QoS::AtMostOnce, false)?;
    peer.expect_message(&topic, "for me").map(drop)
}

/// With No Local a client's own messages don't come back to it, and others' do; who the client is, its identifier says.
fn no_local(stage: &Stage) -> anyhow::Result<()> {
    let options = SubscriptionOptions {
        maximum_qos: QoS::AtLeastOnce,
        no_local: true,
        retain_handling: RetainHandling::Never,
        ..SubscriptionOptions::default()
    };
    let mut own = stage.resume("a", false)?;
    own.subscribe_with(&stage.topic("#"), options, None)?;
    own.publish_acknowledged(&stage.topic("own"), "x", QoS::AtLeastOnce, false)?;
    let mut other = stage.join("b")?;
    own.expect_only(&mut other, &stage.topic("marker"))?;
    own.leave()?;
    // On another connection of the same client it is still its own.
    let mut own = stage.resume("a", true)?;
    own.publish_acknowledged(&stage.topic("own"), "x", QoS::AtLeastOnce, false)?;
    own.expect_only(&mut other, &stage.topic("marker"))
}

/// No Local on a Shared Subscription.
fn no_local_of_shared(stage: &Stage) -> anyhow::Result<()> {
    let (peer, answer) = stage.enter(stage.connect("a"))?;
    if !answer.properties.shared_subscription_available {
        return Err(Skip("it has no shared subscriptions").into());
    }
    drop(peer);
    let filter = string(format!("$share/group/{}", stage.topic("t")));
    stage.expect_refused_bytes("a", &packet(0x82, &[&[0, 1], &[0], &filter, &[0x04]]), "No Local of a shared one")
}

/// A subscription that is not granted is refused with a code that SUBACK has, beside others that are granted.
fn refused_subscriptions(stage: &Stage) -> anyhow::Result<()> {
    let levels = stage.topic(&"/".repeat(1_000));
    for refused in ["$share/+/t", &levels, "$SYS/#", "$share/group"] {
        let mut peer = stage.join("a")?;
        let good = string(stage.topic("t"));
        peer.send_bytes(&packet(0x82, &[&[0, 1], &[0], &good, &[1], &string(refused), &[1], &good, &[2]]))?;
        // The decoder takes no other codes.
        match peer.receive_until_end()? {
            Some(Packet::SubAck(answer)) => {
                let codes: Vec<_> = answer.reason_codes.iter().map(|code| code.0).collect();
                ensure!(matches!(codes[..], [1, _, 2]), "{refused}: SUBACK with {codes:02X?}");
            }
            Some(Packet::Disconnect(answer)) if answer.reason_code.is_error() => {}
            None => {}
            other => bail!("{refused}: {other:?}"),
        }
    }
    Ok(())
}
