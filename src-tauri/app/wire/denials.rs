use serde::Serialize;
use ts_rs::TS;

use super::RuleDraft;

/// What clients wanted and did not get, the last first.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct DenialRows {
    pub total: u32,
    pub first: u32,
    pub rows: Vec<DenialRow>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct DenialRow {
    /// It stays the same while the same is denied to the same client again.
    pub key: String,
    /// Empty where it gave none.
    pub client: String,
    /// The account that it was let in with, or wanted to be.
    pub user: Option<String>,
    /// Where it last came from.
    pub address: Option<String>,
    pub operation: DenialOperation,
    /// Empty for a connection.
    pub topic: String,
    /// The rule that decided.
    pub rule: Option<u32>,
    pub why: String,
    /// What would allow it.
    pub remedy: Option<Remedy>,
    pub count: u64,
    pub first: f64,
    pub last: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum DenialOperation {
    Connect,
    Publish,
    Subscribe,
    /// To leave a Will Message.
    Will,
}

/// What would allow something that was denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remedy {
    Rule {
        rule: RuleDraft,
    },
    /// An account of that name, which there is not.
    Account {
        name: String,
    },
    /// Another password for the account.
    Password {
        name: String,
    },
    /// The account is disabled.
    Enable {
        name: String,
    },
}
