//! Why there is no certificate to show: each names the file and the cure.

use std::io;
use std::path::PathBuf;

use nightjar_broker::TlsError;

/// Why TLS can't be offered.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{} can't be read ({source}): make it readable for the user that runs Nightjar", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} can't be written ({source}): make it and its directory writable for you", file.display())]
    Unwritable { file: PathBuf, source: io::Error },
    #[error("{} has no certificate in PEM: name a file that begins with -----BEGIN CERTIFICATE-----", file.display())]
    NoCertificate { file: PathBuf },
    #[error("{} has no private key in PEM: name a file with the key, without a passphrase", file.display())]
    NoKey { file: PathBuf },
    #[error("the certificate in {} ended {ended}: replace it with a new one", file.display())]
    Expired { file: PathBuf, ended: String },
    #[error("the certificate in {} begins only {begins}: set the clock of this computer, or take another certificate", file.display())]
    NotYet { file: PathBuf, begins: String },
    #[error("the key in {} is not the one of the certificate in {}: name the two that belong together", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate in {} and the key in {} can't be used ({problem}): make new ones, with a key of ECDSA P-256 or RSA 2048", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, problem: String },
    #[error("the authority of the clients in {} can't be used ({problem}): name the file with the certificate that signed theirs", file.display())]
    ClientAuthority { file: PathBuf, problem: String },
    #[error("the revocation list in {} can't be used ({problem}): name a list in PEM that begins with -----BEGIN X509 CRL-----", file.display())]
    RevocationList { file: PathBuf, problem: String },
    /// Of Nightjar's own authority, one of two files is missing or none of ours.
    #[error("{} can't be used ({problem}): put it back from a backup, or remove ca.pem and ca-key.pem beside it, and Nightjar makes a new authority, which devices must be told to trust", file.display())]
    Authority { file: PathBuf, problem: String },
    #[error(
        "no certificate can be made ({0}): name a certificate and a key of your own with --tls-certificate and --tls-key"
    )]
    Making(#[from] rcgen::Error),
}

impl CertificateError {
    pub(super) fn unusable(certificate: PathBuf, key: PathBuf, source: TlsError) -> Self {
        match source {
            TlsError::Mismatch => Self::Mismatch { certificate, key },
            TlsError::Unusable(error) => Self::Unusable { certificate, key, problem: error.to_string() },
            TlsError::Authority(problem) | TlsError::Revoked(problem) => Self::Unusable { certificate, key, problem },
        }
    }
}
