use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    ClientQuery, ClientRows, LogQuery, LogRows, Overview, PublisherView, Status, TopicQuery, TopicRows, Traffic,
    TrafficRange, Vitals,
};

/// What views ask for again and again. What they ask for at the same moment comes as one message, since each message
/// between the window's two processes costs about a millisecond, whatever it says.
#[derive(Clone, Debug, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "look", rename_all = "snake_case")]
pub enum Look {
    Status,
    Vitals,
    Overview,
    Traffic {
        range: TrafficRange,
    },
    TopicRows {
        query: TopicQuery,
    },
    ClientRows {
        query: ClientQuery,
    },
    LogRows {
        query: LogQuery,
    },
    Publisher {
        /// The newest id of the inbox that the window has.
        after: u64,
    },
}

/// The answer to the [`Look`] of the same name.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Seen {
    Status(Status),
    Vitals(Vitals),
    Overview(Overview),
    Traffic(Traffic),
    TopicRows(TopicRows),
    ClientRows(ClientRows),
    LogRows(LogRows),
    Publisher(PublisherView),
}
