//! SUBSCRIBE and UNSUBSCRIBE on a connection: what is granted, and the retained messages that come of it.

use std::fmt::Write;

use nightjar_mqtt::{
    Packet, ProtocolVersion, QoS, ReasonCode, RetainHandling, SubAck, SubAckProperties, Subscribe, Subscription,
    TopicFilter, UnsubAck, Unsubscribe,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::EventKind;
use crate::access::{Denied, Operation};
use crate::client_card::SubscriptionState;
use crate::connection::Connection;
use crate::session_record::SessionRecord;
use crate::session_subscriptions::SessionSubscriptions;

/// Topic Filters that one event names.
const NAMED: usize = 10;

/// Why a subscription is not granted: the Reason Code, and the same in words.
type Refusal = (ReasonCode, &'static str);

/// The rules deny it, which is noted as such and no part of the event of its packet.
const DENIED: Refusal = (ReasonCode::NOT_AUTHORIZED, "the rules of the broker allow nothing of it");

/// A packet is an event and has an answer: so many filters it weighs besides those in it.
const PACKET: usize = 8;

/// A SUBSCRIBE or UNSUBSCRIBE that is under way: one with many filters takes several turns.
#[derive(Debug)]
pub(crate) enum Request {
    Subscribe {
        packet: Subscribe,
        /// What became of each filter so far.
        refusals: Vec<Option<Refusal>>,
    },
    Unsubscribe {
        packet: Unsubscribe,
        /// Of each filter so far, whether there was a subscription.
        removed: Vec<bool>,
    },
}

impl Request {
    pub(crate) fn subscribe(packet: Subscribe) -> Self {
        let refusals = Vec::with_capacity(packet.subscriptions.len());
        Self::Subscribe { packet, refusals }
    }

    pub(crate) fn unsubscribe(packet: Unsubscribe) -> Self {
        let removed = Vec::with_capacity(packet.filters.len());
        Self::Unsubscribe { packet, removed }
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    /// Goes on with the request that is under way, for as many filters as there is `room` for in this turn, and answers
    /// it once it is done. What is done is in force, also where the connection ends before the rest is.
    pub(crate) fn go_on_with_request(&mut self, room: &mut usize) {
        let Some(mut request) = self.request.take() else { return };
        match &mut *request {
            Request::Subscribe { packet, refusals } => {
                *room -= self.subscribe(packet, refusals, *room);
                if refusals.len() < packet.subscriptions.len() {
                    self.request = Some(request);
                } else {
                    *room = room.saturating_sub(PACKET);
                    self.finish_subscribe(packet, refusals);
                }
            }
            Request::Unsubscribe { packet, removed } => {
                *room -= self.unsubscribe(packet, removed, *room);
                if removed.len() < packet.filters.len() {
                    self.request = Some(request);
                } else {
                    *room = room.saturating_sub(PACKET);
                    let removed = std::mem::take(removed);
                    self.finish_unsubscribe(packet, removed);
                }
            }
        }
    }

    /// Registers the next subscriptions and asks for their retained messages (3.8.4 SUBSCRIBE Actions); returns how many
    /// these are.
    fn subscribe(&mut self, packet: &Subscribe, refusals: &mut Vec<Option<Refusal>>, room: usize) -> usize {
        let rest = &packet.subscriptions[refusals.len()..];
        let part = &rest[..rest.len().min(room)];
        let granted = self.grant(part, packet.properties.subscription_identifier, refusals);
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
        part.len()
    }

    /// Decides what is granted, and notes it on the client's card; adds of each why it is refused.
    fn grant(
        &self,
        part: &[Subscription],
        identifier: Option<u32>,
        refusals: &mut Vec<Option<Refusal>>,
    ) -> Vec<(TopicFilter, SubscriptionState)> {
        let limits = &self.terms.limits;
        let rules = (self.shared.router.rules_version() > 0).then(|| (self.shared.router.rules(), self.outbox.who()));
        let mut denied = Vec::new();
        let mut granted = Vec::with_capacity(part.len());
        let about = &mut *self.card.about.lock();
        let subscriptions = &mut about.subscriptions;
        refusals.extend(part.iter().map(|Subscription { filter, options }| {
            if !limits.allows_levels(filter) {
                return Some((ReasonCode::QUOTA_EXCEEDED, "it has more levels than the broker allows"));
            }
            if filter.len() > limits.maximum_topic_length {
                return Some((ReasonCode::QUOTA_EXCEEDED, "it is longer than the broker allows"));
            }
            if let Some((rules, who)) = &rules {
                let behind_name = filter.shared().map_or(&**filter, |(_, behind_name)| behind_name);
                if let Some(decider) = rules.denies_subscription(who, behind_name) {
                    denied.push((filter, decider));
                    return Some(DENIED);
                }
            }
            if subscriptions.len() >= limits.maximum_subscriptions && !subscriptions.contains(filter) {
                return Some((ReasonCode::QUOTA_EXCEEDED, "the client has as many subscriptions as the broker allows"));
            }
            let footprint = subscriptions.footprint() + SessionSubscriptions::footprint_of(filter);
            if footprint > limits.maximum_subscription_bytes && !subscriptions.contains(filter) {
                return Some((
                    ReasonCode::QUOTA_EXCEEDED,
                    "the client's subscriptions are as large as the broker allows",
                ));
            }
            let filter = filter.detached();
            let state = SubscriptionState { options: *options, identifier };
            subscriptions.insert(filter.clone(), state);
            granted.push((filter, state));
            None
        }));
        if let Some((_, who)) = &rules {
            let address = Some(about.connection.address);
            for (topic, decider) in denied {
                let operation = Operation::Subscribe;
                self.shared.deny(Denied { who, address, operation, is_will: false, topic, decider });
            }
        }
        granted
    }

    /// Answers with SUBACK, once for all of the packet.
    fn finish_subscribe(&mut self, packet: &Subscribe, refusals: &[Option<Refusal>]) {
        self.record_subscriptions(packet, refusals);
        let reason_codes = packet.subscriptions.iter().zip(refusals).map(|(subscription, refusal)| match refusal {
            // MQTT 3.1 has no SUBACK that refuses, and wants a client that may not subscribe to be told nothing but a
            // granted QoS (MQTT 3.1, 3.8 SUBSCRIBE); the record says what happened.
            Some(_) if self.wire.version == ProtocolVersion::V31 => ReasonCode::SUCCESS,
            Some((reason, _)) => *reason,
            None => granted_code(subscription.options.maximum_qos),
        });
        let reason_codes = reason_codes.collect();
        let properties = self.explained(|| refused(packet, refusals));
        let packet_identifier = packet.packet_identifier;
        self.answer_settled(Packet::SubAck(SubAck { packet_identifier, properties, reason_codes }));
    }

    /// Ends the next subscriptions (3.10.4 UNSUBSCRIBE Actions); returns how many these are.
    fn unsubscribe(&mut self, packet: &Unsubscribe, removed: &mut Vec<bool>, room: usize) -> usize {
        let rest = &packet.filters[removed.len()..];
        let part = &rest[..rest.len().min(room)];
        {
            let subscriptions = &mut self.card.about.lock().subscriptions;
            for filter in part {
                subscriptions.remove(filter);
                self.session.retained.withdraw(filter);
            }
        }
        removed.extend(self.shared.router.unsubscribe(self.outbox.id(), part));
        if let Some(session) = self.outbox.session() {
            for filter in part {
                self.batch.keep(SessionRecord::Unsubscribed { session, filter: filter.detached() });
            }
        }
        part.len()
    }

    /// Answers with UNSUBACK, once for all of the packet.
    fn finish_unsubscribe(&mut self, packet: &Unsubscribe, removed: Vec<bool>) {
        let names = listed(packet.filters.iter(), |filter| filter.to_string());
        self.shared.record(EventKind::Unsubscribed, Some(self.session.client()), names);
        let properties = self.explained(|| {
            let unknown = || packet.filters.iter().zip(&removed).filter(|(_, removed)| !**removed);
            let names = || listed(unknown(), |(filter, _)| filter.to_string());
            unknown().next().is_some().then(|| format!("there was no subscription to {}", names()))
        });
        let code = |removed| if removed { ReasonCode::SUCCESS } else { ReasonCode::NO_SUBSCRIPTION_EXISTED };
        let reason_codes = removed.into_iter().map(code).collect();
        let packet_identifier = packet.packet_identifier;
        self.answer_settled(Packet::UnsubAck(UnsubAck { packet_identifier, properties, reason_codes }));
    }

    /// Properties with a Reason String, where there is something to say and the client wants to hear it
    /// [MQTT-3.1.2-29].
    fn explained(&self, explanation: impl FnOnce() -> Option<String>) -> SubAckProperties {
        let reason_string = if self.session.link().tells_reasons() { explanation() } else { None };
        SubAckProperties { reason_string: reason_string.map(Into::into), ..SubAckProperties::default() }
    }

    fn record_subscriptions(&self, packet: &Subscribe, refusals: &[Option<Refusal>]) {
        let client = Some(self.session.client());
        if refusals.iter().any(Option::is_none) {
            let granted = packet.subscriptions.iter().zip(refusals).filter(|(_, refusal)| refusal.is_none());
            let names = listed(granted, |(subscription, _)| {
                format!("{} (QoS {})", subscription.filter, subscription.options.maximum_qos.level())
            });
            self.shared.record(EventKind::Subscribed, client, names);
        }
        let others: Vec<_> = refusals.iter().map(|refusal| refusal.filter(|refusal| *refusal != DENIED)).collect();
        if let Some(refused) = refused(packet, &others) {
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
fn refused(packet: &Subscribe, refusals: &[Option<Refusal>]) -> Option<String> {
    let pairs = packet.subscriptions.iter().zip(refusals);
    let mut refused = pairs.filter_map(|(subscription, refusal)| Some((&subscription.filter, (*refusal)?))).peekable();
    refused.peek()?;
    Some(listed(refused, |(filter, (reason, detail))| format!("{filter}: {reason}: {detail}")))
}

/// The first few of many.
fn listed<T>(mut items: impl Iterator<Item = T>, name: impl Fn(T) -> String) -> String {
    let mut list = items.by_ref().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
    let more = items.count();
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
        let names = |count: usize| listed(0..count, |name| name.to_string());
        assert_eq!(names(2), "0, 1");
        assert_eq!(names(12), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    }
}
