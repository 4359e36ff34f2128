//! What TLS listeners show: a certificate of Nightjar's own, or one from files; and whose certificates clients show.

mod authority;
mod error;
mod facts;
mod files;
mod names;
mod own;
mod view;

use std::path::{Path, PathBuf};

pub use error::CertificateError;
pub use facts::{CertificateFacts, own_certificate};
pub(crate) use names::host_name;
use nightjar_broker::{CertificateName, ClientAuthority, Tls, TlsError, TlsIdentity};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
pub use view::AuthorityView;
pub(crate) use view::authority;

/// Of the data directory: where Nightjar's own are.
const DIRECTORY: &str = "certs";

/// A certificate, those that lead to its authority, and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Nightjar's own, in `certs/` of the data directory.
    Own(PathBuf),
    Files(CertificateFiles),
}

/// Somebody's own certificate and key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// How clients show certificates.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCertificates {
    /// Without one nobody gets through; else whoever shows none is asked for a password where one is needed.
    pub required: bool,
    /// The certificates of the authorities that sign those of clients, in PEM.
    pub authority: PathBuf,
    /// What these authorities took back: lists in PEM.
    pub revoked: Option<PathBuf>,
    /// What of a certificate is the user's name, and takes the place of a password; nothing where it is no login.
    pub login: Option<CertificateName>,
}

/// All that a TLS listener has from files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TlsSource {
    pub(crate) certificate: Source,
    pub(crate) clients: Option<ClientCertificates>,
}

impl TlsSource {
    /// Reads what is shown, or makes a certificate. Blocks on the disk.
    pub(crate) fn load(&self) -> Result<Tls, CertificateError> {
        Tls::new(self.read()?).map_err(|error| self.unusable(error))
    }

    /// Shows what is there now, which may have been renewed. Blocks on the disk.
    pub(crate) fn renew(&self, tls: &Tls) -> Result<(), CertificateError> {
        tls.replace(self.read()?).map_err(|error| self.unusable(error))
    }

    fn read(&self) -> Result<TlsIdentity, CertificateError> {
        let Identity { chain, key } = self.certificate.identity()?;
        let clients = self.clients.as_ref().map(ClientCertificates::read).transpose()?;
        Ok(TlsIdentity { chain, key, clients })
    }

    fn unusable(&self, error: TlsError) -> CertificateError {
        match (&self.clients, error) {
            (Some(clients), TlsError::Authority(problem)) => {
                CertificateError::ClientAuthority { file: clients.authority.clone(), problem }
            }
            (Some(ClientCertificates { revoked: Some(file), .. }), TlsError::Revoked(problem)) => {
                CertificateError::RevocationList { file: file.clone(), problem }
            }
            (_, error) => self.certificate.unusable(error),
        }
    }
}

impl ClientCertificates {
    /// Whether the files can be read. Blocks on the disk.
    pub(crate) fn check(&self) -> Result<(), CertificateError> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<ClientAuthority, CertificateError> {
        Ok(ClientAuthority {
            authorities: files::certificates(&self.authority)?,
            revoked: self.revoked.as_deref().map_or_else(|| Ok(Vec::new()), files::revocation_lists)?,
            required: self.required,
            names_clients: self.login,
        })
    }
}

impl Source {
    pub(crate) fn of(files: Option<CertificateFiles>, data_directory: &Path) -> Self {
        files.map_or_else(|| Self::Own(data_directory.join(DIRECTORY)), Self::Files)
    }

    fn identity(&self) -> Result<Identity, CertificateError> {
        match self {
            Self::Own(directory) => own::identity(directory),
            Self::Files(files) => files::identity(files),
        }
    }

    fn unusable(&self, source: TlsError) -> CertificateError {
        let (certificate, key) = match self {
            Self::Own(directory) => (directory.join(own::CERTIFICATE), directory.join(own::KEY)),
            Self::Files(CertificateFiles { certificate, key }) => (certificate.clone(), key.clone()),
        };
        CertificateError::unusable(certificate, key, source)
    }
}

#[cfg(test)]
mod tests;
