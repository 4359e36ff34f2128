//! Events in words.

use nightjar_broker::{Event, EventKind as Kind};
use nightjar_store::StoredEvent;

use super::millis;
use super::payload::harmless;
use crate::wire::{EventKind, EventRow};

pub fn row(stored: &StoredEvent) -> EventRow {
    let Event { time, client, kind, detail } = &stored.event;
    EventRow {
        id: stored.id,
        at: millis(*time),
        kind: kind_of(*kind),
        client: client.as_ref().map(ToString::to_string),
        text: text(*kind, client.as_deref()),
        detail: harmless(detail).into_owned(),
    }
}

const fn kind_of(kind: Kind) -> EventKind {
    match kind {
        Kind::Connected => EventKind::Connected,
        Kind::Disconnected => EventKind::Disconnected,
        Kind::Lost => EventKind::Lost,
        Kind::Refused => EventKind::Refused,
        Kind::Violation => EventKind::Violation,
        Kind::Subscribed => EventKind::Subscribed,
        Kind::Unsubscribed => EventKind::Unsubscribed,
        Kind::Will => EventKind::Will,
        Kind::Dropped => EventKind::Dropped,
        Kind::Takeover => EventKind::Takeover,
        Kind::Expired => EventKind::Expired,
        Kind::Broker => EventKind::Broker,
    }
}

fn text(kind: Kind, client: Option<&str>) -> String {
    let who = client.map(harmless);
    let client = who.as_deref().unwrap_or("A client");
    match kind {
        Kind::Connected => format!("{client} connected"),
        Kind::Disconnected => format!("{client} disconnected"),
        Kind::Lost => format!("{client} lost"),
        Kind::Refused => format!("{client} was refused"),
        Kind::Violation => format!("{client} broke the protocol"),
        Kind::Subscribed => format!("{client} subscribed"),
        Kind::Unsubscribed => format!("{client} unsubscribed"),
        Kind::Will => format!("Will of {client} published"),
        Kind::Dropped => format!("Messages for {client} dropped"),
        Kind::Takeover => format!("{client} connected a second time"),
        Kind::Expired => format!("Session of {client} ended"),
        Kind::Broker => "Nightjar".to_owned(),
    }
}
