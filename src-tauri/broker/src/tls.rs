//! What a TLS listener shows its clients, and asks of them: TLS 1.2 and 1.3 by rustls, with no older version and no weak
//! suite.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{
    NoServerSessionStorage, ProducesTickets, VerifierBuilderError, WebPkiClientVerifier,
};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::CertificateName;

/// A certificate with its key, and what is asked of clients, for any number of listeners; cheap to clone. All of it can be
/// replaced while they listen.
#[derive(Clone, Debug)]
pub struct Tls {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ticketer: Arc<dyn ProducesTickets>,
    shown: RwLock<Shown>,
}

#[derive(Clone, Debug)]
struct Shown {
    config: Arc<ServerConfig>,
    /// A client's certificate says who it is.
    names_clients: Option<CertificateName>,
}

/// A certificate, those that lead to its authority, its key, and what is asked of clients.
#[derive(Debug)]
pub struct TlsIdentity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    /// Without it, clients are not asked for a certificate.
    pub clients: Option<ClientAuthority>,
}

/// Whose certificates clients show.
#[derive(Debug)]
pub struct ClientAuthority {
    /// At least one.
    pub authorities: Vec<CertificateDer<'static>>,
    /// What was taken back; where there are any, a client's certificate has to be of an authority of one of them.
    pub revoked: Vec<CertificateRevocationListDer<'static>>,
    /// Without a certificate nobody gets through.
    pub required: bool,
    /// What of the certificate is the user's name, and takes the place of a password; nothing where it is no login.
    pub names_clients: Option<CertificateName>,
}

/// Why a certificate and a key can't be shown, or a client's not be checked.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key is another certificate's.
    #[error("the key does not fit the certificate")]
    Mismatch,
    #[error("{0}")]
    Unusable(rustls::Error),
    /// A certificate of a client's authority is none.
    #[error("the authority of the clients can't be used: {0}")]
    Authority(String),
    #[error("the revocation list can't be used: {0}")]
    Revoked(String),
}

impl Tls {
    /// Takes what is shown and asked for.
    ///
    /// # Errors
    /// Where certificate, key and authorities can't be used, or not together.
    pub fn new(identity: TlsIdentity) -> Result<Self, TlsError> {
        let ticketer = ring::Ticketer::new().map_err(TlsError::Unusable)?;
        let shown = RwLock::new(shown(identity, &ticketer)?);
        Ok(Self { inner: Arc::new(Inner { ticketer, shown }) })
    }

    /// Shows and asks for something else from the next connection on.
    ///
    /// # Errors
    /// As [`Self::new`]; everything stays as it was then.
    pub fn replace(&self, identity: TlsIdentity) -> Result<(), TlsError> {
        let shown = shown(identity, &self.inner.ticketer)?;
        *self.inner.shown.write() = shown;
        Ok(())
    }

    /// What the next connection needs, and what of a certificate says who the client is.
    pub(crate) fn acceptor(&self) -> (TlsAcceptor, Option<CertificateName>) {
        let Shown { config, names_clients } = self.inner.shown.read().clone();
        (TlsAcceptor::from(config), names_clients)
    }
}

fn shown(identity: TlsIdentity, ticketer: &Arc<dyn ProducesTickets>) -> Result<Shown, TlsError> {
    let TlsIdentity { chain, key, clients } = identity;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?;
    let names_clients = clients.as_ref().and_then(|clients| clients.names_clients);
    let asks_clients = clients.is_some();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ClientAuthority { authorities, revoked, required, .. }) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority).map_err(|error| TlsError::Authority(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .with_crls(revoked)
                // The list of an authority in between is hardly ever at hand, and that of the last one says enough.
                .only_check_end_entity_revocation()
                // A list that is out of date may lack what was taken back since.
                .enforce_revocation_expiration();
            let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| match error {
                VerifierBuilderError::InvalidCrl(error) => TlsError::Revoked(format!("{error:?}")),
                error => TlsError::Authority(error.to_string()),
            })?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
        error => TlsError::Unusable(error),
    })?;
    if asks_clients {
        // Who resumes a session shows no certificate again, which may be over or revoked by then.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        // A thousand devices that come back at once need not all do the costly part again.
        config.ticketer = Arc::clone(ticketer);
    }
    Ok(Shown { config: Arc::new(config), names_clients })
}
