//! Every session, and who holds it: a connection, or nobody while its client is away.
//!
//! A session belongs to one task at a time and is never shared. A new connection of the same client asks the one that
//! holds the session to hand it over, and waits for it; so any number of connections for one client line up.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use nightjar_mqtt::{ReasonCode, Will};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::access::{Bans, Guest, Rules, Visitor, Who};
use crate::bell::Bell;
use crate::client_card::{ClientCard, ClientInfo};
use crate::outbox::Outbox;
use crate::session::{Close, NEVER_EXPIRES, Session};
use crate::{ClientIdentifier, SessionNumber, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Registry {
    clients: Mutex<Clients>,
    /// The earliest deadline may have changed.
    pub(crate) deadlines_changed: Notify,
}

#[derive(Debug, Default)]
struct Clients {
    entries: HashMap<ClientIdentifier, Entry>,
    /// How many of them a connection holds.
    held: usize,
    /// When something is due for a client that is away.
    deadlines: BTreeSet<(Instant, ClientIdentifier)>,
}

#[derive(Debug)]
struct Entry {
    outbox: Arc<Outbox>,
    card: Arc<ClientCard>,
    place: Place,
}

/// Where the session is.
#[derive(Debug)]
enum Place {
    /// With the connection that has this seat, or on its way to it.
    Held(Arc<Seat>),
    Away(Box<Away>),
}

#[derive(Debug)]
struct Away {
    session: Session,
    /// The Will Message that is due unless the client comes back (MQTT 5.0, 3.1.3.2.2 Will Delay Interval).
    will: Option<(Instant, Box<Will>)>,
    expires: Option<Instant>,
}

impl Away {
    fn deadline(&self) -> Option<Instant> {
        let will = self.will.as_ref().map(|(due, _)| *due);
        will.into_iter().chain(self.expires).min()
    }
}

/// A connection's right to a session, and the letter box through which it is asked to give it up.
#[derive(Debug)]
pub(crate) struct Seat {
    guest: Guest,
    eviction: Mutex<Eviction>,
    evicted: Bell,
}

#[derive(Debug, Default)]
struct Eviction {
    close: Option<Close>,
    successor: Option<Successor>,
}

/// The connection that takes over.
#[derive(Debug)]
struct Successor {
    handover: oneshot::Sender<Handover>,
}

/// A session on its way to the next connection.
#[derive(Debug)]
struct Handover {
    session: Session,
    /// The delayed Will Message of the connection that gives it up.
    will: Option<Box<Will>>,
}

impl Seat {
    /// Whether the connection was asked to end, and how.
    pub(crate) fn poll_evicted(&self, context: &mut Context<'_>) -> Poll<Close> {
        ready!(self.evicted.poll_rung(context));
        self.eviction.lock().close.clone().map_or(Poll::Pending, Poll::Ready)
    }

    /// Asks the connection to end where its guest is no longer welcome.
    pub(crate) fn check(&self, rules: &Rules) {
        if !rules.welcome(&self.guest) {
            let why = "who may connect was changed meanwhile";
            self.evict(Close::by_broker(ReasonCode::NOT_AUTHORIZED, why), None);
        }
    }

    /// Asks the connection to end where a ban keeps its client out.
    pub(crate) fn check_ban(&self, bans: &Bans, client: &str, user_name: Option<&str>, now: Timestamp) {
        let visitor = Visitor { client, user_name, address: self.guest.address };
        if let Some(ban) = bans.of(visitor, now) {
            let why = format!("{} is banned (ban {})", ban.target, ban.number);
            // DISCONNECT knows no 0x8A (MQTT 5.0, 3.14.2.1), which the next CONNACK says.
            self.evict(Close::by_broker(ReasonCode::ADMINISTRATIVE_ACTION, why), None);
        }
    }

    fn evict(&self, close: Close, successor: Option<Successor>) {
        let mut eviction = self.eviction.lock();
        eviction.close.get_or_insert(close);
        if successor.is_some() {
            eviction.successor = successor;
        }
        drop(eviction);
        self.evicted.ring();
    }
}

/// What a new connection found.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) seat: Arc<Seat>,
    pub(crate) previous: Option<Previous>,
}

/// The session as it was left.
#[derive(Debug)]
pub(crate) struct Previous {
    pub(crate) session: Session,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) card: Arc<ClientCard>,
    /// A delayed Will Message: it is taken back if the session goes on, and due if it ends [MQTT-3.1.3-9].
    pub(crate) will: Option<Box<Will>>,
}

/// What is due for a client that is away.
#[derive(Debug)]
pub(crate) enum Due {
    Will { who: Who, will: Box<Will>, session: Option<SessionNumber> },
    Expired(Box<Ended>),
}

/// A session that is over; whoever gets it removes its subscriptions.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) client: ClientIdentifier,
    pub(crate) session: Session,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) card: Arc<ClientCard>,
    /// A delayed Will Message, which is due at the latest when the session ends [MQTT-3.1.3-9].
    pub(crate) will: Option<Box<Will>>,
}

/// What all sessions together hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    /// Messages that wait to be sent, and the bytes that they weigh; one that waits for two clients counts twice.
    pub(crate) waiting: usize,
    pub(crate) waiting_bytes: usize,
    /// Messages that were sent and wait for an acknowledgement.
    pub(crate) inflight: usize,
}

impl Registry {
    /// Claims the client's session for a new connection. The connection that holds it is asked to end.
    ///
    /// `card` and `outbox` are those of a new session; an old one keeps its own.
    pub(crate) async fn claim(
        &self,
        client: &ClientIdentifier,
        guest: Guest,
        takeover: Close,
        outbox: &Arc<Outbox>,
        card: &Arc<ClientCard>,
    ) -> Claimed {
        let seat = Arc::new(Seat { guest, eviction: Mutex::default(), evicted: Bell::default() });
        let (waiting, away, old) = {
            let clients = &mut *self.clients.lock();
            match clients.entries.get_mut(client) {
                None => {
                    let place = Place::Held(Arc::clone(&seat));
                    let entry = Entry { outbox: Arc::clone(outbox), card: Arc::clone(card), place };
                    clients.entries.insert(client.clone(), entry);
                    clients.held += 1;
                    return Claimed { seat, previous: None };
                }
                Some(entry) => {
                    let old = (Arc::clone(&entry.outbox), Arc::clone(&entry.card));
                    match std::mem::replace(&mut entry.place, Place::Held(Arc::clone(&seat))) {
                        Place::Held(holder) => {
                            let (handover, waiting) = oneshot::channel();
                            holder.evict(takeover, Some(Successor { handover }));
                            (Some(waiting), None, old)
                        }
                        Place::Away(away) => {
                            clients.held += 1;
                            if let Some(deadline) = away.deadline() {
                                clients.deadlines.remove(&(deadline, client.clone()));
                            }
                            (None, Some(away), old)
                        }
                    }
                }
            }
        };
        let handover = match waiting {
            // An error means that the holder is gone without a word: there is nothing to take over.
            Some(waiting) => waiting.await.ok(),
            None => away.map(|away| Handover { session: away.session, will: away.will.map(|(_, will)| will) }),
        };
        let (outbox, card) = old;
        let previous = handover.map(|Handover { session, will }| Previous { session, outbox, card, will });
        Claimed { seat, previous }
    }

    /// Puts a new session's outbox and card in the place of the old ones.
    pub(crate) fn renew(&self, client: &ClientIdentifier, outbox: &Arc<Outbox>, card: &Arc<ClientCard>) {
        if let Some(entry) = self.clients.lock().entries.get_mut(client) {
            entry.outbox = Arc::clone(outbox);
            entry.card = Arc::clone(card);
        }
    }

    /// Puts in a session that outlived the broker; its client is away.
    pub(crate) fn restore(
        &self,
        session: Session,
        outbox: Arc<Outbox>,
        card: Arc<ClientCard>,
        will: Option<(Instant, Box<Will>)>,
        expires: Option<Instant>,
    ) {
        let client = session.client().clone();
        let away = Away { session, will, expires };
        let clients = &mut *self.clients.lock();
        if let Some(deadline) = away.deadline() {
            clients.deadlines.insert((deadline, client.clone()));
            self.deadlines_changed.notify_one();
        }
        clients.entries.insert(client, Entry { outbox, card, place: Place::Away(Box::new(away)) });
    }

    /// Takes a session back from its connection: for the successor, to wait for the client, or to its end, which is
    /// returned. `will`: what is to be published unless the client is back in time.
    pub(crate) fn release(
        &self,
        seat: &Arc<Seat>,
        session: Session,
        will: Option<(Duration, Box<Will>)>,
        now: Instant,
    ) -> Option<Ended> {
        let client = session.client().clone();
        let survives = session.expiry_interval > 0;
        let clients = &mut *self.clients.lock();
        if let Some(successor) = seat.eviction.lock().successor.take() {
            // The successor ends the session where it must not go on: its own subscriptions come after that.
            let entry = clients.entries.get(&client)?;
            let (outbox, card) = (Arc::clone(&entry.outbox), Arc::clone(&entry.card));
            let handover = Handover { session, will: will.map(|(_, will)| will) };
            let Err(Handover { session, will }) = successor.handover.send(handover) else { return None };
            return Some(Ended { client, session, outbox, card, will });
        }
        let entry = clients.entries.get_mut(&client)?;
        if !survives {
            let entry = clients.entries.remove(&client)?;
            clients.held -= 1;
            let will = will.map(|(_, will)| will);
            return Some(Ended { client, session, outbox: entry.outbox, card: entry.card, will });
        }
        let expires = (session.expiry_interval != NEVER_EXPIRES)
            .then(|| now + Duration::from_secs(u64::from(session.expiry_interval)));
        let away = Away { session, will: will.map(|(delay, will)| (now + delay, will)), expires };
        if let Some(deadline) = away.deadline() {
            clients.deadlines.insert((deadline, client));
            self.deadlines_changed.notify_one();
        }
        entry.place = Place::Away(Box::new(away));
        clients.held -= 1;
        None
    }

    /// The earliest moment at which [`Self::take_due`] has something to give.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.clients.lock().deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// What is due by now.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<Due> {
        let clients = &mut *self.clients.lock();
        let mut due = Vec::new();
        while let Some((deadline, client)) = clients.deadlines.pop_first() {
            if deadline > now {
                clients.deadlines.insert((deadline, client));
                break;
            }
            let Some(Entry { place: Place::Away(away), outbox, .. }) = clients.entries.get_mut(&client) else {
                continue;
            };
            let session = outbox.session();
            if away.expires.is_some_and(|expires| expires <= now) {
                if let Some(Entry { outbox, card, place: Place::Away(away) }) = clients.entries.remove(&client) {
                    let Away { session, will, .. } = *away;
                    let will = will.map(|(_, will)| will);
                    due.push(Due::Expired(Box::new(Ended { client, session, outbox, card, will })));
                }
                continue;
            }
            if let Some((_, will)) = away.will.take() {
                due.push(Due::Will { who: outbox.who(), will, session });
            }
            if let Some(deadline) = away.deadline() {
                clients.deadlines.insert((deadline, client));
            }
        }
        due
    }

    /// Every Will Message that waits for its delay, at once: the broker stops.
    pub(crate) fn take_all_wills(&self) -> Vec<Due> {
        let clients = &mut *self.clients.lock();
        clients
            .entries
            .values_mut()
            .filter_map(|entry| match &mut entry.place {
                Place::Away(away) => away.will.take().map(|(_, will)| Due::Will {
                    who: entry.outbox.who(),
                    will,
                    session: entry.outbox.session(),
                }),
                Place::Held(_) => None,
            })
            .collect()
    }

    /// Asks a client's connection to end; `false` where it has none.
    pub(crate) fn evict(&self, client: &str, close: Close) -> bool {
        match self.clients.lock().entries.get(client) {
            Some(Entry { place: Place::Held(seat), .. }) => {
                seat.evict(close, None);
                true
            }
            _ => false,
        }
    }

    /// Ends the session of a client that is away; `None` where there is none.
    pub(crate) fn forget(&self, client: &str) -> Option<Ended> {
        let clients = &mut *self.clients.lock();
        let (client, entry) = clients.entries.remove_entry(client)?;
        match entry.place {
            Place::Held(_) => {
                clients.entries.insert(client, entry);
                None
            }
            Place::Away(away) => {
                if let Some(deadline) = away.deadline() {
                    clients.deadlines.remove(&(deadline, client.clone()));
                }
                let Away { session, will, .. } = *away;
                let will = will.map(|(_, will)| will);
                Some(Ended { client, session, outbox: entry.outbox, card: entry.card, will })
            }
        }
    }

    /// Asks every connection that is not wanted to end.
    pub(crate) fn evict_where(&self, unwanted: impl Fn(&Guest) -> bool, close: &Close) {
        for entry in self.clients.lock().entries.values() {
            if let Place::Held(seat) = &entry.place
                && unwanted(&seat.guest)
            {
                seat.evict(close.clone(), None);
            }
        }
    }

    /// Asks every connection to end that a ban keeps out.
    pub(crate) fn evict_banned(&self, bans: &Bans, now: Timestamp) {
        for (client, entry) in &self.clients.lock().entries {
            let Place::Held(seat) = &entry.place else { continue };
            let user_name = entry.card.about.lock().connection.user_name.clone();
            seat.check_ban(bans, client, user_name.as_deref(), now);
        }
    }

    /// How many clients are connected, and how many sessions there are in all.
    pub(crate) fn count(&self) -> (usize, usize) {
        let clients = &*self.clients.lock();
        (clients.held, clients.entries.len())
    }

    /// Everything that is known of every client, in no order.
    pub(crate) fn infos(&self) -> Vec<ClientInfo> {
        self.pairs().iter().map(|(card, outbox)| card.info(outbox)).collect()
    }

    /// What the queues of all sessions hold.
    pub(crate) fn queues(&self) -> Queues {
        let mut queues = Queues::default();
        for (card, outbox) in self.pairs() {
            let waiting = outbox.waiting();
            queues.waiting += waiting.messages;
            queues.waiting_bytes += waiting.bytes;
            queues.inflight += card.inflight.load(Ordering::Relaxed) as usize;
        }
        queues
    }

    /// Every card and outbox, to be looked at without holding up the registry.
    fn pairs(&self) -> Vec<(Arc<ClientCard>, Arc<Outbox>)> {
        let clients = &*self.clients.lock();
        clients.entries.values().map(|entry| (Arc::clone(&entry.card), Arc::clone(&entry.outbox))).collect()
    }

    /// Whether a client is connected; `None` where it has no session.
    pub(crate) fn is_connected(&self, client: &str) -> Option<bool> {
        let clients = &*self.clients.lock();
        clients.entries.get(client).map(|entry| matches!(entry.place, Place::Held(_)))
    }

    /// A client's card and outbox.
    pub(crate) fn find(&self, client: &str) -> Option<(Arc<ClientCard>, Arc<Outbox>)> {
        let clients = &*self.clients.lock();
        clients.entries.get(client).map(|entry| (Arc::clone(&entry.card), Arc::clone(&entry.outbox)))
    }
}
