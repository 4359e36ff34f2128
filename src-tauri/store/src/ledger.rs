//! Writes records to the tables, a batch in a transaction. Knows nothing of queues and threads.

use std::collections::HashMap;
use std::sync::Arc;

use nightjar_broker::{Event, Record, RetainSource, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::error::is_full;
use crate::history::read_message;
use crate::keeping::{Keeping, Order};
use crate::message_rows::{MessageRow, MessageRows, MessageTable};
use crate::names::{ClientNumbers, KnownTopic, Slot, TopicNumbers};
use crate::open::Kept;
use crate::postings::{self, Entry, SEGMENT, Tail, segment_of, segments};
use crate::queue::Gap;
use crate::sessions::{self, SessionBook};
use crate::topics::Topics;
use crate::{keeping, schema};

/// The writing connection, and what is known of the tables so that they need not be asked.
#[derive(Debug)]
pub(crate) struct Ledger {
    connection: Connection,
    topics: TopicNumbers,
    clients: ClientNumbers,
    ends: Ends,
    /// Messages up to here are counted in `topic.messages`.
    counted_through: i64,
    /// Up to here messages were there already and could not be counted yet, because the disk was full.
    uncounted_through: Option<i64>,
    tail: Arc<Tail>,
    rules: Arc<Keeping>,
    sessions: SessionBook,
    /// For the batch at hand; kept for their allocations. Of each message its topic, and whether it was recorded; of each
    /// id that was given, whose message it is.
    slots: Vec<(Slot, bool)>,
    /// Of each message its row in the history, where it has one.
    ids: Vec<Option<i64>>,
    entries: Vec<Entry>,
    retained: HashMap<i64, Option<(i64, Option<String>)>>,
}

/// Where the tables end.
#[derive(Clone, Copy, Debug)]
struct Ends {
    next_message: i64,
    next_event: i64,
    /// Times of the messages of the block that is not full yet.
    block: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    earliest: i64,
    latest: i64,
}

impl Span {
    fn with(span: Option<Self>, time: i64) -> Self {
        let span = span.unwrap_or(Self { earliest: time, latest: time });
        Self { earliest: span.earliest.min(time), latest: span.latest.max(time) }
    }
}

/// The messages that the tables hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first: i64,
    /// `first` - 1 where there is none.
    pub(crate) last: i64,
}

impl Ledger {
    /// Takes over a database of the newest version, counts what was not counted when it was left, and reads the tail.
    pub(crate) fn new(mut connection: Connection) -> rusqlite::Result<Self> {
        connection.set_prepared_statement_cache_capacity(64);
        let Uncounted { after: counted_through, through } = count_topics(&mut connection)?;
        let uncounted_through = (through > counted_through).then_some(through);
        let last = |table: &str| -> rusqlite::Result<i64> {
            connection.query_row(&format!("SELECT coalesce(max(id), 0) FROM {table}"), (), |row| row.get(0))
        };
        // The newest messages may be deleted, but a number is never given twice.
        let next_message = last("message")?.max(last("held")?).max(counted_through) + 1;
        let next_event = last("event")? + 1;
        let block = connection.query_row(
            "SELECT min(time_us), max(time_us) FROM message WHERE id >= ?1",
            [next_message / schema::BLOCK * schema::BLOCK],
            |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?)),
        )?;
        let block = block.map(|(earliest, latest)| Span { earliest, latest });
        let sessions = SessionBook::open(&connection)?;
        let mut ledger = Self {
            connection,
            topics: TopicNumbers::default(),
            clients: ClientNumbers::default(),
            ends: Ends { next_message, next_event, block },
            counted_through,
            uncounted_through,
            tail: Arc::default(),
            rules: Arc::new(Keeping::everything()),
            sessions,
            slots: Vec::new(),
            ids: Vec::new(),
            entries: Vec::new(),
            retained: HashMap::new(),
        };
        ledger.read_tail()?;
        Ok(ledger)
    }

    /// Reads what no segment lists, and seals what is due: a database of an older version has no segments at all.
    fn read_tail(&mut self) -> rusqlite::Result<()> {
        let sealed: Option<i64> = self.connection.query_row("SELECT max(number) FROM segment", (), |row| row.get(0))?;
        let first: Option<i64> = self.connection.query_row(
            "SELECT min(id) FROM message WHERE id >= ?1",
            [sealed.map_or(0, |sealed| (sealed + 1) * SEGMENT)],
            |row| row.get(0),
        )?;
        let next = self.ends.next_message;
        self.tail.begin(segment_of(first.unwrap_or(next)) * SEGMENT);
        let Some(first) = first else { return Ok(()) };
        for ids in segments(&(first..=next - 1)) {
            self.tail.read(&self.connection, ids)?;
            match self.seal() {
                // Memory has what the lists would say, until there is room for them.
                Err(error) if is_full(&error) => {}
                sealed => sealed?,
            }
        }
        Ok(())
    }

    /// Commits the records as one transaction, or leaves the tables as they were.
    pub(crate) fn commit(&mut self, records: &[Record]) -> rusqlite::Result<()> {
        let ends = self.ends;
        let known = self.topics.len();
        self.slots.clear();
        self.ids.clear();
        self.entries.clear();
        self.retained.clear();
        let written = self.write(records);
        self.sessions.settle(written.is_ok());
        match written {
            Ok(()) => {
                let recorded = self.slots.iter().filter(|(_, recorded)| *recorded);
                let ids = (ends.next_message..).zip(&self.entries).filter(|(_, entry)| !entry.is_missing());
                for ((id, _), &(slot, _)) in ids.zip(recorded) {
                    let topic = self.topics.topic(slot);
                    topic.uncounted += 1;
                    topic.last_message = id;
                }
                self.tail.extend(ends.next_message, self.entries.drain(..));
                Ok(())
            }
            Err(error) => {
                self.ends = ends;
                self.topics.truncate(known);
                self.clients.clear();
                Err(error)
            }
        }
    }

    fn write(&mut self, records: &[Record]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut rows = MessageRows::new(&transaction, MessageTable::Message)?;
            let mut held_rows = MessageRows::new(&transaction, MessageTable::Held)?;
            let mut insert_event = transaction.prepare_cached(
                "INSERT INTO event (id, time_us, client_id, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let mut insert_block = transaction.prepare_cached("INSERT OR REPLACE INTO block VALUES (?1, ?2, ?3)")?;
            let mut find_topic = transaction.prepare_cached("SELECT id FROM topic WHERE name = ?1")?;
            let mut insert_topic = transaction.prepare_cached("INSERT INTO topic (name) VALUES (?1)")?;
            let mut find_client = transaction.prepare_cached("SELECT id FROM client WHERE name = ?1")?;
            let mut insert_client = transaction.prepare_cached("INSERT INTO client (name) VALUES (?1)")?;

            let mut has_sessions = false;
            for record in records {
                match record {
                    Record::Session(_) => has_sessions = true,
                    Record::Message { message, matched } => {
                        let slot = self.topics.find(&message.topic, &self.rules, &mut find_topic, &mut insert_topic)?;
                        let KnownTopic { id: topic, recorded, .. } = *self.topics.topic(slot);
                        let client = self.clients.find(&message.publisher, &mut find_client, &mut insert_client)?;
                        let id = self.ends.next_message;
                        self.slots.push((slot, recorded));
                        self.ids.push(recorded.then_some(id));
                        let retains = message.retain.then_some(!message.payload.is_empty());
                        if let Some(retains) = retains {
                            self.retained.insert(topic, retains.then(|| (id, source_text(message.source.as_ref()))));
                        }
                        let row = MessageRow { id, topic, client, matched: *matched, message };
                        if recorded {
                            rows.push(row)?;
                            self.entries.push(Entry { topic, client });
                        } else if retains == Some(true) {
                            held_rows.push(row)?;
                            self.entries.push(Entry::default());
                        } else {
                            continue;
                        }
                        self.ends.next_message += 1;
                        let span = if recorded {
                            Some(Span::with(self.ends.block, message.received.micros()))
                        } else {
                            self.ends.block
                        };
                        self.ends.block = span;
                        if self.ends.next_message % schema::BLOCK == 0 {
                            if let Some(span) = span {
                                insert_block.execute((id / schema::BLOCK, span.earliest, span.latest))?;
                            }
                            self.ends.block = None;
                        }
                    }
                    Record::Event(event) => {
                        let client = match &event.client {
                            None => None,
                            Some(client) => Some(self.clients.find(client, &mut find_client, &mut insert_client)?),
                        };
                        let Event { time, kind, detail, .. } = event;
                        let id = self.ends.next_event;
                        insert_event.execute(params![id, time.micros(), client, kind.name(), detail])?;
                        self.ends.next_event += 1;
                    }
                }
            }
            rows.finish()?;
            held_rows.finish()?;
            if has_sessions {
                self.sessions.write(&transaction, records, &self.ids)?;
            }
            let mut retain = transaction.prepare_cached("INSERT OR REPLACE INTO retained VALUES (?1, ?2, ?3)")?;
            let mut clear = transaction.prepare_cached("DELETE FROM retained WHERE topic_id = ?1")?;
            let mut let_go = transaction.prepare_cached("DELETE FROM held WHERE topic_id = ?1 AND id IS NOT ?2")?;
            for (topic, retained) in self.retained.drain() {
                let_go.execute((topic, retained.as_ref().map(|(message, _)| message)))?;
                match retained {
                    Some((message, source)) => retain.execute((topic, message, source))?,
                    None => clear.execute([topic])?,
                };
            }
        }
        transaction.commit()
    }

    /// Shows the live tree the messages of the records that were committed last, but for the first of the records.
    pub(crate) fn show(&mut self, records: &[Record], but: usize, tree: &Topics, now: Timestamp) {
        let Some(mut recorder) = tree.recorder(now) else { return };
        let mut slots = self.slots.iter();
        for (index, record) in records.iter().enumerate() {
            if let Record::Message { message, .. } = record
                && let Some(&(slot, _)) = slots.next()
                && index >= but
            {
                recorder.record(message, &mut self.topics.topic(slot).node);
            }
        }
    }

    /// Writes the counts of topics that changed, so that the next start need not count.
    pub(crate) fn write_counts(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(last) = self.uncounted_through {
            count_messages(&transaction, self.counted_through, last)?;
        }
        {
            let mut update = transaction
                .prepare_cached("UPDATE topic SET messages = messages + ?2, last_message = ?3 WHERE id = ?1")?;
            for topic in self.topics.uncounted() {
                update.execute((topic.id, topic.uncounted as i64, topic.last_message))?;
            }
            set_counted_through(&transaction, self.ends.next_message - 1)?;
        }
        transaction.commit()?;
        self.counted_through = self.ends.next_message - 1;
        self.uncounted_through = None;
        self.topics.set_counted();
        if self.topics.are_too_many() {
            self.topics.clear();
        }
        Ok(())
    }

    /// Whether the numbers of topics take so much room that [`Self::write_counts`] should forget them.
    pub(crate) fn remembers_too_much(&self) -> bool {
        self.topics.are_too_many()
    }

    /// Seals what is due.
    pub(crate) fn seal(&mut self) -> rusqlite::Result<()> {
        while self.tail.is_due() {
            postings::seal(&mut self.connection, &self.tail)?;
        }
        Ok(())
    }

    /// Whether [`Self::sweep`] may have something to do.
    pub(crate) const fn is_sweeping(&self) -> bool {
        self.sessions.is_sweeping()
    }

    /// Deletes some of the entries of queues that were let go of. Returns how many.
    pub(crate) fn sweep(&mut self) -> rusqlite::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let deleted = self.sessions.sweep_on(&transaction)?;
        transaction.commit()?;
        Ok(deleted)
    }

    /// Deletes the oldest messages, up to `count`. Returns the topics that lost messages, and how many each.
    pub(crate) fn drop_oldest(&mut self, count: i64) -> rusqlite::Result<Vec<(String, u64)>> {
        let through: Option<i64> = self.connection.query_row(
            "SELECT max(id) FROM (SELECT id FROM message ORDER BY id LIMIT ?1)",
            [count],
            |row| row.get(0),
        )?;
        match through {
            None => Ok(Vec::new()),
            Some(through) => self.carry_out(&Order::ForgetThrough(through)),
        }
    }

    /// Does what the keeping rules ask for. Returns the topics that lost messages, and how many each.
    pub(crate) fn carry_out(&mut self, order: &Order) -> rusqlite::Result<Vec<(String, u64)>> {
        let newest = match order {
            Order::ForgetThrough(through) => *through,
            Order::Forget(ids) => ids.last().copied().unwrap_or(0),
            Order::ForgetEvents(_) | Order::GiveBack(_) => 0,
        };
        if newest > self.counted_through {
            self.write_counts()?;
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut lost = Vec::new();
        match order {
            Order::ForgetThrough(through) => lost = keeping::forget_through(&transaction, *through)?,
            Order::Forget(ids) => lost = keeping::forget(&transaction, ids)?,
            Order::ForgetEvents(through) => keeping::forget_events(&transaction, *through)?,
            Order::GiveBack(pages) => {
                let mut vacuum = transaction.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
                let mut rows = vacuum.query(())?;
                while rows.next()?.is_some() {}
            }
        }
        transaction.commit()?;
        match order {
            Order::ForgetThrough(through) => self.tail.remove_through(*through),
            Order::Forget(ids) => self.tail.remove(ids),
            Order::ForgetEvents(_) | Order::GiveBack(_) => {}
        }
        Ok(lost)
    }

    /// Records what the rules say from here on.
    pub(crate) fn set_rules(&mut self, rules: Arc<Keeping>) -> rusqlite::Result<()> {
        self.write_counts()?;
        self.topics.clear();
        self.rules = rules;
        Ok(())
    }

    pub(crate) fn rules(&self) -> &Arc<Keeping> {
        &self.rules
    }

    /// Writes down that something is missing.
    pub(crate) fn record_gap(&mut self, gap: &Gap) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT INTO gap (from_us, to_us, messages, events, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![gap.from.micros(), gap.to.micros(), gap.unrecorded(), gap.events, gap.reason.as_str()])?;
        Ok(())
    }

    /// The first and the last message.
    pub(crate) fn extent(&self) -> rusqlite::Result<Extent> {
        let first: Option<i64> = self.connection.query_row("SELECT min(id) FROM message", (), |row| row.get(0))?;
        let last = self.ends.next_message - 1;
        Ok(Extent { first: first.unwrap_or(last + 1), last })
    }

    /// How many messages there are.
    pub(crate) fn messages(&self) -> rusqlite::Result<u64> {
        self.connection.query_row(
            "SELECT coalesce(sum(messages), 0) + (SELECT count(*) FROM message WHERE id > ?1) FROM topic",
            [self.counted_through],
            |row| row.get(0),
        )
    }

    /// Bytes of the database, without what deleted messages have left free.
    pub(crate) fn size(&self) -> rusqlite::Result<u64> {
        let pragma = |name: &str| -> rusqlite::Result<u64> {
            self.connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get(0))
        };
        Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn tail(&self) -> &Arc<Tail> {
        &self.tail
    }

    /// How many messages of the batch at hand are in the history.
    pub(crate) fn recorded(&self) -> u64 {
        self.slots.iter().filter(|(_, recorded)| *recorded).count() as u64
    }

    pub(crate) fn last_message(&self) -> i64 {
        self.ends.next_message - 1
    }
}

/// Messages that `topic.messages` does not count, the first not included.
struct Uncounted {
    after: i64,
    through: i64,
}

/// Counts the messages that came after `topic.messages` was written last: after a crash, the last few seconds' worth. On a
/// disk that is full, they are left uncounted.
fn count_topics(connection: &mut Connection) -> rusqlite::Result<Uncounted> {
    let after = connection
        .query_row("SELECT value FROM meta WHERE name = 'counted_through'", (), |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let last: Option<i64> = connection.query_row("SELECT max(id) FROM message", (), |row| row.get(0))?;
    let through = last.unwrap_or(0).max(after);
    if through == after {
        return Ok(Uncounted { after, through });
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let counted = count_messages(&transaction, after, through)
        .and_then(|()| set_counted_through(&transaction, through))
        .and_then(|()| transaction.commit());
    match counted {
        Ok(()) => Ok(Uncounted { after: through, through }),
        Err(error) if is_full(&error) => Ok(Uncounted { after, through }),
        Err(error) => Err(error),
    }
}

/// Counts the messages after that one up to and with that one.
fn count_messages(transaction: &Connection, after: i64, through: i64) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE topic SET messages = topic.messages + fresh.messages, last_message = fresh.last_message
         FROM (SELECT topic_id, count(*) AS messages, max(id) AS last_message
               FROM message WHERE id > ?1 AND id <= ?2 GROUP BY topic_id) AS fresh
         WHERE fresh.topic_id = topic.id",
        [after, through],
    )?;
    Ok(())
}

fn set_counted_through(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('counted_through', ?1)")?.execute([last])?;
    Ok(())
}

/// A guest is the empty text, which is the name of no account.
fn source_text(source: Option<&RetainSource>) -> Option<String> {
    source.map(|source| match source {
        RetainSource::Guest => String::new(),
        RetainSource::Account(name) => name.to_string(),
    })
}

fn source_of_text(text: String) -> RetainSource {
    if text.is_empty() { RetainSource::Guest } else { RetainSource::Account(text.into()) }
}

/// What the broker gets back when it starts.
pub(crate) fn kept(connection: &Connection) -> rusqlite::Result<Kept> {
    let mut select = connection.prepare(
        "SELECT message.time_us, topic.name, client.name, qos, retain, properties, payload, source
         FROM retained
         JOIN (SELECT * FROM message UNION ALL SELECT * FROM held) AS message ON message.id = retained.message_id
         JOIN topic ON topic.id = retained.topic_id
         JOIN client ON client.id = message.client_id",
    )?;
    let mut rows = select.query(())?;
    let mut retained = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(mut message) = read_message(row)? else { continue };
        message.source = row.get::<_, Option<String>>(7)?.map(source_of_text);
        retained.push(Arc::new(message));
    }
    let ever_connected =
        connection.query_row("SELECT EXISTS (SELECT 1 FROM event WHERE kind = 'connected')", (), |row| row.get(0))?;
    Ok(Kept { retained, sessions: sessions::sessions(connection)?, ever_connected })
}
