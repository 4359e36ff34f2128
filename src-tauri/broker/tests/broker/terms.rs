//! What a listener grants: told in CONNACK, and kept to.

use nightjar_broker::{ListenerOptions, MountPoint, Terms};
use nightjar_mqtt::{Connect, Packet, Publish, QoS, ReasonCode, SubscriptionOptions, TopicFilter, Unsubscribe};

use crate::peer::*;

fn on(terms: Terms) -> ListenerOptions {
    ListenerOptions { terms: Some(terms), ..ListenerOptions::default() }
}

fn mounted() -> ListenerOptions {
    on(Terms { mount_point: Some(MountPoint::new("site/").unwrap()), ..Terms::default() })
}

async fn client(house: &House, options: &ListenerOptions, connect: Connect) -> Peer {
    let mut peer = house.peer_at(options);
    assert_eq!(peer.connect(connect).await.reason_code, ReasonCode::SUCCESS);
    peer
}

#[tokio::test(start_paused = true)]
async fn maximum_qos_is_told_and_kept_to() {
    let house = house();
    let options = on(Terms { maximum_qos: QoS::AtLeastOnce, ..Terms::default() });
    let mut peer = house.peer_at(&options);
    assert_eq!(peer.connect(connect(V5, "a")).await.properties.maximum_qos, Some(Q1));
    let wanted = SubscriptionOptions { maximum_qos: Q2, ..SubscriptionOptions::default() };
    assert_eq!(peer.subscribe_with("t", wanted, None).await, ReasonCode::GRANTED_QOS_1);
    let mut other = house.client(V5, "b").await;
    other.publish_exactly_once("t", "x").await;
    let got = peer.expect_payload("x").await;
    assert_eq!(got.qos, Q1);
    peer.acknowledge(&got).await;
    peer.publish(message(Q2, 1, "t", "y")).await;
    peer.expect_disconnect(ReasonCode::QOS_NOT_SUPPORTED).await;
    // Older clients can't be told, and are disconnected all the same.
    let mut old = client(&house, &options, connect(V311, "old")).await;
    old.publish(message(Q2, 1, "t", "y")).await;
    old.expect_eof().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_retained_where_that_is_off() {
    let house = house();
    let options = on(Terms { retain: false, ..Terms::default() });
    let mut peer = house.peer_at(&options);
    assert!(!peer.connect(connect(V5, "a")).await.properties.retain_available);
    house.client(V5, "b").await.publish_retained("t", "kept").await;
    peer.subscribe("t", Q0).await;
    peer.expect_payload("kept").await;
    peer.publish(Publish { retain: true, ..message(Q0, 0, "t", "x") }).await;
    peer.expect_disconnect(ReasonCode::RETAIN_NOT_SUPPORTED).await;
    assert_eq!(&house.broker.retained(&topic_name("t")).unwrap().payload[..], b"kept");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_go_with_the_terms_is_refused() {
    let house = house();
    let options = on(Terms {
        versions: vec![V5],
        empty_identifiers: false,
        identifier_prefix: "dev-".to_owned(),
        ..Terms::default()
    });
    let refusal = house.peer_at(&options).connect(connect(V311, "old")).await;
    assert!(refusal.reason_code.is_error());
    let refusal = house.peer_at(&options).connect(connect(V5, "")).await;
    assert_eq!(refusal.reason_code, ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
    let options = on(Terms { identifier_prefix: "dev-".to_owned(), ..Terms::default() });
    let welcome = house.peer_at(&options).connect(connect(V5, "")).await;
    assert!(welcome.properties.assigned_client_identifier.unwrap().starts_with("dev-"));
}

#[tokio::test(start_paused = true)]
async fn a_mount_point_is_the_clients_whole_world() {
    let house = house();
    let mut owner = house.client(V5, "owner").await;
    owner.subscribe("#", Q1).await;
    for version in [V5, V311] {
        let mut device = client(&house, &mounted(), connect(version, "device")).await;
        device.subscribe("#", Q1).await;
        device.publish_acknowledged("a", "out").await;
        let seen = owner.expect_payload("out").await;
        assert_eq!(seen.topic.as_deref(), Some("site/a"));
        owner.acknowledge(&seen).await;
        let echoed = device.expect_payload("out").await;
        assert_eq!(echoed.topic.as_deref(), Some("a"), "{version:?}");
        device.acknowledge(&echoed).await;
        owner.publish(message(Q0, 0, "a", "elsewhere")).await;
        owner.publish(message(Q0, 0, "site/b/c", "in")).await;
        let got = device.expect_payload("in").await;
        assert_eq!(got.topic.as_deref(), Some("b/c"));
        for payload in ["elsewhere", "in"] {
            owner.expect_payload(payload).await;
        }
        let filters = vec![TopicFilter::new("#").unwrap()];
        let (packet_identifier, user_properties) = (id(9), Vec::new());
        device.send(Packet::Unsubscribe(Unsubscribe { packet_identifier, user_properties, filters })).await;
        assert!(matches!(device.receive().await, Packet::UnsubAck(_)));
        owner.publish(message(Q0, 0, "site/b/c", "later")).await;
        owner.expect_payload("later").await;
        device.disconnect().await;
    }
}

#[tokio::test(start_paused = true)]
async fn wills_aliases_and_shared_subscriptions_are_mounted_too() {
    let house = house();
    let mut owner = house.client(V5, "owner").await;
    owner.subscribe("site/#", Q1).await;
    let with_will = Connect { will: will("w", None), ..connect(V5, "device") };
    let mut device = client(&house, &mounted(), with_will).await;
    let code = device.subscribe_with("$share/g/s", SubscriptionOptions::default(), None).await;
    assert_eq!(code, ReasonCode::SUCCESS);
    owner.publish(message(Q0, 0, "site/s", "one")).await;
    assert_eq!(device.expect_payload("one").await.topic.as_deref(), Some("s"));
    owner.expect_payload("one").await;
    drop(device);
    let gone = owner.expect_payload("gone").await;
    assert_eq!(gone.topic.as_deref(), Some("site/w"));
}

#[tokio::test(start_paused = true)]
async fn a_session_from_elsewhere_shows_nothing_outside_of_the_mount_point() {
    let house = house();
    let mut device = client(&house, &ListenerOptions::default(), resume(V5, "device", 600)).await;
    device.subscribe("#", Q1).await;
    device.disconnect().await;
    let mut owner = house.client(V5, "owner").await;
    owner.publish_acknowledged("secret", "x").await;
    owner.publish_acknowledged("site/a", "y").await;
    let mut device = client(&house, &mounted(), resume(V5, "device", 600)).await;
    let got = device.expect_message().await;
    assert_eq!((got.topic.as_deref(), &got.payload[..]), (Some("a"), &b"y"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_fit_below_the_mount_point_is_refused() {
    let house = house();
    let mut device = client(&house, &mounted(), connect(V5, "device")).await;
    device.publish(message(Q0, 0, &"x".repeat(65_533), "x")).await;
    device.expect_disconnect(ReasonCode::TOPIC_NAME_INVALID).await;
}

#[tokio::test(start_paused = true)]
async fn an_inflight_window_of_one_is_one() {
    let house = house();
    let mut terms = Terms::default();
    terms.limits.maximum_inflight = 1;
    let mut device = client(&house, &on(terms), connect(V5, "device")).await;
    device.subscribe("t", Q1).await;
    let mut owner = house.client(V5, "owner").await;
    for payload in ["1", "2"] {
        owner.publish_acknowledged("t", payload).await;
    }
    let first = device.expect_payload("1").await;
    device.expect_silence().await;
    device.acknowledge(&first).await;
    device.expect_payload("2").await;
}

#[tokio::test(start_paused = true)]
async fn limits_that_change_are_those_of_the_next_connection() {
    let house = house();
    let (_old, connack) = house.connect(connect(V5, "old")).await;
    assert_eq!(connack.properties.receive_maximum, Some(1_024));
    let limits = nightjar_broker::Limits { receive_maximum: 3, maximum_connections: 2, ..Default::default() };
    house.broker.set_limits(limits);
    let (_new, connack) = house.connect(connect(V5, "new")).await;
    assert_eq!(connack.properties.receive_maximum, Some(3));
    assert_eq!(house.peer().connect(connect(V5, "third")).await.reason_code, ReasonCode::SERVER_BUSY);
}
