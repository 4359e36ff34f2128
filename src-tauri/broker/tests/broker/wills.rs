//! Will Messages.

use std::time::Duration;

use nightjar_broker::EventKind;
use nightjar_mqtt::{Connect, ReasonCode};

use crate::peer::*;

async fn watcher(house: &House) -> Peer {
    let mut watcher = house.client(V5, "watcher").await;
    watcher.subscribe("will", Q0).await;
    watcher
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_publishes_the_will_and_disconnect_does_not() {
    let house = house();
    let mut watcher = watcher(&house).await;
    for version in [V31, V311, V5] {
        let with_will = || Connect { will: will("will", None), ..connect(version, "mortal") };
        let (polite, _) = house.connect(with_will()).await;
        polite.disconnect().await;
        watcher.expect_silence().await;
        let (lost, _) = house.connect(with_will()).await;
        drop(lost);
        watcher.expect_payload("gone").await;
    }
    assert_eq!(house.journal.events(EventKind::Will).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_will_waits_and_a_return_takes_it_back() {
    let house = house();
    let mut watcher = watcher(&house).await;
    let with_will = || Connect { will: will("will", Some(30)), ..resume(V5, "mortal", 100) };
    let (lost, _) = house.connect(with_will()).await;
    drop(lost);
    house.event(EventKind::Lost).await;
    tokio::time::sleep(Duration::from_secs(29)).await;
    watcher.expect_silence().await;
    let (lost, connack) = house.connect(with_will()).await;
    assert!(connack.session_present);
    tokio::time::sleep(Duration::from_secs(5)).await;
    watcher.expect_silence().await;
    drop(lost);
    tokio::time::sleep(Duration::from_secs(31)).await;
    watcher.expect_payload("gone").await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_does_not_wait_for_the_delay() {
    let house = house();
    let mut watcher = watcher(&house).await;
    let mortal = Connect { will: will("will", Some(300)), ..resume(V5, "mortal", 10) };
    let (lost, _) = house.connect(mortal).await;
    drop(lost);
    tokio::time::sleep(Duration::from_secs(11)).await;
    watcher.expect_payload("gone").await;
}

#[tokio::test(start_paused = true)]
async fn a_stopping_broker_publishes_the_wills_that_are_left() {
    let house = house();
    let soon = Connect { will: will("will", None), ..connect(V5, "connected") };
    let (mut connected, _) = house.connect(soon).await;
    let later = Connect { will: will("will", Some(300)), ..resume(V5, "away", 1000) };
    let (away, _) = house.connect(later).await;
    drop(away);
    house.event(EventKind::Lost).await;
    house.broker.stop().await;
    connected.expect_disconnect(ReasonCode::SERVER_SHUTTING_DOWN).await;
    assert_eq!(house.journal.payloads(), ["gone", "gone"]);
}
