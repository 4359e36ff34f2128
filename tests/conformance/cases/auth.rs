//! Enhanced authentication, where no method is known (MQTT 5.0, 4.12).

use anyhow::{bail, ensure};
use nightjar_mqtt::{Packet, ReasonCode};

use crate::bytes::{packet, string};
use crate::case::cases;
use crate::stage::Stage;

cases! {
    ONLY_5: unknown_method, none_unasked, unasked;
}

/// A method that no server knows ends the connection, with 0x8C or 0x87 where it is answered.
fn unknown_method(stage: &Stage) -> anyhow::Result<()> {
    for data in [None, Some("data".into())] {
        let mut connect = stage.connect("a");
        connect.properties.authentication_method = Some("no such method".into());
        connect.properties.authentication_data = data;
        let mut peer = stage.dial()?;
        peer.send(&Packet::Connect(Box::new(connect)))?;
        match &peer.expect_end()?[..] {
            [] => {}
            [Packet::ConnAck(answer)] => {
                let expected = [ReasonCode::BAD_AUTHENTICATION_METHOD, ReasonCode::NOT_AUTHORIZED];
                ensure!(expected.contains(&answer.reason_code), "CONNACK with {}", answer.reason_code);
            }
            other => bail!("{other:?}"),
        }
    }
    Ok(())
}

/// Who names no method is asked for none.
fn none_unasked(stage: &Stage) -> anyhow::Result<()> {
    let (mut peer, answer) = stage.enter(stage.connect("a"))?;
    ensure!(answer.properties.authentication_method.is_none(), "{:?}", answer.properties.authentication_method);
    peer.ping()
}

/// AUTH from a client that named no method, be it to go on or to begin again, ends the connection.
fn unasked(stage: &Stage) -> anyhow::Result<()> {
    let method = [&[0x15], &string("method")[..]].concat();
    for code in [0x18, 0x19, 0x00] {
        let bytes = packet(0xF0, &[&[code], &[method.len() as u8], &method]);
        stage.expect_refused_bytes("a", &bytes, &format!("AUTH {code:02X}"))?;
    }
    Ok(())
}
