//! The tables, and how older databases come to them: numbered steps, forward only, one transaction each.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a database as Nightjar's ("NJar"), so that another program's file is not mistaken for it.
pub(crate) const APPLICATION_ID: i32 = 0x4e4a_6172;

/// The version that this program writes.
pub(crate) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Messages whose times one row of `block` sums up.
pub(crate) const BLOCK: i64 = 4_096;

/// Step n makes a database of version n from one of version n - 1. A step is never changed once it was released.
///
/// There are no foreign keys: they would be looked up at each insert, and only this crate writes.
const MIGRATIONS: &[&str] = &["
    -- Facts about the file itself.
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

    -- `messages` and `last_message` are true up to the message `counted_through` in meta; what came later is counted
    -- when the database is opened.
    CREATE TABLE topic (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        messages INTEGER NOT NULL DEFAULT 0,
        last_message INTEGER
    );
    CREATE TABLE client (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

    -- Append only. Ids ascend by one in the order in which the broker took the messages. Times are microseconds since
    -- 1970 and need not ascend: clocks are set back. `matched` counts the sessions that the message was routed to.
    CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        time_us INTEGER NOT NULL,
        topic_id INTEGER NOT NULL,
        client_id INTEGER NOT NULL,
        qos INTEGER NOT NULL,
        retain INTEGER NOT NULL,
        matched INTEGER NOT NULL,
        properties BLOB,
        payload BLOB NOT NULL
    );
    CREATE INDEX message_topic ON message (topic_id);

    -- The earliest and the latest time of the messages `number` * 4,096 to `number` * 4,096 + 4,095; written once the
    -- last of them is.
    CREATE TABLE block (number INTEGER PRIMARY KEY, earliest_us INTEGER NOT NULL, latest_us INTEGER NOT NULL);

    CREATE TABLE retained (topic_id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL);

    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        time_us INTEGER NOT NULL,
        client_id INTEGER,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX event_client ON event (client_id) WHERE client_id IS NOT NULL;
    CREATE INDEX event_time ON event (time_us);
", "
    -- Where a topic's and a client's messages are, instead of an index that is written row by row. Segment n has the
    -- messages n * 262,144 to n * 262,144 + 262,143; its rows are written in one pass once the last of them is there.
    -- `ids` is how far each message is above the one before, the first above the segment's start: seven bits a byte, the
    -- lowest first, the eighth set on all but a number's last byte.
    DROP INDEX message_topic;
    CREATE TABLE segment (
        number INTEGER PRIMARY KEY,
        messages INTEGER NOT NULL,
        topics INTEGER NOT NULL,
        clients INTEGER NOT NULL
    );
    CREATE TABLE topic_posting (
        segment INTEGER NOT NULL,
        topic_id INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        ids BLOB NOT NULL,
        PRIMARY KEY (segment, topic_id)
    ) WITHOUT ROWID;
    CREATE TABLE client_posting (
        segment INTEGER NOT NULL,
        client_id INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        ids BLOB NOT NULL,
        PRIMARY KEY (segment, client_id)
    ) WITHOUT ROWID;

    -- Messages that were published with RETAIN, in the order of their ids, so that its entries are only ever appended.
    CREATE INDEX message_retain ON message (retain) WHERE retain;

    -- Messages that are no longer in the history, but that a topic retains.
    CREATE TABLE held (
        id INTEGER PRIMARY KEY,
        time_us INTEGER NOT NULL,
        topic_id INTEGER NOT NULL,
        client_id INTEGER NOT NULL,
        qos INTEGER NOT NULL,
        retain INTEGER NOT NULL,
        matched INTEGER NOT NULL,
        properties BLOB,
        payload BLOB NOT NULL
    );
", "
    CREATE INDEX held_topic ON held (topic_id);

    -- Times of which the history has not all, how much is missing, and why.
    CREATE TABLE gap (
        id INTEGER PRIMARY KEY,
        from_us INTEGER NOT NULL,
        to_us INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        events INTEGER NOT NULL,
        reason TEXT NOT NULL
    );
", "
    -- For people who read the file with SQL: names instead of numbers, times as text in UTC, payloads as text too.
    CREATE VIEW messages AS
        SELECT message.id,
               strftime('%Y-%m-%d %H:%M:%f', time_us / 1000000.0, 'unixepoch') AS time,
               topic.name AS topic,
               client.name AS client,
               qos, retain, matched,
               length(payload) AS size,
               CAST(payload AS TEXT) AS text,
               payload
        FROM message JOIN topic ON topic.id = topic_id JOIN client ON client.id = client_id;
    CREATE VIEW events AS
        SELECT event.id,
               strftime('%Y-%m-%d %H:%M:%f', time_us / 1000000.0, 'unixepoch') AS time,
               client.name AS client,
               kind, detail
        FROM event LEFT JOIN client ON client.id = client_id;
    CREATE VIEW retained_messages AS
        SELECT topic.name AS topic,
               strftime('%Y-%m-%d %H:%M:%f', time_us / 1000000.0, 'unixepoch') AS since,
               client.name AS client,
               qos,
               length(payload) AS size,
               CAST(payload AS TEXT) AS text,
               payload
        FROM retained
        JOIN (SELECT * FROM message UNION ALL SELECT * FROM held) AS message ON message.id = retained.message_id
        JOIN topic ON topic.id = retained.topic_id
        JOIN client ON client.id = message.client_id;
    CREATE VIEW topics AS
        SELECT topic.name AS topic,
               topic.messages,
               strftime('%Y-%m-%d %H:%M:%f', time_us / 1000000.0, 'unixepoch') AS last_message
        FROM topic LEFT JOIN message ON message.id = topic.last_message;
    CREATE VIEW gaps AS
        SELECT strftime('%Y-%m-%d %H:%M:%f', from_us / 1000000.0, 'unixepoch') AS since,
               strftime('%Y-%m-%d %H:%M:%f', to_us / 1000000.0, 'unixepoch') AS until,
               messages, events, reason
        FROM gap;
", "
    -- Sessions that outlive their connection. `connected` is 1 from CONNECT to the connection's end: it is still 1 after a
    -- crash. Orders below `sent_below` may have been sent; the next is `next_order` or higher; both are written when the
    -- client leaves. Without `will_topic` there is no Will; with `will_due_us` it is due then.
    CREATE TABLE session (
        number INTEGER PRIMARY KEY,
        client_id INTEGER NOT NULL,
        address TEXT NOT NULL,
        version INTEGER NOT NULL,
        expiry_interval INTEGER NOT NULL,
        since_us INTEGER NOT NULL,
        connected INTEGER NOT NULL,
        next_order INTEGER NOT NULL DEFAULT 0,
        sent_below INTEGER NOT NULL DEFAULT 0,
        will_topic TEXT,
        will_payload BLOB,
        will_qos INTEGER NOT NULL DEFAULT 0,
        will_retain INTEGER NOT NULL DEFAULT 0,
        will_delay INTEGER,
        will_properties BLOB,
        will_due_us INTEGER
    );
    CREATE TABLE subscription (
        session INTEGER NOT NULL,
        filter TEXT NOT NULL,
        version INTEGER NOT NULL,
        maximum_qos INTEGER NOT NULL,
        no_local INTEGER NOT NULL,
        retain_as_published INTEGER NOT NULL,
        retain_handling INTEGER NOT NULL,
        identifier INTEGER,
        PRIMARY KEY (session, filter)
    ) WITHOUT ROWID;

    -- Messages that wait for a client or are on their way to it, in the order of sending. `message_id` is in `message`, or
    -- else in `waiting`. `identifiers` are four bytes each.
    CREATE TABLE queue (
        session INTEGER NOT NULL,
        number INTEGER NOT NULL,
        message_id INTEGER NOT NULL,
        qos INTEGER NOT NULL,
        retain INTEGER NOT NULL,
        identifiers BLOB,
        PRIMARY KEY (session, number)
    ) WITHOUT ROWID;
    -- Ids ascend with time, so that its entries, too, are mostly appended.
    CREATE INDEX queue_message ON queue (message_id);

    -- Messages that queues need and that are no longer in the history, or never were: these have negative ids.
    CREATE TABLE waiting (
        id INTEGER PRIMARY KEY,
        time_us INTEGER NOT NULL,
        topic_id INTEGER NOT NULL,
        client_id INTEGER NOT NULL,
        qos INTEGER NOT NULL,
        retain INTEGER NOT NULL,
        matched INTEGER NOT NULL,
        properties BLOB,
        payload BLOB NOT NULL
    );

    -- QoS 2: what the client has and has not let go of (PUBREC came, PUBCOMP did not), and what came from it and is not let
    -- go of (PUBREL did not come).
    CREATE TABLE released (session INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (session, number)) WITHOUT ROWID;
    CREATE TABLE received (
        session INTEGER NOT NULL,
        packet_identifier INTEGER NOT NULL,
        PRIMARY KEY (session, packet_identifier)
    ) WITHOUT ROWID;
", "
    -- Entries of queues that are over and still in `queue`: of a session, or of a part of its queue that was purged. The
    -- writer deletes them bit by bit.
    CREATE TABLE sweep (
        id INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        from_order INTEGER NOT NULL,
        to_order INTEGER NOT NULL
    );
", "
    -- Who may log in. `password` is a hash with its salt; `changed_us` is when it was set. `accounts` in meta counts the
    -- changes, so that a broker sees that there was one.
    CREATE TABLE account (
        name TEXT PRIMARY KEY,
        password TEXT NOT NULL,
        disabled INTEGER NOT NULL,
        changed_us INTEGER NOT NULL
    ) WITHOUT ROWID;
", "
    -- Who may publish and read what: the first rule by `place` that matches decides. `subject` is everybody, nameless or
    -- account; `operations` publish, subscribe or both; `effect` allow or deny. In meta, `rules` counts the changes,
    -- `rules_otherwise` is the effect where no rule matches, and `rules_next` is the number of the next one.
    CREATE TABLE rule (
        number INTEGER PRIMARY KEY,
        place INTEGER NOT NULL,
        subject TEXT NOT NULL,
        account TEXT,
        operations TEXT NOT NULL,
        filter TEXT NOT NULL,
        effect TEXT NOT NULL
    );
    -- The account that the client was last let in with.
    ALTER TABLE session ADD COLUMN user TEXT;
", "
    -- Who is kept out. `kind` is client, user or address; without `until_us` it is for good. In meta, `bans` counts the
    -- changes, and `bans_next` is the number of the next one.
    CREATE TABLE ban (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        target TEXT NOT NULL,
        since_us INTEGER NOT NULL,
        until_us INTEGER,
        note TEXT NOT NULL
    );
", "
    -- As whom the publisher was allowed to publish it: an account, or '' without one. NULL where nobody had to be, or it is
    -- not known.
    ALTER TABLE retained ADD COLUMN source TEXT;
"];

/// What a file that SQLite can open turns out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing in it yet.
    Empty,
    /// A journal of this version or an older one.
    Nightjar,
    /// A journal that a newer Nightjar wrote.
    Newer,
    /// Another program's database.
    Foreign,
}

pub(crate) fn origin(connection: &Connection) -> rusqlite::Result<Origin> {
    let application: i32 = connection.query_row("PRAGMA application_id", (), |row| row.get(0))?;
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(match (application, objects) {
        (APPLICATION_ID, _) if version(connection)? > VERSION => Origin::Newer,
        (APPLICATION_ID, _) => Origin::Nightjar,
        (0, 0) => Origin::Empty,
        _ => Origin::Foreign,
    })
}

/// Whether it has all that this program expects.
pub(crate) fn is_newest(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? == VERSION)
}

fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA user_version", (), |row| row.get(0))
}

/// Brings the database to [`VERSION`].
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let from = usize::try_from(version(connection)?).unwrap_or(0);
    for (index, step) in MIGRATIONS.iter().enumerate().skip(from) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", index as i32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Makes a database as version n of this program left it, for tests.
#[cfg(test)]
pub(crate) fn create(connection: &Connection, version: usize) -> rusqlite::Result<()> {
    for step in &MIGRATIONS[..version] {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", version as i32)
}
