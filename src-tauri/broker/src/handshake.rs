//! From the first byte to CONNACK: who is let in, and under which name (3.1 CONNECT, 3.2 CONNACK).

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

use bytestring::ByteString;
use nightjar_mqtt::{ConnAck, ConnAckProperties, Connect, ProtocolVersion, QoS, ReasonCode};

use crate::client_card::ConnectionInfo;
use crate::door::Door;
use crate::session::{Link, NEVER_EXPIRES};
use crate::shared::Shared;
use crate::{ClientIdentifier, Terms};

/// Characters (MQTT 3.1, 3.1 CONNECT, Client Identifier).
const LONGEST_IDENTIFIER_OF_31: usize = 23;

/// Why a CONNECT is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: ReasonCode,
    pub(crate) detail: String,
}

/// The Client Identifier that a connection goes by, and whether the broker chose it.
pub(crate) fn admit(
    shared: &Shared,
    door: &Door,
    connect: &Connect,
    address: SocketAddr,
) -> Result<(ClientIdentifier, bool), Refusal> {
    let refuse = |reason, detail: &str| Err(Refusal { reason, detail: detail.to_owned() });
    let Terms { limits, .. } = &*door.terms;
    if !shared.gate.access_at(door.listener).allows(address) {
        return refuse(ReasonCode::NOT_AUTHORIZED, "only programs on the broker's own computer may connect");
    }
    if connect.properties.authentication_method.is_some() {
        return refuse(ReasonCode::BAD_AUTHENTICATION_METHOD, "no enhanced authentication is set up [MQTT-4.12.0-1]");
    }
    if let Some(refusal) = door.terms.objection(connect) {
        return Err(refusal);
    }
    if let Some(will) = &connect.will {
        if is_reserved(&will.topic) {
            return refuse(ReasonCode::NOT_AUTHORIZED, "the Will Topic begins with $SYS, which is the broker's own");
        }
        if !limits.allows_levels(&will.topic) {
            return refuse(ReasonCode::TOPIC_NAME_INVALID, "the Will Topic has more levels than the broker allows");
        }
        if will.topic.len() > limits.maximum_topic_length {
            return refuse(ReasonCode::TOPIC_NAME_INVALID, "the Will Topic is longer than the broker allows");
        }
        if will.properties.payload_format_indicator == Some(true) && std::str::from_utf8(&will.payload).is_err() {
            return refuse(
                ReasonCode::PAYLOAD_FORMAT_INVALID,
                "the Will Payload is not the UTF-8 that its Payload Format Indicator promises (MQTT 5.0, 3.1.3.2.3)",
            );
        }
    }
    // The bound is MQTT 3.1's own; the later versions only say what a server must at least accept.
    if connect.version == ProtocolVersion::V31 && connect.client_identifier.chars().count() > LONGEST_IDENTIFIER_OF_31 {
        return refuse(
            ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
            "the Client Identifier has more than the 23 characters that MQTT 3.1 allows",
        );
    }
    if !connect.client_identifier.is_empty() {
        return Ok((ClientIdentifier::new(&connect.client_identifier), false));
    }
    match connect.version {
        ProtocolVersion::V31 => refuse(
            ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
            "the Client Identifier is empty, which MQTT 3.1 does not allow",
        ),
        ProtocolVersion::V311 if !connect.clean_start => refuse(
            ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
            "the Client Identifier is empty, but Clean Session is 0 [MQTT-3.1.3-8]",
        ),
        ProtocolVersion::V311 | ProtocolVersion::V5 => Ok((assigned_identifier(&door.terms.identifier_prefix), true)),
    }
}

/// Whether a topic is the broker's own, which clients may read but not publish to (4.7.2).
pub(crate) fn is_reserved(topic: &str) -> bool {
    topic == "$SYS" || topic.starts_with("$SYS/")
}

/// An identifier that nobody else has [MQTT-3.1.3-6].
fn assigned_identifier(prefix: &str) -> ClientIdentifier {
    // Each RandomState has keys of its own, so that hashing nothing gives a random number.
    let random = RandomState::new().hash_one(());
    ClientIdentifier::new(&format!("{prefix}{random:016x}"))
}

/// Seconds that the session outlives its connection: what the client wants, within the broker's limit.
pub(crate) fn session_expiry_interval(terms: &Terms, connect: &Connect) -> u32 {
    let wanted = match connect.version {
        ProtocolVersion::V5 => connect.properties.session_expiry_interval.unwrap_or(0),
        _ if connect.clean_start => 0,
        _ => NEVER_EXPIRES,
    };
    terms.limits.session_expiry(wanted)
}

/// Seconds of the Keep Alive that counts: the server's, where the client can be told [MQTT-3.1.2-21].
fn keep_alive(terms: &Terms, connect: &Connect) -> u16 {
    server_keep_alive(terms, connect).unwrap_or(connect.keep_alive)
}

fn server_keep_alive(terms: &Terms, connect: &Connect) -> Option<u16> {
    terms.limits.server_keep_alive(connect.keep_alive).filter(|_| connect.version == ProtocolVersion::V5)
}

/// What the session has to know of the new connection.
pub(crate) fn link(terms: &Terms, connect: &Connect, now: std::time::Instant) -> Link {
    let limits = &terms.limits;
    let receive_maximum = connect.properties.receive_maximum.unwrap_or(u16::MAX).min(limits.maximum_inflight);
    Link::new(
        connect.version,
        keep_alive(terms, connect),
        receive_maximum,
        limits.receive_maximum,
        limits.topic_alias_maximum,
        now,
    )
    .with_topic_aliases(connect.properties.topic_alias_maximum.unwrap_or(0).min(limits.maximum_aliases_to_client))
    .with_terms(terms.maximum_qos, terms.retain, terms.mount_point.clone())
    .with_problem_information(connect.properties.request_problem_information.unwrap_or(true))
}

/// What others may know of the new connection.
pub(crate) fn connection_info(terms: &Terms, connect: &Connect, address: SocketAddr) -> ConnectionInfo {
    ConnectionInfo {
        address,
        version: connect.version,
        user_name: connect.login.user_name.as_ref().map(ToString::to_string),
        keep_alive: keep_alive(terms, connect),
        clean_start: connect.clean_start,
        session_expiry_interval: session_expiry_interval(terms, connect),
        receive_maximum: connect.properties.receive_maximum.unwrap_or(u16::MAX).min(terms.limits.maximum_inflight),
        will: connect.will.clone(),
    }
}

/// The CONNACK that lets a client in.
pub(crate) fn welcome(
    terms: &Terms,
    connect: &Connect,
    assigned: Option<&ClientIdentifier>,
    session_present: bool,
) -> ConnAck {
    let limits = &terms.limits;
    let session_expiry_interval = session_expiry_interval(terms, connect);
    let shortened = connect.properties.session_expiry_interval.is_some_and(|wanted| wanted != session_expiry_interval);
    let properties = ConnAckProperties {
        session_expiry_interval: shortened.then_some(session_expiry_interval),
        server_keep_alive: server_keep_alive(terms, connect),
        receive_maximum: Some(limits.receive_maximum),
        // 2 is not said (MQTT 5.0, 3.2.2.3.4).
        maximum_qos: Some(terms.maximum_qos).filter(|qos| *qos != QoS::ExactlyOnce),
        retain_available: terms.retain,
        maximum_packet_size: u32::try_from(limits.maximum_packet_size).ok(),
        assigned_client_identifier: assigned.map(|client| ByteString::from(&**client)),
        topic_alias_maximum: Some(limits.topic_alias_maximum),
        ..ConnAckProperties::default()
    };
    // MQTT 3.1 has no Session Present.
    let session_present = session_present && connect.version != ProtocolVersion::V31;
    ConnAck { session_present, reason_code: ReasonCode::SUCCESS, properties }
}

/// The CONNACK that does not.
pub(crate) fn refusal(refusal: &Refusal) -> ConnAck {
    let properties =
        ConnAckProperties { reason_string: Some(refusal.detail.as_str().into()), ..ConnAckProperties::default() };
    ConnAck { session_present: false, reason_code: refusal.reason, properties }
}
