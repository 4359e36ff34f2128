//! Keep Alive (3.1.2.10).

use std::time::{Duration, Instant};

use anyhow::ensure;
use nightjar_mqtt::{Packet, QoS};

use crate::case::{Skip, cases};
use crate::stage::{Conversation, Stage};

cases! {
    ALL: silence, any_packet_counts;
}

/// A client that says nothing for one and a half times its Keep Alive is cut off, as if the network had failed: its
/// Will is published.
fn silence(stage: &Stage) -> anyhow::Result<()> {
    let mut witness = stage.subscriber("w", "will", QoS::AtLeastOnce)?;
    let mut connect = stage.connect("a");
    connect.keep_alive = 1;
    connect.will = Some(stage.will("will", "silence", QoS::AtLeastOnce)?);
    // Before CONNECT goes out: the silence can't have begun earlier.
    let started = Instant::now();
    let (mut peer, answer) = stage.enter(connect)?;
    if answer.properties.server_keep_alive.is_some_and(|seconds| seconds != 1) {
        return Err(Skip("it sets the Keep Alive itself").into());
    }
    // How late a server may notice is not said, so the deadline of all cases is the only limit.
    peer.expect_end()?;
    let silence = started.elapsed();
    ensure!(silence >= Duration::from_millis(1_450), "cut off after {silence:?}");
    witness.expect_message(&stage.topic("will"), "silence").map(drop)
}

/// Any packet of the client's counts, not PINGREQ alone.
fn any_packet_counts(stage: &Stage) -> anyhow::Result<()> {
    let mut connect = stage.connect("a");
    connect.keep_alive = 1;
    let (mut peer, answer) = stage.enter(connect)?;
    if answer.properties.server_keep_alive.is_some_and(|seconds| seconds != 1) {
        return Err(Skip("it sets the Keep Alive itself").into());
    }
    let end = Instant::now() + Duration::from_millis(2_400);
    while Instant::now() < end {
        peer.publish(&stage.topic("t"), "x", QoS::AtMostOnce, false)?;
        std::thread::sleep(Duration::from_millis(400));
    }
    peer.send(&Packet::PingReq)?;
    ensure!(matches!(peer.receive()?, Packet::PingResp), "not a PINGRESP");
    Ok(())
}
