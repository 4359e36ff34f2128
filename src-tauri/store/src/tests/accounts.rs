//! Accounts, with a broker's journal open on the same directory and without.

use nightjar_broker::{Account, AccountName, PasswordHash, Rehash};
use rusqlite::Connection;

use super::*;
use crate::schema;
use crate::{AccountBook, AccountsError, BesideError};

fn name(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

/// A hash that is quick to make; which password it is of says its salt.
fn hash(salt: &str) -> PasswordHash {
    PasswordHash::parse(&format!("$6${salt}${}", "A".repeat(86))).unwrap()
}

fn account(of: &str) -> Account {
    Account { name: name(of), password: hash("c2FsdA"), disabled: false, changed: at(1.0) }
}

#[test]
fn accounts_are_made_changed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    // With nobody else there, and beside a journal that is in use.
    for running in [None, Some(())] {
        let store = running.map(|()| open(directory.path()).store);
        let mut book = AccountBook::open(directory.path()).unwrap();
        book.add(&[account("tv"), account("lamp")]).unwrap();
        assert_eq!(book.accounts().unwrap(), [account("lamp"), account("tv")]);
        let exists = book.add(&[account("new"), account("tv")]).unwrap_err();
        assert!(matches!(&exists, AccountsError::Exists { name } if &**name == "tv"), "{exists}");
        assert_eq!(book.accounts().unwrap().len(), 2, "all or none");

        book.set_password(&name("tv"), &hash("b3RoZXI"), at(2.0)).unwrap();
        book.set_disabled(&name("lamp"), true).unwrap();
        let changed = [
            Account { disabled: true, ..account("lamp") },
            Account { password: hash("b3RoZXI"), changed: at(2.0), ..account("tv") },
        ];
        assert_eq!(book.accounts().unwrap(), changed);
        drop(book);
        let mut book = AccountBook::open(directory.path()).unwrap();
        assert_eq!(book.accounts().unwrap(), changed);
        for gone in ["tv", "lamp"] {
            book.remove(&name(gone)).unwrap();
        }
        for failed in [
            book.remove(&name("tv")),
            book.set_disabled(&name("tv"), true),
            book.set_password(&name("tv"), &hash("c2FsdA"), at(3.0)),
        ] {
            assert!(matches!(failed, Err(AccountsError::Unknown { .. })));
        }
        assert_eq!(book.accounts().unwrap(), []);
        if let Some(store) = store {
            keep(&store, [record(message("a", "the journal goes on"))]);
        }
    }
}

#[test]
fn a_hash_takes_the_place_of_the_one_that_it_was_made_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut book = AccountBook::open(directory.path()).unwrap();
    let locked = Account { disabled: true, ..account("lamp") };
    book.add(&[locked.clone(), account("tv")]).unwrap();
    let rehash = |of: &str, before: &str| Rehash { name: name(of), before: hash(before), anew: hash("YW5ldw") };
    let rehashes = [rehash("lamp", "c2FsdA"), rehash("tv", "b3RoZXI"), rehash("nobody", "c2FsdA")];
    assert_eq!(book.hash_anew(&rehashes).unwrap(), 1, "tv has another password by now");
    let anew = Account { password: hash("YW5ldw"), ..locked };
    assert_eq!(book.accounts().unwrap(), [anew, account("tv")], "nothing else of it changes");
}

#[test]
fn a_change_is_seen_once_by_who_watches() {
    let directory = tempfile::tempdir().unwrap();
    let mut watch = AccountBook::watch(directory.path());
    assert_eq!(watch.changed().unwrap(), Some(vec![]), "there is no database yet");
    assert_eq!(watch.changed().unwrap(), None);
    let store = open(directory.path()).store;
    assert_eq!(watch.changed().unwrap(), None);
    let mut book = AccountBook::open(directory.path()).unwrap();
    book.add(&[account("tv")]).unwrap();
    assert_eq!(watch.changed().unwrap(), Some(vec![account("tv")]));
    assert_eq!(watch.changed().unwrap(), None);
    book.set_disabled(&name("nobody"), true).unwrap_err();
    keep(&store, [record(message("a", "b"))]);
    assert_eq!(watch.changed().unwrap(), None, "what failed, and messages, are no change");
    book.set_disabled(&name("tv"), true).unwrap();
    assert!(watch.changed().unwrap().unwrap()[0].disabled);
    let mut late = AccountBook::watch(directory.path());
    assert_eq!(late.changed().unwrap().unwrap().len(), 1);
}

#[test]
fn an_older_database_gets_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nightjar.db");
    schema::create(&Connection::open(&file).unwrap(), 6).unwrap();
    AccountBook::open(directory.path()).unwrap().add(&[account("tv")]).unwrap();
    let opened = open(directory.path());
    assert_eq!(opened.set_aside, None);
    assert_eq!(AccountBook::open(directory.path()).unwrap().accounts().unwrap(), [account("tv")]);
}

#[test]
fn an_account_that_nobody_can_use_does_not_hide_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let mut book = AccountBook::open(directory.path()).unwrap();
    book.add(&[account("tv")]).unwrap();
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    connection.execute("INSERT INTO account VALUES ('a', 'secret', 0, 0), ('', '', 0, 0)", ()).unwrap();
    assert_eq!(book.accounts().unwrap(), [account("tv")]);
}

#[test]
fn another_programs_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nightjar.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let error = AccountBook::open(directory.path()).unwrap_err();
    assert!(matches!(error, AccountsError::Beside(BesideError::Foreign { .. })), "{error}");
    std::fs::write(&file, "no database at all, but long enough to be looked at").unwrap();
    let error = AccountBook::open(directory.path()).unwrap_err();
    assert!(error.to_string().contains("nightjar.db"), "{error}");
}

#[test]
fn accounts_outlive_a_database_that_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    AccountBook::open(directory.path()).unwrap().add(&[account("tv"), account("lamp")]).unwrap();
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); DROP TABLE topic").unwrap();
    drop(connection);
    let opened = open(directory.path());
    assert!(opened.set_aside.is_some());
    assert_eq!(AccountBook::watch(directory.path()).changed().unwrap().unwrap().len(), 2);
    assert_eq!(AccountBook::open(directory.path()).unwrap().accounts().unwrap(), [account("lamp"), account("tv")]);
}
