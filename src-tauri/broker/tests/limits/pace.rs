//! How fast a client is read.

use std::num::{NonZeroU32, NonZeroUsize};

use super::*;

async fn elapsed(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_too_fast_are_read_more_slowly_and_none_is_lost() {
    let house = house_with(Limits { maximum_publish_rate: NonZeroU32::new(10), ..Limits::default() });
    let mut fast = house.client(V311, "fast").await;
    let mut other = house.client(V311, "other").await;
    for number in 0..100 {
        fast.publish(message(Q0, 0, "a", &number.to_string())).await;
    }
    elapsed(1).await;
    let taken = house.journal.payloads().len();
    assert!((10..=21).contains(&taken), "a second's worth at once and one more in the first second: {taken}");
    other.publish_acknowledged("a", "unhindered").await;
    elapsed(4).await;
    let taken = house.journal.payloads().len();
    assert!((50..=62).contains(&taken), "{taken}");
    elapsed(6).await;
    let all: Vec<_> = house.journal.messages().into_iter().filter(|message| &*message.publisher == "fast").collect();
    let payloads: Vec<_> = all.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect();
    assert_eq!(payloads, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(house.broker.totals().dropped_in_all(), 0);
    fast.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_come_too_fast_are_read_more_slowly() {
    let house = house_with(Limits { maximum_read_rate: NonZeroUsize::new(10_000), ..Limits::default() });
    let mut fast = house.client(V311, "fast").await;
    for _ in 0..60 {
        fast.publish(message(Q0, 0, "a", &"x".repeat(995))).await;
    }
    elapsed(2).await;
    let taken = house.journal.payloads().len();
    assert!((25..=32).contains(&taken), "{taken}");
    elapsed(4).await;
    assert_eq!(house.journal.payloads().len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_read_is_not_taken_for_a_silent_one() {
    let house = house_with(Limits { maximum_read_rate: NonZeroUsize::new(1_000), ..Limits::default() });
    let (mut fast, _) = house.connect(Connect { keep_alive: 10, ..connect(V311, "fast") }).await;
    fast.publish(message(Q0, 0, "a", &"x".repeat(100_000))).await;
    // It pings in time, but its ping stands behind what is slowed down.
    fast.expect_silence().await;
    assert!(house.journal.events(EventKind::Lost).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_the_disk_is_not_taken_for_a_silent_one() {
    let house = house();
    let mut client = house.client(V311, "client").await;
    house.journal.hold();
    house.journal.fall_behind(true);
    client.publish(message(Q0, 0, "a", "1")).await;
    elapsed(1_000).await;
    house.journal.fall_behind(false);
    house.journal.commit();
    client.expect_silence().await;
    assert!(house.journal.events(EventKind::Lost).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_need_not_wait_for_connack() {
    let house = house();
    let mut peer = house.peer();
    // CONNECT for "a" and PINGREQ in one write.
    peer.send_bytes(b"\x10\x0E\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x01a\xC0\x00").await;
    assert!(matches!(peer.receive().await, Packet::ConnAck(_)));
    peer.expect(Packet::PingResp).await;
}
