//! Snapshots for the window, from the broker and the journal. Nothing here knows Tauri, and nothing changes anything.
//!
//! All of it may block on the disk for a moment: commands call it off the async threads.

pub mod accounts;
pub mod bans;
pub mod clients;
pub mod denials;
pub mod events;
pub mod gaps;
pub mod histogram;
pub mod keeping;
pub mod listeners;
pub mod logs;
pub mod messages;
pub mod overview;
pub mod past;
pub mod payload;
pub mod queue;
pub mod retained;
pub mod rules;
pub mod series;
pub mod topics;

mod text_or_filter;

pub use text_or_filter::{TextOrFilter, contains};

use nightjar_broker::Timestamp;

/// A moment as the window knows it: milliseconds since 1970.
pub fn millis(moment: Timestamp) -> f64 {
    moment.micros() as f64 / 1_000.0
}

/// The moment that the window means.
pub fn timestamp(millis: f64) -> Timestamp {
    // Saturates where the number is no moment at all.
    Timestamp::from_micros((millis * 1_000.0).round() as i64)
}

/// A count as the window knows it.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
