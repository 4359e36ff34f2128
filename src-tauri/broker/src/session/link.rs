use std::time::{Duration, Instant};

use nightjar_mqtt::{ProtocolVersion, Publish, QoS, ReasonCode, TopicFilter, TopicName};

use super::action::Close;
use super::topic_aliases::TopicAliases;
use crate::MountPoint;

/// What a session knows of the connection that it is on.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) version: ProtocolVersion,
    /// Seconds; 0 is off (3.1.2.10 Keep Alive).
    pub(crate) keep_alive: u16,
    /// QoS 1 and 2 messages that may be on the way to the client at once (MQTT 5.0, 3.1.2.11.3).
    pub(crate) receive_maximum: u16,
    /// QoS 1 and 2 messages that may be on the way from the client at once (MQTT 5.0, 3.2.2.3.3).
    incoming_maximum: u16,
    incoming: u16,
    last_heard: Instant,
    /// Topics by alias, 1 first (MQTT 5.0, 3.3.2.3.4).
    aliases: Vec<Option<TopicName>>,
    alias_maximum: u16,
    /// Those of the other direction.
    pub(super) topic_aliases: TopicAliases,
    /// What the listener grants.
    pub(super) maximum_qos: QoS,
    pub(super) takes_retained: bool,
    mount_point: Option<MountPoint>,
    /// The client wants to be told in words why something was refused (MQTT 5.0, 3.1.2.11.7).
    tells_reasons: bool,
}

/// Why a message has no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTopic {
    /// Its alias is 0 or above the Topic Alias Maximum.
    OutOfRange,
    /// It has an alias alone, which was never set on this connection.
    Unknown,
    /// It can't be below the mount point.
    TooLong,
}

impl NoTopic {
    pub(super) fn close(self) -> Close {
        match self {
            Self::OutOfRange => Close::violation(
                ReasonCode::TOPIC_ALIAS_INVALID,
                "the Topic Alias is 0 or above the Topic Alias Maximum [MQTT-3.3.2-8], [MQTT-3.3.2-9]",
            ),
            Self::Unknown => Close::violation(
                ReasonCode::PROTOCOL_ERROR,
                "there is no Topic Name, and the Topic Alias stands for none (MQTT 5.0, 3.3.4)",
            ),
            Self::TooLong => Close::violation(
                ReasonCode::TOPIC_NAME_INVALID,
                "the Topic Name is longer than a topic can be below the listener's mount point",
            ),
        }
    }
}

impl Link {
    /// A connection that begins at `now`. `incoming_maximum` and `alias_maximum` are what CONNACK tells the client.
    pub(crate) fn new(
        version: ProtocolVersion,
        keep_alive: u16,
        receive_maximum: u16,
        incoming_maximum: u16,
        alias_maximum: u16,
        now: Instant,
    ) -> Self {
        Self {
            version,
            keep_alive,
            receive_maximum,
            incoming_maximum,
            incoming: 0,
            last_heard: now,
            aliases: Vec::new(),
            alias_maximum,
            topic_aliases: TopicAliases::new(0),
            maximum_qos: QoS::ExactlyOnce,
            takes_retained: true,
            mount_point: None,
            tells_reasons: true,
        }
    }

    /// What the listener grants: the highest QoS both ways, whether messages may be retained, and where the client's
    /// topics are.
    #[must_use]
    pub(crate) fn with_terms(self, maximum_qos: QoS, takes_retained: bool, mount_point: Option<MountPoint>) -> Self {
        Self { maximum_qos, takes_retained, mount_point, ..self }
    }

    /// The client takes Topic Aliases up to that one.
    #[must_use]
    pub(crate) fn with_topic_aliases(self, maximum: u16) -> Self {
        Self { topic_aliases: TopicAliases::new(maximum), ..self }
    }

    /// Whether the client asked for problem information [MQTT-3.1.2-29].
    #[must_use]
    pub(crate) fn with_problem_information(self, wanted: bool) -> Self {
        Self { tells_reasons: wanted, ..self }
    }

    /// Whether Reason Strings may go along with acknowledgements.
    pub(crate) fn tells_reasons(&self) -> bool {
        self.tells_reasons && self.knows_reason_codes()
    }

    /// When the client must have been heard again: one and a half times the Keep Alive after the last packet
    /// [MQTT-3.1.2-22].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.keep_alive > 0).then(|| self.last_heard + Duration::from_millis(u64::from(self.keep_alive) * 1_500))
    }

    pub(super) const fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// Whether acknowledgements of this version carry reason codes.
    pub(super) fn knows_reason_codes(&self) -> bool {
        self.version == ProtocolVersion::V5
    }

    /// Notes a QoS 1 or 2 message from the client; `false` where it is one too many. Below MQTT 5.0 the client was
    /// told no maximum, and there is none.
    pub(super) fn incoming_started(&mut self) -> bool {
        if self.knows_reason_codes() && self.incoming == self.incoming_maximum {
            return false;
        }
        self.incoming = self.incoming.saturating_add(1);
        true
    }

    /// Notes that the flow of such a message is over.
    pub(super) const fn incoming_finished(&mut self) {
        self.incoming = self.incoming.saturating_sub(1);
    }

    /// The topic of a message, by name or by alias (MQTT 5.0, 3.3.4 PUBLISH Actions).
    pub(super) fn resolve_topic(&mut self, publish: &mut Publish) -> Result<TopicName, NoTopic> {
        let alias = publish.properties.as_mut().and_then(|properties| properties.topic_alias.take());
        let Some(alias) = alias else {
            let topic = publish.topic.take().ok_or(NoTopic::Unknown)?;
            return self.mounted(topic);
        };
        if alias == 0 || alias > self.alias_maximum {
            return Err(NoTopic::OutOfRange);
        }
        let index = usize::from(alias) - 1;
        match publish.topic.take() {
            Some(topic) => {
                if self.aliases.len() <= index {
                    self.aliases.resize(index + 1, None);
                }
                let topic = self.mounted(topic.detached())?;
                self.aliases[index] = Some(topic.clone());
                Ok(topic)
            }
            None => self.aliases.get(index).cloned().flatten().ok_or(NoTopic::Unknown),
        }
    }

    fn mounted(&self, topic: TopicName) -> Result<TopicName, NoTopic> {
        match &self.mount_point {
            None => Ok(topic),
            Some(mount_point) => mount_point.mounted(&topic).ok_or(NoTopic::TooLong),
        }
    }

    /// A filter of the client as the broker has it; `None` where it is too long for one.
    pub(super) fn mounted_filter(&self, filter: &TopicFilter) -> Option<TopicFilter> {
        match &self.mount_point {
            None => Some(filter.clone()),
            Some(mount_point) => mount_point.mounted_filter(self.version, filter),
        }
    }

    pub(super) const fn is_mounted(&self) -> bool {
        self.mount_point.is_some()
    }
}
