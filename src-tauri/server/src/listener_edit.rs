//! Writes listeners into `nightjar.toml`: a `[[listener]]` more or less, or another value in one; its comments stay.

use std::net::IpAddr;
use std::path::Path;

use nightjar_broker::{Access, Scheme};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use crate::listener_settings::KINDS;
use crate::settings::ACCESS;
use crate::settings_file::set;
use crate::{CertificateFiles, ListenerSettings};

/// What the window sets about a listener; whatever else its table says stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerEdit {
    pub kind: Scheme,
    /// See [`ListenerSettings::address`].
    pub address: Option<IpAddr>,
    pub port: u16,
    /// `None`: whoever may connect to the broker.
    pub access: Option<Access>,
    /// `None`: what `[tls]` says, or Nightjar's own.
    pub certificate: Option<CertificateFiles>,
}

impl ListenerEdit {
    /// As a listener is now.
    pub fn of(listener: &ListenerSettings) -> Self {
        let ListenerSettings { kind, address, port, access, .. } = *listener;
        Self { kind, address, port, access, certificate: listener.certificate.clone() }
    }
}

/// Adds a table behind the others.
pub(crate) fn add(document: &mut DocumentMut, wanted: &ListenerEdit) {
    let mut table = Table::new();
    write(&mut table, None, wanted);
    let listeners = document.entry("listener").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    // Written in another way, it stays as it is, which the caller notices.
    if let Some(listeners) = listeners.as_array_of_tables_mut() {
        listeners.push(table);
    }
}

/// Changes one table, which says `before`.
pub(crate) fn change(document: &mut DocumentMut, place: usize, before: &ListenerEdit, wanted: &ListenerEdit) {
    let listeners = document.get_mut("listener").and_then(Item::as_array_of_tables_mut);
    if let Some(table) = listeners.and_then(|listeners| listeners.get_mut(place)) {
        write(table, Some(before), wanted);
    }
}

/// Removes one table.
pub(crate) fn remove(document: &mut DocumentMut, place: usize) {
    let Some(listeners) = document.get_mut("listener").and_then(Item::as_array_of_tables_mut) else { return };
    if place < listeners.len() {
        listeners.remove(place);
    }
    if listeners.is_empty() {
        document.remove("listener");
    }
}

fn write(table: &mut Table, before: Option<&ListenerEdit>, wanted: &ListenerEdit) {
    let ListenerEdit { kind, address, port, access, certificate } = wanted;
    if before.is_none_or(|before| before.kind != *kind) {
        set(table, "kind", KINDS.iter().find(|(_, named)| named == kind).map_or("", |(name, _)| *name));
    }
    if before.is_none_or(|before| before.address != *address) {
        put(table, "address", address.map(|address| address.to_string().into()));
    }
    if before.is_none_or(|before| before.port != *port) {
        set(table, "port", i64::from(*port));
    }
    if before.is_none_or(|before| before.access != *access) {
        let name = |access| ACCESS.iter().find(|(_, named)| *named == access).map_or("", |(name, _)| *name);
        put(table, "access", access.map(|access| name(access).into()));
    }
    if before.is_none_or(|before| before.certificate != *certificate) {
        let path = |path: &Path| path.display().to_string().into();
        put(table, "certificate", certificate.as_ref().map(|files| path(&files.certificate)));
        put(table, "key", certificate.as_ref().map(|files| path(&files.key)));
    }
}

fn put(table: &mut Table, key: &str, value: Option<Value>) {
    match value {
        Some(value) => set(table, key, value),
        None => drop(table.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "\
# mine
port = 1883 # plain

[[listener]] # for the garden
kind = \"tls\"
port = 8883 # as usual
maximum-qos = 1

# for the panel
[[listener]]
kind = \"ws\"

[window]
theme = \"dark\"
";

    fn changed(text: &str, change: impl FnOnce(&mut DocumentMut)) -> String {
        let mut document = text.parse().unwrap();
        change(&mut document);
        document.to_string()
    }

    fn edit(kind: Scheme, port: u16) -> ListenerEdit {
        ListenerEdit { kind, address: None, port, access: None, certificate: None }
    }

    #[test]
    fn one_listener_changes_and_all_else_stays() {
        let wanted = ListenerEdit { access: Some(Access::Anyone), ..edit(Scheme::Tls, 8884) };
        let before = edit(Scheme::Tls, 8883);
        let text = changed(WRITTEN, |document| change(document, 0, &before, &wanted));
        let expected = WRITTEN
            .replace("port = 8883 # as usual", "port = 8884 # as usual")
            .replace("maximum-qos = 1\n", "maximum-qos = 1\naccess = \"anyone\"\n");
        assert_eq!(text, expected);
        assert_eq!(changed(&text, |document| change(document, 0, &wanted, &before)), WRITTEN);
    }

    #[test]
    fn listeners_come_and_go() {
        let text = changed(WRITTEN, |document| add(document, &edit(Scheme::WebSocketTls, 8084)));
        assert!(text.contains("kind = \"ws\"\n\n[[listener]]\nkind = \"wss\"\nport = 8084\n"), "{text}");
        assert_eq!(changed(&text, |document| remove(document, 2)), WRITTEN);
        let without = changed(WRITTEN, |document| remove(document, 0));
        assert!(
            !without.contains("tls") && without.contains("# for the panel\n[[listener]]\nkind = \"ws\""),
            "{without}"
        );
        let none = changed(&without, |document| remove(document, 0));
        assert!(!none.contains("listener"), "{none}");
        assert_eq!(
            changed("", |document| add(document, &edit(Scheme::Tcp, 1))),
            "[[listener]]\nkind = \"tcp\"\nport = 1\n"
        );
    }
}
