//! The load generator itself: what it says about a broker has to be right.

use std::process::Command;
use std::time::Duration;

use nightjar_tests::{Broker, Record, program, run};
use tempfile::TempDir;

fn load(broker: &Broker, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightjar-load"));
    let seconds: &[&str] = if arguments.contains(&"--seconds") { &[] } else { &["--seconds", "2"] };
    command.args(["run", "--address", &broker.address().to_string()]).args(seconds).args(arguments);
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
fn bench_writes_a_table_with_every_broker_that_took_part() -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightjar-load"));
    command
        .args(["bench", "--seconds", "1", "--rounds", "1", "--brokers", "floor,none,crash"])
        .args(["--only", "fan-in QoS 0;ingest QoS 1;connect", "--server"])
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
    Ok(())
}
