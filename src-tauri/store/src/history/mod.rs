//! Reading what was written: single messages, those of a topic, searches, events.

mod blocks;
mod contains;
mod events;
mod found;
mod gaps;
mod histogram;
mod message;
mod search;
mod series;
mod topic;
mod walk;

pub use events::StoredEvent;
pub use gaps::Gap;
pub use message::{MessageId, StoredMessage};
pub use search::{Order, Search, SearchHandle, SearchProgress};
pub use series::{SeriesHandle, SeriesPoint, SeriesProgress, SeriesQuery};
pub use topic::TopicMessages;

pub(crate) use message::{beginning, read_message};
