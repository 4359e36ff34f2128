//! The broker: connections, sessions, routing, access. It knows no SQL and no window.

mod client_identifier;
mod event;
mod journal;
mod message;
mod timestamp;

pub use client_identifier::ClientIdentifier;
pub use event::{Event, EventKind};
pub use journal::{Forgetful, Journal, Progress, Record, Sequence};
pub use message::Message;
pub use timestamp::Timestamp;
