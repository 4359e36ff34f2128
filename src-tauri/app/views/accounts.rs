//! Who has a password.

use std::collections::HashMap;

use nightjar_broker::{Account, Broker};

use super::{contains, count, millis};
use crate::wire::{AccountRow, AccountRows, ListQuery};

/// Rows of one answer, whatever was asked for.
const MOST_ROWS: usize = 500;

/// All accounts.
pub fn all(broker: &Broker, accounts: &[Account]) -> Vec<AccountRow> {
    let connected = connected(broker);
    accounts.iter().map(|account| row(account, &connected)).collect()
}

/// A part of the accounts, which are sorted by name.
pub fn rows(broker: &Broker, accounts: &[Account], query: &ListQuery) -> AccountRows {
    let connected = connected(broker);
    let text = query.filter.to_lowercase();
    let found: Vec<&Account> = accounts.iter().filter(|account| contains(&account.name, &text)).collect();
    AccountRows {
        total: count(found.len()),
        all: count(accounts.len()),
        first: query.first,
        rows: found
            .into_iter()
            .skip(query.first as usize)
            .take((query.count as usize).min(MOST_ROWS))
            .map(|account| row(account, &connected))
            .collect(),
    }
}

/// How many are connected with each account.
fn connected(broker: &Broker) -> HashMap<String, usize> {
    let mut connected: HashMap<String, usize> = HashMap::new();
    for info in broker.clients().into_iter().filter(|info| info.connected) {
        if let Some(name) = info.account {
            *connected.entry(name.to_string()).or_default() += 1;
        }
    }
    connected
}

fn row(account: &Account, connected: &HashMap<String, usize>) -> AccountRow {
    AccountRow {
        name: account.name.to_string(),
        disabled: account.disabled,
        changed: millis(account.changed),
        hash: account.password.scheme().to_owned(),
        clients: count(connected.get(&*account.name).copied().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nightjar_broker::{AccountName, Forgetful, Options, PasswordHash, Restored, Timestamp};

    use super::*;

    #[tokio::test]
    async fn a_filter_finds_names_whatever_their_case() {
        let broker = Broker::start(Options::default(), Arc::new(Forgetful::default()), Restored::default());
        let account = |name: &str| Account {
            name: AccountName::new(name).unwrap(),
            password: PasswordHash::of(b"secret").unwrap(),
            disabled: name == "tv",
            changed: Timestamp::from_micros(5_000),
        };
        let accounts = ["Anna", "plc", "tv"].map(account);
        let of =
            |filter: &str, first| rows(&broker, &accounts, &ListQuery { filter: filter.to_owned(), first, count: 2 });
        let page = of("", 1);
        assert_eq!((page.total, page.all, page.rows.len()), (3, 3, 2));
        assert_eq!((&*page.rows[1].name, page.rows[1].disabled, page.rows[1].changed), ("tv", true, 5.0));
        assert_eq!(page.rows[0].hash, "argon2id");
        assert_eq!((of("anna", 0).total, of("bob", 0).total), (1, 0));
        broker.stop().await;
    }
}
