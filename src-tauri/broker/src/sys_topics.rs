//! The broker's own topics, by the names that Mosquitto's users know.

use std::collections::HashMap;

use bytes::Bytes;
use nightjar_mqtt::{QoS, TopicName};

use crate::clock::Moment;
use crate::shared::Shared;
use crate::{ClientIdentifier, Message};

/// The publisher of `$SYS`.
const PUBLISHER: &str = "$SYS";

/// What was announced last, so that only changes are.
#[derive(Debug, Default)]
pub(crate) struct SysTopics {
    announced: HashMap<&'static str, String>,
}

impl SysTopics {
    /// Publishes the values that changed, retained.
    pub(crate) fn announce(&mut self, shared: &Shared, now: Moment) {
        for (topic, value) in values(shared, now) {
            if self.announced.get(topic) == Some(&value) {
                continue;
            }
            let Ok(name) = TopicName::new(topic) else { continue };
            self.announced.insert(topic, value.clone());
            shared.announce(Message {
                topic: name,
                payload: Bytes::from(value),
                qos: QoS::AtMostOnce,
                retain: true,
                properties: None,
                publisher: ClientIdentifier::new(PUBLISHER),
                received: now.wall,
            });
        }
    }
}

fn values(shared: &Shared, now: Moment) -> Vec<(&'static str, String)> {
    let totals = shared.counters.totals();
    let (connected, sessions) = shared.registry.count();
    let (retained, retained_bytes) = {
        let retained = shared.router.retained.read();
        (retained.len(), retained.bytes())
    };
    let uptime = (now.steady - shared.started.steady).as_secs();
    vec![
        ("$SYS/broker/version", format!("Nightjar {}", env!("CARGO_PKG_VERSION"))),
        ("$SYS/broker/uptime", format!("{uptime} seconds")),
        ("$SYS/broker/clients/connected", connected.to_string()),
        ("$SYS/broker/clients/disconnected", (sessions - connected).to_string()),
        ("$SYS/broker/clients/total", sessions.to_string()),
        ("$SYS/broker/messages/received", totals.messages_in.to_string()),
        ("$SYS/broker/messages/sent", totals.messages_out.to_string()),
        ("$SYS/broker/publish/messages/dropped", totals.dropped_in_all().to_string()),
        ("$SYS/broker/bytes/received", totals.bytes_in.to_string()),
        ("$SYS/broker/bytes/sent", totals.bytes_out.to_string()),
        ("$SYS/broker/retained messages/count", retained.to_string()),
        ("$SYS/broker/retained messages/bytes", retained_bytes.to_string()),
        ("$SYS/broker/subscriptions/count", shared.router.subscription_count().to_string()),
    ]
}
