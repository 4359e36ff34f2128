//! PINGREQ and PINGRESP (3.12, 3.13).

use crate::case::cases;
use crate::stage::Stage;

cases! {
    ALL: each_is_answered;
}

/// Each PINGREQ gets a PINGRESP.
fn each_is_answered(stage: &Stage) -> anyhow::Result<()> {
    let mut peer = stage.join("a")?;
    for _ in 0..3 {
        peer.ping()?;
    }
    // Three that come at once are three.
    peer.send_bytes(&[0xC0, 0, 0xC0, 0, 0xC0, 0])?;
    for _ in 0..3 {
        anyhow::ensure!(&peer.receive_bytes()?[..] == b"\xD0\x00", "not a PINGRESP");
    }
    Ok(())
}
