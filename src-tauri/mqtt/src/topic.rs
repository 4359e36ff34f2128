//! Topic Names and Topic Filters (4.7 Topic Names and Topic Filters): valid once they exist.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use bytestring::ByteString;

/// Why a text is neither a Topic Name nor a Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopic {
    #[error("a topic is at least one character long [MQTT-4.7.3-1]")]
    Empty,
    #[error("a topic is at most 65,535 bytes long [MQTT-4.7.3-3]")]
    TooLong,
    #[error("a topic contains no null character [MQTT-4.7.3-2]")]
    NullCharacter,
    #[error("a topic name contains no wildcard (+ or #) [MQTT-3.3.2-2]")]
    WildcardInName,
    #[error("# stands alone in the last level of a topic filter [MQTT-4.7.1-1]")]
    MisplacedMultiLevelWildcard,
    #[error("+ stands alone in its level of a topic filter [MQTT-4.7.1-2]")]
    MisplacedSingleLevelWildcard,
    #[error("a share name is at least one character long and has no /, + or # [MQTT-4.8.2-1], [MQTT-4.8.2-2]")]
    InvalidShareName,
}

/// The Topic Name that a message is published to: no wildcards, 1 to 65,535 bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(ByteString);

impl TopicName {
    /// Parses a Topic Name.
    ///
    /// # Errors
    /// Where the text is empty, too long, or contains a wildcard or U+0000.
    pub fn new(text: impl Into<ByteString>) -> Result<Self, InvalidTopic> {
        let text = text.into();
        check_length_and_null(&text)?;
        if text.as_bytes().iter().any(|&byte| byte == b'+' || byte == b'#') {
            return Err(InvalidTopic::WildcardInName);
        }
        Ok(Self(text))
    }

    /// The name with memory of its own, instead of a slice of a read buffer that it would keep alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(ByteString::from(String::from(&*self.0)))
    }

    /// Whether the topic belongs to the server (`$SYS/…`): no filter that starts with a wildcard matches it
    /// [MQTT-4.7.2-1].
    pub fn is_server_topic(&self) -> bool {
        self.0.starts_with('$')
    }
}

/// What a Subscription asks for: a Topic Name with `+` and `#` as wildcards, `$share/name/…` included.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(ByteString);

impl TopicFilter {
    /// Parses a Topic Filter.
    ///
    /// # Errors
    /// Where the text is empty, too long, contains U+0000, or has a wildcard or share name out of place.
    pub fn new(text: impl Into<ByteString>) -> Result<Self, InvalidTopic> {
        let text = text.into();
        check_length_and_null(&text)?;
        let topic = match text.strip_prefix("$share/") {
            None => &text[..],
            Some(shared) => {
                let (share_name, topic) = shared.split_once('/').ok_or(InvalidTopic::InvalidShareName)?;
                if share_name.is_empty() || share_name.contains(['+', '#']) {
                    return Err(InvalidTopic::InvalidShareName);
                }
                if topic.is_empty() {
                    return Err(InvalidTopic::Empty);
                }
                topic
            }
        };
        let mut levels = topic.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level.len() > 1 || levels.peek().is_some()) {
                return Err(InvalidTopic::MisplacedMultiLevelWildcard);
            }
            if level.contains('+') && level.len() > 1 {
                return Err(InvalidTopic::MisplacedSingleLevelWildcard);
            }
        }
        Ok(Self(text))
    }

    /// The share name and the filter behind it, of a Shared Subscription (MQTT 5.0, 4.8.2).
    pub fn shared(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix("$share/").and_then(|shared| shared.split_once('/'))
    }

    /// Whether the filter matches a topic (4.7.1 Topic wildcards, 4.7.2 Topics beginning with $).
    pub fn matches(&self, topic: &TopicName) -> bool {
        let filter = self.shared().map_or(&self.0[..], |(_, filter)| filter);
        if topic.is_server_topic() && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut filter_levels = filter.split('/');
        let mut topic_levels = topic.split('/');
        loop {
            match (filter_levels.next(), topic_levels.next()) {
                (Some("#"), _) => return true,
                (Some("+"), Some(_)) => {}
                (Some(wanted), Some(level)) if wanted == level => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }

    /// The filter with memory of its own, instead of a slice of a read buffer that it would keep alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(ByteString::from(String::from(&*self.0)))
    }
}

fn check_length_and_null(text: &str) -> Result<(), InvalidTopic> {
    if text.is_empty() {
        Err(InvalidTopic::Empty)
    } else if text.len() > usize::from(u16::MAX) {
        Err(InvalidTopic::TooLong)
    } else if text.as_bytes().contains(&0) {
        Err(InvalidTopic::NullCharacter)
    } else {
        Ok(())
    }
}

macro_rules! reads_as_str {
    ($type:ty) => {
        impl Deref for $type {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }
    };
}

reads_as_str!(TopicName);
reads_as_str!(TopicFilter);
