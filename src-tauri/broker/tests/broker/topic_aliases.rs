//! Topic Aliases to the client (MQTT 5.0, 3.3.2.3.4).

use nightjar_broker::{EventKind, Limits};
use nightjar_mqtt::{Connect, ConnectProperties, Publish};

use crate::peer::*;

async fn client(house: &House, aliases: u16, packet_size: Option<u32>) -> Peer {
    let properties = ConnectProperties {
        topic_alias_maximum: Some(aliases),
        maximum_packet_size: packet_size,
        ..ConnectProperties::default()
    };
    let (mut client, _) = house.connect(Connect { properties, ..connect(V5, "client") }).await;
    client.subscribe("#", Q0).await;
    client
}

/// The name and the alias that a message came with.
fn named(received: &Publish) -> (Option<&str>, Option<u16>) {
    let alias = received.properties.as_ref().and_then(|properties| properties.topic_alias);
    (received.topic.as_deref(), alias)
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_named_once_and_then_stands_for_itself() {
    let house = house();
    let mut client = client(&house, 1, None).await;
    let mut publisher = house.client(V311, "publisher").await;
    for (topic, expected) in [
        ("some/topic", (Some("some/topic"), Some(1))),
        ("some/topic", (None, Some(1))),
        ("other/topic", (Some("other/topic"), None)),
        ("some/topic", (None, Some(1))),
    ] {
        publisher.publish(message(Q0, 0, topic, "x")).await;
        assert_eq!(named(&client.expect_message().await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_maximum_there_are_no_aliases_and_the_broker_has_a_limit_of_its_own() {
    for (theirs, ours) in [(0, 64), (64, 0)] {
        let house = house_with(Limits { maximum_aliases_to_client: ours, ..Limits::default() });
        let mut client = client(&house, theirs, None).await;
        let mut publisher = house.client(V311, "publisher").await;
        for _ in 0..3 {
            publisher.publish(message(Q0, 0, "some/topic", "x")).await;
            assert_eq!(named(&client.expect_message().await), (Some("some/topic"), None));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_to_be_sent_establishes_no_alias() {
    let house = house();
    let mut client = client(&house, 10, Some(60)).await;
    let mut publisher = house.client(V311, "publisher").await;
    publisher.publish(message(Q0, 0, "some/topic", &"x".repeat(100))).await;
    publisher.publish(message(Q0, 0, "some/topic", "x")).await;
    assert_eq!(named(&client.expect_message().await), (Some("some/topic"), Some(1)));
    assert!(house.event(EventKind::Dropped).await.detail.contains("too large"));
    // Fixed header 2, name 12, properties 1 or 4: with an alias this one is a byte too long, without it fits.
    publisher.publish(message(Q0, 0, "next/topic", &"x".repeat(43))).await;
    assert_eq!(named(&client.expect_message().await), (Some("next/topic"), None));
    publisher.publish(message(Q0, 0, "next/topic", "x")).await;
    assert_eq!(named(&client.expect_message().await), (Some("next/topic"), Some(2)));
}
