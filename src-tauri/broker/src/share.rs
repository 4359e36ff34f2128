//! Shared Subscriptions: each message goes to one of their members (MQTT 5.0, 4.8.2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nightjar_mqtt::{QoS, TopicName};
use parking_lot::RwLock;

use crate::access::RuleEngine;
use crate::delivery::{Delivery, Kept};
use crate::outbox::{Offered, Outbox, OutboxId, Pushed};
use crate::routes::Barred;
use crate::{ClientIdentifier, Message};

/// The sessions that subscribed to one Topic Filter under one Share Name.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// Replaced as a whole, so that whoever chooses among them holds no lock meanwhile.
    members: RwLock<Arc<[Member]>>,
    /// Who is next.
    turn: AtomicUsize,
}

/// A session's part in a Shared Subscription, with options of its own.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) maximum_qos: QoS,
    pub(crate) retain_as_published: bool,
    pub(crate) identifiers: Arc<[u32]>,
}

impl Member {
    fn delivery(&self, message: &Arc<Message>, share: &Arc<Share>, kept: &Kept) -> Delivery {
        Delivery {
            message: Arc::clone(message),
            qos: message.qos.min(self.maximum_qos),
            retain: message.retain && self.retain_as_published,
            identifiers: Arc::clone(&self.identifiers),
            share: Some(Arc::clone(share)),
            kept: kept.clone(),
        }
    }
}

impl Share {
    /// Adds a member, or changes its options; returns whether it is new.
    pub(crate) fn join(&self, member: Member) -> bool {
        let members = &mut *self.members.write();
        let mut changed = members.to_vec();
        let known = changed.iter_mut().find(|known| known.outbox.id() == member.outbox.id());
        let is_new = known.is_none();
        match known {
            Some(known) => *known = member,
            None => changed.push(member),
        }
        *members = changed.into();
        is_new
    }

    /// Removes a member; returns whether it was one.
    pub(crate) fn leave(&self, session: OutboxId) -> bool {
        let members = &mut *self.members.write();
        let left: Vec<_> = members.iter().filter(|member| member.outbox.id() != session).cloned().collect();
        let was_member = left.len() < members.len();
        if was_member {
            *members = left.into();
        }
        was_member
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.read().is_empty()
    }

    /// The members that may not read a topic.
    pub(crate) fn barred(&self, rules: &RuleEngine, topic: &TopicName) -> Barred {
        if rules.is_open() {
            return Barred::default();
        }
        let members = Arc::clone(&self.members.read());
        let outboxes = members.iter().map(|member| &member.outbox);
        outboxes.filter(|outbox| rules.denies_read(&outbox.who(), topic).is_some()).map(|outbox| outbox.id()).collect()
    }

    /// Whether there is a member that is not barred.
    pub(crate) fn has_other_than(&self, barred: &Barred) -> bool {
        self.members.read().iter().any(|member| !barred.has(member.outbox.id()))
    }

    /// Whether somebody but `client` is connected.
    pub(crate) fn has_other_present(&self, client: &ClientIdentifier) -> bool {
        self.members.read().iter().any(|member| member.outbox.is_present() && member.outbox.client() != client)
    }

    /// Gives a message to one member: the next one that is connected and keeps up, else the next that is connected,
    /// else the queue of one that is away. `None` where there is nobody for it. `kept` is where the journal has it so far;
    /// who is `barred` gets nothing.
    pub(crate) fn give(
        self: &Arc<Self>,
        message: &Arc<Message>,
        kept: &Kept,
        barred: &Barred,
    ) -> Option<(Arc<Outbox>, Pushed)> {
        let members = Arc::clone(&self.members.read());
        let suits = |outbox: &Outbox| !barred.has(outbox.id());
        let present = || self.offer(&members, message, kept, suits, &PRESENT);
        let away = || self.offer(&members, message, kept, suits, &AWAY);
        present().or_else(away).or_else(|| {
            // Every queue is full: the message is dropped, and counted with whose turn it is.
            let mut candidates = self.in_turn(&members).filter(|(_, member)| {
                let takes = member.outbox.is_present() || message.qos.min(member.maximum_qos) != QoS::AtMostOnce;
                takes && suits(&member.outbox)
            });
            let (index, member) = candidates.next()?;
            self.turn.store(index + 1, Ordering::Relaxed);
            Some((Arc::clone(&member.outbox), member.outbox.push(member.delivery(message, self, kept))))
        })
    }

    /// Gives a message that one client can't take to another that is connected, or gives up.
    pub(crate) fn give_to_present(
        self: &Arc<Self>,
        message: &Arc<Message>,
        kept: &Kept,
        but_not: &ClientIdentifier,
        barred: &Barred,
    ) -> Option<(Arc<Outbox>, Pushed)> {
        let members = Arc::clone(&self.members.read());
        let suits = |outbox: &Outbox| outbox.client() != but_not && !barred.has(outbox.id());
        self.offer(&members, message, kept, suits, &PRESENT)
    }

    fn offer(
        self: &Arc<Self>,
        members: &[Member],
        message: &Arc<Message>,
        kept: &Kept,
        suits: impl Fn(&Outbox) -> bool,
        rounds: &[Round],
    ) -> Option<(Arc<Outbox>, Pushed)> {
        for (is_asked, offered) in rounds {
            for (index, member) in self.in_turn(members) {
                if !is_asked(&member.outbox) || !suits(&member.outbox) {
                    continue;
                }
                if let Ok(pushed) = member.outbox.offer(member.delivery(message, self, kept), *offered) {
                    self.turn.store(index + 1, Ordering::Relaxed);
                    return Some((Arc::clone(&member.outbox), pushed));
                }
            }
        }
        None
    }

    fn in_turn<'m>(&self, members: &'m [Member]) -> impl Iterator<Item = (usize, &'m Member)> {
        let first = self.turn.load(Ordering::Relaxed) % members.len().max(1);
        (first..members.len()).chain(0..first).map(|index| (index, &members[index]))
    }
}

/// Which members are asked, and how.
type Round = (fn(&Outbox) -> bool, Offered);

const PRESENT: [Round; 2] = [(Outbox::is_ready, Offered::Present), (Outbox::is_present, Offered::Present)];
const AWAY: [Round; 1] = [(|_| true, Offered::Away)];

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Limits, Timestamp};

    fn message(qos: QoS) -> Arc<Message> {
        Arc::new(Message {
            topic: TopicName::new("t").unwrap(),
            payload: Bytes::new(),
            qos,
            retain: false,
            properties: None,
            publisher: ClientIdentifier::new("publisher"),
            source: None,
            received: Timestamp::default(),
        })
    }

    fn join(share: &Arc<Share>, name: &str, maximum_qos: QoS) -> Arc<Outbox> {
        let limits = Limits { maximum_queued_messages: 100, ..Limits::default() };
        let outbox = Arc::new(Outbox::new(ClientIdentifier::new(name), &limits));
        outbox.open();
        let member =
            Member { outbox: Arc::clone(&outbox), maximum_qos, retain_as_published: false, identifiers: Arc::from([]) };
        assert!(share.join(member));
        outbox
    }

    /// Who got each of so many messages.
    fn given(share: &Arc<Share>, qos: QoS, count: usize) -> String {
        let taker = |_| {
            share
                .give(&message(qos), &Kept::Before, &Barred::default())
                .map_or('-', |(outbox, _)| outbox.client().chars().next().unwrap())
        };
        (0..count).map(taker).collect()
    }

    #[test]
    fn members_take_turns() {
        let share = Arc::default();
        let [_a, b, _c] = ["a", "b", "c"].map(|name| join(&share, name, QoS::AtLeastOnce));
        assert_eq!(given(&share, QoS::AtMostOnce, 7), "abcabca");
        assert_eq!(given(&share, QoS::ExactlyOnce, 3), "bca");
        assert!(share.leave(b.id()));
        assert!(!share.leave(b.id()));
        assert_eq!(given(&share, QoS::ExactlyOnce, 4), "caca");
    }

    #[test]
    fn who_does_not_keep_up_is_passed_over_while_another_does() {
        let share = Arc::default();
        let [a, b] = ["a", "b"].map(|name| join(&share, name, QoS::AtLeastOnce));
        a.set_busy(true);
        assert_eq!(given(&share, QoS::AtLeastOnce, 3), "bbb");
        b.set_busy(true);
        assert_eq!(given(&share, QoS::AtLeastOnce, 4), "abab");
    }

    #[test]
    fn who_is_away_is_passed_over_and_queues_what_nobody_else_can_take() {
        let share = Arc::default();
        let [a, b, c] = [("a", QoS::AtMostOnce), ("b", QoS::AtLeastOnce), ("c", QoS::AtLeastOnce)]
            .map(|(name, qos)| join(&share, name, qos));
        b.close();
        assert_eq!(given(&share, QoS::AtLeastOnce, 4), "acac");
        a.close();
        c.close();
        assert_eq!(given(&share, QoS::AtLeastOnce, 4), "bcbc", "a subscribed at QoS 0, which nothing waits with");
        assert_eq!(given(&share, QoS::AtMostOnce, 1), "-");
        b.end();
        assert_eq!(given(&share, QoS::AtLeastOnce, 2), "cc", "a session that is over takes nothing");
    }

    #[test]
    fn a_full_queue_passes_the_message_to_the_next_and_all_full_count_a_drop() {
        let share = Arc::default();
        let [a, b] = ["a", "b"].map(|name| join(&share, name, QoS::AtLeastOnce));
        a.set_busy(true);
        b.close();
        assert_eq!(given(&share, QoS::AtLeastOnce, 101), format!("{}b", "a".repeat(100)));
        given(&share, QoS::AtLeastOnce, 99);
        assert_eq!((a.waiting().dropped, b.waiting().dropped), (0, 0));
        given(&share, QoS::AtLeastOnce, 1);
        assert_eq!(a.waiting().dropped + b.waiting().dropped, 1);
    }
}
