//! What goes to the client: messages from its session, from the retained set and from its outbox, as the output buffer
//! has room for them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nightjar_mqtt::{PublishView, QoS, ReasonCode, TopicName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinError;

use crate::clock::Moment;
use crate::connection::{Connection, OUTPUT_HIGH};
use crate::counters::add;
use crate::delivery::Delivery;
use crate::desk::Desk;
use crate::routing::Walked;
use crate::session::{Close, Outgoing, TopicAlias};
use crate::session_record::SessionRecord;
use crate::{DropReason, Page, QueueUnreadable};

/// The part of the output buffer that retained messages fill before it is the turn of what is live.
const RETAINED_SHARE: usize = OUTPUT_HIGH / 2;

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    /// Moves messages through the session to the output buffer, as many as fit: what is to be sent again before all
    /// else, retained messages before what is live, unless they are many.
    pub(crate) fn fill_output(&mut self, now: Moment) -> Option<Close> {
        if self.wire.unwritten() == 0 {
            self.progressed = now.steady;
        }
        self.walks_on = false;
        self.awaits_commit = false;
        self.readable.follow(self.shared.router.rules_version());
        while self.wire.unwritten() < OUTPUT_HIGH {
            if !self.session.resend(now, &mut self.desk.actions) {
                let walked = self.walk_retained(now);
                let found = !self.desk.actions.is_empty();
                self.walks_on = !found && walked.is_some_and(|walked| walked != Walked::Refused);
                if !found || self.wire.unwritten() >= RETAINED_SHARE {
                    self.take_live(now, if walked.is_some() { RETAINED_SHARE } else { OUTPUT_HIGH });
                }
            }
            if self.desk.actions.is_empty() {
                break;
            }
            if let Some(close) = self.perform(now) {
                return Some(close);
            }
        }
        if !self.batch.is_empty() {
            self.shared.finish(&mut self.batch);
        }
        self.outbox.set_busy(self.session.window() == 0 || self.wire.unwritten() >= OUTPUT_HIGH);
        self.card.inflight.store(self.session.inflight() as u32, Ordering::Relaxed);
        None
    }

    fn take_live(&mut self, now: Moment, bytes: usize) {
        let session = &self.session;
        let left = self.outbox.take(bytes, session.window(), |order| session.is_free(order), &mut self.desk.taken);
        self.awaits_commit = left.uncommitted;
        if let Some(query) = left.page.filter(|_| self.page.is_none()) {
            let journal = Arc::clone(&self.shared.journal);
            self.page = Some(tokio::task::spawn_blocking(move || journal.read_queue(query)));
        }
        let Desk { taken, actions, .. } = &mut *self.desk;
        for delivery in taken.drain(..) {
            self.session.handle_delivery(now, delivery, actions);
        }
    }

    /// Takes in what was read of a queue that the journal has.
    pub(crate) fn take_page(&mut self, read: Result<Result<Page, QueueUnreadable>, JoinError>) -> Option<Close> {
        self.page = None;
        let error = match read {
            Ok(Ok(page)) => {
                self.outbox.put_page(page);
                return None;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(client = &**self.client(), %error, "what waits for a client can't be delivered");
        Some(Close::by_broker(ReasonCode::UNSPECIFIED_ERROR, error))
    }

    /// Sends some of the retained messages that subscriptions are due; `None` where there are none, or SUBACK is to come
    /// first.
    fn walk_retained(&mut self, now: Moment) -> Option<Walked> {
        if self.session.retained.is_empty() || self.request.is_some() {
            return None;
        }
        let mut request = self.session.retained.take()?;
        let mut window = self.session.window();
        let mut room = RETAINED_SHARE;
        let (client, taken) = (self.session.client(), &mut self.desk.taken);
        let (shared, outbox, readable) = (&self.shared, &self.outbox, &mut self.readable);
        let checks_source = self.terms.check_retain_source;
        let walked = shared.router.walk_retained(&mut request.cursor, &request.filter, now, |message| {
            let Some(delivery) = request.terms.delivery(message, client) else {
                return ControlFlow::Continue(());
            };
            let may_be_read = readable.may_read(&message.topic, || shared.router.may_read(outbox, &message.topic));
            if !may_be_read || (checks_source && !shared.router.source_may_publish(message)) {
                add(&shared.counters.withheld, 1);
                return ControlFlow::Continue(());
            }
            if room == 0 || (delivery.qos != QoS::AtMostOnce && window == 0) {
                return ControlFlow::Break(());
            }
            window -= usize::from(delivery.qos != QoS::AtMostOnce);
            room = room.saturating_sub(message.weight());
            taken.push(delivery);
            ControlFlow::Continue(())
        });
        if walked != Walked::Whole {
            self.session.retained.put_back(request);
        }
        let Desk { taken, actions, .. } = &mut *self.desk;
        for mut delivery in taken.drain(..) {
            let session = &self.session;
            if let Some(enrolled) = self.outbox.enrol_sent(&mut delivery, |order| session.is_free(order)) {
                self.batch.keep_entry(enrolled);
            }
            self.session.handle_delivery(now, delivery, actions);
        }
        Some(walked)
    }

    /// Counts and records that a message does not reach the client.
    pub(crate) fn drop_delivery(&mut self, delivery: &Delivery, reason: DropReason) {
        if let Some(place) = delivery.place() {
            self.batch.keep(SessionRecord::Done(place));
        }
        self.shared.drop_delivery(&self.outbox, delivery, reason);
    }

    /// Whether the client may read a message now: the rules may have changed since it was routed.
    fn is_readable(&mut self, topic: &TopicName) -> bool {
        let (shared, outbox) = (&self.shared, &self.outbox);
        self.readable.is_open() || self.readable.may_read(topic, || shared.router.may_read(outbox, topic))
    }

    /// Drops a message that the client may not read any more, unless another member of a Shared Subscription may and has
    /// not had it.
    fn withhold(&mut self, outgoing: &Outgoing) {
        // As if the client had got it.
        if let Some(packet_identifier) = outgoing.packet_identifier {
            self.session.forget_flight(packet_identifier);
        }
        let is_handed_on = !outgoing.dup && self.shared.hand_on(&outgoing.delivery);
        if !is_handed_on {
            self.drop_delivery(&outgoing.delivery, DropReason::NotReadable);
        }
    }

    pub(crate) fn deliver(&mut self, outgoing: &Outgoing) {
        let delivery = &outgoing.delivery;
        let message = &delivery.message;
        if !self.is_readable(&message.topic) {
            return self.withhold(outgoing);
        }
        // A session that was on another listener before may have subscriptions that reach further.
        let unmounted = self.terms.mount_point.as_ref().map(|mount_point| mount_point.unmounted(&message.topic));
        let topic = match &unmounted {
            None => &message.topic,
            Some(Some(topic)) => topic,
            Some(None) => return self.withhold(outgoing),
        };
        let named = PublishView {
            dup: outgoing.dup,
            qos: delivery.qos,
            retain: delivery.retain,
            topic: Some(topic),
            packet_identifier: outgoing.packet_identifier,
            properties: message.properties.as_deref(),
            message_expiry_interval: outgoing.message_expiry_interval,
            topic_alias: None,
            subscription_identifiers: &delivery.identifiers,
            payload: &message.payload,
        };
        let aliases = self.session.topic_aliases();
        let sent = match aliases.alias(&message.topic) {
            TopicAlias::Name => self.wire.publish(&named),
            TopicAlias::Known(alias) => {
                self.wire.publish(&PublishView { topic: None, topic_alias: Some(alias), ..named })
            }
            TopicAlias::New(alias) => match self.wire.publish(&PublishView { topic_alias: Some(alias), ..named }) {
                Ok(()) => {
                    aliases.establish(alias, &message.topic);
                    Ok(())
                }
                // It may be the alias that makes it too large.
                Err(_) => self.wire.publish(&named),
            },
        };
        if sent.is_ok() {
            add(&self.card.messages_out, 1);
        } else {
            self.give_up(outgoing, DropReason::TooLarge);
        }
    }

    /// Drops a message that can't be sent, as if the client had got it [MQTT-3.1.2-25].
    fn give_up(&mut self, outgoing: &Outgoing, reason: DropReason) {
        if let Some(packet_identifier) = outgoing.packet_identifier {
            self.session.forget_flight(packet_identifier);
        }
        self.drop_delivery(&outgoing.delivery, reason);
    }
}
