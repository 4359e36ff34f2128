//! The rules, ready to be asked.

use std::collections::HashMap;

use super::pattern::{covers, overlap};
use super::{Decided, Decider, Effect, Explanation, Operation, Question, Rule, RuleSet, RuleSubject, Who};
use crate::{ClientIdentifier, handshake};

/// A list of rules with an index: whose rules they are. Asking allocates where a rule has a placeholder, and nothing else.
#[derive(Debug, Default)]
pub(crate) struct RuleEngine {
    set: RuleSet,
    /// Places in the list, ascending.
    everybody: Vec<usize>,
    nameless: Vec<usize>,
    accounts: HashMap<Box<str>, Vec<usize>>,
}

impl RuleEngine {
    pub(crate) fn new(set: RuleSet) -> Self {
        let mut engine = Self::default();
        for (place, rule) in set.rules.iter().enumerate() {
            match &rule.subject {
                RuleSubject::Everybody => engine.everybody.push(place),
                RuleSubject::Nameless => engine.nameless.push(place),
                RuleSubject::Account(name) => engine.accounts.entry((**name).into()).or_default().push(place),
            }
        }
        Self { set, ..engine }
    }

    pub(crate) const fn set(&self) -> &RuleSet {
        &self.set
    }

    /// Whether everybody may do everything.
    pub(crate) fn is_open(&self) -> bool {
        self.set.is_open()
    }

    /// What denies a client to publish to a topic; `None` where it may.
    pub(crate) fn denies_publish(&self, who: &Who, topic: &str) -> Option<Decider> {
        self.denial(self.decide(who, Operation::Publish, topic))
    }

    /// What denies a client to read a topic; `None` where it may.
    pub(crate) fn denies_read(&self, who: &Who, topic: &str) -> Option<Decider> {
        self.denial(self.decide(who, Operation::Subscribe, topic))
    }

    /// What denies a client all that a filter matches; `None` where it may read some of it, or where that is not sure: each
    /// message is looked at again. `filter` is without a share's name.
    pub(crate) fn denies_subscription(&self, who: &Who, filter: &str) -> Option<Decider> {
        self.denial(self.decide_filter(who, filter))
    }

    pub(crate) fn explain(&self, question: &Question<'_>) -> Explanation {
        let Question { client, user, operation, topic } = *question;
        if operation == Operation::Publish && handshake::is_reserved(topic) {
            return Explanation { allowed: false, decided: Decided::BrokersOwn, passed_over: Vec::new() };
        }
        let who = Who::new(ClientIdentifier::new(client), user.map(Into::into));
        let is_filter = operation == Operation::Subscribe && topic.contains(['+', '#']);
        let decided = if is_filter { self.decide_filter(&who, topic) } else { self.decide(&who, operation, topic) };
        let above = |rule: &&Rule| decided.is_none_or(|decided| decided.number != rule.number);
        let is_unfilled =
            |rule: &&Rule| rule.operations.include(operation) && rule.filter.filled(&who, rule.effect).is_none();
        let passed_over = self.applicable(&who).take_while(above).filter(is_unfilled).map(|rule| rule.number).collect();
        let allowed = decided.map_or(self.set.otherwise, |rule| rule.effect).allows();
        let decided = match decided {
            _ if self.is_open() => Decided::NoRules,
            Some(rule) => Decided::Rule(rule.clone()),
            None => Decided::Otherwise,
        };
        Explanation { allowed, decided, passed_over }
    }

    fn denial(&self, decided: Option<&Rule>) -> Option<Decider> {
        let effect = decided.map_or(self.set.otherwise, |rule| rule.effect);
        (effect == Effect::Deny).then(|| decided.map_or(Decider::Otherwise, |rule| Decider::Rule(rule.number)))
    }

    /// The first rule that matches a topic.
    fn decide(&self, who: &Who, operation: Operation, topic: &str) -> Option<&Rule> {
        self.applicable(who)
            .filter(|rule| rule.operations.include(operation))
            .find(|rule| rule.filter.filled(who, rule.effect).is_some_and(|filter| covers(&filter, topic)))
    }

    /// The first rule that allows a part of what a filter matches, or denies all of it.
    fn decide_filter(&self, who: &Who, wanted: &str) -> Option<&Rule> {
        self.applicable(who).filter(|rule| rule.operations.include(Operation::Subscribe)).find(|rule| {
            let compare = if rule.effect.allows() { overlap } else { covers };
            rule.filter.filled(who, rule.effect).is_some_and(|filter| compare(&filter, wanted))
        })
    }

    /// The rules that are for a client, in their order.
    fn applicable(&self, who: &Who) -> impl Iterator<Item = &Rule> {
        let own: &[usize] = match &who.user {
            None => &self.nameless,
            Some(user) => self.accounts.get(&**user).map_or(&[], Vec::as_slice),
        };
        let mut everybody = self.everybody.iter().peekable();
        let mut own = own.iter().peekable();
        std::iter::from_fn(move || {
            let place = match (everybody.peek(), own.peek()) {
                (Some(everybodys), Some(owns)) if owns < everybodys => own.next(),
                (None, _) => own.next(),
                (Some(_), _) => everybody.next(),
            };
            place.map(|&place| &self.set.rules[place])
        })
    }
}
