//! What a TLS listener shows its clients: TLS 1.2 and 1.3 by rustls, with no older version and no weak suite.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// A certificate with its key, for any number of listeners; cheap to clone. It can be replaced while they listen.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
}

/// Why a certificate and a key can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key is another certificate's.
    #[error("the key does not fit the certificate")]
    Mismatch,
    #[error("{0}")]
    Unusable(rustls::Error),
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

impl Tls {
    /// Takes a certificate, followed by those that lead to its authority, and its key.
    ///
    /// # Errors
    /// Where they can't be used, or not together.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let shown = Arc::new(Shown(RwLock::new(certified(chain, key)?)));
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as _);
        // A thousand devices that come back at once need not all do the costly part again.
        config.ticketer = ring::Ticketer::new().map_err(TlsError::Unusable)?;
        Ok(Self { config: Arc::new(config), shown })
    }

    /// Shows another certificate from the next connection on.
    ///
    /// # Errors
    /// Where certificate and key can't be used, or not together; the old ones stay then.
    pub fn replace(&self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<(), TlsError> {
        *self.shown.0.write() = certified(chain, key)?;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn certified(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<CertifiedKey>, TlsError> {
    let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
    certified.map(Arc::new).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
        error => TlsError::Unusable(error),
    })
}
