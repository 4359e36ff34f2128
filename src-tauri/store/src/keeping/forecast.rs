//! What rules would let go of, before they do: close to the truth where that is cheap to know, and said to be unknown where
//! it is not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nightjar_mqtt::TopicName;
use rusqlite::Connection;

use super::cuts::{beyond_bytes, older_than, pages};
use super::{Bounds, Keep, Keeping};
use crate::postings::{Owner, segments};
use crate::store::Shared;
use crate::{ReadError, Store};

/// Topics of a rule up to which those of their messages that are too old are counted rather than estimated.
const COUNTED: usize = 64;
/// How long payloads are added up, for all rules together.
const PATIENCE: Duration = Duration::from_millis(250);

/// What rules would let go of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// One for each rule, in their order; the last one is for the topics that no rule matches.
    pub rules: Vec<RuleForecast>,
    /// Messages that would go, beyond what the rules let go of, for the file to stay below its bound.
    pub beyond_file: u64,
}

/// What one rule would let go of. Retained messages are counted, too, although they stay retained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleForecast {
    /// Topics that it is for: those that no rule above it matches.
    pub topics: u64,
    /// Their messages in the history.
    pub messages: u64,
    /// Those of them that would go.
    pub lost: u64,
    /// More may go, for their bytes are too many to be added up.
    pub maybe_more: bool,
}

impl Store {
    /// What these rules would let go of now.
    pub fn forecast(&self, keeping: &Keeping) -> Result<Forecast, ReadError> {
        let reader = self.shared.readers.reader()?;
        let mut by_rule: Vec<Vec<(i64, u64)>> = vec![Vec::new(); keeping.rules.len() + 1];
        for (topic, name, messages) in topics(&self.shared, &reader)? {
            if let Ok(name) = TopicName::new(name) {
                by_rule[keeping.rule_of(&name)].push((topic, messages));
            }
        }
        let until = Instant::now() + PATIENCE;
        let rules = by_rule.iter().enumerate().map(|(rule, topics)| {
            let messages = topics.iter().map(|(_, messages)| messages).sum();
            let (lost, maybe_more) = match keeping.keep(rule) {
                Keep::Nothing => (messages, false),
                Keep::Within(bounds) => lost(&self.shared, &reader, bounds, topics, until)?,
            };
            Ok(RuleForecast { topics: topics.len() as u64, messages, lost: lost.min(messages), maybe_more })
        });
        let rules: Vec<RuleForecast> = rules.collect::<rusqlite::Result<_>>()?;
        let (used, _) = pages(&reader)?;
        let all: u64 = rules.iter().map(|rule| rule.messages).sum();
        let left = all - rules.iter().map(|rule| rule.lost).sum::<u64>();
        // As if all were of one size.
        let bytes_left = share(used, left, all);
        let beyond = keeping.file.map_or(0, |bound| bytes_left.saturating_sub(bound));
        Ok(Forecast { rules, beyond_file: share(left, beyond, bytes_left) })
    }
}

/// The topics and how many messages each has: what was counted, and what came since.
fn topics(shared: &Shared, reader: &Connection) -> rusqlite::Result<Vec<(i64, String, u64)>> {
    // One statement sees one state: the writer may count what came since in the meantime.
    let mut select = reader.prepare_cached(
        "SELECT id, name, messages, (SELECT value FROM meta WHERE name = 'counted_through') FROM topic",
    )?;
    let rows = select.query_map((), |row| row.try_into())?;
    let topics: Vec<(i64, String, u64, Option<i64>)> = rows.collect::<rusqlite::Result<_>>()?;
    let counted = topics.first().and_then(|&(.., counted)| counted);
    let (first, last) = shared.extent();
    let mut since: HashMap<i64, u64> = HashMap::new();
    for window in segments(&(first.max(counted.unwrap_or(0) + 1)..=last)) {
        shared.postings(reader).each_topic(&window, |topic, count| *since.entry(topic).or_default() += count)?;
    }
    let topics = topics.into_iter().map(|(id, name, messages, _)| {
        let messages = messages + since.get(&id).copied().unwrap_or(0);
        (id, name, messages)
    });
    Ok(topics.filter(|&(.., messages)| messages > 0).collect())
}

/// How many messages of the topics are beyond the bounds, and whether there may be more.
fn lost(
    shared: &Shared,
    reader: &Connection,
    bounds: Bounds,
    topics: &[(i64, u64)],
    until: Instant,
) -> rusqlite::Result<(u64, bool)> {
    let mut maybe_more = false;
    let mut through = 0;
    if let Some(age) = bounds.age {
        through = older_than(shared, reader, age)?;
    }
    if let Some(bytes) = bounds.bytes {
        let numbers: Vec<i64> = topics.iter().map(|&(topic, _)| topic).collect();
        match beyond_bytes(shared, &numbers, bytes, Some(until))? {
            Some(beyond) => through = through.max(beyond),
            None => maybe_more = true,
        }
    }
    let (first, last) = shared.extent();
    let passed = u64::try_from(through.min(last) - first + 1).unwrap_or(0);
    let all = u64::try_from(last - first + 1).unwrap_or(0);
    let mut lost = 0;
    for &(topic, messages) in topics {
        let old = if passed == 0 {
            0
        } else if topics.len() <= COUNTED {
            shared.postings(reader).count(Owner::Topic(topic), first..=through.min(last))?
        } else {
            share(messages, passed, all)
        };
        let too_many = bounds.messages.map_or(0, |most| messages.saturating_sub(most));
        // Each bound lets the oldest go.
        lost += old.max(too_many);
    }
    Ok((lost, maybe_more))
}

/// `part` of `whole` parts of a number.
fn share(number: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    u64::try_from(u128::from(number) * u128::from(part) / u128::from(whole)).unwrap_or(u64::MAX)
}
