//! Rates: the broker's counters, looked at four times a second.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightjar_broker::{Broker, ClientIdentifier, Moment, Totals};
use parking_lot::Mutex;

use crate::views::millis;
use crate::wire::{Busy, Recent, Traffic, TrafficRange};

/// Time between two looks.
pub const PERIOD: Duration = Duration::from_millis(250);
/// Looks that a rate is averaged over: two seconds.
const WINDOW: usize = 8;
/// Seconds that are remembered: a day.
const REMEMBERED: usize = 86_400;
/// Points of a chart.
const POINTS: usize = 600;
/// How long the clients are looked at after somebody asked for their rates; there may be ten thousand.
const INTEREST: Duration = Duration::from_secs(5);

/// Per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    pub messages_in: f64,
    pub messages_out: f64,
    pub bytes_in: f64,
    pub bytes_out: f64,
}

/// What was counted, and what follows from it.
#[derive(Debug, Default)]
pub struct Sampler {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    looks: VecDeque<Look>,
    seconds: VecDeque<Second>,
    /// The look that the next second begins with.
    second_began: Option<(Moment, Totals)>,
    peak_in: f64,
    clients: VecDeque<ClientLook>,
    rates: Arc<ClientRates>,
    wanted_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    totals: Totals,
}

/// What happened in a second; per second, should it have been longer.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    /// Its end, in milliseconds since 1970.
    at: f64,
    messages_in: f32,
    messages_out: f32,
    bytes_in: f32,
    bytes_out: f32,
    clients: f32,
    dropped: f32,
}

/// Seconds, or averages over steps of several, of equal length.
#[derive(Clone, Debug, Default)]
struct Columns {
    at: Vec<f64>,
    messages_in: Vec<f64>,
    messages_out: Vec<f64>,
    bytes_in: Vec<f64>,
    bytes_out: Vec<f64>,
    clients: Vec<f64>,
    dropped: Vec<f64>,
}

#[derive(Debug)]
struct ClientLook {
    at: Instant,
    messages: HashMap<ClientIdentifier, (u64, u64)>,
}

/// Rates of the clients at one moment.
#[derive(Debug, Default)]
pub struct ClientRates {
    rates: HashMap<ClientIdentifier, Rates>,
}

impl ClientRates {
    /// Messages only; bytes are 0.
    pub fn of(&self, client: &ClientIdentifier) -> Rates {
        self.rates.get(client).copied().unwrap_or_default()
    }

    /// The clients that publish most, at most `most` of them.
    pub fn busiest(&self, most: usize) -> Vec<Busy> {
        let mut busiest: Vec<_> = self.rates.iter().filter(|(_, rates)| rates.messages_in > 0.0).collect();
        busiest.sort_by(|(a, left), (b, right)| right.messages_in.total_cmp(&left.messages_in).then_with(|| a.cmp(b)));
        busiest
            .into_iter()
            .take(most)
            .map(|(client, rates)| Busy { name: client.to_string(), rate: rates.messages_in })
            .collect()
    }
}

impl Sampler {
    /// Looks at the broker, until the future is dropped.
    pub async fn run(self: Arc<Self>, broker: Broker) {
        let mut interval = tokio::time::interval(PERIOD);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            interval.tick().await;
            let now = nightjar_broker::now();
            let (connected, _) = broker.client_count();
            self.look(now, broker.totals(), connected);
            if self.wants_clients(now.steady) {
                let clients = broker.clients().into_iter().filter(|info| info.connected);
                let messages = clients.map(|info| (info.identifier, (info.messages_in, info.messages_out)));
                self.look_at_clients(now.steady, messages.collect());
            }
        }
    }

    fn look(&self, now: Moment, totals: Totals, connected: usize) {
        let mut state = self.state.lock();
        state.looks.push_back(Look { at: now.steady, totals });
        if state.looks.len() > WINDOW + 1 {
            state.looks.pop_front();
        }
        let Some((began, before)) = state.second_began else {
            state.second_began = Some((now, totals));
            return;
        };
        let elapsed = now.steady.saturating_duration_since(began.steady);
        // A look may come a little early.
        if elapsed + PERIOD / 2 < Duration::from_secs(1) {
            return;
        }
        state.second_began = Some((now, totals));
        let rates = rates_between(&before, &totals, elapsed);
        let dropped = totals.dropped_in_all().saturating_sub(before.dropped_in_all());
        state.peak_in = state.peak_in.max(rates.messages_in);
        state.seconds.push_back(Second {
            at: millis(now.wall),
            messages_in: rates.messages_in as f32,
            messages_out: rates.messages_out as f32,
            bytes_in: rates.bytes_in as f32,
            bytes_out: rates.bytes_out as f32,
            clients: connected as f32,
            dropped: (dropped as f64 / elapsed.as_secs_f64()) as f32,
        });
        if state.seconds.len() > REMEMBERED {
            state.seconds.pop_front();
        }
    }

    fn wants_clients(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let wanted = state.wanted_until.is_some_and(|until| now < until);
        if !wanted && !state.clients.is_empty() {
            state.clients.clear();
            state.rates = Arc::default();
        }
        wanted
    }

    fn look_at_clients(&self, now: Instant, messages: HashMap<ClientIdentifier, (u64, u64)>) {
        let mut state = self.state.lock();
        if let Some(oldest) = state.clients.front() {
            let elapsed = now.saturating_duration_since(oldest.at);
            let rates = messages.iter().map(|(client, &(messages_in, messages_out))| {
                // Who was not there, or whose counters began anew, began with nothing.
                let (before_in, before_out) = oldest.messages.get(client).copied().unwrap_or_default();
                let rates = Rates {
                    messages_in: per_second(messages_in.checked_sub(before_in).unwrap_or(messages_in), elapsed),
                    messages_out: per_second(messages_out.checked_sub(before_out).unwrap_or(messages_out), elapsed),
                    ..Rates::default()
                };
                (client.clone(), rates)
            });
            state.rates = Arc::new(ClientRates { rates: rates.collect() });
        }
        state.clients.push_back(ClientLook { at: now, messages });
        if state.clients.len() > WINDOW {
            state.clients.pop_front();
        }
    }

    /// The rates of all that goes through the broker, averaged over two seconds.
    pub fn rates(&self) -> Rates {
        let state = self.state.lock();
        match (state.looks.front(), state.looks.back()) {
            (Some(oldest), Some(newest)) => {
                rates_between(&oldest.totals, &newest.totals, newest.at.saturating_duration_since(oldest.at))
            }
            _ => Rates::default(),
        }
    }

    /// The rates of each client, averaged over two seconds; they are there a moment after they were first asked for.
    pub fn client_rates(&self) -> Arc<ClientRates> {
        let mut state = self.state.lock();
        state.wanted_until = Some(nightjar_broker::now().steady + INTEREST);
        Arc::clone(&state.rates)
    }

    /// The most messages that came in within a second, since the start.
    pub fn peak_in(&self) -> f64 {
        self.state.lock().peak_in
    }

    /// What Overview draws: the chart of a range, and the sparklines.
    pub fn traffic(&self, range: TrafficRange) -> Traffic {
        let Columns { at, messages_in, messages_out, .. } = self.columns(range);
        let last = self.columns(TrafficRange::OneMinute);
        let recent = Recent {
            clients: last.clients,
            messages_in: last.messages_in,
            messages_out: last.messages_out,
            bytes: last
                .bytes_in
                .iter()
                .zip(&last.bytes_out)
                .map(|(bytes_in, bytes_out)| bytes_in + bytes_out)
                .collect(),
            dropped: last.dropped,
        };
        Traffic { at, messages_in, messages_out, recent }
    }

    /// The traffic of the last minute, hour or day, in equal steps of whole seconds. Before Nightjar started, nothing
    /// went through it; where the computer slept, points are missing.
    fn columns(&self, range: TrafficRange) -> Columns {
        let seconds: usize = match range {
            TrafficRange::OneMinute => 60,
            TrafficRange::TenMinutes => 600,
            TrafficRange::OneHour => 3_600,
            TrafficRange::OneDay => 86_400,
        };
        let state = self.state.lock();
        let known = state.seconds.len();
        let step = seconds.div_ceil(POINTS);
        let mut columns = reduce(state.seconds.range(known.saturating_sub(seconds)..), step);
        columns.resize(seconds / step, step);
        columns
    }
}

impl Columns {
    /// Makes it `points` long, at the beginning. A range that begins inside a step has one point too many: the part of
    /// that step.
    fn resize(&mut self, points: usize, step: usize) {
        let surplus = self.at.len().saturating_sub(points);
        let missing = points.saturating_sub(self.at.len());
        let first = self.at.first().copied().unwrap_or_else(|| millis(nightjar_broker::now().wall));
        let Self { at, messages_in, messages_out, bytes_in, bytes_out, clients, dropped } = self;
        for column in [&mut *at, messages_in, messages_out, bytes_in, bytes_out, clients, dropped] {
            column.drain(..surplus);
            column.splice(..0, std::iter::repeat_n(0.0, missing));
        }
        for (ahead, at) in at[..missing].iter_mut().rev().enumerate() {
            *at = first - (ahead + 1) as f64 * step as f64 * 1_000.0;
        }
    }
}

/// Averages over steps of `step` seconds. Their bounds are multiples of the step, so that a point, once it is there,
/// stays as it is.
fn reduce<'a>(seconds: impl Iterator<Item = &'a Second>, step: usize) -> Columns {
    let length = step as f64 * 1_000.0;
    let mut columns = Columns::default();
    let mut bucket = (f64::NEG_INFINITY, 0_u32, Second::default());
    let mut finish = |(end, count, sum): (f64, u32, Second)| {
        if count == 0 {
            return;
        }
        // Three decimals: what a window can show, and no more digits on the way to it.
        let average = |total: f32| (f64::from(total) / f64::from(count) * 1_000.0).round() / 1_000.0;
        columns.at.push(end);
        columns.messages_in.push(average(sum.messages_in));
        columns.messages_out.push(average(sum.messages_out));
        columns.bytes_in.push(average(sum.bytes_in));
        columns.bytes_out.push(average(sum.bytes_out));
        columns.clients.push(average(sum.clients));
        columns.dropped.push(average(sum.dropped));
    };
    for second in seconds {
        let end = if step == 1 { second.at } else { (second.at / length).ceil() * length };
        if end > bucket.0 {
            finish(std::mem::replace(&mut bucket, (end, 0, Second::default())));
        }
        let (_, count, sum) = &mut bucket;
        *count += 1;
        sum.messages_in += second.messages_in;
        sum.messages_out += second.messages_out;
        sum.bytes_in += second.bytes_in;
        sum.bytes_out += second.bytes_out;
        sum.clients += second.clients;
        sum.dropped += second.dropped;
    }
    finish(bucket);
    columns
}

fn rates_between(before: &Totals, now: &Totals, elapsed: Duration) -> Rates {
    let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), elapsed);
    Rates {
        messages_in: rate(now.messages_in, before.messages_in),
        messages_out: rate(now.messages_out, before.messages_out),
        bytes_in: rate(now.bytes_in, before.bytes_in),
        bytes_out: rate(now.bytes_out, before.bytes_out),
    }
}

fn per_second(amount: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { amount as f64 / elapsed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(messages_in: u64) -> Totals {
        Totals { messages_in, ..Totals::default() }
    }

    /// Looks at a broker that takes `rate` messages a second.
    fn watch(sampler: &Sampler, start: Moment, seconds: u32, rate: u64) {
        for look in 0..=seconds * 4 {
            sampler.look(start.after(PERIOD * look), totals(u64::from(look) * rate / 4), 3);
        }
    }

    #[test]
    fn rates_are_averages_over_two_seconds() {
        let sampler = Sampler::default();
        let start = nightjar_broker::now();
        assert_eq!(sampler.rates(), Rates::default());
        watch(&sampler, start, 10, 100);
        assert!((sampler.rates().messages_in - 100.0).abs() < 0.001, "{:?}", sampler.rates());
        // One second without a message halves the average, two end it.
        for look in 41..=44 {
            sampler.look(start.after(PERIOD * look), totals(1_000), 3);
        }
        assert!((sampler.rates().messages_in - 50.0).abs() < 0.001, "{:?}", sampler.rates());
        assert!((sampler.peak_in() - 100.0).abs() < 0.001);
    }

    #[test]
    fn every_range_has_all_of_its_points_and_the_same_average() {
        let sampler = Sampler::default();
        watch(&sampler, nightjar_broker::now(), 90_000, 40);
        for (range, points) in [
            (TrafficRange::OneMinute, 60),
            (TrafficRange::TenMinutes, POINTS),
            (TrafficRange::OneHour, POINTS),
            (TrafficRange::OneDay, POINTS),
        ] {
            let traffic = sampler.columns(range);
            assert_eq!(traffic.at.len(), points, "{range:?}");
            assert!(traffic.at.is_sorted(), "{range:?}");
            assert!(traffic.messages_in.iter().all(|rate| (rate - 40.0).abs() < 0.01), "{range:?}");
            assert!(traffic.clients.iter().all(|&clients| clients == 3.0), "{range:?}");
        }
    }

    #[test]
    fn before_the_start_there_was_no_traffic() {
        let sampler = Sampler::default();
        assert_eq!(sampler.traffic(TrafficRange::OneHour).recent.messages_in, vec![0.0; 60]);
        watch(&sampler, nightjar_broker::now(), 10, 40);
        let recent = sampler.columns(TrafficRange::OneMinute);
        assert_eq!(recent.messages_in[..50], [0.0; 50]);
        assert_eq!(recent.messages_in[50..], [40.0; 10]);
        assert!(recent.at.windows(2).all(|pair| pair[1] - pair[0] == 1_000.0), "{:?}", recent.at);
        assert_eq!(sampler.traffic(TrafficRange::OneDay).at.len(), POINTS);
    }

    #[test]
    fn a_client_that_comes_anew_starts_from_nothing() {
        let sampler = Sampler::default();
        let (kept, new, back) =
            (ClientIdentifier::new("kept"), ClientIdentifier::new("new"), ClientIdentifier::new("back"));
        let start = nightjar_broker::now().steady;
        sampler.look_at_clients(start, HashMap::from([(kept.clone(), (100, 0)), (back.clone(), (500, 9))]));
        let later = start + Duration::from_secs(2);
        let looks = [(kept.clone(), (120, 4)), (new.clone(), (6, 0)), (back.clone(), (8, 0))];
        sampler.look_at_clients(later, HashMap::from(looks));
        let rates = sampler.client_rates();
        assert_eq!((rates.of(&kept).messages_in, rates.of(&kept).messages_out), (10.0, 2.0));
        assert_eq!(rates.of(&new).messages_in, 3.0);
        assert_eq!((rates.of(&back).messages_in, rates.of(&back).messages_out), (4.0, 0.0));
        let busiest: Vec<_> = rates.busiest(2).into_iter().map(|busy| busy.name).collect();
        assert_eq!(busiest, ["kept", "back"]);
    }

    #[test]
    fn nobody_looks_at_clients_unless_asked() {
        let sampler = Sampler::default();
        let now = nightjar_broker::now().steady;
        assert!(!sampler.wants_clients(now));
        drop(sampler.client_rates());
        assert!(sampler.wants_clients(now));
        assert!(!sampler.wants_clients(now + INTEREST + Duration::from_secs(1)));
    }
}
