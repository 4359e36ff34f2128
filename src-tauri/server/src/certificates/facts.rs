//! What there is to know about a certificate that listeners show.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use nightjar_broker::Timestamp;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CertificateError, DIRECTORY, files, own};

/// A certificate, for people to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    pub file: PathBuf,
    /// SHA-256, as other programs write it: `5B:0E:…`.
    pub fingerprint: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
}

/// The certificate that Nightjar made in a data directory, where it has made one. Blocks on the disk.
///
/// # Errors
/// Where its file can't be read, or is no certificate.
pub fn own_certificate(data_directory: &Path) -> Result<Option<CertificateFacts>, CertificateError> {
    let file = data_directory.join(DIRECTORY).join(own::CERTIFICATE);
    if file.is_file() { read(&file).map(Some) } else { Ok(None) }
}

fn read(file: &Path) -> Result<CertificateFacts, CertificateError> {
    let none = || CertificateError::NoCertificate { file: file.to_owned() };
    let chain = files::certificates(file)?;
    let der = chain.first().ok_or_else(none)?;
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| none())?;
    let moment = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    let names = certificate.subject_alternative_name().ok().flatten();
    Ok(CertificateFacts {
        file: file.to_owned(),
        fingerprint: fingerprint(der),
        from: moment(certificate.validity().not_before.timestamp()),
        until: moment(certificate.validity().not_after.timestamp()),
        names: names.map_or_else(Vec::new, |names| names.value.general_names.iter().filter_map(name).collect()),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// SHA-256 of a certificate, as other programs write it.
pub(super) fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().enumerate().fold(String::new(), |mut text, (place, byte)| {
        let colon = if place == 0 { "" } else { ":" };
        // Writing into a text does not fail.
        let _ = write!(text, "{colon}{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_certificate_says_for_whom_and_how_long() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(own_certificate(directory.path()).unwrap(), None, "none is made by looking");
        let certs = directory.path().join(DIRECTORY);
        own::identity(&certs).unwrap();
        let facts = own_certificate(directory.path()).unwrap().unwrap();
        let file = certs.join(own::CERTIFICATE);
        assert_eq!(facts.file, file);
        assert!(facts.names.iter().any(|name| name == "127.0.0.1"), "{facts:?}");
        assert!(facts.names.iter().any(|name| name == "localhost"), "{facts:?}");
        let now = nightjar_broker::now().wall;
        assert!(facts.from <= now && now < facts.until, "{facts:?}");
        let parts: Vec<_> = facts.fingerprint.split(':').collect();
        assert_eq!(parts.len(), 32);
        assert!(parts.iter().all(|part| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit())));
        std::fs::write(&file, "no certificate").unwrap();
        assert!(own_certificate(directory.path()).is_err());
    }
}
