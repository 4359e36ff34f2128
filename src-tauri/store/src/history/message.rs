use std::fmt;
use std::io::Read;

use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, Message, Timestamp};
use nightjar_mqtt::{PublishProperties, QoS, TopicName};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};

use super::time_travel::read_all;
use crate::postings::Owner;
use crate::{ReadError, Store, properties};

/// A message's number in the history; ascends in the order in which the broker took them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub u64);

impl MessageId {
    pub(crate) fn from_row(id: i64) -> Self {
        Self(id.unsigned_abs())
    }

    /// Numbers that no row can have become one that no row has.
    pub(crate) fn row(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// A message of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    pub id: MessageId,
    pub received: Timestamp,
    pub topic: TopicName,
    pub publisher: ClientIdentifier,
    pub qos: QoS,
    pub retain: bool,
    pub properties: Option<Box<PublishProperties>>,
    /// Sessions that it was routed to.
    pub matched: u32,
    /// Bytes of the payload.
    pub size: u64,
    /// The payload, or its beginning where a limit was given and it is longer.
    pub payload: Bytes,
}

impl StoredMessage {
    /// Whether `payload` is all of it.
    pub fn is_whole(&self) -> bool {
        self.payload.len() as u64 == self.size
    }
}

/// What [`read`] expects of a statement, but for its `WHERE`; `?1` is the most bytes of a payload to read with the row.
const SELECT: &str = "
    SELECT time_us, topic.name, client.name, qos, retain, properties,
           CASE WHEN length(payload) <= ?1 THEN payload END, message.id, matched, length(payload)
    FROM message JOIN topic ON topic.id = message.topic_id JOIN client ON client.id = message.client_id";

/// The same of a message that is no longer in the history, but that a topic retains. The payload is read as a whole.
const SELECT_HELD: &str = "
    SELECT time_us, topic.name, client.name, qos, retain, properties, payload, held.id, matched, length(payload)
    FROM held JOIN topic ON topic.id = held.topic_id JOIN client ON client.id = held.client_id WHERE held.id = ?1";

/// Payloads up to this size are read with their row even where less is asked for: a second look costs more.
const READ_WITH_ROW: usize = 4_096;

/// What to bind as `?1`.
pub(crate) fn read_with_row(limit: usize) -> i64 {
    i64::try_from(limit.max(READ_WITH_ROW)).unwrap_or(i64::MAX)
}

/// Reads a row of [`SELECT`] with at most `limit` bytes of payload; `None` where its topic is none, which only damage
/// brings about.
pub(crate) fn read(connection: &Connection, row: &Row<'_>, limit: usize) -> rusqlite::Result<Option<StoredMessage>> {
    let id: i64 = row.get(7)?;
    let Some(topic) = topic(row, 1)? else { return Ok(None) };
    let payload = match row.get_ref(6)?.as_blob_or_null()? {
        Some(payload) => Bytes::copy_from_slice(&payload[..payload.len().min(limit)]),
        None => beginning(connection, id, limit)?,
    };
    Ok(Some(StoredMessage {
        id: MessageId::from_row(id),
        received: Timestamp::from_micros(row.get(0)?),
        topic,
        publisher: ClientIdentifier::new(row.get_ref(2)?.as_str()?),
        qos: QoS::from_level(row.get(3)?).unwrap_or_default(),
        retain: row.get(4)?,
        properties: row.get_ref(5)?.as_blob_or_null()?.and_then(properties::decode).map(Box::new),
        matched: row.get(8)?,
        size: row.get(9)?,
        payload,
    }))
}

fn topic(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<TopicName>> {
    Ok(TopicName::new(row.get::<_, String>(column)?).ok())
}

/// The first bytes of a long payload, without reading the rest of it.
pub(crate) fn beginning(connection: &Connection, id: i64, limit: usize) -> rusqlite::Result<Bytes> {
    let blob = connection.blob_open("main", "message", "payload", id, true)?;
    let mut payload = Vec::with_capacity(limit.min(blob.len()));
    blob.take(limit as u64)
        .read_to_end(&mut payload)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    Ok(payload.into())
}

/// A message as it was published, from a row of time, topic, client, QoS, RETAIN, properties and payload.
pub(crate) fn read_message(row: &Row<'_>) -> rusqlite::Result<Option<Message>> {
    let Some(topic) = topic(row, 1)? else { return Ok(None) };
    Ok(Some(Message {
        topic,
        payload: row.get::<_, Vec<u8>>(6)?.into(),
        qos: QoS::from_level(row.get(3)?).unwrap_or_default(),
        retain: row.get(4)?,
        properties: row.get_ref(5)?.as_blob_or_null()?.and_then(properties::decode).map(Box::new),
        publisher: ClientIdentifier::new(row.get_ref(2)?.as_str()?),
        source: None,
        received: Timestamp::from_micros(row.get(0)?),
    }))
}

/// Prepares to read messages one by one.
pub(crate) fn by_id(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached(&format!("{SELECT} WHERE message.id = ?2"))
}

/// A message that a topic retains, and the history has let go of.
pub(super) fn read_held(connection: &Connection, id: i64, limit: usize) -> rusqlite::Result<Option<StoredMessage>> {
    let mut select = connection.prepare_cached(SELECT_HELD)?;
    Ok(select.query_row([id], |row| read(connection, row, limit)).optional()?.flatten())
}

impl Store {
    /// A message of the history, or one that a topic retains, with at most `limit` bytes of its payload.
    pub fn message(&self, id: MessageId, limit: usize) -> Result<Option<StoredMessage>, ReadError> {
        let reader = self.shared.readers.reader()?;
        Ok(read_all(&reader, &[id.row()], limit)?.pop())
    }

    /// Messages of the history, or that topics retain, in the order as given, each with at most `limit` bytes of its
    /// payload. Those that are gone are left out.
    pub fn messages(&self, ids: &[MessageId], limit: usize) -> Result<Vec<StoredMessage>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let ids: Vec<_> = ids.iter().map(|id| id.row()).collect();
        read_all(&reader, &ids, limit)
    }

    /// The message before it on the same topic.
    pub fn previous_on_topic(&self, id: MessageId, limit: usize) -> Result<Option<StoredMessage>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let topic: Option<i64> = reader
            .prepare_cached("SELECT topic_id FROM message WHERE id = ?1")?
            .query_row([id.row()], |row| row.get(0))
            .optional()?;
        let Some(topic) = topic else { return Ok(None) };
        let older = self.shared.extent().0..=id.row() - 1;
        let previous = self.shared.postings(&reader).newest(Owner::Topic(topic), older, 1)?.pop();
        drop(reader);
        match previous {
            None => Ok(None),
            Some(previous) => self.message(MessageId::from_row(previous), limit),
        }
    }

    /// The messages that the topics' Retained Messages are, where they have one, in the same order.
    pub fn retained_ids<'a>(
        &self,
        topics: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Option<MessageId>>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let mut select = reader.prepare_cached(
            "SELECT message_id FROM retained WHERE topic_id = (SELECT id FROM topic WHERE name = ?1)",
        )?;
        let mut ids = Vec::new();
        for topic in topics {
            let id: Option<i64> = select.query_row([topic], |row| row.get(0)).optional()?;
            ids.push(id.map(MessageId::from_row));
        }
        Ok(ids)
    }
}
