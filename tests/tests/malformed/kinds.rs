//! The ways of being wrong, each with the end that the specification has for it.

use nightjar_mqtt::ProtocolVersion::{self, V5, V311};
use nightjar_mqtt::ReasonCode;

use crate::bytes::{connect, length, packet, publish, string, subscribe, unsubscribe};
use crate::random::Random;

/// One way of being wrong.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) sender: Sender,
    /// The versions in which it can be.
    pub(crate) versions: &'static [ProtocolVersion],
    pub(crate) make: fn(&mut Random, ProtocolVersion) -> Vec<u8>,
    pub(crate) end: End,
}

/// Who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Somebody whose first bytes they are.
    Stranger,
    /// Somebody who is connected.
    Client,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The broker closes: in MQTT 5.0 with this reason, below without a word; and the event quotes the clause, of 5.0
    /// or of 3.1.1.
    Closed(ReasonCode, [&'static str; 2]),
    /// The broker closes without a word, since it can't know the version, and the event quotes the clause.
    Silent(&'static str),
    /// The packet is refused with an acknowledgement, and the client may go on. MQTT 3.1.1 has no word for that where
    /// it is a PUBLISH.
    Refused,
    /// Nobody can say whether it is wrong: the client hangs up, and whatever the broker said was in order.
    Open,
}

const ALL: &[ProtocolVersion] = &[V311, V5];
const ONLY_5: &[ProtocolVersion] = &[V5];
const ONLY_311: &[ProtocolVersion] = &[V311];
const MALFORMED: ReasonCode = ReasonCode::MALFORMED_PACKET;
const PROTOCOL: ReasonCode = ReasonCode::PROTOCOL_ERROR;
const UTF_8: [&str; 2] = ["MQTT-1.5.4-1", "MQTT-1.5.3-1"];
const IDENTIFIER: [&str; 2] = ["MQTT-2.2.1-3", "MQTT-2.3.1-1"];
const MID_FIELD: [&str; 2] = ["MQTT-4.13.1-1", "MQTT-4.8.0-1"];

const fn client(
    name: &'static str,
    versions: &'static [ProtocolVersion],
    end: End,
    make: fn(&mut Random, ProtocolVersion) -> Vec<u8>,
) -> Kind {
    Kind { name, sender: Sender::Client, versions, make, end }
}

const fn stranger(
    name: &'static str,
    versions: &'static [ProtocolVersion],
    end: End,
    make: fn(&mut Random, ProtocolVersion) -> Vec<u8>,
) -> Kind {
    Kind { name, sender: Sender::Stranger, versions, make, end }
}

const fn both(clause: &'static str) -> [&'static str; 2] {
    [clause, clause]
}

pub(crate) const KINDS: &[Kind] = &[
    client("qos-3", ALL, End::Closed(MALFORMED, both("MQTT-3.3.1-4")), |random, version| {
        publish(version, 6 | random.pick(&[0, 1, 8]), "a", 1, b"")
    }),
    client("dup-at-qos-0", ALL, End::Closed(MALFORMED, both("MQTT-3.3.1-2")), |_, version| {
        publish(version, 8, "a", 0, b"")
    }),
    client(
        "wildcard-in-topic-name",
        ALL,
        End::Closed(ReasonCode::TOPIC_NAME_INVALID, both("MQTT-3.3.2-2")),
        |random, version| publish(version, 2, random.pick(&["#", "+", "a/#", "a/+/b", "a+", "#b"]), 1, b""),
    ),
    client("null-character", ALL, End::Closed(MALFORMED, ["MQTT-1.5.4-2", "MQTT-1.5.3-2"]), |random, version| {
        publish(version, 0, random.pick(&["\0", "a\0", "a/\0/b"]), 0, b"")
    }),
    client("surrogate", ALL, End::Closed(MALFORMED, UTF_8), |random, version| {
        publish(version, 0, [b'a', 0xED, 0xA0 + random.byte() % 32, 0x80 + random.byte() % 64], 0, b"")
    }),
    client("overlong-utf-8", ALL, End::Closed(MALFORMED, UTF_8), |random, version| {
        let overlong: &[u8] = random.pick(&[b"\xC0\x80", b"\xC1\xA1", b"\xE0\x80\xAF", b"\xF0\x80\x80\xAF"]);
        publish(version, 0, overlong, 0, b"")
    }),
    client("half-a-character", ALL, End::Closed(MALFORMED, UTF_8), |random, version| {
        let half: &[u8] = random.pick(&[b"\xC3", b"\xE2\x82", b"\xF0\x9F\x8C", b"\xF4\x90\x80\x80", b"\xFF", b"\x80"]);
        publish(version, 0, half, 0, b"")
    }),
    client("publish-with-identifier-0", ALL, End::Closed(PROTOCOL, IDENTIFIER), |random, version| {
        publish(version, random.pick(&[2, 4]), "a", 0, b"")
    }),
    client("subscribe-with-identifier-0", ALL, End::Closed(PROTOCOL, IDENTIFIER), |_, version| {
        subscribe(version, 0x82, 0, b"", &[(b"a".to_vec(), 0)])
    }),
    client("unsubscribe-with-identifier-0", ALL, End::Closed(PROTOCOL, IDENTIFIER), |_, version| {
        unsubscribe(version, 0xA2, 0, Some(b"a"))
    }),
    client("acknowledgement-with-identifier-0", ALL, End::Closed(PROTOCOL, IDENTIFIER), |random, _| {
        packet(random.pick(&[0x40, 0x50, 0x62, 0x70]), &[0, 0])
    }),
    client("subscribe-with-reserved-bits", ALL, End::Closed(MALFORMED, both("MQTT-3.8.1-1")), |random, version| {
        let flags = random.pick(&[0, 1, 3, 4, 6, 8, 10, 15]);
        subscribe(version, 0x80 | flags, 1, b"", &[(b"a".to_vec(), 0)])
    }),
    client("unsubscribe-with-reserved-bits", ALL, End::Closed(MALFORMED, both("MQTT-3.10.1-1")), |random, version| {
        unsubscribe(version, 0xA0 | random.pick(&[0, 1, 3, 4, 6, 8, 10, 15]), 1, Some(b"a"))
    }),
    client("pubrel-with-reserved-bits", ALL, End::Closed(MALFORMED, both("MQTT-3.6.1-1")), |random, _| {
        packet(0x60 | random.pick(&[0, 1, 3, 4, 6, 8, 10, 15]), &[0, 1])
    }),
    client("packet-type-0", ALL, End::Closed(MALFORMED, both("2.1.2")), |random, _| {
        packet(random.byte() % 16, &random.bytes(3))
    }),
    client("packet-type-15", ONLY_311, End::Closed(MALFORMED, both("2.2.1")), |_, _| packet(0xF0, b"")),
    client("length-of-five-bytes", ALL, End::Closed(MALFORMED, ["1.5.5", "2.2.3"]), |random, _| {
        let first = random.pick(&[0x30, 0x40, 0x62, 0x82, 0xA2, 0xC0]);
        vec![first, 0x80 | random.byte(), 0x80 | random.byte(), 0x80 | random.byte(), 0x80 | random.byte(), 1]
    }),
    client("too-large", ALL, End::Closed(ReasonCode::PACKET_TOO_LARGE, both("MQTT-3.2.2-15")), |random, _| {
        let announced = 2_000_001 + random.below(260_000_000);
        [vec![0x30], length(announced), random.bytes(100)].concat()
    }),
    client("second-connect", ALL, End::Closed(PROTOCOL, both("MQTT-3.1.0-2")), |_, version| {
        connect(version, 2, b"", &string("again"))
    }),
    client("packet-of-a-server", ALL, End::Closed(PROTOCOL, ["2.1.2", "2.2.1"]), |random, _| {
        packet(random.pick(&[0x20, 0x90, 0xB0, 0xD0]), &[0, 0])
    }),
    client("wrong-property", ONLY_5, End::Closed(MALFORMED, both("2.2.2.2")), |random, version| {
        let property: &[u8] = random.pick(&[b"\x11\0\0\0\x05", b"\x21\0\x05", b"\x12\0\x01a", b"\x24\x01"]);
        publish(version, 0, "a", 0, property)
    }),
    client("unknown-property", ONLY_5, End::Closed(MALFORMED, both("2.2.2.2")), |random, version| {
        publish(version, 0, "a", 0, &[random.pick(&[0x00, 0x04, 0x0A, 0x2B, 0x7F]), 0])
    }),
    client("doubled-property", ONLY_5, End::Closed(PROTOCOL, both("3.3.2.3")), |random, version| {
        let property: &[u8] =
            random.pick(&[b"\x01\x01", b"\x02\0\0\0\x05", b"\x03\0\x01a", b"\x09\0\x01a", b"\x23\0\x01"]);
        publish(version, 0, "a", 0, &[property, property].concat())
    }),
    client("property-neither-0-nor-1", ONLY_5, End::Closed(PROTOCOL, both("3.3.2.3")), |random, version| {
        publish(version, 0, "a", 0, &[0x01, 2 + random.byte() % 254])
    }),
    client("cut-property", ONLY_5, End::Closed(MALFORMED, MID_FIELD), |_, version| {
        // The properties are four bytes long, the string in them eight.
        publish(version, 0, "a", 0, b"\x03\0\x08a")
    }),
    client("alias-0", ONLY_5, End::Closed(ReasonCode::TOPIC_ALIAS_INVALID, both("MQTT-3.3.2-8")), |_, version| {
        publish(version, 0, "a", 0, b"\x23\0\0")
    }),
    client(
        "alias-too-high",
        ONLY_5,
        End::Closed(ReasonCode::TOPIC_ALIAS_INVALID, both("MQTT-3")),
        |random, version| {
            let [high, low] = (65 + random.below(65_000) as u16).to_be_bytes();
            publish(version, 0, "a", 0, &[0x23, high, low])
        },
    ),
    client("alias-of-nothing", ONLY_5, End::Closed(PROTOCOL, both("3.3.4")), |random, version| {
        publish(version, 0, "", 0, &[0x23, 0, 1 + random.byte() % 64])
    }),
    client("empty-topic", ALL, End::Closed(PROTOCOL, ["3.3.2.1", "MQTT-4.7.3-1"]), |_, version| {
        publish(version, 0, "", 0, b"")
    }),
    client("subscribe-to-nothing", ALL, End::Closed(PROTOCOL, ["MQTT-3.8.3-2", "MQTT-3.8.3-3"]), |_, version| {
        subscribe(version, 0x82, 1, b"", &[])
    }),
    client("unsubscribe-from-nothing", ALL, End::Closed(PROTOCOL, both("MQTT-3.10.3-2")), |_, version| {
        unsubscribe(version, 0xA2, 1, None)
    }),
    client("subscription-of-qos-3", ALL, End::Closed(PROTOCOL, ["3.8.3.1", "MQTT-3-8.3-4"]), |_, version| {
        subscribe(version, 0x82, 1, b"", &[(b"a".to_vec(), 3)])
    }),
    client(
        "reserved-subscription-options",
        ALL,
        End::Closed(MALFORMED, ["MQTT-3.8.3-5", "MQTT-3-8.3-4"]),
        |random, version| subscribe(version, 0x82, 1, b"", &[(b"a".to_vec(), random.pick(&[0x40, 0x80, 0xC1]))]),
    ),
    client(
        "misplaced-wildcard",
        ALL,
        End::Closed(ReasonCode::TOPIC_FILTER_INVALID, both("MQTT-4.7.1-")),
        |random, version| {
            let filter = random.pick(&["a#", "a/#/b", "#/", "##", "+a", "a+/b", "a/++"]);
            subscribe(version, 0x82, 1, b"", &[(b"fine/#".to_vec(), 0), (filter.into(), 0)])
        },
    ),
    client(
        "bad-share-name",
        ONLY_5,
        End::Closed(ReasonCode::TOPIC_FILTER_INVALID, both("MQTT-4.8.2-")),
        |random, version| {
            let filter = random.pick(&["$share//t", "$share/+/t", "$share/g#/t", "$share/g", "$share/g/"]);
            subscribe(version, 0x82, 1, b"", &[(filter.into(), 0)])
        },
    ),
    client("subscription-identifier-0", ONLY_5, End::Closed(PROTOCOL, both("3.8.2.1.2")), |_, version| {
        subscribe(version, 0x82, 1, b"\x0B\0", &[(b"a".to_vec(), 0)])
    }),
    client("subscription-identifier-of-a-client", ONLY_5, End::Closed(PROTOCOL, both("MQTT-3.3.4-6")), |_, version| {
        publish(version, 0, "a", 0, b"\x0B\x05")
    }),
    client("auth-without-method", ONLY_5, End::Closed(PROTOCOL, both("MQTT")), |_, _| packet(0xF0, b"")),
    client("field-beyond-the-end", ALL, End::Closed(MALFORMED, MID_FIELD), |random, _| {
        packet(random.pick(&[0x30, 0x32]), &[0xFF, random.byte(), b'a', b'b'])
    }),
    client("half-an-identifier", ALL, End::Closed(MALFORMED, MID_FIELD), |random, _| {
        packet(random.pick(&[0x40, 0x50, 0x62, 0x70, 0x82, 0xA2]), &[1])
    }),
    client("bytes-to-spare", ONLY_311, End::Closed(MALFORMED, MID_FIELD), |random, _| {
        let spare = 1 + random.below(9);
        packet(random.pick(&[0x40, 0x50, 0x62, 0x70]), &[vec![0, 1], random.bytes(spare)].concat())
    }),
    client("65535-levels", ALL, End::Refused, |random, version| {
        let topic = vec![b'/'; 65_534];
        match random.below(2) {
            0 => publish(version, 2, topic, 1, b""),
            _ => subscribe(version, 0x82, 1, b"", &[(topic, 0)]),
        }
    }),
    client(
        "flood-of-qos-2",
        ONLY_5,
        End::Closed(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED, both("MQTT-3.3.4-7")),
        |_, version| (1..=1_025).flat_map(|identifier| publish(version, 4, "flood", identifier, b"")).collect(),
    ),
    client("flood-of-qos-2-without-a-maximum", ONLY_311, End::Open, |random, version| {
        let count = 1 + random.below(3_000) as u16;
        (1..=count).flat_map(|identifier| publish(version, 4, "flood", identifier, b"")).collect()
    }),
    client("subscription-bomb", ALL, End::Open, |random, version| {
        let filters: Vec<_> = (0..1_000)
            .map(|_| {
                let depth = 1 + random.below(20);
                let levels: Vec<_> = (0..depth).map(|_| random.pick(&["+", "a", "b", "c", ""])).collect();
                (format!("bomb/{}", levels.join("/")).into_bytes(), random.byte() % 3)
            })
            .collect();
        subscribe(version, 0x82, 1, b"", &filters)
    }),
    client("giant-that-never-comes", ALL, End::Open, |random, _| {
        let announced = 1_000 + random.below(1_990_000);
        let sent = random.below(1_000);
        [vec![0x30], length(announced), random.bytes(sent)].concat()
    }),
    client("cut-short", ALL, End::Open, |random, version| {
        let whole = valid(random, version);
        let end = 1 + random.below(whole.len() - 1);
        whole[..end].to_vec()
    }),
    client("mutations", ALL, End::Open, mutated),
    client("more-mutations", ALL, End::Open, mutated),
    client("noise", ALL, End::Open, |random, _| {
        let length = 1 + random.below(2_000);
        random.bytes(length)
    }),
    stranger("packet-before-connect", ALL, End::Silent("MQTT-3.1.0-1"), |random, version| {
        loop {
            let packet = valid(random, version);
            if packet[0] != 0xF0 {
                return packet;
            }
        }
    }),
    stranger("connect-with-reserved-flag", ALL, End::Closed(MALFORMED, both("MQTT-3.1.2-3")), |_, version| {
        connect(version, 3, b"", &string("x"))
    }),
    stranger(
        "connect-with-flags-of-its-own",
        ALL,
        End::Closed(MALFORMED, ["MQTT-2.1.3-1", "MQTT-2.2.2-2"]),
        |random, version| {
            let mut bytes = connect(version, 2, b"", &string("x"));
            bytes[0] |= 1 + random.byte() % 15;
            bytes
        },
    ),
    stranger("will-of-qos-3", ALL, End::Closed(MALFORMED, ["MQTT-3.1.2-12", "MQTT-3.1.2-14"]), |_, version| {
        connect(version, 0x1E, b"", &string("x"))
    }),
    stranger("will-qos-without-will", ALL, End::Closed(MALFORMED, ["MQTT-3.1.2-11", "MQTT-3.1.2-13"]), |_, version| {
        connect(version, 0x0A, b"", &string("x"))
    }),
    stranger("password-without-user-name", ONLY_311, End::Silent("MQTT-3.1.2-22"), |_, version| {
        connect(version, 0x42, b"", &[string("x"), string("secret")].concat())
    }),
    stranger("client-identifier-not-utf-8", ALL, End::Closed(MALFORMED, UTF_8), |random, version| {
        let bad: &[u8] = random.pick(&[b"\xFF", b"\xED\xA0\x80", b"\xC0\x80", b"a\xC3"]);
        connect(version, 2, b"", &string(bad))
    }),
    stranger(
        "will-topic-with-wildcard",
        ALL,
        End::Closed(ReasonCode::TOPIC_NAME_INVALID, both("MQTT-")),
        |_, version| {
            let will_properties = if version == V5 { vec![0] } else { Vec::new() };
            connect(version, 6, b"", &[string("x"), will_properties, string("a/#"), string("bye")].concat())
        },
    ),
    stranger("connect-cut-inside", ALL, End::Closed(MALFORMED, MID_FIELD), |random, version| {
        // The Client Identifier is announced longer than the packet is.
        connect(version, 2, b"", &[0xFF, random.byte(), b'x'])
    }),
    stranger("connect-with-bytes-to-spare", ALL, End::Closed(MALFORMED, MID_FIELD), |random, version| {
        let spare = 1 + random.below(20);
        connect(version, 2, b"", &[string("x"), random.bytes(spare)].concat())
    }),
    stranger("connect-with-doubled-property", ONLY_5, End::Closed(PROTOCOL, both("3.1.2.11")), |random, version| {
        let property: &[u8] =
            random.pick(&[b"\x11\0\0\0\x05", b"\x21\0\x05", b"\x27\0\0\x10\0", b"\x22\0\x05", b"\x19\x01"]);
        connect(version, 2, &[property, property].concat(), &string("x"))
    }),
    stranger("receive-maximum-0", ONLY_5, End::Closed(PROTOCOL, both("3.1.2.11.3")), |_, version| {
        connect(version, 2, b"\x21\0\0", &string("x"))
    }),
    stranger("maximum-packet-size-0", ONLY_5, End::Closed(PROTOCOL, both("3.1.2.11.4")), |_, version| {
        connect(version, 2, b"\x27\0\0\0\0", &string("x"))
    }),
    stranger(
        "unknown-method",
        ONLY_5,
        End::Closed(ReasonCode::BAD_AUTHENTICATION_METHOD, both("MQTT-4.12.0-1")),
        |_, version| connect(version, 2, b"\x15\0\x05SCRAM", &string("x")),
    ),
    stranger("giant-connect", ALL, End::Silent("MQTT-3.2.2-15"), |random, _| {
        [vec![0x10], length(2_000_001 + random.below(200_000_000))].concat()
    }),
    stranger("half-a-connect", ALL, End::Open, |random, version| {
        let whole = connect(version, 2, b"", &string("x"));
        let end = 1 + random.below(whole.len() - 1);
        whole[..end].to_vec()
    }),
    stranger("mutated-connect", ALL, End::Open, |random, version| {
        let whole = connect(version, 2, b"", &string("mutant"));
        loop {
            let mutant = mutate(random, whole.clone());
            // Of another protocol or version, it would be answered in the form of that one ("other-protocols").
            if mutant[1] < 0x80 && mutant.get(2..9) == whole.get(2..9) {
                return mutant;
            }
        }
    }),
    // Answered, where at all, in the form of 3.1.1.
    stranger("other-protocols", ONLY_311, End::Open, |random, _| {
        let opening: &[u8] = random.pick(&[
            b"GET / HTTP/1.1\r\nHost: nightjar\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x10\x0C\x00\x04NOPE\x04\x02\x00\x00\x00\x00",
            b"\x10\x0C\x00\x04MQTT\x06\x02\x00\x00\x00\x00",
        ]);
        opening.to_vec()
    }),
    stranger("noise-instead-of-connect", ALL, End::Open, |random, _| {
        let length = 1 + random.below(500);
        random.bytes(length)
    }),
];

/// A packet that a client may send after CONNECT.
fn valid(random: &mut Random, version: ProtocolVersion) -> Vec<u8> {
    match random.below(9) {
        0 => publish(version, 0, "mutant/a", 0, b""),
        1 => publish(version, 2, "mutant/a/b", 1 + random.byte() as u16, b""),
        2 => publish(version, 5, "mutant/ü", 1 + random.byte() as u16, b""),
        3 if version == V5 => publish(
            version,
            2,
            "mutant/properties",
            7,
            b"\x01\x01\x02\0\0\0\x3C\x03\0\x04text\x08\0\x01r\x09\0\x02\x01\x02\x26\0\x01k\0\x01v\x23\0\x03",
        ),
        3 | 4 => subscribe(version, 0x82, 9, b"", &[(b"mutant/+".to_vec(), 1), (b"mutant/a/#".to_vec(), 2)]),
        5 => unsubscribe(version, 0xA2, 10, Some(b"mutant/+")),
        6 => packet(random.pick(&[0x40, 0x50, 0x62, 0x70]), &[0, 1 + random.byte() % 4]),
        7 => packet(0xC0, b""),
        _ => packet(0xE0, if version == V5 { &[0x04, 0] } else { b"" }),
    }
}

/// A few valid packets with a few bytes changed, left out, doubled or put in.
fn mutated(random: &mut Random, version: ProtocolVersion) -> Vec<u8> {
    let count = 1 + random.below(5);
    let packets = (0..count).flat_map(|_| valid(random, version)).collect();
    mutate(random, packets)
}

fn mutate(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let position = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[position] ^= 1 << random.below(8),
            1 => bytes[position] = random.byte(),
            2 if bytes.len() > 1 => drop(bytes.remove(position)),
            3 => bytes.insert(position, random.pick(&[0x00, 0x7F, 0x80, 0xFF])),
            _ => {
                let end = (position + 1 + random.below(8)).min(bytes.len());
                bytes.extend_from_within(position..end);
            }
        }
    }
    bytes
}
