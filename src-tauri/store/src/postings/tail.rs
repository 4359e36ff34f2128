use std::ops::RangeInclusive;

use parking_lot::RwLock;
use rusqlite::Connection;

use super::{Owner, SEGMENT};

/// Whose message one is. Where a message is missing, both are 0, which no topic and no client has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) topic: i64,
    pub(crate) client: i64,
}

impl Entry {
    pub(crate) fn is_missing(self) -> bool {
        self.topic == 0
    }

    pub(super) fn is_of(self, owner: Owner) -> bool {
        match owner {
            Owner::Topic(topic) => self.topic == topic,
            Owner::Client(client) => self.client == client,
        }
    }
}

/// The messages that are committed and not sealed yet, in the order of their ids. The writer adds, readers look.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The id of the first entry: where a segment starts.
    start: i64,
    entries: Vec<Entry>,
}

impl Tail {
    /// Goes on at a segment's start. Nothing may be there.
    pub(crate) fn begin(&self, start: i64) {
        *self.state.write() = State { start, entries: Vec::new() };
    }

    /// Adds messages whose ids go up by one from `first`; ids that were left out are missing.
    pub(crate) fn extend(&self, first: i64, entries: impl IntoIterator<Item = Entry>) {
        let mut state = self.state.write();
        let at = usize::try_from(first - state.start).unwrap_or(0);
        if state.entries.len() < at {
            state.entries.resize(at, Entry::default());
        }
        state.entries.extend(entries);
    }

    /// Adds the messages of a range that the tables have; ids without a message are missing.
    pub(crate) fn read(&self, connection: &Connection, ids: RangeInclusive<i64>) -> rusqlite::Result<()> {
        let mut select =
            connection.prepare_cached("SELECT id, topic_id, client_id FROM message WHERE id BETWEEN ?1 AND ?2")?;
        let mut rows = select.query((ids.start(), ids.end()))?;
        while let Some(row) = rows.next()? {
            let (id, topic, client) = row.try_into()?;
            self.extend(id, [Entry { topic, client }]);
        }
        // Ids of messages that are gone count for the segment.
        self.extend(*ids.end() + 1, []);
        Ok(())
    }

    /// Whether a segment is full.
    pub(crate) fn is_due(&self) -> bool {
        self.state.read().entries.len() as i64 >= SEGMENT
    }

    /// The first segment's number and entries, for the writer, who is the only one to change them.
    pub(super) fn with_first<T>(&self, look: impl FnOnce(i64, &[Entry]) -> T) -> T {
        let state = self.state.read();
        look(state.start / SEGMENT, &state.entries[..state.entries.len().min(SEGMENT as usize)])
    }

    /// Lets go of the first segment: the tables have it.
    pub(super) fn drop_first(&self) {
        let mut state = self.state.write();
        let end = state.entries.len().min(SEGMENT as usize);
        state.entries.drain(..end);
        // What a backlog has made large need not stay so.
        if state.entries.capacity() > 2 * SEGMENT as usize {
            state.entries.shrink_to(SEGMENT as usize);
        }
        state.start += SEGMENT;
    }

    /// Takes messages out.
    pub(crate) fn remove(&self, ids: &[i64]) {
        let mut state = self.state.write();
        for id in ids {
            let at = usize::try_from(id - state.start).ok();
            if let Some(entry) = at.and_then(|at| state.entries.get_mut(at)) {
                *entry = Entry::default();
            }
        }
    }

    /// Takes messages out, up to and with that id.
    pub(crate) fn remove_through(&self, id: i64) {
        let mut state = self.state.write();
        let end = usize::try_from(id + 1 - state.start).unwrap_or(0).min(state.entries.len());
        state.entries[..end].fill(Entry::default());
    }

    /// The id of its first message.
    pub(crate) fn start(&self) -> i64 {
        self.state.read().start
    }

    /// Looks at the messages of a range, in the order of their ids; `None` where they were sealed meanwhile, so that the
    /// tables have them.
    pub(super) fn look<T>(&self, ids: &RangeInclusive<i64>, look: impl FnOnce(&[Entry]) -> T) -> Option<T> {
        let state = self.state.read();
        let first = usize::try_from(*ids.start() - state.start).ok()?;
        let end = usize::try_from(*ids.end() + 1 - state.start).unwrap_or(0).min(state.entries.len());
        Some(look(state.entries.get(first..end).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(topic: i64) -> Entry {
        Entry { topic, client: 1 }
    }

    #[test]
    fn ids_that_were_left_out_are_missing() {
        let tail = Tail::default();
        tail.begin(0);
        tail.extend(1, [entry(7), entry(8)]);
        tail.extend(5, [entry(9)]);
        let topics = |ids| tail.look(&ids, |entries| entries.iter().map(|entry| entry.topic).collect::<Vec<_>>());
        assert_eq!(topics(0..=10).unwrap(), [0, 7, 8, 0, 0, 9]);
        assert_eq!(topics(1..=1).unwrap(), [7]);
        tail.remove_through(1);
        tail.remove_through(-1);
        assert_eq!(topics(0..=10).unwrap(), [0, 0, 8, 0, 0, 9]);
    }

    #[test]
    fn what_was_sealed_is_no_longer_there() {
        let tail = Tail::default();
        tail.begin(SEGMENT);
        tail.extend(SEGMENT, (0..SEGMENT + 1).map(|_| entry(1)));
        assert!(tail.is_due());
        tail.drop_first();
        assert!(!tail.is_due());
        assert_eq!(tail.start(), 2 * SEGMENT);
        assert_eq!(tail.look(&(SEGMENT..=SEGMENT + 1), |_| ()), None);
        assert_eq!(tail.look(&(2 * SEGMENT..=3 * SEGMENT), <[Entry]>::len), Some(1));
    }
}
