//! Copies, checks, export and import, and SQL; all beside a journal that is in use.

use std::os::unix::fs::PermissionsExt;

use nightjar_mqtt::{PublishProperties, TopicFilter};

use super::*;
use crate::postings::SEGMENT;
use crate::{Archive, CareError, ExportFormat, SqlValue, StoredMessage};

fn filled(directory: &Path) -> Arc<Store> {
    let store = open(directory).store;
    keep(&store, (0..SEGMENT + 500).map(|number| record(message(&format!("t/{}", number % 3), &number.to_string()))));
    let properties = PublishProperties {
        content_type: Some("text/plain".into()),
        correlation_data: Some(Bytes::from_static(&[0, 255])),
        user_properties: vec![("unit".into(), "°C".into())],
        message_expiry_interval: Some(60),
        ..PublishProperties::default()
    };
    keep(
        &store,
        [
            record(Message {
                properties: Some(Box::new(properties)),
                qos: QoS::ExactlyOnce,
                ..retained("lamp", "on, \"é\"")
            }),
            record(Message { payload: Bytes::from_static(&[0xff, 0x00]), received: at(1.5), ..message("raw", "") }),
            record(message("empty", "")),
            event(EventKind::Connected, Some("sensor"), "from afar"),
        ],
    );
    store
}

fn everything(store: &Store) -> Vec<Message> {
    let handle = finished(store, Search::default());
    let rows = handle.rows(0, usize::MAX, usize::MAX).unwrap();
    rows.into_iter()
        .map(|row| Message {
            topic: row.topic,
            payload: row.payload,
            qos: row.qos,
            retain: row.retain,
            properties: row.properties,
            publisher: row.publisher,
            source: None,
            received: row.received,
        })
        .collect()
}

#[test]
fn a_backup_is_a_journal_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join("nightjar.db");
    let mut told = Vec::new();
    Archive::open(directory.path())
        .unwrap()
        .backup(&to, |share| {
            keep(&store, [record(message("during", "x"))]);
            told.push(share);
            true
        })
        .unwrap();
    assert!(told.len() >= 2 && told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let copied = open(copy.path());
    assert_eq!(copied.set_aside, None);
    assert_eq!(copied.kept.retained.len(), 1);
    assert_eq!(copied.store.count_of_topic("during").unwrap(), 0, "the copy is of one moment");
    assert_eq!(copied.store.statistics().messages, SEGMENT as u64 + 503);
    drop(copied);

    let archive = Archive::open(directory.path()).unwrap();
    assert!(matches!(archive.backup(&to, |_| true), Err(CareError::Exists { .. })));
    let stopped = copy.path().join("stopped.db");
    assert!(matches!(archive.backup(&stopped, |_| false), Err(CareError::Stopped)));
    assert!(!stopped.exists() && !copy.path().join("stopped.db.part").exists());
    let nowhere = copy.path().join("no/such/place.db");
    assert!(matches!(archive.backup(&nowhere, |_| true), Err(CareError::Unwritable { .. })));
}

#[test]
fn a_check_finds_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    assert_eq!(Archive::open(directory.path()).unwrap().check(|_| true).unwrap(), [""; 0]);
    drop(store);
    let connection = rusqlite::Connection::open(directory.path().join("nightjar.db")).unwrap();
    connection.execute("DELETE FROM message WHERE id = 7", ()).unwrap();
    connection.execute("UPDATE retained SET message_id = 999999", ()).unwrap();
    drop(connection);
    let findings = Archive::open(directory.path()).unwrap().check(|_| true).unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("segment 0") && findings[1].contains("1 retained"), "{findings:?}");
    assert!(matches!(Archive::open(directory.path()).unwrap().check(|_| false), Err(CareError::Stopped)));
}

#[test]
fn an_export_is_imported_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    let search = Search { order: crate::Order::OldestFirst, ..Search::default() };
    let mut lines = Vec::new();
    let archive = Archive::open(directory.path()).unwrap();
    let count = archive.export(&search, ExportFormat::JsonLines, &mut lines, |_| true).unwrap();
    assert_eq!(count, SEGMENT as u64 + 503);

    let other = tempfile::tempdir().unwrap();
    let copy = open(other.path()).store;
    assert_eq!(copy.import(&lines[..]).unwrap().messages, count);
    assert!(everything(&copy) == everything(&store));
    drop(copy);
    assert_eq!(open(other.path()).kept.retained.len(), 1);
    assert!(matches!(archive.export(&search, ExportFormat::JsonLines, &mut lines, |_| false), Err(CareError::Stopped)));
}

#[test]
fn a_selection_is_exported_as_a_table() {
    let directory = tempfile::tempdir().unwrap();
    let _store = filled(directory.path());
    let archive = Archive::open(directory.path()).unwrap();
    let table = |filter: &str| {
        let search = Search { filter: Some(TopicFilter::new(filter.to_owned()).unwrap()), ..Search::default() };
        let mut out = Vec::new();
        archive.export(&search, ExportFormat::Csv, &mut out, |_| true).unwrap();
        String::from_utf8(out).unwrap().replace("\r\n", "\n")
    };
    let names = "time,topic,client,qos,retain,size,payload,payload_base64\n";
    let lamp = "2026-01-01T00:00:00.000000Z,lamp,sensor,2,1,8,\"on, \"\"é\"\"\",\n";
    assert_eq!(table("lamp"), format!("{names}{lamp}"));
    assert_eq!(table("raw"), format!("{names}2026-01-01T00:00:01.500000Z,raw,sensor,1,0,2,,/wA=\n"));
    assert_eq!(table("nothing"), names);
}

#[test]
fn what_a_search_found_is_exported_by_position() {
    let directory = tempfile::tempdir().unwrap();
    for store in [filled(directory.path()), in_memory()] {
        if store.is_in_memory() {
            keep(&store, (0..SEGMENT).map(|number| record(message("t/0", &number.to_string()))));
        }
        let handle = finished(&store, Search { filter: TopicFilter::new("t/0").ok(), ..Search::default() });
        let found = handle.progress().found;
        let (mut out, mut shares) = (Vec::new(), Vec::new());
        let positions = [1..3, 10..11, found - 600..found + 5];
        let written = handle.export(&positions, ExportFormat::Csv, &mut out, |share| {
            shares.push(share);
            true
        });
        assert_eq!(written.unwrap(), 2 + 1 + 600);
        let text = String::from_utf8(out).unwrap();
        let rows = handle.rows(0, usize::MAX, usize::MAX).unwrap();
        let picked = rows[1..3].iter().chain(&rows[10..11]).chain(&rows[rows.len() - 600..]);
        let payload = |row: &StoredMessage| String::from_utf8(row.payload.to_vec()).unwrap();
        let expected: Vec<String> = picked.map(payload).collect();
        let found: Vec<_> = text.lines().skip(1).map(|line| line.split(',').nth(6).unwrap()).collect();
        assert_eq!(found, expected);
        assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{shares:?}");
        let stopped =
            handle
                .export(std::slice::from_ref(&(0..600)), ExportFormat::JsonLines, &mut Vec::new(), |share| share < 0.5);
        assert!(matches!(stopped, Err(CareError::Stopped)));
    }
}

#[test]
fn an_import_stops_at_what_is_no_message() {
    let good = r#"{"time":"2026-01-01T00:00:00Z","topic":"a","client":"c","payload":"1"}"#;
    for (bad, problem) in [
        ("nonsense", "expected"),
        (r#"{"time":"today","topic":"a","client":"c"}"#, "no time"),
        (r#"{"time":"2026-01-01","topic":"a/#","client":"c"}"#, ""),
        (r#"{"time":"2026-01-01","topic":"a","client":"c","qos":3}"#, "no QoS"),
        (r#"{"time":"2026-01-01","topic":"a","client":"c","payload_base64":"%"}"#, ""),
        (r#"{"time":"2026-01-01","topic":"a","client":"c","payload":"","payload_base64":""}"#, "both"),
        (r#"{"time":"2026-01-01","topic":"a","client":"c","colour":1}"#, "colour"),
    ] {
        let store = in_memory();
        let error = store.import(format!("{good}\n\n{bad}\n{good}\n").as_bytes()).unwrap_err();
        let CareError::Line { line: 3, problem: said } = &error else { panic!("{bad}: {error:?}") };
        assert!(said.contains(problem), "{bad}: {said}");
        assert_eq!(found(&store, Search::default()), ["1"], "what came before is there");
    }
}

#[test]
fn sql_reads_names_and_times_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let _store = filled(directory.path());
    let archive = Archive::open(directory.path()).unwrap();
    let rows = |statement: &str| {
        let (mut names, mut rows) = (Vec::new(), Vec::new());
        archive.sql(
            statement,
            |columns| {
                names.extend(columns.iter().map(|&name| name.to_owned()));
                Ok(())
            },
            |row| {
                rows.push(row);
                Ok(())
            },
        )?;
        Ok::<_, CareError>((names.join(" "), rows))
    };
    let text = |text: &str| SqlValue::Text(text.to_owned());
    let error = rows("select id from messages where topic_matches(topic, 'l+')").unwrap_err();
    assert!(error.to_string().contains("not valid"), "a filter that is none is said to be: {error}");
    let (names, found) =
        rows("SELECT time, topic, client, qos, text FROM messages WHERE topic_matches(topic, '+/2') LIMIT 1").unwrap();
    assert_eq!(names, "time topic client qos text");
    assert_eq!(
        found[0],
        [text("2026-01-01 00:00:00.000"), text("t/2"), text("sensor"), SqlValue::Integer(1), text("2")]
    );
    let (_, found) = rows("with r as (select topic, text from retained_messages) select * from r").unwrap();
    assert_eq!(found, [[text("lamp"), text("on, \"é\"")]]);
    assert_eq!(rows("select kind, client from events").unwrap().1, [[text("connected"), text("sensor")]]);
    assert_eq!(rows("select count(*) from gaps").unwrap().1, [[SqlValue::Integer(0)]]);
    assert!(!rows("select topic, messages, last_message from topics").unwrap().1.is_empty());
    for statement in [
        "delete from message",
        "drop table message",
        "attach database 'x.db' as x",
        "with r as (select 1) delete from message",
        "pragma user_version = 7",
        "vacuum",
    ] {
        assert!(rows(statement).is_err(), "{statement}");
    }
    assert!(matches!(rows("select * from nowhere"), Err(CareError::Sql(_))));
    assert!(matches!(rows(""), Err(CareError::Sql(_) | CareError::NotReadOnly)));
    assert!(!directory.path().join("x.db").exists());
}

#[test]
fn what_is_no_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(Archive::open(directory.path()), Err(CareError::Missing { .. })));
    let file = directory.path().join("nightjar.db");
    std::fs::write(&file, "not a database, but long enough to be taken for one".repeat(100)).unwrap();
    assert!(matches!(Archive::open(directory.path()), Err(CareError::Foreign { .. })));
    std::fs::remove_file(&file).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    crate::schema::create(&connection, 1).unwrap();
    assert!(matches!(Archive::open(directory.path()), Err(CareError::OtherVersion { newer: false, .. })));
    connection.pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(Archive::open(directory.path()), Err(CareError::OtherVersion { newer: true, .. })));
}
