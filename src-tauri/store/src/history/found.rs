//! What a search has found so far: ids, newest first, by position. Millions of them fit into memory, as stretches of
//! ids where all match, else as four bytes each.

use std::ops::RangeInclusive;

#[derive(Debug, Default)]
pub(super) struct Found {
    parts: Vec<Part>,
    len: u64,
}

#[derive(Debug)]
struct Part {
    /// The position of its first id.
    start: u64,
    ids: Ids,
}

#[derive(Debug)]
enum Ids {
    /// `newest`, and all below it down to `oldest`.
    All { newest: i64, oldest: i64 },
    /// How far each is below `newest`.
    Some { newest: i64, below: Vec<u32> },
}

impl Found {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds ids below those that are there.
    pub(super) fn push_all(&mut self, ids: &RangeInclusive<i64>) {
        if ids.is_empty() {
            return;
        }
        let ids = Ids::All { newest: *ids.end(), oldest: *ids.start() };
        let count = ids.len();
        self.parts.push(Part { start: self.len, ids });
        self.len += count;
    }

    /// Adds an id below those that are there.
    pub(super) fn push(&mut self, id: i64) {
        self.len += 1;
        if let Some(Part { ids: Ids::Some { newest, below }, .. }) = self.parts.last_mut()
            && let Ok(distance) = u32::try_from(*newest - id)
        {
            below.push(distance);
            return;
        }
        self.parts.push(Part { start: self.len - 1, ids: Ids::Some { newest: id, below: vec![0] } });
    }

    /// Shows all ids, in their order.
    pub(super) fn each(&self, mut show: impl FnMut(i64)) {
        for part in &self.parts {
            match &part.ids {
                Ids::All { newest, oldest } => (*oldest..=*newest).rev().for_each(&mut show),
                Ids::Some { newest, below } => below.iter().for_each(|&distance| show(newest - i64::from(distance))),
            }
        }
    }

    /// The ids at up to `count` positions from `first` on.
    pub(super) fn ids(&self, first: u64, count: usize) -> Vec<i64> {
        let mut ids = Vec::with_capacity(count.min(usize::try_from(self.len.saturating_sub(first)).unwrap_or(count)));
        let mut position = first;
        let mut part = self.parts.partition_point(|part| part.start <= first).saturating_sub(1);
        while ids.len() < count
            && let Some(Part { start, ids: there }) = self.parts.get(part)
        {
            match there.at(position - start) {
                Some(id) => {
                    ids.push(id);
                    position += 1;
                }
                None => part += 1,
            }
        }
        ids
    }
}

impl Ids {
    fn len(&self) -> u64 {
        match self {
            Self::All { newest, oldest } => newest.abs_diff(*oldest) + 1,
            Self::Some { below, .. } => below.len() as u64,
        }
    }

    fn at(&self, position: u64) -> Option<i64> {
        if position >= self.len() {
            return None;
        }
        match self {
            Self::All { newest, .. } => Some(newest - i64::try_from(position).ok()?),
            Self::Some { newest, below } => {
                below.get(usize::try_from(position).ok()?).map(|&distance| newest - i64::from(distance))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_position_is_found() {
        let mut found = Found::default();
        let mut expected = Vec::new();
        for id in [9_000_000_000, 8_999_999_999, 5_000_000_000, 4_999_999_000] {
            found.push(id);
            expected.push(id);
        }
        found.push_all(&(1_000..=1_999));
        expected.extend((1_000..=1_999).rev());
        let (none, below_it) = (500, 499);
        found.push_all(&(none..=below_it));
        for id in [400, 399, 2] {
            found.push(id);
            expected.push(id);
        }
        assert_eq!(found.len(), expected.len() as u64);
        for first in 0..expected.len() + 2 {
            for count in [0, 1, 3, 2_000] {
                let wanted: Vec<i64> = expected.iter().copied().skip(first).take(count).collect();
                assert_eq!(found.ids(first as u64, count), wanted, "{count} from {first}");
            }
        }
        assert!(found.ids(u64::MAX, 10).is_empty());
        let mut all = Vec::new();
        found.each(|id| all.push(id));
        assert_eq!(all, expected);
    }
}
