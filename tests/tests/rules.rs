//! Rules and bans as their owner and their devices meet them: the command line beside a broker that runs, and real clients.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nightjar_mqtt::{Packet, ProtocolVersion, QoS, ReasonCode};
use nightjar_tests::{Broker, DEADLINE, Lines, Outcome, Peer, Record, connect, program, run, terminate};
use tempfile::TempDir;

use ProtocolVersion::V5;

/// Runs `nightjar-server …` on a data directory.
fn nightjar(data: &Path, arguments: &[&str], stdin: &str) -> anyhow::Result<Outcome> {
    let mut command = Command::new(program("nightjar-server"));
    command.args(arguments).arg("--data-dir").arg(data);
    run(&mut command, stdin.as_bytes(), DEADLINE)
}

/// One of mosquitto's clients, which writes line by line.
fn client(program: &str, broker: &Broker, login: &[&str]) -> Command {
    let mut command = Command::new("stdbuf");
    command.args([
        "-oL",
        program,
        "-h",
        &broker.address().ip().to_string(),
        "-p",
        &broker.address().port().to_string(),
    ]);
    command.args(["-V", "mqttv5"]).args(login);
    command
}

fn publish(broker: &Broker, login: &[&str], topic: &str) -> anyhow::Result<Outcome> {
    run(client("mosquitto_pub", broker, login).args(["-t", topic, "-m", topic, "-q", "1"]), &[], DEADLINE)
}

/// Waits until the record has such an event: what is denied is reported once a second.
fn until_event(data: &Path, detail: &str) -> anyhow::Result<()> {
    Record::open(data)?.until(|record| {
        let found =
            record.all_events()?.into_iter().any(|event| event.kind == "refused" && event.detail.contains(detail));
        Ok(found.then_some(()))
    })
}

#[test]
fn mosquittos_acl_file_means_the_same_to_real_clients() -> anyhow::Result<()> {
    let (data, folder) = (TempDir::new()?, TempDir::new()?);
    fs::write(data.path().join("nightjar.toml"), "access = \"password\"\n")?;
    for user in ["tv", "panel"] {
        nightjar(data.path(), &["account", "add", user, "--password-stdin"], "secret")?.success()?;
    }
    let broker = Broker::nightjar(data.path(), &[])?;
    let file = folder.path().join("acl");
    let path = file.to_str().context("a temporary path is UTF-8")?;
    fs::write(&file, "user tv\ntopics home/#\n")?;
    let refused = nightjar(data.path(), &["rule", "import-acl", path], "")?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("line 2: it begins with \"topics\""), "{}", refused.stderr);
    assert_eq!(nightjar(data.path(), &["rule", "list"], "")?.success()?.stdout, "otherwise\tallow\n");

    fs::write(&file, "user panel\ntopic read home/#\ntopic deny home/safe/#\npattern write home/%u/#\n")?;
    nightjar(data.path(), &["rule", "import-acl", path], "")?.success()?;
    let listed = nightjar(data.path(), &["rule", "list"], "")?.success()?.stdout;
    let expected = "1\tdeny\tboth\thome/safe/#\taccount panel\n2\tallow\tsubscribe\thome/#\taccount panel\n\
                    3\tallow\tpublish\thome/%u/#\teverybody\notherwise\tdeny\n";
    assert_eq!(listed, expected);

    // The broker looks for changes once a second.
    let (tv, panel) = (["-u", "tv", "-P", "secret"], ["-u", "panel", "-P", "secret"]);
    let end = Instant::now() + DEADLINE;
    while publish(&broker, &tv, "elsewhere")?.stderr.is_empty() {
        ensure!(Instant::now() < end, "the rules are not in force");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut reading = client("mosquitto_sub", &broker, &panel);
    let mut reading = reading.args(["-t", "#", "-v", "-d"]).stdout(Stdio::piped()).spawn()?;
    let mut lines = Lines::of(reading.stdout.take().context("it was piped")?);
    let mut wait_for = |start: &str| lines.find(DEADLINE, |line| line.starts_with(start).then_some(()));
    wait_for("Subscribed")?;
    for (login, topic, allowed) in [
        (&tv, "home/tv/on", true),
        (&tv, "home/panel/on", false),
        (&panel, "home/safe/code", false),
        (&panel, "home/panel/last", true),
    ] {
        let outcome = publish(&broker, login, topic)?;
        assert_eq!(outcome.stderr.is_empty(), allowed, "{topic}: {}", outcome.stderr);
    }
    wait_for("home/tv/on home/tv/on")?;
    wait_for("home/panel/last home/panel/last")?;
    terminate(&reading)?;
    nightjar_tests::wait(&mut reading, DEADLINE)?;
    until_event(data.path(), "publishing to home/panel/on: no rule allows it, user tv, from ")?;
    until_event(data.path(), "publishing to home/safe/code: rule 1 denies it, user panel, from ")?;

    let allowed = nightjar(data.path(), &["rule", "test", "publish", "home/tv/x", "--account", "tv"], "")?.success()?;
    assert!(
        allowed.stdout.starts_with("allowed by rule 3: allow publish home/%u/# for everybody"),
        "{}",
        allowed.stdout
    );
    let denied = nightjar(data.path(), &["rule", "test", "subscribe", "home/#", "--account", "tv"], "")?;
    assert_eq!((denied.status.code(), &*denied.stdout), (Some(1), ""));
    assert!(denied.stderr.contains("denied: no rule matches"), "{}", denied.stderr);
    Ok(())
}

#[test]
fn what_would_lock_everybody_out_is_not_done_in_passing() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let rule = |arguments: &[&str]| nightjar(data.path(), &[&["rule"], arguments].concat(), "");
    for arguments in [&["otherwise", "deny"][..], &["add", "deny", "both", "#"]] {
        let refused = rule(arguments)?;
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(refused.stderr.contains("--lock-out"), "{}", refused.stderr);
    }
    rule(&["otherwise", "deny", "--lock-out"])?.success()?;
    rule(&["add", "allow", "both", "a", "--nameless"])?.success()?;
    rule(&["otherwise", "allow"])?.success()?;
    for (arguments, said) in [
        (&["remove", "7"][..], "there is no rule 7"),
        (&["add", "allow", "both", "a/#/b"], "can't be the filter of a rule"),
        (&["add", "allow", "both", "$share/g/a"], "leave out $share"),
        (&["add", "allow", "both", "a", "--account", "a:b"], "can't be the name of an account"),
        (&["add", "allow", "both", "a", "--before", "9"], "there is no rule 9"),
        (&["import-acl", "/nowhere/at/all"], "/nowhere/at/all can't be read"),
    ] {
        let Outcome { status, stdout, stderr } = rule(arguments)?;
        assert_eq!((status.code(), &*stdout), (Some(1), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    assert_eq!(rule(&["list"])?.success()?.stdout, "1\tallow\tboth\ta\twho has no account\notherwise\tallow\n");
    Ok(())
}

#[test]
fn who_is_banned_is_turned_out_and_comes_back_when_that_is_lifted() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let mut noisy = Peer::join(broker.address(), V5, "noisy")?;
    let mut quiet = Peer::join(broker.address(), V5, "quiet")?;
    let ban = |arguments: &[&str]| nightjar(data.path(), &[&["ban"], arguments].concat(), "");
    ban(&["client", "noisy", "--for", "1 h", "--note", "too noisy"])?.success()?;
    match noisy.receive()? {
        Packet::Disconnect(disconnect) => assert_eq!(disconnect.reason_code, ReasonCode::ADMINISTRATIVE_ACTION),
        other => panic!("instead of DISCONNECT came {other:?}"),
    }
    let (_, refused) = Peer::connect(broker.address(), connect(V5, "noisy"))?;
    assert_eq!(refused.reason_code, ReasonCode::BANNED);
    quiet.publish_acknowledged("a", "still here", QoS::AtLeastOnce, false)?;
    until_event(data.path(), "client noisy is banned (ban 1)")?;
    let listed = ban(&["list"])?.success()?.stdout;
    assert!(listed.starts_with("1\tclient\tnoisy\t") && listed.ends_with("\ttoo noisy\n"), "{listed}");
    let outcome = ban(&["address", "1.2.3.4/0"])?;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("192.168.1.0/24"), "{}", outcome.stderr);
    ban(&["lift", "1"])?.success()?;
    let end = Instant::now() + DEADLINE;
    while Peer::connect(broker.address(), connect(V5, "noisy"))?.1.reason_code != ReasonCode::SUCCESS {
        ensure!(Instant::now() < end, "the ban is still in force");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
