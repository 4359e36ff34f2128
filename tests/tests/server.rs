//! The process `nightjar-server`, from the outside: its command line, its signals, its refusals, its record.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use nightjar_mqtt::{Connect, ProtocolVersion, QoS, ReasonCode};
use nightjar_tests::{Broker, DEADLINE, Outcome, Peer, Record, RecordedMessage, connect, program, run};
use tempfile::TempDir;

use ProtocolVersion::{V5, V311};
use QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce};

#[test]
fn listening_line_tells_the_port_once_connections_are_accepted() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    assert_ne!(broker.address().port(), 0, "port 0 is replaced by the real one");
    TcpStream::connect(broker.address()).context("the line came before the listener was open")?;
    Ok(())
}

#[test]
fn sigterm_ends_it_with_0_and_everything_committed() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let mut broker = Broker::nightjar(data.path(), &[])?;
    let mut peer = Peer::join(broker.address(), V311, "meter")?;
    // QoS 0 is committed lazily, so these are what a careless stop would lose.
    for number in 0..500 {
        peer.publish("meter/power", format!("{number}"), AtMostOnce, false)?;
    }
    peer.ping()?;
    let status = broker.stop()?;
    assert_eq!(status.code(), Some(0), "{}", broker.stderr());

    let messages = Record::open(data.path())?.messages("meter/power")?;
    let payloads: Vec<String> = messages.iter().map(payload).collect();
    let expected: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(payloads, expected, "all messages are in the record, in order");
    Ok(())
}

#[test]
fn binary_is_linked_to_no_desktop_library() -> anyhow::Result<()> {
    let outcome = run(Command::new("ldd").arg(program("nightjar-server")), &[], DEADLINE)?.success()?;
    assert!(outcome.stdout.contains("libc.so"), "ldd lists libraries: {}", outcome.stdout);
    for library in ["webkit", "gtk", "gdk", "glib", "javascriptcore", "soup"] {
        assert!(!outcome.stdout.to_lowercase().contains(library), "{library}: {}", outcome.stdout);
    }
    Ok(())
}

#[test]
fn the_log_file_has_what_was_said_a_line_each() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    fs::write(data.path().join("nightjar.toml"), "[log]\nfile-size = \"64 kB\"\nfiles = 2\n")?;
    let mut broker = Broker::nightjar(data.path(), &["--log-file"])?;
    Peer::join(broker.address(), V311, "meter")?.ping()?;
    // Each of these is a record of some kilobytes, more than two files have room for.
    for number in 0..60 {
        let name = format!("{number} forged\n1970-01-01 ERROR {}", "x".repeat(4_000));
        Peer::join(broker.address(), V5, &name)?.ping()?;
    }
    ensure!(broker.stop()?.success(), "{}", broker.stderr());

    let mut sizes = Vec::new();
    let mut all = String::new();
    for name in ["nightjar.log.1", "nightjar.log"] {
        let text = fs::read_to_string(data.path().join(name)).with_context(|| name.to_owned())?;
        sizes.push(text.len());
        all += &text;
    }
    ensure!(!data.path().join("nightjar.log.2").exists(), "two files, no more");
    ensure!(sizes.iter().all(|&size| size <= 64_000), "{sizes:?}");
    ensure!(all.contains("59 forged") && all.contains("Nightjar stopped"), "the newest are there: {all}");
    for line in all.lines() {
        ensure!(line.starts_with("20") && line.contains(" nightjar"), "no client begins a line: {line:?}");
    }

    let mut quiet = Broker::nightjar(data.path(), &["--log-level", "error"])?;
    Peer::join(quiet.address(), V311, "meter")?.ping()?;
    let said = quiet.stderr();
    ensure!(said.is_empty(), "{said}");
    Ok(())
}

/// Runs a server that should not come up: exit code 1, and one sentence that a person can act on.
fn refusal(listen: &str, data_dir: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(program("nightjar-server"));
    command.args(["--listen", listen, "--data-dir"]).arg(data_dir);
    let Outcome { status, stdout, stderr } = run(&mut command, &[], DEADLINE)?;
    ensure!(status.code() == Some(1), "{status}, not exit code 1: {stderr}");
    ensure!(stdout.is_empty(), "nothing listens, but it said: {stdout}");
    // Its log comes before; the sentence is what stands last, below it.
    let sentences: Vec<&str> = stderr.lines().filter(|line| line.starts_with("nightjar: ")).collect();
    ensure!(
        sentences.len() == 1 && stderr.trim_end().ends_with(sentences[0]),
        "not one sentence at the end:\n{stderr}"
    );
    ensure!(!stderr.contains("panicked") && !stderr.contains("Os {"), "not for people: {stderr}");
    Ok(sentences[0].to_owned())
}

#[test]
fn port_in_use_is_named() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let occupant = TcpListener::bind(("127.0.0.1", 0))?;
    let address = occupant.local_addr()?.to_string();
    let sentence = refusal(&address, data.path())?;
    assert!(sentence.contains(&address), "it names the address: {sentence}");
    Ok(())
}

#[test]
fn data_directory_that_cannot_be_one_is_named() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("a-file");
    fs::write(&file, "not a directory")?;
    // Permissions would not stop root; that a file is no directory, and /proc no place for one, does.
    for data_dir in [file.as_path(), &file.join("below"), Path::new("/proc/nightjar")] {
        let sentence = refusal("127.0.0.1:0", data_dir)?;
        assert!(sentence.contains(&data_dir.display().to_string()), "it names the directory: {sentence}");
    }
    assert_eq!(fs::read_to_string(&file)?, "not a directory", "and harms nothing");
    Ok(())
}

#[test]
fn data_directory_of_a_running_server_is_refused() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let sentence = refusal("127.0.0.1:0", data.path())?;
    assert!(sentence.contains(&data.path().display().to_string()), "it names the directory: {sentence}");
    // The first one goes on as if nothing had happened.
    let mut peer = Peer::join(broker.address(), V5, "still-there")?;
    peer.publish_acknowledged("still/there", "yes", AtLeastOnce, false)
}

#[test]
fn locked_database_is_named() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    Broker::nightjar(data.path(), &[])?.stop()?;
    let other_program = rusqlite::Connection::open(data.path().join("nightjar.db"))?;
    other_program.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;")?;
    let sentence = refusal("127.0.0.1:0", data.path())?;
    assert!(sentence.contains("nightjar.db"), "it names the file: {sentence}");
    Ok(())
}

#[test]
fn limits_of_the_settings_file_are_in_force() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let file = data.path().join("elsewhere.toml");
    fs::write(&file, "[limits]\nmaximum-packet-size = \"4 kB\"\nreceive-maximum = 9\nmaximum-connections = 1\n")?;
    let file = file.to_str().context("a temporary path is UTF-8")?;
    let broker = Broker::nightjar(data.path(), &["--config", file])?;
    let (_first, connack) = Peer::connect(broker.address(), connect(V5, "first"))?;
    assert_eq!(connack.properties.maximum_packet_size, Some(4_000));
    assert_eq!(connack.properties.receive_maximum, Some(9));
    let (_second, connack) = Peer::connect(broker.address(), connect(V5, "second"))?;
    assert_eq!(connack.reason_code, ReasonCode::SERVER_BUSY);
    Ok(())
}

#[test]
fn a_wrong_setting_is_named_with_its_line() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    fs::write(data.path().join("nightjar.toml"), "# small\n[limits]\nmaximum-packet-size = \"4 parsecs\"\n")?;
    let sentence = refusal("127.0.0.1:0", data.path())?;
    for words in ["nightjar.toml, line 3", "maximum-packet-size can't be \"4 parsecs\"", "such as \"2 MB\""] {
        assert!(sentence.contains(words), "{words}: {sentence}");
    }
    Ok(())
}

#[test]
fn message_is_recorded_with_its_publisher_once_it_is_acknowledged() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let record = Record::open(data.path())?;
    let mut peer = Peer::join(broker.address(), V5, "thermometer")?;
    for (number, qos) in [AtLeastOnce, ExactlyOnce].into_iter().cycle().take(40).enumerate() {
        let bytes = [0, 0xFF, number as u8];
        peer.publish_acknowledged(&format!("home/{number}"), bytes.to_vec(), qos, number == 7)?;
        // No waiting here: the acknowledgement says that the message is committed.
        let expected = RecordedMessage {
            topic: format!("home/{number}"),
            client: Some("thermometer".to_owned()),
            qos: qos.level(),
            retain: number == 7,
            payload: bytes.to_vec(),
        };
        let messages = record.messages(&format!("home/{number}"))?;
        assert_eq!(messages, [expected], "an acknowledged message is in the record, once and as it was sent");
    }
    Ok(())
}

#[test]
fn qos_0_is_recorded_too() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let mut peer = Peer::join(broker.address(), V311, "thermometer")?;
    peer.publish("home/kitchen", "21.5", AtMostOnce, false)?;
    Record::open(data.path())?
        .until(|record| Ok((record.messages("home/kitchen")?.iter().map(payload).next()).filter(|text| text == "21.5")))
        .map(drop)
}

#[test]
fn retained_messages_and_history_survive_a_restart() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let mut broker = Broker::nightjar(data.path(), &[])?;
    let mut peer = Peer::join(broker.address(), V5, "door")?;
    peer.publish_acknowledged("door/state", "open", AtLeastOnce, true)?;
    peer.publish_acknowledged("door/state", "closed", AtLeastOnce, true)?;
    peer.publish_acknowledged("door/battery", "low", ExactlyOnce, true)?;
    peer.publish_acknowledged("door/battery", "", AtLeastOnce, true)?;
    broker.stop()?;

    let mut broker = Broker::nightjar(data.path(), &[])?;
    let mut later = Peer::join(broker.address(), V311, "panel")?;
    later.subscribe("door/#", AtLeastOnce)?;
    let message = later.receive_message()?;
    assert_eq!(message.topic.as_deref(), Some("door/state"));
    assert_eq!(&message.payload[..], b"closed", "the last one is retained");
    assert!(message.retain, "it is marked as retained");
    // A round trip without another message in between: what was cleared stays so.
    later.ping().context("only one message is retained")?;
    let mut peer = Peer::join(broker.address(), V5, "door")?;
    peer.publish_acknowledged("door/state", "open again", AtLeastOnce, false)?;
    broker.stop()?;

    let messages = Record::open(data.path())?.messages("door/")?;
    let payloads: Vec<String> = messages.iter().map(payload).collect();
    assert_eq!(payloads, ["open", "closed", "low", "", "open again"], "both runs, in order");
    assert!(messages.iter().all(|message| message.client.as_deref() == Some("door")));
    Ok(())
}

#[test]
fn without_a_history_what_was_promised_is_kept_all_the_same() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let without_history = ["--keep", "nothing"];
    let mut broker = Broker::nightjar(data.path(), &without_history)?;
    let lasting = || Connect { clean_start: false, ..connect(V311, "display") };
    let (mut display, _) = Peer::connect(broker.address(), lasting())?;
    display.subscribe("door/#", AtLeastOnce)?;
    display.leave()?;
    let mut door = Peer::join(broker.address(), V5, "door")?;
    door.publish_acknowledged("door/state", "open", ExactlyOnce, true)?;
    door.publish_acknowledged("door/bell", "rings", AtLeastOnce, false)?;
    door.publish_acknowledged("elsewhere", "unheard", AtLeastOnce, false)?;
    broker.kill()?;

    let broker = Broker::nightjar(data.path(), &without_history)?;
    let (mut display, answer) = Peer::connect(broker.address(), lasting())?;
    ensure!(answer.session_present, "the session is gone");
    let mut payloads = Vec::new();
    while payloads.len() < 2 {
        payloads.push(display.receive_message()?.payload);
    }
    assert_eq!(payloads, ["open", "rings"]);
    let mut later = Peer::join(broker.address(), V311, "later")?;
    later.subscribe("#", AtMostOnce)?;
    assert_eq!(later.receive_message()?.payload, "open", "it is retained");
    assert_eq!(Record::open(data.path())?.message_count()?, 0, "no message is in the history");
    Ok(())
}

#[test]
fn comings_and_goings_are_events() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let mut polite = Peer::join(broker.address(), V5, "polite")?;
    polite.subscribe("some/#", AtLeastOnce)?;
    polite.leave()?;
    drop(Peer::join(broker.address(), V311, "rude")?);

    let record = Record::open(data.path())?;
    let kinds = |client: &'static str, last: &'static str| {
        record.until(move |record| {
            let kinds: Vec<String> = record.events(client)?.into_iter().map(|event| event.kind).collect();
            Ok(kinds.iter().any(|kind| kind == last).then_some(kinds))
        })
    };
    assert_eq!(kinds("polite", "disconnected")?[..3], ["connected", "subscribed", "disconnected"]);
    assert_eq!(kinds("rude", "lost")?[..2], ["connected", "lost"]);
    Ok(())
}

fn payload(message: &RecordedMessage) -> String {
    String::from_utf8_lossy(&message.payload).into_owned()
}
