//! The messages of a topic: the newest ones, how they spread over the last minutes, and the numbers in them.

use nightjar_broker::Timestamp;
use nightjar_store::{MessageId, ReadError, Store};
use parking_lot::Mutex;
use serde_json::Value;

use super::payload::PREVIEW_BYTES;
use super::{messages, millis};
use crate::wire::{TopicMessages, TopicMessagesQuery};

/// Microseconds that histogram and series look back.
const SPAN: i64 = 300_000_000;
const SLOTS: usize = 100;
const SLOT: i64 = SPAN / SLOTS as i64;
const POINTS: usize = 300;
const MOST_ROWS: u32 = 500;
/// How long a busy topic's chart stays, in microseconds: making it reads hundreds of payloads.
const CHART_STAYS: i64 = 1_000_000;
/// Levels of objects that are searched for a number.
const DEPTH: usize = 3;
/// Members that are likely to be what a payload is about.
const TELLING: [&str; 4] = ["value", "val", "v", "temperature"];

/// The chart that was made last; the window asks for the same topic again and again.
#[derive(Debug, Default)]
pub struct Charts {
    last: Mutex<Option<Chart>>,
}

#[derive(Clone, Debug)]
struct Chart {
    topic: String,
    made: Timestamp,
    /// The histogram's end, and the topic's messages then: while both stand, so does the chart.
    end: i64,
    total: u64,
    histogram: Vec<u32>,
    series: Vec<(f64, f64)>,
    series_path: Option<String>,
}

impl Charts {
    /// The answer to a query.
    ///
    /// # Errors
    /// Where the history can't be read.
    pub fn of_topic(
        &self,
        store: &Store,
        query: &TopicMessagesQuery,
        now: Timestamp,
    ) -> Result<TopicMessages, ReadError> {
        let limit = query.limit.min(MOST_ROWS) as usize;
        let newest = store.messages_of_topic(&query.topic, query.after.map(MessageId), limit, PREVIEW_BYTES)?;
        let total = store.topics().topic(&query.topic).map_or(0, |topic| topic.messages);
        let chart = self.chart(store, &query.topic, total, now)?;
        Ok(TopicMessages {
            rows: newest.rows.iter().map(messages::row).collect(),
            skipped: newest.skipped,
            total,
            histogram: chart.histogram,
            series: chart.series,
            series_path: chart.series_path,
        })
    }

    fn chart(&self, store: &Store, topic: &str, total: u64, now: Timestamp) -> Result<Chart, ReadError> {
        // Whole slots, so that their bounds stand still from one answer to the next.
        let end = (now.micros().div_euclid(SLOT) + 1) * SLOT;
        if let Some(last) = &*self.last.lock()
            && last.topic == topic
            && ((last.end == end && last.total == total)
                || (0..CHART_STAYS).contains(&(now.micros() - last.made.micros())))
        {
            return Ok(last.clone());
        }
        let from = Timestamp::from_micros(end - SPAN);
        let histogram = store.topic_histogram(topic, from, Timestamp::from_micros(end), SLOTS)?;
        let payloads = store.topic_payloads(topic, from, POINTS)?;
        let (series, series_path) = series(&payloads);
        let chart = Chart { topic: topic.to_owned(), made: now, end, total, histogram, series, series_path };
        *self.last.lock() = Some(chart.clone());
        Ok(chart)
    }
}

/// The numbers of payloads, and where in them they are: the newest payload decides.
fn series(payloads: &[(Timestamp, Vec<u8>)]) -> (Vec<(f64, f64)>, Option<String>) {
    let parse = |payload: &[u8]| serde_json::from_slice::<Value>(payload).ok();
    let path = payloads.last().and_then(|(_, payload)| parse(payload)).and_then(|value| number_in(&value, DEPTH));
    let Some(path) = path else { return (Vec::new(), None) };
    let points = payloads.iter().filter_map(|(time, payload)| {
        let value = parse(payload)?;
        let number = path.iter().try_fold(&value, |value, member| value.get(member))?.as_f64()?;
        Some((millis(*time), number))
    });
    let points = points.collect();
    (points, (!path.is_empty()).then(|| path.join(".")))
}

/// Where the first telling number is; empty where the value is one itself.
fn number_in(value: &Value, depth: usize) -> Option<Vec<String>> {
    match value {
        Value::Number(_) => Some(Vec::new()),
        Value::Object(members) if depth > 0 => {
            let telling = TELLING.iter().filter_map(|&name| members.get_key_value(name));
            let numbers = || members.iter().filter(|(_, member)| member.is_number());
            let (name, path) = telling
                .chain(numbers())
                .chain(members)
                .find_map(|(name, member)| Some((name, number_in(member, depth - 1)?)))?;
            Some(std::iter::once(name.clone()).chain(path).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(payload: &str) -> Option<Vec<String>> {
        number_in(&serde_json::from_str(payload).unwrap(), DEPTH)
    }

    #[test]
    fn the_telling_number_is_found() {
        let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(path("3.5"), names(&[]));
        assert_eq!(path(r#"{"at":1,"value":2}"#), names(&["value"]));
        assert_eq!(path(r#"{"ok":true,"kw":2}"#), names(&["kw"]));
        assert_eq!(path(r#"{"a":{"b":{"c":1}}}"#), names(&["a", "b", "c"]));
        assert_eq!(path(r#"{"a":{"b":{"c":{"d":1}}}}"#), None);
        assert_eq!(path(r#"{"inner":{"x":1},"z":2}"#), names(&["z"]));
        assert_eq!(path(r#"["1"]"#), None);
        assert_eq!(path(r#""text""#), None);
    }

    #[test]
    fn payloads_without_the_number_are_gaps() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let payloads = [
            (at(1), b"{\"value\":1}".to_vec()),
            (at(2), b"offline".to_vec()),
            (at(3), b"{\"value\":\"high\"}".to_vec()),
            (at(4), b"{\"value\":4.5}".to_vec()),
        ];
        assert_eq!(series(&payloads), (vec![(1_000.0, 1.0), (4_000.0, 4.5)], Some("value".to_owned())));
        assert_eq!(series(&payloads[..2]), (Vec::new(), None));
    }
}
