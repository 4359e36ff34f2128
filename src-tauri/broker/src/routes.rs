//! Where the messages of a topic go, and how each of those sessions gets them.

use std::sync::Arc;

use nightjar_mqtt::QoS;

use crate::delivery::{Delivery, Entry, Kept};
use crate::outbox::{Outbox, OutboxId, Pushed};
use crate::share::Share;
use crate::subscriptions::Subscriber;
use crate::{ClientIdentifier, Message, Record, Sequence};

/// How one session gets the messages of a topic, all of its overlapping subscriptions taken together
/// [MQTT-3.3.4-2], [MQTT-3.3.4-3].
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) outbox: Arc<Outbox>,
    terms: Terms,
    own: Own,
}

/// What the subscriptions that apply to a message say of its delivery.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    maximum_qos: QoS,
    retain_as_published: bool,
    identifiers: Arc<[u32]>,
}

/// How the session gets messages that its own client published: No Local takes subscriptions away
/// [MQTT-3.8.3-3].
#[derive(Debug)]
pub(crate) enum Own {
    /// As those of others.
    Same,
    Not,
    By(Box<Terms>),
}

/// Where the messages of a topic go.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) sessions: Box<[Route]>,
    pub(crate) shares: Box<[ShareRoute]>,
    /// Sessions and shares that subscribed, and may not read the topic.
    pub(crate) withheld: u32,
}

#[derive(Debug)]
pub(crate) struct ShareRoute {
    pub(crate) share: Arc<Share>,
    pub(crate) barred: Barred,
}

/// Members of a Shared Subscription that may not read a topic; none where there are no rules.
#[derive(Debug, Default)]
pub(crate) struct Barred(Box<[OutboxId]>);

/// Outboxes that a batch of messages touched, each to be woken once.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) to_wake: Vec<Arc<Outbox>>,
    /// Those that dropped something for the first time since the last report.
    pub(crate) dropping: Vec<Arc<Outbox>>,
    /// What the journal is to be told of kept sessions.
    pub(crate) records: Vec<Record>,
    /// What of it makes entries of queues.
    entries: Vec<Entry>,
}

impl Touched {
    /// Nothing was touched.
    pub(crate) const NONE: Self =
        Self { to_wake: Vec::new(), dropping: Vec::new(), records: Vec::new(), entries: Vec::new() };

    pub(crate) fn is_clear(&self) -> bool {
        self.to_wake.is_empty() && self.dropping.is_empty() && self.records.is_empty() && self.entries.is_empty()
    }

    /// The length that its longest list has room for.
    pub(crate) fn capacity(&self) -> usize {
        let lists =
            [self.to_wake.capacity(), self.dropping.capacity(), self.records.capacity(), self.entries.capacity()];
        lists.into_iter().max().unwrap_or(0)
    }

    /// Wakes the subscribers.
    pub(crate) fn wake(&mut self) {
        self.to_wake.drain(..).for_each(|outbox| outbox.wake());
    }

    /// Notes what is to be done after a message was put into an outbox.
    pub(crate) fn note(&mut self, outbox: &Arc<Outbox>, pushed: Pushed) {
        if pushed.wake {
            self.to_wake.push(Arc::clone(outbox));
        }
        if pushed.first_drop {
            self.dropping.push(Arc::clone(outbox));
        }
        self.records.extend(pushed.record.map(Record::Session));
        self.entries.extend(pushed.entry);
    }

    /// Notes an entry of a queue whose record is among those to be appended.
    pub(crate) fn note_entry(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The records of all entries so far are in the journal, up to that sequence.
    pub(crate) fn set_appended(&mut self, sequence: Sequence) {
        self.entries.drain(..).for_each(|entry| entry.set_appended(sequence));
    }
}

impl FromIterator<OutboxId> for Barred {
    fn from_iter<I: IntoIterator<Item = OutboxId>>(sessions: I) -> Self {
        Self(sessions.into_iter().collect())
    }
}

impl Barred {
    pub(crate) fn has(&self, session: OutboxId) -> bool {
        // Most of the time there are none.
        self.0.contains(&session)
    }
}

impl Route {
    /// The route that one session's matching subscriptions make; `None` without any.
    pub(crate) fn of(subscribers: Vec<&Subscriber>) -> Option<Self> {
        let outbox = Arc::clone(&subscribers.first()?.outbox);
        let terms = Terms::of(subscribers.iter().copied())?;
        let own = if subscribers.iter().all(|subscriber| !subscriber.options.no_local) {
            Own::Same
        } else {
            let others = subscribers.iter().copied().filter(|subscriber| !subscriber.options.no_local);
            Terms::of(others).map_or(Own::Not, |terms| Own::By(Box::new(terms)))
        };
        Some(Self { outbox, terms, own })
    }

    /// The terms for messages of that publisher; `None` where it gets none.
    fn terms_for(&self, publisher: &ClientIdentifier) -> Option<&Terms> {
        match &self.own {
            Own::Same => Some(&self.terms),
            _ if self.outbox.client() != publisher => Some(&self.terms),
            Own::Not => None,
            Own::By(terms) => Some(terms),
        }
    }
}

impl Terms {
    fn of<'s>(subscribers: impl Iterator<Item = &'s Subscriber> + Clone) -> Option<Self> {
        let options = || subscribers.clone().map(|subscriber| subscriber.options);
        Some(Self {
            maximum_qos: options().map(|options| options.maximum_qos).max()?,
            retain_as_published: options().any(|options| options.retain_as_published),
            identifiers: subscribers.clone().filter_map(|subscriber| subscriber.identifier).collect(),
        })
    }
}

impl Routes {
    /// Sessions and shares.
    pub(crate) const fn len(&self) -> usize {
        self.sessions.len() + self.shares.len()
    }

    /// Puts a message of the topic into the outbox of each session that subscribed to it, and of one member of each
    /// Shared Subscription; returns how many these are.
    pub(crate) fn deliver(&self, message: &Arc<Message>, touched: &mut Touched) -> u32 {
        let mut matched = 0;
        for route in &self.sessions {
            let Some(terms) = route.terms_for(&message.publisher) else { continue };
            matched += 1;
            let pushed = route.outbox.push(Delivery {
                message: Arc::clone(message),
                qos: message.qos.min(terms.maximum_qos),
                retain: message.retain && terms.retain_as_published,
                identifiers: Arc::clone(&terms.identifiers),
                share: None,
                kept: Kept::Before,
            });
            touched.note(&route.outbox, pushed);
        }
        for ShareRoute { share, barred } in &self.shares {
            matched += 1;
            if let Some((outbox, pushed)) = share.give(message, &Kept::Before, barred) {
                touched.note(&outbox, pushed);
            }
        }
        matched
    }
}
