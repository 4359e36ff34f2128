//! Retained messages that new subscriptions are due. They are looked up while there is room to send them, so that a
//! subscription to everything costs a place in the tree and not a list of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightjar_mqtt::TopicFilter;

use crate::delivery::{Delivery, Kept};
use crate::routing::{Epoch, RetainedCursor};
use crate::{ClientIdentifier, Message, SubscriptionState};

/// At most one for each subscription, and only one is under way: the others weigh no more than their filters.
#[derive(Debug, Default)]
pub(crate) struct RetainedRequests {
    waiting: BTreeMap<TopicFilter, Request>,
    current: Option<Box<RetainedRequest>>,
}

/// What one subscription asked for.
#[derive(Clone, Copy, Debug)]
struct Request {
    state: SubscriptionState,
    until: Epoch,
}

/// The request that is under way.
#[derive(Debug)]
pub(crate) struct RetainedRequest {
    pub(crate) filter: TopicFilter,
    pub(crate) cursor: RetainedCursor,
    pub(crate) terms: RetainedTerms,
}

/// How its messages are to be sent.
#[derive(Debug)]
pub(crate) struct RetainedTerms {
    state: SubscriptionState,
    identifiers: Arc<[u32]>,
}

impl RetainedTerms {
    /// The message as this subscription gets it; `None` where No Local keeps it away [MQTT-3.8.3-3].
    pub(crate) fn delivery(&self, message: &Arc<Message>, client: &ClientIdentifier) -> Option<Delivery> {
        let options = &self.state.options;
        let is_own = options.no_local && message.publisher == *client;
        (!is_own).then(|| Delivery {
            message: Arc::clone(message),
            qos: message.qos.min(options.maximum_qos),
            retain: true,
            identifiers: Arc::clone(&self.identifiers),
            share: None,
            kept: Kept::No,
        })
    }
}

impl RetainedRequests {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// Whether messages are being looked up.
    pub(crate) const fn is_under_way(&self) -> bool {
        self.current.is_some()
    }

    /// Asks for the retained messages that a subscription matches and that were set up to `until`; takes the place of
    /// what was asked for the same filter.
    pub(crate) fn ask(&mut self, filter: &TopicFilter, state: SubscriptionState, until: Epoch) {
        self.withdraw(filter);
        self.waiting.insert(filter.clone(), Request { state, until });
    }

    /// Ends what was asked for a filter: there is no such subscription any more.
    pub(crate) fn withdraw(&mut self, filter: &TopicFilter) {
        self.current.take_if(|current| current.filter == *filter);
        self.waiting.remove(filter);
    }

    /// The request that is under way, for one step; [`Self::put_back`] unless it is done.
    pub(crate) fn take(&mut self) -> Option<Box<RetainedRequest>> {
        self.current.take().or_else(|| {
            let (filter, Request { state, until }) = self.waiting.pop_first()?;
            let identifiers = state.identifier.into_iter().collect();
            let terms = RetainedTerms { state, identifiers };
            Some(Box::new(RetainedRequest { filter, cursor: RetainedCursor::new(until), terms }))
        })
    }

    pub(crate) fn put_back(&mut self, request: Box<RetainedRequest>) {
        self.current = Some(request);
    }
}
