//! What CONNACK tells, and that it is then what counts.

use super::*;

#[tokio::test(start_paused = true)]
async fn tells_mqtt_5_clients_what_they_may() {
    let limits = Limits {
        maximum_packet_size: 5_000,
        receive_maximum: 7,
        topic_alias_maximum: 3,
        maximum_keep_alive: Some(Duration::from_secs(30)),
        maximum_session_expiry: Some(Duration::from_secs(600)),
        ..Limits::default()
    };
    let house = house_with(limits);
    let (_, connack) = house.connect(resume(V5, "client", 601)).await;
    let told = connack.properties;
    assert_eq!(told.maximum_packet_size, Some(5_000));
    assert_eq!(told.receive_maximum, Some(7));
    assert_eq!(told.topic_alias_maximum, Some(3));
    assert_eq!(told.server_keep_alive, Some(30));
    assert_eq!(told.session_expiry_interval, Some(600));

    let modest = Connect { keep_alive: 30, ..resume(V5, "modest", 600) };
    let (_, connack) = house.connect(modest).await;
    assert_eq!(connack.properties.server_keep_alive, None);
    assert_eq!(connack.properties.session_expiry_interval, None);
}

#[tokio::test(start_paused = true)]
async fn its_keep_alive_is_the_one_that_counts() {
    let house = house_with(Limits { maximum_keep_alive: Some(Duration::from_secs(30)), ..Limits::default() });
    let (mut told, _) = house.connect(Connect { keep_alive: 0, ..connect(V5, "told") }).await;
    let (mut old, _) = house.connect(Connect { keep_alive: 0, ..connect(V311, "old") }).await;
    assert_eq!(house.broker.client("told").unwrap().connection.keep_alive, 30);
    let start = nightjar_broker::now().steady;
    told.expect_disconnect(ReasonCode::KEEP_ALIVE_TIMEOUT).await;
    assert_eq!((nightjar_broker::now().steady - start).as_secs(), 45);
    old.expect_silence().await;
}
