//! Databases of each older version, as that version left them.

use rusqlite::{Connection, params};

use super::*;
use crate::postings::SEGMENT;
use crate::schema::{self, VERSION};

/// A database of version 1 with that many messages of ten topics, the last of which retains the last of its own.
pub(super) fn version_1(directory: &Path, count: i64) {
    let mut connection = Connection::open(directory.join("nightjar.db")).unwrap();
    schema::create(&connection, 1).unwrap();
    let transaction = connection.transaction().unwrap();
    for number in 0..10 {
        transaction.execute("INSERT INTO topic (name) VALUES (?1)", [format!("t/{number}")]).unwrap();
    }
    transaction.execute("INSERT INTO client (name) VALUES ('old')", ()).unwrap();
    for id in 1..=count {
        transaction
            .prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, 1, 1, ?4, 1, NULL, ?5)")
            .unwrap()
            .execute(params![id, at(id as f64 / 1e3).micros(), id % 10 + 1, id % 1_000 == 9, id.to_string().as_bytes()])
            .unwrap();
    }
    if let Some(last) = (1..=count).rev().find(|id| id % 1_000 == 9) {
        transaction.execute("INSERT INTO retained VALUES (10, ?1)", [last]).unwrap();
    }
    transaction.execute("INSERT INTO event VALUES (1, ?1, 1, 'connected', 'from afar')", [at(0.0).micros()]).unwrap();
    transaction.commit().unwrap();
}

fn version(directory: &Path) -> i32 {
    let connection = Connection::open(directory.join("nightjar.db")).unwrap();
    connection.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap()
}

#[test]
fn version_1_keeps_all_that_it_had() {
    for count in [0, 25, 2 * SEGMENT + 1_000] {
        let directory = tempfile::tempdir().unwrap();
        version_1(directory.path(), count);
        let opened = open(directory.path());
        assert_eq!(opened.set_aside, None);
        assert!(opened.kept.ever_connected);
        let retained: Vec<_> = opened.kept.retained.iter().map(|message| message.topic.to_string()).collect();
        assert_eq!(retained, if count == 0 { vec![] } else { vec!["t/9"] });
        let store = opened.store;
        assert_eq!(store.statistics().messages, count as u64);
        assert_eq!(store.events(10).unwrap()[0].event.detail, "from afar");
        keep(&store, [record(message("t/3", "new"))]);

        let expected: Vec<i64> = (1..=count).rev().filter(|id| id % 10 == 3).collect();
        assert_eq!(store.count_of_topic("t/3").unwrap(), expected.len() as u64 + 1);
        let filter = Some(nightjar_mqtt::TopicFilter::new("t/3").unwrap());
        let mut ids = finished(&store, Search { filter, ..Search::default() }).ids();
        assert_eq!(ids.remove(0), count + 1);
        assert_eq!(ids, expected);
        let of_client = Search { client: Some("old".to_owned()), ..Search::default() };
        assert_eq!(finished(&store, of_client).progress().found, count as u64);
        drop(store);
        assert_eq!(version(directory.path()), VERSION);
        assert_eq!(open(directory.path()).store.count_of_topic("t/3").unwrap(), expected.len() as u64 + 1);
    }
}

#[test]
fn a_migration_that_fails_leaves_the_older_version() {
    let directory = tempfile::tempdir().unwrap();
    version_1(directory.path(), 10);
    let file = directory.path().join("nightjar.db");
    Connection::open(&file).unwrap().execute_batch("CREATE VIEW topic_posting AS SELECT 1").unwrap();
    let mut connection = Connection::open(&file).unwrap();
    schema::migrate(&mut connection).unwrap_err();
    assert_eq!(version(directory.path()), 1);
    let indexes: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'message_topic'", (), |row| row.get(0))
        .unwrap();
    assert_eq!(indexes, 1, "what the step did before it failed is undone");
}
