//! `[[listener]]` in `nightjar.toml`: the listeners beside the one of `port`, each with what is its own; and `[tls]`.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use nightjar_broker::{Access, CertificateName, InvalidMountPoint, MountPoint, Scheme, Terms};
use toml::Value;

use crate::settings::ACCESS;
use crate::settings_reader::Section;
use crate::{CertificateFiles, ClientCertificates, limit_settings};

/// A listener, as the settings have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// `kind = "tcp"`, `"tls"`, `"ws"` or `"wss"`.
    pub kind: Scheme,
    /// `address = "192.0.2.1"`: one of this computer's. Without it: all of them, or, where only this computer may connect,
    /// those that only this computer reaches.
    pub address: Option<IpAddr>,
    /// `port`; by default 1883, 8883, 8083 or 8084, by the kind.
    pub port: u16,
    /// `access`: who may connect here; by default whoever may connect to the broker.
    pub access: Option<Access>,
    /// `maximum-connections`: clients at once.
    pub maximum_connections: Option<NonZeroUsize>,
    /// `certificate` and `key`; by default those of `[tls]`.
    pub certificate: Option<CertificateFiles>,
    /// `client-certificates`, `client-authority`, `revocation-list`, `certificate-login`.
    pub clients: Option<ClientCertificates>,
    /// `origins`: of the web pages that may connect; none means all.
    pub origins: Vec<String>,
    /// `path = "/mqtt"`: of a WebSocket's request.
    pub path: Option<String>,
    /// `proxies`: the addresses of those who speak the PROXY protocol here.
    pub proxies: Vec<IpAddr>,
    /// `mount-point`, `versions`, `maximum-qos`, `retain` …: on which terms clients are taken, those of `[limits]` included.
    pub terms: Terms,
}

pub(crate) const KINDS: [(&str, Scheme); 4] =
    [("tcp", Scheme::Tcp), ("tls", Scheme::Tls), ("ws", Scheme::WebSocket), ("wss", Scheme::WebSocketTls)];

impl ListenerSettings {
    /// One that has nothing of its own.
    pub const fn new(kind: Scheme, address: Option<IpAddr>, port: u16, terms: Terms) -> Self {
        Self {
            kind,
            address,
            port,
            access: None,
            maximum_connections: None,
            certificate: None,
            clients: None,
            origins: Vec::new(),
            path: None,
            proxies: Vec::new(),
            terms,
        }
    }
}

/// The port that clients expect a kind of listener at.
pub const fn usual_port(kind: Scheme) -> u16 {
    match kind {
        Scheme::Tcp => 1883,
        Scheme::Tls => 8883,
        Scheme::WebSocket => 8083,
        Scheme::WebSocketTls => 8084,
    }
}

/// Reads one `[[listener]]`; `terms` are those of `[limits]`. `None` where it can't be told what it would be.
pub(crate) fn read(mut section: Section<'_>, terms: &Terms, file: &Path) -> Option<ListenerSettings> {
    let kind = section.word("kind", &KINDS);
    if !section.has("kind") {
        section.fault("kind", "kind is missing: write kind = \"tcp\", \"tls\", \"ws\" or \"wss\"".to_owned());
    }
    let address = section.value("address", "write an address of this computer, such as \"192.168.1.7\"", |value| {
        value.as_str()?.parse().ok()
    });
    let usual = kind.map_or(1883, usual_port);
    let port = section.value("port", &format!("write a whole number from 1 to 65535 (default {usual})"), |value| {
        u16::try_from(value.as_integer()?).ok().filter(|&port| port > 0)
    });
    let has_tls = matches!(kind, None | Some(Scheme::Tls | Scheme::WebSocketTls));
    let has_web_socket = matches!(kind, None | Some(Scheme::WebSocket | Scheme::WebSocketTls));
    let mut terms = terms.clone();
    limit_settings::read_own(&mut section, &mut terms);
    terms.mount_point = mount_point(&mut section);
    let settings = ListenerSettings {
        access: section.word("access", &ACCESS),
        maximum_connections: section.value("maximum-connections", "write a whole number from 1 on", |value| {
            NonZeroUsize::new(usize::try_from(value.as_integer()?).ok()?)
        }),
        certificate: certificate(&mut section, file),
        clients: clients(&mut section, file),
        origins: section.list("origins", ORIGINS, |text| is_origin(text).then(|| text.to_owned())).unwrap_or_default(),
        path: section.value("path", "write the path of a web address, such as \"/mqtt\"", |value| {
            value.as_str().filter(|path| is_path(path)).map(str::to_owned)
        }),
        proxies: section.list("proxies", PROXIES, |text| text.parse().ok()).unwrap_or_default(),
        ..ListenerSettings::new(kind.unwrap_or(Scheme::Tcp), address, port.unwrap_or(usual), terms)
    };
    for (of_it, names, cure) in [
        (
            has_tls,
            &["certificate", "key", "client-certificates", "client-authority", "revocation-list", "certificate-login"]
                [..],
            "kind = \"tls\" or \"wss\"",
        ),
        (has_web_socket, &["origins", "path"][..], "kind = \"ws\" or \"wss\""),
    ] {
        for name in names.iter().filter(|name| !of_it && section.has(name)) {
            section.fault(name, format!("{name} says nothing at this kind of listener: leave it out, or write {cure}"));
        }
    }
    section.finish_with(|name, _| {
        format!("[[listener]] has no setting {name}: see the table of a listener's settings in the README")
    });
    kind.map(|_| settings)
}

const ORIGINS: &str = "write a list of the origins of web pages, such as [\"https://panel.example\"]";
const PROXIES: &str = "write a list of the addresses of proxies, such as [\"127.0.0.1\"]";

/// As a browser sends it (RFC 6454, 6.1): nothing behind host and port.
fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").map(|(scheme, host)| (scheme.to_ascii_lowercase(), host));
    text == "null"
        || host.is_some_and(|(scheme, host)| {
            !scheme.is_empty()
                && !host.is_empty()
                && !host.contains(['/', '?', '#', '@'])
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        })
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(['?', '#']) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn mount_point(section: &mut Section<'_>) -> Option<MountPoint> {
    section.checked("mount-point", |value, written| {
        let read = value.as_str().map_or(Err(InvalidMountPoint::NoTopic), MountPoint::new);
        read.map_err(|why| format!("mount-point can't be {written}, for it {why}: write levels such as \"site/\""))
    })
}

/// The certificate and the key, which go together. A path that is not absolute begins at the settings file.
pub(crate) fn certificate(section: &mut Section<'_>, file: &Path) -> Option<CertificateFiles> {
    let (certificate, key) = (path(section, "certificate", file), path(section, "key", file));
    for (name, other) in [("certificate", "key"), ("key", "certificate")] {
        if section.has(name) && !section.has(other) {
            section.fault(name, format!("{name} is there without {other}: name the file of the {other}, too"));
        }
    }
    Some(CertificateFiles { certificate: certificate?, key: key? })
}

/// How clients show certificates; `None` where they are not asked to.
fn clients(section: &mut Section<'_>, file: &Path) -> Option<ClientCertificates> {
    let required =
        section.word("client-certificates", &[("none", None), ("optional", Some(false)), ("required", Some(true))]);
    let authority = path(section, "client-authority", file);
    let revoked = path(section, "revocation-list", file);
    let cure = "write true, false or \"subject\"";
    let login = section.value("certificate-login", cure, |value| match (value.as_bool(), value.as_str()) {
        (Some(login), _) => Some(login.then_some(CertificateName::CommonName)),
        (_, Some("subject")) => Some(Some(CertificateName::Subject)),
        _ => None,
    });
    let Some(required) = required.flatten() else {
        for name in ["client-authority", "revocation-list", "certificate-login"] {
            if section.has(name) {
                let problem = format!(
                    "{name} says nothing where clients show no certificates: leave it out, or write client-certificates = \
                     \"optional\" or \"required\""
                );
                section.fault(name, problem);
            }
        }
        return None;
    };
    if !section.has("client-authority") {
        let problem = "client-certificates needs client-authority: name the file of the authority that signed them";
        section.fault("client-certificates", problem.to_owned());
    }
    Some(ClientCertificates {
        required,
        authority: authority?,
        revoked,
        login: login.unwrap_or(Some(CertificateName::CommonName)),
    })
}

/// A file; where its path is not absolute, it begins at the settings file.
fn path(section: &mut Section<'_>, name: &'static str, file: &Path) -> Option<PathBuf> {
    let read = |value: &Value| {
        let path = value.as_str().filter(|path| !path.is_empty())?;
        Some(file.parent().unwrap_or_else(|| Path::new("")).join(path))
    };
    section.value(name, "write the path of a file in PEM, in quotation marks", read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings_reader::read_text;

    fn parse(text: &str) -> Result<Vec<ListenerSettings>, Vec<String>> {
        let read = |top: &mut Section<'_>| {
            let sections = top.sections("listener").into_iter();
            sections.filter_map(|one| read(one, &Terms::default(), Path::new("/data/nightjar.toml"))).collect()
        };
        read_text(text, read).map_err(|faults| faults.into_iter().map(|fault| fault.problem).collect())
    }

    #[test]
    fn every_setting_of_a_listener_is_read() {
        let text = r#"
            [[listener]]
            kind = "wss"
            address = "192.0.2.1"
            port = 443
            access = "anyone"
            maximum-connections = 7
            certificate = "mine.pem"
            key = "/keys/mine.pem"
            client-certificates = "optional"
            client-authority = "devices.pem"
            revocation-list = "revoked.pem"
            certificate-login = false
            origins = ["https://panel.example"]
            path = "/broker"
            proxies = ["127.0.0.1", "::1"]
            mount-point = "site/"
            maximum-qos = 1
            maximum-inflight = 1

            [[listener]]
            kind = "tls"

            [[listener]]
            kind = "tls"
            client-certificates = "required"
            client-authority = "devices.pem"
            certificate-login = "subject"
        "#;
        let [first, second, third] = &parse(text).unwrap()[..] else { panic!("three listeners") };
        assert_eq!((first.kind, first.port, first.access), (Scheme::WebSocketTls, 443, Some(Access::Anyone)));
        assert_eq!(first.address, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(first.maximum_connections, NonZeroUsize::new(7));
        let files = first.certificate.as_ref().unwrap();
        assert_eq!(files.certificate, Path::new("/data/mine.pem"), "beside the settings");
        assert_eq!(files.key, Path::new("/keys/mine.pem"));
        let clients = first.clients.as_ref().unwrap();
        assert_eq!((clients.required, clients.login), (false, None));
        assert_eq!(clients.authority, Path::new("/data/devices.pem"));
        assert_eq!(clients.revoked.as_deref(), Some(Path::new("/data/revoked.pem")));
        assert_eq!(
            (&first.origins[..], first.path.as_deref()),
            (&["https://panel.example".to_owned()][..], Some("/broker"))
        );
        assert_eq!(first.proxies.len(), 2);
        assert_eq!(first.terms.mount_point.as_ref().map(MountPoint::as_str), Some("site/"));
        assert_eq!((first.terms.maximum_qos.level(), first.terms.limits.maximum_inflight), (1, 1));
        assert_eq!(*second, ListenerSettings::new(Scheme::Tls, None, 8883, Terms::default()));
        assert_eq!(third.clients.as_ref().unwrap().login, Some(CertificateName::Subject));
    }

    #[test]
    fn what_is_wrong_with_a_listener_is_said_with_the_cure() {
        for (text, what, cure) in [
            ("port = 1", "kind is missing", "\"wss\""),
            ("kind = \"udp\"", "kind can't be \"udp\"", "\"tcp\", \"tls\", \"ws\" or \"wss\""),
            ("kind = \"tls\"\nport = 0", "port can't be 0", "(default 8883)"),
            ("kind = \"tcp\"\naddress = \"broker.local\"", "address can't be", "\"192.168.1.7\""),
            ("kind = \"tcp\"\naccess = \"all\"", "access can't be", "\"anyone\""),
            ("kind = \"tls\"\nkey = \"a\"", "key is there without certificate", "the file of the certificate"),
            ("kind = \"tls\"\nkey = 5\ncertificate = \"a\"", "key can't be 5", "the path of a file in PEM"),
            ("kind = \"tcp\"\npath = \"/\"", "path says nothing at this kind of listener", "kind = \"ws\" or \"wss\""),
            ("kind = \"ws\"\nclient-certificates = \"none\"", "client-certificates says nothing", "\"tls\" or \"wss\""),
            ("kind = \"ws\"\npath = \"mqtt\"", "path can't be", "\"/mqtt\""),
            ("kind = \"ws\"\norigins = [\"panel.example\"]", "origins can't be", "https://panel.example"),
            ("kind = \"ws\"\norigins = [\"https://panel.example/\"]", "origins can't be", "https://panel.example"),
            ("kind = \"tcp\"\nproxies = true", "proxies can't be true", "[\"127.0.0.1\"]"),
            ("kind = \"tcp\"\nmount-point = \"site\"", "mount-point can't be \"site\"", "\"site/\""),
            ("kind = \"tcp\"\nmaximum-connections = 0", "maximum-connections can't be 0", "from 1 on"),
            ("kind = \"tls\"\nclient-certificates = \"required\"", "needs client-authority", "name the file"),
            (
                "kind = \"tls\"\nclient-certificates = \"optional\"\nclient-authority = \"a\"\ncertificate-login = \"dn\"",
                "certificate-login can't be \"dn\"",
                "true, false or \"subject\"",
            ),
            ("kind = \"tls\"\nrevocation-list = \"a\"", "revocation-list says nothing where", "\"required\""),
            ("kind = \"tcp\"\nmaximum-sessions = 5", "has no setting maximum-sessions", "README"),
            ("kind = \"tcp\"\nmaximum-qos = 3", "maximum-qos can't be 3", "0, 1 or 2"),
        ] {
            let said = parse(&format!("[[listener]]\n{text}\n")).expect_err(text);
            assert_eq!(said.len(), 1, "{text}: {said:?}");
            let (problem, how) = said[0].rsplit_once(": ").unwrap();
            assert!(problem.contains(what) && how.contains(cure), "{text}: {}", said[0]);
        }
    }
}
