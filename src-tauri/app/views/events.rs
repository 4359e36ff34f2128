//! Events in words.

use nightjar_broker::{Event, EventKind as Kind};
use nightjar_store::StoredEvent;

use super::millis;
use super::payload::harmless;
use crate::fault::sentence;
use crate::wire::{EventKind, EventRow};

pub fn row(stored: &StoredEvent) -> EventRow {
    let Event { time, client, kind, detail } = &stored.event;
    EventRow {
        id: stored.id,
        at: millis(*time),
        kind: kind_of(*kind),
        client: client.as_ref().map(ToString::to_string),
        // Of the broker itself, the detail says it all.
        text: if *kind == Kind::Broker { sentence(detail) } else { text(*kind, client.as_deref()) },
        detail: if *kind == Kind::Broker { String::new() } else { harmless(detail).into_owned() },
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

#[cfg(test)]
mod tests {
    use nightjar_broker::{ClientIdentifier, Timestamp};

    use super::*;

    fn of(kind: Kind, client: Option<&str>, detail: &str) -> EventRow {
        let client = client.map(ClientIdentifier::new);
        row(&StoredEvent {
            id: 1,
            event: Event { time: Timestamp::from_micros(1_500), client, kind, detail: detail.to_owned() },
        })
    }

    #[test]
    fn an_event_says_who_did_what_and_how() {
        let event = of(Kind::Lost, Some("plc"), "Keep Alive timeout (0x8D)");
        assert_eq!((&*event.text, &*event.detail, event.at), ("plc lost", "Keep Alive timeout (0x8D)", 1.5));
        let event = of(Kind::Refused, None, "from 10.0.0.7:4: Not authorized (0x87)");
        assert_eq!((&*event.text, event.client), ("A client was refused", None));
        let event = of(Kind::Broker, None, "listening on mqtt://127.0.0.1:1883");
        assert_eq!((&*event.text, &*event.detail), ("Listening on mqtt://127.0.0.1:1883", ""));
    }

    #[test]
    fn a_name_can_not_rewrite_the_line() {
        let event = of(Kind::Connected, Some("a\u{202E}b\nc"), "from x\r\ny");
        assert_eq!((&*event.text, &*event.detail), ("a\u{FFFD}b\u{FFFD}c connected", "from x\u{FFFD}\u{FFFD}y"));
    }
}
