//! Rules, with a broker's journal open on the same directory and without.

use nightjar_broker::{
    AccountName, Effect, Operations, Rule, RuleFilter, RuleNumber, RuleSet, RuleSetError, RuleSubject,
};
use rusqlite::Connection;

use super::*;
use crate::schema;
use crate::{RuleBook, RulesError};

fn subjects() -> [RuleSubject; 3] {
    [RuleSubject::Account(AccountName::new("Jürgen %u").unwrap()), RuleSubject::Nameless, RuleSubject::Everybody]
}

/// Adds a rule of each kind, the last first in the list.
fn fill(book: &mut RuleBook) -> RuleSet {
    let operations = [Operations::Both, Operations::Publish, Operations::Subscribe];
    let add = |set: &mut RuleSet| {
        for (subject, operations) in subjects().into_iter().zip(operations) {
            let first = set.rules.first().map(|rule| rule.number);
            let effect = if first.is_none() { Effect::Deny } else { Effect::Allow };
            set.add(subject, operations, RuleFilter::new("a b/%c/+/#").unwrap(), effect, first)?;
        }
        set.otherwise = Effect::Deny;
        Ok::<_, RulesError>(())
    };
    book.change(add).unwrap().1
}

fn numbers(set: &RuleSet) -> Vec<u32> {
    set.rules.iter().map(|rule| rule.number.0).collect()
}

#[test]
fn rules_are_made_changed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    // With nobody else there, and beside a journal that is in use.
    for running in [None, Some(())] {
        let store = running.map(|()| open(directory.path()).store);
        let mut book = RuleBook::open(directory.path()).unwrap();
        let set = fill(&mut book);
        assert_eq!(set.rules.len(), 3);
        assert_eq!(book.rules().unwrap(), set);
        drop(book);
        let mut book = RuleBook::open(directory.path()).unwrap();
        assert_eq!(book.rules().unwrap(), set, "as it was, in its order");
        let missing = book.change(|set| {
            set.otherwise = Effect::Allow;
            set.remove(RuleNumber(77)).map_err(RulesError::from)
        });
        assert!(matches!(missing, Err(RulesError::Set(RuleSetError::NoSuchRule(RuleNumber(77))))));
        assert_eq!(book.rules().unwrap(), set, "all or nothing");
        let (_, none) = book.change(|set| Ok::<_, RulesError>(std::mem::take(&mut set.rules))).unwrap();
        assert_eq!(none.next, set.next, "no number comes twice");
        assert_eq!(book.rules().unwrap(), none);
        if let Some(store) = store {
            keep(&store, [record(message("a", "the journal goes on"))]);
        }
    }
}

#[test]
fn a_change_is_seen_once_by_who_watches() {
    let directory = tempfile::tempdir().unwrap();
    let mut watch = RuleBook::watch(directory.path());
    assert!(watch.changed().unwrap().unwrap().is_open(), "there is no database yet");
    let _store = open(directory.path()).store;
    assert_eq!(watch.changed().unwrap(), None);
    let mut book = RuleBook::open(directory.path()).unwrap();
    let set = fill(&mut book);
    assert_eq!(watch.changed().unwrap(), Some(set));
    assert_eq!(watch.changed().unwrap(), None);
    book.change(|set| set.remove(RuleNumber(77)).map_err(RulesError::from)).unwrap_err();
    assert_eq!(watch.changed().unwrap(), None, "what failed is no change");
}

#[test]
fn a_rule_that_nobody_understands_hides_behind_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut book = RuleBook::open(directory.path()).unwrap();
    fill(&mut book);
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    for wrong in ["subject = 'nobody'", "operations = 'write'", "filter = 'a/#/b'", "effect = ''", "account = NULL"] {
        connection.execute_batch(&format!("BEGIN; UPDATE rule SET {wrong} WHERE number = 1")).unwrap();
        connection.execute_batch("COMMIT").unwrap();
        assert!(matches!(book.rules(), Err(RulesError::Database(_))), "{wrong}");
        let repair =
            "UPDATE rule SET subject = 'account', account = 'tv', operations = 'both', filter = 'a', effect = 'deny'
                      WHERE number = 1";
        connection.execute_batch(repair).unwrap();
        let repaired = book.rules().unwrap();
        let subject = RuleSubject::Account(AccountName::new("tv").unwrap());
        let filter = RuleFilter::new("a").unwrap();
        let number = RuleNumber(1);
        let expected = Rule { number, subject, operations: Operations::Both, filter, effect: Effect::Deny };
        assert_eq!(repaired.rules[2], expected);
    }
    connection.execute_batch("UPDATE meta SET value = 'who knows' WHERE name = 'rules_otherwise'").unwrap();
    assert_eq!(book.rules().unwrap().otherwise, Effect::Deny);
}

#[test]
fn rules_outlive_a_database_that_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let set = fill(&mut RuleBook::open(directory.path()).unwrap());
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); DROP TABLE topic").unwrap();
    drop(connection);
    let opened = open(directory.path());
    assert!(opened.set_aside.is_some());
    assert_eq!(RuleBook::watch(directory.path()).changed().unwrap(), Some(set.clone()));
    assert_eq!(numbers(&RuleBook::open(directory.path()).unwrap().rules().unwrap()), numbers(&set));
}

#[test]
fn an_older_database_gets_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nightjar.db");
    schema::create(&Connection::open(&file).unwrap(), 7).unwrap();
    let set = fill(&mut RuleBook::open(directory.path()).unwrap());
    assert_eq!(open(directory.path()).set_aside, None);
    assert_eq!(RuleBook::open(directory.path()).unwrap().rules().unwrap(), set);
}
