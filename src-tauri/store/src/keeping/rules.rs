use std::time::Duration;

use nightjar_mqtt::{TopicFilter, TopicName};

/// Bounds of what is kept; whichever is reached first lets the oldest go. `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub age: Option<Duration>,
    /// Messages of each topic.
    pub messages: Option<u64>,
    /// Bytes of the payloads of all topics of the rule together.
    pub bytes: Option<u64>,
}

/// What happens to the messages of a rule's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// They are not recorded. What a topic retains is.
    Nothing,
    Within(Bounds),
}

impl Keep {
    /// For that long.
    pub const fn for_age(age: Duration) -> Self {
        Self::Within(Bounds { age: Some(age), messages: None, bytes: None })
    }
}

/// A rule for the topics that a filter matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepingRule {
    pub filter: TopicFilter,
    pub keep: Keep,
}

/// What is kept of everything. What a topic retains stays, whatever the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The first rule that matches a topic is the one that counts.
    pub rules: Vec<KeepingRule>,
    /// For the topics that no rule matches.
    pub otherwise: Keep,
    /// Bytes of the whole file, beyond which the oldest messages go.
    pub file: Option<u64>,
    /// How long events are kept, and how many.
    pub events: Bounds,
}

impl Default for Keeping {
    /// Messages for 30 days, in a file of 10 GB; events for a year, a million of them.
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            rules: Vec::new(),
            otherwise: Keep::for_age(30 * DAY),
            file: Some(10_000_000_000),
            events: Bounds { age: Some(365 * DAY), messages: Some(1_000_000), bytes: None },
        }
    }
}

impl Keeping {
    /// Keeps everything for ever.
    pub fn everything() -> Self {
        Self { rules: Vec::new(), otherwise: Keep::Within(Bounds::default()), file: None, events: Bounds::default() }
    }

    /// The rule of a topic, by its place; `rules.len()` for `otherwise`.
    pub(crate) fn rule_of(&self, topic: &TopicName) -> usize {
        self.rules.iter().position(|rule| rule.filter.matches(topic)).unwrap_or(self.rules.len())
    }

    pub(crate) fn keep(&self, rule: usize) -> Keep {
        self.rules.get(rule).map_or(self.otherwise, |rule| rule.keep)
    }

    pub(crate) fn records(&self, topic: &TopicName) -> bool {
        self.keep(self.rule_of(topic)) != Keep::Nothing
    }

    /// Whether messages of some topics are recorded.
    pub(crate) fn records_any(&self) -> bool {
        self.rules.iter().map(|rule| rule.keep).chain([self.otherwise]).any(|keep| keep != Keep::Nothing)
    }

    /// The age beyond which nothing at all is kept; `None` where something is kept for ever.
    pub(crate) fn longest(&self) -> Option<Duration> {
        let all = self.rules.iter().map(|rule| rule.keep).chain([self.otherwise]);
        let mut longest = Duration::ZERO;
        for keep in all {
            if let Keep::Within(bounds) = keep {
                longest = longest.max(bounds.age?);
            }
        }
        Some(longest)
    }

    /// Whether a rule may let messages go that the oldest end of the history does not reach yet.
    pub(crate) fn has_shorter(&self) -> bool {
        let longest = self.longest();
        self.rules.iter().map(|rule| rule.keep).chain([self.otherwise]).any(|keep| match keep {
            Keep::Nothing => true,
            Keep::Within(Bounds { age, messages, bytes }) => age != longest || messages.is_some() || bytes.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(filter: &str, keep: Keep) -> KeepingRule {
        KeepingRule { filter: TopicFilter::new(filter.to_owned()).unwrap(), keep }
    }

    #[test]
    fn the_first_rule_counts() {
        let keeping = Keeping {
            rules: vec![rule("a/b", Keep::Nothing), rule("a/#", Keep::for_age(Duration::ZERO))],
            ..Keeping::default()
        };
        let rule_of = |topic: &str| keeping.rule_of(&TopicName::new(topic.to_owned()).unwrap());
        assert_eq!([rule_of("a/b"), rule_of("a/c"), rule_of("b")], [0, 1, 2]);
        assert!(!keeping.records(&TopicName::new("a/b").unwrap()));
    }

    #[test]
    fn nothing_is_older_than_the_longest_rule() {
        let hour = Duration::from_secs(3_600);
        let mut keeping = Keeping { otherwise: Keep::for_age(hour), ..Keeping::default() };
        assert_eq!((keeping.longest(), keeping.has_shorter()), (Some(hour), false));
        keeping.rules.push(rule("a", Keep::Nothing));
        assert_eq!((keeping.longest(), keeping.has_shorter()), (Some(hour), true));
        keeping.rules.push(rule("b", Keep::Within(Bounds { messages: Some(1), ..Bounds::default() })));
        assert_eq!((keeping.longest(), keeping.has_shorter()), (None, true));
        assert_eq!(Keeping::everything().longest(), None);
    }
}
