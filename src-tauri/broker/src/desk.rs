//! The lists that a connection fills and empties within a turn. The thread has one set of them, which its connections
//! use in turn: one that waits holds none.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use crate::connection::Awaited;
use crate::delivery::Delivery;
use crate::session::Action;

/// Elements of a list that is kept for the next turn.
const KEPT: usize = 4_096;

thread_local! {
    static SPARE: Cell<Option<Box<Lists>>> = const { Cell::new(None) };
}

#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Filled by the session and emptied by `Connection::perform`.
    pub(crate) actions: Vec<Action>,
    /// Messages on their way from the outbox to the session.
    pub(crate) taken: Vec<Delivery>,
    /// What the batch that is being read leads to, once it is committed.
    pub(crate) due: Vec<Awaited>,
}

/// A connection's place to work at, which has its lists from the first use to [`Self::clear_away`].
#[derive(Debug, Default)]
pub(crate) struct Desk(Option<Box<Lists>>);

impl Desk {
    /// Gives the lists back: the connection waits. They are empty then.
    pub(crate) fn clear_away(&mut self) {
        let Some(lists) = self.0.take() else { return };
        debug_assert!(lists.actions.is_empty() && lists.taken.is_empty() && lists.due.is_empty());
        if lists.actions.capacity().max(lists.taken.capacity()).max(lists.due.capacity()) <= KEPT {
            SPARE.set(Some(lists));
        }
    }

    fn set_up(&mut self) -> &mut Lists {
        self.0.get_or_insert_with(|| SPARE.take().unwrap_or_default())
    }
}

impl Deref for Desk {
    type Target = Lists;

    fn deref(&self) -> &Lists {
        static NONE: Lists = Lists { actions: Vec::new(), taken: Vec::new(), due: Vec::new() };
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Lists {
        self.set_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Action;
    use nightjar_mqtt::Packet;

    #[test]
    fn the_next_connection_works_with_the_same_lists() {
        let mut desk = Desk::default();
        assert!(desk.actions.is_empty() && desk.0.is_none(), "looking takes nothing");
        desk.actions.push(Action::Send(Packet::PingResp));
        let place = desk.actions.as_ptr();
        desk.actions.clear();
        desk.clear_away();
        assert!(desk.0.is_none());
        let mut other = Desk::default();
        other.actions.push(Action::Send(Packet::PingResp));
        assert_eq!(other.actions.as_ptr(), place);
    }
}
