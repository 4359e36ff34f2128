//! Certificates and keys in files, as PEM.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CertificateError, CertificateFiles, Identity};

/// No certificate and no key is larger; a file that is must be something else.
const LARGEST: u64 = 1 << 20;

/// Reads somebody's own certificate and key.
pub(super) fn identity(files: &CertificateFiles) -> Result<Identity, CertificateError> {
    let chain = certificates(&files.certificate)?;
    check_time(&files.certificate, &chain[0])?;
    Ok(Identity { chain, key: key(&files.key)? })
}

/// The certificates of a file: at least one.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read(file)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { file: file.to_owned() });
    }
    Ok(chain)
}

/// The revocation lists of a file: at least one.
pub(super) fn revocation_lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, CertificateError> {
    let text = read(file)?;
    let lists = CertificateRevocationListDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if lists.is_empty() {
        let problem = "there is none in it".to_owned();
        return Err(CertificateError::RevocationList { file: file.to_owned(), problem });
    }
    Ok(lists)
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|_| CertificateError::NoKey { file: file.to_owned() })
}

/// Reads a small file.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let read = || {
        // A directory or a pipe would not end as a file does.
        let metadata = fs::metadata(file)?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file of a certificate or a key"));
        }
        fs::read(file)
    };
    read().map_err(|source| CertificateError::Unreadable { file: file.to_owned(), source })
}

/// Puts a file in the place of another, whole or not at all.
pub(super) fn write(file: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    let new = file.with_extension("new");
    let write = || {
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let mut opened = options.open(&new)?;
        opened.write_all(text.as_bytes())?;
        opened.sync_all()?;
        fs::rename(&new, file)
    };
    write().map_err(|source| CertificateError::Unwritable { file: file.to_owned(), source })
}

/// Whether a certificate is in force.
fn check_time(file: &Path, certificate: &CertificateDer<'_>) -> Result<(), CertificateError> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Err(CertificateError::NoCertificate { file: file.to_owned() });
    };
    let (now, validity) = (now(), certificate.validity());
    if validity.not_after.timestamp() < now {
        return Err(CertificateError::Expired { file: file.to_owned(), ended: validity.not_after.to_string() });
    }
    if validity.not_before.timestamp() > now {
        return Err(CertificateError::NotYet { file: file.to_owned(), begins: validity.not_before.to_string() });
    }
    Ok(())
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
