//! The way through the history: which messages have what is wanted, in order, segment by segment.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use nightjar_mqtt::{QoS, TopicFilter, TopicName};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::blocks::{Stretch, TimeRange, stretches};
use super::contains::Needle;
use super::search::{Order, Search};
use crate::JsonCondition;
use crate::postings::{Owner, Postings, TopicSet, segments};

/// How long one statement reads. It holds its view of the database for that long, and the log can't be cut meanwhile.
const STEP: Duration = Duration::from_millis(200);
/// Rows after which the visitor is told how far the walk is.
const TELL: u32 = 256;

/// Candidates that are read rather than looked for among those with RETAIN.
const FEW: usize = 64;

/// Why a walk ends before it has seen everything.
#[derive(Debug)]
pub(crate) enum Stop {
    Cancelled,
    Enough,
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Who is shown what the walk finds, in order.
pub(crate) trait Visitor {
    /// Whether it is shown every message with [`Self::message`], which reads them all.
    const READS: bool;

    /// All of these are wanted.
    fn ids(&mut self, ids: RangeInclusive<i64>) -> Result<(), Stop>;

    /// This one is wanted.
    fn message(&mut self, id: i64, time_us: i64, payload: &[u8]) -> Result<(), Stop>;

    /// How far the walk is, from 0 to 1; called often. An error ends the walk.
    fn is_at(&mut self, share: f64) -> Result<(), Stop>;
}

/// A search, as the tables see it.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    connection: &'a Connection,
    postings: Postings<'a>,
    order: Order,
    wanted: Wanted,
    topics: Option<Vec<i64>>,
    client: Option<i64>,
    /// Where to look, in order.
    stretches: Vec<Stretch>,
    total: u64,
}

/// What a message must have, beside the right topic and client.
#[derive(Debug)]
struct Wanted {
    time: TimeRange,
    qos: Option<QoS>,
    retain: Option<bool>,
    needle: Option<Needle>,
    json: Option<JsonCondition>,
}

impl Wanted {
    fn reads_payload(&self) -> bool {
        self.needle.is_some() || self.json.is_some()
    }

    fn is_in(&self, payload: &[u8]) -> bool {
        self.needle.as_ref().is_none_or(|needle| needle.is_in(payload))
            && self.json.as_ref().is_none_or(|json| json.is_met_by(payload))
    }

    /// Whether a message of the time range has it whatever its row says.
    fn is_everything(&self) -> bool {
        self.qos.is_none() && self.retain.is_none() && !self.reads_payload()
    }
}

impl<'a> Walk<'a> {
    /// Looks up what the search names; `None` where the history does not know it, so that nothing is found.
    pub(crate) fn new(
        connection: &'a Connection,
        postings: Postings<'a>,
        search: &Search,
        bounds: &RangeInclusive<i64>,
    ) -> rusqlite::Result<Option<Self>> {
        let client = match &search.client {
            None => None,
            Some(name) => match id_of(connection, "SELECT id FROM client WHERE name = ?1", name)? {
                None => return Ok(None),
                id => id,
            },
        };
        let topics = match &search.filter {
            None => None,
            Some(filter) => topics(connection, filter)?,
        };
        let wanted = Wanted {
            time: TimeRange { from: search.from, to: search.to },
            qos: search.qos,
            retain: search.retain,
            needle: Needle::new(&search.text),
            json: search.json.clone(),
        };
        let mut stretches = stretches(connection, wanted.time, *bounds.start(), *bounds.end())?;
        if search.order == Order::OldestFirst {
            stretches.reverse();
        }
        let total = stretches.iter().map(Stretch::len).sum();
        Ok(Some(Self { connection, postings, order: search.order, wanted, topics, client, stretches, total }))
    }

    /// Shows the visitor all that is wanted.
    pub(crate) fn run<V: Visitor>(&self, visitor: &mut V) -> Result<(), Stop> {
        let mut before = 0;
        for stretch in &self.stretches {
            let mut windows: Vec<_> = segments(&stretch.ids).collect();
            if self.order == Order::NewestFirst {
                windows.reverse();
            }
            for window in windows {
                self.look_at(&window, stretch.whole, before, visitor)?;
                before += (window.end() - window.start() + 1).unsigned_abs();
                visitor.is_at(self.share(before))?;
            }
        }
        Ok(())
    }

    fn share(&self, looked_at: u64) -> f64 {
        if self.total == 0 { 1.0 } else { looked_at as f64 / self.total as f64 }
    }

    fn look_at<V: Visitor>(
        &self,
        window: &RangeInclusive<i64>,
        is_whole: bool,
        before: u64,
        visitor: &mut V,
    ) -> Result<(), Stop> {
        let need_not_read = is_whole && self.wanted.is_everything() && !V::READS;
        match self.candidates(window)? {
            None if need_not_read && self.postings.is_dense(window)? => visitor.ids(window.clone()),
            None => self.scan(window, None, before, visitor),
            Some(ids) if need_not_read => {
                for id in self.in_order(&ids) {
                    visitor.ids(id..=id)?;
                }
                Ok(())
            }
            // Many are read faster in passing than each looked up.
            Some(ids) if ids.len() as i64 > (window.end() - window.start()) / 4 => {
                self.scan(window, Some(&ids), before, visitor)
            }
            Some(ids) => self.look_up(&ids, before, window, visitor),
        }
    }

    /// Ascending ids, in the order of the walk.
    fn in_order<'b>(&self, ids: &'b [i64]) -> Box<dyn Iterator<Item = i64> + 'b> {
        match self.order {
            Order::NewestFirst => Box::new(ids.iter().rev().copied()),
            Order::OldestFirst => Box::new(ids.iter().copied()),
        }
    }

    /// The messages of a window that have the right topic and client; `None` for all. Ascending.
    fn candidates(&self, window: &RangeInclusive<i64>) -> rusqlite::Result<Option<Vec<i64>>> {
        let mut ids = Vec::new();
        match (&self.topics, self.client) {
            (None, None) if self.wanted.retain == Some(true) => return Ok(Some(self.retained(window)?)),
            (None, None) => return Ok(None),
            (Some(topics), None) => self.of_topics(topics, window, &mut ids)?,
            (None, Some(client)) => self.postings.collect(Owner::Client(client), window, &mut ids)?,
            (Some(topics), Some(client)) => {
                self.of_topics(topics, window, &mut ids)?;
                let mut of_client = Vec::new();
                if !ids.is_empty() {
                    self.postings.collect(Owner::Client(client), window, &mut of_client)?;
                }
                ids.retain(|id| of_client.binary_search(id).is_ok());
            }
        }
        if self.wanted.retain == Some(true) && ids.len() > FEW {
            let retained = self.retained(window)?;
            ids.retain(|id| retained.binary_search(id).is_ok());
        }
        Ok(Some(ids))
    }

    /// The messages of a window that were published with RETAIN, ascending.
    fn retained(&self, window: &RangeInclusive<i64>) -> rusqlite::Result<Vec<i64>> {
        let mut select = self.connection.prepare_cached(
            "SELECT id FROM message INDEXED BY message_retain
             WHERE retain AND retain = 1 AND id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        select.query_map((window.start(), window.end()), |row| row.get(0))?.collect()
    }

    fn of_topics(&self, topics: &[i64], window: &RangeInclusive<i64>, ids: &mut Vec<i64>) -> rusqlite::Result<()> {
        match topics {
            &[topic] => self.postings.collect(Owner::Topic(topic), window, ids),
            topics => self.postings.collect_topics(&TopicSet::new(topics), window, ids),
        }
    }

    /// Reads the messages of a window, or those among them that are given, one after the other.
    fn scan<V: Visitor>(
        &self,
        window: &RangeInclusive<i64>,
        only: Option<&[i64]>,
        before: u64,
        visitor: &mut V,
    ) -> Result<(), Stop> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT id, time_us, {} FROM message NOT INDEXED
             WHERE id BETWEEN ?1 AND ?2 AND time_us BETWEEN ?3 AND ?4
                   AND (?5 IS NULL OR qos = ?5) AND (?6 IS NULL OR retain = ?6)
             ORDER BY id {}",
            self.payload_column::<V>(),
            match self.order {
                Order::NewestFirst => "DESC",
                Order::OldestFirst => "ASC",
            }
        ))?;
        let (from, to) = self.wanted.time.micros();
        let (mut first, mut last) = (*window.start(), *window.end());
        while first <= last {
            let step = Instant::now();
            let mut seen = 0_u32;
            let qos = self.wanted.qos.map(QoS::level);
            let mut rows = select.query(params![first, last, from, to, qos, self.wanted.retain])?;
            let mut left = None;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                if only.is_none_or(|only| only.binary_search(&id).is_ok()) {
                    self.show(row, id, visitor)?;
                }
                seen += 1;
                if seen.is_multiple_of(TELL) {
                    let passed = match self.order {
                        Order::NewestFirst => window.end() - id,
                        Order::OldestFirst => id - window.start(),
                    };
                    visitor.is_at(self.share(before + passed.unsigned_abs()))?;
                    if step.elapsed() > STEP {
                        left = Some(id);
                        break;
                    }
                }
            }
            match (left, self.order) {
                (None, _) => break,
                (Some(id), Order::NewestFirst) => last = id - 1,
                (Some(id), Order::OldestFirst) => first = id + 1,
            }
        }
        Ok(())
    }

    /// Reads these messages of a window.
    fn look_up<V: Visitor>(
        &self,
        ids: &[i64],
        before: u64,
        window: &RangeInclusive<i64>,
        visitor: &mut V,
    ) -> Result<(), Stop> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT id, time_us, {} FROM message
             WHERE id = ?1 AND time_us BETWEEN ?2 AND ?3 AND (?4 IS NULL OR qos = ?4) AND (?5 IS NULL OR retain = ?5)",
            self.payload_column::<V>()
        ))?;
        let (from, to) = self.wanted.time.micros();
        let qos = self.wanted.qos.map(QoS::level);
        let length = (window.end() - window.start() + 1) as f64;
        for (number, id) in (1_u32..).zip(self.in_order(ids)) {
            {
                let mut rows = select.query(params![id, from, to, qos, self.wanted.retain])?;
                if let Some(row) = rows.next()? {
                    self.show(row, id, visitor)?;
                }
            }
            if number.is_multiple_of(TELL) {
                let passed = length * f64::from(number) / ids.len() as f64;
                visitor.is_at(self.share(before + passed as u64))?;
            }
        }
        Ok(())
    }

    fn payload_column<V: Visitor>(&self) -> &'static str {
        if V::READS || self.wanted.reads_payload() { "payload" } else { "x''" }
    }

    fn show<V: Visitor>(&self, row: &Row<'_>, id: i64, visitor: &mut V) -> Result<(), Stop> {
        let payload = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        if self.wanted.is_in(payload) { visitor.message(id, row.get(1)?, payload) } else { Ok(()) }
    }
}

fn id_of(connection: &Connection, sql: &str, name: &str) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()
}

/// The topics that the filter matches, ascending; `None` for all.
pub(super) fn topics(connection: &Connection, filter: &TopicFilter) -> rusqlite::Result<Option<Vec<i64>>> {
    if !filter.contains(['+', '#']) && filter.shared().is_none() {
        let id = id_of(connection, "SELECT id FROM topic WHERE name = ?1", filter)?;
        return Ok(Some(id.into_iter().collect()));
    }
    let mut matching = Vec::new();
    let mut select = connection.prepare("SELECT id, name FROM topic ORDER BY id")?;
    let mut rows = select.query(())?;
    let mut all = true;
    while let Some(row) = rows.next()? {
        if TopicName::new(row.get_ref(1)?.as_str()?).is_ok_and(|name| filter.matches(&name)) {
            matching.push(row.get(0)?);
        } else {
            all = false;
        }
    }
    Ok(if all { None } else { Some(matching) })
}
