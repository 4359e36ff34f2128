//! Who connects in vain again and again, and who takes the session of whom: both are told to wait.

use std::hash::Hash;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::pauses::{Paused, Pauses, Rule};
use crate::{ClientIdentifier, Limits, Network};

const FAILURES_WITHIN: Duration = Duration::from_secs(60);
const TAKEOVERS_WITHIN: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct Flapping {
    addresses: Mutex<Option<Pauses<Network>>>,
    clients: Mutex<Option<Pauses<ClientIdentifier>>>,
}

/// A pause that is over.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) client: Option<ClientIdentifier>,
    pub(crate) detail: String,
}

impl Flapping {
    pub(crate) fn new(limits: &Limits) -> Self {
        let (addresses, clients) = rules(limits);
        Self { addresses: Mutex::new(addresses.map(Pauses::new)), clients: Mutex::new(clients.map(Pauses::new)) }
    }

    /// Keeps to other limits from here on. Where they are others, who is paused no longer is.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        let (addresses, clients) = rules(limits);
        follow(&mut self.addresses.lock(), addresses);
        follow(&mut self.clients.lock(), clients);
    }

    /// How much longer an address is paused; the attempt is counted.
    pub(crate) fn pause_of_address(&self, address: SocketAddr, now: Instant) -> Option<Duration> {
        self.addresses.lock().as_mut()?.refuse(&Network::of_household(address.ip()), now)
    }

    /// How much longer a client identifier is paused; the attempt is counted.
    pub(crate) fn pause_of_client(&self, client: &ClientIdentifier, now: Instant) -> Option<Duration> {
        self.clients.lock().as_mut()?.refuse(client, now)
    }

    /// Notes that a connect failed; says so where a pause begins.
    pub(crate) fn failed(&self, address: SocketAddr, now: Instant) -> Option<String> {
        // Every program on this computer has this address: one that fails must not lock the others out.
        if address.ip().to_canonical().is_loopback() {
            return None;
        }
        let address = Network::of_household(address.ip());
        let Paused { faults, within, pause } = self.addresses.lock().as_mut()?.fault(&address, now)?;
        Some(format!(
            "{faults} connects from {address} failed within {} s: more are refused for {} s",
            within.as_secs(),
            pause.as_secs(),
        ))
    }

    /// Notes that one connection took the session of another that was still there; says so where a pause begins.
    pub(crate) fn taken_over(&self, client: &ClientIdentifier, by: SocketAddr, now: Instant) -> Option<String> {
        let Paused { faults, within, pause } = self.clients.lock().as_mut()?.fault(client, now)?;
        Some(format!(
            "two devices use the same client identifier, or one does not see that it is connected: {faults} takeovers \
             within {} s, the last one from {by}. Who comes in the next {} s is refused while the other is connected. \
             Give each device its own client identifier",
            within.as_secs(),
            pause.as_secs(),
        ))
    }

    /// The pauses that are over since this was last asked.
    pub(crate) fn settle(&self, now: Instant) -> Vec<Over> {
        let addresses = self.addresses.lock().as_mut().map(|pauses| pauses.settle(now)).unwrap_or_default();
        let clients = self.clients.lock().as_mut().map(|pauses| pauses.settle(now)).unwrap_or_default();
        let addresses = addresses.into_iter().map(|(address, refused)| Over {
            client: None,
            detail: format!("the pause of {address} is over: {}", refusals(refused)),
        });
        let clients = clients.into_iter().map(|(client, refused)| Over {
            client: Some(client),
            detail: format!("the pause of the client identifier is over: {}", refusals(refused)),
        });
        addresses.chain(clients).collect()
    }

    /// Ends the pauses of addresses: the rules changed, and who failed may get in now.
    pub(crate) fn forgive_addresses(&self) {
        if let Some(addresses) = self.addresses.lock().as_mut() {
            addresses.clear();
        }
    }
}

/// When addresses and clients are paused.
fn rules(limits: &Limits) -> (Option<Rule>, Option<Rule>) {
    let rule = |faults: NonZeroU32, window| Rule {
        faults: faults.get() as usize,
        window,
        first: limits.first_pause,
        longest: limits.longest_pause,
    };
    (
        limits.maximum_failed_connects.map(|faults| rule(faults, FAILURES_WITHIN)),
        limits.maximum_takeovers.map(|faults| rule(faults, TAKEOVERS_WITHIN)),
    )
}

fn follow<K: Clone + Eq + Hash>(pauses: &mut Option<Pauses<K>>, rule: Option<Rule>) {
    if pauses.as_ref().map(Pauses::rule) != rule {
        *pauses = rule.map(Pauses::new);
    }
}

fn refusals(count: u64) -> String {
    match count {
        0 => "nobody was refused meanwhile".to_owned(),
        1 => "1 connect was refused meanwhile".to_owned(),
        count => format!("{count} connects were refused meanwhile"),
    }
}
