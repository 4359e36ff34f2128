//! The load generator itself: what it says about a broker has to be right.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use nightjar_tests::client::Kind;
use nightjar_tests::{Broker, Record, is_installed, program, run};
use tempfile::TempDir;

fn load(broker: &Broker, arguments: &[&str]) -> anyhow::Result<String> {
    load_at(broker.address(), arguments)
}

fn load_at(address: SocketAddr, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightjar-load"));
    let seconds: &[&str] = if arguments.contains(&"--seconds") { &[] } else { &["--seconds", "2"] };
    command.args(["run", "--address", &address.to_string()]).args(seconds).args(arguments);
    Ok(run(&mut command, &[], Duration::from_secs(60))?.success()?.stdout)
}

fn figure(report: &str, name: &str) -> Option<u64> {
    report.lines().find(|line| line.starts_with(name))?.split_whitespace().nth(1)?.parse().ok()
}

fn assert_flawless(report: &str) {
    for fault in ["lost", "doubled", "reordered"] {
        assert_eq!(figure(report, fault), Some(0), "{report}");
    }
}

#[test]
fn bounded_rate_arrives_in_full_and_is_on_record() -> anyhow::Result<()> {
    for qos in ["0", "1", "2"] {
        let data = TempDir::new()?;
        let mut broker = Broker::nightjar(data.path(), &[])?;
        let report = load(&broker, &["--rate", "500", "--topics", "100", "--qos", qos])?;
        broker.stop()?;
        assert_flawless(&report);
        let sent = figure(&report, "sent").expect(&report);
        assert!((900..=1000).contains(&sent), "500 a second for two seconds: {report}");
        assert_eq!(figure(&report, "delivered"), Some(sent), "QoS {qos}: {report}");
        let recorded = Record::open(data.path())?.messages("load/")?.len() as u64;
        assert_eq!(recorded, sent, "QoS {qos}: each message is on record once");
    }
    Ok(())
}

#[test]
fn fan_out_and_pairs_count_every_copy() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &[])?;
    let report = load(&broker, &["--rate", "100", "--publishers", "1", "--subscribers", "5"])?;
    assert_flawless(&report);
    let sent = figure(&report, "sent").expect(&report);
    assert_eq!(figure(&report, "delivered"), Some(sent * 5), "{report}");
    let report = load(
        &broker,
        &["--rate", "100", "--pattern", "pairs", "--publishers", "5", "--subscribers", "5", "--qos", "1"],
    )?;
    let sent = figure(&report, "sent").expect(&report);
    assert_eq!(figure(&report, "delivered"), Some(sent), "{report}");
    Ok(())
}

#[test]
fn closed_loops_bring_everything_back() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &["--durability", "none"])?;
    let silent: &[&str] = &["--subscribers", "0"];
    let alone: &[&str] = &["--window", "1"];
    let wild: &[&str] = &["--pattern", "wildcards", "--subscribers", "7", "--filters", "400"];
    for (arguments, qos) in [(silent, "0"), (silent, "1"), (alone, "0"), (alone, "2"), (wild, "0"), (wild, "1")] {
        let report = load(&broker, &[arguments, &["--seconds", "1", "--qos", qos]].concat())?;
        assert_flawless(&report);
        let sent = figure(&report, "sent").expect(&report);
        assert!(sent > 100, "a broker that takes no more is broken: {report}");
        if qos != "0" {
            assert_eq!(figure(&report, "acknowledged"), Some(sent), "{report}");
        }
        if arguments == wild {
            let delivered = figure(&report, "delivered").expect(&report);
            assert!(delivered.abs_diff(2 * sent) <= 4 * 10, "half of them to four: {report}");
        }
    }
    Ok(())
}

#[test]
fn every_listener_takes_the_load_and_brings_it_back() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let doors = ["--listen-tls", "127.0.0.1:0", "--listen-ws", "127.0.0.1:0", "--listen-wss", "127.0.0.1:0"];
    let mut broker = Broker::nightjar(data.path(), &doors)?;
    let authority = data.path().join("certs/ca.pem");
    let authority = authority.to_str().context("a path in UTF-8")?;
    let mut expected = 0;
    for (kind, name) in [(Kind::Tls, "tls"), (Kind::WebSocket, "websocket"), (Kind::WebSocketTls, "wss")] {
        let address = broker.door(kind)?;
        let trust: &[&str] = if kind.is_tls() { &["--authority", authority] } else { &[] };
        let at_door = |arguments: &[&str]| {
            load_at(address, &[arguments, trust, &["--transport", name, "--prefix", name, "--seconds", "1"]].concat())
        };
        // Packets that are larger than any TLS record, and many small ones in one.
        let large = ["--rate", "20", "--payload", "100000"];
        let many = ["--window", "10", "--qos", "1"];
        let assured = ["--rate", "200", "--qos", "2"];
        for arguments in [large, many, assured] {
            let report = at_door(&arguments)?;
            assert_flawless(&report);
            let sent = figure(&report, "sent").expect(&report);
            assert!(sent > 10, "{name}: {report}");
            assert_eq!(figure(&report, "delivered"), Some(sent), "{name}: {report}");
            expected += sent;
        }
        assert!(load_at(address, &[]).is_err(), "it was not plain MQTT that brought them through: {name}");
    }
    broker.stop()?;
    let record = Record::open(data.path())?;
    let recorded = ["tls/", "websocket/", "wss/"].map(|prefix| record.messages(prefix).map(|messages| messages.len()));
    let recorded: usize = recorded.into_iter().sum::<anyhow::Result<usize>>()?;
    assert_eq!(recorded as u64, expected, "each message is on record once");
    Ok(())
}

#[test]
fn broker_that_is_not_trusted_gets_no_load() -> anyhow::Result<()> {
    let (data, stranger) = (TempDir::new()?, TempDir::new()?);
    let mut broker = Broker::nightjar(data.path(), &["--listen-tls", "127.0.0.1:0"])?;
    let _other = Broker::nightjar(stranger.path(), &["--listen-tls", "127.0.0.1:0"])?.door(Kind::Tls)?;
    let foreign = stranger.path().join("certs/ca.pem");
    let foreign = foreign.to_str().context("a path in UTF-8")?;
    let error = load_at(broker.door(Kind::Tls)?, &["--transport", "tls", "--authority", foreign])
        .expect_err("its authority is another");
    assert!(format!("{error:#}").contains("the TLS handshake failed"), "{error:#}");
    Ok(())
}

#[test]
fn bench_writes_a_table_with_every_broker_that_took_part() -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightjar-load"));
    command
        .args(["bench", "--seconds", "1", "--rounds", "1", "--brokers", "floor,none,crash"])
        .args(["--only", "fan-in QoS 0;ingest QoS 1;connect;pairs QoS 0 over", "--server"])
        .arg(program("nightjar-server"));
    let tables = run(&mut command, &[], Duration::from_secs(120))?.success()?.stdout;
    for scenario in ["| fan-in QoS 0, 50 → 1 |", "| ingest QoS 1, no subscriber |", "| connect, CONNACK, disconnect |"]
    {
        for broker in ["no broker", "nightjar, none", "nightjar, crash"] {
            let row = format!("{scenario} {broker} |");
            let line = tables.lines().find(|line| line.starts_with(&row)).expect(&tables);
            assert!(line.ends_with("| 0 / 0 / 0 |"), "{tables}");
        }
    }
    for door in ["TLS", "WebSocket", "both"] {
        let row = format!("| pairs QoS 0 over {door} | nightjar, crash |");
        let line = tables.lines().find(|line| line.starts_with(&row)).expect(&tables);
        assert!(line.ends_with("| 0 / 0 / 0 |") && !line.contains("fails"), "{tables}");
        assert!(!tables.contains(&format!("over {door} | no broker |")), "it knows nothing below MQTT: {tables}");
    }
    Ok(())
}

#[test]
fn bench_measures_mosquitto_over_tls() -> anyhow::Result<()> {
    if !is_installed("mosquitto") {
        // Then the bench leaves it out as well.
        return Ok(());
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightjar-load"));
    command.args(["bench", "--seconds", "1", "--rounds", "1", "--brokers", "mosquitto"]);
    command.args(["--only", "pairs QoS 0 over TLS", "--server"]).arg(program("nightjar-server"));
    let tables = run(&mut command, &[], Duration::from_secs(120))?.success()?.stdout;
    let line = tables.lines().find(|line| line.starts_with("| pairs QoS 0 over TLS | mosquitto |")).expect(&tables);
    assert!(line.ends_with("| 1.00 | 0 / 0 / 0 |"), "{tables}");
    Ok(())
}
