//! The broker's own topics, by the names that Mosquitto's users know.

use std::collections::HashMap;

use bytes::Bytes;
use nightjar_mqtt::{QoS, TopicName};

use crate::clock::Moment;
use crate::load_average::LoadAverage;
use crate::shared::Shared;
use crate::{ClientIdentifier, DropReason, Message, Totals};

/// The publisher of `$SYS`.
const PUBLISHER: &str = "$SYS";

/// One of the totals.
type Count = fn(&Totals) -> u64;

/// Counts whose averages are published, by the name between `load/` and the period.
const LOADS: [(&str, Count); 9] = [
    ("messages/received", |totals| totals.packets_in),
    ("messages/sent", |totals| totals.packets_out),
    ("publish/received", |totals| totals.messages_in),
    ("publish/sent", |totals| totals.messages_out),
    ("publish/dropped", Totals::dropped_in_all),
    ("bytes/received", |totals| totals.bytes_in),
    ("bytes/sent", |totals| totals.bytes_out),
    ("sockets", |totals| totals.sockets),
    ("connections", |totals| totals.connects),
];

/// What was announced last, so that only changes are, and what becomes of the averages.
#[derive(Debug)]
pub(crate) struct SysTopics {
    announced: HashMap<String, String>,
    loads: [LoadAverage; LOADS.len()],
    updated: Moment,
}

impl SysTopics {
    /// The averages begin at `now`.
    pub(crate) fn new(now: Moment) -> Self {
        Self { announced: HashMap::new(), loads: Default::default(), updated: now }
    }

    /// Publishes the values that changed, retained.
    pub(crate) fn announce(&mut self, shared: &Shared, now: Moment) {
        let totals = shared.counters.totals();
        let passed = now.steady.saturating_duration_since(self.updated.steady);
        self.updated = now;
        for (load, (_, count)) in self.loads.iter_mut().zip(LOADS) {
            load.update(count(&totals), passed);
        }
        let mut values = values(shared, &totals, now);
        for (load, (name, _)) in self.loads.iter().zip(LOADS) {
            for (average, (period, _)) in load.averages().into_iter().zip(LoadAverage::PERIODS) {
                values.push((format!("load/{name}/{period}"), format!("{average:.2}")));
            }
        }
        for (name, value) in values {
            if self.announced.get(&name) == Some(&value) {
                continue;
            }
            let Ok(topic) = TopicName::new(format!("$SYS/broker/{name}")) else { continue };
            self.announced.insert(name, value.clone());
            shared.announce(Message {
                topic,
                payload: Bytes::from(value),
                qos: QoS::AtMostOnce,
                retain: true,
                properties: None,
                publisher: ClientIdentifier::new(PUBLISHER),
                source: None,
                received: now.wall,
            });
        }
    }
}

fn values(shared: &Shared, totals: &Totals, now: Moment) -> Vec<(String, String)> {
    let (connected, sessions) = shared.registry.count();
    let disconnected = sessions - connected;
    let (retained, retained_bytes) = {
        let retained = shared.router.retained.read();
        (retained.len(), retained.bytes())
    };
    let queues = shared.registry.queues();
    let stored = retained + queues.waiting;
    let uptime = (now.steady - shared.started.steady).as_secs();
    let numbers = [
        ("clients/connected", connected as u64),
        ("clients/active", connected as u64),
        ("clients/disconnected", disconnected as u64),
        ("clients/inactive", disconnected as u64),
        ("clients/total", sessions as u64),
        ("clients/maximum", totals.most_connected),
        ("clients/expired", totals.expired_sessions),
        ("messages/received", totals.packets_in),
        ("messages/sent", totals.packets_out),
        ("messages/inflight", queues.inflight as u64),
        ("messages/stored", stored as u64),
        ("store/messages/count", stored as u64),
        ("store/messages/bytes", (retained_bytes + queues.waiting_bytes) as u64),
        ("publish/messages/received", totals.messages_in),
        ("publish/messages/sent", totals.messages_out),
        ("publish/messages/dropped", totals.dropped_in_all()),
        ("publish/bytes/received", totals.payload_in),
        ("publish/bytes/sent", totals.payload_out),
        ("bytes/received", totals.bytes_in),
        ("bytes/sent", totals.bytes_out),
        ("retained messages/count", retained as u64),
        ("retained messages/bytes", retained_bytes as u64),
        ("subscriptions/count", shared.router.subscription_count() as u64),
        ("shared_subscriptions/count", shared.router.shared_subscription_count() as u64),
        ("connections/refused", totals.refused_connections),
        ("subscriptions/denied", totals.denied_subscriptions),
        ("publish/messages/withheld", totals.withheld),
    ];
    let journal = match &shared.journal.progress().borrow().paused {
        None => "recording".to_owned(),
        Some(reason) => format!("paused: {reason}"),
    };
    let words = [
        ("version", format!("Nightjar {}", env!("CARGO_PKG_VERSION"))),
        ("uptime", format!("{uptime} seconds")),
        ("journal", journal),
    ];
    let dropped = DropReason::ALL.into_iter().zip(totals.dropped);
    let dropped = dropped.map(|(reason, count)| (format!("dropped/{}", reason.topic_level()), count.to_string()));
    let numbers = numbers.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
    words.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(numbers).chain(dropped).collect()
}
