//! The retained set, from the broker itself.

use std::cmp::Ordering;
use std::sync::Arc;

use nightjar_broker::{Broker, Message};
use nightjar_mqtt::TopicName;
use nightjar_store::{ReadError, Store};

use super::payload::{DETAIL_BYTES, Glimpse};
use super::{TextOrFilter, count, messages};
use crate::wire::{MessageDetail, RetainedQuery, RetainedRows, RetainedSelection, RetainedSort};

/// Rows that a window can ask for at once.
const MOST_ROWS: u32 = 500;

/// The retained messages that a selection means, in the order of their topics.
pub fn selected(broker: &Broker, selection: &RetainedSelection) -> Vec<Arc<Message>> {
    match selection {
        RetainedSelection::Topics(topics) => {
            topics.iter().filter_map(|topic| broker.retained(&TopicName::new(&**topic).ok()?)).collect()
        }
        RetainedSelection::Filter(filter) => matching(broker, &TextOrFilter::new(filter)),
    }
}

/// The rows of a query.
///
/// # Errors
/// Where the history can't be read.
pub fn rows(broker: &Broker, store: &Store, query: &RetainedQuery) -> Result<RetainedRows, ReadError> {
    let mut all = matching(broker, &TextOrFilter::new(&query.filter));
    let order: fn(&Message, &Message) -> Ordering = match query.sort {
        RetainedSort::Topic => |_, _| Ordering::Equal,
        // The youngest first.
        RetainedSort::Age => |a, b| b.received.cmp(&a.received),
        RetainedSort::Size => |a, b| a.payload.len().cmp(&b.payload.len()),
        RetainedSort::Publisher => |a, b| a.publisher.cmp(&b.publisher),
    };
    // Stable: what is equal stays in the order of topics.
    all.sort_by(|a, b| order(a, b));
    if query.descending {
        all.reverse();
    }
    let shown = all.iter().skip(query.first as usize).take(query.count.min(MOST_ROWS) as usize);
    let ids = store.retained_ids(shown.clone().map(|message| &*message.topic))?;
    Ok(RetainedRows {
        total: count(all.len()),
        first: query.first,
        rows: shown.zip(ids).map(|(message, id)| messages::row_of_held(message, id)).collect(),
    })
}

/// A retained message from close by; `None` where the topic has none.
///
/// # Errors
/// Where the history can't be read.
pub fn detail(broker: &Broker, store: &Store, topic: &TopicName) -> Result<Option<MessageDetail>, ReadError> {
    let Some(message) = broker.retained(topic) else { return Ok(None) };
    let id = store.retained_ids([&**topic])?.into_iter().next().flatten();
    let (previous, matched) = match id {
        None => (None, None),
        Some(id) => (store.previous_on_topic(id, DETAIL_BYTES)?, store.message(id, 0)?.map(|stored| stored.matched)),
    };
    Ok(Some(MessageDetail {
        row: messages::row_of_held(&message, id),
        payload: Glimpse::whole(&message.payload).payload(),
        previous: previous.map(|previous| Glimpse { bytes: &previous.payload, size: previous.size }.payload()),
        properties: messages::properties(message.properties.as_deref()),
        matched,
        publisher_version: messages::version_of(broker, &message.publisher),
    }))
}

/// In the order of topics. Nobody can change the set while it is copied, so that it is copied first, and looked at after.
fn matching(broker: &Broker, wanted: &TextOrFilter) -> Vec<Arc<Message>> {
    let mut all = Vec::new();
    broker.visit_retained(|message| all.push(Arc::clone(message)));
    if !matches!(wanted, TextOrFilter::Everything) {
        all.retain(|message| wanted.matches(&message.topic));
    }
    all
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nightjar_broker::{ClientIdentifier, Forgetful, Options, OwnMessage};
    use nightjar_mqtt::QoS;

    use super::*;

    fn set(broker: &Broker, topic: &str, payload: &str) {
        broker.publish(OwnMessage {
            publisher: ClientIdentifier::new("test"),
            topic: TopicName::new(topic).unwrap(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: None,
        });
    }

    #[tokio::test]
    async fn a_selection_is_what_the_filter_shows() {
        let broker = Broker::start(Options::default(), Arc::new(Forgetful::new()), Vec::new());
        for topic in ["line/2/state", "line/1/state", "line/1/speed", "hall"] {
            set(&broker, topic, "x");
        }
        let topics = |selection: RetainedSelection| -> Vec<String> {
            selected(&broker, &selection).iter().map(|message| message.topic.to_string()).collect()
        };
        assert_eq!(topics(RetainedSelection::Filter("line/+/state".to_owned())), ["line/1/state", "line/2/state"]);
        assert_eq!(topics(RetainedSelection::Filter("SPEED".to_owned())), ["line/1/speed"]);
        assert_eq!(topics(RetainedSelection::Filter(String::new())).len(), 4);
        let listed = vec!["hall".to_owned(), "not/there".to_owned(), "not+valid".to_owned()];
        assert_eq!(topics(RetainedSelection::Topics(listed)), ["hall"]);
        broker.stop().await;
    }
}
