use serde::Serialize;
use ts_rs::TS;

/// Who has a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct AccountRow {
    pub name: String,
    /// It lets nobody in.
    pub disabled: bool,
}

/// What is wrong with an account that was to be made, by field; it was made where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct AccountErrors {
    pub name: Option<String>,
    pub password: Option<String>,
}
