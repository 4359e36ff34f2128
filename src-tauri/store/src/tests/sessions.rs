//! Sessions that outlive their connections: what is written of them, and what a start and a reader get back.

use std::net::SocketAddr;

use nightjar_broker::{
    KeptQueue, PageQuery, Place, Queued, SessionAbout, SessionAway, SessionNumber, SessionRecord, Source,
    SubscriptionState,
};
use nightjar_mqtt::{PacketIdentifier, ProtocolVersion, SubscriptionOptions, TopicFilter, Will, WillProperties};
use rusqlite::Connection;

use super::*;
use crate::sessions::STEP;
use crate::{Keep, KeepingRule};

pub(super) const SESSION: SessionNumber = SessionNumber(7);

fn address() -> SocketAddr {
    "10.0.0.7:1234".parse().unwrap()
}

fn place(order: u64) -> Place {
    Place { session: SESSION, order }
}

fn session(record: SessionRecord) -> Record {
    Record::Session(record)
}

pub(super) fn opened(will: Option<Box<Will>>) -> Record {
    let about = SessionAbout {
        client: ClientIdentifier::new("lamp"),
        user: Some("tv".into()),
        address: address(),
        version: ProtocolVersion::V5,
        expiry_interval: 100,
        since: at(1.0),
        will,
    };
    session(SessionRecord::Opened { session: SESSION, about: Box::new(about) })
}

fn queued(order: u64, source: Source) -> Record {
    let identifiers = Arc::from([order as u32, 268_435_455]);
    session(SessionRecord::Queued(Queued {
        place: place(order),
        qos: QoS::ExactlyOnce,
        retain: true,
        identifiers,
        source,
    }))
}

/// Messages of one append, each waiting under the order that its payload names.
pub(super) fn waiting(orders: impl IntoIterator<Item = u64>) -> Vec<Record> {
    let pair = |order: u64| [record(message("t", &order.to_string())), queued(order, Source::Before)];
    orders.into_iter().flat_map(pair).collect()
}

pub(super) fn orders(store: &Store, from: u64, to: u64, messages: usize) -> (Vec<u64>, Option<u64>) {
    let query = PageQuery { session: SESSION, from, to, messages, bytes: usize::MAX };
    let page = store.read_queue(query).unwrap();
    for entry in &page.entries {
        assert_eq!(entry.message.payload, entry.order.to_string());
        assert_eq!(entry.identifiers[..], [entry.order as u32, 268_435_455]);
        assert!(entry.retain && entry.qos == QoS::ExactlyOnce);
    }
    (page.entries.iter().map(|entry| entry.order).collect(), page.next)
}

/// Rows of a table, as whoever opens the file sees them.
fn rows(directory: &Path, table: &str) -> i64 {
    let connection = Connection::open(directory.join("nightjar.db")).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
}

#[test]
fn a_session_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let will = Will {
        topic: TopicName::new("gone").unwrap(),
        payload: Bytes::from_static(b"bye"),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: WillProperties {
            will_delay_interval: Some(9),
            content_type: Some("text/plain".into()),
            ..WillProperties::default()
        },
    };
    let filter = TopicFilter::new("$share/g/a/+").unwrap();
    let options = SubscriptionOptions { maximum_qos: QoS::ExactlyOnce, no_local: false, ..Default::default() };
    let state = SubscriptionState { options, identifier: Some(5) };
    let subscribed = |filter: &TopicFilter| {
        session(SessionRecord::Subscribed {
            session: SESSION,
            filter: filter.clone(),
            state,
            version: ProtocolVersion::V5,
        })
    };
    let dropped = TopicFilter::new("b").unwrap();
    let received = |number| PacketIdentifier::new(number).unwrap();
    let away =
        SessionAway { since: at(2.0), expiry_interval: 60, will_due: Some(at(11.0)), next_order: 40, sent_below: 12 };
    let store = open(directory.path()).store;
    keep(&store, [opened(Some(Box::new(will.clone()))), subscribed(&filter), subscribed(&dropped)]);
    keep(&store, waiting(10..20));
    keep(
        &store,
        [
            session(SessionRecord::Unsubscribed { session: SESSION, filter: dropped }),
            session(SessionRecord::Done(place(10))),
            session(SessionRecord::Released(place(12))),
            session(SessionRecord::Released(place(13))),
            record(message("t", "in")),
            session(SessionRecord::Received { session: SESSION, packet_identifier: received(3) }),
            session(SessionRecord::Received { session: SESSION, packet_identifier: received(4) }),
        ],
    );
    keep(
        &store,
        [
            session(SessionRecord::Completed(place(13))),
            session(SessionRecord::ReceivedDone { session: SESSION, packet_identifier: received(3) }),
        ],
    );
    drop(store);
    let kept = open(directory.path()).kept.sessions.remove(0);
    assert!(kept.was_connected && kept.since == at(1.0) && kept.expiry_interval == 100);
    assert_eq!(kept.will, Some((None, Box::new(will.clone()))));

    let store = open(directory.path()).store;
    keep(&store, [session(SessionRecord::Away { session: SESSION, away: Box::new(away) })]);
    drop(store);
    let Opened { store, kept, .. } = open(directory.path());
    let [kept] = &kept.sessions[..] else { panic!("{} sessions", kept.sessions.len()) };
    assert_eq!((kept.number, &*kept.client, kept.address), (SESSION, "lamp", address()));
    assert_eq!(kept.user.as_deref(), Some("tv"));
    assert_eq!((kept.version, kept.expiry_interval, kept.since), (ProtocolVersion::V5, 60, at(2.0)));
    assert!(!kept.was_connected);
    assert_eq!(kept.subscriptions, [(filter, state)]);
    assert_eq!(kept.will, Some((Some(at(11.0)), Box::new(will))));
    let weight = message("t", "11").weight();
    assert_eq!(kept.queue, KeptQueue { messages: 7, bytes: 7 * weight, first: 11, next: 40, sent_below: 12 });
    assert_eq!(kept.released, [12]);
    assert_eq!(kept.received, [received(4)]);
    assert_eq!(orders(&store, 0, 100, 100), (vec![11, 14, 15, 16, 17, 18, 19], None));

    keep(&store, [session(SessionRecord::WillDone { session: SESSION })]);
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.kept.sessions[0].will, None);
    keep(&store.store, [session(SessionRecord::Ended { session: SESSION })]);
    drop(store);
    assert!(open(directory.path()).kept.sessions.is_empty());
    for table in ["queue", "released", "received", "subscription", "waiting"] {
        assert_eq!(rows(directory.path(), table), 0, "{table}");
    }
}

#[test]
fn each_session_gets_what_is_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let filter = |text: &str| TopicFilter::new(text.to_owned()).unwrap();
    let numbers = [3, 4, 7, 9].map(SessionNumber);
    for (place, number) in numbers.into_iter().enumerate() {
        let Record::Session(SessionRecord::Opened { about, .. }) = opened(None) else { unreachable!() };
        let client = ClientIdentifier::new(&format!("client {}", number.0));
        let about = Box::new(SessionAbout { client, ..*about });
        keep(&store, [session(SessionRecord::Opened { session: number, about })]);
        // The first has one, the second two, and so on; the last has none.
        for nth in 0..(place + 1) % numbers.len() {
            let filter = filter(&format!("{}/{nth}", number.0));
            let state = SubscriptionState { options: SubscriptionOptions::default(), identifier: None };
            let version = ProtocolVersion::V311;
            keep(&store, [session(SessionRecord::Subscribed { session: number, filter, state, version })]);
        }
    }
    keep(&store, waiting(5..8));
    let received = |session, id| {
        let packet_identifier = PacketIdentifier::new(id).unwrap();
        self::session(SessionRecord::Received { session, packet_identifier })
    };
    keep(&store, [received(numbers[3], 30), received(numbers[1], 11), received(numbers[3], 29)]);
    keep(&store, [session(SessionRecord::Released(Place { session: numbers[1], order: 2 }))]);
    drop(store);
    // What speaks of sessions that are not there is nobody's.
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO subscription SELECT 5, filter, version, maximum_qos, no_local, retain_as_published,
                                             retain_handling, identifier FROM subscription WHERE session = 3;
             INSERT INTO received VALUES (1, 8), (5, 9), (20, 10);
             INSERT INTO released VALUES (2, 8), (8, 9), (20, 10);
             INSERT INTO queue SELECT 8, number, message_id, qos, retain, identifiers FROM queue WHERE session = 7;",
        )
        .unwrap();
    drop(connection);
    let sessions = open(directory.path()).kept.sessions;
    let filters = |kept: &nightjar_broker::KeptSession| {
        kept.subscriptions.iter().map(|(filter, _)| filter.to_string()).collect::<Vec<_>>().join(" ")
    };
    let seen: Vec<_> = sessions
        .iter()
        .map(|kept| {
            let received: Vec<_> = kept.received.iter().map(|id| id.value()).collect();
            (kept.number.0, filters(kept), kept.queue.messages, kept.queue.next, kept.released.clone(), received)
        })
        .collect();
    let expected = [
        (3, "3/0", 0, 0, vec![], vec![]),
        (4, "4/0 4/1", 0, 3, vec![2], vec![11]),
        (7, "7/0 7/1 7/2", 3, 8, vec![], vec![]),
        (9, "", 0, 0, vec![], vec![29, 30]),
    ];
    assert_eq!(
        seen,
        expected.map(|(number, filters, messages, next, released, received)| {
            (number, filters.to_owned(), messages, next, released, received)
        })
    );
}

#[test]
fn a_queue_is_read_in_pages() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..10)));
    assert_eq!(orders(&store, 0, 8, 3), (vec![0, 1, 2], Some(3)));
    assert_eq!(orders(&store, 3, 8, 5), (vec![3, 4, 5, 6, 7], None));
    let query = PageQuery { session: SESSION, from: 5, to: 10, messages: 100, bytes: 1 };
    let page = store.read_queue(query).unwrap();
    assert_eq!((page.entries.len(), page.next), (1, Some(6)), "a page has at least one message");
}

#[test]
fn what_is_acknowledged_before_its_batch_is_committed_is_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, [opened(None)]);
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE written (number); CREATE TRIGGER witness AFTER INSERT ON queue
             BEGIN INSERT INTO written VALUES (new.number); END",
        )
        .unwrap();
    drop(connection);
    let mut records = waiting(0..3);
    records.extend([session(SessionRecord::Done(place(0))), session(SessionRecord::Done(place(2)))]);
    // The subscriber was faster than the publisher's append.
    records.push(session(SessionRecord::Done(place(3))));
    keep(&store, records);
    keep(&store, waiting(3..5));
    assert_eq!(orders(&store, 0, 10, 10), (vec![1, 4], None));
    assert_eq!(rows(directory.path(), "written"), 2);
    keep(&store, [session(SessionRecord::Done(place(1)))]);
    keep(&store, waiting(5..6));
    assert_eq!(orders(&store, 0, 10, 10), (vec![4, 5], None));
}

#[test]
fn what_comes_late_for_a_session_that_is_over_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, [opened(None), session(SessionRecord::Ended { session: SESSION })]);
    keep(&store, waiting(0..3));
    keep(&store, [session(SessionRecord::Done(place(9))), session(SessionRecord::Released(place(1)))]);
    assert_eq!((rows(directory.path(), "queue"), rows(directory.path(), "released")), (0, 0));
}

#[test]
fn a_message_that_moves_to_another_session_ends_in_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..2)));
    let own = Source::Own { message: Arc::new(message("t", "8")), instead_of: Some(place(0)) };
    keep(&store, [queued(8, own)]);
    assert_eq!(orders(&store, 0, 10, 10), (vec![1, 8], None));
    assert_eq!(store.statistics().messages, 2, "the copy is no part of the history");
    keep(&store, [session(SessionRecord::Done(place(8)))]);
    assert_eq!(rows(directory.path(), "waiting"), 0);
}

#[test]
fn what_a_queue_needs_outlives_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..3)));
    keep(&store, [record(message("t", "not needed")), session(SessionRecord::Done(place(1)))]);
    store.set_keeping(Keeping { file: None, ..Keeping::default() });
    store.keep_to_rules();
    assert_eq!(store.statistics().messages, 0);
    assert_eq!(rows(directory.path(), "waiting"), 2);
    assert_eq!(orders(&store, 0, 10, 10), (vec![0, 2], None));
    keep(&store, [session(SessionRecord::Done(place(0)))]);
    assert_eq!(rows(directory.path(), "waiting"), 1);
    drop(store);
    let Opened { store, kept, .. } = open(directory.path());
    assert_eq!(kept.sessions[0].queue.messages, 1);
    assert_eq!(orders(&store, 0, 10, 10), (vec![2], None));
}

#[test]
fn what_is_not_recorded_waits_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let rule = KeepingRule { filter: TopicFilter::new("t").unwrap(), keep: Keep::Nothing };
    store.set_keeping(Keeping { rules: vec![rule], ..Keeping::everything() });
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..3)));
    assert_eq!(store.statistics().messages, 0);
    assert_eq!(orders(&store, 0, 10, 10), (vec![0, 1, 2], None));
    keep(&store, (0..3).map(|order| session(SessionRecord::Done(place(order)))));
    assert_eq!(rows(directory.path(), "waiting"), 0);
}

/// Waits until nothing is left to be swept.
fn wait_for_sweeps(directory: &Path) {
    let end = std::time::Instant::now() + DEADLINE;
    while rows(directory, "sweep") > 0 {
        assert!(std::time::Instant::now() < end, "the sweep ends");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn purged(orders: std::ops::Range<u64>) -> Record {
    session(SessionRecord::Purged { session: SESSION, orders })
}

/// More entries than a batch deletes at once.
const MANY: u64 = 3 * STEP as u64;

#[test]
fn a_long_queue_is_swept_in_steps_and_new_messages_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..MANY)));
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    // What a transaction deletes is seen in the row of the sweep that it moves.
    connection
        .execute_batch(
            "CREATE TABLE steps (size);
             CREATE TRIGGER witness AFTER UPDATE ON sweep
             BEGIN INSERT INTO steps VALUES (new.from_order - old.from_order); END",
        )
        .unwrap();
    keep(&store, [purged(10..MANY - 10)]);
    let left: Vec<_> = (0..10).chain(MANY - 10..MANY).collect();
    assert_eq!(orders(&store, 0, MANY, 100), (left.clone(), None), "from the moment on it is committed");
    assert_eq!(store.order_at(SESSION, 0..MANY, 12), Ok(Some(MANY - 8)));
    assert_eq!(store.order_at(SESSION, 0..MANY, 20), Ok(None));
    keep(&store, waiting(MANY..MANY + 3));
    wait_for_sweeps(directory.path());
    assert_eq!(rows(directory.path(), "queue"), 23);
    let largest: i64 = connection.query_row("SELECT max(size) FROM steps", (), |row| row.get(0)).unwrap();
    assert_eq!(largest, STEP as i64);
    assert_eq!(store.statistics().messages, MANY + 3, "the history keeps what the queue lost");
}

#[test]
fn the_order_at_a_place_is_found_however_deep_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    // Some are missing, as after a crash.
    let mut left: Vec<u64> = (0..300).chain(1_000..1_100).chain(1_105..1_400).collect();
    keep(&store, std::iter::once(opened(None)).chain(waiting(left.iter().copied())));
    let agree = |left: &[u64], from: u64, to: u64| {
        let places: Vec<u64> = left.iter().copied().filter(|order| (from..to).contains(order)).collect();
        // From the back, so that marks are found before there are any, and then again.
        for before in (0..places.len() + 40).rev().chain(0..places.len() + 40) {
            let expected = places.get(before).copied();
            assert_eq!(store.order_at(SESSION, from..to, before), Ok(expected), "{from}..{to}, {before}");
        }
    };
    agree(&left, 0, 1_400);
    agree(&left, 0, 1_250);
    agree(&left, 7, 1_400);
    agree(&left, 500, 1_200);
    agree(&left, 3, 2_000);
    // The client takes what is at the front, and more comes at the back.
    keep(&store, left.drain(..130).map(|order| session(SessionRecord::Done(place(order)))));
    keep(&store, waiting(1_400..1_500));
    left.extend(1_400..1_500);
    agree(&left, left[0], 1_500);
    agree(&left, left[0] - 1, 1_500);
    agree(&left, 1_399, 1_500);
}

#[test]
fn a_sweep_outlives_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..MANY)));
    drop(store);
    // As if the program had ended right after the purge was committed.
    let connection = Connection::open(directory.path().join("nightjar.db")).unwrap();
    let sweep = "INSERT INTO sweep (session, from_order, to_order) VALUES (7, ?1, ?2)";
    connection.execute(sweep, (0, 5)).unwrap();
    connection.execute(sweep, (8, MANY)).unwrap();
    let Opened { store, kept, .. } = open(directory.path());
    let KeptQueue { messages, first, next, .. } = kept.sessions[0].queue;
    assert_eq!((messages, first), (3, 5));
    assert!(next >= MANY, "no order is given twice: {next}");
    assert_eq!(orders(&store, 0, MANY, 100), (vec![5, 6, 7], None));
    wait_for_sweeps(directory.path());
    assert_eq!(rows(directory.path(), "queue"), 3);
}

#[test]
fn the_queue_of_a_session_that_is_over_is_swept_with_what_only_it_needed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let rule = KeepingRule { filter: TopicFilter::new("t").unwrap(), keep: Keep::Nothing };
    store.set_keeping(Keeping { rules: vec![rule], ..Keeping::everything() });
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..MANY)));
    assert_eq!(rows(directory.path(), "waiting"), MANY as i64);
    keep(&store, [session(SessionRecord::Ended { session: SESSION })]);
    assert_eq!(rows(directory.path(), "session"), 0);
    wait_for_sweeps(directory.path());
    assert_eq!((rows(directory.path(), "queue"), rows(directory.path(), "waiting")), (0, 0));
}

#[test]
fn what_is_purged_in_the_batch_that_queues_it_is_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, std::iter::once(opened(None)).chain(waiting(0..5)).chain([purged(1..4)]));
    assert_eq!(orders(&store, 0, 10, 10), (vec![0, 4], None));
    assert_eq!(rows(directory.path(), "sweep"), 0);
}
