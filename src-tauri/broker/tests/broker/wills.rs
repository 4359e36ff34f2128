//! Will Messages.

use std::time::Duration;

use nightjar_broker::EventKind;
use nightjar_mqtt::{Connect, ReasonCode};

use crate::peer::*;

async fn watcher(house: &House) -> Peer {
    let (mut watcher, _) = house.connect(Connect { keep_alive: 0, ..connect(V5, "watcher") }).await;
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

/// A client that is lost, whose Will waits for a minute and whose session for two.
async fn lost_for_a_while(house: &House) {
    let mortal = Connect { will: will("will", Some(60)), ..resume(V5, "mortal", 120) };
    drop(house.connect(mortal).await);
    while house.broker.client("mortal").unwrap().connected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_start_ends_the_session_and_its_delayed_will_is_due() {
    let house = house();
    let mut watcher = watcher(&house).await;
    lost_for_a_while(&house).await;
    watcher.expect_silence().await;
    let _anew = house.client(V5, "mortal").await;
    watcher.expect_payload("gone").await;
    watcher.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_clean_start_that_takes_over_ends_the_session_and_its_delayed_will_is_due() {
    let house = house();
    let mut watcher = watcher(&house).await;
    let mortal = Connect { will: will("will", Some(60)), ..resume(V5, "mortal", 120) };
    let (mut first, _) = house.connect(mortal.clone()).await;
    let (second, _) = house.connect(Connect { clean_start: true, ..mortal.clone() }).await;
    first.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
    watcher.expect_payload("gone").await;
    let (third, connack) = house.connect(mortal).await;
    assert!(connack.session_present);
    watcher.expect_silence().await;
    drop((second, third));
}

#[tokio::test(start_paused = true)]
async fn a_takeover_publishes_a_will_that_has_no_delay() {
    let house = house();
    let mut watcher = watcher(&house).await;
    let mortal = Connect { will: will("will", None), ..resume(V5, "mortal", 120) };
    let (_first, _) = house.connect(mortal.clone()).await;
    let (_second, connack) = house.connect(mortal).await;
    assert!(connack.session_present);
    watcher.expect_payload("gone").await;
}

#[tokio::test(start_paused = true)]
async fn the_will_is_due_at_the_earlier_of_its_delay_and_the_end_of_the_session() {
    for (delay, expiry, due) in [(10, 20, 10), (20, 20, 20), (20, 10, 10)] {
        let house = house();
        let mut watcher = watcher(&house).await;
        let mortal = Connect { will: will("will", Some(delay)), ..resume(V5, "mortal", expiry) };
        drop(house.connect(mortal).await);
        tokio::time::sleep(Duration::from_millis(due * 1_000 - 500)).await;
        watcher.expect_silence().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        watcher.expect_payload("gone").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        watcher.expect_silence().await;
        assert!(house.broker.client("mortal").is_none(), "the session is over, too");
    }
}

#[tokio::test(start_paused = true)]
async fn a_return_takes_the_will_back_up_to_the_last_moment() {
    let house = house();
    let mut watcher = watcher(&house).await;
    for away in [0, 30, 59] {
        lost_for_a_while(&house).await;
        tokio::time::sleep(Duration::from_secs(away)).await;
        let (back, connack) = house.connect(resume(V5, "mortal", 120)).await;
        assert!(connack.session_present);
        back.disconnect().await;
    }
    tokio::time::sleep(Duration::from_secs(100)).await;
    watcher.expect_silence().await;
    lost_for_a_while(&house).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    watcher.expect_payload("gone").await;
    let (_back, connack) = house.connect(resume(V5, "mortal", 120)).await;
    assert!(connack.session_present, "the session outlives the Will");
}

#[tokio::test(start_paused = true)]
async fn a_will_that_is_not_the_text_it_says_it_is_is_refused() {
    let house = house();
    let mut mortal = will("will", None).unwrap();
    mortal.properties.payload_format_indicator = Some(true);
    let accepted = Connect { will: Some(mortal.clone()), ..connect(V5, "mortal") };
    assert_eq!(house.peer().connect(accepted).await.reason_code, ReasonCode::SUCCESS);
    mortal.payload = bytes::Bytes::from_static(&[0xff]);
    let refused = Connect { will: Some(mortal), ..connect(V5, "mortal") };
    assert_eq!(house.peer().connect(refused).await.reason_code, ReasonCode::PAYLOAD_FORMAT_INVALID);
}
