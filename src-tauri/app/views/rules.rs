//! The rules as a list, a change of them, and what it would take from whom.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use nightjar_broker::{
    AccountName, Broker, Decided, Effect, Operation, Operations, Question, Rule, RuleFilter, RuleNumber, RulePreview,
    RuleSet, RuleSetError, RuleSubject,
};
use nightjar_server::Acl;
use nightjar_store::{Search, Store};

use super::{contains, count};
use crate::wire::{
    self, Fault, ListQuery, RuleChange, RuleDecided, RuleDraft, RuleImpact, RuleLoss, RuleOperation, RuleOperations,
    RuleQuestion, RuleRow, RuleRows, RuleVerdict,
};

/// Rows of one answer, whatever was asked for.
const MOST_ROWS: usize = 500;
/// Messages of the history, the newest first, that tell who has published what of late; and how long they are waited for.
const LATELY: usize = 2_000;
const LATELY_WITHIN: Duration = Duration::from_millis(300);
/// Clients that are looked at, and those that are named.
const MOST_CLIENTS: usize = 5_000;
const NAMED: usize = 5;
/// Topics and filters that are named of a client.
const NAMED_TOPICS: usize = 20;

pub fn rows(rules: &RuleSet, query: &ListQuery) -> RuleRows {
    let text = query.filter.to_lowercase();
    let found: Vec<&Rule> = rules
        .rules
        .iter()
        .filter(|rule| contains(rule.filter.as_str(), &text) || contains(&rule.subject.to_string(), &text))
        .collect();
    RuleRows {
        total: count(found.len()),
        all: count(rules.rules.len()),
        otherwise_allows: rules.otherwise.allows(),
        first: query.first,
        rows: found
            .into_iter()
            .skip(query.first as usize)
            .take((query.count as usize).min(MOST_ROWS))
            .map(row)
            .collect(),
    }
}

fn row(rule: &Rule) -> RuleRow {
    RuleRow {
        number: rule.number.0,
        subject: subject(&rule.subject),
        operations: match rule.operations {
            Operations::Publish => RuleOperations::Publish,
            Operations::Subscribe => RuleOperations::Subscribe,
            Operations::Both => RuleOperations::Both,
        },
        filter: rule.filter.as_str().to_owned(),
        allow: rule.effect.allows(),
    }
}

fn subject(subject: &RuleSubject) -> wire::RuleSubject {
    match subject {
        RuleSubject::Everybody => wire::RuleSubject::Everybody,
        RuleSubject::Nameless => wire::RuleSubject::Nameless,
        RuleSubject::Account(name) => wire::RuleSubject::Account { name: name.to_string() },
    }
}

/// A change that the window asks for, with its texts read.
#[derive(Clone, Debug)]
pub struct Change(Parsed);

#[derive(Clone, Debug)]
enum Parsed {
    Put { number: Option<RuleNumber>, before: Option<RuleNumber>, rule: Texts },
    Remove(RuleNumber),
    Move { number: RuleNumber, before: Option<RuleNumber> },
    Otherwise(Effect),
    Import(Acl),
}

#[derive(Clone, Debug)]
struct Texts {
    subject: RuleSubject,
    operations: Operations,
    filter: RuleFilter,
    effect: Effect,
}

impl Change {
    /// Blocks on the disk where there is a file to read.
    ///
    /// # Errors
    /// Where the filter or the account's name is none, or the file can't be used.
    pub fn new(change: RuleChange) -> Result<Self, Fault> {
        Ok(Self(match change {
            RuleChange::Put { rule: RuleDraft { number, before, subject, operations, filter, allow } } => Parsed::Put {
                number: number.map(RuleNumber),
                before: before.map(RuleNumber),
                rule: Texts {
                    subject: parsed_subject(subject)?,
                    operations: match operations {
                        RuleOperations::Publish => Operations::Publish,
                        RuleOperations::Subscribe => Operations::Subscribe,
                        RuleOperations::Both => Operations::Both,
                    },
                    filter: RuleFilter::new(&filter).map_err(|error| {
                        let what = format!("The rule can't be for {filter:?}");
                        Fault::new(what, error, "Correct it: + stands for one level, # at the end for all that follow")
                    })?,
                    effect: effect(allow),
                },
            },
            RuleChange::Remove { number } => Parsed::Remove(RuleNumber(number)),
            RuleChange::Move { number, before } => {
                Parsed::Move { number: RuleNumber(number), before: before.map(RuleNumber) }
            }
            RuleChange::Otherwise { allow } => Parsed::Otherwise(effect(allow)),
            RuleChange::Import { file } => {
                let acl = Acl::open(Path::new(&file));
                Parsed::Import(acl.map_err(|error| Fault::of_foreign_file("The rules were not imported", &error))?)
            }
        }))
    }

    /// # Errors
    /// Where a rule that it names is not there any more, or there are too many.
    pub fn apply(self, rules: &mut RuleSet) -> Result<(), RuleSetError> {
        match self.0 {
            Parsed::Put { number: None, before, rule: Texts { subject, operations, filter, effect } } => {
                rules.add(subject, operations, filter, effect, before).map(drop)
            }
            Parsed::Put { number: Some(number), rule: Texts { subject, operations, filter, effect }, .. } => {
                let place = rules.rules.iter_mut().find(|rule| rule.number == number);
                *place.ok_or(RuleSetError::NoSuchRule(number))? = Rule { number, subject, operations, filter, effect };
                Ok(())
            }
            Parsed::Remove(number) => rules.remove(number).map(drop),
            Parsed::Move { number, before } => rules.place_before(number, before),
            Parsed::Otherwise(effect) => {
                rules.otherwise = effect;
                Ok(())
            }
            Parsed::Import(acl) => acl.replace(rules),
        }
    }
}

const fn effect(allow: bool) -> Effect {
    if allow { Effect::Allow } else { Effect::Deny }
}

fn parsed_subject(subject: wire::RuleSubject) -> Result<RuleSubject, Fault> {
    Ok(match subject {
        wire::RuleSubject::Everybody => RuleSubject::Everybody,
        wire::RuleSubject::Nameless => RuleSubject::Nameless,
        wire::RuleSubject::Account { name } => RuleSubject::Account(AccountName::new(&name).map_err(|error| {
            Fault::new(format!("{name:?} can't be the name of an account"), error, "Write the name of an account")
        })?),
    })
}

/// Whether the rules in force let somebody do something.
pub fn verdict(broker: &Broker, question: &RuleQuestion) -> RuleVerdict {
    let explanation = broker.explain(&Question {
        client: &question.client,
        user: question.user.as_deref(),
        operation: match question.operation {
            RuleOperation::Publish => Operation::Publish,
            RuleOperation::Subscribe => Operation::Subscribe,
        },
        topic: &question.topic,
    });
    let (decided, rule) = match explanation.decided {
        Decided::NoRules => (RuleDecided::NoRules, None),
        Decided::Rule(rule) => (RuleDecided::Rule, Some(row(&rule))),
        Decided::Otherwise => (RuleDecided::Otherwise, None),
        Decided::BrokersOwn => (RuleDecided::BrokersOwn, None),
    };
    RuleVerdict {
        allowed: explanation.allowed,
        decided,
        rule,
        passed_over: explanation.passed_over.into_iter().map(|number| number.0).collect(),
    }
}

/// Who that is connected would lose what they use, under other rules. Blocks on the disk for a moment.
pub fn impact(broker: &Broker, store: &Store, then: RuleSet) -> RuleImpact {
    let everybody = then.locks_everybody_out() && !broker.rules().locks_everybody_out();
    let (now, then) = (RulePreview::new(broker.rules()), RulePreview::new(then));
    let published = lately(store);
    let mut losing = 0;
    let mut clients = Vec::new();
    for info in broker.clients().into_iter().filter(|info| info.connected).take(MOST_CLIENTS) {
        let client = &*info.identifier;
        let user = info.account.as_deref();
        let loses = |operation, topic: &str| {
            let question = Question { client, user, operation, topic };
            now.explain(&question).allowed && !then.explain(&question).allowed
        };
        let publish: Vec<_> = published
            .get(client)
            .into_iter()
            .flatten()
            .filter(|topic| loses(Operation::Publish, topic))
            .take(NAMED_TOPICS)
            .cloned()
            .collect();
        let subscribe: Vec<_> = broker
            .subscriptions(client)
            .unwrap_or_default()
            .into_iter()
            .map(|(filter, _)| filter)
            .filter(|filter| loses(Operation::Subscribe, filter.shared().map_or(filter, |(_, filter)| filter)))
            .take(NAMED_TOPICS)
            .map(|filter| filter.to_string())
            .collect();
        if publish.is_empty() && subscribe.is_empty() {
            continue;
        }
        losing += 1;
        if clients.len() < NAMED {
            clients.push(RuleLoss { client: client.to_owned(), publish, subscribe });
        }
    }
    RuleImpact { everybody, losing: count(losing), clients }
}

/// What each client has published of late, each topic once.
fn lately(store: &Store) -> HashMap<String, Vec<String>> {
    let mut topics: HashMap<String, Vec<String>> = HashMap::new();
    // Where the history can't be read, only subscriptions tell.
    let Ok(search) = store.search(Search::default()) else { return topics };
    search.wait(LATELY_WITHIN);
    let mut seen = HashSet::new();
    for message in search.rows(0, LATELY, 0).unwrap_or_default() {
        let (client, topic) = (message.publisher.to_string(), message.topic.to_string());
        if seen.insert((client.clone(), topic.clone())) {
            topics.entry(client).or_default().push(topic);
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(number: Option<u32>, before: Option<u32>, filter: &str, allow: bool) -> RuleChange {
        let (subject, operations) = (wire::RuleSubject::Everybody, RuleOperations::Both);
        RuleChange::Put { rule: RuleDraft { number, before, subject, operations, filter: filter.to_owned(), allow } }
    }

    fn apply(rules: &mut RuleSet, change: RuleChange) -> Result<(), RuleSetError> {
        Change::new(change).unwrap().apply(rules)
    }

    fn shown(rules: &RuleSet) -> Vec<(u32, String)> {
        let query = ListQuery { filter: String::new(), first: 0, count: 10 };
        rows(rules, &query).rows.into_iter().map(|row| (row.number, row.filter)).collect()
    }

    #[test]
    fn changes_do_what_the_window_asks_for() {
        let mut rules = RuleSet::default();
        apply(&mut rules, put(None, None, "a/#", true)).unwrap();
        apply(&mut rules, put(None, Some(1), "b/%u", false)).unwrap();
        assert_eq!(shown(&rules), [(2, "b/%u".to_owned()), (1, "a/#".to_owned())]);
        apply(&mut rules, put(Some(1), None, "c", false)).unwrap();
        assert_eq!(shown(&rules)[1], (1, "c".to_owned()), "it keeps its number and its place");
        apply(&mut rules, RuleChange::Move { number: 2, before: None }).unwrap();
        assert_eq!(shown(&rules)[0].0, 1);
        apply(&mut rules, RuleChange::Otherwise { allow: false }).unwrap();
        assert!(!rows(&rules, &ListQuery { filter: String::new(), first: 0, count: 0 }).otherwise_allows);
        apply(&mut rules, RuleChange::Remove { number: 1 }).unwrap();
        assert_eq!(shown(&rules).len(), 1);
        let gone = RuleNumber(1);
        assert_eq!(apply(&mut rules, RuleChange::Remove { number: 1 }), Err(RuleSetError::NoSuchRule(gone)));
        assert_eq!(apply(&mut rules, put(Some(1), None, "d", true)), Err(RuleSetError::NoSuchRule(gone)));
    }

    #[test]
    fn what_is_no_rule_is_said() {
        let fault = Change::new(put(None, None, "a#", true)).unwrap_err();
        assert!(fault.what.contains("a#") && fault.action.contains('#'), "{fault:?}");
        let account = wire::RuleSubject::Account { name: "a:b".to_owned() };
        let rule = RuleDraft {
            number: None,
            before: None,
            subject: account,
            operations: RuleOperations::Publish,
            filter: "a".to_owned(),
            allow: true,
        };
        assert!(Change::new(RuleChange::Put { rule }).unwrap_err().what.contains("a:b"));
    }

    #[test]
    fn a_filter_finds_accounts_and_topics() {
        let mut rules = RuleSet::default();
        apply(&mut rules, put(None, None, "home/Hall", true)).unwrap();
        apply(&mut rules, put(None, None, "x", true)).unwrap();
        let of = |filter: &str| rows(&rules, &ListQuery { filter: filter.to_owned(), first: 0, count: 10 });
        assert_eq!((of("hall").total, of("hall").all), (1, 2));
        assert_eq!(of("everybody").total, 2);
        assert_eq!(of("nothing").total, 0);
    }
}
