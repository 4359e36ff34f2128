//! Nightjar's own certificate authority: the one file that devices are told to trust.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CertificateError, files, names};

/// What devices are told to trust.
pub(super) const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Devices in walls and roofs are set up once.
const LIFETIME: Duration = DAY.saturating_mul(20 * 365);
/// When its certificate is renewed, with the same key: long before it ends, so that devices can be told in time.
const RENEWED: Duration = DAY.saturating_mul(2 * 365);
/// Of a server's certificate; some clients accept no more than 398 days.
const SERVER_LIFETIME: Duration = DAY.saturating_mul(397);

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// In PEM.
    pub(super) certificate: String,
}

impl Authority {
    /// Reads the authority of a directory, or makes one where there is none.
    pub(super) fn of(directory: &Path) -> Result<Self, CertificateError> {
        let (certificate, key) = (directory.join(CERTIFICATE), directory.join(KEY));
        let bad = |file: &Path, problem: &str| CertificateError::Authority {
            file: file.to_owned(),
            problem: problem.to_owned(),
        };
        match (certificate.exists(), key.exists()) {
            (false, false) => {
                let authority = Self::make(KeyPair::generate()?, &names::host_name())?;
                // The key first: a certificate without a key would be refused at the next start.
                files::write(&key, &authority.issuer.key().serialize_pem(), 0o600)?;
                files::write(&certificate, &authority.certificate, 0o644)?;
                return Ok(authority);
            }
            (true, false) => return Err(bad(&key, "it is missing")),
            (false, true) => {
                // A crash came between the two, or it was removed: its key makes the same authority again.
                let text = text_of(&key)?;
                let pair = KeyPair::from_pem(&text).map_err(|_| bad(&key, "it is no key"))?;
                let authority = Self::make(pair, &names::host_name())?;
                files::write(&certificate, &authority.certificate, 0o644)?;
                return Ok(authority);
            }
            (true, true) => {}
        }
        let pair = KeyPair::from_pem(&text_of(&key)?).map_err(|_| bad(&key, "it is no key"))?;
        let text = text_of(&certificate)?;
        let der = files::certificates(&certificate).map_err(|_| bad(&certificate, "it is no certificate"))?;
        let (_, parsed) = X509Certificate::from_der(&der[0]).map_err(|_| bad(&certificate, "it is no certificate"))?;
        if parsed.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&pair) {
            return Err(bad(&key, "it is not the key of ca.pem"));
        }
        if parsed.validity().not_after.timestamp() - files::now() < RENEWED.as_secs().cast_signed() {
            let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
            let authority = Self::make_named(pair, name.unwrap_or_default())?;
            files::write(&certificate, &authority.certificate, 0o644)?;
            return Ok(authority);
        }
        let issuer = Issuer::from_ca_cert_der(&der[0], pair).map_err(|_| bad(&certificate, "it is none of ours"))?;
        Ok(Self { issuer, certificate: text })
    }

    fn make(key: KeyPair, host: &str) -> Result<Self, rcgen::Error> {
        Self::make_named(key, &format!("Nightjar on {host}"))
    }

    fn make_named(key: KeyPair, name: &str) -> Result<Self, rcgen::Error> {
        let mut parameters = in_force(LIFETIME);
        parameters.distinguished_name = common_name(name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = parameters.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(parameters, key), certificate })
    }

    /// A certificate, in PEM, for a server of those names that has that key.
    pub(super) fn sign(&self, key: &KeyPair, names: Vec<SanType>) -> Result<String, rcgen::Error> {
        let mut parameters = in_force(SERVER_LIFETIME);
        parameters.distinguished_name = common_name("Nightjar");
        parameters.subject_alt_names = names;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        Ok(parameters.signed_by(key, &self.issuer)?.pem())
    }
}

/// From yesterday, for devices whose clock is slow.
fn in_force(lifetime: Duration) -> CertificateParams {
    let now = OffsetDateTime::from(std::time::SystemTime::now());
    let mut parameters = CertificateParams::default();
    (parameters.not_before, parameters.not_after) = (now - DAY, now + lifetime);
    parameters
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    // At most 64 characters (RFC 5280, appendix A.1).
    distinguished.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    distinguished
}

fn text_of(file: &Path) -> Result<String, CertificateError> {
    Ok(String::from_utf8_lossy(&files::read(file)?).into_owned())
}
