//! Whether a subscriber hears each publisher's messages all, once, and in the order in which they were published.

use std::collections::BTreeSet;

/// Numbers that may be missing of one publisher before the oldest are given up. A broker that loses more is wrong
/// anyway, and by how much the counts tell.
const MOST_MISSING: usize = 10_000;

/// What a subscriber has heard so far of each publisher.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    heard: Vec<Heard>,
    /// It hears only some of what the publishers say, so a gap means nothing.
    is_partial: bool,
    pub(crate) faults: Faults,
}

/// What must not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) doubled: u64,
    pub(crate) reordered: u64,
}

#[derive(Clone, Debug, Default)]
struct Heard {
    /// The lowest number above all that was heard.
    next: u32,
    /// What is below that and was not heard.
    missing: BTreeSet<u32>,
}

impl Order {
    pub(crate) fn new(publishers: usize, is_partial: bool) -> Self {
        Self { heard: vec![Heard::default(); publishers], is_partial, faults: Faults::default() }
    }

    /// Takes note of a message; `false` where it was heard before.
    pub(crate) fn note(&mut self, publisher: u32, number: u32) -> bool {
        let Some(heard) = self.heard.get_mut(publisher as usize) else {
            // None of ours: somebody else's message on our topics.
            return true;
        };
        if number == heard.next {
            heard.next += 1;
            return true;
        }
        if number > heard.next {
            if !self.is_partial {
                heard.missing.extend((heard.next..number).take(MOST_MISSING));
                while heard.missing.len() > MOST_MISSING {
                    heard.missing.pop_first();
                }
            }
            heard.next = number + 1;
            return true;
        }
        // Who hears only a part can't tell a late message from a second one, but for the newest.
        let is_late = if self.is_partial { number + 1 < heard.next } else { heard.missing.remove(&number) };
        if is_late {
            self.faults.reordered += 1;
        } else {
            self.faults.doubled += 1;
        }
        is_late
    }
}

impl Faults {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self { doubled: self.doubled + other.doubled, reordered: self.reordered + other.reordered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(order: &mut Order, numbers: &[u32]) -> (u64, u64) {
        for number in numbers {
            order.note(0, *number);
        }
        (order.faults.doubled, order.faults.reordered)
    }

    #[test]
    fn tells_what_came_twice_from_what_came_late() {
        let all = || Order::new(1, false);
        assert_eq!(faults(&mut all(), &[0, 1, 2, 3]), (0, 0));
        assert_eq!(faults(&mut all(), &[0, 2, 3]), (0, 0), "a gap is a loss, which the counts tell");
        assert_eq!(faults(&mut all(), &[0, 2, 1, 3]), (0, 1));
        assert_eq!(faults(&mut all(), &[0, 1, 1, 2]), (1, 0));
        assert_eq!(faults(&mut all(), &[0, 1, 2, 0]), (1, 0), "it was heard, so it is not late");
        assert_eq!(faults(&mut all(), &[0, 3, 1, 1, 2]), (1, 2));
    }

    #[test]
    fn gaps_mean_nothing_to_who_hears_a_part() {
        let mut order = Order::new(1, true);
        assert_eq!(faults(&mut order, &[1, 5, 9]), (0, 0));
        assert_eq!(faults(&mut order, &[9]), (1, 0));
        assert_eq!(faults(&mut order, &[7]), (1, 1));
    }

    #[test]
    fn publishers_do_not_mix() {
        let mut order = Order::new(2, false);
        assert!(order.note(0, 0) && order.note(1, 0) && order.note(1, 1) && order.note(0, 1));
        assert_eq!(order.faults, Faults::default());
        assert!(!order.note(1, 1));
        assert_eq!(order.faults, Faults { doubled: 1, reordered: 0 });
    }
}
