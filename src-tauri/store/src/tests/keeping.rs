//! What the keeping rules let go of, and what stays.

use nightjar_mqtt::TopicFilter;

use super::*;
use crate::postings::SEGMENT;
use crate::queue::Queue;
use crate::{Bounds, Keep, KeepingRule, OnOverload, Pruning, RuleForecast, moment};

const NO_BOUND: Bounds = Bounds { age: None, messages: None, bytes: None };

fn rule(filter: &str, keep: Keep) -> KeepingRule {
    KeepingRule { filter: TopicFilter::new(filter.to_owned()).unwrap(), keep }
}

fn rules(rules: Vec<KeepingRule>) -> Keeping {
    Keeping { rules, ..Keeping::everything() }
}

fn now(message: Message) -> Message {
    Message { received: moment::now(), ..message }
}

fn of_topic(store: &Store, filter: &str) -> Vec<i64> {
    let filter = Some(TopicFilter::new(filter.to_owned()).unwrap());
    finished(store, Search { filter, ..Search::default() }).ids()
}

fn retained_payloads(directory: &Path) -> Vec<String> {
    let kept = open(directory).kept.retained;
    kept.iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap()).collect()
}

#[test]
fn what_is_too_old_goes_but_not_what_is_retained() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    keep(&store, [record(retained("lamp", "on"))]);
    keep(&store, (0..SEGMENT + 100).map(|number| record(message(&format!("t/{}", number % 3), "old"))));
    keep(&store, (0..50).map(|_| record(now(message("t/0", "new")))));
    store.set_keeping(Keeping { file: None, ..Keeping::default() });
    store.keep_to_rules();

    assert_eq!(store.statistics().messages, 50);
    assert_eq!(found(&store, Search::default()), vec!["new"; 50]);
    assert_eq!([store.count_of_topic("t/0").unwrap(), store.count_of_topic("t/1").unwrap()], [50, 0]);
    assert!(store.messages_of_topic("t/1", None, 10, 10).unwrap().rows.is_empty());
    let lamp = store.retained_ids(["lamp"]).unwrap()[0].unwrap();
    assert_eq!(&store.message(lamp, 10).unwrap().unwrap().payload[..], b"on");
    drop(store);

    assert_eq!(retained_payloads(directory.path()), ["on"]);
    let store = open(directory.path()).store;
    keep(&store, [record(retained("lamp", "off")), record(message("t/1", "newer"))]);
    assert_eq!(found(&store, Search::default()).len(), 52, "numbers go on where they were");
    assert_eq!(store.message(lamp, 10).unwrap(), None, "what is no longer retained is let go");
}

#[test]
fn each_rule_has_its_own_topics() {
    let directory = tempfile::tempdir().unwrap();
    let count = 3 * SEGMENT + 500;
    let topic = |id: i64| ["log/a", "log/b", "state", "other"][(id * 7 % 4) as usize];
    let store = open(directory.path()).store;
    for part in (1..=count).collect::<Vec<_>>().chunks(1_000) {
        keep(&store, part.iter().map(|&id| record(now(message(topic(id), "12345")))));
    }
    store.set_keeping(rules(vec![
        rule("log/#", Keep::Within(Bounds { messages: Some(10), ..NO_BOUND })),
        rule("state", Keep::Within(Bounds { bytes: Some(5 * 700), ..NO_BOUND })),
    ]));
    store.keep_to_rules();

    let expected = |wanted: &str, most: usize| -> Vec<i64> {
        (1..=count).rev().filter(|&id| topic(id) == wanted).take(most).collect()
    };
    let check = |store: &Store| {
        for (topic, most) in [("log/a", 10), ("log/b", 10), ("state", 700), ("other", usize::MAX)] {
            let expected = expected(topic, most);
            assert_eq!(of_topic(store, topic), expected, "{topic}");
            assert_eq!(store.count_of_topic(topic).unwrap(), expected.len() as u64, "{topic}");
        }
        let left = finished(store, Search::default()).progress().found;
        let of_client = Search { client: Some("sensor".to_owned()), ..Search::default() };
        assert_eq!(finished(store, of_client).progress().found, left);
        assert_eq!(store.statistics().messages, left);
    };
    check(&store);
    drop(store);
    check(&open(directory.path()).store);
}

#[test]
fn what_goes_of_many_topics_goes_together() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    // Half of the topics are the rule's, and each has a few messages only.
    let topic = |id: i64| format!("{}/{}", if id % 2 == 0 { "log" } else { "state" }, id % 500);
    for part in (1..=SEGMENT + 10).collect::<Vec<_>>().chunks(1_000) {
        keep(&store, part.iter().map(|&id| record(message(&topic(id), "x"))));
    }
    let connection = rusqlite::Connection::open(directory.path().join("nightjar.db")).unwrap();
    // Each order writes once down how many messages the segment has left.
    connection
        .execute_batch(
            "CREATE TABLE orders (messages);
             CREATE TRIGGER witness AFTER UPDATE ON segment
             BEGIN INSERT INTO orders VALUES (old.messages - new.messages); END",
        )
        .unwrap();
    store.set_keeping(rules(vec![rule("log/#", Keep::Nothing)]));
    store.keep_to_rules();
    assert!(of_topic(&store, "log/#").is_empty());
    assert_eq!(of_topic(&store, "state/#").len() as i64, SEGMENT / 2 + 5);
    let (orders, most, messages): (i64, i64, i64) = connection
        .query_row("SELECT count(*), max(messages), sum(messages) FROM orders", (), |row| row.try_into())
        .unwrap();
    assert_eq!(messages, SEGMENT / 2 - 1);
    assert!(orders <= messages / most + 1, "{orders} orders of up to {most} messages for 250 topics");
    assert!(orders < 20 && most < 1_000, "small enough not to be noticed: {orders} orders of up to {most}");
}

#[test]
fn a_shorter_age_goes_for_its_own_topics_only() {
    let store = in_memory();
    let old = || (0..SEGMENT).map(|number| record(message(["short", "long"][(number % 2) as usize], "old")));
    keep(&store, old());
    keep(&store, (0..10).map(|_| record(now(message("short", "new")))));
    store.set_keeping(rules(vec![rule("short", Keep::for_age(Duration::from_secs(60)))]));
    store.keep_to_rules();
    assert_eq!(of_topic(&store, "short").len(), 10);
    assert_eq!(of_topic(&store, "long").len() as i64, SEGMENT / 2);
}

#[test]
fn what_is_not_to_be_kept_is_not_recorded_but_retained() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = rules(vec![rule("noise/#", Keep::Nothing)]);
    let store = Store::open(&Options { keeping: keeping.clone(), ..options(directory.path()) }).unwrap().store;
    keep(&store, [record(message("noise/a", "1")), record(retained("noise/b", "2")), record(message("a", "3"))]);
    keep(&store, [record(retained("noise/b", "4")), record(message("a", "5")), record(retained("noise/c", "6"))]);
    keep(&store, [record(retained("noise/c", ""))]);
    assert_eq!(found(&store, Search::default()), ["5", "3"]);
    assert_eq!(store.statistics().messages, 2);
    assert_eq!(store.count_of_topic("noise/b").unwrap(), 0);
    keep(&store, [record(message("end", ""))]);
    assert!(store.topics().topic("noise/a").is_some(), "the live tree shows what is not recorded");
    drop(store);
    assert_eq!(retained_payloads(directory.path()), ["4"]);

    let store = open(directory.path()).store;
    assert_eq!(store.statistics().messages, 3);
    store.set_keeping(keeping);
    keep(&store, [record(message("a", "7"))]);
    keep(&store, [record(message("noise/a", "8"))]);
    assert_eq!(store.count_of_topic("noise/a").unwrap(), 0, "rules count from when they are set");
}

#[test]
fn the_file_stays_below_its_bound_and_space_is_given_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let payload = "x".repeat(4_000);
    for _ in 0..20 {
        keep(&store, (0..500).map(|_| record(now(message("a", &payload)))));
    }
    let bound = 8_000_000;
    assert!(store.statistics().bytes > 40_000_000);
    store.set_keeping(Keeping { file: Some(bound), ..Keeping::everything() });
    store.keep_to_rules();
    let left = found(&store, Search::default());
    assert!(left.len() > 500 && left.len() < 2_000, "{}", left.len());
    drop(store);
    let bytes = std::fs::metadata(directory.path().join("nightjar.db")).unwrap().len();
    // What may stay free for what comes next is 16 MiB.
    assert!(bytes < bound + (17 << 20), "{bytes}");
    assert_eq!(open(directory.path()).store.statistics().messages, left.len() as u64);
}

#[test]
fn events_have_rules_of_their_own() {
    let store = in_memory();
    keep(&store, (0..3_000).map(|number| event(EventKind::Connected, Some("a"), &number.to_string())));
    keep(&store, [record(message("a", "1"))]);
    store.set_keeping(Keeping { events: Bounds { messages: Some(5), ..NO_BOUND }, ..Keeping::everything() });
    store.keep_to_rules();
    let details: Vec<_> = store.events(10).unwrap().into_iter().map(|stored| stored.event.detail).collect();
    assert_eq!(details, ["2999", "2998", "2997", "2996", "2995"]);
    store.set_keeping(Keeping {
        events: Bounds { age: Some(Duration::from_secs(60)), ..NO_BOUND },
        ..Keeping::everything()
    });
    store.keep_to_rules();
    assert!(store.events(10).unwrap().is_empty());
    assert_eq!(store.statistics().messages, 1);
}

#[test]
fn messages_come_and_go_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let keeping = rules(vec![rule("short", Keep::Within(Bounds { messages: Some(100), ..NO_BOUND }))]);
    let store = Store::open(&Options { keeping, ..options(directory.path()) }).unwrap().store;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..40 {
                keep(&store, (0..300).map(|number| record(now(message(["short", "long"][number % 2], "x")))));
            }
        });
        for _ in 0..10 {
            store.keep_to_rules();
        }
    });
    store.keep_to_rules();
    assert_eq!(of_topic(&store, "short").len(), 100);
    assert_eq!(of_topic(&store, "long").len(), 6_000);
    drop(store);
    let store = open(directory.path()).store;
    assert_eq!((of_topic(&store, "short").len(), store.statistics().messages), (100, 6_100));
}

#[test]
fn history_is_skipped_where_publishers_are_not_to_wait() {
    let queue = Queue::new(10_000, OnOverload::SkipHistory);
    let quiet = |seconds| record(Message { qos: QoS::AtMostOnce, received: at(seconds), ..message("a", "x") });
    for number in 0..500 {
        queue.append(&mut vec![quiet(f64::from(number))]);
    }
    assert!(!queue.is_behind(), "publishers of QoS 0 are not held up");
    queue.append(&mut vec![record(message("loud", "kept"))]);
    let taken = queue.take(Vec::new(), std::time::Instant::now());
    let gap = taken.gap.expect("what was skipped leaves a gap");
    assert_eq!(gap.messages as usize + taken.records.len(), 501);
    assert_eq!((gap.to, gap.reason.as_str()), (at(499.0), "the disk was slower than the traffic"));
    assert!(matches!(taken.records.last(), Some(Record::Message { message, .. }) if &message.topic[..] == "loud"));
}

#[test]
fn what_rules_would_let_go_of_is_what_they_let_go_of() {
    let store = in_memory();
    let count = 2 * SEGMENT + 300;
    let topic = |id: i64| ["log/a", "log/b", "state", "other", "noise"][(id * 7 % 5) as usize];
    for part in (1..=count).collect::<Vec<_>>().chunks(1_000) {
        let records = part.iter().map(|&id| {
            let message = message(topic(id), "12345");
            record(if id <= SEGMENT { message } else { now(message) })
        });
        keep(&store, records);
    }
    assert_eq!(store.oldest().unwrap(), Some(message("a", "").received));
    let all = store.statistics().messages;
    let hour = Duration::from_secs(3_600);
    for (rules, otherwise) in [
        (vec![], Keep::Within(NO_BOUND)),
        (vec![rule("noise", Keep::Nothing), rule("log/#", Keep::for_age(hour))], Keep::Within(NO_BOUND)),
        (
            vec![
                rule("log/+", Keep::Within(Bounds { messages: Some(10), age: Some(hour), ..NO_BOUND })),
                rule("log/#", Keep::Nothing),
                rule("state", Keep::Within(Bounds { bytes: Some(5 * 700), ..NO_BOUND })),
            ],
            Keep::for_age(hour),
        ),
    ] {
        let keeping = Keeping { rules, otherwise, ..Keeping::everything() };
        let before = store.statistics().messages;
        let forecast = store.forecast(&keeping).unwrap();
        assert_eq!(forecast.rules.len(), keeping.rules.len() + 1);
        assert_eq!(forecast.rules.iter().map(|rule| rule.messages).sum::<u64>(), before);
        assert!(forecast.rules.iter().all(|rule| !rule.maybe_more) && forecast.beyond_file == 0);
        store.set_keeping(keeping);
        store.keep_to_rules();
        let lost = before - store.statistics().messages;
        assert_eq!(forecast.rules.iter().map(|rule| rule.lost).sum::<u64>(), lost, "{forecast:?}");
        let Pruning { at_work, deleted, ended, failed } = store.pruning();
        assert_eq!((at_work, deleted, ended.is_some(), failed), (false, lost, lost > 0, None));
    }
    assert!(store.statistics().messages < all);
    let shadowed =
        Keeping { rules: vec![rule("#", Keep::Nothing), rule("state", Keep::Nothing)], ..Keeping::everything() };
    let forecast = store.forecast(&shadowed).unwrap();
    assert_eq!([forecast.rules[1], forecast.rules[2]], [RuleForecast::default(); 2], "the first rule has all topics");
}

#[test]
fn a_file_that_is_too_large_foretells_about_how_much_goes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let payload = "x".repeat(4_000);
    for _ in 0..10 {
        keep(&store, (0..500).map(|_| record(now(message("a", &payload)))));
    }
    let keeping = Keeping { file: Some(8_000_000), ..Keeping::everything() };
    let forecast = store.forecast(&keeping).unwrap().beyond_file;
    store.set_keeping(keeping);
    store.keep_to_rules();
    let lost = 5_000 - store.statistics().messages;
    // Whole steps of a thousand go.
    assert!(forecast > 2_000 && lost.abs_diff(forecast) < 1_100, "{forecast} were foretold, {lost} went");
    store.close().unwrap();
}
