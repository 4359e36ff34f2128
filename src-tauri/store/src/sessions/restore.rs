//! What a start gets back.

use std::iter::Peekable;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, KeptQueue, KeptSession, SessionNumber, SubscriptionState, Timestamp};
use nightjar_mqtt::{
    PacketIdentifier, ProtocolVersion, QoS, RetainHandling, SubscriptionOptions, TopicFilter, TopicName, Will,
    WillProperties,
};
use rusqlite::{Connection, Row};

use super::sweep::unswept;
use crate::properties;

/// Entries of a queue that are weighed; the others are taken to be like them.
const WEIGHED: i64 = 10_000;
/// What [`nightjar_broker::Message::weight`] adds to topic and payload.
const OVERHEAD: i64 = 128;

/// Every session that is kept. Each table is read once, in the order of the sessions: a start with 100,000 of them has no
/// time for statements of their own for each.
pub(crate) fn sessions(connection: &Connection) -> rusqlite::Result<Vec<KeptSession>> {
    let mut select = connection.prepare(
        "SELECT number, client.name, address, version, expiry_interval, since_us, connected, next_order, sent_below,
                will_topic, will_payload, will_qos, will_retain, will_delay, will_properties, will_due_us,
                user
         FROM session JOIN client ON client.id = session.client_id ORDER BY number",
    )?;
    let mut subscribed = connection.prepare(
        "SELECT session, filter, version, maximum_qos, no_local, retain_as_published, retain_handling, identifier
         FROM subscription ORDER BY session",
    )?;
    let mut subscribed = OfEach::new(subscribed.query_map((), |row| Ok((row.get(0)?, subscription(row)?)))?);
    let mut released = connection.prepare("SELECT session, number FROM released ORDER BY session, number")?;
    let mut released = OfEach::new(released.query_map((), |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?);
    let mut received =
        connection.prepare("SELECT session, packet_identifier FROM received ORDER BY session, packet_identifier")?;
    let mut received = OfEach::new(received.query_map((), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?);
    // From one session to the next, however long the queues are.
    let mut queued = connection.prepare(
        "WITH RECURSIVE queued (session) AS (
             SELECT min(session) FROM queue
             UNION ALL
             SELECT (SELECT min(session) FROM queue WHERE queue.session > queued.session) FROM queued
             WHERE queued.session IS NOT NULL
         )
         SELECT session FROM queued WHERE session IS NOT NULL ORDER BY session",
    )?;
    let mut queued = OfEach::new(queued.query_map((), |row| Ok((row.get(0)?, ())))?);
    let mut rows = select.query(())?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let address: Option<SocketAddr> = row.get_ref(2)?.as_str()?.parse().ok();
        let released = released.of(number)?;
        let received = received.of(number)?;
        let sent_below = row.get::<_, i64>(8)? as u64;
        let least = released.last().map_or(0, |order| order + 1).max(row.get::<_, i64>(7)? as u64);
        sessions.push(KeptSession {
            number: SessionNumber(number as u64),
            client: ClientIdentifier::new(row.get_ref(1)?.as_str()?),
            user: row.get_ref(16)?.as_str_or_null()?.map(Into::into),
            address: address.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)),
            version: version(row.get(3)?),
            expiry_interval: row.get(4)?,
            was_connected: row.get(6)?,
            since: Timestamp::from_micros(row.get(5)?),
            subscriptions: subscribed.of(number)?.into_iter().flatten().collect(),
            will: will(row)?,
            queue: if queued.of(number)?.is_empty() {
                KeptQueue { messages: 0, bytes: 0, first: 0, next: least, sent_below }
            } else {
                queue(connection, number, least, sent_below)?
            },
            released,
            received: received.into_iter().filter_map(|id| PacketIdentifier::new(u16::try_from(id).ok()?)).collect(),
        });
    }
    Ok(sessions)
}

/// Rows with the session that each is for, in the order of the sessions.
struct OfEach<I: Iterator>(Peekable<I>);

impl<T, I: Iterator<Item = rusqlite::Result<(i64, T)>>> OfEach<I> {
    fn new(rows: I) -> Self {
        Self(rows.peekable())
    }

    /// Those of a session, which comes after the one that was asked for before.
    fn of(&mut self, session: i64) -> rusqlite::Result<Vec<T>> {
        let mut found = Vec::new();
        while let Some(row) = self.0.next_if(|row| row.as_ref().map_or(true, |&(of, _)| of <= session)) {
            let (of, row) = row?;
            if of == session {
                found.push(row);
            }
        }
        Ok(found)
    }
}

fn queue(connection: &Connection, session: i64, least: u64, sent_below: u64) -> rusqlite::Result<KeptQueue> {
    let (mut messages, mut first, mut last) = (0, None, None);
    let (mut weighed, mut weight) = (0, 0);
    for part in unswept(connection, session, 0..i64::MAX)? {
        let (count, least, greatest) = connection
            .prepare_cached(
                "SELECT count(*), min(number), max(number) FROM queue
                 WHERE session = ?1 AND number >= ?2 AND number < ?3",
            )?
            .query_row((session, part.start, part.end), |row| <(i64, Option<i64>, Option<i64>)>::try_from(row))?;
        messages += count;
        first = first.or(least);
        last = greatest.or(last);
        let (looked_at, bytes) = connection
            .prepare_cached(
                // A join with the union of both tables would read all of them, for each session.
                "SELECT count(topic.id),
                        coalesce(sum(length(topic.name) + coalesce(length(message.payload), length(waiting.payload))), 0)
                 FROM (SELECT message_id FROM queue WHERE session = ?1 AND number >= ?2 AND number < ?3
                       ORDER BY number LIMIT ?4) AS queued
                 LEFT JOIN message ON message.id = queued.message_id
                 LEFT JOIN waiting ON waiting.id = queued.message_id
                 LEFT JOIN topic ON topic.id = coalesce(message.topic_id, waiting.topic_id)",
            )?
            .query_row((session, part.start, part.end, WEIGHED), |row| <(i64, i64)>::try_from(row))?;
        weighed += looked_at;
        weight += bytes;
    }
    // What is being swept has no order that may be given again.
    let swept: Option<i64> = connection
        .prepare_cached("SELECT max(number) FROM queue WHERE session = ?1")?
        .query_row([session], |row| row.get(0))?;
    let least = least.max(swept.map_or(0, |swept| swept as u64 + 1));
    let bytes = messages * OVERHEAD + weight * messages / weighed.max(1);
    Ok(KeptQueue {
        messages: messages as usize,
        bytes: bytes as usize,
        first: first.unwrap_or(0) as u64,
        next: last.map_or(0, |last| last as u64 + 1).max(least),
        sent_below,
    })
}

/// `None` for a filter that could not be subscribed to.
fn subscription(row: &Row<'_>) -> rusqlite::Result<Option<(TopicFilter, SubscriptionState)>> {
    let Ok(filter) = TopicFilter::new_for(version(row.get(2)?), row.get::<_, String>(1)?) else { return Ok(None) };
    let options = SubscriptionOptions {
        maximum_qos: QoS::from_level(row.get(3)?).unwrap_or_default(),
        no_local: row.get(4)?,
        retain_as_published: row.get(5)?,
        retain_handling: match row.get(6)? {
            1_u8 => RetainHandling::AtNewSubscribe,
            2 => RetainHandling::Never,
            _ => RetainHandling::AtSubscribe,
        },
    };
    Ok(Some((filter, SubscriptionState { options, identifier: row.get(7)? })))
}

type DueWill = Option<(Option<Timestamp>, Box<Will>)>;

fn will(row: &Row<'_>) -> rusqlite::Result<DueWill> {
    let Some(topic) = row.get::<_, Option<String>>(9)? else { return Ok(None) };
    let Ok(topic) = TopicName::new(topic) else { return Ok(None) };
    let properties = row.get_ref(14)?.as_blob_or_null()?.and_then(properties::decode).unwrap_or_default();
    let will = Will {
        topic,
        payload: Bytes::from(row.get::<_, Option<Vec<u8>>>(10)?.unwrap_or_default()),
        qos: QoS::from_level(row.get(11)?).unwrap_or_default(),
        retain: row.get(12)?,
        properties: WillProperties {
            will_delay_interval: row.get(13)?,
            payload_format_indicator: properties.payload_format_indicator,
            message_expiry_interval: properties.message_expiry_interval,
            content_type: properties.content_type,
            response_topic: properties.response_topic,
            correlation_data: properties.correlation_data,
            user_properties: properties.user_properties,
        },
    };
    let due = row.get::<_, Option<i64>>(15)?.map(Timestamp::from_micros);
    Ok(Some((due, Box::new(will))))
}

/// The version of a Protocol Level.
const fn version(level: u8) -> ProtocolVersion {
    match level {
        3 => ProtocolVersion::V31,
        4 => ProtocolVersion::V311,
        _ => ProtocolVersion::V5,
    }
}
