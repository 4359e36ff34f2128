//! Clients that break the protocol: their connection ends with the reason that the specification gives, the event
//! names them and the clause, and nobody else notices.

use nightjar_mqtt::{Packet, ProtocolVersion, QoS, ReasonCode};
use nightjar_tests::{Broker, Peer, Record};
use tempfile::TempDir;

use ProtocolVersion::{V5, V311};

/// What a client sends after CONNECT, the reason that MQTT 5.0 answers with, and the clause that the event quotes
/// (5.0, 3.1.1).
struct Crime {
    name: &'static str,
    v311: &'static [u8],
    v5: &'static [u8],
    reason: ReasonCode,
    clause: [&'static str; 2],
}

const CRIMES: [Crime; 9] = [
    Crime {
        name: "qos-3",
        v311: b"\x36\x06\x00\x01a\x00\x01x",
        v5: b"\x36\x07\x00\x01a\x00\x01\x00x",
        reason: ReasonCode::MALFORMED_PACKET,
        clause: ["MQTT-3.3.1-4", "MQTT-3.3.1-4"],
    },
    Crime {
        name: "wildcard-in-topic-name",
        v311: b"\x30\x06\x00\x03a/#x",
        v5: b"\x30\x07\x00\x03a/#\x00x",
        reason: ReasonCode::TOPIC_NAME_INVALID,
        clause: ["MQTT-3.3.2-2", "MQTT-3.3.2-2"],
    },
    Crime {
        name: "topic-not-utf-8",
        v311: b"\x30\x05\x00\x02\xC3\x28x",
        v5: b"\x30\x06\x00\x02\xC3\x28\x00x",
        reason: ReasonCode::MALFORMED_PACKET,
        clause: ["MQTT-1.5.4-1", "MQTT-1.5.3-1"],
    },
    Crime {
        name: "packet-identifier-0",
        v311: b"\x32\x06\x00\x01a\x00\x00x",
        v5: b"\x32\x07\x00\x01a\x00\x00\x00x",
        reason: ReasonCode::PROTOCOL_ERROR,
        clause: ["MQTT-2.2.1-3", "MQTT-2.3.1-1"],
    },
    Crime {
        name: "subscribe-with-wrong-flags",
        v311: b"\x80\x06\x00\x01\x00\x01a\x00",
        v5: b"\x80\x07\x00\x01\x00\x00\x01a\x00",
        reason: ReasonCode::MALFORMED_PACKET,
        clause: ["MQTT-3.8.1-1", "MQTT-3.8.1-1"],
    },
    Crime {
        name: "subscribe-to-nothing",
        v311: b"\x82\x02\x00\x01",
        v5: b"\x82\x03\x00\x01\x00",
        reason: ReasonCode::PROTOCOL_ERROR,
        clause: ["MQTT-3.8.3-2", "MQTT-3.8.3-3"],
    },
    Crime {
        name: "second-connect",
        v311: b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01z",
        v5: b"\x10\x0E\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01z",
        reason: ReasonCode::PROTOCOL_ERROR,
        clause: ["MQTT-3.1.0-2", "MQTT-3.1.0-2"],
    },
    Crime {
        name: "length-of-five-bytes",
        v311: b"\x30\xFF\xFF\xFF\xFF\x01",
        v5: b"\x30\xFF\xFF\xFF\xFF\x01",
        reason: ReasonCode::MALFORMED_PACKET,
        clause: ["1.5.5", "2.2.3"],
    },
    Crime {
        name: "packet-that-only-servers-send",
        v311: b"\xD0\x00",
        v5: b"\xD0\x00",
        reason: ReasonCode::PROTOCOL_ERROR,
        clause: ["2.1.2", "2.2.1"],
    },
];

#[test]
fn protocol_errors_end_one_connection_and_are_on_record() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let record = Record::open(data.path())?;
    let mut listener = Peer::join(broker.address(), V5, "listener")?;
    listener.subscribe("peace/#", QoS::AtLeastOnce)?;
    let mut speaker = Peer::join(broker.address(), V311, "speaker")?;

    for crime in &CRIMES {
        for version in [V311, V5] {
            let (bytes, clause) =
                if version == V5 { (crime.v5, crime.clause[0]) } else { (crime.v311, crime.clause[1]) };
            let client = format!("{}-{}", crime.name, version.level());
            let mut hostile = Peer::join(broker.address(), version, &client)?;
            hostile.send_bytes(bytes)?;
            let last_words = hostile.expect_end()?;
            match &last_words[..] {
                [Packet::Disconnect(disconnect)] if version == V5 => {
                    assert_eq!(disconnect.reason_code, crime.reason, "{client}");
                }
                [] if version == V311 => {}
                other => panic!("{client}: {other:?}"),
            }

            // Who did nothing notices nothing.
            speaker.publish_acknowledged("peace/level", client.clone(), QoS::AtLeastOnce, false)?;
            let message = listener.receive_message()?;
            assert_eq!(message.payload, client.as_bytes());

            let event = record
                .until(|record| Ok(record.events(&client)?.into_iter().find(|event| event.kind == "violation")))?;
            assert!(event.detail.contains(clause), "{client}: {clause} in {:?}", event.detail);
        }
    }
    Ok(())
}

#[test]
fn nonsense_before_connect_is_cut_off() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let openings: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: nightjar\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
        b"\x30\x03\x00\x01a",
        b"\x10\x0C\x00\x04NOPE\x04\x02\x00\x00\x00\x00",
        b"\x00\x00\x00\x00",
    ];
    for bytes in openings {
        let mut stranger = Peer::dial(broker.address(), V311)?;
        stranger.send_bytes(bytes)?;
        let answers = stranger.expect_end()?;
        assert!(
            answers.iter().all(|packet| matches!(packet, Packet::ConnAck(answer) if answer.reason_code.is_error())),
            "{bytes:?}: {answers:?}"
        );
    }
    // And it still takes clients.
    Peer::join(broker.address(), V5, "decent")?.ping()
}

#[test]
fn half_a_packet_harms_nobody() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    // A CONNECT without its last byte.
    let mut slow = Peer::dial(broker.address(), V311)?;
    slow.send_bytes(b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01")?;
    let mut other = Peer::join(broker.address(), V5, "other")?;
    other.publish_acknowledged("a", "b", QoS::AtLeastOnce, false)?;
    // The rest of the CONNECT: nothing was lost while the others went on.
    slow.send_bytes(b"z")?;
    assert!(matches!(slow.receive()?, Packet::ConnAck(answer) if !answer.reason_code.is_error()));
    Ok(())
}
