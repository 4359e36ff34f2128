//! What the window would show of a broker and a journal that are joined as the server joins them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nightjar_broker::{Broker, ClientIdentifier, Journal, OwnMessage};
use nightjar_mqtt::{QoS, TopicName};
use nightjar_store::{Durability, MessageId, Options, Store};

use super::*;
use crate::sampler::Sampler;
use crate::wire::{
    PayloadKind, Properties, RetainedQuery, RetainedSort, TopicMessagesQuery, TopicQuery, TopicSort, TrafficRange,
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
    let overview = overview::overview(&desk.store, &sampler, &comings, TrafficRange::OneHour, now).unwrap();
    assert!(overview.events.iter().any(|event| event.text.contains("started")), "{:?}", overview.events);
    assert_eq!((overview.joined_5_min, overview.left_5_min), (0, 0));
    desk.broker.stop().await;
}
