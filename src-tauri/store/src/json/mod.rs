//! Looking into payloads that are JSON: a path to a value, and a condition on it. Only what the path leads to is read;
//! the rest of a payload is passed over without being built.

mod condition;
mod parse;
mod path;
mod walk;

pub use condition::JsonCondition;
pub use parse::JsonPathError;
pub use path::JsonPath;
