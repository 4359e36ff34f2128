//! Writes what happens to sessions. What begins and ends within one batch is never written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use nightjar_broker::{Message, Place, Queued, Record, SessionAbout, SessionAway, SessionRecord, Source};
use nightjar_mqtt::{PublishProperties, Will};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::sweep::{self, Swept};
use crate::names::find_or_insert;
use crate::properties;

/// What the writer knows of kept sessions.
#[derive(Debug, Default)]
pub(crate) struct SessionBook {
    /// What comes late for a session that is over is not written.
    live: HashSet<u64>,
    /// Entries that were done before they came: the client was faster than the publisher's append.
    early: HashSet<Place>,
    /// How to undo what a batch changed of both, should it not be committed.
    undo: Vec<Undo>,
    /// The number of the last message that only a queue has; they descend from -1.
    last_own: i64,
    /// Entries may be left that are to be swept.
    is_sweeping: bool,
}

#[derive(Clone, Copy, Debug)]
enum Undo {
    Begun(u64),
    Ended(u64),
    CameEarly(Place),
    Met(Place),
}

/// What a batch adds, unless it takes it away itself.
#[derive(Default)]
struct Additions<'r> {
    /// Entries that may be deleted at once.
    budget: usize,
    queued: Vec<Option<Entry<'r>>>,
    index: HashMap<Place, usize>,
    released: BTreeSet<Place>,
    received: BTreeSet<(u64, u16)>,
}

/// A row of `queue`.
struct Entry<'r> {
    queued: &'r Queued,
    message: Where<'r>,
}

#[derive(Clone, Copy)]
enum Where<'r> {
    History(i64),
    /// To be written for the queue alone.
    Own(&'r Message),
}

impl SessionBook {
    pub(crate) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        let mut select = connection.prepare("SELECT number FROM session")?;
        let live = select.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let last_own =
            connection.query_row("SELECT min(0, coalesce(min(id), 0)) FROM waiting", (), |row| row.get(0))?;
        let is_sweeping = sweep::is_due(connection)?;
        Ok(Self { live, last_own, is_sweeping, ..Self::default() })
    }

    /// Writes the records of sessions in a batch. `ids` says of each message in it which row of the history it is, if any.
    pub(crate) fn write(
        &mut self,
        transaction: &Connection,
        records: &[Record],
        ids: &[Option<i64>],
    ) -> rusqlite::Result<()> {
        let mut tables = Tables::of(transaction)?;
        let mut additions = Additions { budget: sweep::STEP, ..Additions::default() };
        let mut ids = ids.iter();
        let mut before = None;
        for record in records {
            match record {
                Record::Event(_) => {}
                Record::Message { message, .. } => {
                    let id = ids.next().copied().flatten();
                    before = Some(id.map_or(Where::Own(message), Where::History));
                }
                Record::Session(record) => self.take(record, before, &mut tables, &mut additions)?,
            }
        }
        for entry in additions.queued.into_iter().flatten() {
            let message = match entry.message {
                Where::History(id) => id,
                Where::Own(message) => {
                    self.last_own -= 1;
                    tables.insert_waiting(self.last_own, message)?;
                    self.last_own
                }
            };
            tables.insert_queued(entry.queued, message)?;
        }
        for place in additions.released {
            tables.insert_released.execute(key(place))?;
        }
        for (session, packet_identifier) in additions.received {
            tables.insert_received.execute((session as i64, packet_identifier))?;
        }
        Ok(())
    }

    fn take<'r>(
        &mut self,
        record: &'r SessionRecord,
        before: Option<Where<'r>>,
        tables: &mut Tables<'_>,
        additions: &mut Additions<'r>,
    ) -> rusqlite::Result<()> {
        match record {
            SessionRecord::Opened { session, about } => {
                tables.open(session.0, about)?;
                if self.live.insert(session.0) {
                    self.undo.push(Undo::Begun(session.0));
                }
            }
            SessionRecord::Away { session, away } => tables.leave(session.0, away)?,
            SessionRecord::WillDone { session } => tables.end_will(session.0)?,
            SessionRecord::Ended { session } => {
                let session = session.0;
                additions.forget(session);
                let early: Vec<_> = self.early.iter().filter(|place| place.session.0 == session).copied().collect();
                for place in early {
                    self.meet(place);
                }
                if self.live.remove(&session) {
                    self.undo.push(Undo::Ended(session));
                    tables.end(session)?;
                    self.sweep(session, &(0..u64::MAX), tables, additions)?;
                }
            }
            SessionRecord::Purged { session, orders } => {
                additions.forget_queued(session.0, orders);
                self.sweep(session.0, orders, tables, additions)?;
            }
            SessionRecord::Subscribed { session, filter, state, version } if self.live.contains(&session.0) => {
                let options = &state.options;
                tables
                    .connection
                    .prepare_cached("INSERT OR REPLACE INTO subscription VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
                    .execute(params![
                        session.0 as i64,
                        filter.as_ref() as &str,
                        version.level(),
                        options.maximum_qos.level(),
                        options.no_local,
                        options.retain_as_published,
                        options.retain_handling as u8,
                        state.identifier,
                    ])?;
            }
            SessionRecord::Unsubscribed { session, filter } => {
                tables
                    .connection
                    .prepare_cached("DELETE FROM subscription WHERE session = ?1 AND filter = ?2")?
                    .execute((session.0 as i64, filter.as_ref() as &str))?;
            }
            SessionRecord::Queued(queued) => {
                let message = match &queued.source {
                    Source::Before => before,
                    Source::Own { message, instead_of } => {
                        if let Some(place) = *instead_of {
                            self.finish(place, tables, additions)?;
                        }
                        Some(Where::Own(message))
                    }
                };
                let place = queued.place;
                if let Some(message) = message
                    && self.live.contains(&place.session.0)
                    && !self.meet(place)
                {
                    additions.index.insert(place, additions.queued.len());
                    additions.queued.push(Some(Entry { queued, message }));
                }
            }
            SessionRecord::Done(place) => self.finish(*place, tables, additions)?,
            SessionRecord::Released(place) => {
                self.finish(*place, tables, additions)?;
                if self.live.contains(&place.session.0) {
                    additions.released.insert(*place);
                }
            }
            SessionRecord::Completed(place) => {
                if !additions.released.remove(place) {
                    tables.delete_released.execute(key(*place))?;
                }
            }
            SessionRecord::Received { session, packet_identifier } if self.live.contains(&session.0) => {
                additions.received.insert((session.0, packet_identifier.value()));
            }
            SessionRecord::ReceivedDone { session, packet_identifier } => {
                let packet_identifier = packet_identifier.value();
                if !additions.received.remove(&(session.0, packet_identifier)) {
                    tables.delete_received.execute((session.0 as i64, packet_identifier))?;
                }
            }
            SessionRecord::Subscribed { .. } | SessionRecord::Received { .. } => {}
        }
        Ok(())
    }

    /// Takes an entry out of its queue, or remembers that it is not to be put in.
    fn finish(&mut self, place: Place, tables: &mut Tables<'_>, additions: &mut Additions<'_>) -> rusqlite::Result<()> {
        if let Some(index) = additions.index.remove(&place) {
            additions.queued[index] = None;
        } else if !tables.delete_queued(place)? && self.live.contains(&place.session.0) && self.early.insert(place) {
            self.undo.push(Undo::CameEarly(place));
        }
        Ok(())
    }

    /// Takes all entries with these orders out of a queue.
    fn sweep(
        &mut self,
        session: u64,
        orders: &Range<u64>,
        tables: &Tables<'_>,
        additions: &mut Additions<'_>,
    ) -> rusqlite::Result<()> {
        let number = |order| i64::try_from(order).unwrap_or(i64::MAX);
        let swept = Swept { session: session as i64, orders: number(orders.start)..number(orders.end) };
        if swept.begin(tables.connection, &mut additions.budget)? {
            self.is_sweeping = true;
        }
        Ok(())
    }

    /// Whether [`Self::sweep_on`] may have something to do.
    pub(crate) const fn is_sweeping(&self) -> bool {
        self.is_sweeping
    }

    /// Carries on with what is to be swept, within a transaction of its own. Returns how many entries it deleted.
    pub(crate) fn sweep_on(&mut self, transaction: &Connection) -> rusqlite::Result<usize> {
        let deleted = sweep::step(transaction)?;
        self.is_sweeping = sweep::is_due(transaction)?;
        Ok(deleted)
    }

    /// Whether an entry was done before it came.
    fn meet(&mut self, place: Place) -> bool {
        let was_early = self.early.remove(&place);
        if was_early {
            self.undo.push(Undo::Met(place));
        }
        was_early
    }

    /// The batch is committed, or it is not and all is as it was before.
    pub(crate) fn settle(&mut self, committed: bool) {
        while let Some(undo) = self.undo.pop() {
            if committed {
                continue;
            }
            match undo {
                Undo::Begun(session) => self.live.remove(&session),
                Undo::Ended(session) => self.live.insert(session),
                Undo::CameEarly(place) => self.early.remove(&place),
                Undo::Met(place) => self.early.insert(place),
            };
        }
    }
}

impl Additions<'_> {
    fn forget_queued(&mut self, session: u64, orders: &Range<u64>) {
        let queued = &mut self.queued;
        self.index.retain(|place, index| {
            let stays = place.session.0 != session || !orders.contains(&place.order);
            if !stays {
                queued[*index] = None;
            }
            stays
        });
    }

    fn forget(&mut self, session: u64) {
        self.forget_queued(session, &(0..u64::MAX));
        self.released.retain(|place| place.session.0 != session);
        self.received.retain(|(of, _)| *of != session);
    }
}

/// The statements that come often.
struct Tables<'c> {
    connection: &'c Connection,
    insert_queued: CachedStatement<'c>,
    delete_queued: CachedStatement<'c>,
    let_go: CachedStatement<'c>,
    insert_released: CachedStatement<'c>,
    delete_released: CachedStatement<'c>,
    insert_received: CachedStatement<'c>,
    delete_received: CachedStatement<'c>,
}

impl<'c> Tables<'c> {
    fn of(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            insert_queued: connection.prepare_cached("INSERT OR REPLACE INTO queue VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?,
            delete_queued: connection
                .prepare_cached("DELETE FROM queue WHERE session = ?1 AND number = ?2 RETURNING message_id")?,
            let_go: connection.prepare_cached(
                "DELETE FROM waiting WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM queue WHERE message_id = ?1)",
            )?,
            insert_released: connection.prepare_cached("INSERT OR REPLACE INTO released VALUES (?1, ?2)")?,
            delete_released: connection.prepare_cached("DELETE FROM released WHERE session = ?1 AND number = ?2")?,
            insert_received: connection.prepare_cached("INSERT OR REPLACE INTO received VALUES (?1, ?2)")?,
            delete_received: connection
                .prepare_cached("DELETE FROM received WHERE session = ?1 AND packet_identifier = ?2")?,
        })
    }

    fn insert_queued(&mut self, queued: &Queued, message: i64) -> rusqlite::Result<()> {
        let (session, number) = key(queued.place);
        let identifiers: Vec<u8> = queued.identifiers.iter().flat_map(|identifier| identifier.to_be_bytes()).collect();
        let identifiers = (!identifiers.is_empty()).then_some(identifiers);
        self.insert_queued.execute(params![
            session,
            number,
            message,
            queued.qos.level(),
            queued.retain,
            identifiers
        ])?;
        Ok(())
    }

    /// Returns whether it was there.
    fn delete_queued(&mut self, place: Place) -> rusqlite::Result<bool> {
        let message: Option<i64> = self.delete_queued.query_row(key(place), |row| row.get(0)).optional()?;
        if let Some(message) = message {
            self.let_go.execute([message])?;
        }
        Ok(message.is_some())
    }

    fn insert_waiting(&self, id: i64, message: &Message) -> rusqlite::Result<()> {
        let mut column = Vec::new();
        let properties = message.properties.as_ref().map(|properties| {
            properties::encode(properties, &mut column);
            &column[..]
        });
        self.connection
            .prepare_cached(
                "INSERT INTO waiting (id, time_us, topic_id, client_id, qos, retain, matched, properties, payload)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)",
            )?
            .execute(params![
                id,
                message.received.micros(),
                self.topic(&message.topic)?,
                self.client(&message.publisher)?,
                message.qos.level(),
                message.retain,
                properties,
                &message.payload[..],
            ])?;
        Ok(())
    }

    fn topic(&self, name: &str) -> rusqlite::Result<i64> {
        let mut select = self.connection.prepare_cached("SELECT id FROM topic WHERE name = ?1")?;
        find_or_insert(name, &mut select, &mut self.connection.prepare_cached("INSERT INTO topic (name) VALUES (?1)")?)
    }

    fn client(&self, name: &str) -> rusqlite::Result<i64> {
        let mut select = self.connection.prepare_cached("SELECT id FROM client WHERE name = ?1")?;
        find_or_insert(name, &mut select, &mut self.connection.prepare_cached("INSERT INTO client (name) VALUES (?1)")?)
    }

    fn open(&self, session: u64, about: &SessionAbout) -> rusqlite::Result<()> {
        let SessionAbout { client, user, address, version, expiry_interval, since, will } = about;
        let client = self.client(client)?;
        self.connection
            .prepare_cached(
                "INSERT INTO session (number, client_id, address, version, expiry_interval, since_us, connected, user)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)
                 ON CONFLICT (number) DO UPDATE SET address = ?3, version = ?4, expiry_interval = ?5, since_us = ?6,
                     connected = 1, user = ?7",
            )?
            .execute(params![
                session as i64,
                client,
                address.to_string(),
                version.level(),
                expiry_interval,
                since.micros(),
                user.as_deref(),
            ])?;
        match will {
            Some(will) => self.set_will(session, will),
            None => self.end_will(session),
        }
    }

    fn set_will(&self, session: u64, will: &Will) -> rusqlite::Result<()> {
        let Will { topic, payload, qos, retain, properties } = will;
        let mut column = Vec::new();
        let published = PublishProperties {
            payload_format_indicator: properties.payload_format_indicator,
            message_expiry_interval: properties.message_expiry_interval,
            content_type: properties.content_type.clone(),
            response_topic: properties.response_topic.clone(),
            correlation_data: properties.correlation_data.clone(),
            user_properties: properties.user_properties.clone(),
            ..PublishProperties::default()
        };
        properties::encode(&published, &mut column);
        self.connection
            .prepare_cached(
                "UPDATE session SET will_topic = ?2, will_payload = ?3, will_qos = ?4, will_retain = ?5, will_delay = ?6,
                     will_properties = ?7, will_due_us = NULL
                 WHERE number = ?1",
            )?
            .execute(params![
                session as i64,
                &**topic,
                &payload[..],
                qos.level(),
                retain,
                properties.will_delay_interval,
                column,
            ])?;
        Ok(())
    }

    fn end_will(&self, session: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE session SET will_topic = NULL, will_payload = NULL, will_properties = NULL, will_due_us = NULL
                 WHERE number = ?1",
            )?
            .execute([session as i64])?;
        Ok(())
    }

    fn leave(&self, session: u64, away: &SessionAway) -> rusqlite::Result<()> {
        let SessionAway { since, expiry_interval, will_due, next_order, sent_below } = away;
        self.connection
            .prepare_cached(
                "UPDATE session SET connected = 0, since_us = ?2, expiry_interval = ?3, will_due_us = ?4, next_order = ?5,
                     sent_below = ?6
                 WHERE number = ?1",
            )?
            .execute(params![
                session as i64,
                since.micros(),
                expiry_interval,
                will_due.map(nightjar_broker::Timestamp::micros),
                *next_order as i64,
                *sent_below as i64,
            ])?;
        if will_due.is_none() { self.end_will(session) } else { Ok(()) }
    }

    fn end(&self, session: u64) -> rusqlite::Result<()> {
        let session = session as i64;
        for statement in [
            "DELETE FROM released WHERE session = ?1",
            "DELETE FROM received WHERE session = ?1",
            "DELETE FROM subscription WHERE session = ?1",
            "DELETE FROM session WHERE number = ?1",
        ] {
            self.connection.prepare_cached(statement)?.execute([session])?;
        }
        Ok(())
    }
}

/// The columns that an entry is found by.
fn key(place: Place) -> (i64, i64) {
    (place.session.0 as i64, place.order as i64)
}
