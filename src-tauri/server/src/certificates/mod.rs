//! What TLS listeners show: a certificate of Nightjar's own, or one from files.

mod authority;
mod error;
mod files;
mod names;
mod own;

use std::path::{Path, PathBuf};

pub use error::CertificateError;
use nightjar_broker::Tls;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate, those that lead to its authority, and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nightjar's own, in `certs/` of the data directory.
    Own(PathBuf),
    Files(CertificateFiles),
}

/// Somebody's own certificate and key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Source {
    pub(crate) fn of(files: Option<CertificateFiles>, data_directory: &Path) -> Self {
        files.map_or_else(|| Self::Own(data_directory.join("certs")), Self::Files)
    }

    /// Reads the certificate, or makes one. Blocks on the disk.
    pub(crate) fn load(&self) -> Result<Tls, CertificateError> {
        let Identity { chain, key } = self.identity()?;
        Tls::new(chain, key).map_err(|error| self.unusable(error))
    }

    /// Shows what is there now, which may have been renewed. Blocks on the disk.
    pub(crate) fn renew(&self, tls: &Tls) -> Result<(), CertificateError> {
        let Identity { chain, key } = self.identity()?;
        tls.replace(chain, key).map_err(|error| self.unusable(error))
    }

    fn identity(&self) -> Result<Identity, CertificateError> {
        match self {
            Self::Own(directory) => own::identity(directory),
            Self::Files(files) => files::identity(files),
        }
    }

    fn unusable(&self, source: nightjar_broker::TlsError) -> CertificateError {
        let (certificate, key) = match self {
            Self::Own(directory) => (directory.join(own::CERTIFICATE), directory.join(own::KEY)),
            Self::Files(CertificateFiles { certificate, key }) => (certificate.clone(), key.clone()),
        };
        CertificateError::unusable(certificate, key, source)
    }
}

#[cfg(test)]
mod tests;
