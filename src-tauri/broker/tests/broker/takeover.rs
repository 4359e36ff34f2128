//! A second connection of a client in the middle of everything: nothing lost, nothing doubled (MQTT 5.0, 4.4).

use std::collections::HashMap;

use nightjar_broker::Limits;
use nightjar_mqtt::{Packet, Publish};

use crate::peer::*;

async fn connected(house: &House, name: &str) -> Peer {
    house.connect(resume(V5, name, 100)).await.0
}

fn number(received: &Publish) -> u16 {
    received.packet_identifier.unwrap().value()
}

/// QoS 2 to the client, taken over after each of its steps.
#[tokio::test(start_paused = true)]
async fn qos_2_to_the_client_goes_on_from_where_it_was() {
    let house = house();
    let mut publisher = house.client(V311, "publisher").await;
    for steps in 0..=3 {
        let mut first = connected(&house, "client").await;
        first.subscribe("t", Q2).await;
        publisher.publish_exactly_once("t", "x").await;
        let mut flow = None;
        if steps > 0 {
            flow = Some(number(&first.expect_payload("x").await));
        }
        if steps > 1 {
            first.send(Packet::PubRec(acknowledgement(flow.unwrap()))).await;
            first.expect(Packet::PubRel(acknowledgement(flow.unwrap()))).await;
        }
        if steps > 2 {
            first.send(Packet::PubComp(acknowledgement(flow.unwrap()))).await;
            first.expect_silence().await;
        }
        let mut second = connected(&house, "client").await;
        if steps < 2 {
            let again = second.expect_payload("x").await;
            assert_eq!(flow.unwrap_or_else(|| number(&again)), number(&again), "after {steps} steps");
            flow = Some(number(&again));
            second.send(Packet::PubRec(acknowledgement(number(&again)))).await;
        }
        if steps < 3 {
            second.expect(Packet::PubRel(acknowledgement(flow.unwrap()))).await;
            second.send(Packet::PubComp(acknowledgement(flow.unwrap()))).await;
        }
        second.expect_silence().await;
        second.disconnect().await;
        house.broker.disconnect("client").await;
    }
}

/// QoS 2 from the client, taken over after each of its steps; the client sends again what it must [MQTT-4.4.0-1].
#[tokio::test(start_paused = true)]
async fn qos_2_from_the_client_is_taken_once() {
    let house = house();
    let mut watcher = house.client(V5, "watcher").await;
    watcher.subscribe("t", Q0).await;
    for steps in 0..=3 {
        let mut first = connected(&house, "client").await;
        if steps == 0 {
            // The message is taken, and the client does not learn of it.
            house.journal.hold();
        }
        first.publish(message(Q2, 7, "t", "x")).await;
        watcher.expect_payload("x").await;
        if steps > 0 {
            first.expect(Packet::PubRec(acknowledgement(7))).await;
        }
        if steps > 1 {
            first.send(Packet::PubRel(acknowledgement(7))).await;
        }
        if steps > 2 {
            first.expect(Packet::PubComp(acknowledgement(7))).await;
        }
        let mut second = connected(&house, "client").await;
        house.journal.commit();
        if steps < 2 {
            second.publish(Publish { dup: true, ..message(Q2, 7, "t", "x") }).await;
            second.expect(Packet::PubRec(acknowledgement(7))).await;
        }
        if steps < 3 {
            second.send(Packet::PubRel(acknowledgement(7))).await;
            // The answer to the first PUBREL went to the connection that is gone.
            assert!(matches!(second.receive().await, Packet::PubComp(sent) if sent.packet_identifier == id(7)));
        }
        second.publish(message(Q2, 7, "t", "next")).await;
        second.expect(Packet::PubRec(acknowledgement(7))).await;
        watcher.expect_payload("next").await;
        watcher.expect_silence().await;
        second.disconnect().await;
        house.broker.disconnect("client").await;
    }
}

/// A client that connects again and again while messages come: each QoS 2 message is released once, in order.
#[tokio::test(start_paused = true)]
async fn takeovers_while_messages_flow_lose_and_double_nothing() {
    const MESSAGES: usize = 400;
    let house = house_with(Limits { maximum_takeovers: None, ..Limits::default() });
    let mut previous = connected(&house, "client").await;
    previous.subscribe("t", Q2).await;
    let mut publisher = house.client(V311, "publisher").await;
    let publishing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            publisher.publish_exactly_once("t", &number.to_string()).await;
        }
    });
    let mut delivered = Vec::new();
    // What the client keeps: QoS 2 messages that it received and that were not released yet.
    let mut kept: HashMap<u16, String> = HashMap::new();
    let mut turn = 0_usize;
    while delivered.len() < MESSAGES {
        turn += 1;
        let mut client = connected(&house, "client").await;
        for _ in 0..turn % 7 + 1 {
            if delivered.len() == MESSAGES {
                break;
            }
            match client.receive().await {
                Packet::Publish(publish) => {
                    let text = String::from_utf8(publish.payload.to_vec()).unwrap();
                    let kept = kept.entry(number(&publish)).or_insert_with(|| text.clone());
                    assert_eq!(*kept, text, "the same message under the same identifier");
                    client.send(Packet::PubRec(acknowledgement(number(&publish)))).await;
                }
                Packet::PubRel(release) => {
                    delivered.extend(kept.remove(&release.packet_identifier.value()));
                    client.send(Packet::PubComp(release)).await;
                }
                other => panic!("unexpected {other:?} with {} of {MESSAGES} delivered, {kept:?}", delivered.len()),
            }
        }
        // It is still there when the next one comes.
        previous = client;
    }
    drop(previous);
    publishing.await.unwrap();
    let expected: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(delivered, expected);
}
