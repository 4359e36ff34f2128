use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// What clients may ask of the broker. `None` is off. Each field is a setting of `nightjar.toml` by the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, in all. Default: 10,000.
    pub maximum_connections: usize,
    /// Connections at once from one address; programs on the broker's own computer share theirs, and are not counted.
    /// Default: 1,000.
    pub maximum_connections_per_address: Option<NonZeroUsize>,
    /// Connections that have not said CONNECT yet; beyond it the oldest of the address with most of them makes room.
    /// Default: 1,000.
    pub maximum_silent_connections: usize,
    /// From the connection to a whole CONNECT. Default: 10 s.
    pub connect_timeout: Duration,
    /// Connects from one address that fail within a minute before it is paused. Default: 20.
    pub maximum_failed_connects: Option<NonZeroU32>,
    /// How often within five minutes clients may take the same client identifier from each other before it is paused.
    /// Default: 20.
    pub maximum_takeovers: Option<NonZeroU32>,
    /// The first pause; each further one is twice as long. Default: 5 s.
    pub first_pause: Duration,
    /// The longest pause. Default: 10 min.
    pub longest_pause: Duration,
    /// Sessions, of clients that are connected and that are away. Default: 100,000.
    pub maximum_sessions: usize,
    /// How long a session outlives its connection at most, also one that MQTT 3.1.1 would keep for ever. Default: off.
    /// (MQTT 5.0, 3.2.2.3.2 Session Expiry Interval)
    pub maximum_session_expiry: Option<Duration>,
    /// The longest Keep Alive of an MQTT 5.0 client, in whole seconds; others can't be told. Default: off.
    /// (MQTT 5.0, 3.2.2.3.14 Server Keep Alive)
    pub maximum_keep_alive: Option<Duration>,
    /// How long a client may leave its socket unread before it is cut off. Default: 60 s.
    pub stall_timeout: Duration,
    /// Bytes of a whole packet from a client. Default: 2 MB. (MQTT 5.0, 3.2.2.3.6 Maximum Packet Size)
    pub maximum_packet_size: usize,
    /// PUBLISH packets that one client's socket is read for in a second. Default: off.
    pub maximum_publish_rate: Option<NonZeroU32>,
    /// Bytes that are read from one client's socket in a second. Default: off.
    pub maximum_read_rate: Option<NonZeroUsize>,
    /// QoS 1 and 2 messages that a client may have on the way to the broker at once. Default: 1,024.
    /// (MQTT 5.0, 3.2.2.3.3 Receive Maximum)
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages on the way to a client at once, where its own Receive Maximum is not lower.
    /// Default: 1,024.
    pub maximum_inflight: u16,
    /// QoS 1 and 2 messages that wait in memory for a client: one whose session ends with its connection, or every one
    /// where the journal keeps no sessions. Default: 100,000 messages, 64 MiB.
    pub maximum_queued_messages: usize,
    pub maximum_queued_bytes: usize,
    /// QoS 1 and 2 messages that wait on disk for a client. Default: 10,000,000 messages, 4 GiB.
    pub maximum_stored_messages: usize,
    pub maximum_stored_bytes: usize,
    /// QoS 0 messages that wait for a client that reads slowly. Default: 65,536 messages, 16 MiB.
    pub maximum_waiting_messages: usize,
    pub maximum_waiting_bytes: usize,
    /// Subscriptions of one session. Default: 50,000.
    pub maximum_subscriptions: usize,
    /// Bytes of memory for the subscriptions of one session: some 256 a level. Default: 128 MiB.
    pub maximum_subscription_bytes: usize,
    /// Levels of a Topic Name or Topic Filter. Default: 200.
    pub maximum_topic_levels: usize,
    /// Bytes of a Topic Name or Topic Filter. Default: 65,535, as long as MQTT can say.
    pub maximum_topic_length: usize,
    /// Topic Aliases that a client may set. Default: 64. (MQTT 5.0, 3.2.2.3.8 Topic Alias Maximum)
    pub topic_alias_maximum: u16,
    /// Topic Aliases that the broker sets, where the client's own Topic Alias Maximum is not lower. Default: 64.
    /// (MQTT 5.0, 3.1.2.11.5 Topic Alias Maximum)
    pub maximum_aliases_to_client: u16,
    /// Retained Messages of clients. Default: 1,000,000 messages, 512 MiB.
    pub maximum_retained_messages: usize,
    pub maximum_retained_bytes: usize,
    /// How often `$SYS` is brought up to date; without it there are no such topics. Default: 10 s.
    pub sys_interval: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            maximum_connections: 10_000,
            maximum_connections_per_address: NonZeroUsize::new(1_000),
            maximum_silent_connections: 1_000,
            connect_timeout: Duration::from_secs(10),
            maximum_failed_connects: NonZeroU32::new(20),
            maximum_takeovers: NonZeroU32::new(20),
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(600),
            maximum_sessions: 100_000,
            maximum_session_expiry: None,
            maximum_keep_alive: None,
            stall_timeout: Duration::from_secs(60),
            maximum_packet_size: 2_000_000,
            maximum_publish_rate: None,
            maximum_read_rate: None,
            receive_maximum: 1_024,
            maximum_inflight: 1_024,
            maximum_queued_messages: 100_000,
            maximum_queued_bytes: 64 << 20,
            maximum_stored_messages: 10_000_000,
            maximum_stored_bytes: 4 << 30,
            maximum_waiting_messages: 65_536,
            maximum_waiting_bytes: 16 << 20,
            maximum_subscriptions: 50_000,
            maximum_subscription_bytes: 128 << 20,
            maximum_topic_levels: 200,
            maximum_topic_length: 65_535,
            topic_alias_maximum: 64,
            maximum_aliases_to_client: 64,
            maximum_retained_messages: 1_000_000,
            maximum_retained_bytes: 512 << 20,
            sys_interval: Some(Duration::from_secs(10)),
        }
    }
}

impl Limits {
    /// Whether a Topic Name or Topic Filter is within [`Self::maximum_topic_levels`].
    pub(crate) fn allows_levels(&self, topic: &str) -> bool {
        // Most topics are too short to have so many.
        topic.len() < self.maximum_topic_levels
            || topic.bytes().filter(|&byte| byte == b'/').count() < self.maximum_topic_levels
    }

    /// Seconds that a session may outlive its connection, of those that it wants to.
    pub(crate) fn session_expiry(&self, wanted: u32) -> u32 {
        self.maximum_session_expiry.map_or(wanted, |maximum| wanted.min(whole_seconds(maximum)))
    }

    /// The Keep Alive that an MQTT 5.0 client is told instead of its own; `None` where its own is fine.
    pub(crate) fn server_keep_alive(&self, wanted: u16) -> Option<u16> {
        let maximum = u16::try_from(whole_seconds(self.maximum_keep_alive?)).unwrap_or(u16::MAX);
        (wanted == 0 || wanted > maximum).then_some(maximum)
    }
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_that_is_off_or_too_long_is_shortened() {
        let limits = Limits { maximum_keep_alive: Some(Duration::from_secs(60)), ..Limits::default() };
        assert_eq!(limits.server_keep_alive(0), Some(60));
        assert_eq!(limits.server_keep_alive(61), Some(60));
        assert_eq!(limits.server_keep_alive(60), None);
        assert_eq!(Limits::default().server_keep_alive(0), None);
    }

    #[test]
    fn a_session_that_never_expires_is_capped_too() {
        let limits = Limits { maximum_session_expiry: Some(Duration::from_secs(60)), ..Limits::default() };
        assert_eq!(limits.session_expiry(u32::MAX), 60);
        assert_eq!(limits.session_expiry(10), 10);
        assert_eq!(Limits::default().session_expiry(u32::MAX), u32::MAX);
    }
}
