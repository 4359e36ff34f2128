//! The matrix of real clients: every family × MQTT 3.1.1 and 5.0 × every scenario × every kind of listener that the
//! family speaks, each cell a test of its own.
//!
//! It runs against Nightjar and, where mosquitto is installed, against mosquitto, so that a cell says whether it is
//! the client or the broker that is odd. `NIGHTJAR_TEST_ADDRESS=host:port` aims it at any one broker instead:
//!
//! ```text
//! NIGHTJAR_TEST_ADDRESS=127.0.0.1:1883 cargo test -p nightjar-tests --test clients
//! ```
//!
//! There is no difference between Nightjar and mosquitto 2.0 in any cell. Should one come up, it belongs into a table
//! here with its clause, and not into the scenarios.

use std::env;
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use nightjar_mqtt::{ProtocolVersion, QoS};
use nightjar_tests::client::{Driver, Family, Kind, Message, Mosquitto, Place, Session, Subscriber};
use nightjar_tests::{Broker, is_installed};

use QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce};

type Scenario = fn(&Cell) -> anyhow::Result<()>;

const SCENARIOS: [(&str, Scenario); 11] = [
    ("qos-0", |cell| delivers_at(cell, AtMostOnce)),
    ("qos-1", |cell| delivers_at(cell, AtLeastOnce)),
    ("qos-2", |cell| delivers_at(cell, ExactlyOnce)),
    ("qos-lowered-to-subscription", lowers_qos),
    ("retained-set", sets_retained),
    ("retained-clear", clears_retained),
    ("will-on-dropped-socket", publishes_will),
    ("disconnect-and-will", disconnects),
    ("resumed-session", resumes_session),
    ("payload-1-mib", carries_one_mebibyte),
    ("unicode-topics", carries_unicode),
];

/// What is tried through each kind of listener: a kind changes how bytes travel and how connections end, not what is
/// retained or matched, which plain TCP proves.
const THROUGH_ALL: [&str; 5] =
    ["qos-2", "will-on-dropped-socket", "disconnect-and-will", "resumed-session", "payload-1-mib"];

/// Nightjar's listeners beside plain TCP: the name in the tests, the option, and the kind.
const DOORS: [(&str, &str, Kind); 3] = [
    ("nightjar-tls", "--listen-tls", Kind::Tls),
    ("nightjar-ws", "--listen-ws", Kind::WebSocket),
    ("nightjar-wss", "--listen-wss", Kind::WebSocketTls),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("data");
    // They live until the last cell is through.
    let mut running = Vec::new();
    let mut brokers: Vec<(String, Place)> = Vec::new();
    if let Ok(address) = env::var("NIGHTJAR_TEST_ADDRESS") {
        let resolved = address.to_socket_addrs()?.next().context("no such host")?;
        brokers.push((address, Place::plain(resolved)));
    } else if arguments.list {
        // Names only.
        let nowhere = Place::plain(([127, 0, 0, 1], 0).into());
        for name in ["nightjar", "mosquitto"] {
            brokers.push((name.to_owned(), nowhere.clone()));
        }
        brokers.extend(DOORS.map(|(name, _, kind)| (name.to_owned(), Place { kind, ..nowhere.clone() })));
    } else {
        let options = DOORS.map(|(_, option, _)| [option, "127.0.0.1:0"]).concat();
        let mut nightjar = Broker::nightjar(&data_dir, &options)?;
        brokers.push(("nightjar".to_owned(), Place::plain(nightjar.address())));
        for (name, _, kind) in DOORS {
            let authority = data_dir.join("certs/ca.pem");
            brokers.push((name.to_owned(), Place { address: nightjar.door(kind)?, kind, authority }));
        }
        running.push(nightjar);
        if is_installed("mosquitto") {
            let mosquitto = Broker::mosquitto(folder.path())?;
            brokers.push(("mosquitto".to_owned(), Place::plain(mosquitto.address())));
            running.push(mosquitto);
        }
    }

    let conclusion = libtest_mimic::run(&arguments, trials(&brokers));
    Ok(conclusion.exit_code())
}

fn trials(brokers: &[(String, Place)]) -> Vec<Trial> {
    let families: [Arc<dyn Family>; 4] =
        [Arc::new(Mosquitto), Arc::new(Driver::paho()), Arc::new(Driver::mqttjs()), Arc::new(Driver::browser())];
    let mut trials = Vec::new();
    for (broker, place) in brokers {
        for family in families.iter().filter(|family| family.speaks(place.kind)) {
            for version in [ProtocolVersion::V311, ProtocolVersion::V5] {
                for (name, scenario) in SCENARIOS {
                    if place.kind != Kind::Tcp && !THROUGH_ALL.contains(&name) {
                        continue;
                    }
                    let cell = Cell {
                        family: Arc::clone(family),
                        place: place.clone(),
                        version,
                        // Unique on any broker, also on one that remembers an earlier run, and for each of its listeners.
                        name: format!("{broker}-{}-{}-{name}-{}", family.name(), version.level(), std::process::id()),
                    };
                    let title = format!("{broker}::{}::mqtt-{}::{name}", family.name(), version.name());
                    trials.push(Trial::test(title, move || {
                        scenario(&cell).map_err(|error| Failed::from(format!("{error:#}")))
                    }));
                }
            }
        }
    }
    trials
}

/// A cell of the matrix, with topics and client identifiers of its own, so that cells run side by side.
struct Cell {
    family: Arc<dyn Family>,
    place: Place,
    version: ProtocolVersion,
    name: String,
}

impl Cell {
    fn topic(&self, rest: &str) -> String {
        format!("{}/{rest}", self.name)
    }

    fn session(&self, role: &str) -> Session {
        Session {
            place: self.place.clone(),
            version: self.version,
            client_identifier: format!("{}-{role}", self.name),
            kept: false,
            will: None,
        }
    }

    fn message(&self, topic: &str, payload: impl Into<Vec<u8>>, qos: QoS) -> Message {
        Message { topic: self.topic(topic), payload: payload.into(), qos, retain: false }
    }

    fn subscribe(&self, role: &str, topic: &str, maximum_qos: QoS) -> anyhow::Result<Box<dyn Subscriber>> {
        self.family.subscribe(&self.session(role), &self.topic(topic), maximum_qos)
    }

    fn publish(&self, messages: &[Message]) -> anyhow::Result<()> {
        self.family.publish(&self.session("publisher"), messages)
    }
}

fn expect(subscriber: &mut dyn Subscriber, what: &str, messages: &[Message]) -> anyhow::Result<()> {
    for expected in messages {
        let received = subscriber.receive().with_context(|| format!("{what}: waiting for {expected:?}"))?;
        ensure!(received == *expected, "{what}: {received:?} came instead of {expected:?}");
    }
    Ok(())
}

/// Ten messages arrive once each, in order, with the QoS they were sent with. The last shows that nothing came twice.
fn delivers_at(cell: &Cell, qos: QoS) -> anyhow::Result<()> {
    let mut subscriber = cell.subscribe("subscriber", "#", ExactlyOnce)?;
    let messages: Vec<Message> =
        (0..10).map(|number| cell.message(&format!("level/{number}"), format!("payload {number}"), qos)).collect();
    cell.publish(&messages)?;
    expect(&mut *subscriber, "subscribed to #", &messages)?;

    let last = [cell.message("last", [0, 0xFF, b'\n', 0x80], qos)];
    cell.publish(&last)?;
    expect(&mut *subscriber, "after the last", &last)
}

/// A message arrives with the lower of the QoS that it was published with and that was subscribed to (3.8.4).
fn lowers_qos(cell: &Cell) -> anyhow::Result<()> {
    let mut at_most_once = cell.subscribe("subscriber-0", "+", AtMostOnce)?;
    let mut at_least_once = cell.subscribe("subscriber-1", "+", AtLeastOnce)?;
    cell.publish(&[
        cell.message("two", "2", ExactlyOnce),
        cell.message("one", "1", AtLeastOnce),
        cell.message("zero", "0", AtMostOnce),
    ])?;
    let lowered = |highest: QoS| {
        [("two", "2", ExactlyOnce), ("one", "1", AtLeastOnce), ("zero", "0", AtMostOnce)]
            .map(|(topic, payload, qos)| cell.message(topic, payload, qos.min(highest)))
    };
    expect(&mut *at_least_once, "subscribed with QoS 1", &lowered(AtLeastOnce))?;
    let expected = lowered(AtMostOnce);
    expect(&mut *at_most_once, "subscribed with QoS 0", &expected)
}

/// Who subscribes later finds the retained message, marked so; who was there gets it as a plain message (3.3.1.3).
fn sets_retained(cell: &Cell) -> anyhow::Result<()> {
    let mut earlier = cell.subscribe("earlier", "#", AtLeastOnce)?;
    let first = Message { retain: true, ..cell.message("state", "first", AtLeastOnce) };
    let second = Message { payload: b"second".to_vec(), ..first.clone() };
    cell.publish(&[first.clone(), second.clone()])?;
    let plain = |message: &Message| Message { retain: false, ..message.clone() };
    expect(&mut *earlier, "subscribed before", &[plain(&first), plain(&second)])?;

    let mut later = cell.subscribe("later", "#", AtLeastOnce)?;
    expect(&mut *later, "subscribed after", &[second])?;
    let marker = cell.message("marker", "only one was retained", AtLeastOnce);
    cell.publish(std::slice::from_ref(&marker))?;
    expect(&mut *later, "after the retained message", &[marker])?;
    clear(cell, "state")
}

/// An empty retained message removes what was retained [MQTT-3.3.1-6].
fn clears_retained(cell: &Cell) -> anyhow::Result<()> {
    let message = Message { retain: true, ..cell.message("state", "soon gone", AtLeastOnce) };
    cell.publish(std::slice::from_ref(&message))?;
    let mut witness = cell.subscribe("witness", "#", AtLeastOnce)?;
    expect(&mut *witness, "before it is cleared", &[message])?;
    clear(cell, "state")?;

    let mut later = cell.subscribe("later", "#", AtLeastOnce)?;
    let marker = cell.message("marker", "nothing came before me", AtLeastOnce);
    cell.publish(std::slice::from_ref(&marker))?;
    expect(&mut *later, "subscribed after", &[marker])
}

fn clear(cell: &Cell, topic: &str) -> anyhow::Result<()> {
    cell.publish(&[Message { retain: true, ..cell.message(topic, "", AtLeastOnce) }])
}

fn with_will(cell: &Cell) -> (Session, Message) {
    let will = cell.message("will", "I did not say goodbye", AtLeastOnce);
    let session = Session { will: Some(will.clone()), ..cell.session("mortal") };
    (session, will)
}

/// The will is published when the socket closes without DISCONNECT [MQTT-3.1.2-8].
fn publishes_will(cell: &Cell) -> anyhow::Result<()> {
    let mut witness = cell.subscribe("witness", "will", AtLeastOnce)?;
    let (session, will) = with_will(cell);
    let mut mortal = cell.family.subscribe(&session, &cell.topic("nothing"), AtMostOnce)?;
    mortal.vanish()?;
    expect(&mut *witness, "after the socket was dropped", &[will])
}

/// DISCONNECT takes the will back [MQTT-3.1.2-10], unless it says 0x04 Disconnect with Will Message (5.0, 3.14.2.1).
fn disconnects(cell: &Cell) -> anyhow::Result<()> {
    let mut witness = cell.subscribe("witness", "#", AtLeastOnce)?;
    let (session, will) = with_will(cell);
    let mut polite = cell.family.subscribe(&session, &cell.topic("nothing"), AtMostOnce)?;
    polite.leave()?;
    if cell.family.leaves_with_will(cell.version) {
        expect(&mut *witness, "after DISCONNECT with 0x04", &[will])?;
    }
    let marker = cell.message("marker", "no will came before me", AtLeastOnce);
    cell.publish(std::slice::from_ref(&marker))?;
    expect(&mut *witness, "after DISCONNECT", &[marker])
}

/// What is published while a client with a kept session is away waits for it: after a DISCONNECT and after a drop.
fn resumes_session(cell: &Cell) -> anyhow::Result<()> {
    let session = Session { kept: true, ..cell.session("sleeper") };
    let filter = cell.topic("#");
    // QoS 2 comes last: a client may hand it over at PUBREL, after a QoS 1 message that was sent later.
    let away = |times: &str| {
        [("a", AtLeastOnce), ("b", AtLeastOnce), ("c", ExactlyOnce), ("d", ExactlyOnce)]
            .map(|(topic, qos)| cell.message(topic, format!("while away {times}"), qos))
    };

    cell.family.subscribe(&session, &filter, ExactlyOnce)?.leave()?;
    let first = away("for the first time");
    cell.publish(&first)?;

    let mut subscriber = cell.family.resume(&session, &filter, ExactlyOnce)?;
    expect(&mut *subscriber, "resumed after DISCONNECT", &first)?;
    // A client handles its packets in order: when this one has come, those before it are acknowledged.
    let live = [cell.message("live", "while there", AtMostOnce)];
    cell.publish(&live)?;
    expect(&mut *subscriber, "there again", &live)?;
    subscriber.leave()?;

    let mut subscriber = cell.family.resume(&session, &filter, ExactlyOnce)?;
    subscriber.vanish()?;
    let second = away("for the second time");
    cell.publish(&second)?;
    let mut subscriber = cell.family.resume(&session, &filter, ExactlyOnce)?;
    expect(&mut *subscriber, "resumed after a dropped socket", &second)
}

/// 1 MiB of all byte values, unharmed.
fn carries_one_mebibyte(cell: &Cell) -> anyhow::Result<()> {
    let mut subscriber = cell.subscribe("subscriber", "large", AtLeastOnce)?;
    let payload: Vec<u8> = (0..1_048_576_u32).map(|index| (index ^ (index >> 8)) as u8).collect();
    let messages = [cell.message("large", payload, AtLeastOnce)];
    cell.publish(&messages)?;
    expect(&mut *subscriber, "1 MiB", &messages)
}

/// Topics are UTF-8 (1.5.4), wildcards stand for whole levels of it.
fn carries_unicode(cell: &Cell) -> anyhow::Result<()> {
    let mut subscriber = cell.subscribe("ünïcödé-🦉", "wälder/+/東京 🦉/#", AtLeastOnce)?;
    let messages = [
        cell.message("wälder/данные/東京 🦉/größe", "läuft: 42 °C", AtLeastOnce),
        cell.message("wälder//東京 🦉", "an empty level is a level", AtLeastOnce),
    ];
    cell.publish(&[
        cell.message("wälder/данные/京東 🦉/größe", "does not match", AtLeastOnce),
        messages[0].clone(),
        cell.message("WÄLDER/данные/東京 🦉", "nor does this", AtLeastOnce),
        messages[1].clone(),
    ])?;
    expect(&mut *subscriber, "subscribed to 東京", &messages)
}
