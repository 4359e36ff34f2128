//! The thread that finds what the rules let go of. It reads on a connection of its own, and has the writer delete.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightjar_broker::Timestamp;
use nightjar_mqtt::TopicName;
use parking_lot::{Condvar, Mutex};

use super::cuts::{beyond_bytes, cut, older_than, pages};
use super::forget::steps;
use super::{Bounds, Keep, Keeping, Order};
use crate::moment;
use crate::postings::{Owner, SEGMENT, segment_of, segments};
use crate::store::Shared;

/// How often the rules are looked at.
const PERIOD: Duration = Duration::from_secs(30);
/// Messages that the writer deletes at once.
const STEP: i64 = 1_024;
/// The same for messages from the midst of others, each of which takes several times as long.
const RULE_STEP: usize = 512;
/// Free pages that may stay for what comes next, and that are given back at once.
const FREE_PAGES: u64 = 4_096;
const GIVEN_BACK: u32 = 256;

/// The rules, and when they are looked at.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rules: Arc<Keeping>,
    /// Somebody asked for a look at the rules, so often; and so often they were looked at.
    asked: u64,
    answered: u64,
    closed: bool,
    pruning: Pruning,
}

/// What the keeping rules are letting go of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruning {
    /// Messages are being deleted.
    pub at_work: bool,
    /// Messages deleted so far or, where none are being deleted, the last time that any were.
    pub deleted: u64,
    /// When that ended.
    pub ended: Option<Timestamp>,
    /// Why the rules could not be applied at the last attempt.
    pub failed: Option<String>,
}

impl Keeper {
    pub(crate) fn new(rules: Keeping) -> Self {
        let state = State { rules: Arc::new(rules), ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(crate) fn rules(&self) -> Arc<Keeping> {
        Arc::clone(&self.state.lock().rules)
    }

    pub(crate) fn set_rules(&self, rules: Keeping) {
        let mut state = self.state.lock();
        state.rules = Arc::new(rules);
        state.asked += 1;
        self.changed.notify_all();
    }

    /// Has the rules looked at, and waits until that is done.
    pub(crate) fn keep_to_rules(&self) {
        let mut state = self.state.lock();
        state.asked += 1;
        let wanted = state.asked;
        self.changed.notify_all();
        while state.answered < wanted && !state.closed {
            self.changed.wait(&mut state);
        }
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn pruning(&self) -> Pruning {
        self.state.lock().pruning.clone()
    }

    /// The writer has deleted messages.
    pub(crate) fn deleted(&self, messages: u64) {
        let Pruning { at_work, deleted, .. } = &mut self.state.lock().pruning;
        if messages > 0 {
            *deleted = if *at_work { *deleted } else { 0 } + messages;
            *at_work = true;
        }
    }

    fn ended(&self, outcome: rusqlite::Result<()>) {
        let pruning = &mut self.state.lock().pruning;
        if pruning.at_work {
            pruning.at_work = false;
            pruning.ended = Some(moment::now());
        }
        pruning.failed = outcome.err().map(|error| error.to_string());
    }

    /// Waits for the next look; `None` once closed.
    fn wait(&self) -> Option<(Arc<Keeping>, u64)> {
        let mut state = self.state.lock();
        if state.answered >= state.asked && !state.closed {
            self.changed.wait_for(&mut state, PERIOD);
        }
        (!state.closed).then(|| (Arc::clone(&state.rules), state.asked))
    }

    fn answer(&self, asked: u64) {
        self.state.lock().answered = asked;
        self.changed.notify_all();
    }
}

/// Starts the thread.
pub(crate) fn start(shared: Arc<Shared>) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("keeping".to_owned()).spawn(move || {
        while let Some((rules, asked)) = shared.keeper.wait() {
            let outcome = Look { shared: &shared, rules: &rules }.run();
            if let Err(error) = &outcome {
                tracing::debug!(%error, "the keeping rules were not applied");
            }
            shared.keeper.ended(outcome);
            shared.keeper.answer(asked);
        }
    })
}

fn all_through(topics: &[i64], through: i64) -> Vec<(i64, i64)> {
    topics.iter().map(|&topic| (topic, through)).collect()
}

/// One look at the rules.
struct Look<'a> {
    shared: &'a Shared,
    rules: &'a Keeping,
}

impl Look<'_> {
    fn run(&self) -> rusqlite::Result<()> {
        if let Some(age) = self.rules.longest() {
            let reader = self.shared.readers.reader()?;
            let through = older_than(self.shared, &reader, age)?;
            drop(reader);
            self.forget_through(through);
        }
        self.stay_below_file_bound()?;
        if self.rules.has_shorter() {
            self.apply_each_rule()?;
        }
        self.forget_events()?;
        self.give_back()
    }

    fn carry_out(&self, order: Order) -> bool {
        self.shared.orders.carry_out(order, || self.shared.queue.poke())
    }

    fn forget_through(&self, through: i64) {
        let (first, last) = self.shared.extent();
        for end in steps(&(first..=through.min(last)), STEP) {
            if !self.carry_out(Order::ForgetThrough(end)) {
                return;
            }
        }
    }

    fn stay_below_file_bound(&self) -> rusqlite::Result<()> {
        let Some(bound) = self.rules.file else { return Ok(()) };
        loop {
            let reader = self.shared.readers.reader()?;
            let (used, _) = pages(&reader)?;
            let through: Option<i64> = reader
                .prepare_cached("SELECT max(id) FROM (SELECT id FROM message ORDER BY id LIMIT ?1)")?
                .query_row([STEP], |row| row.get(0))?;
            drop(reader);
            match through {
                Some(through) if used > bound => {
                    if !self.carry_out(Order::ForgetThrough(through)) {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// Rules that let messages go from the midst of others.
    fn apply_each_rule(&self) -> rusqlite::Result<()> {
        let mut by_rule: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        {
            let reader = self.shared.readers.reader()?;
            let mut select = reader.prepare("SELECT id, name FROM topic WHERE messages > 0 OR last_message IS NULL")?;
            let mut rows = select.query(())?;
            while let Some(row) = rows.next()? {
                if let Ok(name) = TopicName::new(row.get::<_, String>(1)?) {
                    by_rule.entry(self.rules.rule_of(&name)).or_default().push(row.get(0)?);
                }
            }
        }
        for (rule, topics) in by_rule {
            match self.rules.keep(rule) {
                Keep::Nothing => self.forget_of_topics(&all_through(&topics, self.shared.extent().1))?,
                Keep::Within(bounds) => self.apply(bounds, &topics)?,
            }
        }
        Ok(())
    }

    fn apply(&self, bounds: Bounds, topics: &[i64]) -> rusqlite::Result<()> {
        if let Some(age) = bounds.age.filter(|_| bounds.age != self.rules.longest()) {
            let reader = self.shared.readers.reader()?;
            let through = older_than(self.shared, &reader, age)?;
            drop(reader);
            self.forget_of_topics(&all_through(topics, through))?;
        }
        if let Some(most) = bounds.messages {
            let mut beyond = Vec::new();
            for &topic in topics {
                let (first, last) = self.shared.extent();
                let reader = self.shared.readers.reader()?;
                let limit = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
                let newest = self.shared.postings(&reader).newest(Owner::Topic(topic), first..=last, limit)?;
                drop(reader);
                if newest.len() == limit
                    && let Some(&through) = newest.last()
                {
                    beyond.push((topic, through));
                }
            }
            self.forget_of_topics(&beyond)?;
        }
        if let Some(bytes) = bounds.bytes {
            let through = beyond_bytes(self.shared, topics, bytes, None)?.unwrap_or(0);
            self.forget_of_topics(&all_through(topics, through))?;
        }
        Ok(())
    }

    /// Deletes the messages of topics up to and with an id of each. Those of all topics go together, segment by segment:
    /// each order costs a commit, and a list of each publisher's messages that is written anew.
    fn forget_of_topics(&self, topics: &[(i64, i64)]) -> rusqlite::Result<()> {
        let Some(through) = topics.iter().map(|&(_, through)| through).max() else { return Ok(()) };
        let (first, last) = self.shared.extent();
        let mut ids = Vec::new();
        for window in segments(&(first..=through.min(last))) {
            ids.clear();
            let reader = self.shared.readers.reader()?;
            for &(topic, through) in topics.iter().filter(|(_, through)| through >= window.start()) {
                let window = *window.start()..=through.min(*window.end());
                self.shared.postings(&reader).collect(Owner::Topic(topic), &window, &mut ids)?;
            }
            drop(reader);
            // A topic's messages stay together, so that its list is written once, but ascend within an order.
            for part in ids.chunks_mut(RULE_STEP) {
                debug_assert!(part.iter().all(|&id| segment_of(id) == segment_of(*window.start())), "{SEGMENT}");
                part.sort_unstable();
                if !self.carry_out(Order::Forget(part.to_vec())) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn forget_events(&self) -> rusqlite::Result<()> {
        let reader = self.shared.readers.reader()?;
        let Bounds { age, messages, .. } = self.rules.events;
        let aged: i64 = match age {
            None => 0,
            Some(age) => reader
                .prepare_cached(
                    "SELECT coalesce(min(id) - 1, (SELECT max(id) FROM event), 0) FROM event WHERE time_us >= ?1",
                )?
                .query_row([cut(age)], |row| row.get(0))?,
        };
        let beyond: i64 = match messages {
            None => 0,
            Some(most) => reader
                .prepare_cached("SELECT coalesce((SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET ?1), 0)")?
                .query_row([i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))?,
        };
        let first: Option<i64> = reader.query_row("SELECT min(id) FROM event", (), |row| row.get(0))?;
        drop(reader);
        let Some(first) = first else { return Ok(()) };
        for end in steps(&(first..=aged.max(beyond)), STEP) {
            if !self.carry_out(Order::ForgetEvents(end)) {
                break;
            }
        }
        Ok(())
    }

    /// Gives pages that nobody needs back to the disk.
    fn give_back(&self) -> rusqlite::Result<()> {
        loop {
            let reader = self.shared.readers.reader()?;
            let (_, free) = pages(&reader)?;
            let mode: i64 = reader.query_row("PRAGMA auto_vacuum", (), |row| row.get(0))?;
            drop(reader);
            // A file of the first version can't give pages back; it uses them again.
            let is_incremental = mode == 2;
            if !is_incremental || free <= FREE_PAGES || !self.carry_out(Order::GiveBack(GIVEN_BACK)) {
                return Ok(());
            }
            let reader = self.shared.readers.reader()?;
            if pages(&reader)?.1 >= free {
                return Ok(());
            }
        }
    }
}
