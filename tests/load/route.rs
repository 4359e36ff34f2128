//! How the generator's clients get to the broker, up to where MQTT begins.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use nightjar_tests::DEADLINE;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::plan::Plan;
use crate::stream::Stream;
use crate::web_socket;

#[derive(Debug)]
pub(crate) struct Route {
    address: SocketAddr,
    /// Whom to trust, where TLS is on the way.
    tls: Option<Arc<ClientConfig>>,
    is_web_socket: bool,
}

impl Route {
    pub(crate) fn of(plan: &Plan) -> anyhow::Result<Self> {
        Ok(Self {
            address: plan.address,
            tls: plan.authority.as_deref().map(trusting).transpose()?,
            is_web_socket: plan.transport.is_web_socket(),
        })
    }

    /// A connection that blocks, for at most [`DEADLINE`].
    pub(crate) fn open(&self) -> anyhow::Result<Stream<TcpStream>> {
        let mut socket = TcpStream::connect_timeout(&self.address, DEADLINE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        let mut stream = match &self.tls {
            None => Stream::plain(socket),
            Some(config) => {
                let mut tls = ClientConnection::new(Arc::clone(config), ServerName::from(self.address.ip()))?;
                while tls.is_handshaking() {
                    tls.complete_io(&mut socket).context("the TLS handshake failed")?;
                }
                Stream::sealed(socket, tls)
            }
        };
        if self.is_web_socket {
            web_socket::open(&mut stream, self.address).context("the WebSocket handshake failed")?;
            stream.speak_web_socket();
        }
        Ok(stream)
    }
}

/// TLS 1.3, or 1.2, with a broker whose certificate this authority signed.
fn trusting(authority: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let file = || format!("--authority {}", authority.display());
    for certificate in CertificateDer::pem_file_iter(authority).with_context(file)? {
        roots.add(certificate.with_context(file)?).with_context(file)?;
    }
    ensure!(!roots.is_empty(), "{} has no certificate in it", file());
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
