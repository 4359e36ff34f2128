//! `$SYS`: its names, and that its numbers are true.

use std::collections::BTreeMap;

use super::*;

/// Those of Mosquitto 2.0, without the heap's size, which nobody here knows.
const NAMES_OF_MOSQUITTO: [&str; 27] = [
    "version",
    "uptime",
    "clients/connected",
    "clients/active",
    "clients/disconnected",
    "clients/inactive",
    "clients/total",
    "clients/maximum",
    "clients/expired",
    "messages/received",
    "messages/sent",
    "messages/stored",
    "store/messages/count",
    "store/messages/bytes",
    "publish/messages/received",
    "publish/messages/sent",
    "publish/messages/dropped",
    "publish/bytes/received",
    "publish/bytes/sent",
    "bytes/received",
    "bytes/sent",
    "retained messages/count",
    "subscriptions/count",
    "shared_subscriptions/count",
    "messages/inflight",
    "dropped/queue-full",
    "dropped/too-many-retained-messages",
];

const LOADS_OF_MOSQUITTO: [&str; 9] = [
    "messages/received",
    "messages/sent",
    "publish/received",
    "publish/sent",
    "publish/dropped",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];

/// Everything below `$SYS`, as a new subscriber sees it, by what follows `$SYS/broker/`.
async fn announced(house: &House) -> BTreeMap<String, String> {
    let mut reader = house.client(V5, "reader").await;
    reader.subscribe("$SYS/#", Q0).await;
    reader.send(Packet::PingReq).await;
    let mut found = BTreeMap::new();
    // PINGRESP is on its way before some of them.
    while let Ok(Some(packet)) = tokio::time::timeout(Duration::from_millis(100), reader.next()).await {
        let Packet::Publish(message) = packet else { continue };
        assert!(message.retain);
        let name = message.topic.unwrap().strip_prefix("$SYS/broker/").unwrap().to_owned();
        found.insert(name, String::from_utf8_lossy(&message.payload).into_owned());
    }
    reader.disconnect().await;
    found
}

async fn ticks(count: u32) {
    tokio::time::sleep(Duration::from_secs(10) * count).await;
}

#[tokio::test(start_paused = true)]
async fn all_the_names_of_mosquitto_are_there() {
    let house = house();
    ticks(1).await;
    let found = announced(&house).await;
    for name in NAMES_OF_MOSQUITTO {
        assert!(found.contains_key(name), "{name} is missing");
    }
    for load in LOADS_OF_MOSQUITTO {
        for period in ["1min", "5min", "15min"] {
            assert!(found.contains_key(&format!("load/{load}/{period}")), "load/{load}/{period} is missing");
        }
    }
    for reason in DropReason::ALL {
        assert_eq!(found[&format!("dropped/{}", reason.name().replace(' ', "-"))], "0");
    }
}

#[tokio::test(start_paused = true)]
async fn the_numbers_are_true() {
    let house = house();
    let mut client = house.client(V311, "client").await;
    client.subscribe("t", Q0).await;
    for _ in 0..3 {
        client.publish(message(Q0, 0, "t", "hello")).await;
        client.expect_payload("hello").await;
    }
    let (away, _) = house.connect(resume(V311, "away", 0)).await;
    away.disconnect().await;
    let (mut queue, _) = house.connect(resume(V5, "queue", 15)).await;
    queue.subscribe("q", Q1).await;
    queue.disconnect().await;
    client.publish_acknowledged("q", "waits").await;
    client.publish(Publish { retain: true, ..message(Q1, 7, "$SYS/broker/version", "mine") }).await;
    client.expect(Packet::PubAck(acknowledgement(7))).await;
    let mut rude = house.peer();
    rude.send_bytes(b"GET /").await;
    rude.expect_eof().await;
    ticks(1).await;

    let found = announced(&house).await;
    let expected = [
        ("clients/connected", "1"),
        ("clients/disconnected", "2"),
        ("clients/total", "3"),
        ("clients/maximum", "2"),
        ("subscriptions/count", "2"),
        // CONNECT three times, SUBSCRIBE and DISCONNECT twice, PUBLISH five times.
        ("messages/received", "12"),
        // CONNACK three times, SUBACK twice, PUBLISH three times, PUBACK twice.
        ("messages/sent", "10"),
        ("publish/messages/received", "5"),
        ("publish/messages/sent", "3"),
        ("publish/bytes/received", "24"),
        ("publish/bytes/sent", "15"),
        ("publish/messages/dropped", "1"),
        ("dropped/not-authorized", "1"),
        ("connections/refused", "1"),
        ("messages/inflight", "0"),
    ];
    for (name, value) in expected {
        assert_eq!(found[name], value, "{name}");
    }
    assert!(found["version"].starts_with("Nightjar "));
    assert!(found["uptime"].ends_with(" seconds"));
    let (stored, retained) = (&found["store/messages/count"], &found["retained messages/count"]);
    assert_eq!(stored.parse::<u64>().unwrap(), retained.parse::<u64>().unwrap() + 1, "what waits is stored");

    ticks(2).await;
    let found = announced(&house).await;
    assert_eq!((&found["clients/expired"][..], &found["clients/total"][..]), ("1", "2"));
}

#[tokio::test(start_paused = true)]
async fn loads_are_averages_a_minute() {
    let house = house();
    let mut client = house.client(V311, "client").await;
    for _ in 0..120 {
        client.publish(message(Q0, 0, "t", "hello")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let found = announced(&house).await;
    let load = |name: &str| found[name].parse::<f64>().unwrap();
    // Two minutes at 60 a minute: 1 - e^-2 and 1 - e^-0.4 of the way.
    assert!((load("load/publish/received/1min") - 51.9).abs() < 2.0, "{found:?}");
    assert!((load("load/publish/received/5min") - 19.8).abs() < 2.0, "{found:?}");
    assert!(load("load/bytes/received/1min") > 9.0 * load("load/publish/received/1min"));
    assert_eq!(found["load/publish/dropped/1min"], "0.00");
    assert!(load("load/connections/15min") > 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_interval_is_a_setting_and_can_be_off() {
    let house = house_with(Limits { sys_interval: None, ..Limits::default() });
    ticks(10).await;
    assert!(announced(&house).await.is_empty());

    let house = house_with(Limits { sys_interval: Some(Duration::from_secs(60)), ..Limits::default() });
    let mut reader = house.client(V5, "reader").await;
    reader.subscribe("$SYS/broker/uptime", Q0).await;
    for seconds in ["0 seconds", "60 seconds", "120 seconds"] {
        reader.expect_payload(seconds).await;
        reader.send(Packet::PingReq).await;
        reader.expect(Packet::PingResp).await;
    }
}
