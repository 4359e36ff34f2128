use serde::Serialize;
use ts_rs::TS;

/// The certificate that devices are told to trust.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Authority {
    /// Whom it names: "Nightjar on desk".
    pub name: String,
    /// SHA-256 of it: `AB:CD:…`.
    pub fingerprint: String,
    /// When it ends.
    pub ends: f64,
    pub pem: String,
}
