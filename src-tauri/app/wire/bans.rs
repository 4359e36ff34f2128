use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a ban looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case")]
pub enum BanKind {
    /// The client identifier.
    Client,
    /// The user name that is given, whether its password is right or not.
    User,
    /// An address, or all of a network.
    Address,
}

/// Somebody who is kept out.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct BanRow {
    pub number: u32,
    pub kind: BanKind,
    /// The identifier, the name, `192.168.1.7` or `192.168.1.0/24`.
    pub who: String,
    pub since: f64,
    /// Null is for good.
    pub until: Option<f64>,
    /// Why, for whoever looks at the list; may be empty.
    pub note: String,
}

/// The bans that hold, the newest first.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct BanRows {
    /// Rows that the query has.
    pub total: u32,
    pub all: u32,
    pub first: u32,
    pub rows: Vec<BanRow>,
}

/// A ban as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BanDraft {
    pub kind: BanKind,
    pub who: String,
    /// From now on; null is for good.
    pub seconds: Option<u32>,
    pub note: String,
}

/// Whom a ban would turn out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct BanImpact {
    /// Why it can't be: the text is no address, say.
    pub error: Option<String>,
    /// Clients that are connected, and those of them that it means.
    pub connected: u32,
    pub clients: u32,
    /// Some of them.
    pub named: Vec<String>,
    /// It means programs on this computer, and with them this window acting as a client.
    pub this_computer: bool,
}
