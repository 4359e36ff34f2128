//! Sessions that the journal keeps: what it is told, what waits for it, and what comes back from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nightjar_broker::{
    ClientIdentifier, Journal, KeptQueue, KeptSession, Message, Place, Queued, Record, SessionNumber, SessionRecord,
    Source, SubscriptionState, Timestamp,
};
use nightjar_mqtt::{Packet, Publish, QoS, SubscriptionOptions, TopicFilter};

use crate::peer::*;

fn house() -> House {
    lasting_house(&Recorder::that_keeps(true), Vec::new())
}

/// Places of the records of a kind, in order.
fn orders(journal: &Recorder, of: impl Fn(&SessionRecord) -> Option<Place>) -> Vec<u64> {
    journal.sessions().iter().filter_map(of).map(|place| place.order).collect()
}

fn queued(record: &SessionRecord) -> Option<Place> {
    if let SessionRecord::Queued(Queued { place, .. }) = record { Some(*place) } else { None }
}

fn done(record: &SessionRecord) -> Option<Place> {
    if let SessionRecord::Done(place) = record { Some(*place) } else { None }
}

fn pubrec(number: u16) -> Packet {
    Packet::PubRec(acknowledgement(number))
}

async fn acknowledge(peer: &mut Peer, payload: &str) -> bool {
    let message = peer.expect_payload(payload).await;
    peer.send(Packet::PubAck(acknowledgement(message.packet_identifier.unwrap().value()))).await;
    message.dup
}

#[tokio::test(start_paused = true)]
async fn a_queue_spills_and_comes_back_in_order_while_new_messages_arrive() {
    let house = house();
    let (mut client, _) = house.connect(resume(V311, "client", 0)).await;
    client.subscribe("a", Q1).await;
    client.disconnect().await;
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..3_000 {
        publisher.publish_acknowledged("a", &number.to_string()).await;
    }
    assert_eq!(house.broker.client("client").unwrap().queued, 3_000);
    let (mut client, connack) = house.connect(resume(V311, "client", 0)).await;
    assert!(connack.session_present);
    for number in 0..3_500 {
        if number < 500 {
            publisher.publish_acknowledged("a", &(3_000 + number).to_string()).await;
        }
        assert!(!acknowledge(&mut client, &number.to_string()).await, "nothing was sent before");
    }
    client.expect_silence().await;
    assert!(house.journal.pages.load(Ordering::SeqCst) >= 3_000 / 500, "most of it was in the journal alone");
    assert_eq!(house.broker.client("client").unwrap().queued, 0);
    assert_eq!(orders(&house.journal, queued), (0..3_500).collect::<Vec<_>>());
    assert_eq!(orders(&house.journal, done), (0..3_500).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_costs_the_journal_and_not_memory() {
    let house = house();
    let (mut client, _) = house.connect(resume(V311, "client", 0)).await;
    client.subscribe("a", Q1).await;
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..5_000 {
        publisher.publish_acknowledged("a", &number.to_string()).await;
    }
    for number in 0..5_000 {
        acknowledge(&mut client, &number.to_string()).await;
    }
    client.expect_silence().await;
    assert!(house.journal.pages.load(Ordering::SeqCst) > 0);
}

#[tokio::test(start_paused = true)]
async fn what_spilled_goes_on_with_the_connection_that_takes_over() {
    let house = house();
    let (mut client, _) = house.connect(resume(V311, "client", 0)).await;
    client.subscribe("a", Q1).await;
    client.disconnect().await;
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..2_000 {
        publisher.publish_acknowledged("a", &number.to_string()).await;
    }
    let (mut first, _) = house.connect(resume(V311, "client", 0)).await;
    for number in 0..700 {
        acknowledge(&mut first, &number.to_string()).await;
    }
    first.expect_payload("700").await;
    let (mut second, connack) = house.connect(resume(V311, "client", 0)).await;
    assert!(connack.session_present);
    let mut last_again = None;
    let mut next = None;
    while next != Some(2_000) {
        let message = second.expect_message().await;
        let number: u64 = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
        if let Some(next) = next {
            assert_eq!(number, next);
        } else {
            assert!((600..=700).contains(&number), "what was not acknowledged for sure comes again first: {number}");
        }
        last_again = if message.dup { Some(number) } else { last_again };
        second.send(Packet::PubAck(acknowledgement(message.packet_identifier.unwrap().value()))).await;
        next = Some(number + 1);
    }
    assert!(last_again.is_some_and(|last| last >= 700));
    second.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn pubrel_waits_until_pubrec_is_kept() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.subscribe("a", Q2).await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish(message(Q2, 1, "a", "one")).await;
    publisher.expect(pubrec(1)).await;
    let number = client.expect_payload("one").await.packet_identifier.unwrap().value();
    house.journal.hold();
    client.send(pubrec(number)).await;
    client.expect_silence().await;
    house.journal.commit();
    client.expect(Packet::PubRel(acknowledgement(number))).await;
    client.send(Packet::PubComp(acknowledgement(number))).await;
    client.expect_silence().await;
    let place = |record: &SessionRecord| match record {
        SessionRecord::Released(place) | SessionRecord::Completed(place) => Some(*place),
        _ => None,
    };
    assert_eq!(orders(&house.journal, place), [0, 0]);
    assert_eq!(orders(&house.journal, done), [0_u64; 0], "PUBREC is the end of it already");
}

#[tokio::test(start_paused = true)]
async fn pubcomp_waits_until_pubrel_is_kept() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.publish(message(Q2, 5, "a", "one")).await;
    assert!(matches!(client.receive().await, Packet::PubRec(_)));
    house.journal.hold();
    client.send(Packet::PubRel(acknowledgement(5))).await;
    client.expect_silence().await;
    house.journal.commit();
    client.expect(Packet::PubComp(acknowledgement(5))).await;
    let records = house.journal.records.lock();
    let position = records.iter().position(|record| matches!(record, Record::Message { .. })).unwrap();
    let received = Record::Session(SessionRecord::Received { session: SessionNumber(1), packet_identifier: id(5) });
    assert_eq!(format!("{:?}", records[position + 1]), format!("{received:?}"), "right behind its message");
}

#[tokio::test(start_paused = true)]
async fn qos_2_goes_out_once_it_is_kept_and_qos_1_at_once() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.subscribe("#", Q2).await;
    let mut publisher = house.client(V5, "publisher").await;
    house.journal.hold();
    publisher.publish(message(Q1, 1, "a", "at once")).await;
    acknowledge(&mut client, "at once").await;
    publisher.publish(message(Q2, 2, "a", "exactly once")).await;
    publisher.publish(message(Q1, 3, "a", "behind")).await;
    publisher.publish(message(Q0, 0, "a", "passes")).await;
    client.expect_payload("passes").await;
    client.expect_silence().await;
    house.journal.commit();
    client.expect_payload("exactly once").await;
    client.expect_payload("behind").await;
}

#[tokio::test(start_paused = true)]
async fn suback_waits_until_the_subscription_is_kept_unless_nothing_can_be() {
    let house = house();
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    house.journal.hold();
    let subscribe = |number, filter: &str| {
        let filter = TopicFilter::new(filter.to_owned()).unwrap();
        let options = SubscriptionOptions::default();
        Packet::Subscribe(nightjar_mqtt::Subscribe {
            packet_identifier: id(number),
            properties: Default::default(),
            subscriptions: vec![nightjar_mqtt::Subscription { filter, options }],
        })
    };
    client.send(subscribe(1, "a")).await;
    client.expect_silence().await;
    house.journal.commit();
    assert!(matches!(client.receive().await, Packet::SubAck(_)));
    house.journal.hold();
    house.journal.pause(Some("the disk is full"));
    client.send(subscribe(2, "b")).await;
    assert!(matches!(client.receive().await, Packet::SubAck(_)));
}

#[tokio::test(start_paused = true)]
async fn sessions_that_end_with_their_connection_cost_the_journal_nothing() {
    let house = house();
    let mut client = house.client(V5, "client").await;
    client.subscribe("#", Q2).await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("a", "one").await;
    publisher.publish(message(Q2, 2, "a", "two")).await;
    assert!(matches!(publisher.receive().await, Packet::PubRec(_)));
    acknowledge(&mut client, "one").await;
    client.expect_payload("two").await;
    client.disconnect().await;
    assert!(house.journal.sessions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shared_message_that_moves_ends_in_one_queue_and_begins_in_the_other() {
    let house = house();
    let (mut first, _) = house.connect(resume(V5, "first", 100)).await;
    let (mut second, _) = house.connect(resume(V5, "second", 100)).await;
    for client in [&mut first, &mut second] {
        client.subscribe("$share/g/a", Q1).await;
    }
    first.disconnect().await;
    second.disconnect().await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("a", "one").await;
    let holder = ["first", "second"].into_iter().find(|name| house.broker.client(name).unwrap().queued == 1).unwrap();
    let other = if holder == "first" { "second" } else { "first" };
    let (mut taker, _) = house.connect(resume(V5, other, 100)).await;
    assert!(house.broker.disconnect(holder).await, "the session ends");
    taker.expect_payload("one").await;
    let moved = house.journal.sessions().into_iter().find_map(|record| match record {
        SessionRecord::Queued(Queued { place, source: Source::Own { instead_of, .. }, .. }) => {
            Some((place, instead_of))
        }
        _ => None,
    });
    let (to, from) = moved.expect("it was put into the other queue");
    assert!(from.is_some_and(|from| from.session != to.session));
}

#[tokio::test(start_paused = true)]
async fn a_retained_message_on_its_way_is_kept_like_any_other() {
    let house = house();
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_retained("a", "value").await;
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.subscribe("a", Q1).await;
    acknowledge(&mut client, "value").await;
    client.expect_silence().await;
    assert_eq!(orders(&house.journal, queued), [0]);
    assert_eq!(orders(&house.journal, done), [0]);
}

/// A session with a queue in the journal, as a start finds it.
fn left_behind(journal: &Arc<Recorder>, orders: std::ops::Range<u64>, qos: QoS) -> KeptSession {
    let number = SessionNumber(9);
    let mut records = Vec::new();
    for order in orders.clone() {
        let message = Message {
            topic: topic_name("a"),
            payload: order.to_string().into(),
            qos,
            retain: false,
            properties: None,
            publisher: ClientIdentifier::new("earlier"),
            source: None,
            received: Timestamp::default(),
        };
        records.push(Record::Message { message: Arc::new(message), matched: 1 });
        let place = Place { session: number, order };
        let queued = Queued { place, qos, retain: false, identifiers: Arc::from([]), source: Source::Before };
        records.push(Record::Session(SessionRecord::Queued(queued)));
    }
    journal.append(&mut records);
    let options = SubscriptionOptions { maximum_qos: Q2, ..SubscriptionOptions::default() };
    KeptSession {
        number,
        client: ClientIdentifier::new("client"),
        user: None,
        address: "127.0.0.1:1".parse().unwrap(),
        version: V5,
        expiry_interval: 100,
        was_connected: false,
        since: nightjar_broker::now().wall,
        subscriptions: vec![(TopicFilter::new("a").unwrap(), SubscriptionState { options, identifier: None })],
        will: None,
        queue: KeptQueue {
            messages: (orders.end - orders.start) as usize,
            bytes: 0,
            first: orders.start,
            next: orders.end,
            sent_below: orders.start + 2,
        },
        released: Vec::new(),
        received: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_after_a_restart() {
    let journal = Recorder::that_keeps(true);
    let kept = KeptSession { released: vec![3], received: vec![id(77)], ..left_behind(&journal, 65_534..65_537, Q2) };
    let house = lasting_house(&journal, vec![kept]);
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("a", "new").await;
    let (mut client, connack) = house.connect(resume(V5, "client", 100)).await;
    assert!(connack.session_present);
    client.expect(Packet::PubRel(acknowledgement(4))).await;
    // Orders become Packet Identifiers; what may have been sent says so.
    for (payload, number, dup) in [("65534", 65_535, true), ("65535", 1, true), ("65536", 2, false), ("new", 3, false)]
    {
        let message = client.expect_payload(payload).await;
        assert_eq!((message.packet_identifier, message.dup), (Some(id(number)), dup), "{payload}");
    }
    let messages = house.journal.messages().len();
    client.publish(message(Q2, 77, "b", "taken before")).await;
    client.expect(pubrec(77)).await;
    assert_eq!(house.journal.messages().len(), messages, "it was taken before");
    client.send(Packet::PubRel(acknowledgement(77))).await;
    client.expect(Packet::PubComp(acknowledgement(77))).await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_session_expires_and_its_will_is_published() {
    let journal = Recorder::that_keeps(true);
    let gone = will("gone", Some(30)).unwrap();
    let kept = KeptSession { was_connected: true, will: Some((None, gone)), ..left_behind(&journal, 0..3, Q1) };
    let house = lasting_house(&journal, vec![kept]);
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert!(!house.journal.payloads().contains(&"gone".to_owned()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(house.journal.payloads().contains(&"gone".to_owned()));
    let session = SessionNumber(9);
    let said = |record: SessionRecord| {
        house.journal.sessions().iter().filter(|said| format!("{said:?}") == format!("{record:?}")).count()
    };
    assert_eq!(said(SessionRecord::WillDone { session }), 1);
    tokio::time::sleep(Duration::from_secs(70)).await;
    assert!(house.broker.client("client").is_none());
    assert_eq!(said(SessionRecord::Ended { session }), 1);
    let detail = house.event(nightjar_broker::EventKind::Dropped).await.detail;
    assert!(detail.starts_with("3 messages not delivered: session ended"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_without_a_history_gets_only_what_somebody_needs_kept() {
    let house = house();
    house.journal.want_only_what_is_needed();
    let mut here = house.client(V311, "here").await;
    here.subscribe("#", Q1).await;
    let (mut away, _) = house.connect(resume(V311, "away", 0)).await;
    away.subscribe("kept/#", Q1).await;
    away.disconnect().await;
    let mut publisher = house.client(V5, "publisher").await;
    house.journal.hold();

    publisher.publish_acknowledged("seen", "1").await;
    publisher.publish_exactly_once("seen", "2").await;
    assert_eq!(house.journal.payloads(), [""; 0], "acknowledged at once, for there is nothing to wait for");

    publisher.publish(message(Q1, 1, "kept/a", "3")).await;
    publisher.publish(Publish { retain: true, ..message(Q1, 2, "retained", "4") }).await;
    publisher.publish(message(Q1, 3, "seen", "5")).await;
    publisher.expect_silence().await;
    assert_eq!(house.journal.payloads(), ["3", "4"]);
    house.journal.commit();
    for number in 1..=3 {
        assert!(matches!(publisher.receive().await, Packet::PubAck(answer) if answer.packet_identifier == id(number)));
    }
    for number in 1..=5 {
        acknowledge(&mut here, &number.to_string()).await;
    }
}

/// Between the two, a crash would lose the Will Message, or have it published once more at the next start.
#[tokio::test(start_paused = true)]
async fn a_will_message_and_the_end_of_the_will_are_kept_together() {
    for (delay, expiry_interval, end) in [(0, 100, "Away"), (30, 100, "WillDone"), (100, 30, "Ended")] {
        for retain in [false, true] {
            let house = house();
            let mut mortal = resume(V5, "mortal", expiry_interval);
            mortal.will = will("will", Some(delay));
            mortal.will.as_mut().unwrap().retain = retain;
            let (mut mortal, _) = house.connect(mortal).await;
            mortal.subscribe("will", Q1).await;
            drop(mortal);
            tokio::time::sleep(Duration::from_secs(40)).await;
            let behind = house.journal.behind("gone").expect("the Will Message is published");
            let Record::Session(record) = behind else { panic!("{end} is right behind it, not {behind:?}") };
            assert!(format!("{record:?}").starts_with(end), "{end} is right behind it, not {record:?}");
            assert!(record.belongs_to_message());
        }
    }
}
