use std::time::Instant;

use crate::Limits;
use crate::token_bucket::TokenBucket;

/// How fast one client's packets are taken. What comes faster waits in the client's socket: nothing is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    messages: Option<TokenBucket>,
    bytes: Option<TokenBucket>,
}

impl Pace {
    /// `None` where there is no limit.
    pub(crate) fn new(limits: &Limits, now: Instant) -> Option<Box<Self>> {
        let messages = limits.maximum_publish_rate.map(|rate| TokenBucket::new(u64::from(rate.get()), now));
        let bytes = limits.maximum_read_rate.map(|rate| TokenBucket::new(rate.get() as u64, now));
        (messages.is_some() || bytes.is_some()).then(|| Box::new(Self { messages, bytes }))
    }

    /// Notes that a packet was taken.
    pub(crate) fn took(&mut self, bytes: usize, is_publish: bool, now: Instant) {
        if let Some(bucket) = self.messages.as_mut().filter(|_| is_publish) {
            bucket.take(1, now);
        }
        if let Some(bucket) = &mut self.bytes {
            bucket.take(bytes as u64, now);
        }
    }

    /// When the next packet may be taken; `None` for at once.
    pub(crate) fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        let buckets = self.messages.iter_mut().chain(&mut self.bytes);
        buckets.filter_map(|bucket| bucket.ready_at(now)).max()
    }
}
