//! How many connections there are, and whether there is room for one more.
//!
//! ```text
//!  arrive ──▶ silent ──CONNECT──▶ connected       a Ticket is a connection's place; it is free again once dropped
//!                │
//!                └──crowded out, oldest first, by those that arrive later
//! ```

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::door::{Door, Place};

#[derive(Debug)]
pub(crate) struct Admission {
    crowd: Mutex<Crowd>,
}

/// How many there may be.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    in_all: usize,
    per_address: usize,
    silent: usize,
}

#[derive(Debug, Default)]
struct Crowd {
    bounds: Bounds,
    /// Those that have not said CONNECT yet, or were refused and are being told so, in the order in which they came.
    silent: BTreeMap<u64, Silent>,
    next: u64,
    connected: usize,
    by_address: HashMap<IpAddr, Share>,
    lack_of_room: LackOfRoom,
}

/// How many connections there was no room for since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LackOfRoom {
    /// Closed before they said CONNECT.
    pub(crate) crowded_out: u64,
    /// Refused with CONNACK.
    pub(crate) turned_away: u64,
}

#[derive(Debug)]
struct Silent {
    address: IpAddr,
    crowded_out: CancellationToken,
}

/// The connections from one address.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    silent: usize,
    connected: usize,
}

/// A connection's place among the others.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    address: IpAddr,
    number: u64,
    /// Until the connection said CONNECT.
    crowded_out: Option<CancellationToken>,
    connected: bool,
    /// At the listener that it came through.
    place: Option<Place>,
}

/// Why there is no room for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    InAll,
    AtListener,
    FromAddress,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { crowd: Mutex::new(Crowd { bounds: Bounds::of(limits), ..Crowd::default() }) }
    }

    /// Keeps to other limits from here on; who is there already stays.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        self.crowd.lock().bounds = Bounds::of(limits);
    }

    /// Gives a new connection its place. Where there are too many that are silent, the oldest of the address with most of
    /// them makes room: a flood crowds out itself, and who means it says CONNECT long before its turn.
    pub(crate) fn arrive(self: &Arc<Self>, address: SocketAddr) -> Ticket {
        let address = address.ip().to_canonical();
        let crowd = &mut *self.crowd.lock();
        let crowded = if crowd.share_of(address).silent >= crowd.bounds.allowed_from(address) {
            crowd.silent.iter().find(|(_, silent)| silent.address == address).map(|(number, _)| *number)
        } else if crowd.silent.len() >= crowd.bounds.silent {
            let most = crowd.by_address.values().map(|share| share.silent).max();
            let mut oldest_first = crowd.silent.iter();
            oldest_first
                .find(|(_, silent)| Some(crowd.share_of(silent.address).silent) == most)
                .map(|(number, _)| *number)
        } else {
            None
        };
        if let Some(silent) = crowded.and_then(|number| crowd.silent.remove(&number)) {
            silent.crowded_out.cancel();
            crowd.lack_of_room.crowded_out += 1;
            crowd.share(silent.address, |share| share.silent -= 1);
        }
        let number = crowd.next;
        crowd.next += 1;
        let crowded_out = CancellationToken::new();
        crowd.silent.insert(number, Silent { address, crowded_out: crowded_out.clone() });
        crowd.share(address, |share| share.silent += 1);
        let admission = Arc::clone(self);
        Ticket { admission, address, number, crowded_out: Some(crowded_out), connected: false, place: None }
    }

    /// Notes that a client was refused because there is no room, which is none of its fault.
    pub(crate) fn count_turned_away(&self) {
        self.crowd.lock().lack_of_room.turned_away += 1;
    }

    /// What the lack of room did since this was last asked.
    pub(crate) fn take_lack_of_room(&self) -> LackOfRoom {
        std::mem::take(&mut self.crowd.lock().lack_of_room)
    }
}

impl Bounds {
    fn of(limits: &Limits) -> Self {
        Self {
            in_all: limits.maximum_connections,
            per_address: limits.maximum_connections_per_address.map_or(usize::MAX, std::num::NonZeroUsize::get),
            silent: limits.maximum_silent_connections.max(1),
        }
    }

    /// Every program on this computer has its address, which says nothing about who they are: it has no bound.
    const fn allowed_from(&self, address: IpAddr) -> usize {
        if address.is_loopback() { usize::MAX } else { self.per_address }
    }
}

impl Crowd {
    fn share_of(&self, address: IpAddr) -> Share {
        self.by_address.get(&address).copied().unwrap_or_default()
    }

    fn share(&mut self, address: IpAddr, change: impl FnOnce(&mut Share)) {
        let share = self.by_address.entry(address).or_default();
        change(share);
        if share.silent == 0 && share.connected == 0 {
            self.by_address.remove(&address);
        }
    }
}

impl Ticket {
    /// Cancelled when the connection has to make room for another; never for one that is connected.
    pub(crate) fn crowded_out(&self) -> CancellationToken {
        self.crowded_out.clone().unwrap_or_default()
    }

    /// The connection said CONNECT, and is a client from here on, where there is room for one.
    pub(crate) fn connect(&mut self, door: &Door) -> Result<(), Full> {
        let crowd = &mut *self.admission.crowd.lock();
        if crowd.connected >= crowd.bounds.in_all {
            return Err(Full::InAll);
        }
        if crowd.share_of(self.address).connected >= crowd.bounds.allowed_from(self.address) {
            return Err(Full::FromAddress);
        }
        self.place = Some(door.take_place().ok_or(Full::AtListener)?);
        // A connection that was crowded out a moment ago has no place to exchange; it ends at once.
        if crowd.silent.remove(&self.number).is_some() {
            crowd.connected += 1;
            crowd.share(self.address, |share| {
                share.silent -= 1;
                share.connected += 1;
            });
            self.connected = true;
            self.crowded_out = None;
        }
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let crowd = &mut *self.admission.crowd.lock();
        if self.connected {
            crowd.connected -= 1;
            crowd.share(self.address, |share| share.connected -= 1);
        } else if crowd.silent.remove(&self.number).is_some() {
            crowd.share(self.address, |share| share.silent -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::ListenerOptions;

    fn admission(in_all: usize, per_address: usize, silent: usize) -> Arc<Admission> {
        Arc::new(Admission::new(&Limits {
            maximum_connections: in_all,
            maximum_connections_per_address: NonZeroUsize::new(per_address),
            maximum_silent_connections: silent,
            ..Limits::default()
        }))
    }

    fn arrive(admission: &Arc<Admission>, address: &str) -> Ticket {
        admission.arrive(SocketAddr::new(address.parse().unwrap(), 50_000))
    }

    fn connect(admission: &Arc<Admission>, address: &str) -> Result<Ticket, Full> {
        let mut ticket = arrive(admission, address);
        let door = Door::new(None, &ListenerOptions::default(), &Limits::default());
        ticket.connect(&door).map(|()| ticket)
    }

    #[test]
    fn a_flood_of_silent_connections_crowds_out_its_own_oldest() {
        let admission = admission(100, 3, 5);
        let other = arrive(&admission, "10.0.0.1");
        let flood: Vec<_> = (0..10).map(|_| arrive(&admission, "10.0.0.2")).collect();
        let gone = |ticket: &Ticket| ticket.crowded_out().is_cancelled();
        assert_eq!(flood.iter().filter(|ticket| gone(ticket)).count(), 7);
        assert!(flood[..7].iter().all(gone));
        assert!(!gone(&other), "another address keeps its place");
        let many: Vec<_> = (0..4).map(|number| arrive(&admission, &format!("10.0.1.{number}"))).collect();
        assert!(gone(&other), "until there are too many of all addresses");
        assert_eq!(admission.crowd.lock().silent.len(), 5);
        assert_eq!(admission.take_lack_of_room().crowded_out, 10);
        assert_eq!(admission.take_lack_of_room(), LackOfRoom::default());
        drop((other, flood, many));
        assert!(admission.crowd.lock().silent.is_empty() && admission.crowd.lock().by_address.is_empty());
    }

    #[test]
    fn a_flood_from_one_address_leaves_the_others_their_place() {
        let admission = admission(100, 100, 5);
        let others: Vec<_> = (0..3).map(|number| arrive(&admission, &format!("10.0.1.{number}"))).collect();
        let _flood: Vec<_> = (0..100).map(|_| arrive(&admission, "127.0.0.1")).collect();
        assert!(others.iter().all(|ticket| !ticket.crowded_out().is_cancelled()));
    }

    #[test]
    fn who_said_connect_is_not_crowded_out() {
        let admission = admission(100, 100, 1);
        let client = connect(&admission, "10.0.0.1").unwrap();
        let silent = [arrive(&admission, "10.0.0.2"), arrive(&admission, "10.0.0.3")];
        assert!(!client.crowded_out().is_cancelled());
        assert!(silent[0].crowded_out().is_cancelled() && !silent[1].crowded_out().is_cancelled());
    }

    #[test]
    fn a_place_is_free_once_its_connection_has_ended() {
        let admission = admission(2, 100, 10);
        let first = connect(&admission, "10.0.0.1").unwrap();
        let _second = connect(&admission, "10.0.0.2").unwrap();
        assert_eq!(connect(&admission, "10.0.0.3").unwrap_err(), Full::InAll);
        drop(first);
        connect(&admission, "10.0.0.3").unwrap();
    }

    #[test]
    fn an_address_has_its_share_and_this_computer_has_none() {
        let admission = admission(100, 1, 10);
        let _client = connect(&admission, "10.0.0.1").unwrap();
        assert_eq!(connect(&admission, "::ffff:10.0.0.1").unwrap_err(), Full::FromAddress, "the same, as IPv6 has it");
        connect(&admission, "10.0.0.2").unwrap();
        let local: Vec<_> = (0..5).map(|_| connect(&admission, "127.0.0.1")).collect();
        assert!(local.iter().all(Result::is_ok));
    }
}
