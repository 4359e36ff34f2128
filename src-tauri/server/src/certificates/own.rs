//! The certificate that Nightjar makes itself: for the names and addresses of this computer as they are now, renewed
//! where they change and before it ends.

use std::fs;
use std::path::Path;

use rcgen::{KeyPair, SanType};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::Authority;
use super::{CertificateError, CertificateFiles, Identity, authority, files, names};

pub(super) const CERTIFICATE: &str = "server.pem";
pub(super) const KEY: &str = "server-key.pem";
/// Seconds before its end at which it is renewed.
const RENEWED: i64 = 60 * 24 * 60 * 60;

/// The certificate of a directory, made or renewed where that is due.
pub(super) fn identity(directory: &Path) -> Result<Identity, CertificateError> {
    make_directory(directory)?;
    let authority = Authority::of(directory)?;
    let file = CertificateFiles { certificate: directory.join(CERTIFICATE), key: directory.join(KEY) };
    let wanted = names::names();
    if let Ok(there) = files::identity(&file)
        && is_good(&there, directory, &wanted)
    {
        return Ok(there);
    }
    // A new key with each: nobody has to remember the old one, and it may be why the old certificate is no good.
    let key = KeyPair::generate()?;
    let certificate = authority.sign(&key, wanted)?;
    files::write(&file.key, &key.serialize_pem(), 0o600)?;
    files::write(&file.certificate, &format!("{certificate}{}", authority.certificate), 0o644)?;
    files::identity(&file)
}

pub(super) fn make_directory(directory: &Path) -> Result<(), CertificateError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|source| CertificateError::Unwritable { file: directory.to_owned(), source })
}

/// Whether a certificate goes with its key, is of the authority as it is now, will last for a while, and has all names.
fn is_good(identity: &Identity, directory: &Path, wanted: &[SanType]) -> bool {
    let (Ok(authority), [certificate, ..]) =
        (files::certificates(&directory.join(authority::CERTIFICATE)), &identity.chain[..])
    else {
        return false;
    };
    let (Ok((_, authority)), Ok((_, certificate))) =
        (X509Certificate::from_der(&authority[0]), X509Certificate::from_der(certificate))
    else {
        return false;
    };
    let lasts = certificate.validity().not_after.timestamp() - files::now() >= RENEWED;
    let is_of_authority = certificate.verify_signature(Some(authority.public_key())).is_ok()
        && identity.chain.get(1).is_some_and(|shown| **shown == *authority.as_raw());
    let names = certificate.subject_alternative_name().ok().flatten();
    let has = |wanted: &SanType| {
        names.as_ref().is_some_and(|names| {
            names.value.general_names.iter().any(|name| match (name, wanted) {
                (GeneralName::DNSName(name), SanType::DnsName(wanted)) => *name == wanted.as_str(),
                (GeneralName::IPAddress(name), SanType::IpAddress(std::net::IpAddr::V4(wanted))) => {
                    *name == wanted.octets()
                }
                (GeneralName::IPAddress(name), SanType::IpAddress(std::net::IpAddr::V6(wanted))) => {
                    *name == wanted.octets()
                }
                _ => false,
            })
        })
    };
    let fits = KeyPair::try_from(identity.key.secret_der())
        .is_ok_and(|key| rcgen::PublicKeyData::subject_public_key_info(&key) == certificate.public_key().raw);
    lasts && is_of_authority && fits && wanted.iter().all(has)
}
