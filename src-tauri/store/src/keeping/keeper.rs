//! The thread that finds what the rules let go of. It reads on a connection of its own, and has the writer delete.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightjar_mqtt::TopicName;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OptionalExtension};

use super::forget::steps;
use super::{Bounds, Keep, Keeping, Order};
use crate::moment;
use crate::postings::{Owner, SEGMENT, segment_of, segments};
use crate::schema::BLOCK;
use crate::store::Shared;

/// How often the rules are looked at.
const PERIOD: Duration = Duration::from_secs(30);
/// Messages that the writer deletes at once.
const STEP: i64 = 1_024;
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
            if let Err(error) = (Look { shared: &shared, rules: &rules }).run() {
                tracing::debug!(%error, "the keeping rules were not applied");
            }
            shared.keeper.answer(asked);
        }
    })
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
            let through = self.older_than(&reader, age)?;
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

    /// The last message of the oldest that are all older than that; what is older but came after younger ones, because
    /// the clock was set, stays with them.
    fn older_than(&self, reader: &Connection, age: Duration) -> rusqlite::Result<i64> {
        let cut = cut(age);
        let (first, last) = self.shared.extent();
        let mut through = first - 1;
        let mut select =
            reader.prepare_cached("SELECT number, latest_us FROM block WHERE number >= ?1 ORDER BY number")?;
        let mut rows = select.query([first.div_euclid(BLOCK)])?;
        while let Some(row) = rows.next()? {
            let (number, latest): (i64, i64) = row.try_into()?;
            if latest >= cut {
                break;
            }
            through = number * BLOCK + BLOCK - 1;
        }
        // Within the block that is not old as a whole, one by one.
        let mut select = reader.prepare_cached(
            "SELECT id FROM message WHERE id > ?1 AND id <= ?2 AND time_us >= ?3 ORDER BY id LIMIT 1",
        )?;
        let end = last.min(through + BLOCK);
        let young: Option<i64> = select.query_row((through, end, cut), |row| row.get(0)).optional()?;
        Ok(young.map_or(end, |young| young - 1))
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
                Keep::Nothing => {
                    for topic in topics {
                        self.forget_of_topic(topic, self.shared.extent().1)?;
                    }
                }
                Keep::Within(bounds) => self.apply(bounds, &topics)?,
            }
        }
        Ok(())
    }

    fn apply(&self, bounds: Bounds, topics: &[i64]) -> rusqlite::Result<()> {
        if let Some(age) = bounds.age.filter(|_| bounds.age != self.rules.longest()) {
            let reader = self.shared.readers.reader()?;
            let through = self.older_than(&reader, age)?;
            drop(reader);
            for &topic in topics {
                self.forget_of_topic(topic, through)?;
            }
        }
        if let Some(most) = bounds.messages {
            for &topic in topics {
                let (first, last) = self.shared.extent();
                let reader = self.shared.readers.reader()?;
                let limit = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
                let newest = self.shared.postings(&reader).newest(Owner::Topic(topic), first..=last, limit)?;
                drop(reader);
                if newest.len() == limit
                    && let Some(&through) = newest.last()
                {
                    self.forget_of_topic(topic, through)?;
                }
            }
        }
        if let Some(bytes) = bounds.bytes {
            let through = self.beyond_bytes(topics, bytes)?;
            for &topic in topics {
                self.forget_of_topic(topic, through)?;
            }
        }
        Ok(())
    }

    /// The newest message of the topics at which they have more bytes than that, counted from the newest on; 0 where they
    /// have no more.
    fn beyond_bytes(&self, topics: &[i64], bytes: u64) -> rusqlite::Result<i64> {
        let (first, last) = self.shared.extent();
        let reader = self.shared.readers.reader()?;
        let mut select = reader.prepare_cached("SELECT length(payload) FROM message WHERE id = ?1")?;
        let mut sum = 0;
        let mut ids = Vec::new();
        for window in segments(&(first..=last)).rev() {
            ids.clear();
            for &topic in topics {
                self.shared.postings(&reader).collect(Owner::Topic(topic), &window, &mut ids)?;
            }
            ids.sort_unstable();
            for &id in ids.iter().rev() {
                sum += select.query_row([id], |row| row.get::<_, u64>(0)).optional()?.unwrap_or(0);
                if sum > bytes {
                    return Ok(id);
                }
            }
        }
        Ok(0)
    }

    /// Deletes a topic's messages up to and with that id.
    fn forget_of_topic(&self, topic: i64, through: i64) -> rusqlite::Result<()> {
        let (first, last) = self.shared.extent();
        let mut ids = Vec::new();
        for window in segments(&(first..=through.min(last))) {
            ids.clear();
            let reader = self.shared.readers.reader()?;
            self.shared.postings(&reader).collect(Owner::Topic(topic), &window, &mut ids)?;
            drop(reader);
            for part in ids.chunks(STEP as usize) {
                debug_assert!(part.iter().all(|&id| segment_of(id) == segment_of(*window.start())), "{SEGMENT}");
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

fn cut(age: Duration) -> i64 {
    moment::now().micros().saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}

/// Bytes in use, and free pages.
fn pages(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let pragma =
        |name: &str| -> rusqlite::Result<u64> { connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get(0)) };
    let free = pragma("freelist_count")?;
    Ok(((pragma("page_count")? - free) * pragma("page_size")?, free))
}
