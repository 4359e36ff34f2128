//! The listeners beside plain TCP, from the outside: what they show, and what becomes of who does not speak their language.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nightjar_tests::client::Kind;
use nightjar_tests::{Broker, DEADLINE, Outcome, Record, program, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const ALL: [&str; 6] = ["--listen-tls", "127.0.0.1:0", "--listen-ws", "127.0.0.1:0", "--listen-wss", "127.0.0.1:0"];

/// A TLS handshake by OpenSSL's client.
fn handshake(address: SocketAddr, authority: &Path, options: &[&str]) -> anyhow::Result<Outcome> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address.to_string(), "-CAfile"]).arg(authority);
    command.args(["-verify_return_error", "-verify_ip", "127.0.0.1"]).args(options);
    run(&mut command, b"", DEADLINE)
}

#[test]
fn tls_is_1_2_and_1_3_with_strong_suites_only() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let mut broker = Broker::nightjar(data.path(), &ALL)?;
    let authority = data.path().join("certs/ca.pem");
    for kind in [Kind::Tls, Kind::WebSocketTls] {
        let address = broker.door(kind)?;
        for (version, said) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let Outcome { status, stdout, stderr } = handshake(address, &authority, &[version])?;
            ensure!(status.success(), "{version}: {stderr}");
            ensure!(stdout.contains(said) && stdout.contains("Verify return code: 0 (ok)"), "{version}: {stdout}");
        }
        // SECLEVEL=0, or OpenSSL itself would refuse to ask for them.
        for weak in [
            ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
            ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "eNULL:aNULL:@SECLEVEL=0"],
        ] {
            let Outcome { status, stdout, stderr } = handshake(address, &authority, &weak)?;
            ensure!(!status.success(), "{weak:?} was agreed on: {stdout}");
            ensure!(stderr.contains("alert"), "{weak:?}: it was not the broker that refused: {stderr}");
        }
    }
    // Whoever trusts somebody else does not trust this broker.
    let stranger = TempDir::new()?;
    let mut other = Broker::nightjar(stranger.path(), &ALL)?;
    let outcome = handshake(other.door(Kind::Tls)?, &authority, &[])?;
    assert!(!outcome.status.success(), "a foreign authority was trusted");
    Ok(())
}

#[test]
fn certificate_is_the_same_after_a_restart() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let shown = |data: &Path| {
        let mut broker = Broker::nightjar(data, &ALL)?;
        let outcome = handshake(broker.door(Kind::Tls)?, &data.join("certs/ca.pem"), &[])?.success()?;
        broker.stop()?;
        let begin = outcome.stdout.find("-----BEGIN CERTIFICATE-----").context("no certificate")?;
        anyhow::Ok(outcome.stdout[begin..].split("-----END").next().unwrap_or_default().to_owned())
    };
    assert_eq!(shown(data.path())?, shown(data.path())?);
    Ok(())
}

/// Sends bytes and reads to the end.
fn answer(address: SocketAddr, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("the connection does not end")?;
    Ok(answer)
}

#[test]
fn who_does_not_speak_their_language_is_on_record_with_the_reason() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let settings = data.path().join("nightjar.toml");
    fs::write(&settings, "[limits]\nconnect-timeout = \"1 s\"\n")?;
    let mut broker = Broker::nightjar(data.path(), &ALL)?;
    let (tls, web_socket, both) =
        (broker.door(Kind::Tls)?, broker.door(Kind::WebSocket)?, broker.door(Kind::WebSocketTls)?);
    answer(tls, b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01z")?;
    answer(both, b"GET / HTTP/1.1\r\n\r\n")?;
    // A TLS record that announces more than comes.
    answer(tls, b"\x16\x03\x01\x02\x00\x01\x00")?;
    let page = String::from_utf8(answer(web_socket, b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n")?)?;
    ensure!(page.starts_with("HTTP/1.1 426 ") && page.contains("this is an MQTT broker"), "{page}");
    answer(web_socket, b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01z")?;
    let record = Record::open(data.path())?;
    for words in [
        "it looks like MQTT without TLS",
        "the client does not speak TLS",
        "the handshake below MQTT was not done within 1 s",
        "no WebSocket: this is an MQTT broker",
        "no WebSocket: the request is not HTTP/1.1",
    ] {
        let found = record.until(|record| {
            Ok(record.all_events()?.into_iter().map(|event| event.detail).find(|detail| detail.contains(words)))
        });
        let detail = found.with_context(|| format!("no event says: {words}"))?;
        ensure!(detail.starts_with("from 127.0.0.1:"), "{detail}");
    }
    Ok(())
}

#[test]
fn certificate_that_cannot_be_used_is_named_with_the_cure() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let mut first = Broker::nightjar(data.path(), &ALL)?;
    first.stop()?;
    let [certificate, other] = ["certs/server.pem", "certs/ca-key.pem"].map(|file| data.path().join(file));
    let mut command = Command::new(program("nightjar-server"));
    command.args(["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    command.arg("--tls-certificate").arg(&certificate).arg("--tls-key").arg(&other);
    let Outcome { status, stdout, stderr } = run(&mut command, &[], DEADLINE)?;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(!stdout.contains("mqtts"), "{stdout}");
    for words in ["ca-key.pem", "server.pem", "name the two that belong together"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    Ok(())
}

/// What `config check` says of a text, and its exit code.
fn check(folder: &Path, text: &str) -> anyhow::Result<(String, Option<i32>)> {
    let file = folder.join("nightjar.toml");
    fs::write(&file, text)?;
    let mut command = Command::new(program("nightjar-server"));
    command.args(["config", "check"]).arg(&file).arg("--data-dir").arg(folder);
    let Outcome { status, stdout, .. } = run(&mut command, &[], DEADLINE)?;
    Ok((stdout, status.code()))
}

#[test]
fn config_check_says_everything_that_is_wrong() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let (said, code) = check(folder.path(), "port = 1884\n[[listener]]\nkind = \"tls\"\n")?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("can be used"), "{said}");
    assert!(
        !folder.path().join("certs").exists() && !folder.path().join("nightjar.db").exists(),
        "a look changes nothing"
    );
    let wrong = "port = 0\n[limits]\nmaximum-qos = 3\n[[listener]]\nkind = \"tcp\"\npath = \"/\"\n";
    let (said, code) = check(folder.path(), wrong)?;
    assert_eq!(code, Some(1), "{said}");
    for words in ["line 1: port can't be 0", "line 3: maximum-qos can't be 3", "line 6: path says nothing"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
    let (said, code) = check(folder.path(), "a =\nb = 1\nc =\n")?;
    assert_eq!((code, said.lines().count()), (Some(1), 2), "{said}");
    let unusable = "[[listener]]\nkind = \"tls\"\ncertificate = \"no.pem\"\nkey = \"no.pem\"\n";
    let (said, code) = check(folder.path(), unusable)?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no.pem can't be read") && said.contains("make it readable"), "{said}");
    Ok(())
}

#[test]
fn hangup_reads_the_settings_again_and_a_wrong_file_changes_nothing() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let file = data.path().join("settings.toml");
    fs::write(&file, "")?;
    let mut broker = Broker::nightjar(data.path(), &["--config", file.to_str().context("a path")?])?;
    let first = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut stays = TcpStream::connect(broker.address())?;
    let hang_up = |broker: &Broker| -> anyhow::Result<()> {
        let process = i32::try_from(broker.process_id())?;
        Ok(kill(Pid::from_raw(process), Signal::SIGHUP)?)
    };
    // Of another kind than the one that the command line wants, which takes the place of all of its kind.
    let text = format!("[[listener]]\nkind = \"ws\"\naddress = \"127.0.0.1\"\nport = {}\n", first.port());
    fs::write(&file, &text)?;
    hang_up(&broker)?;
    let end = Instant::now() + DEADLINE;
    while TcpStream::connect(first).is_err() {
        ensure!(Instant::now() < end, "the listener of the settings is not there: {}", broker.stderr());
        thread::sleep(Duration::from_millis(10));
    }
    fs::write(&file, format!("{text}\nport = 1\n"))?;
    hang_up(&broker)?;
    let mut said = String::new();
    while !said.contains("the settings from before hold") {
        ensure!(Instant::now() < end, "a wrong file is not said: {said}");
        said += &broker.stderr();
    }
    TcpStream::connect(first)?;
    // Whoever was there before is there still.
    stays.write_all(b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01z")?;
    let mut connack = [0; 4];
    stays.read_exact(&mut connack)?;
    assert_eq!(connack, *b"\x20\x02\x00\x00");
    assert!(broker.stop()?.success());
    Ok(())
}
