//! Bans: who is turned out, who is refused, and when that is over.

use std::time::Duration;

use nightjar_broker::{Access, BanList, BanNumber, BanTarget, EventKind, Timestamp};
use nightjar_mqtt::{Connect, Login, ReasonCode};

use crate::peer::*;

const ELSEWHERE: &str = "192.168.1.7:50000";

fn ban(kind: &str, text: &str, until: Option<Timestamp>) -> BanList {
    let mut list = BanList::default();
    list.add(BanTarget::parse(kind, text).unwrap(), nightjar_broker::now().wall, until, "noisy").unwrap();
    list
}

/// A client "tv-1" of the user "tv".
fn tv(version: nightjar_mqtt::ProtocolVersion) -> Connect {
    let login = Login { user_name: Some("tv".into()), password: None };
    Connect { login, ..connect(version, "tv-1") }
}

async fn answer(house: &House, connect: Connect) -> ReasonCode {
    let mut peer = house.peer_from(ELSEWHERE, 4096);
    peer.connect(connect).await.reason_code
}

#[tokio::test(start_paused = true)]
async fn who_is_banned_is_turned_out_and_refused_and_nobody_else() {
    for (kind, text) in [("client", "tv-1"), ("user", "tv"), ("address", "192.168.1.7"), ("address", "192.168.0.0/16")]
    {
        let house = house();
        house.broker.set_access(Access::Anyone);
        let mut peer = house.peer_from(ELSEWHERE, 4096);
        assert_eq!(peer.connect(tv(V5)).await.reason_code, ReasonCode::SUCCESS);
        let mut other = house.client(V5, "other").await;
        house.broker.set_bans(ban(kind, text, None));
        peer.expect_disconnect(ReasonCode::ADMINISTRATIVE_ACTION).await;
        other.expect_silence().await;
        assert_eq!(answer(&house, tv(V5)).await, ReasonCode::BANNED);
        // The nearest that 3.1.1 has.
        assert_eq!(answer(&house, tv(V311)).await, ReasonCode::NOT_AUTHORIZED);
        let event = house.event(EventKind::Refused).await;
        assert!(event.detail.contains(&format!("{kind} {text} is banned (ban 1)")), "{}", event.detail);
        house.broker.set_bans(BanList::default());
        assert_eq!(answer(&house, tv(V5)).await, ReasonCode::SUCCESS);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ban_that_is_over_keeps_nobody_out() {
    let house = house();
    house.broker.set_access(Access::Anyone);
    let micros = nightjar_broker::now().wall.micros();
    house.broker.set_bans(ban("client", "tv-1", Some(Timestamp::from_micros(micros + 3_600_000_000))));
    assert_eq!(answer(&house, tv(V5)).await, ReasonCode::BANNED);
    house.broker.set_bans(ban("client", "tv-1", Some(Timestamp::from_micros(micros - 1))));
    assert_eq!(answer(&house, tv(V5)).await, ReasonCode::SUCCESS);
    assert_eq!(house.broker.bans().bans[0].number, BanNumber(1));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_refused_connects_is_an_event_a_minute() {
    let house = house();
    house.broker.set_access(Access::Anyone);
    house.broker.set_bans(ban("user", "tv", None));
    let before = house.journal.events(EventKind::Refused).len();
    for _ in 0..200 {
        assert_eq!(answer(&house, tv(V5)).await, ReasonCode::BANNED, "a ban is no pause");
    }
    tokio::time::sleep(Duration::from_secs(130)).await;
    let events = house.journal.events(EventKind::Refused);
    assert!((1..=2).contains(&(events.len() - before)), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_waits_for_the_end_of_the_ban() {
    let house = house();
    let (mut reader, _) = house.connect(resume(V5, "reader", 1_000)).await;
    reader.subscribe("a", Q1).await;
    house.broker.set_bans(ban("client", "reader", None));
    reader.expect_disconnect(ReasonCode::ADMINISTRATIVE_ACTION).await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("a", "kept").await;
    house.broker.set_bans(BanList::default());
    let (mut reader, connack) = house.connect(resume(V5, "reader", 1_000)).await;
    assert!(connack.session_present);
    reader.expect_payload("kept").await;
}
