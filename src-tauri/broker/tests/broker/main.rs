//! The broker as its clients see it, over pipes in memory, with virtual time.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should panic")]

mod bans;
mod delivery;
mod handshake;
mod lasting;
mod listeners;
mod logins;
#[path = "../peer/mod.rs"]
mod peer;
mod purging;
mod reasons;
mod retained;
mod rules;
mod sessions;
mod shared;
mod takeover;
mod terms;
mod topic_aliases;
mod turns;
mod web_socket;
mod wills;
