//! Queues as the broker's owner sees them: message by message, and emptied in part or as a whole.

use nightjar_broker::{DropReason, EventKind, Place, Purge, QueueEntry, QueueKey, QueueView, SessionRecord};
use nightjar_mqtt::{Packet, Publish, Subscribe, SubscribeProperties, Subscription, SubscriptionOptions, TopicFilter};

use crate::peer::*;

fn house() -> House {
    lasting_house(&Recorder::that_keeps(true), Vec::new())
}

/// A client that is away, and for which messages wait whose payloads are their numbers.
async fn away(house: &House, messages: usize) -> Peer {
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.subscribe("a", Q1).await;
    client.disconnect().await;
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..messages {
        publisher.publish_acknowledged("a", &number.to_string()).await;
    }
    publisher
}

fn look(house: &House, first: usize, count: usize) -> (QueueView, Vec<QueueEntry>) {
    let mut entries = Vec::new();
    let view = house.broker.visit_queue("client", first, count, |entry| entries.push(entry)).unwrap().unwrap();
    (view, entries)
}

fn payload(entry: &QueueEntry) -> String {
    String::from_utf8(entry.message.payload.to_vec()).unwrap()
}

fn payloads(house: &House, first: usize, count: usize) -> Vec<String> {
    look(house, first, count).1.iter().map(payload).collect()
}

fn purge(house: &House, which: &Purge) -> u64 {
    house.broker.purge("client", which).unwrap().unwrap().messages
}

fn dropped(house: &House) -> u64 {
    house.broker.totals().dropped[DropReason::Purged as usize]
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// The client is back, and takes 20 messages at once.
async fn slow(house: &House) -> Peer {
    let mut connect = resume(V5, "client", 100);
    connect.properties.receive_maximum = Some(20);
    house.connect(connect).await.0
}

/// Reads as many messages as the client takes, from that number on, and answers none of them. Returns their Packet
/// Identifiers.
async fn under_way(peer: &mut Peer, first: usize) -> Vec<u16> {
    let mut identifiers = Vec::new();
    for number in first..first + 20 {
        let message = peer.expect_payload(&number.to_string()).await;
        identifiers.push(message.packet_identifier.unwrap().value());
    }
    peer.expect_silence().await;
    identifiers
}

async fn acknowledge(peer: &mut Peer, payload: &str) {
    let message = peer.expect_payload(payload).await;
    peer.send(Packet::PubAck(acknowledgement(message.packet_identifier.unwrap().value()))).await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_seen_from_any_position_wherever_its_parts_are() {
    let house = house();
    let _publisher = away(&house, 1_000).await;
    let (view, first) = look(&house, 0, 3);
    assert_eq!((view.messages, view.inflight, first.len()), (1_000, 0, 3));
    assert_eq!(view.oldest, Some(first[0].message.received));
    assert_eq!(first[0].qos, Q1);
    for position in [0, 500, 930, 960, 997] {
        assert_eq!(payloads(&house, position, 40), numbers(position..(position + 40).min(1_000)), "from {position}");
    }
    assert_eq!(payloads(&house, 1_000, 5), [""; 0]);
    for position in [0, 500, 999] {
        let entry = look(&house, position, 1).1.remove(0);
        let found = house.broker.queued("client", entry.key).unwrap().unwrap();
        assert_eq!(payload(&found), position.to_string());
    }
    assert!(house.broker.queued("client", QueueKey::Order(1_000)).unwrap().is_none());
    assert!(house.broker.visit_queue("nobody", 0, 5, |_| ()).unwrap().is_none());

    // Some come back to memory as they are sent.
    let mut client = slow(&house).await;
    acknowledge(&mut client, "0").await;
    under_way(&mut client, 1).await;
    let (view, entries) = look(&house, 0, 1_000);
    assert_eq!((view.messages, view.inflight), (979, 20), "what is under way is in no queue");
    assert_eq!(entries.iter().map(payload).collect::<Vec<_>>(), numbers(21..1_000));
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_emptied_and_what_comes_after_arrives() {
    let house = house();
    let mut publisher = away(&house, 1_000).await;
    assert_eq!(purge(&house, &Purge::All), 1_000);
    assert_eq!((look(&house, 0, 10).0, dropped(&house)), (QueueView::default(), 1_000));
    assert_eq!(house.broker.client("client").unwrap().dropped, 1_000);
    let event = house.event(EventKind::Dropped).await;
    assert_eq!(event.client.as_deref(), Some("client"));
    assert!(event.detail.starts_with("1000 messages not delivered: purged by the owner"), "{}", event.detail);
    publisher.publish_acknowledged("a", "after").await;
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    acknowledge(&mut client, "after").await;
    client.expect_silence().await;
    assert_eq!(purge(&house, &Purge::All), 0);
    assert_eq!(house.journal.events(EventKind::Dropped).len(), 1, "nothing is no event");

    // The journal lost all of it, too: each message once, by a range or by itself.
    let mut gone: Vec<u64> = Vec::new();
    for record in house.journal.sessions() {
        match record {
            SessionRecord::Purged { orders, .. } => gone.extend(orders),
            SessionRecord::Done(Place { order, .. }) => gone.push(order),
            _ => {}
        }
    }
    gone.sort_unstable();
    assert_eq!(gone, (0..=1_000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_goes_on_while_the_queue_is_emptied() {
    let house = house();
    let mut publisher = away(&house, 3_000).await;
    let mut client = slow(&house).await;
    for number in 0..100 {
        acknowledge(&mut client, &number.to_string()).await;
    }
    let identifiers = under_way(&mut client, 100).await;
    assert_eq!(purge(&house, &Purge::All), 2_880);
    for number in 0..2_500 {
        publisher.publish_acknowledged("a", &format!("new {number}")).await;
    }
    for identifier in identifiers {
        client.send(Packet::PubAck(acknowledgement(identifier))).await;
    }
    for number in 0..2_500 {
        acknowledge(&mut client, &format!("new {number}")).await;
    }
    client.expect_silence().await;
    assert_eq!(look(&house, 0, 0).0.inflight, 0);
}

#[tokio::test(start_paused = true)]
async fn some_are_taken_out_wherever_they_are() {
    let house = house();
    let mut publisher = away(&house, 1_000).await;
    let keys = |positions: &[usize]| -> Vec<QueueKey> {
        positions.iter().map(|&position| look(&house, position, 1).1.remove(0).key).collect()
    };
    let mut chosen = keys(&[3, 500, 501, 999]);
    chosen.push(QueueKey::Order(70_000));
    chosen.push(QueueKey::Number(5));
    assert_eq!(purge(&house, &Purge::These(chosen.clone())), 4);
    assert_eq!(purge(&house, &Purge::These(chosen)), 0, "they are gone");
    assert_eq!((look(&house, 0, 0).0.messages, dropped(&house)), (996, 4));
    assert_eq!(payloads(&house, 2, 2), ["2", "4"]);
    publisher.publish_acknowledged("a", "1000").await;
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    for number in (0..=1_000).filter(|number| ![3, 500, 501, 999].contains(number)) {
        acknowledge(&mut client, &number.to_string()).await;
    }
    client.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_in_memory_is_emptied_too_and_so_is_qos_0() {
    let house = house_with(nightjar_broker::Limits { maximum_inflight: 2, ..Default::default() });
    let (mut client, _) = house.connect(resume(V5, "client", 100)).await;
    client.subscribe("a", Q1).await;
    let mut publisher = house.client(V311, "publisher").await;
    for number in 0..6 {
        publisher.publish_acknowledged("a", &number.to_string()).await;
    }
    client.expect_payload("0").await;
    client.expect_payload("1").await;
    client.expect_silence().await;
    let (view, entries) = look(&house, 0, 10);
    assert_eq!((view.messages, view.inflight), (4, 2));
    assert_eq!(entries.iter().map(payload).collect::<Vec<_>>(), ["2", "3", "4", "5"]);
    assert_eq!(purge(&house, &Purge::These(vec![entries[1].key])), 1);
    assert_eq!(payloads(&house, 0, 10), ["2", "4", "5"]);
    assert_eq!(payload(&house.broker.queued("client", entries[2].key).unwrap().unwrap()), "4");
    assert_eq!(purge(&house, &Purge::All), 3);
    assert_eq!((dropped(&house), house.broker.client("client").unwrap().queued), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_retained_message_that_goes_past_the_queue_comes_once() {
    let house = house();
    let mut publisher = away(&house, 0).await;
    publisher.send(Packet::Publish(Publish { retain: true, ..message(Q1, 1, "r", "kept") })).await;
    publisher.receive().await;
    let mut connect = resume(V5, "client", 100);
    connect.properties.receive_maximum = Some(10);
    let (mut client, _) = house.connect(connect).await;
    for number in 0..30 {
        publisher.publish_acknowledged("a", &number.to_string()).await;
    }
    let first = client.expect_payload("0").await;
    let options = SubscriptionOptions { maximum_qos: Q1, ..Default::default() };
    let subscriptions = vec![Subscription { filter: TopicFilter::new("r").unwrap(), options }];
    let properties = SubscribeProperties::default();
    client.send(Packet::Subscribe(Subscribe { packet_identifier: id(1), properties, subscriptions })).await;
    // Its turn comes before the queue's, and it stays unacknowledged while the queue spills around it.
    client.send(Packet::PubAck(acknowledgement(first.packet_identifier.unwrap().value()))).await;
    let mut kept = None;
    let mut number = 1;
    for more in 30..4_000 {
        publisher.publish_acknowledged("a", &more.to_string()).await;
    }
    while number < 4_000 || kept.is_none() {
        match client.receive().await {
            Packet::Publish(publish) if publish.payload == "kept" => {
                assert!(kept.replace(publish.packet_identifier.unwrap()).is_none(), "it came twice");
            }
            Packet::Publish(publish) => {
                assert_eq!(publish.payload, number.to_string());
                number += 1;
                client.send(Packet::PubAck(acknowledgement(publish.packet_identifier.unwrap().value()))).await;
                if number == 3_500
                    && let Some(kept) = kept
                {
                    client.send(Packet::PubAck(acknowledgement(kept.value()))).await;
                }
            }
            _ => {}
        }
    }
    client.expect_silence().await;
}
