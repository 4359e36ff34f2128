//! A rule, and the list of them.

use std::borrow::Cow;
use std::fmt;

use nightjar_mqtt::{InvalidTopic, TopicFilter};

use super::Who;
use crate::AccountName;

/// The number that a rule keeps, wherever it moves in the list; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleNumber(pub u32);

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub number: RuleNumber,
    pub subject: RuleSubject,
    pub operations: Operations,
    pub filter: RuleFilter,
    pub effect: Effect,
}

/// Whom a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSubject {
    /// Every client, with an account or without.
    Everybody,
    /// Clients without an account.
    Nameless,
    Account(AccountName),
}

/// What a client does with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    Publish,
    /// Subscribe, and read what comes of it.
    Subscribe,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operations {
    Publish,
    Subscribe,
    Both,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    #[default]
    Allow,
    Deny,
}

/// A Topic Filter in which `%u` stands for the user name and `%c` for the client identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFilter {
    filter: TopicFilter,
    has_placeholder: bool,
}

/// A text that can't be the filter of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRuleFilter {
    #[error(transparent)]
    Topic(#[from] InvalidTopic),
    #[error("a rule is for the filter behind the share's name: leave out $share and the name")]
    Shared,
}

/// The rules in their order, and what holds where none matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    pub rules: Vec<Rule>,
    pub otherwise: Effect,
    /// The number of the next rule, which is above all that were ever given.
    pub next: u32,
}

/// Why a list of rules can't be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleSetError {
    #[error("there are {} rules already, which is the most that there can be", RuleSet::MOST)]
    TooMany,
    #[error("there is no rule {0}")]
    NoSuchRule(RuleNumber),
}

impl Operations {
    pub const fn include(self, operation: Operation) -> bool {
        matches!(
            (self, operation),
            (Self::Both, _) | (Self::Publish, Operation::Publish) | (Self::Subscribe, Operation::Subscribe)
        )
    }

    /// The word for it in lists, files and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Both => "both",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Publish, Self::Subscribe, Self::Both].into_iter().find(|operations| operations.name() == name)
    }
}

impl Effect {
    pub const fn allows(self) -> bool {
        matches!(self, Self::Allow)
    }

    /// The word for it in lists, files and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Allow, Self::Deny].into_iter().find(|effect| effect.name() == name)
    }
}

impl RuleFilter {
    /// # Errors
    /// Where it is no Topic Filter, or one of a Shared Subscription.
    pub fn new(text: &str) -> Result<Self, InvalidRuleFilter> {
        let filter = TopicFilter::new(text.to_owned())?;
        if filter.shared().is_some() {
            return Err(InvalidRuleFilter::Shared);
        }
        let has_placeholder = text.contains("%u") || text.contains("%c");
        Ok(Self { filter, has_placeholder })
    }

    pub fn as_str(&self) -> &str {
        &self.filter
    }

    pub const fn has_placeholder(&self) -> bool {
        self.has_placeholder
    }

    /// The Topic Filter that it is for a client, in a rule of that effect; `None` where it matches nothing of theirs.
    pub(super) fn filled(&self, who: &Who, effect: Effect) -> Option<Cow<'_, str>> {
        let mut rest = self.as_str();
        if !self.has_placeholder {
            return Some(rest.into());
        }
        let mut filled = String::with_capacity(rest.len() + 32);
        // In one pass: a user whose name is "%c" stays one.
        while let Some((before, behind)) = rest.split_once('%') {
            filled.push_str(before);
            let name = match behind.chars().next() {
                Some('u') => who.user.as_deref()?,
                Some('c') => &who.client,
                _ => {
                    filled.push('%');
                    rest = behind;
                    continue;
                }
            };
            if !fits(name, effect) {
                return None;
            }
            filled.push_str(name);
            rest = &behind[1..];
        }
        filled.push_str(rest);
        Some(filled.into())
    }
}

/// Whether a name may take the place of a placeholder. A topic has no wildcards, so that a name with one has no topics of
/// its own; and what lies below another's name is not what an allowing rule meant.
fn fits(name: &str, effect: Effect) -> bool {
    let is_literal = !name.is_empty() && !name.contains(['+', '#']);
    is_literal && (!effect.allows() || !(name.contains('/') || name.starts_with('$')))
}

impl RuleSet {
    /// Rules in one set.
    pub const MOST: usize = 10_000;

    /// Whether it allows everything, as if there were no rules.
    pub fn is_open(&self) -> bool {
        self.rules.is_empty() && self.otherwise.allows()
    }

    /// Whether nobody may do anything, and not only some.
    pub fn locks_everybody_out(&self) -> bool {
        let allows = |rule: &&Rule| rule.effect.allows();
        let denies_all = |rule: &&Rule| {
            rule.subject == RuleSubject::Everybody
                && rule.operations == Operations::Both
                && !rule.effect.allows()
                && rule.filter.as_str() == "#"
        };
        match self.rules.iter().find(|rule| allows(rule) || denies_all(rule)) {
            Some(rule) => !rule.effect.allows(),
            None => !self.otherwise.allows(),
        }
    }

    /// Adds a rule with the next number: before another, or at the end.
    ///
    /// # Errors
    /// Where there are too many, or the other is not there.
    pub fn add(
        &mut self,
        subject: RuleSubject,
        operations: Operations,
        filter: RuleFilter,
        effect: Effect,
        before: Option<RuleNumber>,
    ) -> Result<RuleNumber, RuleSetError> {
        if self.rules.len() >= Self::MOST {
            return Err(RuleSetError::TooMany);
        }
        let place = match before {
            Some(before) => self.place_of(before)?,
            None => self.rules.len(),
        };
        let number = RuleNumber(self.next.max(1));
        self.next = number.0.saturating_add(1);
        self.rules.insert(place, Rule { number, subject, operations, filter, effect });
        Ok(number)
    }

    /// Moves a rule before another, or to the end.
    ///
    /// # Errors
    /// Where one of them is not there.
    pub fn place_before(&mut self, number: RuleNumber, before: Option<RuleNumber>) -> Result<(), RuleSetError> {
        if before == Some(number) {
            return self.place_of(number).map(drop);
        }
        if let Some(before) = before {
            self.place_of(before)?;
        }
        let rule = self.remove(number)?;
        let place = before.map_or(Ok(self.rules.len()), |before| self.place_of(before))?;
        self.rules.insert(place, rule);
        Ok(())
    }

    /// Takes a rule out.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn remove(&mut self, number: RuleNumber) -> Result<Rule, RuleSetError> {
        let place = self.place_of(number)?;
        Ok(self.rules.remove(place))
    }

    fn place_of(&self, number: RuleNumber) -> Result<usize, RuleSetError> {
        self.rules.iter().position(|rule| rule.number == number).ok_or(RuleSetError::NoSuchRule(number))
    }
}

impl fmt::Display for RuleNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for RuleSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => formatter.write_str("everybody"),
            Self::Nameless => formatter.write_str("who has no account"),
            Self::Account(name) => write!(formatter, "account {name}"),
        }
    }
}

impl fmt::Display for Rule {
    /// "3: deny publish alarm/# for everybody".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, subject, operations, filter, effect } = self;
        let operations = match operations {
            Operations::Both => "publish and subscribe",
            one => one.name(),
        };
        write!(formatter, "{number}: {} {operations} {} for {subject}", effect.name(), filter.as_str())
    }
}
