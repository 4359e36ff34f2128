//! Which listeners there should be, as settings and command line have it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use nightjar_broker::{Access, ListenerOptions, Scheme, Tls, Transport, WebSocketOptions};
use nightjar_store::{Durability, Keep};

use crate::addresses::listening_addresses;
use crate::certificates::{Source, TlsSource};
use crate::{CertificateFiles, ListenerSettings, Settings};

/// What the command line says, whatever the settings do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub access: Option<Access>,
    pub port: Option<u16>,
    /// Nobody on the network is told of the broker.
    pub no_discovery: bool,
    pub durability: Option<Durability>,
    /// What is kept that no rule is for.
    pub keep: Option<Keep>,
    /// Where to listen, in the place of the listeners of the same kind in the settings.
    pub listen: Vec<(Scheme, SocketAddr)>,
    pub certificate: Option<CertificateFiles>,
}

/// Where the wish for a listener comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerSource {
    /// `port` in the settings.
    Port,
    /// `[[listener]]`: which one, 0 first.
    Table(usize),
    CommandLine,
}

/// A listener that there should be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) source: ListenerSource,
    pub(crate) settings: ListenerSettings,
    /// What TLS shows, where there is TLS.
    pub(crate) tls: Option<TlsSource>,
    /// Where it listens.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Without its first address the server does not start.
    pub(crate) is_required: bool,
}

impl Overrides {
    /// Makes of what the file says what holds.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.access = self.access.unwrap_or(settings.access);
        settings.port = self.port.or(settings.port);
        settings.discovery &= !self.no_discovery;
        settings.durability = self.durability.unwrap_or(settings.durability);
        if let Some(keep) = self.keep {
            settings.history.keeping.otherwise = keep;
        }
        if let Some(certificate) = &self.certificate {
            settings.certificate = Some(certificate.clone());
        }
    }

    /// Whether the command line has the place of listeners of that kind.
    pub(crate) fn replaces(&self, kind: Scheme) -> bool {
        self.listen.iter().any(|(listen, _)| *listen == kind)
    }
}

/// The listeners that there should be. `settings` are those that hold.
pub(crate) fn plan(settings: &Settings, overrides: &Overrides, data_directory: &Path) -> Vec<Wanted> {
    let wanted = |source, listener: ListenerSettings| {
        let has_tls = matches!(listener.kind, Scheme::Tls | Scheme::WebSocketTls);
        let certificate = listener.certificate.clone().or_else(|| settings.certificate.clone());
        let tls = has_tls.then(|| TlsSource {
            certificate: Source::of(certificate, data_directory),
            clients: listener.clients.clone(),
        });
        let addresses = addresses(&listener, settings.access);
        let is_required = !matches!(source, ListenerSource::Table(_));
        Wanted { source, settings: listener, tls, addresses, is_required }
    };
    let plain = |kind, address, port| ListenerSettings::new(kind, address, port, settings.terms.clone());
    let main = settings.port.filter(|_| !overrides.replaces(Scheme::Tcp));
    let main = main.map(|port| wanted(ListenerSource::Port, plain(Scheme::Tcp, None, port)));
    let tables = settings.listeners.iter().enumerate();
    let tables = tables.filter(|(_, listener)| !overrides.replaces(listener.kind));
    let tables = tables.map(|(place, listener)| wanted(ListenerSource::Table(place), listener.clone()));
    let listen = overrides.listen.iter();
    let listen = listen.map(|(kind, at)| wanted(ListenerSource::CommandLine, plain(*kind, Some(at.ip()), at.port())));
    main.into_iter().chain(listen).chain(tables).collect()
}

/// Where a listener listens; IPv4 first.
fn addresses(listener: &ListenerSettings, access: Access) -> Vec<SocketAddr> {
    match listener.address {
        Some(address) => vec![SocketAddr::new(address, listener.port)],
        None => listening_addresses(listener.access.unwrap_or(access), listener.port).to_vec(),
    }
}

/// How the broker is told of a listener.
pub(crate) fn options(settings: &ListenerSettings, tls: Option<Tls>) -> ListenerOptions {
    let has_web_socket = matches!(settings.kind, Scheme::WebSocket | Scheme::WebSocketTls);
    let web_socket = || WebSocketOptions { origins: settings.origins.clone(), path: settings.path.clone() };
    ListenerOptions {
        transport: Transport { tls, web_socket: has_web_socket.then(web_socket) },
        access: settings.access,
        maximum_connections: settings.maximum_connections,
        proxies: settings.proxies.iter().map(IpAddr::to_canonical).collect(),
        terms: Some(settings.terms.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Settings {
        Settings::parse(text, Path::new("/data/nightjar.toml")).unwrap()
    }

    fn planned(text: &str, overrides: &Overrides) -> Vec<(ListenerSource, Scheme, Vec<String>)> {
        let mut settings = parse(text);
        overrides.apply(&mut settings);
        let wanted = plan(&settings, overrides, Path::new("/data")).into_iter();
        let shown = |addresses: Vec<SocketAddr>| addresses.iter().map(ToString::to_string).collect();
        wanted.map(|wanted| (wanted.source, wanted.settings.kind, shown(wanted.addresses))).collect()
    }

    #[test]
    fn a_listener_is_where_those_are_who_may_connect() {
        use ListenerSource::{Port, Table};
        let local = |port| vec![format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
        let everywhere = |port| vec![format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        let none = Overrides::default();
        assert_eq!(planned("", &none), [(Port, Scheme::Tcp, local(1883))]);
        let text = "access = \"password\"\nport = \"off\"\n[[listener]]\nkind = \"tls\"\n\
                    [[listener]]\nkind = \"tcp\"\naccess = \"this-computer\"\n\
                    [[listener]]\nkind = \"ws\"\naddress = \"192.0.2.1\"\nport = 80";
        let at = vec!["192.0.2.1:80".to_owned()];
        let expected = [
            (Table(0), Scheme::Tls, everywhere(8883)),
            (Table(1), Scheme::Tcp, local(1883)),
            (Table(2), Scheme::WebSocket, at),
        ];
        assert_eq!(planned(text, &none), expected);
    }

    #[test]
    fn the_command_line_takes_the_place_of_listeners_of_its_kinds() {
        use ListenerSource::{CommandLine, Port, Table};
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let shown = vec![address.to_string()];
        let text = "[[listener]]\nkind = \"tls\"\n[[listener]]\nkind = \"tcp\"\naddress = \"127.0.0.1\"\nport = 2\n";
        let tls = Overrides { listen: vec![(Scheme::Tls, address)], ..Overrides::default() };
        let expected = [(Port, Scheme::Tcp), (CommandLine, Scheme::Tls), (Table(1), Scheme::Tcp)];
        let kinds = planned(text, &tls).into_iter().map(|(source, kind, _)| (source, kind)).collect::<Vec<_>>();
        assert_eq!(kinds, expected);
        let tcp = Overrides { listen: vec![(Scheme::Tcp, address)], ..Overrides::default() };
        let found = planned(text, &tcp);
        assert_eq!(found[0], (CommandLine, Scheme::Tcp, shown));
        assert_eq!((found[1].0, found.len()), (Table(0), 2));
    }
}
