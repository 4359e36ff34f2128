//! A case: a conversation with a broker that proves statements of the specification.

use std::fmt;

use nightjar_mqtt::ProtocolVersion;

use crate::stage::Stage;

/// One conversation, for each of its versions a trial.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// `chapter::name`, which the statements refer to.
    pub(crate) name: &'static str,
    pub(crate) versions: &'static [ProtocolVersion],
    pub(crate) run: fn(&Stage) -> anyhow::Result<()>,
}

/// Declares the cases of a chapter, each with the versions that it is for.
macro_rules! cases {
    ($($versions:ident: $($name:ident),+ $(,)?;)+) => {
        pub(crate) const CASES: &[$crate::case::Case] = &[$($(
            $crate::case::Case {
                name: $crate::case::name_after_crate(concat!(module_path!(), "::", stringify!($name))),
                versions: $crate::case::$versions,
                run: $name,
            }
        ),+),+];
    };
}
pub(crate) use cases;

/// The cases that all versions share.
pub(crate) const ALL: &[ProtocolVersion] = &[ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5];
/// Those that MQTT 3.1.1 and 5.0 share.
pub(crate) const BOTH: &[ProtocolVersion] = &[ProtocolVersion::V311, ProtocolVersion::V5];
pub(crate) const ONLY_5: &[ProtocolVersion] = &[ProtocolVersion::V5];
pub(crate) const ONLY_311: &[ProtocolVersion] = &[ProtocolVersion::V311];
/// MQTT 3.1 has no numbered statements: its cases prove what its text says.
pub(crate) const ONLY_31: &[ProtocolVersion] = &[ProtocolVersion::V31];
pub(crate) const BELOW_5: &[ProtocolVersion] = &[ProtocolVersion::V31, ProtocolVersion::V311];

/// `conformance::cases::ping::answered` without the crate and `cases`.
pub(crate) const fn name_after_crate(path: &'static str) -> &'static str {
    const PREFIX: &str = "conformance::cases::";
    path.split_at(PREFIX.len()).1
}

/// Why a case can't be tried against this broker: it needs what the broker says that it does not have.
#[derive(Debug)]
pub(crate) struct Skip(pub(crate) &'static str);

impl fmt::Display for Skip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Skip {}
