use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nightjar_mqtt::QoS;

use crate::session_record::Place;
use crate::share::Share;
use crate::{Message, Sequence};

/// A message on its way to one subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Arc<Message>,
    /// The lower of the message's QoS and the subscription's [MQTT-3.8.4-8].
    pub(crate) qos: QoS,
    /// The RETAIN flag that the subscriber sees (3.3.1.3 RETAIN).
    pub(crate) retain: bool,
    /// The Subscription Identifiers of the filters that matched (MQTT 5.0, 3.3.2.3.8).
    pub(crate) identifiers: Arc<[u32]>,
    /// The Shared Subscription that it is sent for: another member gets it where this one can't (MQTT 5.0, 4.8.2).
    pub(crate) share: Option<Arc<Share>>,
    pub(crate) kept: Kept,
}

/// Where the journal has a delivery.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    /// Its message is being published: the journal has the message in the record before.
    Before,
    /// Nowhere: it is in memory.
    No,
    /// In the queue of a session.
    In(Entry),
}

/// An entry of a queue in the journal.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    appended: Arc<AtomicU64>,
}

impl Delivery {
    /// Its place in the journal.
    pub(crate) const fn place(&self) -> Option<Place> {
        match &self.kept {
            Kept::In(entry) => Some(entry.place),
            Kept::Before | Kept::No => None,
        }
    }

    /// Whether it may be forgotten, for the journal has it.
    pub(crate) fn is_committed(&self, committed: Sequence) -> bool {
        matches!(&self.kept, Kept::In(entry) if entry.is_committed(committed))
    }

    /// Whether it may be sent. A QoS 2 message that was sent before it was kept would come twice after a crash, the
    /// second time under another Packet Identifier.
    pub(crate) fn may_be_sent(&self, committed: Sequence) -> bool {
        match &self.kept {
            Kept::In(entry) => self.qos != QoS::ExactlyOnce || entry.is_committed(committed),
            Kept::Before | Kept::No => true,
        }
    }
}

impl Entry {
    /// An entry that is about to be appended.
    pub(crate) fn new(place: Place) -> Self {
        Self { place, appended: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// An entry that was read from the journal.
    pub(crate) fn read(place: Place) -> Self {
        Self { place, appended: Arc::new(AtomicU64::new(0)) }
    }

    /// The journal has taken it in, up to that sequence.
    pub(crate) fn set_appended(&self, sequence: Sequence) {
        self.appended.store(sequence.0, Ordering::Release);
    }

    fn is_committed(&self, committed: Sequence) -> bool {
        self.appended.load(Ordering::Acquire) <= committed.0
    }
}
