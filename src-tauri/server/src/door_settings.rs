//! The settings of the listeners beside plain TCP: `listen-tls`, `listen-ws`, `listen-wss`, and `[tls]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::CertificateFiles;
use crate::limit_settings::Fault;

/// `[tls]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsTable {
    certificate: Option<Spanned<Value>>,
    key: Option<Spanned<Value>>,
}

/// The addresses of a list.
pub(crate) fn addresses(name: &str, value: &Option<Spanned<Value>>) -> Result<Vec<SocketAddr>, Fault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let list = value.get_ref().as_array().and_then(|list| {
        let addresses = list.iter().map(|address| address.as_str()?.parse().ok());
        addresses.collect::<Option<Vec<SocketAddr>>>()
    });
    list.ok_or_else(|| Fault {
        span: value.span(),
        problem: format!(
            "{name} can't be {}: write a list of addresses with ports, such as [\"0.0.0.0:8883\"]",
            value.get_ref()
        ),
    })
}

/// The certificate and the key, which go together. A path that is not absolute begins at the settings file.
pub(crate) fn certificate(table: &TlsTable, file: &Path) -> Result<Option<CertificateFiles>, Fault> {
    let path = |name: &str, value: &Spanned<Value>| match value.get_ref().as_str() {
        Some(path) if !path.is_empty() => {
            Ok::<PathBuf, Fault>(file.parent().unwrap_or_else(|| Path::new("")).join(path))
        }
        _ => {
            let problem =
                format!("{name} can't be {}: write the path of a file in PEM, in quotation marks", value.get_ref());
            Err(Fault { span: value.span(), problem })
        }
    };
    let alone = |name: &str, other: &str, value: &Spanned<Value>| Fault {
        span: value.span(),
        problem: format!("{name} is there without {other}: name the file of the {other} in [tls], too"),
    };
    match (&table.certificate, &table.key) {
        (None, None) => Ok(None),
        (Some(certificate), None) => Err(alone("certificate", "key", certificate)),
        (None, Some(key)) => Err(alone("key", "certificate", key)),
        (Some(certificate), Some(key)) => {
            Ok(Some(CertificateFiles { certificate: path("certificate", certificate)?, key: path("key", key)? }))
        }
    }
}
