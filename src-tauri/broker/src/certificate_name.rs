//! Who a client is by its certificate.

use std::fmt::Write;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate, X509Name};

/// What of a client's certificate is the user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateName {
    /// The common name of its subject.
    CommonName,
    /// All of its subject, from the most specific part on, as RFC 4514 has it and OpenSSL and mosquitto write it:
    /// `CN=pump,OU=Plant,O=Acme,C=GB`.
    Subject,
}

/// Why a certificate says nobody's name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Nameless {
    #[error("the client's certificate has no common name, or one that is no user name")]
    CommonName,
    #[error("the client's certificate has no subject, or one that is no user name")]
    Subject,
}

/// Characters of a common name (RFC 5280, A.1: ub-common-name).
const LONGEST_COMMON_NAME: usize = 64;
/// Bytes of a subject as it is written: as many as the name of an account has.
const LONGEST_SUBJECT: usize = 256;

/// The names of what a subject says, by object identifier, as OpenSSL has them.
const NAMES: [(&str, &str); 15] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("2.5.4.46", "dnQualifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

impl CertificateName {
    /// The user's name in a certificate that was checked.
    pub(crate) fn of(self, certificate: &CertificateDer<'_>) -> Result<String, Nameless> {
        let parsed = X509Certificate::from_der(certificate);
        match self {
            Self::CommonName => parsed.ok().and_then(|(_, parsed)| common_name(parsed.subject())),
            Self::Subject => parsed.ok().and_then(|(_, parsed)| subject(parsed.subject())),
        }
        .ok_or(match self {
            Self::CommonName => Nameless::CommonName,
            Self::Subject => Nameless::Subject,
        })
    }
}

fn common_name(subject: &X509Name<'_>) -> Option<String> {
    let mut names = subject.iter_common_name();
    // One that has two would be two users.
    let (Some(name), None) = (names.next(), names.next()) else { return None };
    let name = name.as_str().ok()?;
    let fits = !name.is_empty() && name.chars().count() <= LONGEST_COMMON_NAME && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

/// Two subjects that differ are written differently, or not at all.
fn subject(subject: &X509Name<'_>) -> Option<String> {
    let mut written = String::new();
    let parts: Vec<_> = subject.iter_rdn().collect();
    for (place, part) in parts.iter().rev().enumerate() {
        let attributes: Vec<_> = part.iter().collect();
        for (inner, attribute) in attributes.iter().rev().enumerate() {
            match (place, inner) {
                (0, 0) => {}
                (_, 0) => written.push(','),
                _ => written.push('+'),
            }
            write_attribute(&mut written, attribute)?;
            if written.len() > LONGEST_SUBJECT {
                return None;
            }
        }
    }
    (!written.is_empty()).then_some(written)
}

/// `None` where its name or its letters are unknown.
fn write_attribute(written: &mut String, attribute: &AttributeTypeAndValue<'_>) -> Option<()> {
    let identifier = attribute.attr_type().to_id_string();
    let (_, name) = NAMES.iter().find(|(known, _)| *known == identifier)?;
    written.push_str(name);
    written.push('=');
    write_value(written, attribute.as_str().ok()?);
    Some(())
}

/// Escaped as in RFC 4514, 2.4, and, as OpenSSL does it, byte by byte where it is not of ASCII.
fn write_value(written: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (place, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => written.extend(['\\', char::from(byte)]),
            b'#' if place == 0 => written.push_str("\\#"),
            b' ' if place == 0 || place == last => written.push_str("\\ "),
            b' '..=b'~' => written.push(char::from(byte)),
            // Writing into a string does not fail.
            _ => drop(write!(written, "\\{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_taken_for_another_part_is_escaped() {
        let written = |value: &str| {
            let mut written = String::new();
            write_value(&mut written, value);
            written
        };
        for (value, expected) in [
            ("pump 1", "pump 1"),
            ("pump,OU=Plant", "pump\\,OU=Plant"),
            ("a+b", "a\\+b"),
            ("<\"\\;>", "\\<\\\"\\\\\\;\\>"),
            ("#1 #2", "\\#1 #2"),
            (" pump ", "\\ pump\\ "),
            (" ", "\\ "),
            ("Jürgen\0\n", "J\\C3\\BCrgen\\00\\0A"),
            ("", ""),
        ] {
            assert_eq!(written(value), expected, "{value:?}");
        }
    }
}
