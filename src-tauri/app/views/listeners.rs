//! The listeners, and what the window sets about one.

use std::path::{Path, PathBuf};

use nightjar_broker::{Access, Scheme};
use nightjar_server::{CertificateFiles, ListenerEdit, ListenerSource, ListenerState, Settings};

use super::count;
use crate::wire::{self, Fault, ListenerDraft, ListenerFrom, ListenerKind, ListenerRow, ListenerSocket};

/// Every listener with its sockets, in the order of the settings.
/// `fixed`: the command line says the main port.
pub fn rows(settings: &Settings, fixed: bool, states: Vec<ListenerState>) -> Vec<ListenerRow> {
    let mut rows: Vec<(ListenerSource, ListenerRow)> = Vec::new();
    for ListenerState { source, kind, address, clients, fault, .. } in states {
        let socket = ListenerSocket { address: address.to_string(), fault };
        match rows.last_mut() {
            // The command line may name several of a kind, which are one below the other.
            Some((last, row)) if *last == source && source != ListenerSource::CommandLine => {
                row.clients = row.clients.saturating_add(count(clients));
                row.sockets.push(socket);
            }
            _ => rows.push((
                source,
                ListenerRow {
                    kind: kind_of(kind),
                    source: from(source, settings, fixed),
                    clients: count(clients),
                    sockets: vec![socket],
                },
            )),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Ports at which anyone on the network may connect without a password, those of `port` first.
pub fn open_ports(settings: &Settings, states: &[ListenerState]) -> Vec<u16> {
    let mut ports = Vec::new();
    for ListenerState { source, address, fault, .. } in states {
        let own = match source {
            ListenerSource::Table(place) => settings.listeners.get(*place),
            ListenerSource::Port | ListenerSource::CommandLine => None,
        };
        let access = own.and_then(|listener| listener.access).unwrap_or(settings.access);
        // Where a certificate is asked for, not anyone has one.
        let needs_certificate =
            own.and_then(|listener| listener.clients.as_ref()).is_some_and(|clients| clients.required);
        let is_open = fault.is_none() && access == Access::Anyone && !address.ip().to_canonical().is_loopback();
        if is_open && !needs_certificate && !ports.contains(&address.port()) {
            ports.push(address.port());
        }
    }
    ports
}

fn from(source: ListenerSource, settings: &Settings, fixed: bool) -> ListenerFrom {
    match source {
        ListenerSource::Port => ListenerFrom::Port { port: settings.port.unwrap_or_default(), fixed },
        ListenerSource::CommandLine => ListenerFrom::CommandLine,
        ListenerSource::Table(place) => match settings.listeners.get(place) {
            Some(listener) => ListenerFrom::Table { place: count(place), written: draft(&ListenerEdit::of(listener)) },
            // The settings were changed between the two looks: the next one has it.
            None => ListenerFrom::CommandLine,
        },
    }
}

/// As the window has it.
pub fn draft(edit: &ListenerEdit) -> ListenerDraft {
    let path = |path: &Path| path.display().to_string();
    ListenerDraft {
        kind: kind_of(edit.kind),
        address: edit.address.map(|address| address.to_string()),
        port: edit.port,
        access: edit.access.map(|access| match access {
            Access::ThisComputer => wire::Access::ThisComputer,
            Access::Password => wire::Access::Password,
            Access::Anyone => wire::Access::Anyone,
        }),
        certificate: edit.certificate.as_ref().map(|files| path(&files.certificate)),
        key: edit.certificate.as_ref().map(|files| path(&files.key)),
    }
}

/// What the window wants, with its texts read.
///
/// # Errors
/// Where the address is none, a file's path is not whole, or there is no port 0.
pub fn edit(what: &str, draft: ListenerDraft) -> Result<ListenerEdit, Fault> {
    let ListenerDraft { kind, address, port, access, certificate, key } = draft;
    if port == 0 {
        return Err(Fault::new(what, "There is no port 0", "Write a whole number from 1 to 65535"));
    }
    let address = address.map(|text| {
        text.trim().parse().map_err(|_| {
            let why = format!("{text:?} is no address");
            Fault::new(what, why, "Write one of this computer, such as 192.168.1.7, or leave it empty for all")
        })
    });
    let file = |path: Option<String>| {
        let path = PathBuf::from(path.unwrap_or_default());
        if path.is_absolute() {
            return Ok(path);
        }
        let why = "A certificate needs two files, the certificate and its key, each with its whole path";
        Err(Fault::new(what, why, "Write both, or take Nightjar's own"))
    };
    Ok(ListenerEdit {
        kind: match kind {
            ListenerKind::Tcp => Scheme::Tcp,
            ListenerKind::Tls => Scheme::Tls,
            ListenerKind::WebSocket => Scheme::WebSocket,
            ListenerKind::WebSocketTls => Scheme::WebSocketTls,
        },
        address: address.transpose()?,
        port,
        access: access.map(|access| match access {
            wire::Access::ThisComputer => Access::ThisComputer,
            wire::Access::Password => Access::Password,
            wire::Access::Anyone => Access::Anyone,
        }),
        certificate: if certificate.is_none() && key.is_none() {
            None
        } else {
            Some(CertificateFiles { certificate: file(certificate)?, key: file(key)? })
        },
    })
}

const fn kind_of(kind: Scheme) -> ListenerKind {
    match kind {
        Scheme::Tcp => ListenerKind::Tcp,
        Scheme::Tls => ListenerKind::Tls,
        Scheme::WebSocket => ListenerKind::WebSocket,
        Scheme::WebSocketTls => ListenerKind::WebSocketTls,
    }
}

#[cfg(test)]
mod tests {
    use nightjar_server::ListenerSettings;

    use super::*;

    fn wanted(address: Option<&str>, certificate: Option<&str>, key: Option<&str>) -> ListenerDraft {
        let text = |text: Option<&str>| text.map(str::to_owned);
        ListenerDraft {
            kind: ListenerKind::Tls,
            address: text(address),
            port: 8883,
            access: Some(wire::Access::Password),
            certificate: text(certificate),
            key: text(key),
        }
    }

    #[test]
    fn what_is_written_is_what_the_window_had() {
        for draft_ in [
            wanted(None, None, None),
            wanted(Some("192.168.1.7"), None, None),
            wanted(Some("fe80::1"), Some("/etc/desk.pem"), Some("/etc/desk.key")),
        ] {
            assert_eq!(draft(&edit("", draft_.clone()).unwrap()), draft_);
        }
    }

    #[test]
    fn what_is_wrong_says_what_to_write() {
        for (draft, action) in [
            (wanted(Some("desk"), None, None), "one of this computer"),
            (wanted(None, Some("/etc/desk.pem"), None), "both"),
            (wanted(None, Some("desk.pem"), Some("/etc/desk.key")), "both"),
            (ListenerDraft { port: 0, ..wanted(None, None, None) }, "1 to 65535"),
        ] {
            let fault = edit("It was not opened", draft).unwrap_err();
            assert!(fault.action.contains(action), "{fault:?}");
        }
    }

    #[test]
    fn a_port_is_open_where_anyone_may_come_from_elsewhere() {
        let state = |source, address: &str, fault: Option<&str>| ListenerState {
            source,
            kind: Scheme::Tcp,
            address: address.parse().unwrap(),
            url: String::new(),
            path: None,
            clients: 0,
            fault: fault.map(str::to_owned),
        };
        let terms = Settings::default().terms;
        let listener =
            |access| ListenerSettings { access, ..ListenerSettings::new(Scheme::Tcp, None, 1, terms.clone()) };
        let of = |access, own| {
            let settings = Settings { access, listeners: vec![listener(own)], ..Settings::default() };
            let states = [
                state(ListenerSource::Port, "0.0.0.0:1883", None),
                state(ListenerSource::Port, "[::]:1883", None),
                state(ListenerSource::Table(0), "192.168.1.7:1884", None),
                state(ListenerSource::Table(0), "127.0.0.1:1885", None),
                state(ListenerSource::CommandLine, "0.0.0.0:1886", Some("taken")),
            ];
            open_ports(&settings, &states)
        };
        assert_eq!(of(Access::Anyone, None), [1883, 1884]);
        assert_eq!(of(Access::Anyone, Some(Access::Password)), [1883]);
        assert_eq!(of(Access::Password, Some(Access::Anyone)), [1884]);
        assert!(of(Access::Password, None).is_empty());
    }

    #[test]
    fn both_families_of_a_listener_are_one_row() {
        let settings = Settings::default();
        let listener = ListenerSettings::new(Scheme::WebSocket, None, 9001, settings.terms.clone());
        let settings = Settings { listeners: vec![listener], ..settings };
        let state = |source, address: &str, clients, fault: Option<&str>| ListenerState {
            source,
            kind: if source == ListenerSource::Table(0) { Scheme::WebSocket } else { Scheme::Tcp },
            address: address.parse().unwrap(),
            url: String::new(),
            path: None,
            clients,
            fault: fault.map(str::to_owned),
        };
        let rows = rows(
            &settings,
            false,
            vec![
                state(ListenerSource::Port, "0.0.0.0:1883", 2, None),
                state(ListenerSource::Port, "[::]:1883", 1, None),
                state(ListenerSource::Table(0), "0.0.0.0:9001", 4, Some("taken")),
                state(ListenerSource::CommandLine, "127.0.0.1:1", 0, None),
                state(ListenerSource::CommandLine, "127.0.0.1:2", 0, None),
            ],
        );
        let seen: Vec<_> = rows.iter().map(|row| (row.clients, row.sockets.len())).collect();
        assert_eq!(seen, [(3, 2), (4, 1), (0, 1), (0, 1)]);
        assert_eq!(rows[0].source, ListenerFrom::Port { port: 1883, fixed: false });
        let ListenerFrom::Table { place: 0, written } = &rows[1].source else { panic!("{rows:?}") };
        assert_eq!((written.kind, written.port, &written.address), (ListenerKind::WebSocket, 9001, &None));
    }
}
