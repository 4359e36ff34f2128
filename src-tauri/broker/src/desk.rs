//! What is needed within a turn only: lists that are filled and emptied. The thread has one set of them, which its
//! connections use in turn, so that one that waits holds none.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

use crate::connection::Awaited;
use crate::delivery::Delivery;
use crate::session::Action;

/// Elements of a list that is kept for the next turn.
pub(crate) const KEPT: usize = 4_096;

/// Something that a thread lends.
pub(crate) trait Lendable: Default + 'static {
    /// As it looks while it is not borrowed.
    const UNUSED: &'static Self;

    /// Where the thread keeps it.
    fn spare() -> &'static LocalKey<Cell<Option<Box<Self>>>>;

    /// Whether there is nothing in it.
    fn is_clear(&self) -> bool;

    /// The length that its longest list has room for.
    fn capacity(&self) -> usize;
}

/// Borrowed from the first use to [`Self::clear_away`].
#[derive(Debug, Default)]
pub(crate) struct OnLoan<T: Lendable>(Option<Box<T>>);

impl<T: Lendable> OnLoan<T> {
    /// Gives it back, unless there is something in it.
    pub(crate) fn clear_away(&mut self) {
        if let Some(lent) = self.0.take_if(|lent| lent.is_clear())
            && lent.capacity() <= KEPT
        {
            // The thread may be about to end, and its spares with it.
            let _ = T::spare().try_with(|spare| spare.set(Some(lent)));
        }
    }
}

impl<T: Lendable> Drop for OnLoan<T> {
    fn drop(&mut self) {
        self.clear_away();
    }
}

impl<T: Lendable> Deref for OnLoan<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::UNUSED)
    }
}

impl<T: Lendable> DerefMut for OnLoan<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| T::spare().take().unwrap_or_default())
    }
}

/// What a connection works with.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Filled by the session and emptied by `Connection::perform`.
    pub(crate) actions: Vec<Action>,
    /// Messages on their way from the outbox to the session.
    pub(crate) taken: Vec<Delivery>,
    /// What the batch that is being read leads to, once it is committed.
    pub(crate) due: Vec<Awaited>,
}

impl Lendable for Desk {
    const UNUSED: &'static Self = &Self { actions: Vec::new(), taken: Vec::new(), due: Vec::new() };

    fn spare() -> &'static LocalKey<Cell<Option<Box<Self>>>> {
        thread_local!(static SPARE: Cell<Option<Box<Desk>>> = const { Cell::new(None) });
        &SPARE
    }

    fn is_clear(&self) -> bool {
        self.actions.is_empty() && self.taken.is_empty() && self.due.is_empty()
    }

    fn capacity(&self) -> usize {
        self.actions.capacity().max(self.taken.capacity()).max(self.due.capacity())
    }
}

#[cfg(test)]
mod tests {
    use nightjar_mqtt::Packet;

    use super::*;

    #[test]
    fn the_next_connection_works_with_the_same_lists() {
        let mut desk = OnLoan::<Desk>::default();
        assert!(desk.actions.is_empty() && desk.0.is_none(), "looking takes nothing");
        desk.actions.push(Action::Send(Packet::PingResp));
        let place = desk.actions.as_ptr();
        desk.clear_away();
        assert_eq!(desk.actions.len(), 1, "what is in use is not given away");
        desk.actions.clear();
        desk.clear_away();
        assert!(desk.0.is_none());
        let mut other = OnLoan::<Desk>::default();
        other.actions.push(Action::Send(Packet::PingResp));
        assert_eq!(other.actions.as_ptr(), place);
    }
}
