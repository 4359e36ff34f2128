//! Every type that crosses to the window. Written once, here; the TypeScript in `ui/src/host/types/` is generated from
//! it by `cargo test` (ts-rs), committed, and checked against it.
//!
//! The window pulls: a view asks for what it shows, four times a second while it is visible, and gets a snapshot. So
//! there is never more than one answer on the way, nothing to resume after a gap, and nothing to close.
//!
//! Times are milliseconds since 1970-01-01 UTC, with three decimals where microseconds are known. Rates are per
//! second, averaged over two seconds. Sizes are bytes.

mod accounts;
mod authority;
mod bans;
mod certificate;
mod clients;
mod denials;
mod fault;
mod firewall;
mod history;
mod keeping;
mod listeners;
mod logs;
mod looks;
mod message;
mod overview;
mod past;
mod publisher;
mod queue;
mod retained;
mod rules;
mod status;
mod topics;

pub use accounts::*;
pub use authority::*;
pub use bans::*;
pub use certificate::*;
pub use clients::*;
pub use denials::*;
pub use fault::*;
pub use firewall::*;
pub use history::*;
pub use keeping::*;
pub use listeners::*;
pub use logs::*;
pub use looks::*;
pub use message::*;
pub use overview::*;
pub use past::*;
pub use publisher::*;
pub use queue::*;
pub use retained::*;
pub use rules::*;
pub use status::*;
pub use topics::*;
