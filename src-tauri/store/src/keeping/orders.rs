use parking_lot::{Condvar, Mutex};

/// Something that the writer does for the keeper between two batches: small, as acknowledgements wait meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Delete the oldest messages, up to that id.
    ForgetThrough(i64),
    /// Delete these messages, which are of one segment.
    Forget(Vec<i64>),
    /// Delete the oldest events, up to that id.
    ForgetEvents(i64),
    /// Give that many free pages back to the disk.
    GiveBack(u32),
}

/// Hands orders over, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    order: Option<Order>,
    at_work: bool,
    closed: bool,
}

impl Orders {
    /// Hands an order over, and waits until it is carried out; whether it may have been.
    pub(crate) fn carry_out(&self, order: Order, wake: impl FnOnce()) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        state.order = Some(order);
        wake();
        while (state.order.is_some() || state.at_work) && !state.closed {
            self.changed.wait(&mut state);
        }
        !state.closed
    }

    /// Takes what is to be done; [`Self::done`] must follow.
    pub(crate) fn take(&self) -> Option<Order> {
        let mut state = self.state.lock();
        let order = state.order.take();
        state.at_work = order.is_some();
        order
    }

    pub(crate) fn done(&self) {
        self.state.lock().at_work = false;
        self.changed.notify_all();
    }

    /// Nothing is carried out any more.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}
