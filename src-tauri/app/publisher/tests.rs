//! The publisher against a real broker, over a real socket.

use std::time::Duration;

use nightjar_broker::{Broker, Forgetful, Options};

use super::*;
use crate::views::payload::to_base64;
use crate::wire::{Properties, ReceivedMessage};

const DEADLINE: Duration = Duration::from_secs(20);

struct Desk {
    broker: Broker,
    address: SocketAddr,
    publisher: Publisher,
}

impl Desk {
    fn new() -> Self {
        let broker = Broker::start(Options::default(), Arc::new(Forgetful::new()), Vec::new());
        let address = broker.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { broker, address, publisher: Publisher::default() }
    }

    async fn connect(&self, client: &str, version: PublisherVersion, clean_start: bool) -> Result<bool, Fault> {
        let options = PublisherOptions { client_id: client.to_owned(), version, clean_start };
        self.publisher.connect(self.address, options).await
    }

    async fn subscribe(&self, filter: &str, qos: u8, no_local: bool) -> Result<(), Fault> {
        self.publisher.subscribe(PublisherSubscription { filter: filter.to_owned(), qos, no_local }).await
    }

    async fn publish(&self, topic: &str, payload: &[u8], qos: u8) -> Result<Published, Fault> {
        self.publisher.publish(&message(topic, payload, qos)).await
    }

    /// Waits until the inbox has that many messages.
    async fn inbox(&self, count: usize) -> Vec<ReceivedMessage> {
        self.eventually(|view| view.inbox.len() >= count).await.inbox
    }

    async fn eventually(&self, holds: impl Fn(&PublisherView) -> bool) -> PublisherView {
        let end = Instant::now() + DEADLINE;
        loop {
            let view = self.publisher.view(0);
            if holds(&view) {
                return view;
            }
            assert!(Instant::now() < end, "{view:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn message(topic: &str, payload: &[u8], qos: u8) -> OutgoingMessage {
    OutgoingMessage {
        topic: topic.to_owned(),
        payload: to_base64(payload),
        qos,
        retain: false,
        properties: Properties::default(),
    }
}

const VERSIONS: [PublisherVersion; 2] = [PublisherVersion::V311, PublisherVersion::V5];

#[tokio::test]
async fn what_it_publishes_comes_back_to_its_subscription() {
    for version in VERSIONS {
        let desk = Desk::new();
        assert!(!desk.connect("window", version, true).await.unwrap());
        assert_eq!(desk.publisher.connected_as().as_deref(), Some("window"));
        assert!(desk.broker.client("window").unwrap().connected);
        desk.subscribe("a/#", 2, false).await.unwrap();
        for qos in 0..3 {
            let published = desk.publish("a/b", &[qos, 0xff], qos).await.unwrap();
            assert_eq!(published.acknowledged_after.is_some(), qos > 0, "{version:?}");
            let reason = (version == PublisherVersion::V5 && qos > 0).then_some("Success");
            assert_eq!(published.reason.as_deref(), reason, "{version:?}, QoS {qos}");
        }
        let inbox = desk.inbox(3).await;
        let received: Vec<_> = inbox.iter().rev().map(|received| (received.row.qos, &*received.payload)).collect();
        assert_eq!(received, [(0, "AP8="), (1, "Af8="), (2, "Av8=")], "{version:?}");
        assert!(inbox.iter().all(|received| received.row.publisher.is_empty() && received.row.topic == "a/b"));
        desk.publisher.unsubscribe("a/#").await.unwrap();
        assert!(desk.publisher.view(0).subscriptions.is_empty());
        desk.publisher.disconnect().await;
        assert!(matches!(desk.publisher.view(0).state, PublisherState::Disconnected));
        desk.broker.stop().await;
    }
}

#[tokio::test]
async fn properties_go_out_and_come_back() {
    let desk = Desk::new();
    desk.connect("window", PublisherVersion::V5, true).await.unwrap();
    desk.subscribe("a", 1, false).await.unwrap();
    let properties = Properties {
        payload_is_text: Some(true),
        message_expiry_interval: Some(60),
        content_type: Some("text/plain".to_owned()),
        response_topic: Some("answer/here".to_owned()),
        correlation_data: Some(to_base64(&[1, 2, 3])),
        user_properties: vec![("site".to_owned(), "a".to_owned()), ("site".to_owned(), "b".to_owned())],
    };
    let message = OutgoingMessage { properties: properties.clone(), ..message("a", b"hi", 1) };
    desk.publisher.publish(&message).await.unwrap();
    assert_eq!(desk.inbox(1).await[0].properties, properties);
    desk.broker.stop().await;
}

#[tokio::test]
async fn nobody_who_listens_is_said() {
    let desk = Desk::new();
    desk.connect("window", PublisherVersion::V5, true).await.unwrap();
    desk.subscribe("a", 1, true).await.unwrap();
    let published = desk.publish("b", b"x", 1).await.unwrap();
    assert_eq!(published.reason.as_deref(), Some("No matching subscribers"));
    desk.broker.stop().await;
}

#[tokio::test]
async fn a_message_of_a_megabyte_goes_through_and_a_larger_one_says_why() {
    for version in VERSIONS {
        let desk = Desk::new();
        desk.connect("window", version, true).await.unwrap();
        desk.subscribe("big", 1, false).await.unwrap();
        desk.publish("big", &vec![b'x'; 1 << 20], 1).await.unwrap();
        let received = &desk.inbox(1).await[0];
        assert_eq!(received.row.size, 1 << 20, "{version:?}");
        let fault = desk.publish("big", &vec![b'x'; 2_000_000], 1).await.unwrap_err();
        assert!(fault.why.contains("2000000"), "{fault:?}");
        assert!(desk.publisher.connected_as().is_some(), "{version:?}: the connection is still there");
        desk.broker.stop().await;
    }
}

#[tokio::test]
async fn a_session_is_resumed_with_what_came_meanwhile() {
    for version in VERSIONS {
        let desk = Desk::new();
        assert!(!desk.connect("window", version, false).await.unwrap());
        desk.subscribe("a/#", 1, false).await.unwrap();
        desk.publisher.disconnect().await;
        let end = Instant::now() + DEADLINE;
        while desk.broker.client("window").is_none_or(|info| info.connected) {
            assert!(Instant::now() < end, "{version:?}: it did not disconnect");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let other = Desk { publisher: Publisher::default(), broker: desk.broker.clone(), address: desk.address };
        other.connect("other", PublisherVersion::V5, true).await.unwrap();
        other.publish("a/meanwhile", b"1", 1).await.unwrap();
        assert!(desk.connect("window", version, false).await.unwrap(), "{version:?}: there was a session");
        assert_eq!(desk.inbox(1).await[0].row.topic, "a/meanwhile", "{version:?}");
        desk.publish("a/after", b"2", 2).await.unwrap();
        desk.inbox(2).await;
        desk.broker.stop().await;
    }
}

#[tokio::test]
async fn what_ends_the_connection_is_said() {
    for version in VERSIONS {
        let desk = Desk::new();
        desk.connect("window", version, true).await.unwrap();
        assert!(desk.broker.disconnect("window").await);
        let view = desk.eventually(|view| matches!(view.state, PublisherState::Failed { .. })).await;
        let PublisherState::Failed { why } = view.state else { unreachable!("it was waited for") };
        assert!(why.contains("closed the connection"), "{version:?}: {why}");
        if version == PublisherVersion::V5 {
            assert!(why.contains("0x98"), "{why}");
        }
        let fault = desk.publish("a", b"x", 1).await.unwrap_err();
        assert!(fault.why.contains("not connected"), "{fault:?}");
        desk.broker.stop().await;
    }
}

#[tokio::test]
async fn what_is_not_valid_is_refused_before_it_is_sent() {
    let desk = Desk::new();
    assert!(desk.connect("", PublisherVersion::V5, false).await.is_err());
    assert!(!desk.connect("", PublisherVersion::V5, true).await.unwrap());
    let assigned = desk.publisher.connected_as().unwrap();
    assert!(desk.broker.client(&assigned).is_some_and(|info| info.connected), "{assigned} is what the broker chose");
    assert!(desk.subscribe("a#", 0, false).await.unwrap_err().why.contains("MQTT-4.7.1"));
    assert!(desk.publish("a/+", b"x", 0).await.unwrap_err().why.contains("wildcard"));
    assert!(desk.publish("a", b"x", 3).await.is_err());
    let not_base64 = OutgoingMessage { payload: "*".to_owned(), ..message("a", b"", 0) };
    assert!(desk.publisher.publish(&not_base64).await.is_err());
    desk.connect("window", PublisherVersion::V311, true).await.unwrap();
    assert!(desk.subscribe("a", 0, true).await.unwrap_err().why.contains("3.1.1"));
    desk.broker.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_can_not_be_reached() {
    let desk = Desk::new();
    desk.broker.stop().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for version in VERSIONS {
        let options = PublisherOptions { client_id: "window".to_owned(), version, clean_start: true };
        let fault = desk.publisher.connect(nobody, options).await.unwrap_err();
        assert!(fault.why.contains("can't be reached"), "{version:?}: {fault:?}");
        assert!(matches!(desk.publisher.view(0).state, PublisherState::Failed { .. }));
    }
}
