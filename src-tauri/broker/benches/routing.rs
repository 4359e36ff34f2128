//! From the router to the outboxes: `cargo bench --package nightjar-broker --all-features`.

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use nightjar_broker::Message;
use nightjar_broker::measuring::Routing;
use nightjar_mqtt::{TopicFilter, TopicName};

/// Messages of one read of a busy client.
const BATCH: usize = 20;

fn main() {
    divan::main();
}

fn filter(text: String) -> TopicFilter {
    TopicFilter::new(text).expect("a valid filter")
}

fn topic(text: &str) -> TopicName {
    TopicName::new(text.to_owned()).expect("a valid name")
}

/// Messages of one topic, to so many subscribers.
#[divan::bench(args = [0, 1, 500])]
fn route(bencher: Bencher<'_, '_>, subscribers: usize) {
    let mut routing = Routing::new(subscribers, (0..subscribers).map(|_| filter("line/+/value".to_owned())));
    let message = Routing::message(&topic("line/3/value"));
    bencher.counter(ItemsCount::new(BATCH * subscribers.max(1))).bench_local(|| {
        for _ in 0..BATCH {
            black_box(routing.route(&message));
        }
        routing.drain();
    });
}

/// Topics that nobody has published to before, among so many wildcard filters; four of them match.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn route_anew(bencher: Bencher<'_, '_>, filters: usize) {
    among_wildcards(bencher, filters, Routing::route_anew);
}

/// Topics that others have published to, and the publisher has not.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn route_for_another(bencher: Bencher<'_, '_>, filters: usize) {
    among_wildcards(bencher, filters, Routing::route_for_another);
}

fn among_wildcards(bencher: Bencher<'_, '_>, filters: usize, route: fn(&mut Routing, &Arc<Message>) -> u32) {
    let shapes = |number: usize| match number % 4 {
        0 => format!("site/{}/+/value", number / 4),
        1 => format!("site/{}/#", number / 4),
        2 => format!("+/{}/machine/value", number / 4),
        _ => format!("site/{}/machine/+", number / 4),
    };
    let mut routing = Routing::new(50, (0..filters).map(|number| filter(shapes(number))));
    let messages: Vec<_> = (0..BATCH)
        .map(|number| Routing::message(&topic(&format!("site/{}/machine/value", number * (filters / 4 / BATCH)))))
        .collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for message in &messages {
            assert_eq!(route(&mut routing, message), 4);
        }
        routing.drain();
    });
}
