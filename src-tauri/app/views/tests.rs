//! What the window would show of a broker and a journal that are joined as the server joins them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nightjar_broker::{Broker, ClientIdentifier, Journal, OwnMessage};
use nightjar_mqtt::{QoS, TopicName};
use nightjar_store::{Durability, MessageId, Options, Store};

use super::*;
use crate::pasts::Pasts;
use crate::sampler::Sampler;
use crate::searches::Searches;
use crate::wire::{
    ClearedQuery, PastProgress, PastQuery, PastRows, PastSort, PastState, PayloadKind, Properties, RetainedEnding,
    RetainedQuery, RetainedSelection, RetainedSort, TopicMessagesQuery, TopicQuery, TopicSort,
};

const DEADLINE: Duration = Duration::from_secs(20);

struct Desk {
    broker: Broker,
    store: Arc<Store>,
}

impl Desk {
    fn new() -> Self {
        let store = Store::open(&Options::new("unused").durability(Durability::None)).unwrap().store;
        let broker = Broker::start(nightjar_broker::Options::default(), Arc::clone(&store) as _, Vec::new());
        Self { broker, store }
    }

    /// Publishes, and waits until it is committed and stands in the tree, which comes a moment later.
    async fn publish(&self, topic: &str, payload: &str, retain: bool, properties: &Properties) {
        let messages = || self.store.topics().topic(topic).map_or(0, |topic| topic.messages);
        let before = messages();
        let sequence = self.broker.publish(OwnMessage {
            publisher: ClientIdentifier::new("press"),
            topic: TopicName::new(topic).unwrap(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos: QoS::AtLeastOnce,
            retain,
            properties: messages::publish_properties(properties).unwrap(),
        });
        let mut progress = self.store.progress();
        let committed = progress.wait_for(|progress| progress.committed >= sequence);
        tokio::time::timeout(DEADLINE, committed).await.unwrap().unwrap();
        let end = Instant::now() + DEADLINE;
        while messages() == before {
            assert!(Instant::now() < end, "{topic} is not in the tree");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn properties() -> Properties {
    Properties {
        payload_is_text: Some(true),
        message_expiry_interval: Some(3_600),
        content_type: Some("text/plain".to_owned()),
        response_topic: Some("answer".to_owned()),
        correlation_data: Some(payload::to_base64(b"\0\x01")),
        user_properties: vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())],
    }
}

#[tokio::test]
async fn messages_are_shown_with_what_came_before_them() {
    let desk = Desk::new();
    let none = Properties::default();
    desk.publish("line/temp", "20.5", false, &none).await;
    desk.publish("line/temp", "21.5", true, &properties()).await;
    desk.publish("line/state", "{\"value\":3,\"on\":true}", false, &none).await;
    let now = nightjar_broker::now().wall;
    let charts = series::Charts::default();
    let query = TopicMessagesQuery { topic: "line/temp".to_owned(), after: None, limit: 100 };
    let shown = charts.of_topic(&desk.store, &query, now).unwrap();
    let previews: Vec<_> = shown.rows.iter().map(|row| (&*row.preview, row.kind, row.retain)).collect();
    assert_eq!(previews, [("21.5", PayloadKind::Number, true), ("20.5", PayloadKind::Number, false)]);
    assert_eq!((shown.total, shown.skipped), (2, 0));
    assert_eq!(shown.histogram.iter().sum::<u32>(), 2);
    let values: Vec<_> = shown.series.iter().map(|&(_, value)| value).collect();
    assert_eq!((values, shown.series_path), (vec![20.5, 21.5], None));

    let newest = shown.rows[0].id;
    let nothing = TopicMessagesQuery { after: Some(newest), ..query };
    assert!(charts.of_topic(&desk.store, &nothing, now).unwrap().rows.is_empty());
    let detail = messages::detail(&desk.broker, &desk.store, MessageId(newest)).unwrap().unwrap();
    assert_eq!(detail.previous.and_then(|previous| previous.text).as_deref(), Some("20.5"));
    assert_eq!((detail.properties, detail.matched), (properties(), Some(0)));
    assert!(messages::detail(&desk.broker, &desk.store, MessageId(u64::MAX)).unwrap().is_none());
    desk.broker.stop().await;
}

#[tokio::test]
async fn a_topic_of_objects_follows_their_number() {
    let desk = Desk::new();
    for value in 1..4 {
        desk.publish("s", &format!("{{\"n\":{value},\"value\":{}}}", value * 10), false, &Properties::default()).await;
    }
    let query = TopicMessagesQuery { topic: "s".to_owned(), after: None, limit: 2 };
    let shown = series::Charts::default().of_topic(&desk.store, &query, nightjar_broker::now().wall).unwrap();
    let values: Vec<_> = shown.series.iter().map(|&(_, value)| value).collect();
    assert_eq!((values, shown.series_path.as_deref()), (vec![10.0, 20.0, 30.0], Some("value")));
    assert_eq!((shown.rows.len(), shown.total), (2, 3));
    desk.broker.stop().await;
}

#[tokio::test]
async fn tree_retained_set_and_numbers_agree() {
    let desk = Desk::new();
    desk.publish("line/temp", "21.5", true, &properties()).await;
    desk.publish("line/state", "{\"on\":true}", true, &Properties::default()).await;
    desk.publish("hall", "x", false, &Properties::default()).await;
    let now = nightjar_broker::now().wall;
    let tree = |filter: &str| {
        let query = TopicQuery {
            expanded: vec!["line".to_owned()],
            filter: filter.to_owned(),
            sort: TopicSort::Name,
            first: 0,
            count: 50,
        };
        topics::rows(&desk.store, query, now)
    };
    let rows = tree("").rows;
    let shown: Vec<_> = rows.iter().map(|row| (&*row.path, row.is_topic, row.retained, &*row.value)).collect();
    assert_eq!(
        shown,
        [
            ("hall", true, false, "x"),
            ("line", false, false, ""),
            ("line/state", true, true, "{…} 11 B"),
            ("line/temp", true, true, "21.5"),
        ]
    );
    assert_eq!(tree("TEMP").rows.len(), 2, "the match and the level above");

    let query =
        RetainedQuery { filter: "line/+".to_owned(), sort: RetainedSort::Size, descending: true, first: 0, count: 10 };
    let retained = retained::rows(&desk.broker, &desk.store, &query).unwrap();
    let shown: Vec<_> = retained.rows.iter().map(|row| (&*row.topic, row.id > 0, row.size)).collect();
    assert_eq!(shown, [("line/state", true, 11), ("line/temp", true, 4)]);
    let topic = TopicName::new("line/temp").unwrap();
    let detail = retained::detail(&desk.broker, &desk.store, &topic).unwrap().unwrap();
    assert_eq!((detail.properties, detail.row.publisher.as_str()), (properties(), "press"));

    let sampler = Sampler::default();
    let vitals = overview::vitals(&desk.broker, &desk.store, &sampler, now, now);
    assert_eq!((vitals.topics, vitals.retained, vitals.history_messages), (3, 2, 3));
    assert!(vitals.journal_paused.is_none());
    let comings = overview::Comings::default();
    let overview = overview::overview(&desk.store, &sampler, &comings, now).unwrap();
    assert!(overview.events.iter().any(|event| event.text.contains("started")), "{:?}", overview.events);
    assert_eq!((overview.joined_5_min, overview.left_5_min), (0, 0));
    desk.broker.stop().await;
}

/// A moment that differs from those before and after it, to the microsecond.
async fn moment() -> f64 {
    tokio::time::sleep(Duration::from_millis(2)).await;
    let moment = millis(nightjar_broker::now().wall);
    tokio::time::sleep(Duration::from_millis(2)).await;
    moment
}

/// Waits until a look at the past is done.
fn look_back(pasts: &Pasts, desk: &Desk, at: Option<f64>) -> PastProgress {
    let mut progress = pasts.open(&desk.store, at).unwrap();
    let end = Instant::now() + DEADLINE;
    while !progress.done {
        assert!(Instant::now() < end, "it ends");
        std::thread::sleep(Duration::from_millis(1));
        progress = past_rows(pasts, desk, progress.past, PastQuery { count: 0, ..everything() }).progress;
    }
    progress
}

fn everything() -> PastQuery {
    PastQuery {
        filter: String::new(),
        different: false,
        sort: PastSort::Topic,
        descending: false,
        first: 0,
        count: 100,
    }
}

fn past_rows(pasts: &Pasts, desk: &Desk, past: u64, query: PastQuery) -> PastRows {
    pasts.rows(past, &desk.store, &desk.broker, &query).unwrap()
}

/// Topic, state, value then, value now.
fn shown(rows: &PastRows) -> Vec<(&str, PastState, Option<&str>, Option<&str>)> {
    rows.rows
        .iter()
        .map(|row| {
            let (then, now) = (row.then.as_ref(), row.now.as_ref());
            (&*row.topic, row.state, then.map(|then| &*then.preview), now.map(|now| &*now.preview))
        })
        .collect()
}

#[tokio::test]
async fn the_past_is_shown_beside_now() {
    let desk = Desk::new();
    let none = Properties::default();
    for (topic, value) in [("line/lamp", "on"), ("line/door", "open"), ("line/mode", "auto"), ("hall", "bright")] {
        desk.publish(topic, value, true, &none).await;
    }
    let then = moment().await;
    desk.publish("line/lamp", "off", true, &none).await;
    desk.publish("line/door", "", true, &none).await;
    desk.publish("line/new", "7", true, &none).await;

    let pasts = Pasts::default();
    let progress = look_back(&pasts, &desk, Some(then));
    assert_eq!((progress.found, progress.at), (4, Some(then)));
    let rows = past_rows(&pasts, &desk, progress.past, everything());
    assert_eq!(
        shown(&rows),
        [
            ("hall", PastState::Same, Some("bright"), Some("bright")),
            ("line/door", PastState::Gone, Some("open"), None),
            ("line/lamp", PastState::Changed, Some("on"), Some("off")),
            ("line/mode", PastState::Same, Some("auto"), Some("auto")),
        ]
    );
    assert_eq!((rows.same, rows.changed, rows.gone, rows.new), (2, 1, 1, 1));
    let different = PastQuery { different: true, filter: "line/+".to_owned(), ..everything() };
    let rows = past_rows(&pasts, &desk, progress.past, different);
    assert_eq!(
        shown(&rows),
        [
            ("line/door", PastState::Gone, Some("open"), None),
            ("line/lamp", PastState::Changed, Some("on"), Some("off")),
            ("line/new", PastState::New, None, Some("7")),
        ]
    );
    let youngest = PastQuery { sort: PastSort::Age, first: 1, count: 2, ..everything() };
    let rows = past_rows(&pasts, &desk, progress.past, youngest);
    assert_eq!(rows.rows.iter().map(|row| &*row.topic).collect::<Vec<_>>(), ["line/mode", "line/door"]);
    assert_eq!(rows.total, 4);

    // What changes now is seen beside the same past.
    desk.publish("hall", "", true, &none).await;
    pasts.changed();
    let rows = past_rows(&pasts, &desk, progress.past, everything());
    assert_eq!((rows.rows[0].state, rows.gone), (PastState::Gone, 2));
    pasts.close(progress.past);
    assert!(pasts.rows(progress.past, &desk.store, &desk.broker, &everything()).is_err());
    desk.broker.stop().await;
}

#[tokio::test]
async fn what_was_cleared_is_listed_until_it_is_back() {
    let desk = Desk::new();
    let none = Properties::default();
    desk.publish("a", "1", true, &none).await;
    desk.publish("b", "2", true, &none).await;
    desk.publish("a", "", true, &none).await;
    desk.publish("b", "", true, &none).await;
    let pasts = Pasts::default();
    let progress = look_back(&pasts, &desk, None);
    let cleared = |filter: &str| {
        let query = ClearedQuery { filter: filter.to_owned(), first: 0, count: 10 };
        let rows = pasts.cleared(progress.past, &desk.store, &desk.broker, &query).unwrap().rows;
        rows.into_iter().map(|row| (row.row.topic, row.row.preview, row.by, row.expired)).collect::<Vec<_>>()
    };
    let row = |topic: &str, value: &str| (topic.to_owned(), value.to_owned(), Some("press".to_owned()), false);
    assert_eq!(cleared(""), [row("b", "2"), row("a", "1")]);
    assert_eq!(cleared("a"), [row("a", "1")]);
    desk.publish("b", "back", true, &none).await;
    assert_eq!(cleared(""), [row("a", "1")]);
    let gone = |selection, since| pasts.gone(progress.past, &desk.broker, &selection, since).unwrap().len();
    assert_eq!(gone(RetainedSelection::Filter(String::new()), None), 1);
    assert_eq!(gone(RetainedSelection::Topics(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]), None), 1);
    assert_eq!(gone(RetainedSelection::Filter("a".to_owned()), Some(moment().await)), 0, "it was cleared before");
    desk.broker.stop().await;
}

#[tokio::test]
async fn a_topic_shows_each_value_and_how_it_ended() {
    let desk = Desk::new();
    let none = Properties::default();
    let short = Properties { message_expiry_interval: Some(3_600), ..Properties::default() };
    desk.publish("t", "1", true, &none).await;
    desk.publish("t", "not retained", false, &none).await;
    desk.publish("t", "2", true, &short).await;
    desk.publish("t", "", true, &none).await;
    desk.publish("t", "3", true, &none).await;
    let searches = Searches::default();
    let page =
        |search, first, count| searches.retained_changes(&desk.broker, &desk.store, "t", search, first, count).unwrap();
    let whole = page(None, 0, 100);
    assert_eq!((whole.progress.found, whole.progress.done), (4, true));
    let endings: Vec<_> = whole.rows.iter().map(|change| (&*change.row.preview, change.ending)).collect();
    assert_eq!(
        endings,
        [
            ("3", RetainedEnding::Stands),
            ("", RetainedEnding::Replaced),
            ("2", RetainedEnding::Cleared),
            ("1", RetainedEnding::Replaced),
        ]
    );
    assert_eq!(whole.rows[0].until, None);
    assert_eq!(whole.rows[3].until, Some(whole.rows[2].row.at));
    // A page in the middle knows what came after it.
    let part = page(Some(whole.progress.search), 2, 1);
    assert_eq!((&*part.rows[0].row.preview, part.rows[0].until), ("2", whole.rows[2].until));
    assert_eq!(part.rows[0].ending, RetainedEnding::Cleared);
    desk.broker.stop().await;
}

#[tokio::test]
async fn what_the_history_let_go_of_and_still_stands_ends_the_list() {
    let desk = Desk::new();
    desk.publish("t", "old", true, &Properties::default()).await;
    desk.store.set_keeping(nightjar_store::Keeping {
        otherwise: nightjar_store::Keep::Nothing,
        ..nightjar_store::Keeping::everything()
    });
    desk.store.keep_to_rules();
    let changes = Searches::default().retained_changes(&desk.broker, &desk.store, "t", None, 0, 10).unwrap();
    assert_eq!((changes.progress.found, changes.rows.len()), (1, 1));
    assert_eq!((&*changes.rows[0].row.preview, changes.rows[0].ending), ("old", RetainedEnding::Stands));
    desk.broker.stop().await;
}
