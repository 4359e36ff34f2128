use nightjar_mqtt::TopicFilter;

use super::*;
use crate::Order;

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
                ..message(numbers.pick(&TOPICS), &format!("{} {number}", numbers.pick(&["Warm", "cold", "WÄRME"])))
            })
            .collect();
        keep(&store, messages.iter().cloned().map(record));

        for round in 0..150 {
            let mut one_in_two = |value: String| if numbers.below(2) == 0 { value } else { String::new() };
            let topic = one_in_two(FILTERS[round % FILTERS.len()].to_owned());
            let client = one_in_two(["one", "two", "nobody"][round % 3].to_owned());
            let text = one_in_two(["warm", "7", "COLD 1", "ärme"][round % 4].to_owned());
            let mut bound = || (numbers.below(2) == 0).then(|| at(numbers.below(14_000) as f64 - 1_000.0));
            let search = Search {
                filter: (!topic.is_empty()).then(|| TopicFilter::new(topic).unwrap()),
                client: (!client.is_empty()).then_some(client),
                text,
                from: bound(),
                to: bound(),
                qos: [None, None, Some(QoS::AtMostOnce), Some(QoS::ExactlyOnce)][round % 4],
                retain: [None, None, Some(true), None, Some(false)][round % 5],
                order: [Order::NewestFirst, Order::OldestFirst][round % 2],
            };
            let mut expected: Vec<i64> = (1..)
                .zip(&messages)
                .filter(|(_, message)| {
                    let payload = std::str::from_utf8(&message.payload).unwrap();
                    search.filter.as_ref().is_none_or(|filter| filter.matches(&message.topic))
                        && search.client.as_ref().is_none_or(|client| **client == *message.publisher)
                        && payload.to_ascii_lowercase().contains(&search.text.to_ascii_lowercase())
                        && search.from.is_none_or(|from| message.received >= from)
                        && search.to.is_none_or(|to| message.received <= to)
                        && search.qos.is_none_or(|qos| message.qos == qos)
                        && search.retain.is_none_or(|retain| message.retain == retain)
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
