//! What a listener is to those who come in through it.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Access, Limits, Terms, Transport};

/// A listener's number: none is given twice while the broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerNumber(pub(crate) u64);

/// How a listener takes connections. All of it can be changed while it listens.
#[derive(Clone, Debug, Default)]
pub struct ListenerOptions {
    /// What is spoken below MQTT.
    pub transport: Transport,
    /// Who may connect here, where it is not who may connect to the broker.
    pub access: Option<Access>,
    /// Clients at once, at this listener; `None` is off.
    pub maximum_connections: Option<NonZeroUsize>,
    /// Who speaks the PROXY protocol here: each connection must then come from one of these addresses, and begin with a
    /// header that says on whose behalf. With none, it is not spoken.
    pub proxies: Vec<IpAddr>,
    /// Default: the broker's limits, and nothing else.
    pub terms: Option<Terms>,
}

/// The same, as its connections have it.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// `None` for connections that somebody else accepted.
    pub(crate) listener: Option<ListenerNumber>,
    pub(crate) terms: Arc<Terms>,
    maximum_connections: usize,
    /// Goes on through all changes of the listener.
    connected: Arc<AtomicUsize>,
}

/// A client's place at its listener, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Door {
    pub(crate) fn new(listener: Option<ListenerNumber>, options: &ListenerOptions, limits: &Limits) -> Self {
        let terms = options.terms.clone().unwrap_or_else(|| Terms { limits: limits.clone(), ..Terms::default() });
        let maximum_connections = options.maximum_connections.map_or(usize::MAX, NonZeroUsize::get);
        Self { listener, terms: Arc::new(terms), maximum_connections, connected: Arc::default() }
    }

    /// The same with other options, and with its clients.
    pub(crate) fn changed(&self, options: &ListenerOptions, limits: &Limits) -> Self {
        Self { connected: Arc::clone(&self.connected), ..Self::new(self.listener, options, limits) }
    }

    /// `None` where it has as many clients as it may have.
    pub(crate) fn take_place(&self) -> Option<Place> {
        let maximum = self.maximum_connections;
        let room = |connected| (connected < maximum).then_some(connected + 1);
        self.connected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Place(Arc::clone(&self.connected)))
    }

    pub(crate) fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_free_again_and_outlast_a_change() {
        let of = |maximum| ListenerOptions { maximum_connections: NonZeroUsize::new(maximum), ..Default::default() };
        let door = Door::new(None, &of(1), &Limits::default());
        let first = door.take_place().unwrap();
        assert!(door.take_place().is_none());
        let wider = door.changed(&of(2), &Limits::default());
        let _second = wider.take_place().unwrap();
        assert!(wider.take_place().is_none() && wider.connected() == 2);
        drop(first);
        assert!(wider.take_place().is_some());
    }
}
