//! Puts the sessions that the journal kept back in their places, as those of clients that are away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nightjar_mqtt::Will;

use crate::Timestamp;
use crate::access::Who;
use crate::client_card::{ClientCard, ConnectionInfo};
use crate::clock::Moment;
use crate::kept::KeptSession;
use crate::outbox::{InJournal, Outbox};
use crate::session::{Link, NEVER_EXPIRES, Session};
use crate::session_record::{Place, SessionRecord};
use crate::shared::Shared;

/// Orders that are passed over where what was given last is not known: half of the Packet Identifiers, so that a message
/// that comes first has none that was in use.
const UNCERTAIN: u64 = 32_768;

/// Puts them all back. Those that ended with the broker come last, so that the others get their Will Messages.
pub(crate) fn restore(shared: &Shared, mut sessions: Vec<KeptSession>, now: Moment) {
    sessions.sort_by_key(|kept| kept.expiry_interval == 0);
    for kept in sessions {
        restore_one(shared, kept, now);
    }
}

fn restore_one(shared: &Shared, kept: KeptSession, now: Moment) {
    let KeptSession { number, client, user, address, version, expiry_interval, was_connected, since, .. } = kept;
    shared.next_session.fetch_max(number.0 + 1, Ordering::Relaxed);
    let will = kept.will.map(|(due, will)| (will_due(now, due, &will), will));
    if expiry_interval == 0 {
        // It ended with its connection, which ended with the broker.
        let end = SessionRecord::Ended { session: number };
        match will {
            Some((_, will)) => shared.publish_will(Who::new(client, user), *will, Some(end)),
            None => shared.keep(end),
        }
        return;
    }
    let journal = InJournal { session: number, progress: shared.journal.progress() };
    let mut queue = kept.queue;
    if was_connected {
        // It is not known how far it was sent, nor what was sent before it was kept.
        queue.sent_below = queue.sent_below.max(queue.first + 2 * u64::from(shared.limits().maximum_inflight));
        queue.next += UNCERTAIN;
    }
    let outbox = Arc::new(Outbox::restored(client.clone(), &shared.limits(), journal, queue));
    outbox.set_user(user.clone());
    let connection = ConnectionInfo {
        address,
        version,
        user_name: user.as_deref().map(str::to_owned),
        keep_alive: 0,
        clean_start: false,
        session_expiry_interval: expiry_interval,
        receive_maximum: shared.limits().maximum_inflight,
        will: will.as_ref().map(|(_, will)| will.clone()),
    };
    let away_since = if was_connected { now.wall } else { since };
    let card = ClientCard::new(connection, away_since);
    {
        let about = &mut *card.about.lock();
        about.connected = false;
        about.last_disconnect = was_connected.then(|| "Nightjar ended without a word".to_owned());
        about.subscriptions = kept.subscriptions.iter().cloned().collect();
    }
    shared.router.subscribe(&outbox, &kept.subscriptions);
    let mut session = Session::kept(client, expiry_interval, Link::new(version, 0, 0, 0, 0, now.steady));
    let released = kept.released.into_iter().map(|order| Place { session: number, order });
    session.restore(released, kept.received, queue.sent_below);
    card.inflight.store(session.inflight() as u32, Ordering::Relaxed);
    let expires = (expiry_interval != NEVER_EXPIRES).then(|| {
        let passed = u64::from(now.wall.seconds_since(away_since));
        now.steady + Duration::from_secs(u64::from(expiry_interval).saturating_sub(passed))
    });
    shared.registry.restore(session, outbox, Arc::new(card), will, expires);
}

/// When a Will Message is due: where the connection ended with the broker, after its delay from now.
fn will_due(now: Moment, due: Option<Timestamp>, will: &Will) -> Instant {
    let delay = match due {
        Some(due) => Duration::from_micros(due.micros().saturating_sub(now.wall.micros()).max(0).unsigned_abs()),
        None => Duration::from_secs(u64::from(will.properties.will_delay_interval.unwrap_or(0))),
    };
    now.steady + delay
}
