use std::collections::VecDeque;

use bytes::Bytes;
use nightjar_broker::Timestamp;

use crate::views::millis;
use crate::views::payload::{Glimpse, to_base64};
use crate::wire::{MessageRow, Properties, ReceivedMessage};

/// Messages that are kept; the oldest go first.
const MESSAGES: usize = 2_000;
/// Bytes of payload that are kept in all.
const BYTES: usize = 16 << 20;
/// Bytes of one payload that are kept.
const PAYLOAD: usize = 64 << 10;
/// Messages of one answer.
const ANSWER: usize = 500;

/// A message as it arrived.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) at: Timestamp,
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) properties: Properties,
}

/// What the window's subscriptions received, as far back as there is room.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The oldest first, with ids that ascend by one.
    kept: VecDeque<(Received, u64)>,
    bytes: usize,
    /// Since the program started, which ids go by; and then.
    last: u64,
    began: u64,
}

impl Inbox {
    /// A connection begins: what the one before received is gone, and the ids go on.
    pub(super) fn begin(&mut self) {
        self.kept.clear();
        self.bytes = 0;
        self.began = self.last;
    }

    pub(super) fn push(&mut self, mut received: Received) {
        let size = received.payload.len() as u64;
        // Memory of its own: a slice would keep the whole read buffer.
        received.payload = Bytes::copy_from_slice(&received.payload[..received.payload.len().min(PAYLOAD)]);
        self.bytes += received.payload.len();
        self.kept.push_back((received, size));
        self.last += 1;
        while self.kept.len() > MESSAGES || self.bytes > BYTES {
            let Some((oldest, _)) = self.kept.pop_front() else { break };
            self.bytes -= oldest.payload.len();
        }
    }

    /// Messages since the connection began.
    pub(super) const fn received(&self) -> u64 {
        self.last - self.began
    }

    /// The messages with higher ids, newest first, at most 500.
    pub(super) fn after(&self, id: u64) -> Vec<ReceivedMessage> {
        let ids = (0..=self.last).rev();
        self.kept
            .iter()
            .rev()
            .zip(ids)
            .take_while(|&(_, own)| own > id)
            .take(ANSWER)
            .map(|((received, size), own)| view(received, *size, own))
            .collect()
    }
}

fn view(received: &Received, size: u64, id: u64) -> ReceivedMessage {
    let glimpse = Glimpse { bytes: &received.payload, size };
    ReceivedMessage {
        row: MessageRow {
            id,
            at: millis(received.at),
            topic: received.topic.clone(),
            publisher: String::new(),
            qos: received.qos,
            retain: received.retain,
            preview: glimpse.preview(),
            kind: glimpse.kind(),
            size,
        },
        payload: to_base64(&received.payload),
        properties: received.properties.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: Vec<u8>) -> Received {
        Received {
            at: Timestamp::from_micros(1),
            topic: "a".to_owned(),
            payload: payload.into(),
            qos: 0,
            retain: false,
            properties: Properties::default(),
        }
    }

    fn ids(inbox: &Inbox, after: u64) -> Vec<u64> {
        inbox.after(after).iter().map(|received| received.row.id).collect()
    }

    #[test]
    fn it_is_read_on_from_the_newest_known() {
        let mut inbox = Inbox::default();
        for _ in 0..3 {
            inbox.push(message(b"x".to_vec()));
        }
        assert_eq!(ids(&inbox, 0), [3, 2, 1]);
        assert_eq!(ids(&inbox, 2), [3]);
        assert!(ids(&inbox, 3).is_empty());
        inbox.begin();
        assert_eq!((ids(&inbox, 0), inbox.received()), (vec![], 0));
        inbox.push(message(b"x".to_vec()));
        assert_eq!((ids(&inbox, 3), inbox.received()), (vec![4], 1), "ids go on");
    }

    #[test]
    fn it_is_bounded_in_messages_and_in_bytes() {
        let mut inbox = Inbox::default();
        for _ in 0..MESSAGES + 10 {
            inbox.push(message(Vec::new()));
        }
        assert_eq!((inbox.kept.len(), inbox.received()), (MESSAGES, MESSAGES as u64 + 10));
        assert_eq!(inbox.after(0).len(), ANSWER);
        for _ in 0..600 {
            inbox.push(message(vec![b'x'; PAYLOAD + 1]));
        }
        assert!(inbox.bytes <= BYTES);
        let newest = &inbox.after(inbox.last - 1)[0];
        assert_eq!(newest.row.size, PAYLOAD as u64 + 1, "its size is that of the whole");
        assert_eq!(newest.row.id, MESSAGES as u64 + 610);
    }
}
