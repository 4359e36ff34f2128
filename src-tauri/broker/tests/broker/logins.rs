//! Passwords: who is let in, who is refused how, and what a change does to who is there.

use bytes::Bytes;
use nightjar_broker::{Access, Account, AccountName, EventKind, Limits, PasswordHash, Timestamp};
use nightjar_mqtt::{Connect, Login, ReasonCode};

use crate::peer::*;

const ELSEWHERE: &str = "192.168.1.7:50000";

fn account(name: &str, password: &str) -> Account {
    Account {
        name: AccountName::new(name).unwrap(),
        password: PasswordHash::of(password.as_bytes()).unwrap(),
        disabled: false,
        changed: Timestamp::from_micros(1),
    }
}

/// A broker that asks for passwords: tv has "secret".
fn house_of(accounts: &[Account]) -> House {
    let house = house();
    house.broker.set_access(Access::Password);
    house.broker.set_accounts(accounts.to_vec());
    house
}

fn login(version: nightjar_mqtt::ProtocolVersion, user: Option<&str>, password: Option<&str>) -> Connect {
    let login = Login {
        user_name: user.map(Into::into),
        password: password.map(|password| Bytes::copy_from_slice(password.as_bytes())),
    };
    Connect { login, ..connect(version, "tv-1") }
}

async fn try_from(house: &House, address: &str, connect: Connect) -> (Peer, ReasonCode) {
    let mut peer = house.peer_from(address, 4096);
    let reason = peer.connect(connect).await.reason_code;
    (peer, reason)
}

#[tokio::test(start_paused = true)]
async fn the_right_password_lets_in_and_each_wrong_one_is_refused_in_its_way() {
    let locked = Account { disabled: true, ..account("locked", "secret") };
    let house = house_of(&[account("tv", "secret"), locked]);
    let (success, wrong, not) =
        (ReasonCode::SUCCESS, ReasonCode::BAD_USER_NAME_OR_PASSWORD, ReasonCode::NOT_AUTHORIZED);
    for version in [V5, V311, V31] {
        for (user, password, expected, said) in [
            (Some("tv"), Some("secret"), success, ""),
            (Some("tv"), Some("Secret"), wrong, "user \"tv\": the password is wrong"),
            (Some("tv"), Some(""), wrong, "the password is wrong"),
            (Some("tv"), None, wrong, "gave no password"),
            (Some("TV"), Some("secret"), wrong, "user \"TV\": there is no such account"),
            (Some(""), Some("secret"), wrong, "there is no such account"),
            (Some("locked"), Some("wrong"), wrong, "the password is wrong"),
            (Some("locked"), Some("secret"), not, "it is disabled"),
            (None, None, not, "a user name and a password are needed"),
        ] {
            let before = house.journal.events(EventKind::Refused).len();
            let (mut peer, reason) = try_from(&house, ELSEWHERE, login(version, user, password)).await;
            assert_eq!(reason, expected, "{version:?} {user:?} {password:?}");
            let events = house.journal.events(EventKind::Refused);
            if expected == success {
                assert_eq!(events.len(), before);
                peer.disconnect().await;
                continue;
            }
            peer.expect_eof().await;
            let event = events.last().unwrap();
            assert_eq!((events.len(), event.client.as_deref()), (before + 1, Some("tv-1")));
            assert!(event.detail.contains(said) && event.detail.contains(ELSEWHERE), "{}", event.detail);
            assert!(!event.detail.contains("ecret"), "a password is in the record: {}", event.detail);
            house
                .broker
                .set_accounts(vec![account("tv", "secret"), Account { disabled: true, ..account("locked", "secret") }]);
        }
    }
    let (_, reason) = try_from(&house, ELSEWHERE, login(V5, None, Some("secret"))).await;
    assert_eq!(reason, wrong, "a password for nobody");
}

#[tokio::test(start_paused = true)]
async fn this_computer_needs_no_password_but_a_name_is_checked() {
    let house = house_of(&[account("tv", "secret")]);
    let here = "127.0.0.1:50000";
    assert_eq!(try_from(&house, here, login(V5, None, None)).await.1, ReasonCode::SUCCESS);
    assert_eq!(try_from(&house, here, login(V5, Some("tv"), Some("secret"))).await.1, ReasonCode::SUCCESS);
    for (user, password) in [("tv", "wrong"), ("nobody", "secret")] {
        let (_, reason) = try_from(&house, here, login(V5, Some(user), Some(password))).await;
        assert_eq!(reason, ReasonCode::BAD_USER_NAME_OR_PASSWORD);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_its_accounts_own_connected_or_away() {
    let accounts = [account("tv", "secret"), account("lamp", "light")];
    for version in [V5, V311] {
        let house = house_of(&accounts);
        let here = "127.0.0.1:50000";
        let lasting = |user, password| {
            let mut connect = Connect { clean_start: false, ..login(version, user, password) };
            connect.properties.session_expiry_interval = (version == V5).then_some(1_000);
            connect
        };
        let refused = ReasonCode::CLIENT_IDENTIFIER_NOT_VALID;
        // A session that was begun without an account is whose password comes first.
        let (guest, _) = try_from(&house, here, lasting(None, None)).await;
        let (mut tv, reason) = try_from(&house, ELSEWHERE, lasting(Some("tv"), Some("secret"))).await;
        assert_eq!(reason, ReasonCode::SUCCESS);
        drop(guest);
        for connected in [true, false] {
            for (address, user, password) in [(ELSEWHERE, Some("lamp"), Some("light")), (here, None, None)] {
                for clean_start in [false, true] {
                    let (_, reason) =
                        try_from(&house, address, Connect { clean_start, ..lasting(user, password) }).await;
                    assert_eq!(reason, refused, "{user:?}, while tv is connected: {connected}");
                }
            }
            if connected {
                tv.expect_silence().await;
                tv.disconnect().await;
                tv = house.peer();
            }
        }
        let event = house.journal.events(EventKind::Refused).pop().unwrap();
        assert!(event.detail.contains("in use by another account"), "{}", event.detail);
        let mut again = house.peer_from(ELSEWHERE, 4096);
        assert!(again.connect(lasting(Some("tv"), Some("secret"))).await.session_present);
        again.disconnect().await;
        // Nobody is locked out by an account that there is no more.
        house.broker.set_accounts(vec![account("lamp", "light")]);
        let mut lamp = house.peer_from(ELSEWHERE, 4096);
        assert!(lamp.connect(lasting(Some("lamp"), Some("light"))).await.session_present);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_checked_is_no_account() {
    let house = house_of(&[account("tv", "secret")]);
    let account_of = |client: &str| house.broker.client(client).unwrap().account;
    let (_tv, _) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("secret"))).await;
    assert_eq!(account_of("tv-1").as_deref(), Some("tv"));
    house.broker.set_access(Access::Anyone);
    let guest = Connect { client_identifier: "guest".into(), ..login(V5, Some("tv"), Some("anything")) };
    let (_guest, reason) = try_from(&house, ELSEWHERE, guest).await;
    assert_eq!(reason, ReasonCode::SUCCESS);
    assert_eq!(account_of("guest"), None);
    assert_eq!(account_of("tv-1").as_deref(), Some("tv"), "it was checked, whoever may connect now");
}

#[tokio::test(start_paused = true)]
async fn who_is_there_has_to_go_when_the_account_changes() {
    let (tv, lamp) = (account("tv", "secret"), account("lamp", "light"));
    let others = [
        vec![lamp.clone()],
        vec![Account { disabled: true, ..tv.clone() }, lamp.clone()],
        vec![Account { changed: Timestamp::from_micros(2), ..account("tv", "other") }, lamp.clone()],
    ];
    for changed in others {
        let house = house_of(&[tv.clone(), lamp.clone()]);
        let (mut gone, _) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("secret"))).await;
        let stays = Connect { client_identifier: "lamp-1".into(), ..login(V5, Some("lamp"), Some("light")) };
        let (mut stays, _) = try_from(&house, ELSEWHERE, stays).await;
        let mut here = house.client(V5, "here").await;
        house.broker.set_accounts(changed);
        gone.expect_disconnect(ReasonCode::NOT_AUTHORIZED).await;
        stays.expect_silence().await;
        here.expect_silence().await;
        let (_, reason) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("secret"))).await;
        assert_ne!(reason, ReasonCode::SUCCESS, "that it was right a moment ago is forgotten");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_of_mosquitto_is_hashed_anew_by_the_login_that_it_lets_in() {
    // Of "secret".
    const FOREIGN: &str =
        "$6$VMCpb4QcTlnI3eDV$fIBH8IxHT4ge7NXhJk5f8UyDgQpZpNPP19vm+eVU1/U0D9BaaYcbO6ScZEqmUQoYAVYnUcg0QTBVJRDRFx3IlQ==";
    let tv = Account { password: PasswordHash::parse(FOREIGN).unwrap(), ..account("tv", "") };
    let locked = Account { name: AccountName::new("locked").unwrap(), disabled: true, ..tv.clone() };
    let lamp = account("lamp", "secret");
    let house = house_of(&[tv.clone(), locked.clone(), lamp.clone()]);
    for (user, password) in [("tv", "guess"), ("locked", "secret"), ("lamp", "secret")] {
        try_from(&house, ELSEWHERE, login(V5, Some(user), Some(password))).await;
    }
    assert_eq!(house.broker.take_rehashes(), [], "only a right password of mosquitto's is at hand and of use");

    let (mut there, reason) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("secret"))).await;
    assert_eq!(reason, ReasonCode::SUCCESS);
    let rehashes = house.broker.take_rehashes();
    let [rehash] = &rehashes[..] else { panic!("{rehashes:?}") };
    assert_eq!((&rehash.name, &rehash.before), (&tv.name, &tv.password));
    assert!(!rehash.anew.is_foreign() && rehash.anew.verify(b"secret") && !rehash.anew.verify(b"guess"));
    assert_eq!(house.broker.take_rehashes(), [], "they are given once");

    let kept = Account { password: rehash.anew.clone(), ..tv };
    let told = || {
        let events = house.journal.events(EventKind::Broker);
        events.iter().filter(|event| event.detail.starts_with("the accounts were changed")).count()
    };
    let before = told();
    house.broker.set_accounts(vec![kept.clone(), lamp.clone(), locked]);
    there.expect_silence().await;
    assert_eq!(told(), before, "nobody changed anything");
    let other = Connect { client_identifier: "tv-2".into(), ..login(V5, Some("tv"), Some("secret")) };
    let (_, reason) = try_from(&house, ELSEWHERE, other).await;
    assert_eq!(reason, ReasonCode::SUCCESS, "it is the same password");
    assert_eq!(house.broker.take_rehashes(), []);
    house.broker.set_accounts(vec![Account { changed: Timestamp::from_micros(2), ..kept }, lamp]);
    there.expect_disconnect(ReasonCode::NOT_AUTHORIZED).await;
    assert_eq!(told(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn who_came_without_a_password_has_to_go_once_one_is_needed() {
    let house = house();
    house.broker.set_access(Access::Anyone);
    house.broker.set_accounts(vec![account("tv", "secret")]);
    let (mut anyone, reason) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("wrong"))).await;
    assert_eq!(reason, ReasonCode::SUCCESS, "nobody asked");
    let mut here = house.client(V5, "here").await;
    house.broker.set_access(Access::Password);
    anyone.expect_disconnect(ReasonCode::NOT_AUTHORIZED).await;
    here.expect_silence().await;
    let (mut tv, _) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("secret"))).await;
    house.broker.set_access(Access::Password);
    tv.expect_silence().await;
    house.broker.set_access(Access::Anyone);
    tv.expect_silence().await;
    house.broker.set_access(Access::ThisComputer);
    tv.expect_disconnect(ReasonCode::NOT_AUTHORIZED).await;
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_is_paused_and_others_get_in() {
    let house = house_of(&[account("tv", "secret")]);
    let limits = Limits::default();
    let allowed = limits.maximum_failed_connects.unwrap().get() as usize;
    let mut flood = Vec::new();
    for _ in 0..200 {
        let mut peer = house.peer_from("10.0.0.1:50000", 4096);
        flood.push(tokio::spawn(async move { peer.connect(login(V5, Some("tv"), Some("guess"))).await.reason_code }));
    }
    let (_, reason) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("secret"))).await;
    assert_eq!(reason, ReasonCode::SUCCESS, "another address is not meant");
    let mut paused = 0;
    for peer in flood {
        match peer.await.unwrap() {
            ReasonCode::CONNECTION_RATE_EXCEEDED => paused += 1,
            reason => assert_eq!(reason, ReasonCode::BAD_USER_NAME_OR_PASSWORD),
        }
    }
    // Those that were being checked when the pause began are not counted.
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(paused >= 200 - allowed - 2 * cores, "{paused} of 200 were paused");
    let (_, reason) = try_from(&house, "10.0.0.1:50001", login(V5, Some("tv"), Some("secret"))).await;
    assert_eq!(reason, ReasonCode::CONNECTION_RATE_EXCEEDED, "the right password does not help in a pause");
}

#[tokio::test]
async fn a_thousand_that_come_back_are_let_in_without_a_thousand_hashes() {
    let house = house_of(&[account("tv", "secret")]);
    let (_, reason) = try_from(&house, ELSEWHERE, login(V5, Some("tv"), Some("secret"))).await;
    assert_eq!(reason, ReasonCode::SUCCESS);
    let hash = {
        let account = account("tv", "secret");
        let start = nightjar_broker::now().steady;
        assert!(account.password.verify(b"secret"));
        nightjar_broker::now().steady - start
    };
    let start = nightjar_broker::now().steady;
    for number in 0..1_000 {
        let connect =
            Connect { client_identifier: format!("tv-{number}").into(), ..login(V5, Some("tv"), Some("secret")) };
        assert_eq!(try_from(&house, ELSEWHERE, connect).await.1, ReasonCode::SUCCESS);
    }
    let took = nightjar_broker::now().steady - start;
    assert!(took < 500 * hash, "{took:?} for 1,000, {hash:?} a hash");
}
