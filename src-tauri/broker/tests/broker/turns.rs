//! Packets with thousands of Topic Filters, and sessions that leave as many: the others have their turn in between.

use std::collections::BTreeSet;
use std::time::Duration;

use nightjar_broker::{EventKind, SessionRecord};
use nightjar_mqtt::{
    Disconnect, Packet, Publish, ReasonCode, SubAck, Subscribe, SubscribeProperties, Subscription, SubscriptionOptions,
    TopicFilter, Unsubscribe,
};

use crate::peer::*;

/// As many as fit into one read, so that only the turns can let others in.
const MANY: usize = 5_000;

fn name(number: usize) -> String {
    format!("f/{number:04}")
}

fn filters(numbers: impl IntoIterator<Item = usize>) -> Vec<TopicFilter> {
    numbers.into_iter().map(|number| TopicFilter::new(name(number)).unwrap()).collect()
}

fn subscribe(number: u16, filters: Vec<TopicFilter>) -> Packet {
    let options = SubscriptionOptions { maximum_qos: Q1, ..SubscriptionOptions::default() };
    let subscriptions = filters.into_iter().map(|filter| Subscription { filter, options }).collect();
    Packet::Subscribe(Subscribe {
        packet_identifier: id(number),
        properties: SubscribeProperties::default(),
        subscriptions,
    })
}

fn unsubscribe(number: u16, filters: Vec<TopicFilter>) -> Packet {
    Packet::Unsubscribe(Unsubscribe { packet_identifier: id(number), user_properties: Vec::new(), filters })
}

/// The codes of the SUBACK that comes next.
async fn suback(peer: &mut Peer, number: u16) -> Vec<ReasonCode> {
    match peer.receive().await {
        Packet::SubAck(SubAck { packet_identifier, reason_codes, .. }) => {
            assert_eq!(packet_identifier, id(number));
            reason_codes
        }
        other => panic!("instead of SUBACK came {other:?}"),
    }
}

async fn unsuback(peer: &mut Peer, number: u16) -> Vec<ReasonCode> {
    match peer.receive().await {
        Packet::UnsubAck(answer) => {
            assert_eq!(answer.packet_identifier, id(number));
            answer.reason_codes
        }
        other => panic!("instead of UNSUBACK came {other:?}"),
    }
}

fn assert_all(codes: &[ReasonCode], wanted: ReasonCode, count: usize) {
    assert_eq!(codes.len(), count);
    assert!(codes.iter().all(|code| *code == wanted));
}

fn subscription_count(house: &House, client: &str) -> usize {
    house.broker.subscriptions(client).map_or(0, |subscriptions| subscriptions.len())
}

#[tokio::test(start_paused = true)]
async fn others_have_their_turn_while_a_packet_subscribes_to_thousands() {
    let house = house();
    let mut listener = house.client(V311, "listener").await;
    listener.subscribe("peace", Q0).await;
    let mut speaker = house.client(V311, "speaker").await;
    let mut greedy = house.client(V5, "greedy").await;
    let packets = [
        (subscribe(1, filters(0..MANY)), MANY, ReasonCode::GRANTED_QOS_1),
        (unsubscribe(1, filters(0..MANY)), 0, ReasonCode::SUCCESS),
    ];
    for (packet, left, code) in packets {
        let before = MANY - left;
        assert_eq!(subscription_count(&house, "greedy"), before);
        greedy.send(packet).await;
        speaker.publish(message(Q0, 0, "peace", "still here")).await;
        listener.expect_payload("still here").await;
        let during = subscription_count(&house, "greedy");
        assert!(during > 0 && during < MANY, "{during} of {MANY}: the message was not in the middle of it");
        assert_eq!(greedy.at_hand().await, 0, "there is no answer before it is done");
        let codes = match left {
            0 => unsuback(&mut greedy, 1).await,
            _ => suback(&mut greedy, 1).await,
        };
        assert_all(&codes, code, MANY);
        assert_eq!(subscription_count(&house, "greedy"), left);
        greedy.expect_silence().await;
    }
}

#[tokio::test(start_paused = true)]
async fn small_packets_by_the_thousand_take_turns_too() {
    let house = house();
    let mut listener = house.client(V311, "listener").await;
    listener.subscribe("peace", Q0).await;
    let mut speaker = house.client(V311, "speaker").await;
    let mut greedy = house.client(V311, "greedy").await;
    let mut bytes = bytes::BytesMut::new();
    for number in 0..MANY / 2 {
        subscribe(number as u16 + 1, filters([number])).encode(V311, &mut bytes).unwrap();
    }
    greedy.send_bytes(&bytes).await;
    speaker.publish(message(Q0, 0, "peace", "still here")).await;
    listener.expect_payload("still here").await;
    let during = subscription_count(&house, "greedy");
    assert!(during < MANY / 2, "the message came when all was done");
    for number in 0..MANY / 2 {
        assert_eq!(suback(&mut greedy, number as u16 + 1).await, [ReasonCode::GRANTED_QOS_1]);
    }
    greedy.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_is_answered_behind() {
    let house = house();
    let mut client = house.client(V5, "client").await;
    let mut bytes = bytes::BytesMut::new();
    for packet in [
        Packet::Publish(message(Q1, 7, "f/0001", "too early")),
        subscribe(1, filters(0..MANY)),
        Packet::Publish(message(Q1, 8, "f/4999", "in time")),
        unsubscribe(2, filters(0..MANY - 1)),
        Packet::Publish(message(Q1, 9, "f/0001", "too late")),
        subscribe(3, filters(0..3)),
        Packet::PingReq,
    ] {
        packet.encode(V5, &mut bytes).unwrap();
    }
    client.send_bytes(&bytes).await;
    let (mut answers, mut acknowledged, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    while answers.len() < 4 {
        match client.receive().await {
            Packet::PubAck(answer) => acknowledged.push((answer.packet_identifier.value(), answer.reason_code)),
            Packet::Publish(publish) => messages.push(publish.payload),
            Packet::SubAck(answer) => answers.push(("SUBACK", answer.reason_codes.len())),
            Packet::UnsubAck(answer) => answers.push(("UNSUBACK", answer.reason_codes.len())),
            Packet::PingResp => answers.push(("PINGRESP", 0)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answers, [("SUBACK", MANY), ("UNSUBACK", MANY - 1), ("SUBACK", 3), ("PINGRESP", 0)]);
    assert_eq!(messages, ["in time"], "a message meets the subscriptions that came before it");
    // PUBACK waits for the journal, and PINGRESP does not.
    while acknowledged.len() < 3 {
        match client.receive().await {
            Packet::PubAck(answer) => acknowledged.push((answer.packet_identifier.value(), answer.reason_code)),
            other => panic!("instead of PUBACK came {other:?}"),
        }
    }
    let nobody = ReasonCode::NO_MATCHING_SUBSCRIBERS;
    assert_eq!(acknowledged, [(7, nobody), (8, ReasonCode::SUCCESS), (9, nobody)]);
    client.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_takeover_in_the_middle_leaves_what_is_so_far_and_the_rest_is_asked_for_again() {
    let journal = Recorder::that_keeps(true);
    let house = lasting_house(&journal, vec![]);
    let (mut first, _) = house.connect(resume(V5, "client", 600)).await;
    first.send(subscribe(1, filters(0..MANY))).await;
    let (mut second, connack) = house.connect(resume(V5, "client", 600)).await;
    assert!(connack.session_present);
    first.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
    let so_far = subscription_count(&house, "client");
    assert!(so_far > 0 && so_far < MANY, "{so_far} of {MANY}: the takeover was not in the middle of it");
    let on_record = || {
        let subscribed = |record: &SessionRecord| match record {
            SessionRecord::Subscribed { filter, .. } => Some(filter.to_string()),
            _ => None,
        };
        journal.sessions().iter().filter_map(subscribed).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(on_record(), so_far, "the journal has what is in force");
    // What is in force brings messages, once; what is not brings none.
    let mut speaker = house.client(V311, "speaker").await;
    for number in [0, so_far - 1, so_far, MANY - 1] {
        speaker.publish_acknowledged(&name(number), &number.to_string()).await;
    }
    for number in [0, so_far - 1] {
        let received = second.expect_payload(&number.to_string()).await;
        second.acknowledge(&received).await;
    }
    second.expect_silence().await;
    second.send(subscribe(1, filters(0..MANY))).await;
    assert_all(&suback(&mut second, 1).await, ReasonCode::GRANTED_QOS_1, MANY);
    assert_eq!((subscription_count(&house, "client"), on_record()), (MANY, MANY));
    second.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_in_the_middle_leaves_nothing_behind() {
    let house = house();
    let mut greedy = house.client(V5, "greedy").await;
    greedy.send(subscribe(1, filters(0..MANY))).await;
    drop(greedy);
    house.event(EventKind::Lost).await;
    let mut listener = house.client(V5, "listener").await;
    assert_eq!(house.broker.client_count(), (1, 1));
    listener.publish(message(Q1, 1, "f/0000", "for nobody")).await;
    assert!(matches!(listener.receive().await, Packet::PubAck(answer)
        if answer.reason_code == ReasonCode::NO_MATCHING_SUBSCRIBERS));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_kept_is_told_once_all_of_it_is_committed() {
    let journal = Recorder::that_keeps(true);
    let house = lasting_house(&journal, vec![]);
    let (mut client, _) = house.connect(resume(V5, "client", 600)).await;
    journal.hold();
    client.send(subscribe(1, filters(0..MANY))).await;
    house.event(EventKind::Subscribed).await;
    assert_eq!(subscription_count(&house, "client"), MANY);
    client.expect_silence().await;
    journal.commit();
    assert_eq!(suback(&mut client, 1).await.len(), MANY);
    journal.hold();
    client.send(unsubscribe(2, filters(0..MANY))).await;
    house.event(EventKind::Unsubscribed).await;
    client.expect_silence().await;
    journal.commit();
    assert_eq!(unsuback(&mut client, 2).await.len(), MANY);
    let events = [EventKind::Subscribed, EventKind::Unsubscribed].map(|kind| journal.events(kind));
    for events in events {
        assert_eq!(events.len(), 1, "one packet is one event");
        assert!(events[0].detail.contains("f/0009") && events[0].detail.ends_with("and 4990 more"), "{:?}", events[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_retained_meanwhile_comes_once_and_nothing_older_behind_it() {
    let house = house();
    let mut keeper = house.client(V5, "keeper").await;
    for number in [0, MANY - 1] {
        keeper.publish_retained(&name(number), "old").await;
    }
    let mut curious = house.client(V5, "curious").await;
    curious.send(subscribe(1, filters(0..MANY))).await;
    for number in [0, MANY - 1] {
        let publish = message(Q1, number as u16 + 1, &name(number), "new");
        keeper.publish(Publish { retain: true, ..publish }).await;
    }
    let matched = async |keeper: &mut Peer| match keeper.receive().await {
        Packet::PubAck(answer) => answer.reason_code == ReasonCode::SUCCESS,
        other => panic!("instead of PUBACK came {other:?}"),
    };
    assert!(matched(&mut keeper).await, "the first subscription is in force");
    assert!(!matched(&mut keeper).await, "the last one is not: this is the middle of it");
    // The first came live, before SUBACK, and its old value does not follow; the last is found as it is now.
    let live = curious.expect_payload("new").await;
    assert_eq!((live.topic.as_deref(), live.retain), (Some(&name(0)[..]), false));
    curious.acknowledge(&live).await;
    assert_eq!(suback(&mut curious, 1).await.len(), MANY);
    let found = curious.expect_payload("new").await;
    assert_eq!((found.topic.as_deref(), found.retain), (Some(&name(MANY - 1)[..]), true));
    curious.acknowledge(&found).await;
    curious.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_takes_turns_and_does_not_touch_the_next_one() {
    let house = house();
    let mut listener = house.client(V311, "listener").await;
    listener.subscribe("peace", Q0).await;
    let mut speaker = house.client(V5, "speaker").await;
    let mut greedy = house.client(V5, "greedy").await;
    let shared = || ["$share/s/f/4999", "f/4999"].map(|filter| TopicFilter::new(filter).unwrap()).to_vec();
    greedy.send(subscribe(1, filters(0..MANY))).await;
    assert_eq!(suback(&mut greedy, 1).await.len(), MANY);
    greedy.send(subscribe(2, shared())).await;
    assert_eq!(suback(&mut greedy, 2).await.len(), 2);
    greedy.send(Packet::Disconnect(Disconnect::default())).await;
    // The same client again, before all is gone that it had.
    let mut again = house.peer();
    let mut packets = bytes::BytesMut::new();
    Packet::Connect(Box::new(connect(V5, "greedy"))).encode(V5, &mut packets).unwrap();
    subscribe(1, shared()).encode(V5, &mut packets).unwrap();
    again.send_bytes(&packets).await;
    assert!(matches!(again.receive().await, Packet::ConnAck(answer) if !answer.session_present));
    assert_eq!(suback(&mut again, 1).await.len(), 2);
    let matches = async |speaker: &mut Peer, topic: &str| {
        speaker.publish(message(Q1, 1, topic, "x")).await;
        match speaker.receive().await {
            Packet::PubAck(answer) => answer.reason_code == ReasonCode::SUCCESS,
            other => panic!("instead of PUBACK came {other:?}"),
        }
    };
    assert!(matches(&mut speaker, "f/4998").await, "the old session is not taken apart yet");
    speaker.publish(message(Q0, 0, "peace", "still here")).await;
    listener.expect_payload("still here").await;
    while matches(&mut speaker, "f/4998").await {
        // The work takes a breath now and then, which ends only if time goes on.
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    // Both of the new session's stand.
    speaker.publish(message(Q0, 0, "f/4999", "here")).await;
    again.expect_payload("here").await;
    again.expect_payload("here").await;
    again.expect_silence().await;
}
