//! What one client may read, remembered topic by topic.

use std::collections::HashMap;

use nightjar_mqtt::TopicName;

/// Topics that are remembered before it starts anew.
const TOPICS: usize = 1_024;

type MayRead = HashMap<TopicName, bool, foldhash::fast::RandomState>;

/// True while the rules' version stands. Holds nothing while there are no rules.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    /// Of the rules; 0 where there are none.
    version: u64,
    may_read: Option<Box<MayRead>>,
}

impl Verdicts {
    /// Follows the rules: what was remembered of others is forgotten.
    pub(crate) fn follow(&mut self, version: u64) {
        if self.version != version {
            self.version = version;
            self.may_read = None;
        }
    }

    /// Whether everything may be read, because there are no rules.
    pub(crate) const fn is_open(&self) -> bool {
        self.version == 0
    }

    /// Whether a topic may be read. Asks the engine where it is not known.
    pub(crate) fn may_read(&mut self, topic: &TopicName, ask: impl FnOnce() -> bool) -> bool {
        if self.is_open() {
            return true;
        }
        let known = self.may_read.get_or_insert_default();
        if let Some(verdict) = known.get(topic) {
            return *verdict;
        }
        if known.len() >= TOPICS {
            known.clear();
        }
        let verdict = ask();
        known.insert(topic.detached(), verdict);
        verdict
    }
}
