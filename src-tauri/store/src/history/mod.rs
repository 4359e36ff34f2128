//! Reading what was written: single messages, those of a topic, searches, events.

mod blocks;
mod contains;
mod events;
mod found;
mod gaps;
mod histogram;
mod message;
mod past;
mod search;
mod series;
mod time_travel;
mod topic;
mod walk;

pub use events::StoredEvent;
pub use gaps::Gap;
pub use message::{MessageId, StoredMessage};
pub use past::{Ending, Past, PastHandle, PastMessage, PastProgress};
pub use search::{Order, Search, SearchHandle, SearchProgress};
pub use series::{SeriesHandle, SeriesPoint, SeriesProgress, SeriesQuery};
pub use topic::TopicMessages;

pub(crate) use message::{beginning, read_message};
pub(crate) use time_travel::{read_all, retained_at};
pub(crate) use walk::{Stop, Visitor, Walk};
