//! SUBSCRIBE and UNSUBSCRIBE on a connection: what is granted, and the retained messages that come of it.

use std::fmt::Write;

use nightjar_mqtt::{
    Packet, ProtocolVersion, QoS, ReasonCode, RetainHandling, SubAck, SubAckProperties, Subscribe, TopicFilter,
    UnsubAck, Unsubscribe,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::EventKind;
use crate::client_card::SubscriptionState;
use crate::connection::Connection;
use crate::session_record::SessionRecord;
use crate::session_subscriptions::SessionSubscriptions;

/// Topic Filters that one event names.
const NAMED: usize = 10;

/// Why a subscription is not granted: the Reason Code, and the same in words.
type Refusal = (ReasonCode, &'static str);

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    /// Registers the subscriptions, answers with SUBACK, and asks for the retained messages (3.8.4 SUBSCRIBE Actions).
    pub(crate) fn subscribe(&mut self, subscribe: &Subscribe) {
        let identifier = subscribe.properties.subscription_identifier;
        let (granted, refusals) = self.grant(subscribe, identifier);
        let found = self.shared.router.subscribe(&self.outbox, &granted);
        for ((filter, state), subscribed) in granted.iter().zip(found) {
            let wants_retained = match state.options.retain_handling {
                RetainHandling::AtSubscribe => true,
                RetainHandling::AtNewSubscribe => subscribed.is_new,
                RetainHandling::Never => false,
            };
            if let Some(until) = subscribed.retained.filter(|_| wants_retained) {
                self.session.retained.ask(filter, *state, until);
            }
        }
        if let Some(session) = self.outbox.session() {
            let version = self.wire.version;
            for (filter, state) in granted {
                self.batch.keep(SessionRecord::Subscribed { session, filter, state, version });
            }
        }
        self.record_subscriptions(subscribe, &refusals);
        let reason_codes = subscribe.subscriptions.iter().zip(&refusals).map(|(subscription, refusal)| match refusal {
            // MQTT 3.1 has no SUBACK that refuses, and wants a client that may not subscribe to be told nothing but a
            // granted QoS (MQTT 3.1, 3.8 SUBSCRIBE); the record says what happened.
            Some(_) if self.wire.version == ProtocolVersion::V31 => ReasonCode::SUCCESS,
            Some((reason, _)) => *reason,
            None => granted_code(subscription.options.maximum_qos),
        });
        let reason_codes = reason_codes.collect();
        let properties = self.explained(|| {
            let pairs = subscribe.subscriptions.iter().zip(&refusals);
            refused(pairs.map(|(subscription, refusal)| (&subscription.filter, *refusal)))
        });
        let packet_identifier = subscribe.packet_identifier;
        self.answer_settled(Packet::SubAck(SubAck { packet_identifier, properties, reason_codes }));
    }

    /// Decides what is granted, and notes it on the client's card; returns of each why it is refused.
    fn grant(
        &self,
        subscribe: &Subscribe,
        identifier: Option<u32>,
    ) -> (Vec<(TopicFilter, SubscriptionState)>, Vec<Option<Refusal>>) {
        let limits = &self.shared.limits;
        let mut granted = Vec::with_capacity(subscribe.subscriptions.len());
        let subscriptions = &mut self.card.about.lock().subscriptions;
        let refusals = subscribe.subscriptions.iter().map(|subscription| {
            let filter = &subscription.filter;
            if !limits.allows_levels(filter) {
                return Some((ReasonCode::QUOTA_EXCEEDED, "it has more levels than the broker allows"));
            }
            if filter.len() > limits.maximum_topic_length {
                return Some((ReasonCode::QUOTA_EXCEEDED, "it is longer than the broker allows"));
            }
            if subscriptions.len() >= limits.maximum_subscriptions && !subscriptions.contains_key(filter) {
                return Some((ReasonCode::QUOTA_EXCEEDED, "the client has as many subscriptions as the broker allows"));
            }
            let footprint = subscriptions.footprint() + SessionSubscriptions::footprint_of(filter);
            if footprint > limits.maximum_subscription_bytes && !subscriptions.contains_key(filter) {
                return Some((
                    ReasonCode::QUOTA_EXCEEDED,
                    "the client's subscriptions are as large as the broker allows",
                ));
            }
            let filter = filter.detached();
            let state = SubscriptionState { options: subscription.options, identifier };
            subscriptions.insert(filter.clone(), state);
            granted.push((filter, state));
            None
        });
        let refusals = refusals.collect();
        (granted, refusals)
    }

    /// Properties with a Reason String, where there is something to say and the client wants to hear it
    /// [MQTT-3.1.2-29].
    fn explained(&self, explanation: impl FnOnce() -> Option<String>) -> SubAckProperties {
        let reason_string = if self.session.link().tells_reasons() { explanation() } else { None };
        SubAckProperties { reason_string: reason_string.map(Into::into), ..SubAckProperties::default() }
    }

    /// Ends the subscriptions and answers with UNSUBACK (3.10.4 UNSUBSCRIBE Actions).
    pub(crate) fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) {
        {
            let subscriptions = &mut self.card.about.lock().subscriptions;
            for filter in &unsubscribe.filters {
                subscriptions.remove(filter);
                self.session.retained.withdraw(filter);
            }
        }
        let removed = self.shared.router.unsubscribe(self.session.client(), &unsubscribe.filters);
        if let Some(session) = self.outbox.session() {
            for filter in &unsubscribe.filters {
                self.batch.keep(SessionRecord::Unsubscribed { session, filter: filter.detached() });
            }
        }
        let names = unsubscribe.filters.iter().map(|filter| filter.to_string());
        self.shared.record(EventKind::Unsubscribed, Some(self.session.client()), listed(names));
        let properties = self.explained(|| {
            let unknown = || unsubscribe.filters.iter().zip(&removed).filter(|(_, removed)| !**removed);
            let names = unknown().map(|(filter, _)| filter.to_string());
            unknown().next().is_some().then(|| format!("there was no subscription to {}", listed(names)))
        });
        let code = |removed| if removed { ReasonCode::SUCCESS } else { ReasonCode::NO_SUBSCRIPTION_EXISTED };
        let reason_codes = removed.into_iter().map(code).collect();
        let packet_identifier = unsubscribe.packet_identifier;
        self.answer_settled(Packet::UnsubAck(UnsubAck { packet_identifier, properties, reason_codes }));
    }

    fn record_subscriptions(&self, subscribe: &Subscribe, refusals: &[Option<Refusal>]) {
        let pairs = || subscribe.subscriptions.iter().zip(refusals);
        let client = Some(self.session.client());
        if refusals.iter().any(Option::is_none) {
            let granted = pairs().filter(|(_, refusal)| refusal.is_none()).map(|(subscription, _)| {
                format!("{} (QoS {})", subscription.filter, subscription.options.maximum_qos.level())
            });
            self.shared.record(EventKind::Subscribed, client, listed(granted));
        }
        if let Some(refused) = refused(pairs().map(|(subscription, refusal)| (&subscription.filter, *refusal))) {
            self.shared.record(EventKind::Refused, client, format!("subscription to {refused}"));
        }
    }
}

const fn granted_code(maximum_qos: QoS) -> ReasonCode {
    match maximum_qos {
        QoS::AtMostOnce => ReasonCode::SUCCESS,
        QoS::AtLeastOnce => ReasonCode::GRANTED_QOS_1,
        QoS::ExactlyOnce => ReasonCode::GRANTED_QOS_2,
    }
}

/// The filters that were refused, each with the reason; `None` where none was.
fn refused<'f>(filters: impl Iterator<Item = (&'f TopicFilter, Option<Refusal>)>) -> Option<String> {
    let mut refused = filters.filter_map(|(filter, refusal)| Some((filter, refusal?))).peekable();
    refused.peek()?;
    Some(listed(refused.map(|(filter, (reason, detail))| format!("{filter}: {reason}: {detail}"))))
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
