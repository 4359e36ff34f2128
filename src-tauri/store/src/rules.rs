//! The table `rule`: who may publish and read what.

use std::path::Path;

use nightjar_broker::{
    AccountName, Effect, Operations, Rule, RuleFilter, RuleNumber, RuleSet, RuleSetError, RuleSubject,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::beside::{self, Beside, BesideError, Watch};

/// What counts the changes.
const COUNTER: &str = "rules";
const OTHERWISE: &str = "rules_otherwise";
const NEXT: &str = "rules_next";

/// Why rules could not be changed. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error(transparent)]
    Beside(#[from] BesideError),

    #[error("{0}: `rule list` shows those that there are")]
    Set(#[from] RuleSetError),

    #[error("the rules can't be read or written ({0})")]
    Database(#[from] rusqlite::Error),
}

/// The rules of a data directory, to be changed.
#[derive(Debug)]
pub struct RuleBook(Beside);

impl RuleBook {
    /// Opens the rules of a data directory, which is made where it is missing, and may be in use.
    ///
    /// # Errors
    /// See [`RulesError`].
    pub fn open(directory: &Path) -> Result<Self, RulesError> {
        Ok(Self(Beside::open(directory)?))
    }

    /// The rules, to be looked at again and again.
    pub fn watch(directory: &Path) -> Watch<RuleSet> {
        Watch::new(directory, COUNTER, read)
    }

    /// The rules as they are.
    ///
    /// # Errors
    /// Where they can't be read.
    pub fn rules(&self) -> Result<RuleSet, RulesError> {
        Ok(read(&self.0.connection)?)
    }

    /// Changes the list as a whole; returns what `change` does, and the list as it is then.
    ///
    /// # Errors
    /// Where `change` fails, or the disk takes nothing: everything is then as it was.
    pub fn change<T, E: From<RulesError>>(
        &mut self,
        change: impl FnOnce(&mut RuleSet) -> Result<T, E>,
    ) -> Result<(T, RuleSet), E> {
        let transaction = self.0.begin().map_err(RulesError::from)?;
        let mut set = read(&transaction).map_err(RulesError::from)?;
        let changed = change(&mut set)?;
        write(&transaction, &set).map_err(RulesError::from)?;
        beside::commit(transaction, COUNTER).map_err(RulesError::from)?;
        Ok((changed, set))
    }
}

fn write(connection: &Connection, set: &RuleSet) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM rule", ())?;
    let mut insert = connection.prepare("INSERT INTO rule VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for (place, rule) in set.rules.iter().enumerate() {
        let Rule { number, subject, operations, filter, effect } = rule;
        let (subject, account) = match subject {
            RuleSubject::Everybody => ("everybody", None),
            RuleSubject::Nameless => ("nameless", None),
            RuleSubject::Account(name) => ("account", Some(&**name)),
        };
        let (operations, effect) = (operations.name(), effect.name());
        insert.execute(params![number.0, place, subject, account, operations, filter.as_str(), effect])?;
    }
    let mut set_meta = connection.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?;
    set_meta.execute((OTHERWISE, set.otherwise.name()))?;
    set_meta.execute((NEXT, set.next))?;
    Ok(())
}

/// The rules in their order. One that can't be understood is an error and not left out: it may deny something.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<RuleSet> {
    let mut select = connection
        .prepare_cached("SELECT number, subject, account, operations, filter, effect FROM rule ORDER BY place")?;
    let rules = select.query_map((), |row| {
        let wrong =
            |column: usize, why: String| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into());
        let word = |column: usize| row.get::<_, String>(column);
        let subject = match &*word(1)? {
            "everybody" => RuleSubject::Everybody,
            "nameless" => RuleSubject::Nameless,
            "account" => {
                RuleSubject::Account(AccountName::new(&word(2)?).map_err(|error| wrong(2, error.to_string()))?)
            }
            other => return Err(wrong(1, format!("a rule is for {other:?}"))),
        };
        let operations = word(3)?;
        let effect = word(5)?;
        Ok(Rule {
            number: RuleNumber(row.get(0)?),
            subject,
            operations: Operations::from_name(&operations).ok_or_else(|| wrong(3, operations))?,
            filter: RuleFilter::new(&word(4)?).map_err(|error| wrong(4, error.to_string()))?,
            effect: Effect::from_name(&effect).ok_or_else(|| wrong(5, effect))?,
        })
    })?;
    let rules: Vec<_> = rules.collect::<Result<_, _>>()?;
    let mut meta = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    let otherwise = match meta.query_row([OTHERWISE], |row| row.get::<_, String>(0)).optional()? {
        None => Effect::Allow,
        // Whoever wrote something else there did not mean "everything".
        Some(name) => Effect::from_name(&name).unwrap_or(Effect::Deny),
    };
    let next = meta.query_row([NEXT], |row| row.get(0)).optional()?.unwrap_or(1);
    let above = rules.iter().map(|rule| rule.number.0.saturating_add(1)).max().unwrap_or(1);
    Ok(RuleSet { rules, otherwise, next: above.max(next) })
}

/// Takes the rules of a database that was set aside into the new one: without them everybody could do everything. Returns
/// how many there were, or `None` where they can't be read.
pub(crate) fn salvage(from: &Path, into: &Connection) -> Option<usize> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(from, flags).ok()?;
    // An older database has no such table.
    if !beside::was_changed(&from, COUNTER).ok()? {
        return Some(0);
    }
    let set = read(&from).ok()?;
    write(into, &set).ok()?;
    beside::count_change(into, COUNTER).ok()?;
    Some(set.rules.len())
}
