//! The load generator itself: what it says about a broker has to be right.

use std::process::Command;
use std::time::Duration;

use nightjar_tests::{Broker, Record, run};
use tempfile::TempDir;

fn load(broker: &Broker, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightjar-load"));
    command.args(["run", "--seconds", "2", "--address", &broker.address().to_string()]).args(arguments);
    Ok(run(&mut command, &[], Duration::from_secs(60))?.success()?.stdout)
}

fn figure(report: &str, name: &str) -> Option<u64> {
    report.lines().find(|line| line.starts_with(name))?.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn bounded_rate_arrives_in_full_and_is_on_record() -> anyhow::Result<()> {
    for qos in ["0", "1", "2"] {
        let data = TempDir::new()?;
        let mut broker = Broker::nightjar(data.path(), &[])?;
        let report = load(&broker, &["--rate", "500", "--topics", "100", "--qos", qos])?;
        broker.stop()?;
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
