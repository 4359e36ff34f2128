//! Accounts as their owner and their devices meet them: the command line beside a broker that runs, and real clients.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use nightjar_mqtt::{Login, Packet, ProtocolVersion, QoS, ReasonCode};
use nightjar_tests::{Broker, DEADLINE, Outcome, Peer, Record, connect, program, run};
use tempfile::TempDir;

use ProtocolVersion::{V5, V311};

/// Runs `nightjar-server account …` on a data directory.
fn account(data: &Path, arguments: &[&str], stdin: &str) -> anyhow::Result<Outcome> {
    let mut command = Command::new(program("nightjar-server"));
    command.arg("account").args(arguments).arg("--data-dir").arg(data);
    run(&mut command, stdin.as_bytes(), DEADLINE)
}

/// A broker that asks for passwords.
fn broker(data: &Path) -> anyhow::Result<Broker> {
    fs::write(data.join("nightjar.toml"), "access = \"password\"\n")?;
    Broker::nightjar(data, &[])
}

/// What a client with this login is told.
fn answer(broker: &Broker, version: ProtocolVersion, user: &str, password: &str) -> anyhow::Result<ReasonCode> {
    let login = Login { user_name: Some(user.into()), password: Some(Bytes::copy_from_slice(password.as_bytes())) };
    let connect = nightjar_mqtt::Connect { login, ..connect(version, "device") };
    Ok(Peer::connect(broker.address(), connect)?.1.reason_code)
}

/// Waits until a login is answered in this way: the broker looks for changes once a second.
fn until(broker: &Broker, user: &str, password: &str, wanted: ReasonCode) -> anyhow::Result<()> {
    let end = Instant::now() + DEADLINE;
    while answer(broker, V5, user, password)? != wanted {
        ensure!(Instant::now() < end, "{user} is not answered with {wanted}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Waits until a client is told that it may no longer be there.
fn expect_turned_out(peer: &mut Peer) -> anyhow::Result<()> {
    match peer.receive()? {
        Packet::Disconnect(disconnect) => {
            ensure!(disconnect.reason_code == ReasonCode::NOT_AUTHORIZED, "{}", disconnect.reason_code);
            Ok(())
        }
        other => anyhow::bail!("instead of DISCONNECT came {other:?}"),
    }
}

fn mosquitto_pub(broker: &Broker, version: &str, login: &[&str]) -> anyhow::Result<Outcome> {
    let (host, port) = (broker.address().ip().to_string(), broker.address().port().to_string());
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", &host, "-p", &port, "-V", version, "-t", "home/tv", "-m", "on", "-q", "1"]).args(login);
    run(&mut command, &[], DEADLINE)
}

#[test]
fn an_account_that_is_made_while_the_broker_runs_lets_real_clients_in() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = broker(data.path())?;
    let made = account(data.path(), &["add", "tv"], "")?.success()?;
    let password = made.stdout.trim_end();
    assert_eq!(password.len(), 20, "the password, and nothing else: {}", made.stdout);
    until(&broker, "tv", password, ReasonCode::SUCCESS)?;
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        mosquitto_pub(&broker, version, &["-u", "tv", "-P", password])?.success()?;
        let refused = mosquitto_pub(&broker, version, &["-u", "tv", "-P", "guess"])?;
        assert!(!refused.status.success(), "{version}: {}", refused.stderr);
    }
    assert_eq!(Record::open(data.path())?.messages("home/tv")?.len(), 3);
    assert_eq!(answer(&broker, V311, "tv", "guess")?, ReasonCode::BAD_USER_NAME_OR_PASSWORD);

    let listed = account(data.path(), &["list"], "")?.success()?.stdout;
    assert_eq!(listed, "tv\tenabled\targon2id\n");
    for file in ["nightjar.db", "nightjar.db-wal"] {
        let bytes = fs::read(data.path().join(file))?;
        let found = bytes.windows(password.len()).any(|window| window == password.as_bytes());
        assert!(!found, "the password is in {file}");
    }
    Ok(())
}

#[test]
fn a_change_takes_effect_on_who_is_connected() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    account(data.path(), &["add", "tv", "--password-stdin"], "first\n")?.success()?;
    let broker = broker(data.path())?;
    let login = |password: &'static str| Login {
        user_name: Some("tv".into()),
        password: Some(Bytes::from_static(password.as_bytes())),
    };
    let join = |password| {
        let connect = nightjar_mqtt::Connect { login: login(password), ..connect(V5, "tv-1") };
        let (peer, connack) = Peer::connect(broker.address(), connect)?;
        ensure!(connack.reason_code == ReasonCode::SUCCESS, "{}", connack.reason_code);
        Ok(peer)
    };
    let mut peer = join("first")?;
    account(data.path(), &["password", "tv", "--password-stdin"], "second\r\n")?.success()?;
    expect_turned_out(&mut peer)?;
    assert_eq!(answer(&broker, V5, "tv", "first")?, ReasonCode::BAD_USER_NAME_OR_PASSWORD);
    let mut peer = join("second")?;
    account(data.path(), &["disable", "tv"], "")?.success()?;
    expect_turned_out(&mut peer)?;
    assert_eq!(answer(&broker, V311, "tv", "second")?, ReasonCode::NOT_AUTHORIZED);
    account(data.path(), &["enable", "tv"], "")?.success()?;
    until(&broker, "tv", "second", ReasonCode::SUCCESS)?;
    account(data.path(), &["remove", "tv"], "")?.success()?;
    until(&broker, "tv", "second", ReasonCode::BAD_USER_NAME_OR_PASSWORD)
}

#[test]
fn mosquittos_password_file_is_taken_over() -> anyhow::Result<()> {
    let (data, folder) = (TempDir::new()?, TempDir::new()?);
    let file = folder.path().join("passwords");
    fs::write(&file, "")?;
    let path = file.to_str().context("a temporary path is UTF-8")?;
    for (user, algorithm) in [("old", "sha512"), ("new", "sha512-pbkdf2")] {
        let mut command = Command::new("mosquitto_passwd");
        command.args(["-H", algorithm, "-b", path, user, &format!("{user}-secret")]);
        run(&mut command, &[], DEADLINE)?.success()?;
    }
    let broker = broker(data.path())?;
    let text = fs::read_to_string(&file)?;
    fs::write(&file, format!("{text}radio:plain\n"))?;
    let refused = account(data.path(), &["import", path], "")?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("line 3: the password is not hashed"), "{}", refused.stderr);
    assert_eq!(account(data.path(), &["list"], "")?.success()?.stdout, "", "nothing was imported");

    fs::write(&file, text)?;
    account(data.path(), &["import", path], "")?.success()?;
    for user in ["old", "new"] {
        until(&broker, user, &format!("{user}-secret"), ReasonCode::SUCCESS)?;
        mosquitto_pub(&broker, "mqttv5", &["-u", user, "-P", &format!("{user}-secret")])?.success()?;
        assert_eq!(answer(&broker, V5, user, "secret")?, ReasonCode::BAD_USER_NAME_OR_PASSWORD);
    }
    Ok(())
}

#[test]
fn wrong_passwords_by_the_hundred_are_on_record_and_hold_up_nobody() -> anyhow::Result<()> {
    /// Each costs a fraction of a second of a core, more on a busy machine.
    const GUESSES: usize = 100;
    let data = TempDir::new()?;
    account(data.path(), &["add", "tv", "--password-stdin"], "secret")?.success()?;
    let broker = broker(data.path())?;
    let mut listener = Peer::join(broker.address(), V5, "listener")?;
    let flood: Vec<_> = (0..GUESSES)
        .map(|number| {
            let login = Login { user_name: Some("tv".into()), password: Some(Bytes::from(format!("guess {number}"))) };
            let connect = nightjar_mqtt::Connect { login, ..connect(V5, &format!("guesser-{number}")) };
            let address = broker.address();
            std::thread::spawn(move || Peer::connect(address, connect).map(|(_, connack)| connack.reason_code))
        })
        .collect();
    // Who is connected publishes meanwhile.
    for number in 0..20 {
        listener.publish_acknowledged("a", format!("{number}"), QoS::AtLeastOnce, false)?;
    }
    for guess in flood {
        let reason = guess.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        assert_eq!(reason, ReasonCode::BAD_USER_NAME_OR_PASSWORD);
    }
    assert_eq!(answer(&broker, V5, "tv", "secret")?, ReasonCode::SUCCESS);
    Record::open(data.path())?.until(|record| {
        let refusals = record
            .all_events()?
            .into_iter()
            .filter(|event| event.kind == "refused" && event.detail.contains("user \"tv\": the password is wrong"));
        Ok((refusals.count() == GUESSES).then_some(()))
    })
}

#[test]
fn what_can_not_be_done_is_said_in_a_sentence() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    account(data.path(), &["add", "tv"], "")?.success()?;
    for (arguments, stdin, said) in [
        (&["add", "tv"][..], "", "there is an account tv already"),
        (&["add", "a:b"], "", "can't be the name of an account"),
        (&["add", "lamp", "--password-stdin"], "\n", "the password is empty"),
        (&["password", "lamp"], "", "there is no account lamp"),
        (&["disable", "lamp"], "", "there is no account lamp"),
        (&["remove", "lamp"], "", "there is no account lamp"),
        (&["import", "/nowhere/at/all"], "", "/nowhere/at/all can't be read"),
    ] {
        let Outcome { status, stdout, stderr } = account(data.path(), arguments, stdin)?;
        assert_eq!((status.code(), &*stdout), (Some(1), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    Ok(())
}
