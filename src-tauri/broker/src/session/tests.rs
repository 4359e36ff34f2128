//! The session with virtual time: no sockets, no sleeping.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nightjar_mqtt::{
    Acknowledgement, Disconnect, DisconnectProperties, Packet, PacketIdentifier, ProtocolVersion, Publish,
    PublishProperties, QoS, ReasonCode, TopicName,
};

use super::*;
use crate::delivery::Kept;
use crate::{Message, Timestamp, clock};

/// A session, and a clock that moves only when it is told to.
struct World {
    session: Session,
    now: Moment,
}

const RECEIVE_MAXIMUM: u16 = 3;
const INCOMING_MAXIMUM: u16 = 2;

fn link(version: ProtocolVersion, keep_alive: u16, now: Moment) -> Link {
    link_for(version, keep_alive, RECEIVE_MAXIMUM, now)
}

fn link_for(version: ProtocolVersion, keep_alive: u16, receive_maximum: u16, now: Moment) -> Link {
    Link::new(version, keep_alive, receive_maximum, INCOMING_MAXIMUM, 4, now.steady)
}

fn id(value: u16) -> PacketIdentifier {
    PacketIdentifier::new(value).unwrap()
}

fn acknowledgement(value: u16) -> Acknowledgement {
    Acknowledgement::new(id(value), ReasonCode::SUCCESS)
}

fn failed(value: u16, reason: ReasonCode) -> Acknowledgement {
    Acknowledgement::new(id(value), reason)
}

fn publish(qos: QoS, packet_identifier: u16, topic: &str) -> Packet {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: (!topic.is_empty()).then(|| TopicName::new(topic.to_owned()).unwrap()),
        packet_identifier: PacketIdentifier::new(packet_identifier),
        properties: None,
        payload: Bytes::new(),
    })
}

fn aliased(alias: u16, topic: &str) -> Packet {
    let Packet::Publish(mut publish) = publish(QoS::AtMostOnce, 0, topic) else { unreachable!() };
    publish.properties = Some(Box::new(PublishProperties { topic_alias: Some(alias), ..Default::default() }));
    Packet::Publish(publish)
}

impl World {
    fn new(version: ProtocolVersion) -> Self {
        let now = clock::now();
        let session = Session::new(ClientIdentifier::new("client"), 60, link(version, 10, now));
        Self { session, now }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    fn packet(&mut self, packet: Packet) -> Vec<String> {
        let mut actions = Vec::new();
        self.session.handle_packet(self.now, packet, &mut actions);
        said(&actions)
    }

    fn deliver(&mut self, qos: QoS, topic: &str, expiry: Option<u32>) -> Vec<String> {
        let mut actions = Vec::new();
        let delivery = self.delivery(qos, topic, expiry);
        self.session.handle_delivery(self.now, delivery, &mut actions);
        said(&actions)
    }

    fn delivery(&self, qos: QoS, topic: &str, expiry: Option<u32>) -> Delivery {
        let properties = expiry.map(|seconds| {
            Box::new(PublishProperties { message_expiry_interval: Some(seconds), ..Default::default() })
        });
        let message = Message {
            topic: TopicName::new(topic.to_owned()).unwrap(),
            payload: Bytes::new(),
            qos,
            retain: false,
            properties,
            publisher: ClientIdentifier::new("publisher"),
            source: None,
            received: self.now.wall,
        };
        Delivery {
            message: Arc::new(message),
            qos,
            retain: false,
            identifiers: Arc::from([]),
            share: None,
            kept: Kept::No,
        }
    }

    fn committed(&mut self, qos: QoS, packet_identifier: u16) -> Vec<String> {
        let mut actions = Vec::new();
        let acknowledge = Acknowledge::success(id(packet_identifier), qos);
        self.session.handle_committed(acknowledge, &mut actions);
        said(&actions)
    }

    fn timeout(&mut self) -> Vec<String> {
        let mut actions = Vec::new();
        self.session.handle_timeout(self.now, &mut actions);
        said(&actions)
    }

    fn reconnect(&mut self, version: ProtocolVersion) -> Vec<String> {
        self.reconnect_taking(version, RECEIVE_MAXIMUM)
    }

    /// A new connection whose client takes so many messages at once.
    fn reconnect_taking(&mut self, version: ProtocolVersion, receive_maximum: u16) -> Vec<String> {
        let mut actions = Vec::new();
        self.session.resume(60, link_for(version, 10, receive_maximum, self.now), &mut actions);
        [said(&actions), self.resend()].concat()
    }

    /// What is sent again because there is room for it now.
    fn resend(&mut self) -> Vec<String> {
        let mut actions = Vec::new();
        while self.session.resend(self.now, &mut actions) {}
        said(&actions)
    }
}

/// Actions in short: what a reader of a test wants to compare.
fn said(actions: &[Action]) -> Vec<String> {
    let acknowledged = |name: &str, sent: &Acknowledgement| {
        let code = if sent.reason_code == ReasonCode::SUCCESS {
            String::new()
        } else {
            format!(" {:02x}", sent.reason_code.0)
        };
        format!("{name} {}{code}", sent.packet_identifier.value())
    };
    let say = |action: &Action| match action {
        Action::Send(Packet::PubAck(sent)) => acknowledged("PUBACK", sent),
        Action::Send(Packet::PubRec(sent)) => acknowledged("PUBREC", sent),
        Action::Send(Packet::PubRel(sent)) => acknowledged("PUBREL", sent),
        Action::Send(Packet::PubComp(sent)) => acknowledged("PUBCOMP", sent),
        Action::SendCommitted(Packet::PubRel(sent)) => acknowledged("PUBREL once committed", sent),
        Action::SendCommitted(Packet::PubComp(sent)) => acknowledged("PUBCOMP once committed", sent),
        Action::SendCommitted(packet) => format!("{:?} once committed", packet.packet_type()),
        Action::Keep(Note::Done(place)) => format!("done {}", place.order),
        Action::Keep(Note::Released(place)) => format!("released {}", place.order),
        Action::Keep(Note::Completed(place)) => format!("completed {}", place.order),
        Action::Keep(Note::ReceivedDone(packet_identifier)) => format!("let go of {}", packet_identifier.value()),
        Action::Send(packet) => format!("{:?}", packet.packet_type()),
        Action::Deliver(outgoing) => {
            let topic = &outgoing.delivery.message.topic;
            let number = outgoing.packet_identifier.map_or(0, PacketIdentifier::value);
            let dup = if outgoing.dup { " dup" } else { "" };
            let expiry = outgoing.message_expiry_interval.map_or(String::new(), |seconds| format!(" {seconds} s"));
            format!("PUBLISH {topic} {number}{dup}{expiry}")
        }
        Action::Publish { topic, acknowledge, .. } => match acknowledge {
            None => format!("take {topic}"),
            Some(Acknowledge { packet_identifier, .. }) => format!("take {topic} {}", packet_identifier.value()),
        },
        Action::Acknowledge(Acknowledge { packet_identifier, .. }) => format!("again {}", packet_identifier.value()),
        Action::Subscribe(_) => "subscribe".to_owned(),
        Action::Unsubscribe(_) => "unsubscribe".to_owned(),
        Action::Drop { delivery, reason } => format!("drop {} {}", delivery.message.topic, reason.name()),
        Action::Close(close) => {
            let will = if close.publish_will { "" } else { " without will" };
            format!("close {:02x}{will}", close.reason.0)
        }
    };
    actions.iter().map(say).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn qos_1_is_acknowledged_when_it_is_committed() {
    let mut world = World::new(ProtocolVersion::V311);
    assert_eq!(world.packet(publish(QoS::AtLeastOnce, 7, "a")), ["take a 7"]);
    assert_eq!(world.committed(QoS::AtLeastOnce, 7), ["PUBACK 7"]);
}

#[test]
fn qos_2_is_taken_once_until_pubrel() {
    let mut world = World::new(ProtocolVersion::V311);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 7, "a")), ["take a 7"]);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 7, "a")), ["again 7"]);
    assert_eq!(world.committed(QoS::ExactlyOnce, 7), ["PUBREC 7"]);
    assert_eq!(world.reconnect(ProtocolVersion::V311), NOTHING);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 7, "a")), ["again 7"], "also after a reconnect");
    assert_eq!(world.packet(Packet::PubRel(acknowledgement(7))), ["PUBCOMP 7"]);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 7, "b")), ["take b 7"]);
}

#[test]
fn a_refused_qos_2_message_may_come_again() {
    let mut world = World::new(ProtocolVersion::V5);
    world.packet(publish(QoS::ExactlyOnce, 7, "a"));
    let mut actions = Vec::new();
    let reason = ReasonCode::QUOTA_EXCEEDED;
    let refusal = Acknowledge::success(id(7), QoS::ExactlyOnce).refused(reason, "no room");
    world.session.handle_committed(refusal, &mut actions);
    assert_eq!(said(&actions), ["PUBREC 7 97"]);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 7, "a")), ["take a 7"]);
}

#[test]
fn a_message_without_acknowledgement_may_come_again() {
    let mut world = World::new(ProtocolVersion::V311);
    world.packet(publish(QoS::ExactlyOnce, 7, "a"));
    world.session.forget_incoming(Acknowledge::success(id(7), QoS::ExactlyOnce));
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 7, "a")), ["take a 7"]);
}

#[test]
fn pubrel_for_nothing_is_answered_with_what_the_version_knows() {
    let mut world = World::new(ProtocolVersion::V311);
    assert_eq!(world.packet(Packet::PubRel(acknowledgement(9))), ["PUBCOMP 9"]);
    let mut world = World::new(ProtocolVersion::V5);
    assert_eq!(world.packet(Packet::PubRel(acknowledgement(9))), ["PUBCOMP 9 92"]);
    assert_eq!(world.packet(Packet::PubRec(acknowledgement(9))), ["PUBREL 9 92"]);
}

#[test]
fn more_messages_than_the_receive_maximum_end_the_connection() {
    let mut world = World::new(ProtocolVersion::V5);
    world.packet(publish(QoS::ExactlyOnce, 1, "a"));
    world.packet(publish(QoS::AtLeastOnce, 2, "a"));
    assert_eq!(world.packet(publish(QoS::AtLeastOnce, 3, "a")), ["close 93"]);
    world.committed(QoS::AtLeastOnce, 2);
    assert_eq!(world.packet(publish(QoS::AtLeastOnce, 3, "a")), ["take a 3"], "an acknowledged one no longer counts");
    world.committed(QoS::ExactlyOnce, 1);
    assert_eq!(world.packet(publish(QoS::AtLeastOnce, 4, "a")), ["close 93"], "PUBREC does not end a flow");
    world.packet(Packet::PubRel(acknowledgement(1)));
    assert_eq!(world.packet(publish(QoS::AtLeastOnce, 4, "a")), ["take a 4"]);
}

#[test]
fn every_pubcomp_lets_the_client_send_another_message() {
    let mut world = World::new(ProtocolVersion::V5);
    world.packet(publish(QoS::ExactlyOnce, 1, "a"));
    world.packet(publish(QoS::ExactlyOnce, 2, "a"));
    assert_eq!(world.packet(Packet::PubRel(acknowledgement(9))), ["PUBCOMP 9 92"], "of a connection before this one");
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 3, "a")), ["take a 3"]);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 4, "a")), ["close 93"]);
}

#[test]
fn below_mqtt_5_there_is_no_receive_maximum() {
    let mut world = World::new(ProtocolVersion::V311);
    for number in 1..100 {
        assert_eq!(world.packet(publish(QoS::AtLeastOnce, number, "a")), [format!("take a {number}")]);
    }
}

#[test]
fn deliveries_fill_the_window_and_acknowledgements_open_it() {
    let mut world = World::new(ProtocolVersion::V311);
    assert_eq!(world.deliver(QoS::AtMostOnce, "q0", None), ["PUBLISH q0 0"]);
    assert_eq!(world.deliver(QoS::AtLeastOnce, "q1", None), ["PUBLISH q1 1"]);
    assert_eq!(world.deliver(QoS::ExactlyOnce, "q2", None), ["PUBLISH q2 2"]);
    assert_eq!(world.session.window(), usize::from(RECEIVE_MAXIMUM) - 2);
    assert_eq!(world.packet(Packet::PubAck(acknowledgement(1))), NOTHING);
    assert_eq!(world.packet(Packet::PubRec(acknowledgement(2))), ["PUBREL 2"]);
    assert_eq!(world.session.window(), usize::from(RECEIVE_MAXIMUM) - 1, "PUBREC does not end a flow");
    assert_eq!(world.packet(Packet::PubRec(acknowledgement(2))), ["PUBREL 2"], "PUBREC may come twice");
    assert_eq!(world.packet(Packet::PubComp(acknowledgement(2))), NOTHING);
    assert_eq!(world.session.window(), usize::from(RECEIVE_MAXIMUM));
}

#[test]
fn an_acknowledgement_that_does_not_belong_to_its_message_is_a_protocol_error() {
    for version in [ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5] {
        let mut world = World::new(version);
        world.deliver(QoS::AtLeastOnce, "one", None);
        world.deliver(QoS::ExactlyOnce, "two", None);
        assert_eq!(world.packet(Packet::PubRec(acknowledgement(1))), ["close 82"]);
        assert_eq!(world.packet(Packet::PubComp(acknowledgement(1))), ["close 82"]);
        assert_eq!(world.packet(Packet::PubAck(acknowledgement(2))), ["close 82"]);
        assert_eq!(world.packet(Packet::PubComp(acknowledgement(2))), ["close 82"], "PUBREC has not come");
        assert_eq!(world.session.inflight(), 2, "none of these ends a flow");
        world.packet(Packet::PubRec(acknowledgement(2)));
        assert_eq!(world.packet(Packet::PubAck(acknowledgement(2))), ["close 82"]);
        assert_eq!(world.session.inflight(), 2);
    }
}

#[test]
fn an_acknowledgement_of_nothing_is_late_and_not_wrong() {
    for version in [ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5] {
        let mut world = World::new(version);
        assert_eq!(world.packet(Packet::PubAck(acknowledgement(9))), NOTHING);
        assert_eq!(world.packet(Packet::PubComp(acknowledgement(9))), NOTHING);
        let answer = if version == ProtocolVersion::V5 { "PUBREL 9 92" } else { "PUBREL 9" };
        assert_eq!(world.packet(Packet::PubRec(acknowledgement(9))), [answer]);
    }
}

#[test]
fn a_reconnect_sends_again_in_the_original_order() {
    let mut world = World::new(ProtocolVersion::V311);
    world.deliver(QoS::ExactlyOnce, "first", None);
    world.deliver(QoS::AtLeastOnce, "second", None);
    world.deliver(QoS::ExactlyOnce, "third", None);
    world.packet(Packet::PubRec(acknowledgement(1)));
    assert_eq!(world.reconnect(ProtocolVersion::V311), ["PUBREL 1", "PUBLISH second 2 dup", "PUBLISH third 3 dup"],);
    world.packet(Packet::PubComp(acknowledgement(1)));
    assert_eq!(world.deliver(QoS::AtLeastOnce, "fourth", None), ["PUBLISH fourth 4"], "no identifier is used twice");
}

#[test]
fn pubrel_comes_again_in_the_order_of_pubrec_and_before_what_was_not_received() {
    for version in [ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5] {
        let mut world = World::new(version);
        for topic in ["first", "second", "third"] {
            world.deliver(QoS::ExactlyOnce, topic, None);
        }
        assert_eq!(world.packet(Packet::PubRec(acknowledgement(3))), ["PUBREL 3"]);
        assert_eq!(world.packet(Packet::PubRec(acknowledgement(1))), ["PUBREL 1"]);
        for _ in 0..2 {
            assert_eq!(world.reconnect(version), ["PUBREL 3", "PUBREL 1", "PUBLISH second 2 dup"], "however often");
        }
    }
}

#[test]
fn what_is_sent_again_keeps_within_the_receive_maximum_of_the_new_connection() {
    let mut world = World::new(ProtocolVersion::V5);
    for topic in ["first", "second", "third"] {
        world.deliver(QoS::AtLeastOnce, topic, None);
    }
    assert_eq!(world.reconnect_taking(ProtocolVersion::V5, 1), ["PUBLISH first 1 dup"]);
    assert_eq!(world.session.window(), 0);
    world.packet(Packet::PubAck(acknowledgement(1)));
    assert_eq!(world.session.window(), 0, "there is room, but not for what is new");
    assert_eq!(world.resend(), ["PUBLISH second 2 dup"]);
    world.packet(Packet::PubAck(acknowledgement(2)));
    assert_eq!(world.resend(), ["PUBLISH third 3 dup"]);
    world.packet(Packet::PubAck(acknowledgement(3)));
    assert_eq!(world.session.window(), 1);
    assert_eq!(world.deliver(QoS::AtLeastOnce, "fourth", None), ["PUBLISH fourth 4"]);
}

#[test]
fn a_late_acknowledgement_of_what_was_not_sent_again_yet_is_taken() {
    let mut world = World::new(ProtocolVersion::V5);
    for topic in ["first", "second", "third"] {
        world.deliver(QoS::AtLeastOnce, topic, None);
    }
    world.reconnect_taking(ProtocolVersion::V5, 1);
    world.packet(Packet::PubAck(acknowledgement(2)));
    assert_eq!(world.resend(), NOTHING, "the first still fills the window");
    world.packet(Packet::PubAck(acknowledgement(1)));
    assert_eq!(world.resend(), ["PUBLISH third 3 dup"]);
}

/// Every state that a QoS 2 message to the client can be in, and what of the window it takes on this connection and on
/// the next.
#[test]
fn the_window_counts_qos_2_until_pubcomp() {
    let full = usize::from(RECEIVE_MAXIMUM);
    let mut world = World::new(ProtocolVersion::V5);
    assert_eq!(world.session.window(), full);
    world.deliver(QoS::ExactlyOnce, "a", None);
    assert_eq!(world.session.window(), full - 1, "sent");
    world.reconnect(ProtocolVersion::V5);
    assert_eq!(world.session.window(), full - 1, "sent again");
    world.packet(Packet::PubRec(acknowledgement(1)));
    assert_eq!(world.session.window(), full - 1, "released");
    world.reconnect(ProtocolVersion::V5);
    assert_eq!(world.session.window(), full - 1, "released again");
    world.packet(Packet::PubRec(acknowledgement(1)));
    assert_eq!(world.session.window(), full - 1, "PUBREC came again");
    world.packet(Packet::PubComp(acknowledgement(1)));
    assert_eq!(world.session.window(), full, "done");
    world.packet(Packet::PubComp(acknowledgement(1)));
    assert_eq!(world.session.window(), full, "done, and said so twice");
    world.deliver(QoS::ExactlyOnce, "b", None);
    world.packet(Packet::PubRec(failed(2, ReasonCode::QUOTA_EXCEEDED)));
    assert_eq!(world.session.window(), full, "refused");
}

/// The same of the other direction.
#[test]
fn the_receive_maximum_of_the_broker_counts_qos_2_until_pubcomp() {
    let mut world = World::new(ProtocolVersion::V5);
    let fill = |world: &mut World, numbers: std::ops::RangeInclusive<u16>| {
        for number in numbers {
            assert_eq!(world.packet(publish(QoS::ExactlyOnce, number, "a")), [format!("take a {number}")]);
        }
    };
    fill(&mut world, 1..=INCOMING_MAXIMUM);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 9, "a")), ["close 93"], "taken");
    world.committed(QoS::ExactlyOnce, 1);
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 9, "a")), ["close 93"], "received");
    assert_eq!(world.packet(publish(QoS::ExactlyOnce, 1, "a")), ["again 1"], "the same again is no further one");
    world.packet(Packet::PubRel(acknowledgement(1)));
    fill(&mut world, 9..=9);
    world.reconnect(ProtocolVersion::V5);
    assert_eq!(world.packet(Packet::PubRel(acknowledgement(9))), ["PUBCOMP 9"]);
    fill(&mut world, 10..=9 + INCOMING_MAXIMUM);
    assert_eq!(world.packet(publish(QoS::AtLeastOnce, 20, "a")), ["close 93"], "a new connection, a new count");
}

#[test]
fn what_is_done_leaves_nothing_behind() {
    let mut world = World::new(ProtocolVersion::V311);
    for round in 0..200 {
        world.deliver(QoS::ExactlyOnce, "a", None);
        let number = round + 1;
        world.packet(Packet::PubRec(acknowledgement(number)));
        world.packet(Packet::PubComp(acknowledgement(number)));
        world.packet(publish(QoS::ExactlyOnce, number, "a"));
        world.packet(Packet::PubRel(acknowledgement(number)));
    }
    assert_eq!((world.session.inflight(), world.session.received.len()), (0, 0));
}

#[test]
fn flights_are_bounded_over_any_number_of_connections() {
    let mut world = World::new(ProtocolVersion::V5);
    for _ in 0..100 {
        while world.session.window() > 0 {
            world.deliver(QoS::ExactlyOnce, "a", None);
        }
        for number in 1..=1_000 {
            world.packet(Packet::PubRec(acknowledgement(number)));
        }
        world.reconnect(ProtocolVersion::V5);
    }
    assert_eq!(world.session.inflight(), usize::from(RECEIVE_MAXIMUM));
}

#[test]
fn a_refusal_says_why_to_who_wants_to_know() {
    for (wanted, version, told) in
        [(true, ProtocolVersion::V5, true), (false, ProtocolVersion::V5, false), (true, ProtocolVersion::V311, false)]
    {
        let mut world = World::new(version);
        let link = link(version, 10, world.now).with_problem_information(wanted);
        world.session.resume(60, link, &mut Vec::new());
        let mut actions = Vec::new();
        let refusal = Acknowledge::success(id(7), QoS::AtLeastOnce).refused(ReasonCode::QUOTA_EXCEEDED, "no room");
        world.session.handle_committed(refusal, &mut actions);
        let Some(Action::Send(Packet::PubAck(sent))) = actions.pop() else { panic!("no PUBACK") };
        assert_eq!(
            sent.properties.and_then(|properties| properties.reason_string).as_deref(),
            told.then_some("no room")
        );
    }
}

#[test]
fn identifiers_wrap_around_those_in_use() {
    let mut world = World::new(ProtocolVersion::V311);
    world.deliver(QoS::AtLeastOnce, "held", None);
    for number in 2..=u16::MAX {
        assert_eq!(world.deliver(QoS::AtLeastOnce, "a", None), [format!("PUBLISH a {number}")]);
        world.packet(Packet::PubAck(acknowledgement(number)));
    }
    assert_eq!(world.deliver(QoS::AtLeastOnce, "a", None), ["PUBLISH a 2"]);
}

#[test]
fn a_message_expires_while_it_waits_and_is_counted_down() {
    let mut world = World::new(ProtocolVersion::V5);
    let mut actions = Vec::new();
    let (short, long) =
        (world.delivery(QoS::AtLeastOnce, "a", Some(5)), world.delivery(QoS::AtLeastOnce, "b", Some(60)));
    world.wait(5);
    world.session.handle_delivery(world.now, short, &mut actions);
    world.session.handle_delivery(world.now, long, &mut actions);
    assert_eq!(said(&actions), ["drop a expired", "PUBLISH b 1 55 s"]);
    world.wait(5);
    assert_eq!(world.reconnect(ProtocolVersion::V5), ["PUBLISH b 1 dup 50 s"]);
}

#[test]
fn a_subscriber_may_refuse_a_message() {
    let mut world = World::new(ProtocolVersion::V5);
    world.deliver(QoS::AtLeastOnce, "a", None);
    world.deliver(QoS::ExactlyOnce, "b", None);
    let quota = ReasonCode::QUOTA_EXCEEDED;
    assert_eq!(world.packet(Packet::PubAck(failed(1, quota))), ["drop a refused by the subscriber"]);
    assert_eq!(world.packet(Packet::PubRec(failed(2, quota))), ["drop b refused by the subscriber"]);
    assert_eq!(world.session.inflight(), 0);
}

#[test]
fn silence_for_one_and_a_half_keep_alives_ends_the_connection() {
    let mut world = World::new(ProtocolVersion::V311);
    world.wait(14);
    assert_eq!(world.timeout(), NOTHING);
    world.packet(Packet::PingReq);
    world.wait(14);
    assert_eq!(world.timeout(), NOTHING, "any packet moves the deadline");
    world.wait(1);
    assert_eq!(world.timeout(), ["close 8d"]);
}

#[test]
fn keep_alive_0_never_ends_the_connection() {
    let mut world = World::new(ProtocolVersion::V311);
    world.session.resume(60, link(ProtocolVersion::V311, 0, world.now), &mut Vec::new());
    world.wait(1_000_000);
    assert_eq!(world.session.link().deadline(), None);
    assert_eq!(world.timeout(), NOTHING);
}

#[test]
fn an_alias_stands_for_the_topic_that_it_was_last_given() {
    let mut world = World::new(ProtocolVersion::V5);
    assert_eq!(world.packet(aliased(4, "a")), ["take a"]);
    assert_eq!(world.packet(aliased(4, "")), ["take a"]);
    assert_eq!(world.packet(aliased(4, "b")), ["take b"]);
    assert_eq!(world.packet(aliased(4, "")), ["take b"]);
    assert_eq!(world.packet(aliased(3, "")), ["close 82"], "an alias that was never set");
    assert_eq!(world.packet(aliased(5, "c")), ["close 94"], "an alias above the maximum");
    world.reconnect(ProtocolVersion::V5);
    assert_eq!(world.packet(aliased(4, "")), ["close 82"], "aliases end with the connection");
}

fn disconnect(reason_code: ReasonCode, session_expiry_interval: Option<u32>) -> Packet {
    let properties = DisconnectProperties { session_expiry_interval, ..DisconnectProperties::default() };
    Packet::Disconnect(Disconnect { reason_code, properties })
}

#[test]
fn disconnect_takes_the_will_back_unless_it_says_otherwise() {
    let mut world = World::new(ProtocolVersion::V5);
    assert_eq!(world.packet(disconnect(ReasonCode::SUCCESS, None)), ["close 00 without will"]);
    assert_eq!(world.packet(disconnect(ReasonCode::DISCONNECT_WITH_WILL, None)), ["close 04"]);
}

#[test]
fn disconnect_may_change_the_expiry_but_not_bring_it_about() {
    let mut world = World::new(ProtocolVersion::V5);
    world.packet(disconnect(ReasonCode::SUCCESS, Some(5)));
    assert_eq!(world.session.expiry_interval, 5);
    world.packet(disconnect(ReasonCode::SUCCESS, Some(0)));
    assert_eq!(world.session.expiry_interval, 0);
    assert_eq!(world.packet(disconnect(ReasonCode::SUCCESS, Some(5))), ["close 82"]);
}

#[test]
fn time_that_goes_back_does_not_expire_a_message() {
    let world = World::new(ProtocolVersion::V5);
    let delivery = world.delivery(QoS::AtMostOnce, "a", Some(5));
    let earlier = Timestamp::from_micros(world.now.wall.micros() - 1_000_000_000);
    assert_eq!(delivery.message.remaining_expiry(earlier), Some(5));
}
