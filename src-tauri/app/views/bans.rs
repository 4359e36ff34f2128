//! Who is kept out, and whom another ban would turn out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nightjar_broker::{Ban, BanList, BanTarget, Broker, InvalidBan, Timestamp};

use super::{contains, count, millis};
use crate::fault::sentence;
use crate::wire::{BanDraft, BanImpact, BanKind, BanRow, BanRows, ListQuery};

/// Rows of one answer, whatever was asked for.
const MOST_ROWS: usize = 500;
/// Clients that are named.
const NAMED: usize = 5;

/// A part of the bans that hold, the newest first.
pub fn rows(list: &BanList, now: Timestamp, query: &ListQuery) -> BanRows {
    let text = query.filter.to_lowercase();
    let holding: Vec<&Ban> = list.bans.iter().filter(|ban| ban.holds(now)).collect();
    let mut found: Vec<&Ban> = holding
        .iter()
        .copied()
        .filter(|ban| contains(&ban.target.text(), &text) || contains(&ban.note, &text))
        .collect();
    found.sort_by_key(|ban| std::cmp::Reverse(ban.number));
    BanRows {
        total: count(found.len()),
        all: count(holding.len()),
        first: query.first,
        rows: found
            .into_iter()
            .skip(query.first as usize)
            .take((query.count as usize).min(MOST_ROWS))
            .map(row)
            .collect(),
    }
}

fn row(ban: &Ban) -> BanRow {
    BanRow {
        number: ban.number.0,
        kind: match ban.target {
            BanTarget::Client(_) => BanKind::Client,
            BanTarget::User(_) => BanKind::User,
            BanTarget::Network(_) => BanKind::Address,
        },
        who: ban.target.text(),
        since: millis(ban.since),
        until: ban.until.map(millis),
        note: ban.note.clone(),
    }
}

/// Who is meant.
///
/// # Errors
/// Where the text is no identifier, name or address.
pub fn target(draft: &BanDraft) -> Result<BanTarget, InvalidBan> {
    match draft.kind {
        BanKind::Client => BanTarget::client(&draft.who),
        BanKind::User => BanTarget::user(&draft.who),
        BanKind::Address => BanTarget::parse("address", draft.who.trim()),
    }
}

/// The end of a ban that begins now.
pub fn until(draft: &BanDraft, now: Timestamp) -> Option<Timestamp> {
    draft.seconds.map(|seconds| Timestamp::from_micros(now.micros().saturating_add(i64::from(seconds) * 1_000_000)))
}

/// Who that is connected would be turned out.
pub fn impact(broker: &Broker, draft: &BanDraft) -> BanImpact {
    let mut impact = BanImpact { error: None, connected: 0, clients: 0, named: Vec::new(), this_computer: false };
    let target = match target(draft) {
        Ok(target) => target,
        Err(error) => return BanImpact { error: Some(sentence(&error.to_string())), ..impact },
    };
    let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    impact.this_computer =
        matches!(&target, BanTarget::Network(network) if local.into_iter().any(|address| network.contains(address)));
    for info in broker.clients().into_iter().filter(|info| info.connected) {
        impact.connected = impact.connected.saturating_add(1);
        let connection = &info.connection;
        if target.means(&info.identifier, connection.user_name.as_deref(), connection.address.ip()) {
            impact.clients = impact.clients.saturating_add(1);
            if impact.named.len() < NAMED {
                impact.named.push(info.identifier.to_string());
            }
        }
    }
    impact
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(kind: BanKind, who: &str, seconds: Option<u32>) -> BanDraft {
        BanDraft { kind, who: who.to_owned(), seconds, note: String::new() }
    }

    #[test]
    fn those_that_hold_are_listed_the_newest_first() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut list = BanList::default();
        for (draft, since) in [
            (draft(BanKind::Client, "press-99", None), 1),
            (draft(BanKind::User, "plc", Some(10)), 2),
            (draft(BanKind::Address, " 10.0.0.7/8 ", Some(100)), 3),
        ] {
            list.add(target(&draft).unwrap(), at(since), until(&draft, at(since)), "scans").unwrap();
        }
        let of = |filter: &str, now| rows(&list, at(now), &ListQuery { filter: filter.to_owned(), first: 0, count: 9 });
        let who = |found: BanRows| found.rows.into_iter().map(|row| (row.number, row.who)).collect::<Vec<_>>();
        assert_eq!(who(of("PLC", 4)), [(2, "plc".to_owned())]);
        let later = of("scans", 12);
        assert_eq!((later.all, later.total), (2, 2), "the second is over");
        assert_eq!((later.rows[0].kind, later.rows[0].until), (BanKind::Address, Some(103_000.0)));
        assert_eq!(later.rows[1].until, None);
        assert_eq!(who(later), [(3, "10.0.0.0/8".to_owned()), (1, "press-99".to_owned())]);
    }

    #[test]
    fn what_can_not_be_banned_says_why() {
        for (kind, who) in [(BanKind::Client, ""), (BanKind::User, "a\0"), (BanKind::Address, "press-04")] {
            assert!(target(&draft(kind, who, None)).is_err(), "{who:?}");
        }
    }
}
