//! What clients wanted and did not get: by the rules, and at the door.

use std::collections::HashMap;

use nightjar_broker::{Broker, Denial, EventKind, Operation, RefusedLogin};
use nightjar_store::{ReadError, Store, StoredEvent};

use super::payload::harmless;
use super::{contains, count, millis};
use crate::fault::sentence;
use crate::wire::{DenialOperation, DenialRow, DenialRows, ListQuery, Remedy, RuleDraft, RuleOperations, RuleSubject};

/// Rows of one answer, whatever was asked for.
const MOST_ROWS: usize = 500;
/// The newest events that refused connections are looked for in.
const EVENTS: usize = 1_000;

/// # Errors
/// Where the events can't be read.
pub fn rows(broker: &Broker, store: &Store, query: &ListQuery) -> Result<DenialRows, ReadError> {
    let mut all: Vec<DenialRow> = broker.denials().into_iter().map(denied).collect();
    all.extend(refused(store.events(EVENTS)?));
    let text = query.filter.to_lowercase();
    all.retain(|row| {
        [&row.client, &row.topic, &row.why]
            .into_iter()
            .chain(&row.user)
            .chain(&row.address)
            .any(|part| contains(part, &text))
    });
    // The newest first; keys tell those of one moment apart, so that the order stays.
    all.sort_by(|a, b| b.last.total_cmp(&a.last).then_with(|| a.key.cmp(&b.key)));
    Ok(DenialRows {
        total: count(all.len()),
        first: query.first,
        rows: all.into_iter().skip(query.first as usize).take((query.count as usize).min(MOST_ROWS)).collect(),
    })
}

fn denied(denial: Denial) -> DenialRow {
    let Denial { client, user, address, operation, is_will, topic, rule, count, first, last } = denial;
    let (shown, name) = match (operation, is_will) {
        (Operation::Publish, false) => (DenialOperation::Publish, "publish"),
        (Operation::Publish, true) => (DenialOperation::Will, "will"),
        (Operation::Subscribe, _) => (DenialOperation::Subscribe, "subscribe"),
    };
    let subject = user.clone().map_or(RuleSubject::Nameless, |name| RuleSubject::Account { name });
    let proposed = RuleDraft {
        number: None,
        // Above the rule that denies it, so that it decides; where no rule does, at the end.
        before: rule.map(|rule| rule.0),
        subject,
        operations: match operation {
            Operation::Publish => RuleOperations::Publish,
            Operation::Subscribe => RuleOperations::Subscribe,
        },
        filter: topic.clone(),
        allow: true,
    };
    DenialRow {
        key: format!("{name} {client} {topic}"),
        client: harmless(&client).into_owned(),
        user,
        address: address.map(|address| address.to_string()),
        operation: shown,
        topic,
        rule: rule.map(|rule| rule.0),
        why: rule.map_or_else(|| "No rule allows it".to_owned(), |rule| format!("Rule {rule} denies it")),
        remedy: Some(Remedy::Rule { rule: proposed }),
        count,
        first: millis(first),
        last: millis(last),
    }
}

/// Connections that were refused, those of one client for one reason together. `events` come newest first.
fn refused(events: Vec<StoredEvent>) -> Vec<DenialRow> {
    let mut rows: Vec<DenialRow> = Vec::new();
    let mut places = HashMap::new();
    for StoredEvent { event, .. } in events.into_iter().filter(|stored| stored.event.kind == EventKind::Refused) {
        let Some((address, why)) = event.detail.strip_prefix("from ").and_then(|rest| rest.split_once(": ")) else {
            continue;
        };
        let client = event.client.as_deref().map_or_else(String::new, |client| harmless(client).into_owned());
        let key = format!("connect {client} {why}");
        let at = millis(event.time);
        let place = *places.entry(key.clone()).or_insert(rows.len());
        if let Some(row) = rows.get_mut(place) {
            row.count += 1;
            row.first = at;
            continue;
        }
        let login = RefusedLogin::of(&event.detail);
        let (user, remedy) = match login {
            Some(RefusedLogin::NoAccount(name)) => (Some(name.clone()), Some(Remedy::Account { name })),
            Some(RefusedLogin::WrongPassword(name)) => (Some(name.clone()), Some(Remedy::Password { name })),
            Some(RefusedLogin::Disabled(name)) => (Some(name.clone()), Some(Remedy::Enable { name })),
            None => (None, None),
        };
        rows.push(DenialRow {
            key,
            client,
            user,
            address: Some(address.to_owned()),
            operation: DenialOperation::Connect,
            topic: String::new(),
            rule: None,
            why: sentence(&harmless(why)),
            remedy,
            count: 1,
            first: at,
            last: at,
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use nightjar_broker::{ClientIdentifier, Event, RuleNumber, Timestamp};

    use super::*;

    fn event(id: u64, kind: EventKind, client: Option<&str>, detail: &str) -> StoredEvent {
        let time = Timestamp::from_micros(i64::try_from(id).unwrap() * 1_000);
        let client = client.map(ClientIdentifier::new);
        StoredEvent { id, event: Event { time, client, kind, detail: detail.to_owned() } }
    }

    #[test]
    fn refusals_of_one_client_for_one_reason_are_one_row() {
        let why = "Bad User Name or Password (0x86): user \"tv\": there is no such account";
        let rows = refused(vec![
            event(9, EventKind::Refused, Some("tv"), &format!("from 10.0.0.7:9: {why}")),
            event(8, EventKind::Connected, Some("tv"), "from 10.0.0.7:8: MQTT 5.0"),
            event(7, EventKind::Refused, Some("tv"), &format!("from 10.0.0.7:4: {why}")),
            event(6, EventKind::Refused, None, "from 10.0.0.8:1: Not authorized (0x87)"),
        ]);
        let [tv, other] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((&*tv.client, tv.count, tv.first, tv.last), ("tv", 2, 7.0, 9.0));
        assert_eq!(tv.address.as_deref(), Some("10.0.0.7:9"), "the last one");
        assert_eq!(tv.remedy, Some(Remedy::Account { name: "tv".to_owned() }));
        assert_eq!((&*other.client, &*other.why, &other.remedy), ("", "Not authorized (0x87)", &None));
    }

    #[test]
    fn what_a_rule_denied_would_be_allowed_right_above_it() {
        let row = denied(Denial {
            client: ClientIdentifier::new("tablet"),
            user: Some("anna".to_owned()),
            address: None,
            operation: Operation::Publish,
            is_will: false,
            topic: "a/b".to_owned(),
            rule: Some(RuleNumber(7)),
            count: 3,
            first: Timestamp::from_micros(1_000),
            last: Timestamp::from_micros(2_000),
        });
        assert_eq!((&*row.why, row.rule, row.count), ("Rule 7 denies it", Some(7), 3));
        let Some(Remedy::Rule { rule }) = row.remedy else { panic!("{row:?}") };
        assert_eq!((rule.before, &*rule.filter, rule.allow), (Some(7), "a/b", true));
        assert_eq!(rule.subject, RuleSubject::Account { name: "anna".to_owned() });
    }
}
