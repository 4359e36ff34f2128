//! How long sessions last.

use super::*;

fn capped() -> House {
    house_with(Limits { maximum_session_expiry: Some(Duration::from_secs(60)), ..Limits::default() })
}

#[tokio::test(start_paused = true)]
async fn none_outlives_the_longest_expiry() {
    for version in [V31, V311, V5] {
        let house = capped();
        let (client, _) = house.connect(resume(version, "client", 1_000)).await;
        client.disconnect().await;
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(house.broker.client("client").is_some());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(house.broker.client("client").is_none(), "{version:?}");
        assert_eq!(house.journal.events(EventKind::Expired).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn disconnect_can_not_ask_for_more() {
    let house = capped();
    let (mut client, _) = house.connect(resume(V5, "client", 10)).await;
    let properties = DisconnectProperties { session_expiry_interval: Some(1_000), ..Default::default() };
    client.send(Packet::Disconnect(Disconnect { reason_code: ReasonCode::SUCCESS, properties })).await;
    client.expect_eof().await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(house.broker.client("client").is_some(), "it may ask for more than CONNECT did");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(house.broker.client("client").is_none());
}
