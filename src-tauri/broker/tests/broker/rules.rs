//! Rules: what they let through in each direction, and what becomes of what was under way when they change.

use bytes::Bytes;
use nightjar_broker::{
    Access, Account, AccountName, DropReason, Effect, EventKind, ListenerOptions, Operation, Operations, PasswordHash,
    RuleFilter, RuleNumber, RuleSet, RuleSubject, Terms, Timestamp,
};
use nightjar_mqtt::{Connect, Login, Packet, Publish, ReasonCode};

use crate::peer::*;

const PUBLISH: Operations = Operations::Publish;
const SUBSCRIBE: Operations = Operations::Subscribe;
const DENIED: ReasonCode = ReasonCode::NOT_AUTHORIZED;
/// SUBACK below MQTT 5.0.
const FAILURE: ReasonCode = ReasonCode::UNSPECIFIED_ERROR;

/// Rules for everybody, where nothing else is said.
fn rules(lines: &[(Effect, Operations, &str)], otherwise: Effect) -> RuleSet {
    let mut set = RuleSet { otherwise, ..RuleSet::default() };
    for (effect, operations, filter) in lines {
        let filter = RuleFilter::new(filter).unwrap();
        set.add(RuleSubject::Everybody, *operations, filter, *effect, None).unwrap();
    }
    set
}

fn deny(operations: Operations, filter: &str) -> RuleSet {
    rules(&[(Effect::Deny, operations, filter)], Effect::Allow)
}

fn ruled(set: RuleSet) -> House {
    let house = house();
    house.broker.set_rules(set);
    house
}

fn dropped(house: &House, reason: DropReason) -> u64 {
    house.broker.totals().dropped[reason as usize]
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_denied_goes_nowhere_and_its_publisher_is_told_where_it_can_be() {
    let house = ruled(deny(PUBLISH, "closed/#"));
    for version in [V5, V311, V31] {
        let mut reader = house.client(version, "reader").await;
        reader.subscribe("#", Q0).await;
        let mut publisher = house.client(version, "publisher").await;
        publisher.publish(message(Q0, 0, "closed/a", "never")).await;
        let said = if version == V5 { DENIED } else { ReasonCode::SUCCESS };
        publisher.publish(Publish { retain: true, ..message(Q1, 7, "closed/b", "never") }).await;
        publisher.expect_refusal(7, said).await;
        publisher.publish(message(Q2, 8, "closed/c", "never")).await;
        publisher.expect_refusal(8, said).await;
        if version != V5 {
            publisher.send(Packet::PubRel(acknowledgement(8))).await;
            publisher.expect(Packet::PubComp(acknowledgement(8))).await;
        }
        publisher.publish_acknowledged("open", "through").await;
        reader.expect_payload("through").await;
        reader.expect_silence().await;
        assert_eq!(house.broker.retained_count(), 0);
        publisher.disconnect().await;
        reader.disconnect().await;
    }
    assert_eq!(dropped(&house, DropReason::NotAuthorized), 9);
    let denials = house.broker.denials();
    assert_eq!(denials.len(), 3, "{denials:?}");
    for denial in denials {
        assert_eq!((denial.count, denial.rule, denial.operation), (3, Some(RuleNumber(1)), Operation::Publish));
        assert_eq!((&*denial.client, denial.is_will), ("publisher", false));
        assert!(denial.address.is_some_and(|address| address.ip().is_loopback()));
    }
    let event = house.event(EventKind::Refused).await;
    assert!(event.detail.starts_with("publishing to closed/") && event.detail.contains("rule 1"), "{}", event.detail);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_granted_for_what_of_it_may_be_read() {
    let allowed = [(Effect::Allow, SUBSCRIBE, "home/+/temp"), (Effect::Allow, PUBLISH, "#")];
    let house = ruled(rules(&allowed, Effect::Deny));
    let mut reader = house.client(V5, "reader").await;
    for (filter, code) in [
        ("#", ReasonCode::SUCCESS),
        ("home/#", ReasonCode::SUCCESS),
        ("home/bath/temp", ReasonCode::SUCCESS),
        ("$share/g/home/bath/+", ReasonCode::SUCCESS),
        ("home/bath/door", DENIED),
        ("office/#", DENIED),
        ("+", DENIED),
        ("$SYS/#", DENIED),
        ("$share/g/office/#", DENIED),
    ] {
        assert_eq!(reader.subscribe_to(&[filter]).await.reason_codes, [code], "{filter}");
    }
    assert_eq!(house.broker.totals().denied_subscriptions, 5);
    let mut old = house.client(V311, "old").await;
    assert_eq!(old.subscribe_to(&["office/#", "#"]).await.reason_codes, [FAILURE, ReasonCode::SUCCESS]);
    let mut publisher = house.client(V5, "publisher").await;
    for topic in ["home/bath/door", "home/bath/temp", "office/temp"] {
        publisher.publish_acknowledged(topic, topic).await;
    }
    for _ in 0..2 {
        reader.expect_payload("home/bath/temp").await;
    }
    old.expect_payload("home/bath/temp").await;
    reader.expect_silence().await;
    old.expect_silence().await;
    // "#", and "home/#" of the same session is one with it; "old"; and the share.
    assert_eq!(house.broker.totals().withheld, 2 + 1 + 2);
    assert_eq!(house.broker.totals().dropped_in_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn retained_messages_are_passed_over_where_they_may_not_be_read() {
    let house = ruled(deny(SUBSCRIBE, "secret/#"));
    let mut publisher = house.client(V5, "publisher").await;
    for topic in ["a", "secret/b", "z"] {
        publisher.publish_retained(topic, topic).await;
    }
    let mut reader = house.client(V5, "reader").await;
    reader.subscribe("#", Q1).await;
    for topic in ["a", "z"] {
        let publish = reader.expect_payload(topic).await;
        reader.acknowledge(&publish).await;
    }
    reader.expect_silence().await;
    house.broker.set_rules(RuleSet::default());
    assert!(!reader.subscribe_to(&["#"]).await.reason_codes[0].is_error());
    for topic in ["a", "secret/b", "z"] {
        reader.expect_payload(topic).await;
    }
}

/// Retained by "tv", by a guest, and by the broker's owner; the rules are for what comes from the first two.
async fn retained_by_three(house: &House) {
    house.broker.set_accounts(vec![account("tv")]);
    house.broker.set_access(Access::Password);
    let (mut tv, _) = house.connect(login("tv-1", "tv")).await;
    tv.publish_retained("by/tv", "by/tv").await;
    house.client(V5, "guest").await.publish_retained("by/guest", "by/guest").await;
    house.broker.publish(nightjar_broker::OwnMessage {
        publisher: nightjar_broker::ClientIdentifier::new("window"),
        topic: topic_name("by/owner"),
        payload: "by/owner".into(),
        qos: Q0,
        retain: true,
        properties: None,
    });
}

/// What a new subscription of that client gets at once, sorted.
async fn retained_for(peer: &mut Peer, expected: &[&str]) {
    assert!(!peer.subscribe_to(&["by/#"]).await.reason_codes[0].is_error());
    for topic in expected {
        peer.expect_payload(topic).await;
    }
    peer.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_retained_goes_out_while_its_publisher_may_still_publish_it() {
    let house = house();
    retained_by_three(&house).await;
    let withheld = || house.broker.totals().withheld;
    let mut reader = house.client(V5, "reader").await;
    retained_for(&mut reader, &["by/guest", "by/owner", "by/tv"]).await;
    // Nobody who is asked may publish any more; the owner is not asked.
    house.broker.set_rules(deny(PUBLISH, "#"));
    retained_for(&mut reader, &["by/owner"]).await;
    assert_eq!(withheld(), 2);
    // The account decides, not the client that it was used from, and not who is connected.
    let mut set = RuleSet::default();
    let tv = RuleSubject::Account(AccountName::new("tv").unwrap());
    set.add(tv, PUBLISH, RuleFilter::new("by/tv").unwrap(), Effect::Deny, None).unwrap();
    house.broker.set_rules(set);
    retained_for(&mut reader, &["by/guest", "by/owner"]).await;
    house.broker.set_rules(RuleSet::default());
    retained_for(&mut reader, &["by/guest", "by/owner", "by/tv"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_may_pass_on_what_is_retained_whatever_its_publisher_may_now() {
    let house = house();
    retained_by_three(&house).await;
    house.broker.set_rules(deny(PUBLISH, "#"));
    let terms = Terms { check_retain_source: false, ..Terms::default() };
    let mut reader = house.peer_at(&ListenerOptions { terms: Some(terms), ..ListenerOptions::default() });
    assert_eq!(reader.connect(connect(V5, "reader")).await.reason_code, ReasonCode::SUCCESS);
    retained_for(&mut reader, &["by/guest", "by/owner", "by/tv"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_is_in_force_at_once_on_who_is_connected() {
    let house = house();
    let mut reader = house.client(V5, "reader").await;
    let mut publisher = house.client(V5, "publisher").await;
    reader.subscribe("a/#", Q1).await;
    for round in 0..3 {
        house.broker.set_rules(RuleSet::default());
        publisher.publish_acknowledged("a/b", "open").await;
        let publish = reader.expect_payload("open").await;
        reader.acknowledge(&publish).await;
        house.broker.set_rules(deny(PUBLISH, "a/b"));
        publisher.publish(message(Q1, 1, "a/b", "not published")).await;
        publisher.expect_refusal(1, DENIED).await;
        house.broker.set_rules(deny(SUBSCRIBE, "a/b"));
        publisher.publish(message(Q1, 1, "a/b", "not read")).await;
        publisher.expect_refusal(1, ReasonCode::NO_MATCHING_SUBSCRIBERS).await;
        reader.expect_silence().await;
        assert_eq!(house.broker.totals().withheld, round + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_client_that_was_away_is_not_sent_once_it_may_not_be_read() {
    for qos in [Q1, Q2] {
        let house = house();
        let (mut reader, _) = house.connect(resume(V5, "reader", 100)).await;
        reader.subscribe("#", qos).await;
        reader.disconnect().await;
        let mut publisher = house.client(V5, "publisher").await;
        for topic in ["a", "secret", "b"] {
            publisher.publish(message(qos, 9, topic, topic)).await;
            assert!(matches!(publisher.receive().await, Packet::PubAck(_) | Packet::PubRec(_)));
            publisher.send(Packet::PubRel(acknowledgement(9))).await;
            assert!(matches!(publisher.receive().await, Packet::PubComp(_)));
        }
        house.broker.set_rules(deny(SUBSCRIBE, "secret"));
        let (mut reader, connack) = house.connect(resume(V5, "reader", 100)).await;
        assert!(connack.session_present);
        reader.expect_payload("a").await;
        reader.expect_payload("b").await;
        reader.expect_silence().await;
        let dropped = house.event(EventKind::Dropped).await;
        assert_eq!(dropped.detail, "1 message not delivered: no longer readable (the first on secret)");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_and_not_acknowledged_is_not_sent_again_once_it_may_not_be_read() {
    for qos in [Q1, Q2] {
        let house = house();
        let (mut reader, _) = house.connect(resume(V5, "reader", 100)).await;
        reader.subscribe("#", qos).await;
        let mut publisher = house.client(V5, "publisher").await;
        for topic in ["a", "secret"] {
            publisher.publish(message(Q0, 0, topic, topic)).await;
            publisher.expect_silence().await;
            publisher.publish(message(qos, 9, topic, topic)).await;
            assert!(matches!(publisher.receive().await, Packet::PubAck(_) | Packet::PubRec(_)));
            publisher.send(Packet::PubRel(acknowledgement(9))).await;
            assert!(matches!(publisher.receive().await, Packet::PubComp(_)));
            // Of QoS 0, and of QoS 1 or 2; neither is acknowledged.
            reader.expect_payload(topic).await;
            reader.expect_payload(topic).await;
        }
        drop(reader);
        house.event(EventKind::Lost).await;
        house.broker.set_rules(deny(SUBSCRIBE, "secret"));
        let (mut reader, _) = house.connect(resume(V5, "reader", 100)).await;
        assert!(reader.expect_payload("a").await.dup);
        reader.expect_silence().await;
        assert_eq!(house.broker.client("reader").unwrap().inflight, 1, "the window is free again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flow_of_qos_2_that_began_before_is_carried_on() {
    let house = house();
    let mut reader = house.client(V5, "reader").await;
    reader.subscribe("#", Q2).await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish(message(Q2, 5, "a", "once")).await;
    publisher.expect(Packet::PubRec(acknowledgement(5))).await;
    let taken = reader.expect_payload("once").await.packet_identifier.unwrap().value();
    house.broker.set_rules(rules(&[], Effect::Deny));
    // It was taken: the rules come too late for it, and its identifier must be free again on both sides.
    publisher.publish(Publish { dup: true, ..message(Q2, 5, "a", "once") }).await;
    publisher.expect(Packet::PubRec(acknowledgement(5))).await;
    publisher.send(Packet::PubRel(acknowledgement(5))).await;
    publisher.expect(Packet::PubComp(acknowledgement(5))).await;
    reader.send(Packet::PubRec(acknowledgement(taken))).await;
    reader.expect(Packet::PubRel(acknowledgement(taken))).await;
    reader.send(Packet::PubComp(acknowledgement(taken))).await;
    reader.expect_silence().await;
    publisher.publish(message(Q2, 5, "a", "denied")).await;
    publisher.expect_refusal(5, DENIED).await;
    house.broker.set_rules(RuleSet::default());
    publisher.publish(message(Q2, 5, "a", "again")).await;
    publisher.expect(Packet::PubRec(acknowledgement(5))).await;
    reader.expect_payload("again").await;
}

#[tokio::test(start_paused = true)]
async fn a_will_that_is_denied_is_refused_at_connect() {
    let house = ruled(deny(PUBLISH, "gone"));
    for (version, code) in [(V5, DENIED), (V311, DENIED), (V31, DENIED)] {
        let mut peer = house.peer();
        let connack = peer.connect(Connect { will: will("gone", None), ..connect(version, "mortal") }).await;
        assert_eq!(connack.reason_code, code);
        peer.expect_eof().await;
    }
    let denials = house.broker.denials();
    assert_eq!((denials.len(), denials[0].is_will, denials[0].count), (1, true, 3));
}

#[tokio::test(start_paused = true)]
async fn a_will_that_is_denied_by_then_is_not_published() {
    // With the connection's end, after its delay, with the session's end, and when the broker stops.
    for (delay, end) in [(None, ""), (Some(10), "delay"), (Some(1_000), "session"), (Some(1_000), "stop")] {
        let house = house();
        let mut reader = house.client(V5, "reader").await;
        reader.subscribe("#", Q1).await;
        let (mortal, _) = house.connect(Connect { will: will("gone", delay), ..resume(V5, "mortal", 60) }).await;
        house.broker.set_rules(deny(PUBLISH, "gone"));
        drop(mortal);
        house.event(EventKind::Lost).await;
        match end {
            "delay" => tokio::time::sleep(std::time::Duration::from_secs(11)).await,
            "session" => tokio::time::sleep(std::time::Duration::from_secs(61)).await,
            "stop" => house.broker.stop().await,
            _ => reader.expect_silence().await,
        }
        if end != "stop" {
            reader.expect_silence().await;
        }
        let denials = house.broker.denials();
        assert_eq!((denials.len(), denials[0].is_will, &*denials[0].client), (1, true, "mortal"), "{end}");
        assert!(house.journal.events(EventKind::Will).is_empty(), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_of_a_share_that_may_not_read_is_not_chosen() {
    let mut set = RuleSet::default();
    let filter = RuleFilter::new("job/%c").unwrap();
    set.add(RuleSubject::Everybody, SUBSCRIBE, filter, Effect::Allow, None).unwrap();
    set.add(RuleSubject::Everybody, SUBSCRIBE, RuleFilter::new("job/#").unwrap(), Effect::Deny, None).unwrap();
    let house = ruled(set);
    let mut publisher = house.client(V5, "publisher").await;
    let mut members = Vec::new();
    for name in ["one", "two"] {
        let mut member = house.client(V5, name).await;
        member.subscribe("$share/g/job/+", Q1).await;
        members.push(member);
    }
    for _ in 0..3 {
        for name in ["two", "one"] {
            publisher.publish_acknowledged(&format!("job/{name}"), name).await;
        }
        publisher.publish(message(Q1, 1, "job/three", "nobody")).await;
        publisher.expect_refusal(1, ReasonCode::NO_MATCHING_SUBSCRIBERS).await;
    }
    for (member, name) in members.iter_mut().zip(["one", "two"]) {
        for _ in 0..3 {
            let publish = member.expect_payload(name).await;
            member.acknowledge(&publish).await;
        }
        member.expect_silence().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_member_that_may_no_longer_read_goes_to_one_that_may() {
    let house = house();
    let (mut away, _) = house.connect(resume(V5, "away", 100)).await;
    away.subscribe("$share/g/job", Q1).await;
    away.disconnect().await;
    let mut publisher = house.client(V5, "publisher").await;
    publisher.publish_acknowledged("job", "work").await;
    let mut set = RuleSet::default();
    let named = AccountName::new("worker").unwrap();
    set.add(RuleSubject::Account(named), SUBSCRIBE, RuleFilter::new("job").unwrap(), Effect::Allow, None).unwrap();
    set.add(RuleSubject::Everybody, SUBSCRIBE, RuleFilter::new("job").unwrap(), Effect::Deny, None).unwrap();
    house.broker.set_accounts(vec![account("worker")]);
    house.broker.set_access(Access::Password);
    house.broker.set_rules(set);
    let (mut worker, _) = house.connect(login("worker-1", "worker")).await;
    worker.subscribe("$share/g/job", Q1).await;
    let (mut away, connack) = house.connect(resume(V5, "away", 100)).await;
    assert!(connack.session_present);
    worker.expect_payload("work").await;
    away.expect_silence().await;
}

fn account(name: &str) -> Account {
    Account {
        name: AccountName::new(name).unwrap(),
        password: PasswordHash::of(name.as_bytes()).unwrap(),
        disabled: false,
        changed: Timestamp::from_micros(1),
    }
}

/// Its password is its name.
fn login(client: &str, user: &str) -> Connect {
    let password = Some(Bytes::copy_from_slice(user.as_bytes()));
    Connect { login: Login { user_name: Some(user.into()), password }, ..connect(V5, client) }
}

#[tokio::test(start_paused = true)]
async fn a_user_name_counts_where_it_was_checked() {
    let mut set = RuleSet { otherwise: Effect::Deny, ..RuleSet::default() };
    let filter = |text| RuleFilter::new(text).unwrap();
    let tv = RuleSubject::Account(AccountName::new("tv").unwrap());
    set.add(tv, Operations::Both, filter("tv/#"), Effect::Allow, None).unwrap();
    set.add(RuleSubject::Everybody, Operations::Both, filter("of/%u"), Effect::Allow, None).unwrap();
    set.add(RuleSubject::Nameless, Operations::Both, filter("guest"), Effect::Allow, None).unwrap();
    let house = ruled(set);
    let verdicts = async |house: &House| {
        let (mut client, _) = house.connect(login("client", "tv")).await;
        let codes = client.subscribe_to(&["tv/on", "of/tv", "of/lamp", "guest"]).await.reason_codes;
        client.disconnect().await;
        codes.into_iter().map(|code| !code.is_error()).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&house).await, [false, false, false, true], "anybody could say that name");
    house.broker.set_accounts(vec![account("tv")]);
    house.broker.set_access(Access::Password);
    assert_eq!(verdicts(&house).await, [true, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn the_owner_is_not_asked() {
    let house = ruled(rules(&[(Effect::Allow, SUBSCRIBE, "#")], Effect::Deny));
    let mut reader = house.client(V5, "reader").await;
    reader.subscribe("#", Q0).await;
    house.broker.publish(nightjar_broker::OwnMessage {
        publisher: nightjar_broker::ClientIdentifier::new("window"),
        topic: topic_name("a"),
        payload: "from the owner".into(),
        qos: Q0,
        retain: false,
        properties: None,
    });
    reader.expect_payload("from the owner").await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_another_account_takes_on_reads_what_that_account_may() {
    let mut set = RuleSet::default();
    let tv = RuleSubject::Account(AccountName::new("tv").unwrap());
    set.add(tv, SUBSCRIBE, RuleFilter::new("tv").unwrap(), Effect::Allow, None).unwrap();
    set.add(RuleSubject::Everybody, SUBSCRIBE, RuleFilter::new("tv").unwrap(), Effect::Deny, None).unwrap();
    let house = ruled(set);
    house.broker.set_accounts(vec![account("tv")]);
    house.broker.set_access(Access::Password);
    let mut publisher = house.client(V5, "publisher").await;
    let (mut guest, _) = house.connect(resume(V5, "shared", 100)).await;
    guest.subscribe("#", Q1).await;
    publisher.publish(message(Q1, 1, "tv", "not for guests")).await;
    publisher.expect_refusal(1, ReasonCode::NO_MATCHING_SUBSCRIBERS).await;
    guest.disconnect().await;
    let resumed = Connect { login: login("shared", "tv").login, ..resume(V5, "shared", 100) };
    let (mut tv, connack) = house.connect(resumed).await;
    assert!(connack.session_present);
    publisher.publish_acknowledged("tv", "for tv").await;
    tv.expect_payload("for tv").await;
}
