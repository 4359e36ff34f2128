//! Wills (3.1.2.5, MQTT 5.0 3.1.3.2).

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;
use nightjar_mqtt::{Connect, Disconnect, Packet, QoS, ReasonCode, WillProperties};

use crate::case::cases;
use crate::stage::{Conversation, ParseTopic, Stage};

cases! {
    ALL: after_a_lost_connection, at_each_qos, only_once, not_after_disconnect, retained, not_retained, after_an_error,
        at_a_takeover;
    ONLY_5: after_disconnect_with_will, delayed, session_ends_first, clean_start_ends_the_delay, not_after_return, properties;
}

fn mortal(stage: &Stage, qos: QoS) -> anyhow::Result<Connect> {
    let mut connect = stage.connect("m");
    connect.will = Some(stage.will("will", "last words", qos)?);
    Ok(connect)
}

/// In MQTT 5.0, with a session that is kept, and a Will that waits.
fn mortal_with_delay(stage: &Stage, delay: u32, expiry: u32) -> anyhow::Result<Connect> {
    let mut connect = mortal(stage, QoS::AtLeastOnce)?;
    connect.clean_start = false;
    connect.properties.session_expiry_interval = Some(expiry);
    if let Some(will) = &mut connect.will {
        will.properties.will_delay_interval = Some(delay);
    }
    Ok(connect)
}

/// The Will is published when the connection ends without DISCONNECT.
fn after_a_lost_connection(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let (mut peer, _) = stage.enter(mortal(stage, QoS::AtLeastOnce)?)?;
    // Not before.
    peer.ping()?;
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))?;
    drop(peer);
    let message = witness.expect_message(&stage.topic("will"), "last words")?;
    ensure!(message.qos == QoS::AtLeastOnce && !message.retain && !message.dup);
    Ok(())
}

/// And when the broker ends it because of an error.
fn after_an_error(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    let (mut peer, _) = stage.enter(mortal(stage, QoS::AtLeastOnce)?)?;
    peer.send_bytes(&[0x36, 0x00])?;
    stage.expect_refusal(peer, "a PUBLISH with QoS 3")?;
    witness.expect_message(&stage.topic("will"), "last words").map(drop)
}

/// And when another connection of the same client takes the session over: the first is lost. In MQTT 5.0 a delay lets it
/// come back.
fn at_a_takeover(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let mut connect = mortal(stage, QoS::AtLeastOnce)?;
    connect.clean_start = false;
    if stage.is_v5() {
        connect.properties.session_expiry_interval = Some(300);
    }
    let (first, _) = stage.enter(connect.clone())?;
    stage.resume("m", true)?.leave()?;
    witness.expect_message(&stage.topic("will"), "last words")?;
    drop(first);
    if stage.is_v5() {
        let (first, _) = stage.enter(mortal_with_delay(stage, 600, 300)?)?;
        stage.resume("m", true)?.leave()?;
        drop(first);
    }
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// It is published with the QoS that CONNECT gave it.
fn at_each_qos(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::ExactlyOnce)?;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        drop(stage.enter(mortal(stage, qos)?)?);
        let message = witness.expect_message(&stage.topic("will"), "last words")?;
        ensure!(message.qos == qos, "published with {:?} instead of {qos:?}", message.qos);
    }
    Ok(())
}

/// A Will is published once: a next connection has only its own.
fn only_once(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let mut connect = mortal(stage, QoS::AtLeastOnce)?;
    connect.clean_start = false;
    if stage.is_v5() {
        connect.properties.session_expiry_interval = Some(300);
    }
    drop(stage.enter(connect)?);
    witness.expect_message(&stage.topic("will"), "last words")?;
    // Lost again, without a Will.
    drop(stage.resume("m", true)?);
    stage.resume("m", true)?.leave()?;
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// DISCONNECT takes the Will back.
fn not_after_disconnect(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    stage.enter(mortal(stage, QoS::AtLeastOnce)?)?.0.leave()?;
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// DISCONNECT with 0x04 does not.
fn after_disconnect_with_will(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    let (mut peer, _) = stage.enter(mortal(stage, QoS::AtLeastOnce)?)?;
    let reason_code = ReasonCode::DISCONNECT_WITH_WILL;
    peer.send(&Packet::Disconnect(Disconnect { reason_code, ..Disconnect::default() }))?;
    witness.expect_message(&stage.topic("will"), "last words").map(drop)
}

/// A Will with Will Retain is retained.
fn retained(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    let mut connect = mortal(stage, QoS::AtLeastOnce)?;
    if let Some(will) = &mut connect.will {
        will.retain = true;
    }
    drop(stage.enter(connect)?);
    ensure!(!witness.expect_message(&stage.topic("will"), "last words")?.retain);
    let mut later = stage.subscriber("l", "will", QoS::AtLeastOnce)?;
    ensure!(later.expect_message(&stage.topic("will"), "last words")?.retain);
    stage.join("p")?.publish_acknowledged(&stage.topic("will"), "", QoS::AtLeastOnce, true)
}

/// A Will without it is not.
fn not_retained(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    drop(stage.enter(mortal(stage, QoS::AtLeastOnce)?)?);
    witness.expect_message(&stage.topic("will"), "last words")?;
    let mut later = stage.subscriber("l", "#", QoS::AtLeastOnce)?;
    later.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// A Will with a delay is published when that is over.
fn delayed(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let (peer, _) = stage.enter(mortal_with_delay(stage, 1, 300)?)?;
    let lost = Instant::now();
    drop(peer);
    witness.expect_message(&stage.topic("will"), "last words")?;
    let delay = lost.elapsed();
    ensure!(delay >= Duration::from_millis(950), "published after {delay:?}");
    Ok(())
}

/// Where the session ends before the delay does, the Will is published then.
fn session_ends_first(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    // With the connection.
    drop(stage.enter(mortal_with_delay(stage, 600, 0)?)?);
    witness.expect_message(&stage.topic("will"), "last words")?;
    // By its expiry.
    let (peer, _) = stage.enter(mortal_with_delay(stage, 600, 1)?)?;
    let lost = Instant::now();
    drop(peer);
    witness.expect_message(&stage.topic("will"), "last words")?;
    let delay = lost.elapsed();
    ensure!(delay >= Duration::from_millis(950), "published after {delay:?}");
    Ok(())
}

/// A Clean Start ends the session too, and so the delay.
fn clean_start_ends_the_delay(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    // While the client is away.
    drop(stage.enter(mortal_with_delay(stage, 600, 300)?)?);
    stage.join("m")?.leave()?;
    witness.expect_message(&stage.topic("will"), "last words")?;
    // And while it is there.
    let first = stage.enter(mortal_with_delay(stage, 600, 300)?)?;
    stage.join("m")?.leave()?;
    witness.expect_message(&stage.topic("will"), "last words")?;
    drop(first);
    Ok(())
}

/// Who comes back before the delay is over leaves no Will.
fn not_after_return(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "#", QoS::AtLeastOnce)?;
    let (peer, _) = stage.enter(mortal_with_delay(stage, 1, 300)?)?;
    drop(peer);
    let mut peer = stage.resume("m", true)?;
    sleep(Duration::from_millis(1_700));
    peer.ping()?;
    witness.expect_only(&mut stage.join("p")?, &stage.topic("marker"))
}

/// The properties of a Will are those of its message, and its User Properties keep their order.
fn properties(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    let mut connect = mortal(stage, QoS::AtLeastOnce)?;
    let given = WillProperties {
        will_delay_interval: Some(0),
        payload_format_indicator: Some(true),
        message_expiry_interval: Some(600),
        content_type: Some("text/plain".into()),
        response_topic: Some(stage.topic("answers").parse_topic()?),
        correlation_data: Some("\u{0}\u{1}which".into()),
        user_properties: [("b", "1"), ("a", "2"), ("b", "3"), ("", ""), ("a", "2")]
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
    };
    if let Some(will) = &mut connect.will {
        will.properties = given.clone();
    }
    drop(stage.enter(connect)?);
    let message = witness.expect_message(&stage.topic("will"), "last words")?;
    let came = *message.properties.unwrap_or_default();
    ensure!(came.user_properties == given.user_properties, "{:?}", came.user_properties);
    ensure!(came.payload_format_indicator == given.payload_format_indicator);
    ensure!(came.content_type == given.content_type);
    ensure!(came.response_topic == given.response_topic);
    ensure!(came.correlation_data == given.correlation_data);
    ensure!(came.message_expiry_interval.is_some_and(|left| (500..=600).contains(&left)));
    Ok(())
}
