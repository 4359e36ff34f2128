//! The numbers that stand for topics and clients in the tables, as far as the writer remembers them.

use std::collections::HashMap;

use nightjar_broker::ClientIdentifier;
use nightjar_mqtt::TopicName;
use rusqlite::{CachedStatement, OptionalExtension};

use crate::keeping::Keeping;
use crate::topics::NodeHint;

/// Names, and bytes of names, that are remembered; beyond them the writer asks the tables again.
const MOST_NAMES: usize = 1 << 20;
const MOST_BYTES: usize = 64 << 20;

/// Where a topic is in [`TopicNumbers`]: stands until the numbers are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

/// What the writer knows of a topic.
#[derive(Debug)]
pub(crate) struct KnownTopic {
    pub(crate) id: i64,
    /// Whether its messages go to the history.
    pub(crate) recorded: bool,
    /// Messages since `topic.messages` was written, and the last of them.
    pub(crate) uncounted: u64,
    pub(crate) last_message: i64,
    /// Where it is in the live tree.
    pub(crate) node: NodeHint,
}

#[derive(Debug, Default)]
pub(crate) struct TopicNumbers {
    slots: HashMap<Box<str>, Slot>,
    topics: Vec<KnownTopic>,
    bytes: usize,
}

impl TopicNumbers {
    pub(crate) fn find(
        &mut self,
        name: &TopicName,
        rules: &Keeping,
        select: &mut CachedStatement<'_>,
        insert: &mut CachedStatement<'_>,
    ) -> rusqlite::Result<Slot> {
        if let Some(&slot) = self.slots.get(&**name) {
            return Ok(slot);
        }
        let slot = Slot(self.topics.len());
        self.topics.push(KnownTopic {
            id: find_or_insert(name, select, insert)?,
            recorded: rules.records(name),
            uncounted: 0,
            last_message: 0,
            node: NodeHint::default(),
        });
        self.slots.insert(Box::from(&**name), slot);
        self.bytes += name.len();
        Ok(slot)
    }

    pub(crate) fn topic(&mut self, slot: Slot) -> &mut KnownTopic {
        &mut self.topics[slot.0]
    }

    /// Topics that have messages which `topic.messages` does not count yet.
    pub(crate) fn uncounted(&self) -> impl Iterator<Item = &KnownTopic> {
        self.topics.iter().filter(|topic| topic.uncounted > 0)
    }

    pub(crate) fn set_counted(&mut self) {
        for topic in &mut self.topics {
            topic.uncounted = 0;
        }
    }

    /// How many are known, for [`Self::truncate`].
    pub(crate) fn len(&self) -> usize {
        self.topics.len()
    }

    /// Forgets the topics that came since there were `len`: the transaction that gave them their ids was rolled back.
    pub(crate) fn truncate(&mut self, len: usize) {
        if self.topics.len() > len {
            self.topics.truncate(len);
            self.slots.retain(|_, slot| slot.0 < len);
        }
    }

    pub(crate) fn are_too_many(&self) -> bool {
        self.slots.len() > MOST_NAMES || self.bytes > MOST_BYTES
    }

    /// Forgets all of them; nothing may be uncounted.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[derive(Debug, Default)]
pub(crate) struct ClientNumbers {
    ids: HashMap<ClientIdentifier, i64>,
    bytes: usize,
    /// The last publisher: one read's packets are of one client.
    last: Option<(ClientIdentifier, i64)>,
}

impl ClientNumbers {
    pub(crate) fn find(
        &mut self,
        name: &ClientIdentifier,
        select: &mut CachedStatement<'_>,
        insert: &mut CachedStatement<'_>,
    ) -> rusqlite::Result<i64> {
        if let Some((last, id)) = &self.last
            && last == name
        {
            return Ok(*id);
        }
        let id = match self.ids.get(&**name) {
            Some(&id) => id,
            None => {
                if self.ids.len() > MOST_NAMES || self.bytes > MOST_BYTES {
                    self.clear();
                }
                let id = find_or_insert(name, select, insert)?;
                self.ids.insert(name.clone(), id);
                self.bytes += name.len();
                id
            }
        };
        self.last = Some((name.clone(), id));
        Ok(id)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The number of a name, which it gets where it has none.
pub(crate) fn find_or_insert(
    name: &str,
    select: &mut CachedStatement<'_>,
    insert: &mut CachedStatement<'_>,
) -> rusqlite::Result<i64> {
    match select.query_row([name], |row| row.get(0)).optional()? {
        Some(id) => Ok(id),
        None => insert.insert([name]),
    }
}
