//! Clients that show certificates: who gets in by them, and whoever does not is on record with the reason.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should panic")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightjar_server::{ListenerSource, Overrides, Server, StartOptions};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// CONNECT of MQTT 3.1.1 with the client identifier "c", and without user name and password.
const CONNECT: &[u8] = b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01c";
const LET_IN: &[u8] = b"\x20\x02\x00\x00";

/// An authority of clients.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(parameters, key) }
    }

    /// A client's certificate, in force until the end of a year.
    fn sign(&self, name: &str, serial: u64, year: i32) -> Shown {
        self.sign_client(&client(name, serial, year))
    }

    fn sign_client(&self, client: &CertificateParams) -> Shown {
        let key = KeyPair::generate().unwrap();
        let certificate = client.signed_by(&key, &self.issuer).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// A list that takes one certificate back.
    fn revoke(&self, serial: u64, next_year: i32) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(next_year, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn client(name: &str, serial: u64, year: i32) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    if !name.is_empty() {
        parameters.distinguished_name.push(DnType::CommonName, name);
    }
    parameters.serial_number = Some(SerialNumber::from(serial));
    [parameters.not_before, parameters.not_after] = [date_time_ymd(2010, 1, 1), date_time_ymd(year, 12, 31)];
    parameters
}

fn self_signed(name: &str) -> Shown {
    let key = KeyPair::generate().unwrap();
    let certificate = client(name, 9, 2090).self_signed(&key).unwrap();
    (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

/// A server with one TLS listener, for whoever has a password or a certificate.
async fn server(directory: &Path, authority: &Authority, more: &str) -> (Server, SocketAddr) {
    fs::write(directory.join("devices.pem"), &authority.pem).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "access = \"password\"\n[[listener]]\nkind = \"tls\"\naddress = \"127.0.0.1\"\nport = {port}\n\
         client-authority = \"devices.pem\"\n{more}\n"
    );
    fs::write(directory.join("nightjar.toml"), text).unwrap();
    let overrides = Overrides { port: Some(0), ..Overrides::default() };
    let server = Server::start(StartOptions { overrides, ..StartOptions::of(directory).unwrap() }).await.unwrap();
    let listener = server.listeners().into_iter().find(|listener| listener.source == ListenerSource::Table(0));
    (server, listener.unwrap().address)
}

/// What a client gets for its certificate and CONNECT: CONNACK, or nothing.
async fn ask(directory: &Path, address: SocketAddr, shown: Option<&Shown>) -> Vec<u8> {
    knock(directory, address, shown).await.0
}

/// The same, and the connection: who looks at the client has to hold it.
async fn knock(
    directory: &Path,
    address: SocketAddr,
    shown: Option<&Shown>,
) -> (Vec<u8>, Option<TlsStream<TcpStream>>) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("certs/ca.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = match shown {
        Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    // With TLS 1.3 a client hears only afterwards that its certificate is not taken.
    if let Ok(mut stream) = connector.connect("localhost".try_into().unwrap(), stream).await
        && stream.write_all(CONNECT).await.is_ok()
    {
        let mut buffer = [0; 4];
        if stream.read_exact(&mut buffer).await.is_ok() {
            return (buffer.to_vec(), Some(stream));
        }
    }
    (Vec::new(), None)
}

/// Waits until somebody was refused with these words.
async fn refusal(server: &Server, words: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let events = server.store().events(100).unwrap();
        if events.iter().any(|event| event.event.detail.contains(words)) {
            return;
        }
        assert!(Instant::now() < end, "nobody was refused with {words:?}: {events:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_required_and_is_the_login() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::new("devices");
    let revoked = "client-certificates = \"required\"\nrevocation-list = \"revoked.pem\"";
    fs::write(directory.path().join("revoked.pem"), authority.revoke(2, 2090)).unwrap();
    let (server, address) = server(directory.path(), &authority, revoked).await;
    let ask = async |shown: Option<&Shown>| ask(directory.path(), address, shown).await;

    let (answer, connected) = knock(directory.path(), address, Some(&authority.sign("pump", 1, 2090))).await;
    assert_eq!(answer, LET_IN);
    let info = server.broker().client("c").unwrap();
    assert_eq!(info.connection.user_name.as_deref(), Some("pump"));
    drop(connected);
    for (shown, words) in [
        (None, "no certificate"),
        (Some(authority.sign("old", 3, 2020)), "certificate expired"),
        (Some(authority.sign("stolen", 2, 2090)), "Revoked"),
        (Some(self_signed("self")), "UnknownIssuer"),
        (Some(Authority::new("others").sign("foreign", 1, 2090)), "UnknownIssuer"),
        (Some(authority.sign("", 4, 2090)), "no common name"),
    ] {
        assert_eq!(ask(shown.as_ref()).await, b"", "{words}");
        refusal(&server, words).await;
    }

    // A list that is out of date may lack what was taken back since.
    fs::write(directory.path().join("revoked.pem"), authority.revoke(2, 2021)).unwrap();
    let file = directory.path().join("nightjar.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap() + "maximum-qos = 1\n").unwrap();
    server.reload().await.unwrap();
    assert_eq!(ask(Some(&authority.sign("pump", 1, 2090))).await, b"");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_certificate_is_optional_whoever_has_none_needs_no_name_only_here() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::new("devices");
    let (server, address) = server(directory.path(), &authority, "client-certificates = \"optional\"").await;
    let (answer, connected) = knock(directory.path(), address, None).await;
    assert_eq!(answer, LET_IN, "a program on this computer without a name");
    assert_eq!(server.broker().client("c").unwrap().connection.user_name, None);
    drop(connected);
    assert_eq!(ask(directory.path(), address, Some(&authority.sign("pump", 1, 2090))).await, LET_IN);
    assert_eq!(ask(directory.path(), address, Some(&self_signed("self"))).await, b"");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_no_login_only_opens_the_door() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::new("devices");
    let more = "client-certificates = \"required\"\ncertificate-login = false";
    let (server, address) = server(directory.path(), &authority, more).await;
    let (answer, connected) = knock(directory.path(), address, Some(&authority.sign("pump", 1, 2090))).await;
    assert_eq!(answer, LET_IN);
    assert_eq!(server.broker().client("c").unwrap().connection.user_name, None);
    drop(connected);
    assert_eq!(ask(directory.path(), address, None).await, b"");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_subject_is_the_login_where_the_settings_say_so() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::new("devices");
    let more = "client-certificates = \"required\"\ncertificate-login = \"subject\"";
    let (server, address) = server(directory.path(), &authority, more).await;
    let with = |parts: &[(DnType, &str)]| {
        let mut client = client("", 1, 2090);
        for (kind, part) in parts {
            client.distinguished_name.push(kind.clone(), *part);
        }
        authority.sign_client(&client)
    };
    let (country, organization) = ((DnType::CountryName, "GB"), (DnType::OrganizationName, "Acme, Inc"));
    let (unit, name) = ((DnType::OrganizationalUnitName, "Plant"), (DnType::CommonName, "Jürgen's pump"));
    let shown = with(&[country.clone(), organization, unit, name.clone()]);
    let (answer, connected) = knock(directory.path(), address, Some(&shown)).await;
    assert_eq!(answer, LET_IN);
    let info = server.broker().client("c").unwrap();
    let expected = r"CN=J\C3\BCrgen's pump,OU=Plant,O=Acme\, Inc,C=GB";
    assert_eq!(info.connection.user_name.as_deref(), Some(expected), "as openssl x509 -nameopt RFC2253 has it");
    drop(connected);

    let unknown = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99_999, 1]);
    let long = "x".repeat(64);
    let parts = [DnType::StateOrProvinceName, DnType::LocalityName, DnType::OrganizationName, DnType::CommonName];
    let too_long: Vec<_> = parts.map(|part| (part, &*long)).into();
    for wrong in [with(&[]), with(&[name, (unknown, "pump")]), with(&too_long)] {
        assert_eq!(ask(directory.path(), address, Some(&wrong)).await, b"");
        refusal(&server, "has no subject, or one that is no user name").await;
    }
    server.stop().await;
}
