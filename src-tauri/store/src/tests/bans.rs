//! Bans, with a broker's journal open on the same directory and without.

use nightjar_broker::{BanList, BanNumber, BanTarget, InvalidBan};
use rusqlite::Connection;

use super::*;
use crate::schema;
use crate::{BanBook, BansError};

/// One of each kind.
fn fill(book: &mut BanBook) -> BanList {
    let add = |list: &mut BanList| {
        list.add(BanTarget::client("a b")?, at(1.0), None, "noisy")?;
        list.add(BanTarget::user("Jürgen")?, at(2.0), Some(at(1e9)), "")?;
        list.add(BanTarget::parse("address", "2001:db8::/32")?, at(3.0), None, "")?;
        Ok::<_, InvalidBan>(())
    };
    book.change(|list| add(list).map_err(BansError::from)).unwrap().1
}

#[test]
fn bans_are_made_lifted_and_seen_by_who_watches() {
    let directory = tempfile::tempdir().unwrap();
    let mut watch = BanBook::watch(directory.path());
    assert_eq!(watch.changed().unwrap(), Some(BanList::default()));
    // With nobody else there, and beside a journal that is in use.
    for running in [None, Some(())] {
        let store = running.map(|()| open(directory.path()).store);
        let mut book = BanBook::open(directory.path()).unwrap();
        let list = fill(&mut book);
        assert_eq!(watch.changed().unwrap(), Some(list.clone()));
        assert_eq!(watch.changed().unwrap(), None);
        drop(book);
        let mut book = BanBook::open(directory.path()).unwrap();
        assert_eq!(book.bans().unwrap(), list);
        let missing = book.change(|list| list.lift(BanNumber(77)).map_err(BansError::from));
        assert!(matches!(missing, Err(BansError::List(InvalidBan::NoSuchBan(BanNumber(77))))));
        assert_eq!(watch.changed().unwrap(), None, "what failed is no change");
        for ban in &list.bans {
            book.change(|list| list.lift(ban.number).map_err(BansError::from)).unwrap();
        }
        let none = book.bans().unwrap();
        assert_eq!((none.bans.len(), none.next), (0, list.next), "no number comes twice");
        watch.changed().unwrap();
        if let Some(store) = store {
            keep(&store, [record(message("a", "the journal goes on"))]);
        }
    }
}

#[test]
fn bans_outlive_a_database_that_is_set_aside_and_an_older_one_gets_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nightjar.db");
    schema::create(&Connection::open(&file).unwrap(), 8).unwrap();
    let list = fill(&mut BanBook::open(directory.path()).unwrap());
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); DROP TABLE topic").unwrap();
    drop(connection);
    assert!(open(directory.path()).set_aside.is_some());
    assert_eq!(BanBook::watch(directory.path()).changed().unwrap(), Some(list));
}

#[test]
fn a_ban_that_nobody_understands_is_not_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let mut book = BanBook::open(directory.path()).unwrap();
    fill(&mut book);
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    connection.execute("UPDATE ban SET target = 'x' WHERE kind = 'address'", ()).unwrap();
    assert!(matches!(book.bans(), Err(BansError::Database(_))));
}
