//! Topic Aliases of the messages that go to a client (MQTT 5.0, 3.3.2.3.4).

use std::collections::HashMap;

use nightjar_mqtt::TopicName;

/// A name up to here is hardly longer than its alias.
const SHORT: usize = 3;
/// How often a topic without an alias must come before another topic may have to give its alias up. It keeps clients
/// that listen to very many topics from getting nothing but new aliases.
const PATIENCE: u32 = 8;

/// Which topic has which alias, on one connection.
#[derive(Debug)]
pub(crate) struct TopicAliases {
    maximum: u16,
    /// `None` until the first is given: most clients take none.
    given: Option<Box<Given>>,
}

#[derive(Debug, Default)]
struct Given {
    by_topic: HashMap<TopicName, u16>,
    /// By alias, 1 first.
    slots: Vec<Slot>,
    /// Counts topics that came and had no alias.
    without: u32,
    /// The slot that is next to be asked whether it can be spared.
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    topic: TopicName,
    used: bool,
}

/// How a topic is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicAlias {
    /// By its name.
    Name,
    /// By its name, with an alias that stands for it once the packet is on its way.
    New(u16),
    /// By its alias alone.
    Known(u16),
}

impl TopicAliases {
    /// `maximum` is at most the client's Topic Alias Maximum [MQTT-3.1.2-26], [MQTT-3.1.2-27].
    pub(super) fn new(maximum: u16) -> Self {
        Self { maximum, given: None }
    }

    /// How to write a topic. A new alias stands for nothing until it is [`Self::establish`]ed.
    pub(crate) fn alias(&mut self, topic: &TopicName) -> TopicAlias {
        if self.maximum == 0 || topic.len() <= SHORT {
            return TopicAlias::Name;
        }
        let Some(given) = &mut self.given else { return TopicAlias::New(1) };
        given.alias(topic, self.maximum)
    }

    /// Notes that a packet is on its way that says what the alias stands for.
    pub(crate) fn establish(&mut self, alias: u16, topic: &TopicName) {
        self.given.get_or_insert_default().establish(alias, topic);
    }
}

impl Given {
    fn alias(&mut self, topic: &TopicName, maximum: u16) -> TopicAlias {
        if let Some(&alias) = self.by_topic.get(topic) {
            self.slots[usize::from(alias) - 1].used = true;
            return TopicAlias::Known(alias);
        }
        let count = self.slots.len();
        if count < usize::from(maximum) {
            return TopicAlias::New(count as u16 + 1);
        }
        self.without = self.without.wrapping_add(1);
        if !self.without.is_multiple_of(PATIENCE) {
            return TopicAlias::Name;
        }
        self.hand = (self.hand + 1) % count;
        let slot = &mut self.slots[self.hand];
        if std::mem::take(&mut slot.used) { TopicAlias::Name } else { TopicAlias::New(self.hand as u16 + 1) }
    }

    fn establish(&mut self, alias: u16, topic: &TopicName) {
        let topic = topic.detached();
        let slot = Slot { topic: topic.clone(), used: false };
        let index = usize::from(alias) - 1;
        if index < self.slots.len() {
            let replaced = std::mem::replace(&mut self.slots[index], slot);
            self.by_topic.remove(&replaced.topic);
        } else {
            self.slots.push(slot);
        }
        self.by_topic.insert(topic, alias);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> TopicName {
        TopicName::new(name.to_owned()).unwrap()
    }

    /// Sends a topic, and says how.
    fn sent(aliases: &mut TopicAliases, name: &str) -> TopicAlias {
        let alias = aliases.alias(&topic(name));
        if let TopicAlias::New(alias) = alias {
            aliases.establish(alias, &topic(name));
        }
        alias
    }

    #[test]
    fn a_topic_is_named_once() {
        let mut aliases = TopicAliases::new(2);
        assert_eq!(sent(&mut aliases, "first"), TopicAlias::New(1));
        assert_eq!(sent(&mut aliases, "first"), TopicAlias::Known(1));
        assert_eq!(sent(&mut aliases, "second"), TopicAlias::New(2));
        assert_eq!(sent(&mut aliases, "third"), TopicAlias::Name, "never above the client's maximum");
        assert_eq!(sent(&mut aliases, "second"), TopicAlias::Known(2));
    }

    #[test]
    fn a_packet_that_was_not_sent_establishes_nothing() {
        let mut aliases = TopicAliases::new(2);
        assert_eq!(aliases.alias(&topic("first")), TopicAlias::New(1));
        assert_eq!(aliases.alias(&topic("first")), TopicAlias::New(1));
        assert_eq!(sent(&mut aliases, "second"), TopicAlias::New(1));
    }

    #[test]
    fn a_client_that_allows_none_gets_none() {
        assert_eq!(sent(&mut TopicAliases::new(0), "topic"), TopicAlias::Name);
    }

    #[test]
    fn an_alias_goes_over_to_a_topic_that_comes_more_often() {
        let mut aliases = TopicAliases::new(2);
        sent(&mut aliases, "gone");
        sent(&mut aliases, "often");
        let mut renamed = 0;
        for _ in 0..100 {
            assert_eq!(sent(&mut aliases, "often"), TopicAlias::Known(2));
            renamed += u32::from(matches!(sent(&mut aliases, "new one"), TopicAlias::New(1)));
        }
        assert_eq!(renamed, 1);
        assert_eq!(sent(&mut aliases, "new one"), TopicAlias::Known(1));
        assert_eq!(sent(&mut aliases, "gone"), TopicAlias::Name);
        for number in 0..10_000 {
            sent(&mut aliases, &format!("topic {number}"));
        }
        let given = aliases.given.unwrap();
        assert_eq!((given.slots.len(), given.by_topic.len()), (2, 2), "the table is bounded");
    }
}
