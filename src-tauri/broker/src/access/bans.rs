//! Who is kept out, for a while or for good: clients by their identifier, users by their name, addresses by network.
//!
//! A ban holds whatever else is allowed. It keeps the session of a client that it turns out, and what waits in it.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Timestamp;

/// The same ban becomes an event so often at most.
const REPEATED: Duration = Duration::from_secs(60);
/// Bytes of the longest name: as long as the protocol has room for.
const LONGEST_NAME: usize = 65_535;

/// The number of a ban; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BanNumber(pub u32);

/// Somebody who is kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    pub number: BanNumber,
    pub target: BanTarget,
    pub since: Timestamp,
    /// `None` is for good.
    pub until: Option<Timestamp>,
    /// Why, in the words of whoever said so; may be empty. Clients are not told.
    pub note: String,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BanTarget {
    /// A client identifier.
    Client(String),
    /// A user name, checked or not.
    User(String),
    Network(Network),
}

/// Addresses with the same first bits; one address alone has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Who can't be banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBan {
    #[error("a client identifier or user name has 1 to {LONGEST_NAME} bytes")]
    Name,
    #[error("an address is written as 192.168.1.7, 192.168.1.0/24, fe80::1 or 2001:db8::/32, with at least one bit")]
    Network,
    #[error("there are {} bans already, which is the most that there can be", BanList::MOST)]
    TooMany,
    #[error("there is no ban {0}")]
    NoSuchBan(BanNumber),
}

/// All bans, those that are over included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BanList {
    pub bans: Vec<Ban>,
    /// The number of the next ban, which is above all that were ever given.
    pub next: u32,
}

impl BanTarget {
    /// # Errors
    /// Where no client can have that name.
    pub fn client(identifier: &str) -> Result<Self, InvalidBan> {
        name(identifier).map(Self::Client)
    }

    /// # Errors
    /// Where no user can have that name.
    pub fn user(user_name: &str) -> Result<Self, InvalidBan> {
        name(user_name).map(Self::User)
    }

    /// The word for its kind in lists, files and commands.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::User(_) => "user",
            Self::Network(_) => "address",
        }
    }

    /// Reads one as `kind` and `fmt::Display` of what is behind it write it.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(kind: &str, text: &str) -> Result<Self, InvalidBan> {
        match kind {
            "client" => Self::client(text),
            "user" => Self::user(text),
            _ => text.parse().map(Self::Network),
        }
    }

    /// Whether it is about a client of this identifier, with this user name, from this address.
    pub fn means(&self, client: &str, user_name: Option<&str>, address: IpAddr) -> bool {
        match self {
            Self::Client(name) => name == client,
            Self::User(name) => user_name == Some(name),
            Self::Network(network) => network.contains(address),
        }
    }

    /// The name or network alone.
    pub fn text(&self) -> String {
        match self {
            Self::Client(name) | Self::User(name) => name.clone(),
            Self::Network(network) => network.to_string(),
        }
    }
}

fn name(text: &str) -> Result<String, InvalidBan> {
    let fits = (1..=LONGEST_NAME).contains(&text.len()) && !text.contains('\0');
    if fits { Ok(text.to_owned()) } else { Err(InvalidBan::Name) }
}

impl Network {
    /// The addresses that one device or household may have at will: of IPv6, all with the same first 64 bits (RFC 6177).
    pub(crate) fn of_household(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                Self { address: IpAddr::V6((address.to_bits() & mask(u128::BITS, 64)).into()), bits: 64 }
            }
            address => address.into(),
        }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                own.to_bits() == other.to_bits() & mask(u32::BITS, self.bits) as u32
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() == other.to_bits() & mask(u128::BITS, self.bits),
            _ => false,
        }
    }
}

/// The first `bits` of `all`, as the lowest of the number.
fn mask(all: u32, bits: u8) -> u128 {
    let rest = all.saturating_sub(bits.into());
    let whole = if all == u128::BITS { u128::MAX } else { (1 << all) - 1 };
    (whole >> rest) << rest
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = InvalidBan;

    fn from_str(text: &str) -> Result<Self, InvalidBan> {
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| InvalidBan::Network);
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidBan::Network)?;
        let bits: u8 = bits.parse().map_err(|_| InvalidBan::Network)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        if !(1..=all).contains(&bits) {
            return Err(InvalidBan::Network);
        }
        let address = match address {
            IpAddr::V4(address) => IpAddr::V4((address.to_bits() & mask(u32::BITS, bits) as u32).into()),
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & mask(u128::BITS, bits)).into()),
        };
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == all { self.address.fmt(formatter) } else { write!(formatter, "{}/{}", self.address, self.bits) }
    }
}

impl fmt::Display for BanNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for BanTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind(), self.text())
    }
}

impl BanList {
    /// Bans in one list.
    pub const MOST: usize = 10_000;

    /// Bans somebody from `now` on; what was said of the same before is replaced. What is over is let go.
    ///
    /// # Errors
    /// Where there are too many.
    pub fn add(
        &mut self,
        target: BanTarget,
        now: Timestamp,
        until: Option<Timestamp>,
        note: &str,
    ) -> Result<BanNumber, InvalidBan> {
        self.bans.retain(|ban| ban.holds(now) && ban.target != target);
        if self.bans.len() >= Self::MOST {
            return Err(InvalidBan::TooMany);
        }
        let number = BanNumber(self.next.max(1));
        self.next = number.0.saturating_add(1);
        self.bans.push(Ban { number, target, since: now, until, note: note.to_owned() });
        Ok(number)
    }

    /// Lets somebody in again.
    ///
    /// # Errors
    /// Where there is no such ban.
    pub fn lift(&mut self, number: BanNumber) -> Result<Ban, InvalidBan> {
        let place = self.bans.iter().position(|ban| ban.number == number).ok_or(InvalidBan::NoSuchBan(number))?;
        Ok(self.bans.remove(place))
    }
}

impl Ban {
    /// Whether it is in force at a moment.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Somebody at the door, as far as bans look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'v> {
    pub(crate) client: &'v str,
    pub(crate) user_name: Option<&'v str>,
    pub(crate) address: SocketAddr,
}

/// The bans, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    list: BanList,
    /// Places in the list.
    clients: HashMap<String, usize>,
    users: HashMap<String, usize>,
    networks: Vec<usize>,
    refused: Mutex<HashMap<BanNumber, Refusals>>,
}

/// Connects that a ban refused.
#[derive(Debug)]
struct Refusals {
    unreported: u64,
    last: SocketAddr,
    reported: Option<Instant>,
}

impl Bans {
    pub(crate) fn new(list: BanList) -> Self {
        let mut bans = Self::default();
        for (place, ban) in list.bans.iter().enumerate() {
            match &ban.target {
                BanTarget::Client(name) => drop(bans.clients.insert(name.clone(), place)),
                BanTarget::User(name) => drop(bans.users.insert(name.clone(), place)),
                BanTarget::Network(_) => bans.networks.push(place),
            }
        }
        Self { list, ..bans }
    }

    pub(crate) const fn list(&self) -> &BanList {
        &self.list
    }

    /// The ban of an address, where it has one.
    pub(crate) fn of_address(&self, address: SocketAddr, now: Timestamp) -> Option<&Ban> {
        let bans = self.networks.iter().map(|&place| &self.list.bans[place]);
        bans.filter(|ban| ban.holds(now))
            .find(|ban| matches!(&ban.target, BanTarget::Network(network) if network.contains(address.ip())))
    }

    /// The ban that keeps somebody out.
    pub(crate) fn of(&self, visitor: Visitor<'_>, now: Timestamp) -> Option<&Ban> {
        let by_name = |places: &HashMap<String, usize>, name| {
            places.get(name).map(|&place| &self.list.bans[place]).filter(|ban| ban.holds(now))
        };
        by_name(&self.clients, visitor.client)
            .or_else(|| by_name(&self.users, visitor.user_name?))
            .or_else(|| self.of_address(visitor.address, now))
    }

    /// Counts a connect that a ban refused.
    pub(crate) fn count_refused(&self, ban: &Ban, address: SocketAddr) {
        let refused = &mut *self.refused.lock();
        let refusals = refused.entry(ban.number).or_insert(Refusals { unreported: 0, last: address, reported: None });
        refusals.unreported += 1;
        refusals.last = address;
    }

    /// What is to be said of them, once a minute at most for each ban.
    pub(crate) fn take_reports(&self, now: Instant) -> Vec<String> {
        let mut reports = Vec::new();
        for (number, refusals) in &mut *self.refused.lock() {
            let waits = refusals.reported.is_some_and(|reported| now.saturating_duration_since(reported) < REPEATED);
            if refusals.unreported == 0 || waits {
                continue;
            }
            refusals.reported = Some(now);
            let Some(ban) = self.list.bans.iter().find(|ban| ban.number == *number) else { continue };
            let count = std::mem::take(&mut refusals.unreported);
            let times = if count == 1 { String::new() } else { format!(", {count} times") };
            reports.push(format!("from {}: {} is banned (ban {number}){times}", refusals.last, ban.target));
        }
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn networks_have_the_addresses_with_their_first_bits() {
        for (network, inside, outside) in [
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("192.168.1.0/24", "::ffff:192.168.1.200", "192.168.2.1"),
            ("10.1.2.3/8", "10.255.255.255", "11.0.0.0"),
            ("128.0.0.0/1", "255.0.0.1", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("fe80::1", "fe80::1", "fe80::2"),
            ("8000::/1", "ffff::", "7fff::"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for wrong in ["", "x", "1.2.3", "1.2.3.4/", "1.2.3.4/0", "1.2.3.4/33", "::/0", "::/129", "1.2.3.4/-1", "a/8"] {
            assert_eq!(wrong.parse::<Network>(), Err(InvalidBan::Network), "{wrong}");
        }
        assert_eq!("10.1.2.3/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }

    #[test]
    fn a_ban_holds_until_its_end() {
        let mut list = BanList::default();
        list.add(BanTarget::client("c").unwrap(), at(1), Some(at(10)), "").unwrap();
        list.add(BanTarget::user("u").unwrap(), at(1), None, "").unwrap();
        list.add(BanTarget::parse("address", "10.0.0.0/8").unwrap(), at(1), Some(at(20)), "").unwrap();
        let bans = Bans::new(list);
        let find = |client, user_name, address: &str, now| {
            let visitor = Visitor { client, user_name, address: address.parse().unwrap() };
            bans.of(visitor, at(now)).map(|ban| ban.number.0)
        };
        assert_eq!(find("c", None, "1.1.1.1:1", 9), Some(1));
        assert_eq!(find("c", None, "1.1.1.1:1", 10), None);
        assert_eq!(find("d", Some("u"), "1.1.1.1:1", 1_000), Some(2));
        assert_eq!(find("u", Some("c"), "1.1.1.1:1", 1), None, "a name is of one kind");
        assert_eq!(find("d", None, "10.1.1.1:1", 19), Some(3));
        assert_eq!(find("d", None, "10.1.1.1:1", 20), None);
        assert_eq!(find("d", None, "11.1.1.1:1", 1), None);
    }

    #[test]
    fn a_target_is_about_those_of_its_kind() {
        let address: IpAddr = "10.1.2.3".parse().unwrap();
        let means = |kind, text| BanTarget::parse(kind, text).unwrap().means("c", Some("u"), address);
        assert!(means("client", "c") && means("user", "u") && means("address", "10.1.0.0/16"));
        assert!(!means("client", "u") && !means("user", "c") && !means("address", "10.2.0.0/16"));
        assert!(!BanTarget::user("u").unwrap().means("u", None, address));
    }

    #[test]
    fn a_list_forgets_what_is_over_and_what_was_said_anew() {
        let mut list = BanList::default();
        let client = |name| BanTarget::client(name).unwrap();
        list.add(client("a"), at(1), Some(at(5)), "").unwrap();
        list.add(client("b"), at(2), None, "").unwrap();
        list.add(client("b"), at(6), Some(at(9)), "again").unwrap();
        let left: Vec<_> = list.bans.iter().map(|ban| (ban.number.0, &*ban.note)).collect();
        assert_eq!(left, [(3, "again")]);
        assert_eq!(list.lift(BanNumber(1)), Err(InvalidBan::NoSuchBan(BanNumber(1))));
        list.lift(BanNumber(3)).unwrap();
        assert_eq!(list.add(client("c"), at(7), None, ""), Ok(BanNumber(4)));
        assert_eq!((BanTarget::client(""), BanTarget::user("a\0")), (Err(InvalidBan::Name), Err(InvalidBan::Name)));
    }

    #[test]
    fn refusals_are_told_once_a_minute() {
        let mut list = BanList::default();
        list.add(BanTarget::client("c").unwrap(), at(1), None, "").unwrap();
        let (bans, now, address) = (Bans::new(list), clock::now().steady, "1.1.1.1:1".parse().unwrap());
        assert_eq!(bans.take_reports(now), Vec::<String>::new());
        (0..3).for_each(|_| bans.count_refused(&bans.list.bans[0], address));
        assert_eq!(bans.take_reports(now), ["from 1.1.1.1:1: client c is banned (ban 1), 3 times"]);
        bans.count_refused(&bans.list.bans[0], address);
        assert_eq!(bans.take_reports(now + REPEATED / 2), Vec::<String>::new());
        assert_eq!(bans.take_reports(now + REPEATED), ["from 1.1.1.1:1: client c is banned (ban 1)"]);
    }
}
