//! SUBSCRIBE and UNSUBSCRIBE on a connection: what is granted, and the retained messages that come of it.

use std::fmt::Write;
use std::sync::Arc;

use nightjar_mqtt::{
    Packet, QoS, ReasonCode, RetainHandling, SubAck, SubAckProperties, Subscribe, Subscription, UnsubAck, Unsubscribe,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::EventKind;
use crate::client_card::SubscriptionState;
use crate::clock::Moment;
use crate::connection::Connection;
use crate::delivery::Delivery;
use crate::router::Subscriber;

/// Topic Filters that one event names.
const NAMED: usize = 10;

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    /// Registers the subscriptions, answers with SUBACK, and queues the retained messages (3.8.4 SUBSCRIBE Actions).
    pub(crate) fn subscribe(&mut self, now: Moment, subscribe: &Subscribe) {
        let identifier = subscribe.properties.subscription_identifier;
        let reason_codes: Vec<_> = subscribe
            .subscriptions
            .iter()
            .map(|subscription| self.subscribe_to(now, subscription, identifier))
            .collect();
        self.record_subscriptions(subscribe, &reason_codes);
        let properties = SubAckProperties::default();
        let packet_identifier = subscribe.packet_identifier;
        self.answer(&Packet::SubAck(SubAck { packet_identifier, properties, reason_codes }));
    }

    fn subscribe_to(&mut self, now: Moment, subscription: &Subscription, identifier: Option<u32>) -> ReasonCode {
        let filter = subscription.filter.detached();
        let options = subscription.options;
        let limits = &self.shared.limits;
        if filter.shared().is_some() {
            return ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
        }
        if !limits.allows_levels(&filter) || filter.len() > limits.maximum_topic_length {
            return ReasonCode::QUOTA_EXCEEDED;
        }
        {
            let subscriptions = &mut self.card.about.lock().subscriptions;
            if subscriptions.len() >= limits.maximum_subscriptions && !subscriptions.contains_key(&filter) {
                return ReasonCode::QUOTA_EXCEEDED;
            }
            subscriptions.insert(filter.clone(), SubscriptionState { options, identifier });
        }
        let client = self.session.client().clone();
        let subscriber = Subscriber { outbox: Arc::clone(&self.outbox), options, identifier };
        let is_new = self.shared.router.subscribe(&filter, client, subscriber);
        let wants_retained = match options.retain_handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::AtNewSubscribe => is_new,
            RetainHandling::Never => false,
        };
        if wants_retained {
            let identifiers: Arc<[u32]> = identifier.into_iter().collect();
            for message in self.shared.retained_for(&filter, now) {
                if options.no_local && message.publisher == *self.session.client() {
                    continue;
                }
                self.session.retained_backlog.push_back(Delivery {
                    qos: message.qos.min(options.maximum_qos),
                    retain: true,
                    identifiers: Arc::clone(&identifiers),
                    message,
                });
            }
        }
        match options.maximum_qos {
            QoS::AtMostOnce => ReasonCode::SUCCESS,
            QoS::AtLeastOnce => ReasonCode::GRANTED_QOS_1,
            QoS::ExactlyOnce => ReasonCode::GRANTED_QOS_2,
        }
    }

    /// Ends the subscriptions and answers with UNSUBACK (3.10.4 UNSUBSCRIBE Actions).
    pub(crate) fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) {
        let reason_codes: Vec<_> = unsubscribe
            .filters
            .iter()
            .map(|filter| {
                self.card.about.lock().subscriptions.remove(filter);
                if self.shared.router.unsubscribe(filter, self.session.client()) {
                    ReasonCode::SUCCESS
                } else {
                    ReasonCode::NO_SUBSCRIPTION_EXISTED
                }
            })
            .collect();
        let names = unsubscribe.filters.iter().map(|filter| filter.to_string());
        self.shared.record(EventKind::Unsubscribed, Some(self.session.client()), listed(names));
        let properties = SubAckProperties::default();
        let packet_identifier = unsubscribe.packet_identifier;
        self.answer(&Packet::UnsubAck(UnsubAck { packet_identifier, properties, reason_codes }));
    }

    fn record_subscriptions(&self, subscribe: &Subscribe, reason_codes: &[ReasonCode]) {
        let pairs = || subscribe.subscriptions.iter().zip(reason_codes);
        let granted = pairs().filter(|(_, reason)| !reason.is_error()).map(|(subscription, _)| {
            format!("{} (QoS {})", subscription.filter, subscription.options.maximum_qos.level())
        });
        let refused = pairs()
            .filter(|(_, reason)| reason.is_error())
            .map(|(subscription, reason)| format!("{}: {reason}", subscription.filter));
        let client = Some(self.session.client());
        if reason_codes.iter().any(|reason| !reason.is_error()) {
            self.shared.record(EventKind::Subscribed, client, listed(granted));
        }
        if reason_codes.iter().any(|reason| reason.is_error()) {
            self.shared.record(EventKind::Refused, client, format!("subscription to {}", listed(refused)));
        }
    }
}

/// The first few of many.
fn listed(mut names: impl Iterator<Item = String>) -> String {
    let mut list = names.by_ref().take(NAMED).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        let _ = write!(list, " and {more} more");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_with_a_count() {
        let names = |count: usize| (0..count).map(|name| name.to_string());
        assert_eq!(listed(names(2)), "0, 1");
        assert_eq!(listed(names(12)), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    }
}
