//! AUTH (MQTT 5.0, 3.15).

use bytes::Bytes;
use bytestring::ByteString;

use crate::{ReasonCode, UserProperty};

/// A step of enhanced authentication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    pub reason_code: ReasonCode,
    pub properties: AuthProperties,
}

/// MQTT 5.0, 3.15.2.2 AUTH Properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthProperties {
    pub authentication_method: Option<ByteString>,
    pub authentication_data: Option<Bytes>,
    pub reason_string: Option<ByteString>,
    pub user_properties: Vec<UserProperty>,
}
