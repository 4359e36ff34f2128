//! The server as its window holds it: start, who may connect, stop, start again.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nightjar_broker::{Access, Account, AccountName, ClientIdentifier, OwnMessage, PasswordHash, Scheme, Timestamp};
use nightjar_mqtt::{QoS, TopicFilter, TopicName};
use nightjar_server::{
    AccountError, ImportedAccounts, Overrides, Password, Server, Settings, SettingsError, StartError, StartOptions,
};
use nightjar_store::{AccountBook, AccountsError, Durability, Keep, Keeping, KeepingRule};

fn options(directory: &Path, listen: Option<SocketAddr>) -> StartOptions {
    let listen = listen.map(|address| (Scheme::Tcp, address)).into_iter().collect();
    // Any port where none is asked for, lest two tests want the same one.
    // Nobody on this computer's network is to hear of a test.
    let overrides = Overrides { port: Some(0), no_discovery: true, listen, ..Overrides::default() };
    StartOptions { overrides, watched: true, ..StartOptions::of(directory).unwrap() }
}

fn any_port() -> Option<SocketAddr> {
    Some("127.0.0.1:0".parse().unwrap())
}

fn retained(topic: &'static str, payload: &'static str) -> OwnMessage {
    OwnMessage {
        publisher: ClientIdentifier::new("owner"),
        topic: TopicName::new(topic).unwrap(),
        payload: Bytes::from_static(payload.as_bytes()),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_connect_moves_the_listeners_and_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(options(directory.path(), None)).await.unwrap();
    let port = server.listeners()[0].address.port();

    server.set_access(Access::Anyone).await.unwrap();
    let everywhere: SocketAddr = format!("0.0.0.0:{port}").parse().unwrap();
    assert!(server.listeners().iter().any(|listener| listener.address == everywhere));
    assert_eq!(server.broker().access(), Access::Anyone);
    TcpStream::connect(("127.0.0.1", port)).unwrap();

    server.set_access(Access::ThisComputer).await.unwrap();
    assert!(server.listeners().iter().all(|listener| listener.address.ip().is_loopback()));
    assert_eq!(server.broker().access(), Access::ThisComputer);
    TcpStream::connect(("127.0.0.1", port)).unwrap();

    server.set_access(Access::Anyone).await.unwrap();
    server.stop().await;
    assert_eq!(Settings::load(directory.path()).unwrap().access, Access::Anyone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_said_in_three_parts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let error = Server::start(options(directory.path(), Some(address))).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert_eq!(error.what(), format!("Nightjar can't listen on {address}"));
    assert!(error.why().contains("another program"), "{}", error.why());
    assert!(error.action().contains("another port"), "{}", error.action());
    // The data directory is free again: a second attempt only has to find a free port.
    Server::start(options(directory.path(), any_port())).await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let first = Server::start(options(directory.path(), any_port())).await.unwrap();
    let error = Server::start(options(directory.path(), any_port())).await.unwrap_err();
    assert!(matches!(error, StartError::Journal(_)));
    assert!(error.why().contains("another Nightjar"), "{}", error.why());
    assert!(error.action().contains("stop it"), "{}", error.action());
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retained_messages_outlive_the_server_and_cleared_ones_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(options(directory.path(), any_port())).await.unwrap();
    server.broker().publish(retained("a", "1"));
    server.broker().publish(retained("b", "2"));
    server.broker().publish(retained("b", ""));
    server.stop().await;
    drop(server);

    let server = Server::start(options(directory.path(), any_port())).await.unwrap();
    let kept = server.broker().retained(&TopicName::new("a").unwrap()).unwrap();
    assert_eq!((&kept.payload[..], &*kept.publisher), (&b"1"[..], "owner"));
    assert_eq!(server.broker().retained(&TopicName::new("b").unwrap()), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_changes_at_once_and_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nightjar.toml");
    std::fs::write(&file, "# mine\n[history]\nfile = \"1 GB\" # enough\n").unwrap();
    let server = Server::start(options(directory.path(), any_port())).await.unwrap();
    let before = server.store().keeping();
    assert_eq!(before.file, Some(1_000_000_000));
    let rule = KeepingRule { filter: TopicFilter::new("noise/#").unwrap(), keep: Keep::Nothing };
    let wanted = Keeping { rules: vec![rule], file: None, ..(*before).clone() };
    server.set_keeping(wanted.clone()).unwrap();
    assert_eq!(*server.store().keeping(), wanted);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# mine\n[history]\nfile = \"unlimited\" # enough\n"), "{text}");

    // A wrong file stays as it is, and so do the rules.
    std::fs::write(&file, "port = \"none\"").unwrap();
    let error = server.set_keeping(Keeping::everything()).unwrap_err();
    assert!(matches!(error, SettingsError::Invalid { line: 1, .. }), "{error}");
    assert_eq!(*server.store().keeping(), wanted);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "port = \"none\"");

    // Where nothing can be written, they hold until the end.
    std::fs::write(&file, &text).unwrap();
    let mut permissions = std::fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&file, permissions).unwrap();
    let all = Keeping { events: wanted.events, ..Keeping::everything() };
    assert!(matches!(server.set_keeping(all.clone()).unwrap_err(), SettingsError::Unwritable { .. }));
    assert_eq!(*server.store().keeping(), all);
    server.stop().await;

    let server = Server::start(options(directory.path(), any_port())).await.unwrap();
    assert_eq!(*server.store().keeping(), wanted);
    server.stop().await;
}

/// "secret", as mosquitto keeps it.
const MOSQUITTOS: &str =
    "$7$101$QIjMtxD+zewjSAxG$WSwbeUKhxxOl5ZekMuyKnvROelKXfSjuEXL2kWElUF52uYJCbOg4RiKMDwtXTL2oKy04FD5zS3FDqHpuAgf/SA==";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_mosquitto_is_kept_as_argon2id_once_its_owner_has_logged_in() {
    // Of "secret".
    const FOREIGN: &str =
        "$6$VMCpb4QcTlnI3eDV$fIBH8IxHT4ge7NXhJk5f8UyDgQpZpNPP19vm+eVU1/U0D9BaaYcbO6ScZEqmUQoYAVYnUcg0QTBVJRDRFx3IlQ==";
    let directory = tempfile::tempdir().unwrap();
    let changed = Timestamp::from_micros(1_000_000);
    let account = |name: &str| Account {
        name: AccountName::new(name).unwrap(),
        password: PasswordHash::parse(FOREIGN).unwrap(),
        disabled: false,
        changed,
    };
    AccountBook::open(directory.path()).unwrap().add(&[account("car"), account("tv")]).unwrap();
    let mut options = options(directory.path(), any_port());
    options.settings.access = Access::Password;
    let server = Server::start(options).await.unwrap();
    let connect = |password: &[u8; 6]| {
        let mut stream = TcpStream::connect(server.listeners()[0].address).unwrap();
        let connect = [b"\x10\x19\x00\x04MQTT\x04\xC2\x00\x00\x00\x01c\x00\x02tv\x00\x06", &password[..]].concat();
        stream.write_all(&connect).unwrap();
        let mut connack = [0; 4];
        stream.read_exact(&mut connack).unwrap();
        (stream, connack[3])
    };
    assert_eq!(connect(b"Secret").1, 4, "a wrong password is refused, and changes nothing");
    let (mut there, code) = connect(b"secret");
    assert_eq!(code, 0);
    let end = Instant::now() + Duration::from_secs(30);
    let accounts = loop {
        let accounts = server.accounts().unwrap();
        if accounts.iter().any(|account| !account.password.is_foreign()) {
            break accounts;
        }
        assert!(Instant::now() < end, "the new hash was not kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(accounts[0], account("car"), "who did not log in keeps it as it was");
    assert!(accounts[1].password.verify(b"secret") && accounts[1].changed == changed, "{accounts:?}");
    // PINGREQ, after the broker has the account as it is now.
    server.set_account_disabled(&accounts[0].name, true).unwrap();
    there.write_all(b"\xC0\x00").unwrap();
    there.read_exact(&mut [0; 2]).unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_changed_from_within_and_hold_at_once() {
    for durability in [Durability::PowerLoss, Durability::None] {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(directory.path(), any_port());
        (options.settings.durability, options.settings.access) = (durability, Access::Password);
        let server = Server::start(options).await.unwrap();
        assert_eq!(server.notices().len(), 1, "nobody can log in: {:?}", server.notices());
        let (tv, car) = (AccountName::new("tv").unwrap(), AccountName::new("car").unwrap());
        server.add_account(tv.clone(), &Password::generated().unwrap()).unwrap();
        assert_eq!(server.broker().account_count(), 1, "the broker has it when the call returns");
        assert!(server.notices().is_empty(), "{:?}", server.notices());
        let error = server.add_account(tv.clone(), &Password::new("x".to_owned()).unwrap()).unwrap_err();
        assert!(matches!(error, AccountError::Book(AccountsError::Exists { .. })), "{error}");

        let file = directory.path().join("passwd");
        std::fs::write(&file, format!("tv:{MOSQUITTOS}\ncar:{MOSQUITTOS}\nfan\n")).unwrap();
        let error = server.import_accounts(&file).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
        assert_eq!(server.accounts().unwrap().len(), 1, "all of a file, or nothing");
        std::fs::write(&file, format!("tv:{MOSQUITTOS}\ncar:{MOSQUITTOS}\n")).unwrap();
        let imported = server.import_accounts(&file).unwrap();
        assert_eq!(imported, ImportedAccounts { added: 1, kept: vec![tv.clone()] });
        assert_eq!(server.broker().account_count(), 2, "the broker has it when the call returns");
        let of = |name: &AccountName| server.accounts().unwrap().into_iter().find(|found| found.name == *name).unwrap();
        assert!(of(&car).password.verify(b"secret") && !of(&tv).password.verify(b"secret"));
        server.remove_account(&car).unwrap();

        let password = Password::new("secret".to_owned()).unwrap();
        server.set_account_password(&tv, &password).unwrap();
        server.set_account_disabled(&tv, true).unwrap();
        let accounts = server.accounts().unwrap();
        assert_eq!((accounts.len(), accounts[0].disabled), (1, true));
        assert!(accounts[0].password.verify(b"secret"));
        let error = server.remove_account(&car).unwrap_err();
        assert!(matches!(error, AccountError::Book(AccountsError::Unknown { .. })), "{error}");
        server.remove_account(&tv).unwrap();
        assert_eq!((server.accounts().unwrap().len(), server.broker().account_count()), (0, 0));
        server.stop().await;
    }
}
