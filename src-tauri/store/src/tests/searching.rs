use nightjar_mqtt::TopicFilter;

use super::*;
use crate::{Order, SeriesQuery};

fn filter(text: &str) -> Search {
    Search { filter: Some(TopicFilter::new(text.to_owned()).unwrap()), ..Search::default() }
}

fn text(text: &str) -> Search {
    Search { text: text.to_owned(), ..Search::default() }
}

/// Numbers of one seed, the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

#[test]
fn a_search_for_everything_reads_nothing_in_advance() {
    for (_directory, store) in both() {
        keep(&store, (0..10_000).map(|number| record(message("a", &number.to_string()))));
        let handle = finished(&store, Search::default());
        assert_eq!(handle.progress().found, 10_000);
        for (first, count, expected) in [(0, 2, vec!["9999", "9998"]), (9_998, 10, vec!["1", "0"]), (10_000, 5, vec![])]
        {
            let rows = handle.rows(first, count, 10).unwrap();
            let payloads: Vec<_> = rows.iter().map(|row| std::str::from_utf8(&row.payload).unwrap()).collect();
            assert_eq!(payloads, expected, "from {first}");
        }
        keep(&store, (0..3).map(|_| record(message("b", ""))));
        let progress = handle.progress();
        assert_eq!((progress.found, progress.newer), (10_000, 3), "rows keep their positions");
    }
}

#[test]
fn searches_agree_with_looking_at_each_message() {
    const FILTERS: [&str; 9] = ["#", "+", "a", "a/#", "+/b", "a/+/c", "+/+/#", "$x/#", "nothing/here"];
    const TOPICS: [&str; 10] = ["a", "b", "a/b", "a/c", "a/b/c", "b/b", "b/b/c", "c/b/a/d", "$x/b", "/"];
    for (_directory, store) in both() {
        let mut numbers = Numbers(7);
        let messages: Vec<Message> = (0..10_000)
            .map(|number| Message {
                // The clock is set back by an hour in the middle.
                received: at(f64::from(number) - if number > 6_000 { 3_600.0 } else { 0.0 }),
                publisher: ClientIdentifier::new(numbers.pick(&["one", "two", "three"])),
                qos: [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][numbers.below(3) as usize],
                retain: numbers.below(7) == 0,
                ..message(
                    numbers.pick(&TOPICS),
                    &format!("[\"{}\", {number}]", numbers.pick(&["Warm", "cold", "WÄRME"])),
                )
            })
            .collect();
        keep(&store, messages.iter().cloned().map(record));

        for round in 0..150 {
            let mut one_in_two = |value: String| if numbers.below(2) == 0 { value } else { String::new() };
            let topic = one_in_two(FILTERS[round % FILTERS.len()].to_owned());
            let client = one_in_two(["one", "two", "nobody"][round % 3].to_owned());
            let text = one_in_two(["warm", "7", "COLD\", 1", "ärme"][round % 4].to_owned());
            let mut bound = || (numbers.below(2) == 0).then(|| at(numbers.below(14_000) as f64 - 1_000.0));
            let search = Search {
                filter: (!topic.is_empty()).then(|| TopicFilter::new(topic).unwrap()),
                client: (!client.is_empty()).then_some(client),
                text,
                from: bound(),
                to: bound(),
                qos: [None, None, Some(QoS::AtMostOnce), Some(QoS::ExactlyOnce)][round % 4],
                retain: [None, None, Some(true), None, Some(false)][round % 5],
                json: [None, None, None, Some("$[1] < 5000")][round % 4].map(|text| text.parse().unwrap()),
                retained_at: None,
                order: [Order::NewestFirst, Order::OldestFirst][round % 2],
            };
            let mut expected: Vec<i64> = (1..)
                .zip(&messages)
                .filter(|(id, message)| {
                    let position = id - 1;
                    let payload = std::str::from_utf8(&message.payload).unwrap();
                    search.filter.as_ref().is_none_or(|filter| filter.matches(&message.topic))
                        && search.client.as_ref().is_none_or(|client| **client == *message.publisher)
                        && payload.to_ascii_lowercase().contains(&search.text.to_ascii_lowercase())
                        && search.from.is_none_or(|from| message.received >= from)
                        && search.to.is_none_or(|to| message.received <= to)
                        && search.qos.is_none_or(|qos| message.qos == qos)
                        && search.retain.is_none_or(|retain| message.retain == retain)
                        && (search.json.is_none() || position < 5_000)
                })
                .map(|(id, _)| id)
                .collect();
            if search.order == Order::NewestFirst {
                expected.reverse();
            }
            assert_eq!(finished(&store, search.clone()).ids(), expected, "{search:?}");
        }
    }
}

#[test]
fn pages_can_be_read_from_any_position() {
    let store = in_memory();
    keep(&store, (0..5_000).map(|number| record(message(["a", "b"][number % 2], &format!("{number}")))));
    let handle = finished(&store, filter("a"));
    for first in [0, 1, 17, 2_499, 2_500] {
        let rows = handle.rows(first, 3, 10).unwrap();
        let payloads: Vec<_> = rows.iter().map(|row| std::str::from_utf8(&row.payload).unwrap()).collect();
        let expected: Vec<_> =
            (first..(first + 3).min(2_500)).map(|position| format!("{}", 4_998 - 2 * position)).collect();
        assert_eq!(payloads, expected);
    }
}

#[test]
fn rare_topics_among_many_messages_are_found_through_the_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(
        &store,
        (0..60_000).map(|number| {
            let topic =
                if number % 1_000 == 0 { format!("rare/{}", number % 3) } else { format!("common/{}", number % 10) };
            record(message(&topic, &number.to_string()))
        }),
    );
    // Counts tell which way is the shorter; they are written on close, or every few seconds.
    drop(store);
    let store = open(directory.path()).store;
    let expected: Vec<_> = (0..60).rev().map(|thousand| (thousand * 1_000).to_string()).collect();
    assert_eq!(found(&store, filter("rare/#")), expected);
    assert_eq!(found(&store, filter("rare/+")), expected);
    let both = Search { text: "59".to_owned(), ..filter("rare/#") };
    assert_eq!(found(&store, both), ["59000"]);
}

#[test]
fn a_search_stops_at_its_limit() {
    let store = in_memory();
    keep(&store, (0..1_000).map(|number| record(message("a", &format!("x{number}")))));
    let handle = store.search_up_to(text("x"), 100).unwrap();
    assert!(handle.wait(DEADLINE));
    let progress = handle.progress();
    assert_eq!((progress.found, progress.limit_reached), (100, true));
    assert_eq!(&handle.rows(99, 1, 10).unwrap()[0].payload[..], b"x900");
}

#[test]
fn a_dropped_search_stops() {
    let store = in_memory();
    keep(&store, (0..30_000).map(|_| record(message("a", "nothing of the kind"))));
    let handle = store.search(text("needle")).unwrap();
    let state = handle.watch_end();
    drop(handle);
    let end = std::time::Instant::now() + DEADLINE;
    while state.upgrade().is_some() {
        assert!(std::time::Instant::now() < end, "the thread ends once its handle is gone");
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_found_in_an_empty_history() {
    for (_directory, store) in both() {
        for search in [Search::default(), text("x"), filter("#"), filter("a")] {
            let handle = finished(&store, search);
            let progress = handle.progress();
            assert_eq!((progress.found, progress.scanned, progress.done), (0, 1.0, true));
            assert!(handle.rows(0, 10, 10).unwrap().is_empty());
        }
    }
}

#[test]
fn a_search_outlives_its_journal_and_does_not_keep_it_locked() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, (0..10).map(|number| record(message("a", &number.to_string()))));
    let handle = finished(&store, filter("a"));
    drop(store);
    let again = open(directory.path()).store;
    keep(&again, [record(message("a", "10"))]);
    assert_eq!(handle.rows(0, 20, 10).unwrap().len(), 10);
    assert_eq!(found(&again, filter("a")).len(), 11);
}

#[test]
fn a_histogram_shows_what_a_search_found() {
    for (_directory, store) in both() {
        let count = 30_000;
        keep(
            &store,
            (0..count).map(|number| {
                record(Message {
                    received: at(f64::from(number) / 100.0),
                    ..message(["a", "b", "b"][number as usize % 3], "")
                })
            }),
        );
        let few = finished(&store, Search { to: Some(at(29.995)), ..filter("a") });
        assert_eq!(few.histogram(at(0.0), at(60.0), 6).unwrap(), [334, 333, 333, 0, 0, 0]);
        let many = finished(&store, Search::default());
        assert_eq!(many.histogram(at(0.0), at(300.0), 1).unwrap(), [30_000]);
        for (slot, count) in many.histogram(at(0.0), at(300.0), 6).unwrap().into_iter().enumerate() {
            assert!(count.abs_diff(5_000) <= 2, "{count} in {slot}");
        }
        assert_eq!(many.time_span().unwrap(), Some((at(0.0), at(299.99))));
        assert_eq!(many.histogram(at(9.0), at(9.0), 3).unwrap(), [0; 3]);
        let none = finished(&store, filter("c"));
        assert_eq!((none.histogram(at(0.0), at(1.0), 2).unwrap(), none.time_span().unwrap()), (vec![0, 0], None));
    }
}

#[test]
fn a_series_reduces_numbers_to_points() {
    for (_directory, store) in both() {
        let payload = |number: i64| match number % 10 {
            0 => "offline".to_owned(),
            _ => format!("{{\"t\": {{\"v\": {number}}}}}"),
        };
        keep(
            &store,
            (0..10_000).map(|number| {
                record(Message {
                    received: at(number as f64),
                    ..message(["a", "b"][number as usize / 2 % 2], &payload(number))
                })
            }),
        );
        let query = SeriesQuery {
            search: filter("a"),
            path: "$.t.v".parse().unwrap(),
            from: at(0.0),
            to: at(9_000.0),
            points: 3,
        };
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let search = Search { order, ..query.search.clone() };
            let handle = store.series(SeriesQuery { search, ..query.clone() }).unwrap();
            assert!(handle.wait(DEADLINE));
            let points = handle.points();
            assert_eq!(points.len(), 3);
            for (point, start) in points.iter().zip([0_i64, 3_000, 6_000]) {
                let numbers: Vec<i64> = (start..start + 3_000).filter(|n| n % 4 < 2 && n % 10 != 0).collect();
                let mean = numbers.iter().sum::<i64>() as f64 / numbers.len() as f64;
                assert_eq!((point.from, point.count), (at(start as f64), numbers.len() as u64));
                assert_eq!((point.min, point.max), (numbers[0] as f64, numbers[numbers.len() - 1] as f64));
                assert!((point.mean - mean).abs() < 1e-6);
                assert_eq!(point.last, point.max);
            }
            let progress = handle.progress();
            assert_eq!((progress.scanned, progress.failed), (1.0, None));
            assert_eq!(progress.without_number, 450);
        }
        let nothing = store.series(SeriesQuery { points: 0, ..query.clone() }).unwrap();
        assert!(nothing.wait(DEADLINE) && nothing.points().is_empty());
        let backwards = store.series(SeriesQuery { from: at(9.0), to: at(1.0), ..query }).unwrap();
        assert!(backwards.wait(DEADLINE) && backwards.points().is_empty());
    }
}
