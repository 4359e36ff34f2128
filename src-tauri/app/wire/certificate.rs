use serde::Serialize;
use ts_rs::TS;

/// The certificate that Nightjar made for listeners of TLS.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct CertificateInfo {
    pub file: String,
    /// SHA-256 of the certificate: `5B:0E:…`.
    pub fingerprint: String,
    pub from: f64,
    pub until: f64,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
}
