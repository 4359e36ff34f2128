//! Clients that keep their side of the flows of QoS 1 and 2 over any number of connections, as the specification asks, and
//! know afterwards what was promised to them.

mod publisher;
mod subscriber;

use std::time::Duration;

use nightjar_mqtt::{Connect, ProtocolVersion};

pub use publisher::{Publisher, Traffic};
pub use subscriber::Subscriber;

use crate::connect;

/// Longer than anything takes that such a client waits for.
const PATIENCE: Duration = Duration::from_secs(120);

/// The CONNECT of a session that never expires.
pub fn resume(version: ProtocolVersion, name: &str) -> Connect {
    let mut connect = Connect { clean_start: false, ..connect(version, name) };
    if version == ProtocolVersion::V5 {
        connect.properties.session_expiry_interval = Some(u32::MAX);
    }
    connect
}
