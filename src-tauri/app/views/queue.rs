//! What waits for a client, message by message.

use nightjar_broker::{Broker, Purge, QueueEntry, QueueKey, QueueUnreadable};

use super::payload::Glimpse;
use super::{count, messages, millis};
use crate::wire::{MessageDetail, MessageRow, QueueRow, QueueRows, QueueSelection};

/// Rows that a window can ask for at once.
const MOST_ROWS: u32 = 500;

/// The rows of a queue; `None` where the broker knows no such session.
///
/// # Errors
/// Where the journal's part of the queue can't be read.
pub fn rows(broker: &Broker, client: &str, first: u32, most: u32) -> Result<Option<QueueRows>, QueueUnreadable> {
    let mut rows = Vec::new();
    let most = most.min(MOST_ROWS) as usize;
    let view = broker.visit_queue(client, first as usize, most, |entry| {
        rows.push(QueueRow { key: key_text(entry.key), row: row(&entry) });
    })?;
    Ok(view.map(|view| QueueRows {
        total: count(view.messages),
        bytes: view.bytes as u64,
        oldest: view.oldest.map(millis),
        inflight: view.inflight,
        first,
        rows,
    }))
}

/// A message that waits, from close by; `None` where it does not wait any more.
///
/// # Errors
/// Where the journal's part of the queue can't be read.
pub fn detail(broker: &Broker, client: &str, key: &str) -> Result<Option<MessageDetail>, QueueUnreadable> {
    let Some(key) = key_of(key) else { return Ok(None) };
    let Some(entry) = broker.queued(client, key)? else { return Ok(None) };
    Ok(Some(MessageDetail {
        row: row(&entry),
        payload: Glimpse::whole(&entry.message.payload).payload(),
        previous: None,
        properties: messages::properties(entry.message.properties.as_deref()),
        matched: None,
        publisher_version: messages::version_of(broker, &entry.message.publisher),
    }))
}

/// What a selection means; `None` where it has a key that is none.
pub fn purge_of(selection: &QueueSelection) -> Option<Purge> {
    match selection {
        QueueSelection::All => Some(Purge::All),
        QueueSelection::Keys(keys) => keys.iter().map(|key| key_of(key)).collect::<Option<_>>().map(Purge::These),
    }
}

fn row(entry: &QueueEntry) -> MessageRow {
    MessageRow { qos: entry.qos.level(), retain: entry.retain, ..messages::row_of_held(&entry.message, None) }
}

fn key_text(key: QueueKey) -> String {
    match key {
        QueueKey::Order(order) => format!("order-{order}"),
        QueueKey::Number(number) => format!("number-{number}"),
    }
}

fn key_of(text: &str) -> Option<QueueKey> {
    let (kind, number) = text.split_once('-')?;
    let number = number.parse().ok()?;
    match kind {
        "order" => Some(QueueKey::Order(number)),
        "number" => Some(QueueKey::Number(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_what_is_none_is_refused() {
        for key in [QueueKey::Order(0), QueueKey::Order(u64::MAX), QueueKey::Number(7)] {
            assert_eq!(key_of(&key_text(key)), Some(key));
        }
        for text in ["", "order", "order-", "order-x", "order--1", "other-1", "7"] {
            assert_eq!(key_of(text), None, "{text}");
        }
        let keys = |keys: &[&str]| QueueSelection::Keys(keys.iter().map(|&key| key.to_owned()).collect());
        assert_eq!(
            purge_of(&keys(&["order-3", "number-4"])),
            Some(Purge::These(vec![QueueKey::Order(3), QueueKey::Number(4)]))
        );
        assert_eq!(purge_of(&keys(&["order-3", "nonsense"])), None);
        assert_eq!(purge_of(&QueueSelection::All), Some(Purge::All));
    }
}
