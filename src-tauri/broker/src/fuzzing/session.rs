//! A session between a client that does anything, a router that delivers as the window allows, and a journal that
//! commits in order. What is checked follows from the specification alone, not from how the session goes about it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use nightjar_mqtt::{
    Acknowledgement, Decoder, Disconnect, DisconnectProperties, Packet, PacketIdentifier, PacketType, ProtocolVersion,
    Publish, PublishProperties, QoS, ReasonCode, TopicName,
};

use super::script::Script;
use crate::clock::{self, Moment};
use crate::delivery::{Delivery, Kept};
use crate::session::{Acknowledge, Action, Close, Link, Outgoing, Session};
use crate::{ClientIdentifier, Message, Timestamp};

const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V5, ProtocolVersion::V311, ProtocolVersion::V31];
/// Few enough that flows meet.
const IDENTIFIERS: u8 = 6;
const TOPICS: [&str; 3] = ["a", "a/b", "c"];
const ALIAS_MAXIMUM: u16 = 3;

/// Packets, deliveries, commits, deadlines and reconnects, in any order.
///
/// # Panics
/// Where the session breaks the specification, or loses count.
pub fn session(input: &[u8]) {
    let mut script = Script::new(input);
    let mut world = World::new(&mut script);
    while !script.is_over() {
        world.step(&mut script);
        world.check();
    }
}

struct World {
    session: Session,
    now: Moment,
    connection: Connection,
    /// QoS 1 and 2 messages to the client, in the order in which they were first sent.
    flights: Vec<Flight>,
    /// QoS 2 messages from the client that were published and not released.
    unreleased: HashSet<PacketIdentifier>,
    /// Messages that were delivered so far; the payload of each is its number.
    delivered: u32,
}

/// What ends with the connection.
struct Connection {
    version: ProtocolVersion,
    keep_alive: u16,
    receive_maximum: u16,
    incoming_maximum: u16,
    heard: Instant,
    closed: bool,
    /// What the journal has yet to commit, oldest first.
    uncommitted: VecDeque<Acknowledge>,
    /// PUBLISH, PUBREC and PUBREL from the client that were not answered yet.
    unanswered: HashMap<(PacketType, PacketIdentifier), u32>,
    /// QoS 1 and 2 messages that the client may still send, as 4.9 Flow Control counts them for the client.
    quota: u16,
    /// QoS 1 and 2 messages that the client sent and that are not over, no matter whether they count.
    incoming: usize,
    /// Of [`World::flights`], those whose PUBLISH was sent on this connection.
    sent: HashSet<PacketIdentifier>,
    /// The number of the message that was sent again last.
    resent: Option<u32>,
    aliases: HashMap<u16, &'static str>,
}

struct Flight {
    packet_identifier: PacketIdentifier,
    number: u32,
    qos: QoS,
    /// PUBREC came: the PUBLISH must not be sent again.
    released: bool,
}

/// What brought the actions about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Packet,
    Commit,
    Delivery,
    Timeout,
    Reconnect,
    Resend,
}

impl Connection {
    fn new(script: &mut Script<'_>, now: Moment) -> (Self, Link) {
        let version = script.pick(&VERSIONS);
        let keep_alive = script.pick(&[10, 0, 1, u16::MAX]);
        let receive_maximum = script.pick(&[2, 1, 4, 20]);
        let incoming_maximum = script.pick(&[2, 1, 4]);
        let link = Link::new(version, keep_alive, receive_maximum, incoming_maximum, ALIAS_MAXIMUM, now.steady);
        let connection = Self {
            version,
            keep_alive,
            receive_maximum,
            incoming_maximum,
            heard: now.steady,
            closed: false,
            uncommitted: VecDeque::new(),
            unanswered: HashMap::new(),
            quota: incoming_maximum,
            incoming: 0,
            sent: HashSet::new(),
            resent: None,
            aliases: HashMap::new(),
        };
        (connection, link)
    }

    fn is_5(&self) -> bool {
        self.version == ProtocolVersion::V5
    }

    fn ask(&mut self, packet_type: PacketType, packet_identifier: PacketIdentifier) {
        *self.unanswered.entry((packet_type, packet_identifier)).or_default() += 1;
    }

    /// An answer to what was asked, and to nothing else.
    fn answer(&mut self, packet_type: PacketType, packet_identifier: PacketIdentifier) {
        let count = self.unanswered.entry((packet_type, packet_identifier)).or_default();
        assert!(*count > 0, "an answer too many to {packet_type} {packet_identifier:?}");
        *count -= 1;
    }

    fn incoming_is_over(&mut self) {
        self.incoming = self.incoming.saturating_sub(1);
        self.quota = (self.quota + 1).min(self.incoming_maximum);
    }
}

impl World {
    fn new(script: &mut Script<'_>) -> Self {
        let now = Moment { steady: clock::now().steady, wall: Timestamp::from_micros(1_000_000_000_000_000) };
        let (connection, link) = Connection::new(script, now);
        Self {
            session: Session::new(ClientIdentifier::new("client"), 60, link),
            now,
            connection,
            flights: Vec::new(),
            unreleased: HashSet::new(),
            delivered: 0,
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        if self.connection.closed {
            self.reconnect(script);
            return;
        }
        match script.below(16) {
            0..=3 => self.publish(script),
            4..=6 => self.acknowledge(script),
            7..=9 => self.deliver(script),
            10 | 11 => self.commit(script),
            12 => self.wait(script),
            13 => self.reconnect(script),
            14 => self.any_packet(script),
            _ => self.disconnect(script),
        }
    }

    fn check(&self) {
        assert_eq!(self.session.inflight(), self.flights.len(), "messages on their way");
        assert!(self.session.window() <= usize::from(self.connection.receive_maximum));
        let sent = self.connection.sent.len();
        assert!(
            sent <= usize::from(self.connection.receive_maximum),
            "{sent} messages on their way, of {} [MQTT-3.3.4-9]",
            self.connection.receive_maximum,
        );
    }

    fn publish(&mut self, script: &mut Script<'_>) {
        let (qos, dup) = (script.qos(), script.flag());
        let topic = script.pick(&TOPICS);
        let mut publish = Publish {
            dup: dup && qos != QoS::AtMostOnce,
            qos,
            retain: script.flag(),
            topic: Some(TopicName::new(topic).expect("a valid name")),
            packet_identifier: (qos != QoS::AtMostOnce).then(|| identifier(script)),
            properties: None,
            payload: Bytes::new(),
        };
        let (mut expected, mut is_out_of_range) = (Some(topic), false);
        if self.connection.is_5() && script.flag() {
            let alias = u16::from(script.below(6));
            is_out_of_range = !(1..=ALIAS_MAXIMUM).contains(&alias);
            if script.flag() {
                publish.topic = None;
                expected = self.connection.aliases.get(&alias).copied();
            } else if !is_out_of_range {
                self.connection.aliases.insert(alias, topic);
            } else {
                expected = None;
            }
            publish.properties =
                Some(Box::new(PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() }));
        }
        let actions = self.packet(Packet::Publish(publish));
        for action in &actions {
            if let Action::Publish { topic, .. } = action {
                assert_eq!(Some(&**topic), expected, "the topic that the alias stands for");
            }
        }
        let refused = |with: ReasonCode| {
            actions.iter().any(|action| matches!(action, Action::Close(Close { reason, .. }) if *reason == with))
        };
        assert_eq!(refused(ReasonCode::TOPIC_ALIAS_INVALID), is_out_of_range, "0x94 is for 0 and what is too high");
        if expected.is_none() && !is_out_of_range {
            assert!(refused(ReasonCode::PROTOCOL_ERROR), "an alias is refused where it stands for nothing");
        }
    }

    fn acknowledge(&mut self, script: &mut Script<'_>) {
        let packet_identifier = identifier(script);
        let kind = script.below(4);
        let refuses = kind < 2 && self.connection.is_5() && script.flag();
        let reason = if refuses { ReasonCode::QUOTA_EXCEEDED } else { ReasonCode::SUCCESS };
        let acknowledgement = Acknowledgement::new(packet_identifier, reason);
        self.packet(match kind {
            0 => Packet::PubAck(acknowledgement),
            1 => Packet::PubRec(acknowledgement),
            2 => Packet::PubRel(acknowledgement),
            _ => Packet::PubComp(acknowledgement),
        });
    }

    fn deliver(&mut self, script: &mut Script<'_>) {
        let qos = script.qos();
        let too_large = script.below(8) == 7;
        let expiry = script.pick(&[None, None, Some(0), Some(1), Some(30), Some(u32::MAX)]);
        let age = Duration::from_secs(u64::from(script.below(3)));
        if script.flag() {
            self.resend();
        }
        if qos != QoS::AtMostOnce && self.session.window() == 0 {
            return;
        }
        self.delivered += 1;
        let properties = expiry.map(|seconds| {
            Box::new(PublishProperties { message_expiry_interval: Some(seconds), ..PublishProperties::default() })
        });
        let received = self.now.wall.micros() - i64::try_from(age.as_micros()).expect("two seconds at the most");
        let message = Message {
            topic: TopicName::new("to/client").expect("a valid name"),
            payload: Bytes::copy_from_slice(&self.delivered.to_be_bytes()),
            qos,
            retain: false,
            properties,
            publisher: ClientIdentifier::new("publisher"),
            source: None,
            received: Timestamp::from_micros(received),
        };
        let expired = message.has_expired(self.now.wall);
        let delivery = Delivery {
            message: Arc::new(message),
            qos,
            retain: false,
            identifiers: Arc::from([]),
            share: None,
            kept: Kept::No,
        };
        let mut actions = Vec::new();
        self.session.handle_delivery(self.now, delivery, &mut actions);
        let sent = actions.iter().find_map(|action| match action {
            Action::Deliver(outgoing) => Some(outgoing.packet_identifier),
            _ => None,
        });
        assert_eq!(sent.is_some(), !expired, "what has expired is not sent, and all else is [MQTT-3.3.2-5]");
        self.note(Cause::Delivery, &actions);
        if let Some(Some(packet_identifier)) = sent.filter(|_| too_large) {
            self.session.forget_flight(packet_identifier);
            self.flight_is_over(packet_identifier);
        }
    }

    /// The journal has committed the oldest message that waits for it, or can't keep it.
    fn commit(&mut self, script: &mut Script<'_>) {
        let refuses = script.below(4) == 3;
        let Some(acknowledge) = self.connection.uncommitted.pop_front() else { return };
        if refuses && !self.connection.is_5() {
            self.session.forget_incoming(acknowledge);
            self.unreleased.remove(&acknowledge.packet_identifier);
            self.connection.incoming_is_over();
            return;
        }
        let reason = if refuses { ReasonCode::QUOTA_EXCEEDED } else { acknowledge.reason };
        let mut actions = Vec::new();
        self.session.handle_committed(Acknowledge { reason, ..acknowledge }, &mut actions);
        self.note(Cause::Commit, &actions);
    }

    fn wait(&mut self, script: &mut Script<'_>) {
        let seconds = script.pick(&[0, 1, 14, 15, 100_000]);
        self.now = self.now.after(Duration::from_secs(seconds));
        let mut actions = Vec::new();
        self.session.handle_timeout(self.now, &mut actions);
        let silence = (self.now.steady - self.connection.heard).as_millis();
        let keep_alive = u128::from(self.connection.keep_alive) * 1_500;
        assert_eq!(
            actions.iter().any(|action| matches!(action, Action::Close(_))),
            keep_alive > 0 && silence >= keep_alive,
            "{silence} ms of silence with a keep alive of {} s [MQTT-3.1.2-22]",
            self.connection.keep_alive,
        );
        self.note(Cause::Timeout, &actions);
    }

    /// A new connection, and what was not committed on the old one is not acknowledged any more.
    fn reconnect(&mut self, script: &mut Script<'_>) {
        let (connection, link) = Connection::new(script, self.now);
        self.connection = connection;
        let mut actions = Vec::new();
        self.session.resume(60, link, &mut actions);
        self.note(Cause::Reconnect, &actions);
    }

    /// Sends again what the window allows.
    fn resend(&mut self) {
        let mut actions = Vec::new();
        while self.session.resend(self.now, &mut actions) {}
        self.note(Cause::Resend, &actions);
    }

    /// A packet as it comes from the wire.
    fn any_packet(&mut self, script: &mut Script<'_>) {
        let mut bytes = BytesMut::from(script.bytes());
        let decoded = Decoder::for_version(self.connection.version, 1 << 16).decode(&mut bytes);
        match decoded {
            // Their aliases and topics are for `publish`, which knows what to expect.
            Ok(Some(Packet::Publish(_))) | Ok(None) | Err(_) => {}
            Ok(Some(packet)) => drop(self.packet(packet)),
        }
    }

    fn disconnect(&mut self, script: &mut Script<'_>) {
        let (reason_code, properties) = if self.connection.is_5() {
            let session_expiry_interval = script.pick(&[None, Some(0), Some(5), Some(u32::MAX)]);
            (
                script.pick(&[ReasonCode::SUCCESS, ReasonCode::DISCONNECT_WITH_WILL, ReasonCode::UNSPECIFIED_ERROR]),
                DisconnectProperties { session_expiry_interval, ..DisconnectProperties::default() },
            )
        } else {
            (ReasonCode::SUCCESS, DisconnectProperties::default())
        };
        let actions = self.packet(Packet::Disconnect(Disconnect { reason_code, properties }));
        assert!(
            matches!(actions[..], [Action::Close(_)]),
            "DISCONNECT ends the connection and does nothing else: {actions:?}"
        );
    }

    fn packet(&mut self, packet: Packet) -> Vec<Action> {
        self.connection.heard = self.now.steady;
        match &packet {
            Packet::Publish(Publish { packet_identifier: Some(packet_identifier), .. }) => {
                self.connection.incoming += 1;
                self.connection.ask(PacketType::Publish, *packet_identifier);
            }
            Packet::PubAck(acknowledgement) => {
                let packet_identifier = acknowledgement.packet_identifier;
                let is_qos_1 = |flight: &mut Flight| flight.qos == QoS::AtLeastOnce;
                if self.flight(packet_identifier).is_some_and(is_qos_1) {
                    self.flight_is_over(packet_identifier);
                }
            }
            Packet::PubRec(acknowledgement) => {
                self.connection.ask(PacketType::PubRec, acknowledgement.packet_identifier);
                let flight = self.flight(acknowledgement.packet_identifier);
                if let Some(flight) = flight.filter(|flight| flight.qos == QoS::ExactlyOnce) {
                    flight.released = true;
                    if acknowledgement.reason_code.is_error() {
                        self.flight_is_over(acknowledgement.packet_identifier);
                    }
                }
            }
            Packet::PubRel(acknowledgement) => {
                self.connection.ask(PacketType::PubRel, acknowledgement.packet_identifier);
                self.unreleased.remove(&acknowledgement.packet_identifier);
            }
            Packet::PubComp(acknowledgement) => {
                let is_released = |flight: &mut Flight| flight.released;
                if self.flight(acknowledgement.packet_identifier).is_some_and(is_released) {
                    self.flight_is_over(acknowledgement.packet_identifier);
                }
            }
            _ => {}
        }
        let mut actions = Vec::new();
        self.session.handle_packet(self.now, packet, &mut actions);
        self.note(Cause::Packet, &actions);
        actions
    }

    fn note(&mut self, cause: Cause, actions: &[Action]) {
        for action in actions {
            assert!(!self.connection.closed, "something follows the end of the connection: {action:?}");
            match action {
                Action::Send(packet) => self.note_sent(cause, packet),
                Action::SendCommitted(_) | Action::Keep(_) => panic!("the journal does not keep this session"),
                Action::Deliver(outgoing) => self.note_delivered(cause, outgoing),
                Action::Publish { publish, acknowledge, .. } => {
                    assert_eq!(cause, Cause::Packet);
                    assert_eq!(publish.packet_identifier, acknowledge.map(|acknowledge| acknowledge.packet_identifier));
                    if let Some(acknowledge) = acknowledge {
                        if self.connection.is_5() {
                            let quota = self.connection.quota.checked_sub(1);
                            self.connection.quota = quota.expect("a message beyond the Receive Maximum was taken");
                        }
                        if acknowledge.qos == QoS::ExactlyOnce {
                            let first = self.unreleased.insert(acknowledge.packet_identifier);
                            assert!(first, "a QoS 2 message was published twice [MQTT-4.3.3-10]");
                        }
                        self.connection.uncommitted.push_back(*acknowledge);
                    }
                }
                Action::Acknowledge(acknowledge) => self.connection.uncommitted.push_back(*acknowledge),
                Action::Subscribe(_) | Action::Unsubscribe(_) => assert_eq!(cause, Cause::Packet),
                Action::Drop { .. } => assert!(matches!(cause, Cause::Packet | Cause::Delivery), "{cause:?}"),
                Action::Close(close) => self.note_closed(cause, close),
            }
        }
    }

    fn note_sent(&mut self, cause: Cause, packet: &Packet) {
        check_encoding(packet, self.connection.version);
        match packet {
            Packet::PubAck(sent) => {
                assert_eq!(cause, Cause::Commit, "an acknowledgement before the commit");
                self.connection.answer(PacketType::Publish, sent.packet_identifier);
                self.connection.incoming_is_over();
            }
            Packet::PubRec(sent) => {
                assert_eq!(cause, Cause::Commit, "an acknowledgement before the commit");
                self.connection.answer(PacketType::Publish, sent.packet_identifier);
                if sent.reason_code.is_error() {
                    self.unreleased.remove(&sent.packet_identifier);
                    self.connection.incoming_is_over();
                }
            }
            Packet::PubRel(sent) if cause == Cause::Packet => {
                self.connection.answer(PacketType::PubRec, sent.packet_identifier);
            }
            Packet::PubRel(sent) => {
                assert_eq!(cause, Cause::Reconnect, "PUBREL for nothing");
                let flight = self.flight(sent.packet_identifier).expect("only what is on its way is released");
                assert!(flight.released, "PUBREL before PUBREC");
            }
            Packet::PubComp(sent) => {
                self.connection.answer(PacketType::PubRel, sent.packet_identifier);
                self.connection.incoming_is_over();
            }
            Packet::PingResp => assert_eq!(cause, Cause::Packet),
            other => panic!("the session sent {other:?}"),
        }
    }

    fn note_delivered(&mut self, cause: Cause, outgoing: &Outgoing) {
        let Outgoing { dup, packet_identifier, message_expiry_interval, delivery, .. } = outgoing;
        let payload = delivery.message.payload[..].try_into().expect("the number of a message");
        let number = u32::from_be_bytes(payload);
        assert_eq!(packet_identifier.is_some(), delivery.qos != QoS::AtMostOnce, "[MQTT-2.2.1-2]");
        let Some(packet_identifier) = *packet_identifier else {
            assert!(!dup, "[MQTT-3.3.1-2]");
            assert_ne!(*message_expiry_interval, Some(0));
            return;
        };
        if *dup {
            assert_eq!(cause, Cause::Resend);
            let flight = self.flight(packet_identifier).expect("only what is on its way is sent again");
            assert_eq!((flight.number, flight.qos), (number, delivery.qos), "another message under the identifier");
            assert!(!flight.released, "PUBLISH after PUBREC [MQTT-4.3.3-13]");
            assert!(self.connection.resent < Some(number), "sent again out of order [MQTT-4.6.0-1]");
            self.connection.resent = Some(number);
        } else {
            assert_eq!(cause, Cause::Delivery);
            assert_ne!(*message_expiry_interval, Some(0));
            assert!(self.flight(packet_identifier).is_none(), "an identifier in use [MQTT-2.2.1-4]");
            self.flights.push(Flight { packet_identifier, number, qos: delivery.qos, released: false });
        }
        let first = self.connection.sent.insert(packet_identifier);
        assert!(first, "sent twice on one connection [MQTT-4.4.0-1]");
    }

    fn note_closed(&mut self, cause: Cause, close: &Close) {
        assert!(matches!(cause, Cause::Packet | Cause::Timeout), "{cause:?}");
        if !close.client_said_so {
            assert!(close.reason.is_error(), "{close:?}");
            assert!(close.publish_will, "{close:?}");
            assert!(close.detail.contains("MQTT"), "no clause: {close:?}");
        }
        if close.reason == ReasonCode::RECEIVE_MAXIMUM_EXCEEDED {
            assert!(self.connection.is_5(), "below MQTT 5.0 there is no Receive Maximum");
            assert!(
                self.connection.incoming > usize::from(self.connection.incoming_maximum),
                "closed with {} messages of {} [MQTT-3.3.4-7]",
                self.connection.incoming,
                self.connection.incoming_maximum,
            );
        }
        self.connection.closed = true;
    }

    fn flight(&mut self, packet_identifier: PacketIdentifier) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.packet_identifier == packet_identifier)
    }

    fn flight_is_over(&mut self, packet_identifier: PacketIdentifier) {
        self.flights.retain(|flight| flight.packet_identifier != packet_identifier);
        self.connection.sent.remove(&packet_identifier);
    }
}

fn identifier(script: &mut Script<'_>) -> PacketIdentifier {
    PacketIdentifier::new(u16::from(script.below(IDENTIFIERS)) + 1).expect("1 or more")
}

/// What the session sends is a packet of this version, and says nothing that the version has no word for.
fn check_encoding(packet: &Packet, version: ProtocolVersion) {
    let mut bytes = BytesMut::new();
    packet.encode(version, &mut bytes).expect("small packets only");
    let decoded = Decoder::for_version(version, usize::MAX).decode(&mut bytes);
    assert_eq!(decoded.as_ref(), Ok(&Some(packet.clone())), "the client reads something else");
}
