//! Every subscription, and where the messages of a topic go by them.

use std::collections::HashMap;
use std::sync::Arc;

use nightjar_mqtt::{SubscriptionOptions, TopicFilter, TopicName};

use crate::SubscriptionState;
use crate::access::RuleEngine;
use crate::outbox::{Outbox, OutboxId};
use crate::routes::{Route, Routes, ShareRoute};
use crate::routing::SubscriptionTree;
use crate::share::{Member, Share};

/// One subscription, as the tree holds it.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<u32>,
}

/// Every subscription.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    ordinary: SubscriptionTree<OutboxId, Subscriber>,
    /// By the filter behind the share name. The subscribers here are the whole filters, share name included.
    shared: SubscriptionTree<TopicFilter, Arc<Share>>,
    /// By the whole filter.
    pub(crate) shares: HashMap<TopicFilter, Arc<Share>>,
    /// Members of all shares.
    members: usize,
}

impl Subscriptions {
    /// Adds or changes one; returns whether it is new to its session.
    pub(crate) fn insert(&mut self, outbox: &Arc<Outbox>, filter: &TopicFilter, state: SubscriptionState) -> bool {
        let SubscriptionState { options, identifier } = state;
        let outbox = Arc::clone(outbox);
        let Some((_, behind_name)) = filter.shared() else {
            return self.ordinary.insert(filter, outbox.id(), Subscriber { outbox, options, identifier }).is_none();
        };
        let share = match self.shares.get(filter) {
            Some(share) => share,
            None => {
                let share = Arc::<Share>::default();
                self.shared.insert(behind_name, filter.clone(), Arc::clone(&share));
                self.shares.entry(filter.clone()).or_insert(share)
            }
        };
        let is_new = share.join(Member {
            outbox,
            maximum_qos: options.maximum_qos,
            retain_as_published: options.retain_as_published,
            identifiers: identifier.into_iter().collect(),
        });
        self.members += usize::from(is_new);
        is_new
    }

    pub(crate) fn remove(&mut self, session: OutboxId, filter: &TopicFilter) -> bool {
        let Some((_, behind_name)) = filter.shared() else {
            return self.ordinary.remove(filter, &session).is_some();
        };
        let Some(share) = self.shares.get(filter) else { return false };
        let was_member = share.leave(session);
        if share.is_empty() {
            self.shares.remove(filter);
            self.shared.remove(behind_name, filter);
        }
        self.members -= usize::from(was_member);
        was_member
    }

    /// Where the messages of a topic go, under those rules.
    pub(crate) fn routes(&self, topic: &TopicName, rules: &RuleEngine) -> Routes {
        let mut by_session: HashMap<OutboxId, Vec<&Subscriber>> = HashMap::new();
        self.ordinary.visit_matches(topic, &mut |session, subscriber| {
            by_session.entry(*session).or_default().push(subscriber);
        });
        let mut shares = Vec::new();
        self.shared.visit_matches(topic, &mut |_, share| {
            shares.push(ShareRoute { share: Arc::clone(share), barred: share.barred(rules, topic) });
        });
        let found = by_session.len() + shares.len();
        if !rules.is_open() {
            let may_read = |subscribers: &Vec<&Subscriber>| {
                let reader = subscribers.first().map(|subscriber| subscriber.outbox.who());
                reader.is_none_or(|reader| rules.denies_read(&reader, topic).is_none())
            };
            by_session.retain(|_, subscribers| may_read(subscribers));
            shares.retain(|route| route.share.has_other_than(&route.barred));
        }
        let withheld = (found - by_session.len() - shares.len()) as u32;
        let sessions = by_session.into_values().filter_map(Route::of).collect();
        Routes { sessions, shares: shares.into(), withheld }
    }

    /// All of them, shared ones included.
    pub(crate) fn len(&self) -> usize {
        self.ordinary.len() + self.members
    }

    /// Shared Subscriptions, each member's counted.
    pub(crate) const fn members(&self) -> usize {
        self.members
    }
}
