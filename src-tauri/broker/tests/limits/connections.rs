//! How many connect, how often, and who has to wait.

use std::num::{NonZeroU32, NonZeroUsize};

use nightjar_broker::Access;

use super::*;

fn public(limits: Limits) -> House {
    let house = house_with(limits);
    house.broker.set_access(Access::Anyone);
    house
}

fn from(house: &House, address: &str) -> Peer {
    house.peer_from(&format!("{address}:50000"), 4096)
}

async fn refusals(house: &House, text: &str) -> usize {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let events = house.journal.events(EventKind::Refused);
    events.iter().filter(|event| event.detail.contains(text)).count()
}

#[tokio::test(start_paused = true)]
async fn one_too_many_in_all_is_told_so() {
    let house = house_with(Limits { maximum_connections: 2, ..Limits::default() });
    let _first = house.client(V5, "first").await;
    let second = house.client(V311, "second").await;
    for (version, code) in [(V5, ReasonCode::SERVER_BUSY), (V311, ReasonCode::SERVER_UNAVAILABLE)] {
        let mut third = house.peer();
        assert_eq!(third.connect(connect(version, "third")).await.reason_code, code);
        third.expect_eof().await;
    }
    assert_eq!(refusals(&house, "2 connects were refused").await, 1, "both in one event");
    second.disconnect().await;
    house.client(V5, "third").await;
    assert_eq!(house.broker.totals().refused_connections, 2);
}

#[tokio::test(start_paused = true)]
async fn one_too_many_from_an_address_is_told_so_but_this_computer_may() {
    let house = public(Limits { maximum_connections_per_address: NonZeroUsize::new(2), ..Limits::default() });
    let mut kept = Vec::new();
    for name in ["1", "2"] {
        let mut peer = from(&house, "10.0.0.1");
        assert_eq!(peer.connect(connect(V5, name)).await.reason_code, ReasonCode::SUCCESS);
        kept.push(peer);
    }
    let mut third = from(&house, "10.0.0.1");
    assert_eq!(third.connect(connect(V5, "3")).await.reason_code, ReasonCode::QUOTA_EXCEEDED);
    assert_eq!(refusals(&house, "10.0.0.1").await, 1);
    let mut other = from(&house, "10.0.0.2");
    assert_eq!(other.connect(connect(V5, "4")).await.reason_code, ReasonCode::SUCCESS);
    for name in ["5", "6", "7"] {
        kept.push(house.client(V5, name).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_comes_byte_by_byte_has_its_time() {
    let house = house_with(Limits { connect_timeout: Duration::from_secs(3), ..Limits::default() });
    let mut slow = house.peer();
    let start = nightjar_broker::now().steady;
    for byte in *b"\x10\x0D\x00" {
        slow.send_bytes(&[byte]).await;
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    slow.expect_eof().await;
    assert_eq!((nightjar_broker::now().steady - start).as_secs(), 3);
    assert_eq!(refusals(&house, "no whole CONNECT came within 3 s").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_for_the_stall_timeout_is_cut_off() {
    let house = house_with(Limits { stall_timeout: Duration::from_secs(7), ..Limits::default() });
    let mut stuck = house.peer_from("127.0.0.1:50001", 64);
    stuck.connect(Connect { keep_alive: 0, ..connect(V5, "stuck") }).await;
    stuck.subscribe("#", Q0).await;
    house.client(V5, "publisher").await.publish_acknowledged("a", &"x".repeat(1_000)).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let ends = house.journal.events(EventKind::Disconnected);
    assert!(ends.iter().any(|event| event.detail.contains("(0x97)") && event.detail.contains("7 s")), "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_silent_sockets_has_a_bound_and_clients_get_in() {
    let house = house_with(Limits { maximum_silent_connections: 10, ..Limits::default() });
    let mut silent: Vec<_> = (0..100).map(|_| house.peer()).collect();
    let mut client = house.client(V5, "client").await;
    for peer in &mut silent[..91] {
        peer.expect_eof().await;
    }
    client.expect_silence().await;
    assert_eq!(refusals(&house, "that had not said CONNECT were closed to make room").await, 1);
    // Who was not crowded out may still say it.
    assert_eq!(silent[95].connect(connect(V5, "patient")).await.reason_code, ReasonCode::SUCCESS);
    assert_eq!(house.broker.totals().refused_connections, 91);
}

#[tokio::test(start_paused = true)]
async fn a_new_session_beyond_the_most_is_refused_and_an_old_one_goes_on() {
    let house = house_with(Limits { maximum_sessions: 2, ..Limits::default() });
    for name in ["a", "b"] {
        house.connect(resume(V311, name, 0)).await.0.disconnect().await;
    }
    let mut third = house.peer();
    assert_eq!(third.connect(connect(V5, "c")).await.reason_code, ReasonCode::QUOTA_EXCEEDED);
    let (again, connack) = house.connect(resume(V311, "a", 0)).await;
    assert!(connack.session_present);
    again.disconnect().await;
    assert!(house.broker.disconnect("a").await);
    house.client(V5, "c").await;
}

fn strict() -> Limits {
    Limits {
        maximum_failed_connects: NonZeroU32::new(3),
        maximum_takeovers: NonZeroU32::new(3),
        first_pause: Duration::from_secs(10),
        longest_pause: Duration::from_secs(20),
        ..Limits::default()
    }
}

/// Sends what is no CONNECT from an address, as often as is one time too many.
async fn fail(house: &House, address: &str) {
    for _ in 0..3 {
        let mut peer = from(house, address);
        peer.send_bytes(b"GET / HTTP/1.1\r\n\r\n").await;
        peer.expect_eof().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_fails_again_and_again_has_to_wait_longer_each_time() {
    let house = public(strict());
    for seconds in [10, 20, 20] {
        fail(&house, "10.0.0.1").await;
        let event = house.event(EventKind::Refused).await;
        assert!(event.detail.contains(&format!("refused for {seconds} s")), "{}", event.detail);
        assert!(event.detail.contains("3 connects from 10.0.0.1 failed"), "{}", event.detail);
        for (version, code) in [(V5, 0x9F), (V311, ReasonCode::SERVER_UNAVAILABLE.0)] {
            let mut peer = from(&house, "10.0.0.1");
            assert_eq!(peer.connect(connect(version, "meter")).await.reason_code.0, code);
            peer.expect_eof().await;
        }
        let mut other = from(&house, "10.0.0.2");
        assert_eq!(other.connect(connect(V5, "other")).await.reason_code, ReasonCode::SUCCESS);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let mut peer = from(&house, "10.0.0.1");
        assert_eq!(peer.connect(connect(V5, "meter")).await.reason_code, ReasonCode::SUCCESS);
        let over = house.event(EventKind::Broker).await;
        assert!(over.detail.contains("10.0.0.1 is over: 2 connects were refused"), "{}", over.detail);
    }
    assert_eq!(house.journal.events(EventKind::Violation).len(), 9, "in a pause nothing else is on record");
}

#[tokio::test(start_paused = true)]
async fn this_computer_never_has_to_wait() {
    let house = house_with(strict());
    for _ in 0..5 {
        fail(&house, "127.0.0.1").await;
    }
    house.client(V5, "client").await;
}

#[tokio::test(start_paused = true)]
async fn who_was_not_allowed_in_is_forgiven_when_that_changes() {
    let house = house_with(strict());
    for expected in [ReasonCode::NOT_AUTHORIZED; 3].into_iter().chain([ReasonCode::CONNECTION_RATE_EXCEEDED]) {
        let mut peer = from(&house, "10.0.0.1");
        assert_eq!(peer.connect(connect(V5, "tv")).await.reason_code, expected);
    }
    house.broker.set_access(Access::Anyone);
    let mut peer = from(&house, "10.0.0.1");
    assert_eq!(peer.connect(connect(V5, "tv")).await.reason_code, ReasonCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn of_two_devices_with_one_identifier_the_second_has_to_wait() {
    let house = house_with(strict());
    let mut connected = house.client(V5, "twin").await;
    for _ in 0..3 {
        let next = house.client(V5, "twin").await;
        connected.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
        connected = next;
    }
    let event = house.event(EventKind::Refused).await;
    assert_eq!(event.client.as_deref(), Some("twin"));
    for words in ["two devices", "3 takeovers", "127.0.0.1:50000", "10 s", "Give each device its own"] {
        assert!(event.detail.contains(words), "{words}: {}", event.detail);
    }
    for (version, code) in [(V5, 0x9F), (V311, ReasonCode::SERVER_UNAVAILABLE.0)] {
        let mut late = house.peer();
        assert_eq!(late.connect(connect(version, "twin")).await.reason_code.0, code);
    }
    connected.expect_silence().await;
    house.client(V5, "only-child").await;
    // The other one leaves: now there is nobody to take anything from.
    connected.disconnect().await;
    let mut connected = house.client(V5, "twin").await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    let over = house.event(EventKind::Broker).await;
    assert!(over.detail.contains("is over: 2 connects"), "{}", over.detail);
    let _next = house.client(V5, "twin").await;
    connected.expect_disconnect(ReasonCode::SESSION_TAKEN_OVER).await;
}

#[tokio::test(start_paused = true)]
async fn the_addresses_that_one_device_may_have_are_paused_together() {
    let house = house_with(Limits { maximum_failed_connects: NonZeroU32::new(3), ..Limits::default() });
    let from = |host: &str| house.peer_from(&format!("[{host}]:5"), 4096);
    for host in ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3"] {
        // Only this computer may connect.
        assert_eq!(from(host).connect(connect(V5, "c")).await.reason_code, ReasonCode::NOT_AUTHORIZED);
    }
    for (host, expected) in
        [("2001:db8:0:1::4", ReasonCode::CONNECTION_RATE_EXCEEDED), ("2001:db8:0:2::1", ReasonCode::NOT_AUTHORIZED)]
    {
        assert_eq!(from(host).connect(connect(V5, "c")).await.reason_code, expected, "{host}");
    }
    assert_eq!(refusals(&house, "3 connects from 2001:db8:0:1::/64 failed").await, 1);
}
