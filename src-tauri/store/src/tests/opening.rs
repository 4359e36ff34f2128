use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;
use crate::OpenError;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn everything_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let opened = open(directory.path());
    assert!(opened.kept.retained.is_empty());
    assert!(!opened.kept.ever_connected);
    assert_eq!(opened.set_aside, None);
    append(
        &opened.store,
        [
            record(retained("a", "1")),
            record(retained("b", "2")),
            record(retained("a", "3")),
            record(retained("b", "")),
            record(message("c", "4")),
            event(EventKind::Connected, Some("sensor"), ""),
        ],
    );
    opened.store.close().unwrap();
    assert_eq!(
        names(directory.path()),
        ["nightjar.db", "nightjar.lock", "nightjar.reserve"],
        "the log is moved to the database"
    );
    drop(opened);

    let opened = open(directory.path());
    let kept: Vec<Message> = opened.kept.retained.iter().map(|message| Message::clone(message)).collect();
    assert_eq!(kept, [retained("a", "3")]);
    assert!(opened.kept.ever_connected);
    let store = opened.store;
    assert_eq!(store.statistics().messages, 5);
    assert_eq!(store.retained_ids(["a", "b", "z"]).unwrap(), [Some(crate::MessageId(3)), None, None]);
    keep(&store, [record(message("a", "5")), record(message("d", "6"))]);
    assert_eq!(found(&store, Search::default()), ["6", "5", "4", "", "3", "2", "1"]);
    assert_eq!(store.count_of_topic("a").unwrap(), 3);
}

#[test]
fn only_the_owner_may_read() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("deep/down");
    let store = open(&directory).store;
    keep(&store, [record(message("a", "1"))]);
    assert_eq!(mode(&directory), 0o700);
    for name in names(&directory) {
        assert_eq!(mode(&directory.join(&name)), 0o600, "{name}");
    }
    drop(store);
    fs::set_permissions(directory.join("nightjar.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&directory).store;
    assert_eq!(mode(&directory.join("nightjar.db")), 0o600);
}

#[test]
fn a_second_one_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let error = Store::open(&options(directory.path())).unwrap_err();
    let OpenError::InUse { process, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*process, Some(std::process::id()));
    assert!(error.to_string().contains("--data-dir"), "{error}");
    drop(first);
    open(directory.path());
}

#[test]
fn a_damaged_file_is_set_aside() {
    let valid = tempfile::tempdir().unwrap();
    let store = open(valid.path()).store;
    keep(&store, (0..500).map(|number| record(message("a", &number.to_string()))));
    drop(store);
    let valid = fs::read(valid.path().join("nightjar.db")).unwrap();

    let nulls = vec![0; 8_192];
    let mut nulls_within = valid.clone();
    nulls_within[4_096..].fill(0);
    let mut overwritten = valid.clone();
    for page in overwritten.chunks_mut(4_096).skip(1) {
        page[..64].fill(0xa5);
    }
    let truncated = valid[..valid.len() - 4_096].to_vec();
    for (what, bytes) in [
        ("nulls", nulls),
        ("nulls within", nulls_within),
        ("overwritten", overwritten),
        ("truncated", truncated),
        ("text", b"this is not a database, but a text of some length".repeat(10)),
    ] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("nightjar.db"), &bytes).unwrap();
        fs::write(directory.path().join("nightjar.db-wal"), b"rubbish").unwrap();
        let opened = open(directory.path());
        let set_aside = opened.set_aside.expect(what);
        assert!(fs::read(&set_aside.file).unwrap() == bytes, "{what} is kept as it was");
        assert!(!set_aside.reason.is_empty());
        keep(&opened.store, [record(message("a", what))]);
        assert_eq!(found(&opened.store, Search::default()), [what]);
        drop(opened.store);
        let again = open(directory.path());
        assert_eq!(again.set_aside, None, "{what}: the new one is good");
        assert_eq!(again.store.statistics().messages, 1);
    }
}

#[test]
fn another_programs_database_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nightjar.db");
    let foreign = Connection::open(&file).unwrap();
    foreign.execute_batch("CREATE TABLE message (id); INSERT INTO message VALUES (42)").unwrap();
    foreign.close().unwrap();
    let set_aside = open(directory.path()).set_aside.unwrap();
    assert!(set_aside.reason.contains("not a database of Nightjar"), "{set_aside:?}");
    let kept: i64 =
        Connection::open(set_aside.file).unwrap().query_row("SELECT id FROM message", (), |row| row.get(0)).unwrap();
    assert_eq!(kept, 42);
}

#[test]
fn a_database_without_its_tables_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let file = directory.path().join("nightjar.db");
    Connection::open(&file).unwrap().execute_batch("DROP TABLE event").unwrap();
    assert!(open(directory.path()).set_aside.is_some());
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let file = directory.path().join("nightjar.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 1_000).unwrap();
    let before = fs::read(&file).unwrap();
    let error = Store::open(&options(directory.path())).unwrap_err();
    assert!(matches!(error, OpenError::Newer { .. }), "{error:?}");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(names(directory.path()), ["nightjar.db", "nightjar.lock", "nightjar.reserve"]);
}

#[test]
fn a_locked_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let other = Connection::open(directory.path().join("nightjar.db")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; CREATE TABLE x (y)").unwrap();
    let error = Store::open(&options(directory.path())).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert_eq!(open(directory.path()).set_aside, None);
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Store::open(&options(&path)).unwrap_err();
        assert!(matches!(error, OpenError::Directory { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_database_that_is_a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("nightjar.db")).unwrap();
    let error = Store::open(&options(directory.path())).unwrap_err();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
}

#[test]
fn without_durability_no_file_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path()).durability(Durability::None)).unwrap().store;
    keep(&store, [record(retained("a", "1"))]);
    assert_eq!(found(&store, Search::default()), ["1"]);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn damage_that_shows_up_in_use_is_set_aside_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    store
        .shared
        .note_damage(&rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None));
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.set_aside, None, "a full disk is no damage");
    store
        .store
        .shared
        .note_damage(&rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None));
    drop(store);
    let opened = open(directory.path());
    assert!(opened.set_aside.is_some());
    drop(opened);
    assert_eq!(open(directory.path()).set_aside, None);
}
