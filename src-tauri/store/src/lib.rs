//! The journal: every message, every event and the retained set, in SQLite. The only crate that knows SQL.
//!
//! Records go into a queue ([`Store`] implements the broker's `Journal`); one thread takes them out, commits them in
//! batches, and tells how far it is. Whoever reads has connections of their own, so that neither waits for the other.

mod accounts;
mod bans;
mod beside;
mod care;
mod checkpoint;
mod directory;
mod error;
mod history;
mod json;
mod keeping;
mod ledger;
mod message_rows;
mod moment;
mod names;
mod open;
mod options;
mod postings;
mod properties;
mod queue;
mod readers;
mod rules;
mod schema;
mod sessions;
mod statements;
mod store;
mod topics;
mod writer;

#[cfg(test)]
mod tests;

pub use accounts::{AccountBook, AccountsError};
pub use bans::{BanBook, BansError};
pub use beside::{BesideError, Watch};
pub use care::{Archive, CareError, ExportFormat, Imported, SqlValue};
pub use directory::SetAside;
pub use error::{OpenError, ReadError, Unkept};
pub use history::{
    Ending, Gap, MessageId, Order, Past, PastHandle, PastMessage, PastProgress, Search, SearchHandle, SearchProgress,
    SeriesHandle, SeriesPoint, SeriesProgress, SeriesQuery, StoredEvent, StoredMessage, TopicMessages,
};
pub use json::{JsonCondition, JsonPath, JsonPathError};
pub use keeping::{Bounds, Forecast, Keep, Keeping, KeepingRule, Pruning, RuleForecast};
pub use moment::{parse_time, precise as precise_time, utc as write_time};
pub use open::Kept;
pub use options::{Durability, OnOverload, Options, UnknownDurability, UnknownOnOverload};
pub use rules::{RuleBook, RulesError};
pub use store::{Opened, Statistics, Store};
pub use topics::{TopicRate, TopicRow, TopicRows, TopicSort, TopicState, TopicTreeQuery, Topics};
