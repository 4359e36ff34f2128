//! Nightjar's own authority as its user sees it: what devices are given, and how to tell that it is the right one.

use std::path::Path;

use nightjar_broker::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::{Authority, CERTIFICATE};
use super::facts::fingerprint;
use super::{CertificateError, own};

/// The certificate that devices are told to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityView {
    /// Its file's text, in PEM.
    pub pem: String,
    /// Whom it names: `Nightjar on desk`.
    pub name: String,
    /// SHA-256 of it, as `AB:CD:…`: what devices and browsers show, too.
    pub fingerprint: String,
    pub ends: Timestamp,
}

/// The authority of a data directory, made where there is none. Blocks on the disk.
pub(crate) fn authority(data_directory: &Path) -> Result<AuthorityView, CertificateError> {
    let directory = data_directory.join(super::DIRECTORY);
    own::make_directory(&directory)?;
    let Authority { certificate: pem, .. } = Authority::of(&directory)?;
    let unusable = || CertificateError::NoCertificate { file: directory.join(CERTIFICATE) };
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable())?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| unusable())?;
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    Ok(AuthorityView {
        name: name.unwrap_or_default().to_owned(),
        fingerprint: fingerprint(&der),
        ends: Timestamp::from_micros(parsed.validity().not_after.timestamp().saturating_mul(1_000_000)),
        pem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_told_apart_by_its_fingerprint() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let view = authority(here.path()).unwrap();
        assert_eq!(authority(here.path()).unwrap(), view);
        assert_ne!(authority(there.path()).unwrap().fingerprint, view.fingerprint);
        assert!(view.name.starts_with("Nightjar on "), "{}", view.name);
        assert_eq!(view.fingerprint.len(), 32 * 3 - 1);
        assert!(view.pem.starts_with("-----BEGIN CERTIFICATE-----"), "{}", view.pem);
        // 858 bytes are a QR code of 97 modules with the least correction, which a screen can show and a phone can read.
        assert!(view.pem.len() < 858, "{}", view.pem.len());
    }
}
