//! Where a topic's and a client's messages are, without an index that is written row by row.
//!
//! Ids are cut into segments of [`SEGMENT`]. Of a segment that is full, a table holds one compressed list of ids for each
//! topic and each client in it, appended in one pass ([`seal`]). Of what came since, memory holds the topic and the client
//! of each message ([`Tail`]), a few megabytes that a start reads again. [`Postings`] looks into both.

mod list;
mod lookup;
mod seal;
mod tail;

pub(crate) use lookup::{Owner, Postings, TopicSet, segment_of, segments};
pub(crate) use seal::{remove_from_list, seal};
pub(crate) use tail::{Entry, Tail};

/// Ids that one segment sums up. Part of the file's format; tests make do with fewer, so that they cross more bounds.
pub(crate) const SEGMENT: i64 = if cfg!(test) { 1 << 12 } else { 1 << 18 };
