//! The commands of `nightjar-server` that look after a journal, as a user at a terminal runs them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, Journal, Message, Record, Timestamp};
use nightjar_mqtt::{QoS, TopicName};
use nightjar_store::{Keeping, Options, Store};

fn nightjar(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nightjar-server"))
        .args(arguments)
        .arg("--data-dir")
        .arg(directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn open(directory: &Path) -> Arc<Store> {
    Store::open(&Options { keeping: Keeping::everything(), ..Options::new(directory) }).unwrap().store
}

/// Three messages of 2026-11-20.
fn fill(directory: &Path) {
    let store = open(directory);
    let mut records = [("a/b", "{\"t\":1}"), ("a/c", "{\"t\":40}"), ("lamp", "on")]
        .into_iter()
        .zip(0..)
        .map(|((topic, payload), number)| Record::Message {
            message: Arc::new(Message {
                topic: TopicName::new(topic).unwrap(),
                payload: Bytes::from(payload),
                qos: QoS::AtLeastOnce,
                retain: topic == "lamp",
                properties: None,
                publisher: ClientIdentifier::new("sensor"),
                source: None,
                received: Timestamp::from_micros(1_795_132_800_000_000 + number * 1_000_000),
            }),
            matched: 0,
        })
        .collect();
    store.append(&mut records);
    store.close().unwrap();
}

#[test]
fn a_journal_is_read_copied_checked_and_moved() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let select = "select topic, text from messages where topic_matches(topic, 'a/+') order by id";
    let rows = nightjar(directory.path(), &["sql", select]);
    assert_eq!(text(&rows.stdout), "topic\ttext\na/b\t{\"t\":1}\na/c\t{\"t\":40}\n", "{rows:?}");

    let hot = nightjar(directory.path(), &["export", "--json", "$.t > 30", "--format", "csv"]);
    assert!(text(&hot.stdout).lines().nth(1).is_some_and(|line| line.contains("a/c,sensor,1,0,8")), "{hot:?}");
    let retained = nightjar(directory.path(), &["export", "--retained-at", "2099-01-01"]);
    assert!(text(&retained.stdout).contains("\"topic\":\"lamp\""), "{retained:?}");

    let lines = directory.path().join("all.jsonl");
    assert!(nightjar(directory.path(), &["export", "--output", lines.to_str().unwrap()]).status.success());
    let again = nightjar(directory.path(), &["export", "--output", lines.to_str().unwrap()]);
    assert!(!again.status.success() && text(&again.stderr).contains("is there already"), "{again:?}");
    let other = tempfile::tempdir().unwrap();
    let imported = nightjar(other.path(), &["import", lines.to_str().unwrap()]);
    assert!(text(&imported.stderr).contains("3 messages"), "{imported:?}");
    assert_eq!(nightjar(other.path(), &["sql", select]).stdout, rows.stdout);

    let copy = other.path().join("copy.db");
    let backup = nightjar(directory.path(), &["backup", copy.to_str().unwrap()]);
    assert!(backup.status.success() && copy.exists(), "{backup:?}");
    let check = nightjar(directory.path(), &["check"]);
    assert!(check.status.success() && text(&check.stderr).contains("good: 3 messages"), "{check:?}");
}

#[test]
fn what_cannot_be_done_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let missing = nightjar(directory.path(), &["check"]);
    assert!(!missing.status.success() && text(&missing.stderr).contains("no journal"), "{missing:?}");
    fill(directory.path());
    for (arguments, problem) in [
        (&["sql", "delete from message"][..], "only what reads"),
        (&["sql", "select"], "not valid"),
        (&["export", "--json", "t > 3"], "begins with $"),
        (&["export", "--filter", "a#"], "filter is not valid"),
        (&["export", "--from", "soon"], "a time in UTC"),
        (&["import", "/nowhere/at/all"], "can't be read"),
    ] {
        let refused = nightjar(directory.path(), arguments);
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(text(&refused.stderr).contains(problem), "{arguments:?}: {refused:?}");
    }
    let in_use = open(directory.path());
    let refused = nightjar(directory.path(), &["import", "/dev/null"]);
    assert!(text(&refused.stderr).contains("another Nightjar"), "{refused:?}");
    assert!(nightjar(directory.path(), &["check"]).status.success(), "reading works beside it");
    drop(in_use);
}
