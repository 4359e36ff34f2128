//! The tree against a plain list of what came, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use nightjar_broker::ClientIdentifier;
use nightjar_mqtt::{QoS, TopicFilter, TopicName};

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000 + millis * 1_000)
}

fn message(topic: &str, payload: &str, millis: i64) -> Message {
    Message {
        topic: TopicName::new(topic.to_owned()).unwrap(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: None,
        publisher: ClientIdentifier::new("sensor"),
        source: None,
        received: at(millis),
    }
}

fn show(topics: &Topics, topic: &str, payload: &str, millis: i64) {
    topics.show([&message(topic, payload, millis)].into_iter(), at(millis));
}

fn tree_of(paths: &[&str]) -> Topics {
    let topics = Topics::new();
    for path in paths {
        show(&topics, path, "", 0);
    }
    topics
}

fn expanded(paths: &[&str]) -> HashSet<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

fn query<'a>(expanded: &'a HashSet<String>, filter: &'a str) -> TopicTreeQuery<'a> {
    TopicTreeQuery { expanded, filter, sort: TopicSort::Name, first: 0, count: usize::MAX }
}

fn paths(rows: &TopicRows) -> Vec<&str> {
    rows.rows.iter().map(|row| &row.path[..]).collect()
}

/// The paths of the rows that a filter shows, with `>` before what is unfolded.
fn shown(topics: &Topics, unfolded: &[&str], filter: &str) -> Vec<String> {
    let rows = topics.rows(query(&expanded(unfolded), filter), at(0));
    assert_eq!(rows.total, rows.rows.len());
    rows.rows.iter().map(|row| format!("{}{}", if row.expanded { ">" } else { "" }, row.path)).collect()
}

#[test]
fn only_what_is_unfolded_is_shown() {
    let topics = tree_of(&["b", "a/x/1", "a/x/2", "a/y", "a", "/lead", "c//d"]);
    let show = |unfolded: &[&str]| shown(&topics, unfolded, "");
    assert_eq!(show(&[]), ["", "a", "b", "c"]);
    assert_eq!(show(&["a"]), ["", ">a", "a/x", "a/y", "b", "c"]);
    assert_eq!(show(&["a/x"]), ["", "a", "b", "c"], "what is above it is folded");
    assert_eq!(show(&["a/x", "a", "b", "nothing"]), ["", ">a", ">a/x", "a/x/1", "a/x/2", "a/y", "b", "c"]);
    assert_eq!(show(&["", "c", "c/"]), [">", "/lead", "a", "b", ">c", ">c/", "c//d"]);
}

#[test]
fn a_row_tells_what_is_at_and_below_it() {
    let topics = tree_of(&["a/x/1", "a/x/2", "a", "b"]);
    let unfolded = expanded(&["a"]);
    let rows = topics.rows(query(&unfolded, ""), at(0));
    assert_eq!((rows.total, rows.topics, rows.unlisted), (3, 4, 0));
    let a = &rows.rows[0];
    assert_eq!((&a.name[..], a.depth, a.children, a.topics_below, a.topic.is_some()), ("a", 1, 1, 2, true));
    let x = &rows.rows[1];
    assert_eq!((&x.path[..], &x.name[..], x.depth, x.children, x.topics_below), ("a/x", "x", 2, 2, 2));
    assert_eq!(x.topic, None, "no message came on it");
    assert_eq!(x.active_at, Some(at(0)));
}

#[test]
fn rows_come_from_any_position() {
    let topics = tree_of(&["a/1", "a/2", "b/1", "b/2", "c"]);
    let unfolded = expanded(&["a", "b"]);
    let all = topics.rows(query(&unfolded, ""), at(0));
    for first in 0..9 {
        for count in 0..9 {
            let rows = topics.rows(TopicTreeQuery { first, count, ..query(&unfolded, "") }, at(0));
            assert_eq!(rows.total, 7);
            let wanted: Vec<&str> = paths(&all).into_iter().skip(first).take(count).collect();
            assert_eq!(paths(&rows), wanted);
        }
    }
}

#[test]
fn a_topic_follows_its_last_message() {
    let topics = Topics::new();
    let state = || topics.topic("a/b").unwrap();
    assert_eq!(topics.topic("a/b"), None);
    show(&topics, "a/b", "1", 0);
    assert_eq!((state().messages, state().changed_at), (1, None), "there is nothing before it to differ from");
    show(&topics, "a/b", "1", 10);
    assert_eq!((state().last_at, state().changed_at), (at(10), None));
    show(&topics, "a/b", "2", 20);
    show(&topics, "a/b", "2", 30);
    assert_eq!((state().messages, state().last_at, state().changed_at), (4, at(30), Some(at(20))));
    let long = "x".repeat(1_000);
    show(&topics, "a/b", &long, 40);
    assert_eq!((state().preview.len(), state().size), (160, 1_000));
    assert_eq!(topics.topic("a"), None, "no message came on it");

    let retained = |payload: &str| Message { retain: true, ..message("a/b", payload, 50) };
    for (payload, expected) in [("on", true), ("", false), ("on", true)] {
        topics.show([&retained(payload)].into_iter(), at(50));
        assert_eq!(state().retained, expected);
    }
    show(&topics, "a/b", "", 60);
    assert!(state().retained, "only a message with RETAIN clears it");
}

#[test]
fn what_the_history_knows_does_not_hide_what_came_since() {
    let recorded = |name: &str, payload: &str| Recorded {
        name: name.to_owned(),
        messages: 10,
        retained: true,
        payload: payload.as_bytes().to_vec(),
        size: payload.len() as u64,
        last_at: at(-1_000),
    };
    let topics = Topics::new();
    show(&topics, "live", "new", 0);
    topics.recall([recorded("live", "old"), recorded("quiet", "old")].into_iter());
    let live = topics.topic("live").unwrap();
    assert_eq!((live.messages, &live.preview[..], live.last_at, live.retained), (11, &b"new"[..], at(0), false));
    let quiet = topics.topic("quiet").unwrap();
    assert_eq!(
        (quiet.messages, &quiet.preview[..], quiet.last_at, quiet.retained),
        (10, &b"old"[..], at(-1_000), true)
    );
    show(&topics, "quiet", "old", 0);
    assert_eq!(topics.topic("quiet").unwrap().changed_at, None);
    show(&topics, "quiet", "new", 1);
    assert_eq!(topics.topic("quiet").unwrap().changed_at, Some(at(1)));
}

#[test]
fn what_is_new_is_listed_at_once_wherever_it_is() {
    let mut below = {
        let mut seed = 99_u64;
        move |end: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % end
        }
    };
    let topics = Topics::new();
    let unfolded = expanded(&["l0", "l0/l1", "l0/l1/l2", "l3", "l2/l2"]);
    for step in 0..400 {
        let depth = 1 + below(5);
        let topic = (0..depth).map(|_| format!("l{}", below(5))).collect::<Vec<_>>().join("/");
        show(&topics, &topic, "x", step);
        // The list of the step before is used again where it can be.
        let kept = topics.rows(query(&unfolded, ""), at(step));
        topics.state.lock().list = None;
        assert_eq!(kept, topics.rows(query(&unfolded, ""), at(step)), "after {topic}");
    }
}

#[test]
fn text_shows_the_highest_levels_that_contain_it() {
    let topics = tree_of(&["factory/line-1/Temp", "factory/line-2/temp/raw", "house/ÄUSSERE", "temp"]);
    assert_eq!(
        shown(&topics, &[], "TEMP"),
        [">factory", ">factory/line-1", "factory/line-1/Temp", ">factory/line-2", "factory/line-2/temp", "temp"]
    );
    assert_eq!(shown(&topics, &["factory/line-2/temp"], "2/te").last().unwrap(), "factory/line-2/temp/raw");
    assert_eq!(shown(&topics, &[], "äuss"), [">house", "house/ÄUSSERE"]);
    assert_eq!(shown(&topics, &[], "factory"), ["factory"]);
    assert_eq!(shown(&topics, &["factory"], "factory"), [">factory", "factory/line-1", "factory/line-2"]);
    assert_eq!(shown(&topics, &[], "nothing"), [""; 0]);
}

#[test]
fn filters_agree_with_matching_each_topic() {
    let levels = ["a", "b", "", "$s", "é"];
    let mut all = Vec::new();
    for one in levels {
        all.push(one.to_owned());
        for two in levels {
            all.push(format!("{one}/{two}"));
            all.push(format!("{one}/{two}/a/b"));
        }
    }
    all.retain(|topic| !topic.is_empty());
    let deep: Vec<String> = (62..68).map(|count| vec!["d"; count].join("/")).collect();
    all.extend(deep.iter().cloned());
    let topics = tree_of(&all.iter().map(|topic| &topic[..]).collect::<Vec<_>>());
    let deep_filters =
        deep.iter().flat_map(|topic| [format!("{topic}/+"), format!("{topic}/#"), topic.replacen('d', "+", 1)]);
    let filters =
        ["#", "+", "+/+", "a/#", "+/b/#", "$s/#", "$s/+", "a/+/a/b", "+/+/+/+", "/#", "/+", "é/+", "a/b/c/#", "x/#"];
    for filter in filters.into_iter().map(str::to_owned).chain(deep_filters) {
        let parsed = TopicFilter::new(filter.clone()).unwrap();
        let expected: BTreeSet<&str> = all
            .iter()
            .filter(|topic| parsed.matches(&TopicName::new((*topic).clone()).unwrap()))
            .map(|topic| &topic[..])
            .collect();
        // All that is above them is shown too, and nothing else.
        let mut with_above = BTreeSet::new();
        for topic in &expected {
            let mut ends: Vec<usize> = topic.match_indices('/').map(|(index, _)| index).take(63).collect();
            ends.push(topic.len());
            with_above.extend(ends.into_iter().map(|end| topic[..end].to_owned()));
        }
        let none = expanded(&[]);
        let rows = topics.rows(query(&none, &filter), at(0));
        let shown: BTreeSet<String> = rows.rows.iter().map(|row| row.path.clone()).collect();
        assert_eq!(shown, with_above, "{filter}");
        assert_eq!(rows.total, shown.len(), "{filter}: no row comes twice");
    }
}

#[test]
fn a_tree_of_random_messages_counts_what_came() {
    let mut seed = 42_u64;
    let mut below = |end: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % end
    };
    let topics = Topics::new();
    let mut came: Vec<(String, i64)> = Vec::new();
    for step in 0..20_000 {
        let depth = 1 + below(4);
        let topic = (0..depth).map(|_| format!("l{}", below(4))).collect::<Vec<_>>().join("/");
        let millis = step / 3;
        show(&topics, &topic, "x", millis);
        came.push((topic, millis));
    }
    let now = 20_000 / 3;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (topic, _) in &came {
        *counts.entry(topic).or_default() += 1;
    }
    let every: HashSet<String> = counts.keys().map(|&topic| topic.to_owned()).collect();
    let rows = topics.rows(query(&every, ""), at(now));
    let oldest = (now / 250 - 7) * 250;
    for row in &rows.rows {
        let is_at_or_below = |topic: &str| topic == row.path || topic.starts_with(&format!("{}/", row.path));
        assert_eq!(
            row.topic.as_ref().map_or(0, |topic| topic.messages),
            counts.get(&row.path[..]).copied().unwrap_or(0)
        );
        let below = counts.keys().filter(|topic| is_at_or_below(topic)).count() - usize::from(row.topic.is_some());
        assert_eq!(row.topics_below as usize, below, "{}", row.path);
        let recent = came.iter().filter(|(topic, millis)| *millis >= oldest && is_at_or_below(topic)).count();
        let expected = recent as f64 / (1.75 + (now % 250) as f64 / 1_000.0);
        assert!((row.rate - expected).abs() < 0.001, "{}: {} {expected}", row.path, row.rate);
    }
    let listed: Vec<&str> = rows.rows.iter().filter(|row| row.topic.is_some()).map(|row| &row.path[..]).collect();
    assert_eq!(listed.len(), counts.len());
    assert_eq!(topics.count() as usize, counts.len());

    let mut own: BTreeMap<&str, u64> = BTreeMap::new();
    for (topic, millis) in &came {
        *own.entry(topic).or_default() += u64::from(*millis >= oldest);
    }
    let mut busiest: Vec<u64> = own.values().copied().collect();
    busiest.sort_unstable_by(|one, other| other.cmp(one));
    let found = topics.busiest(10, at(now));
    for (row, count) in found.iter().zip(&busiest) {
        assert_eq!(own[&row.path[..]], *count, "{row:?}");
    }
    assert_eq!(found.len(), 10);
}

#[test]
fn rows_are_ordered_by_rate_or_by_what_came_last() {
    let topics = Topics::new();
    for (topic, times) in [("slow/x", 1), ("fast/x", 5), ("middle", 3)] {
        for _ in 0..times {
            show(&topics, topic, "", 0);
        }
    }
    show(&topics, "slow/y", "", 100);
    let none = expanded(&[]);
    let sorted = |sort, millis| {
        let rows = topics.rows(TopicTreeQuery { sort, ..query(&none, "") }, at(millis));
        paths(&rows).join(" ")
    };
    assert_eq!(sorted(TopicSort::Name, 100), "fast middle slow");
    assert_eq!(sorted(TopicSort::Rate, 100), "fast middle slow");
    assert_eq!(sorted(TopicSort::Recent, 100), "slow fast middle");
    for _ in 0..9 {
        show(&topics, "slow/x", "", 200);
    }
    assert_eq!(sorted(TopicSort::Rate, 1_000), "slow fast middle");
    show(&topics, "new", "", 1_001);
    assert_eq!(sorted(TopicSort::Rate, 1_001), "slow fast middle new", "what is new is listed at once");
    assert_eq!(sorted(TopicSort::Rate, 9_000), "fast middle new slow", "nothing goes on, so the name decides");
}

#[test]
fn the_busiest_topic_is_not_the_level_above_many() {
    let topics = Topics::new();
    for number in 0..10 {
        show(&topics, &format!("many/{number}"), "", 0);
    }
    for _ in 0..3 {
        show(&topics, "many", "", 0);
        show(&topics, "one", "", 0);
    }
    show(&topics, "one", "", 0);
    let busiest = topics.busiest(3, at(0));
    let names: Vec<&str> = busiest.iter().map(|row| &row.path[..]).collect();
    assert_eq!(names, ["one", "many", "many/0"]);
    assert!(topics.busiest(3, at(60_000)).is_empty());

    let found = topics.find("MANY", 8, at(0));
    assert_eq!((&found[0].path[..], found[0].is_topic, found.len()), ("many", true, 1));
    assert!(found[0].rate > 5.0);
    assert_eq!(topics.find("y/3", 8, at(0))[0].path, "many/3");
    assert!(topics.find("", 8, at(0)).is_empty());
}

#[test]
fn a_full_tree_counts_what_it_has_no_room_for() {
    let topics = Topics::of(Tree::with_room_for(5));
    for topic in ["a/b", "c/d", "a/b", "e", "a/f/g", "c"] {
        show(&topics, topic, "", 0);
    }
    let rows = topics.rows(query(&expanded(&["a", "c"]), ""), at(0));
    assert_eq!(paths(&rows), ["a", "a/b", "c", "c/d"]);
    assert_eq!((rows.topics, rows.unlisted), (3, 2));
    assert_eq!(topics.topic("a/b").unwrap().messages, 2);
}

#[test]
fn a_topic_of_very_many_levels_is_a_few_nodes() {
    let topics = Topics::new();
    let deep = "/".repeat(65_535);
    show(&topics, &deep, "x", 0);
    assert!(topics.topic(&deep).is_some());
    let none = expanded(&[]);
    let rows = topics.rows(query(&none, "#"), at(0));
    assert_eq!(rows.total, 64);
    assert_eq!(rows.rows[63].path, deep);
}
