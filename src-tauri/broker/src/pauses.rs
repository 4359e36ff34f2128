//! Who is answered with a pause: whoever makes the same trouble again and again. Told the time.
//!
//! ```text
//!  calm ──as many faults as allowed, within the window──▶ paused ──its time is over──▶ calm, the next pause is twice
//!    ▲                                                                                      as long
//!    └──quiet for as long as the longest pause: forgotten
//! ```

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Culprits that are remembered at once; beyond it, the half that was heard of longest ago is forgotten.
const REMEMBERED: usize = 10_000;

/// When a pause begins, and how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Faults within the window.
    pub(crate) faults: usize,
    pub(crate) window: Duration,
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

/// The culprits, by their address or their name.
#[derive(Debug)]
pub(crate) struct Pauses<K> {
    rule: Rule,
    culprits: HashMap<K, Culprit>,
}

#[derive(Debug)]
struct Culprit {
    /// When the last faults were: at most as many as start a pause.
    faults: VecDeque<Instant>,
    /// How many pauses there were, without a long quiet between them.
    pauses: u32,
    /// The end of the pause, until it was reported.
    paused_until: Option<Instant>,
    /// Attempts that were refused in it.
    refused: u64,
    /// The last fault, or the end of the last pause.
    last: Instant,
}

/// A pause that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paused {
    pub(crate) faults: usize,
    pub(crate) within: Duration,
    pub(crate) pause: Duration,
}

impl<K: Clone + Eq + Hash> Pauses<K> {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, culprits: HashMap::new() }
    }

    pub(crate) const fn rule(&self) -> Rule {
        self.rule
    }

    /// How much longer the pause is, where there is one; the attempt is counted.
    pub(crate) fn refuse(&mut self, key: &K, now: Instant) -> Option<Duration> {
        let culprit = self.culprits.get_mut(key)?;
        let until = culprit.paused_until.filter(|until| *until > now)?;
        culprit.refused += 1;
        Some(until - now)
    }

    /// Notes a fault; returns the pause that it begins.
    pub(crate) fn fault(&mut self, key: &K, now: Instant) -> Option<Paused> {
        let Rule { faults: allowed, window, first, longest } = self.rule;
        if !self.culprits.contains_key(key) {
            if self.culprits.len() >= REMEMBERED {
                self.forget_oldest();
            }
            let culprit = Culprit { faults: VecDeque::new(), pauses: 0, paused_until: None, refused: 0, last: now };
            self.culprits.insert(key.clone(), culprit);
        }
        let culprit = self.culprits.get_mut(key)?;
        if now.saturating_duration_since(culprit.last) >= longest.max(window) {
            culprit.pauses = 0;
        }
        culprit.last = culprit.last.max(now);
        culprit.faults.push_back(now);
        while culprit.faults.front().is_some_and(|fault| now.saturating_duration_since(*fault) > window) {
            culprit.faults.pop_front();
        }
        // Who got in before the pause may still fail within it.
        if culprit.faults.len() < allowed || culprit.paused_until.is_some_and(|until| until > now) {
            while culprit.faults.len() > allowed {
                culprit.faults.pop_front();
            }
            return None;
        }
        let pause = first.saturating_mul(2_u32.saturating_pow(culprit.pauses)).min(longest);
        let within = culprit.faults.front().map_or(Duration::ZERO, |fault| now.saturating_duration_since(*fault));
        culprit.faults.clear();
        culprit.pauses = culprit.pauses.saturating_add(1);
        culprit.paused_until = Some(now + pause);
        culprit.last = now + pause;
        Some(Paused { faults: allowed, within, pause })
    }

    /// The pauses that are over since this was last asked, with the attempts that were refused in them; and forgets
    /// who was quiet for long.
    pub(crate) fn settle(&mut self, now: Instant) -> Vec<(K, u64)> {
        let mut over = Vec::new();
        let quiet = self.rule.longest.max(self.rule.window);
        self.culprits.retain(|key, culprit| {
            if culprit.paused_until.is_some_and(|until| until <= now) {
                culprit.paused_until = None;
                over.push((key.clone(), std::mem::take(&mut culprit.refused)));
            }
            culprit.paused_until.is_some() || now.saturating_duration_since(culprit.last) < quiet
        });
        over
    }

    /// Ends all pauses and forgets everybody.
    pub(crate) fn clear(&mut self) {
        self.culprits.clear();
    }

    /// Half of them at once, or a flood of culprits would pay for a search with each.
    fn forget_oldest(&mut self) {
        let mut ages: Vec<_> = self.culprits.values().map(|culprit| culprit.last).collect();
        let half = ages.len() / 2;
        let (_, median, _) = ages.select_nth_unstable(half);
        let median = *median;
        self.culprits.retain(|_, culprit| culprit.last >= median);
        // Where all are of the same age, any of them will do.
        if self.culprits.len() >= REMEMBERED {
            self.culprits.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const RULE: Rule = Rule {
        faults: 3,
        window: Duration::from_secs(60),
        first: Duration::from_secs(5),
        longest: Duration::from_secs(100),
    };

    struct Clock(Instant);

    impl Clock {
        fn new() -> Self {
            Self(clock::now().steady)
        }

        fn pass(&mut self, seconds: u64) -> Instant {
            self.0 += Duration::from_secs(seconds);
            self.0
        }
    }

    /// Three faults, one a second; returns the pause in seconds.
    fn provoke(pauses: &mut Pauses<&'static str>, clock: &mut Clock) -> u64 {
        assert_eq!(pauses.fault(&"a", clock.pass(1)), None);
        assert_eq!(pauses.fault(&"a", clock.pass(1)), None);
        let paused = pauses.fault(&"a", clock.pass(1)).expect("the third fault is one too many");
        assert_eq!((paused.faults, paused.within), (3, Duration::from_secs(2)));
        paused.pause.as_secs()
    }

    #[test]
    fn a_pause_grows_up_to_the_longest() {
        let (mut pauses, mut clock) = (Pauses::new(RULE), Clock::new());
        for expected in [5, 10, 20, 40, 80, 100, 100] {
            assert_eq!(pauses.refuse(&"a", clock.0), None);
            assert_eq!(provoke(&mut pauses, &mut clock), expected);
            assert_eq!(pauses.refuse(&"a", clock.0), Some(Duration::from_secs(expected)));
            assert_eq!(pauses.refuse(&"a", clock.pass(expected - 1)), Some(Duration::from_secs(1)));
            assert_eq!(pauses.refuse(&"b", clock.0), None, "nobody else is meant");
            clock.pass(1);
            assert_eq!(pauses.settle(clock.0), [("a", 2)]);
            assert_eq!(pauses.settle(clock.0), []);
        }
    }

    #[test]
    fn a_long_quiet_is_forgiven() {
        let (mut pauses, mut clock) = (Pauses::new(RULE), Clock::new());
        provoke(&mut pauses, &mut clock);
        clock.pass(5);
        assert_eq!(provoke(&mut pauses, &mut clock), 10);
        pauses.settle(clock.pass(10));
        clock.pass(100);
        assert_eq!(provoke(&mut pauses, &mut clock), 5, "also where nobody cleaned up");
        pauses.settle(clock.pass(5));
        pauses.settle(clock.pass(100));
        assert!(pauses.culprits.is_empty());
    }

    #[test]
    fn faults_far_apart_begin_no_pause() {
        let (mut pauses, mut clock) = (Pauses::new(RULE), Clock::new());
        for _ in 0..100 {
            assert_eq!(pauses.fault(&"a", clock.pass(31)), None);
        }
        assert!(pauses.culprits[&"a"].faults.len() <= 3);
    }

    #[test]
    fn faults_within_a_pause_do_not_prolong_it() {
        let (mut pauses, mut clock) = (Pauses::new(RULE), Clock::new());
        provoke(&mut pauses, &mut clock);
        for _ in 0..10 {
            assert_eq!(pauses.fault(&"a", clock.0), None);
        }
        assert_eq!(pauses.refuse(&"a", clock.pass(4)), Some(Duration::from_secs(1)));
        assert!(pauses.culprits[&"a"].faults.len() <= 3);
    }

    #[test]
    fn as_many_are_remembered_as_there_is_room_for() {
        let mut clock = Clock::new();
        let mut pauses = Pauses::new(Rule { window: Duration::from_secs(1_000_000), ..RULE });
        for culprit in 0..=REMEMBERED {
            pauses.fault(&culprit, clock.pass(1));
        }
        assert_eq!(pauses.culprits.len(), REMEMBERED / 2 + 1);
        assert!(!pauses.culprits.contains_key(&0) && pauses.culprits.contains_key(&REMEMBERED));
        for culprit in 0..=2 * REMEMBERED {
            pauses.fault(&culprit, clock.0);
        }
        assert!(pauses.culprits.len() <= REMEMBERED);
    }
}
