//! What the rules denied: for whoever looks, and as events, of which a flood of the same makes one a minute.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Decider, Operation, RuleNumber, Who};
use crate::clock::{self, Moment};
use crate::{ClientIdentifier, Timestamp};

/// Denials that are remembered at once; beyond it, the half that was heard of longest ago is forgotten.
const REMEMBERED: usize = 1_000;
/// The same denial becomes an event so often at most.
const REPEATED: Duration = Duration::from_secs(60);
/// Events of one report at most; the rest are summed up in one more.
const REPORTED: usize = 20;

/// Something that a client was denied, as often as it tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub client: ClientIdentifier,
    /// The account that it was let in with.
    pub user: Option<String>,
    /// Where it last tried it from; `None` where it was away: its Will Message.
    pub address: Option<SocketAddr>,
    pub operation: Operation,
    /// It was about its Will Message, which is published for it.
    pub is_will: bool,
    /// The Topic Name or Topic Filter.
    pub topic: String,
    /// The rule that denied it last; `None` where no rule matched.
    pub rule: Option<RuleNumber>,
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// What a client was denied, once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denied<'d> {
    pub(crate) who: &'d Who,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) operation: Operation,
    pub(crate) is_will: bool,
    pub(crate) topic: &'d str,
    pub(crate) decider: Decider,
}

/// An event to be recorded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) client: Option<ClientIdentifier>,
    pub(crate) detail: String,
}

#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<Key, Known>,
    /// Of denials that were forgotten before they became an event.
    unreported: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    client: ClientIdentifier,
    operation: Operation,
    is_will: bool,
    topic: Box<str>,
}

#[derive(Debug)]
struct Known {
    user: Option<std::sync::Arc<str>>,
    address: Option<SocketAddr>,
    decider: Decider,
    count: u64,
    unreported: u64,
    reported: Option<Instant>,
    first: Timestamp,
    last: Moment,
}

impl Denials {
    pub(crate) fn note(&self, refused: Denied<'_>) {
        let Denied { who, address, operation, is_will, topic, decider } = refused;
        let key = Key { client: who.client.clone(), operation, is_will, topic: topic.into() };
        let now = clock::now();
        let memory = &mut *self.0.lock();
        if memory.known.len() >= REMEMBERED && !memory.known.contains_key(&key) {
            memory.forget_oldest();
        }
        let known = memory.known.entry(key).or_insert_with(|| Known {
            user: None,
            address: None,
            decider,
            count: 0,
            unreported: 0,
            reported: None,
            first: now.wall,
            last: now,
        });
        known.user.clone_from(&who.user);
        known.address = address;
        known.decider = decider;
        known.count += 1;
        known.unreported += 1;
        known.last = now;
    }

    /// The events that are due.
    pub(crate) fn take_reports(&self, now: Instant) -> Vec<Report> {
        let memory = &mut *self.0.lock();
        let is_due = |known: &Known| {
            known.unreported > 0
                && known.reported.is_none_or(|reported| now.saturating_duration_since(reported) >= REPEATED)
        };
        let mut reports = Vec::new();
        for (key, known) in memory.known.iter_mut().filter(|(_, known)| is_due(known)) {
            let count = std::mem::take(&mut known.unreported);
            known.reported = Some(now);
            if reports.len() < REPORTED {
                reports.push(Report { client: Some(key.client.clone()), detail: sentence(key, known, count) });
            } else {
                memory.unreported += count;
            }
        }
        if memory.unreported > 0 {
            let count = std::mem::take(&mut memory.unreported);
            let detail = format!("{count} more messages and subscriptions were refused by the rules");
            reports.push(Report { client: None, detail });
        }
        reports
    }

    /// What was denied of late, the last first.
    pub(crate) fn all(&self) -> Vec<Denial> {
        let memory = &*self.0.lock();
        let mut all: Vec<_> = memory.known.iter().map(|(key, known)| (known.last.steady, denial(key, known))).collect();
        all.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
        all.into_iter().map(|(_, denial)| denial).collect()
    }
}

impl Memory {
    fn forget_oldest(&mut self) {
        let mut times: Vec<_> = self.known.values().map(|known| known.last.steady).collect();
        let middle = times.len() / 2;
        let (_, &mut middle, _) = times.select_nth_unstable(middle);
        let mut unreported = 0;
        self.known.retain(|_, known| {
            let stays = known.last.steady > middle;
            unreported += if stays { 0 } else { known.unreported };
            stays
        });
        self.unreported += unreported;
    }
}

fn denial(key: &Key, known: &Known) -> Denial {
    Denial {
        client: key.client.clone(),
        user: known.user.as_deref().map(str::to_owned),
        address: known.address,
        operation: key.operation,
        is_will: key.is_will,
        topic: key.topic.to_string(),
        rule: match known.decider {
            Decider::Rule(number) => Some(number),
            Decider::Otherwise => None,
        },
        count: known.count,
        first: known.first,
        last: known.last.wall,
    }
}

fn sentence(key: &Key, known: &Known, count: u64) -> String {
    let what = match (key.operation, key.is_will) {
        (_, true) => "its Will Message to",
        (Operation::Publish, false) => "publishing to",
        (Operation::Subscribe, false) => "subscription to",
    };
    let mut sentence = format!("{what} {}: {}", key.topic, known.decider);
    // Writing to a String does not fail.
    if let Some(user) = &known.user {
        let _ = write!(sentence, ", user {user}");
    }
    if let Some(address) = known.address {
        let _ = write!(sentence, ", from {address}");
    }
    if count > 1 {
        let _ = write!(sentence, ", {count} times");
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(denials: &Denials, client: &str, topic: &str) {
        let who = Who::new(ClientIdentifier::new(client), Some("tv".into()));
        let address = "192.168.1.7:5".parse().ok();
        let decider = Decider::Rule(RuleNumber(3));
        let operation = Operation::Publish;
        denials.note(Denied { who: &who, address, operation, is_will: false, topic, decider });
    }

    fn details(reports: &[Report]) -> Vec<&str> {
        reports.iter().map(|report| &*report.detail).collect()
    }

    #[test]
    fn a_flood_of_the_same_is_one_event_a_minute() {
        let (denials, now) = (Denials::default(), clock::now().steady);
        (0..1_000).for_each(|_| note(&denials, "a", "x/y"));
        let first = denials.take_reports(now);
        assert_eq!(details(&first), ["publishing to x/y: rule 3 denies it, user tv, from 192.168.1.7:5, 1000 times"]);
        (0..10).for_each(|_| note(&denials, "a", "x/y"));
        assert_eq!(denials.take_reports(now + REPEATED / 2), []);
        let second = denials.take_reports(now + REPEATED);
        assert_eq!(details(&second), ["publishing to x/y: rule 3 denies it, user tv, from 192.168.1.7:5, 10 times"]);
        assert_eq!(denials.take_reports(now + 3 * REPEATED), []);
        assert_eq!(denials.all().iter().map(|denial| denial.count).collect::<Vec<_>>(), [1_010]);
    }

    #[test]
    fn a_flood_of_many_kinds_is_summed_up_and_bounded() {
        let (denials, now) = (Denials::default(), clock::now().steady);
        (0..5_000).for_each(|number| note(&denials, "a", &number.to_string()));
        assert!(denials.all().len() <= REMEMBERED);
        let reports = denials.take_reports(now);
        assert_eq!(reports.len(), REPORTED + 1);
        let more = format!("{} more messages and subscriptions were refused by the rules", 5_000 - REPORTED);
        assert_eq!(details(&reports)[REPORTED], more);
        assert_eq!(denials.take_reports(now + REPEATED), []);
        assert!(denials.all().iter().any(|denial| denial.topic == "4999"), "the last is remembered");
    }
}
