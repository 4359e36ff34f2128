use serde::Serialize;
use ts_rs::TS;

/// Who has a password.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct AccountRow {
    pub name: String,
    /// It lets nobody in.
    pub disabled: bool,
    /// When the password was set.
    pub changed: f64,
    /// How the password is kept: "argon2id".
    pub hash: String,
    /// How many are connected with it.
    pub clients: u32,
}

/// A part of the accounts, by name.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct AccountRows {
    /// Rows that the query has.
    pub total: u32,
    pub all: u32,
    pub first: u32,
    pub rows: Vec<AccountRow>,
}

/// What became of a password file.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct AccountImport {
    pub added: u32,
    /// Those that were there already, which stay as they are; some of their names.
    pub kept: u32,
    pub kept_names: Vec<String>,
}

/// What is wrong with an account that was to be made, by field; it was made where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct AccountErrors {
    pub name: Option<String>,
    pub password: Option<String>,
}
