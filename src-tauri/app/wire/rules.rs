use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A part of a list that Rust filters.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct ListQuery {
    /// Text that a row contains, whatever its case.
    pub filter: String,
    pub first: u32,
    pub count: u32,
}

/// Whom a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleSubject {
    Everybody,
    /// Clients without an account.
    Nameless,
    Account {
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum RuleOperations {
    Publish,
    Subscribe,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum RuleOperation {
    Publish,
    Subscribe,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct RuleRow {
    /// It keeps it wherever it moves.
    pub number: u32,
    pub subject: RuleSubject,
    pub operations: RuleOperations,
    /// A Topic Filter in which %u stands for the user name and %c for the client identifier.
    pub filter: String,
    /// Else it denies.
    pub allow: bool,
}

/// The rules from top to bottom: the first that matches decides.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct RuleRows {
    /// Rows that the query has.
    pub total: u32,
    pub all: u32,
    /// What holds where no rule matches.
    pub otherwise_allows: bool,
    pub first: u32,
    pub rows: Vec<RuleRow>,
}

/// A rule as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RuleDraft {
    /// The rule in whose place it is put; null for a new one.
    pub number: Option<u32>,
    /// The rule that a new one comes before; null for the end of the list.
    pub before: Option<u32>,
    pub subject: RuleSubject,
    pub operations: RuleOperations,
    pub filter: String,
    pub allow: bool,
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleChange {
    Put {
        rule: RuleDraft,
    },
    Remove {
        number: u32,
    },
    /// Before another, or to the end of the list.
    Move {
        number: u32,
        before: Option<u32>,
    },
    Otherwise {
        allow: bool,
    },
    /// The rules of an ACL file of mosquitto take the place of all; what none of them is for is denied then.
    Import {
        file: String,
    },
}

/// What a change of the rules would take away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct RuleImpact {
    /// Nobody could do anything any more.
    pub everybody: bool,
    /// Clients that are connected and would lose something that they use.
    pub losing: u32,
    /// Some of them.
    pub clients: Vec<RuleLoss>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct RuleLoss {
    pub client: String,
    /// Topics that it has published to of late.
    pub publish: Vec<String>,
    /// Filters that it subscribes to.
    pub subscribe: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
pub struct RuleQuestion {
    pub client: String,
    /// The account that it is let in with.
    pub user: Option<String>,
    pub operation: RuleOperation,
    pub topic: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum RuleDecided {
    NoRules,
    Rule,
    Otherwise,
    /// Nobody publishes to topics of the broker's own.
    BrokersOwn,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct RuleVerdict {
    pub allowed: bool,
    pub decided: RuleDecided,
    pub rule: Option<RuleRow>,
    /// Rules above that one whose %u or %c nothing fills here.
    pub passed_over: Vec<u32>,
}
