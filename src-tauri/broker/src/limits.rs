use std::time::Duration;

/// What one client may ask of the broker.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a whole packet from a client. Default: 2 MB. (MQTT 5.0, 3.2.2.3.6 Maximum Packet Size)
    pub maximum_packet_size: usize,
    /// QoS 1 and 2 messages that a client may have on the way to the broker at once. Default: 1,024.
    /// (MQTT 5.0, 3.2.2.3.3 Receive Maximum)
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages on the way to a client at once, where its own Receive Maximum is not lower.
    /// Default: 1,024.
    pub maximum_inflight: u16,
    /// QoS 1 and 2 messages that wait for a client. Default: 100,000 messages, 64 MiB.
    pub maximum_queued_messages: usize,
    pub maximum_queued_bytes: usize,
    /// QoS 0 messages that wait for a client that reads slowly. Default: 65,536 messages, 16 MiB.
    pub maximum_waiting_messages: usize,
    pub maximum_waiting_bytes: usize,
    /// Levels of a Topic Name or Topic Filter. Default: 200.
    pub maximum_topic_levels: usize,
    /// Subscriptions of one session. Default: 50,000.
    pub maximum_subscriptions: usize,
    /// Topic Aliases that a client may set. Default: 64. (MQTT 5.0, 3.2.2.3.8 Topic Alias Maximum)
    pub topic_alias_maximum: u16,
    /// Connections at once, in all. Default: 10,000.
    pub maximum_connections: usize,
    /// From the connection to a whole CONNECT. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long a client may leave its socket unread before it is cut off. Default: 60 s.
    pub stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            maximum_packet_size: 2_000_000,
            receive_maximum: 1_024,
            maximum_inflight: 1_024,
            maximum_queued_messages: 100_000,
            maximum_queued_bytes: 64 << 20,
            maximum_waiting_messages: 65_536,
            maximum_waiting_bytes: 16 << 20,
            maximum_topic_levels: 200,
            maximum_subscriptions: 50_000,
            topic_alias_maximum: 64,
            maximum_connections: 10_000,
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
        }
    }
}
