//! Clients, in rows and from close by.

use std::cmp::Ordering;

use nightjar_broker::{Broker, ClientInfo, EventKind};
use nightjar_store::{ReadError, Store};

use super::payload::{Glimpse, harmless};
use super::text_or_filter::contains;
use super::{count, events, millis};
use crate::sampler::{Rates, Sampler};
use crate::wire::{ClientDetail, ClientQuery, ClientRow, ClientRows, ClientSort, SubscriptionRow, WillDetail};

/// Rows that a window can ask for at once.
const MOST_ROWS: u32 = 500;
/// Events of a client's timeline.
const TIMELINE: usize = 100;
/// A session that never expires.
const NEVER: u32 = u32::MAX;

/// Whom the rows are about, and what is known besides.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    pub broker: &'a Broker,
    pub sampler: &'a Sampler,
    /// The Client Identifier of the window's own connection, while it is connected.
    pub window: Option<&'a str>,
}

/// The rows of a query.
pub fn rows(around: Surroundings<'_>, query: &ClientQuery) -> ClientRows {
    let all = around.broker.clients();
    let connected = all.iter().filter(|info| info.connected).count();
    let away = all.len() - connected;
    let lower = query.filter.to_lowercase();
    let rates = around.sampler.client_rates();
    let mut found: Vec<(ClientInfo, Rates)> = all
        .into_iter()
        .filter(|info| info.connected || !query.only_connected)
        .filter(|info| mentions(info, &lower))
        .map(|info| {
            let rates = rates.of(&info.identifier);
            (info, rates)
        })
        .collect();
    found.sort_by(|a, b| {
        let order = order(query.sort, a, b);
        let order = if query.descending { order.reverse() } else { order };
        order.then_with(|| natural(&a.0.identifier, &b.0.identifier))
    });
    ClientRows {
        total: count(found.len()),
        connected: count(connected),
        away: count(away),
        first: query.first,
        rows: found
            .iter()
            .skip(query.first as usize)
            .take(query.count.min(MOST_ROWS) as usize)
            .map(|(info, rates)| row(info, *rates, around.window))
            .collect(),
    }
}

/// A client from close by; `None` where the broker knows none of that name.
///
/// # Errors
/// Where the history can't be read.
pub fn detail(around: Surroundings<'_>, store: &Store, client: &str) -> Result<Option<ClientDetail>, ReadError> {
    let Some(info) = around.broker.client(client) else { return Ok(None) };
    let rates = around.sampler.client_rates().of(&info.identifier);
    let subscriptions = around.broker.subscriptions(client).unwrap_or_default();
    let timeline = store.events_of_client(client, TIMELINE)?;
    let connection = &info.connection;
    let last_disconnect = info.last_disconnect.clone().or_else(|| {
        let ended = |kind| matches!(kind, EventKind::Disconnected | EventKind::Lost | EventKind::Violation);
        timeline.iter().find(|stored| ended(stored.event.kind)).map(|stored| stored.event.detail.clone())
    });
    Ok(Some(ClientDetail {
        row: row(&info, rates, around.window),
        keep_alive: connection.keep_alive,
        clean_start: connection.clean_start,
        session_expiry_interval: (connection.session_expiry_interval != NEVER)
            .then_some(connection.session_expiry_interval),
        receive_maximum: connection.receive_maximum,
        will: connection.will.as_ref().map(|will| WillDetail {
            topic: will.topic.to_string(),
            preview: Glimpse::whole(&will.payload).preview(),
            qos: will.qos.level(),
            retain: will.retain,
            delay: will.properties.will_delay_interval.unwrap_or(0),
        }),
        last_disconnect: last_disconnect.map(|text| harmless(&text).into_owned()),
        subscriptions: subscriptions
            .into_iter()
            .map(|(filter, state)| SubscriptionRow {
                filter: filter.to_string(),
                qos: state.options.maximum_qos.level(),
                no_local: state.options.no_local,
                retain_as_published: state.options.retain_as_published,
                identifier: state.identifier,
            })
            .collect(),
        timeline: timeline.iter().map(events::row).collect(),
    }))
}

fn row(info: &ClientInfo, rates: Rates, window: Option<&str>) -> ClientRow {
    // Of who is away, nothing comes or goes, whatever the last two seconds were.
    let rates = if info.connected { rates } else { Rates::default() };
    ClientRow {
        client: info.identifier.to_string(),
        connected: info.connected,
        version: info.connection.version.name().to_owned(),
        address: info.connection.address.to_string(),
        user_name: info.connection.user_name.clone(),
        since: millis(info.since),
        rate_in: rates.messages_in,
        rate_out: rates.messages_out,
        messages_in: info.messages_in,
        messages_out: info.messages_out,
        bytes_in: info.bytes_in,
        bytes_out: info.bytes_out,
        subscriptions: count(info.subscriptions),
        inflight: info.inflight,
        queued: count(info.queued),
        queued_bytes: info.queued_bytes as u64,
        dropped: info.dropped,
        is_window: window == Some(&*info.identifier),
    }
}

fn mentions(info: &ClientInfo, lower: &str) -> bool {
    lower.is_empty()
        || contains(&info.identifier, lower)
        || info.connection.user_name.as_deref().is_some_and(|name| contains(name, lower))
        || contains(&info.connection.address.to_string(), lower)
}

fn order(sort: ClientSort, (a, a_rates): &(ClientInfo, Rates), (b, b_rates): &(ClientInfo, Rates)) -> Ordering {
    match sort {
        ClientSort::Name => natural(&a.identifier, &b.identifier),
        ClientSort::State => b.connected.cmp(&a.connected),
        ClientSort::RateIn => a_rates.messages_in.total_cmp(&b_rates.messages_in),
        ClientSort::RateOut => a_rates.messages_out.total_cmp(&b_rates.messages_out),
        ClientSort::Queue => a.queued.cmp(&b.queued),
        ClientSort::Since => a.since.cmp(&b.since),
        ClientSort::Address => a.connection.address.cmp(&b.connection.address),
    }
}

/// As people sort: `sensor-9` before `sensor-10`, whatever the case.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, rest) = digits(left);
            let (other, other_rest) = digits(right);
            // Without leading zeros, the longer number is the larger one.
            let order = number.len().cmp(&other.len()).then_with(|| number.cmp(other));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (rest, other_rest);
        } else {
            let order = first.to_lowercase().cmp(second.to_lowercase());
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (&left[first.len_utf8()..], &right[second.len_utf8()..]);
        }
    }
}

/// The number at the beginning, without leading zeros, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_people_sort_them() {
        let mut names = ["sensor-10", "Sensor-9", "sensor-09a", "alpha", "sensor-9", "ünal", "", "10", "9"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "9", "10", "alpha", "Sensor-9", "sensor-9", "sensor-09a", "sensor-10", "ünal"]);
    }
}
