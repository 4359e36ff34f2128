//! What the rules say of one thing that a client does, and which of them says it.

use super::{Operation, Rule, RuleNumber};

/// Which line of the list decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Decider {
    Rule(RuleNumber),
    Otherwise,
}

/// Something that a client might do.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    pub client: &'q str,
    /// The account that it is let in with; `None` for a client without one.
    pub user: Option<&'q str>,
    pub operation: Operation,
    /// A Topic Name; where it is to subscribe, also a Topic Filter, without a share's name.
    pub topic: &'q str,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub allowed: bool,
    pub decided: Decided,
    /// Rules above the one that decided whose `%u` or `%c` nothing fills here: the name is missing, or has characters that
    /// would let it widen the rule.
    pub passed_over: Vec<RuleNumber>,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// There are no rules.
    NoRules,
    /// The first rule that matches. Of a subscription with wildcards, the first that allows a part of it: only what rules
    /// allow is delivered.
    Rule(Rule),
    /// No rule matches.
    Otherwise,
    /// The topic is the broker's own: no client publishes there.
    BrokersOwn,
}

impl std::fmt::Display for Decider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule(number) => write!(formatter, "rule {number} denies it"),
            Self::Otherwise => formatter.write_str("no rule allows it"),
        }
    }
}
