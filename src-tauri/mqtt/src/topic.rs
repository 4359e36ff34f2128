//! Topic Names and Topic Filters (4.7 Topic Names and Topic Filters): valid once they exist.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytestring::ByteString;

use crate::{ProtocolVersion, ReasonCode};

/// Why a text is neither a Topic Name nor a Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopic {
    /// No character.
    #[error("a topic is at least one character long [MQTT-4.7.3-1]")]
    Empty,
    /// Over 65,535 bytes.
    #[error("a topic is at most 65,535 bytes long [MQTT-4.7.3-3]")]
    TooLong,
    /// U+0000.
    #[error("a topic contains no null character [MQTT-4.7.3-2]")]
    NullCharacter,
    /// `+` or `#` in a Topic Name.
    #[error("a topic name contains no wildcard (+ or #) [MQTT-3.3.2-2]")]
    WildcardInName,
    /// `#` with something before it in its level, or with anything behind it.
    #[error("# stands alone in the last level of a topic filter [MQTT-4.7.1-1; 3.1.1: MQTT-4.7.1-2]")]
    MisplacedMultiLevelWildcard,
    /// `+` with something else in its level.
    #[error("+ stands alone in its level of a topic filter [MQTT-4.7.1-2; 3.1.1: MQTT-4.7.1-3]")]
    MisplacedSingleLevelWildcard,
    /// `$share/` without a name and a Topic Filter behind it, or with a wildcard in the name.
    #[error("a share name is at least one character long and has no /, + or # [MQTT-4.8.2-1, MQTT-4.8.2-2]")]
    InvalidShareName,
}

impl InvalidTopic {
    /// The clause that was broken, as MQTT 5.0 numbers it, and as 3.1.1 does where it differs.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Empty => "MQTT-4.7.3-1",
            Self::TooLong => "MQTT-4.7.3-3",
            Self::NullCharacter => "MQTT-4.7.3-2",
            Self::WildcardInName => "MQTT-3.3.2-2",
            Self::MisplacedMultiLevelWildcard => "MQTT-4.7.1-1; 3.1.1: MQTT-4.7.1-2",
            Self::MisplacedSingleLevelWildcard => "MQTT-4.7.1-2; 3.1.1: MQTT-4.7.1-3",
            Self::InvalidShareName => "MQTT-4.8.2-1, MQTT-4.8.2-2",
        }
    }

    /// The Reason Code that tells the peer.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::Empty | Self::TooLong | Self::NullCharacter => ReasonCode::MALFORMED_PACKET,
            Self::WildcardInName => ReasonCode::TOPIC_NAME_INVALID,
            Self::MisplacedMultiLevelWildcard | Self::MisplacedSingleLevelWildcard | Self::InvalidShareName => {
                ReasonCode::TOPIC_FILTER_INVALID
            }
        }
    }
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

    /// A text that the caller has found to be a Topic Name.
    pub(crate) const fn from_checked(text: ByteString) -> Self {
        Self(text)
    }

    /// The name with memory of its own, instead of a slice of a read buffer that it would keep alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(ByteString::from(String::from(&*self.0)))
    }

    /// What is behind a prefix of the name, without a copy; `None` where it begins otherwise, or where nothing is behind.
    pub fn without_prefix(&self, prefix: &str) -> Option<Self> {
        let rest = self.0.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
        // A part of a Topic Name has no wildcard and no null character either.
        Some(Self(self.0.slice_ref(rest)))
    }

    /// Whether the topic belongs to the server (`$SYS/…`): no filter that starts with a wildcard matches it
    /// [MQTT-4.7.2-1].
    pub fn is_server_topic(&self) -> bool {
        self.0.starts_with('$')
    }
}

/// What a Subscription asks for: a Topic Name with `+` and `#` as wildcards, `$share/name/…` included.
///
/// Filters are equal where their texts are, whichever version they were parsed for.
#[derive(Clone)]
pub struct TopicFilter {
    text: ByteString,
    /// Where the filter proper starts: behind `$share/name/` in a Shared Subscription, else 0.
    start: u16,
}

const SHARE_PREFIX: &str = "$share/";

impl TopicFilter {
    /// Parses a Topic Filter as MQTT 5.0 does.
    ///
    /// # Errors
    /// Where the text is empty, too long, contains U+0000, or has a wildcard or share name out of place.
    pub fn new(text: impl Into<ByteString>) -> Result<Self, InvalidTopic> {
        Self::new_for(ProtocolVersion::V5, text)
    }

    /// Parses a Topic Filter of a client of `version`: below 5.0 there are no Shared Subscriptions, and `$share` is a
    /// level like any other.
    ///
    /// # Errors
    /// As [`TopicFilter::new`].
    pub fn new_for(version: ProtocolVersion, text: impl Into<ByteString>) -> Result<Self, InvalidTopic> {
        let text = text.into();
        check_length_and_null(&text)?;
        let start = match version {
            ProtocolVersion::V5 => start_of_filter(&text)?,
            ProtocolVersion::V31 | ProtocolVersion::V311 => 0,
        };
        check_wildcards(&text[start..])?;
        Ok(Self {
            text,
            // No more than the length, which `check_length_and_null` holds against this very type.
            start: start as u16,
        })
    }

    /// The share name and the filter behind it, of a Shared Subscription (MQTT 5.0, 4.8.2).
    pub fn shared(&self) -> Option<(&str, &str)> {
        let start = usize::from(self.start);
        (start > 0).then(|| (&self.text[SHARE_PREFIX.len()..start - 1], &self.text[start..]))
    }

    /// Whether the filter matches a topic (4.7.1 Topic wildcards, 4.7.2 Topics beginning with $).
    pub fn matches(&self, topic: &TopicName) -> bool {
        let filter = &self.text[usize::from(self.start)..];
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
        Self { text: ByteString::from(String::from(&*self.text)), start: self.start }
    }
}

/// Where the filter behind `$share/name/` starts; 0 where there is no such prefix.
fn start_of_filter(text: &str) -> Result<usize, InvalidTopic> {
    if text == "$share" {
        return Err(InvalidTopic::InvalidShareName);
    }
    let Some(shared) = text.strip_prefix(SHARE_PREFIX) else {
        return Ok(0);
    };
    match shared.split_once('/') {
        Some((name, filter)) if !name.is_empty() && !name.contains(['+', '#']) && !filter.is_empty() => {
            Ok(text.len() - filter.len())
        }
        _ => Err(InvalidTopic::InvalidShareName),
    }
}

/// One pass over the bytes, for a packet may have hundreds of thousands of filters.
fn check_wildcards(filter: &str) -> Result<(), InvalidTopic> {
    let bytes = filter.as_bytes();
    for (index, &byte) in bytes.iter().enumerate() {
        let (before, behind) = (index.checked_sub(1).map(|before| bytes[before]), bytes.get(index + 1));
        let begins_level = matches!(before, None | Some(b'/'));
        if byte == b'#' && !(begins_level && behind.is_none()) {
            return Err(InvalidTopic::MisplacedMultiLevelWildcard);
        }
        if byte == b'+' && !(begins_level && matches!(behind, None | Some(b'/'))) {
            return Err(InvalidTopic::MisplacedSingleLevelWildcard);
        }
    }
    Ok(())
}

// Equality, order and hash are those of `str`, as `Borrow<str>` demands.
impl PartialEq for TopicFilter {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TopicFilter {}

impl PartialOrd for TopicFilter {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TopicFilter {
    fn cmp(&self, other: &Self) -> Ordering {
        str::cmp(self, other)
    }
}

impl Hash for TopicFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(self, state);
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
    ($type:ty, $text:tt) => {
        impl Deref for $type {
            type Target = str;
            fn deref(&self) -> &str {
                &self.$text
            }
        }
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.$text
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.$text
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.$text)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.$text, formatter)
            }
        }
    };
}

reads_as_str!(TopicName, 0);
reads_as_str!(TopicFilter, text);

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::new(text).expect("the tests' own topics are valid")
    }

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::new(text).expect("the tests' own filters are valid")
    }

    #[test]
    fn names() {
        for text in ["a", "/", "//", "a/b c", "$SYS/x", "ä/€/🦉", " ", "$share/g/a", &"x".repeat(65_535)] {
            assert_eq!(&*name(text), text);
        }
        for (text, reason) in [
            ("", InvalidTopic::Empty),
            ("a/\0", InvalidTopic::NullCharacter),
            ("#", InvalidTopic::WildcardInName),
            ("a/+", InvalidTopic::WildcardInName),
            ("a+b", InvalidTopic::WildcardInName),
            (&"x".repeat(65_536), InvalidTopic::TooLong),
        ] {
            assert_eq!(TopicName::new(text), Err(reason), "{text:.10}");
        }
    }

    #[test]
    fn filters() {
        for text in [
            "a",
            "/",
            "#",
            "+",
            "+/+",
            "/#",
            "a/+/b/#",
            "$SYS/#",
            "$shared/x",
            "$share/g/a",
            "$share/g/#",
            "$share/g//",
        ] {
            assert_eq!(&*filter(text), text);
        }
        for (text, reason) in [
            ("", InvalidTopic::Empty),
            ("\0", InvalidTopic::NullCharacter),
            ("#/a", InvalidTopic::MisplacedMultiLevelWildcard),
            ("##", InvalidTopic::MisplacedMultiLevelWildcard),
            ("a#", InvalidTopic::MisplacedMultiLevelWildcard),
            ("a/#/", InvalidTopic::MisplacedMultiLevelWildcard),
            ("+#", InvalidTopic::MisplacedSingleLevelWildcard),
            ("++", InvalidTopic::MisplacedSingleLevelWildcard),
            ("a/b+", InvalidTopic::MisplacedSingleLevelWildcard),
            ("+a/b", InvalidTopic::MisplacedSingleLevelWildcard),
            ("$share", InvalidTopic::InvalidShareName),
            ("$share/", InvalidTopic::InvalidShareName),
            ("$share/g", InvalidTopic::InvalidShareName),
            ("$share/g/", InvalidTopic::InvalidShareName),
            ("$share//a", InvalidTopic::InvalidShareName),
            ("$share/#/a", InvalidTopic::InvalidShareName),
            ("$share/g+/a", InvalidTopic::InvalidShareName),
            ("$share/g/a#", InvalidTopic::MisplacedMultiLevelWildcard),
            (&"x".repeat(65_536), InvalidTopic::TooLong),
        ] {
            assert_eq!(TopicFilter::new(text), Err(reason), "{text:.10}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(filter("$share/group/a/+").shared(), Some(("group", "a/+")));
        assert_eq!(filter("$share/g//").shared(), Some(("g", "/")));
        assert_eq!(filter("$shared/g/a").shared(), None);
        let longest = format!("$share/{}/a", "g".repeat(65_535 - 9));
        assert_eq!(filter(&longest).shared().map(|(_, filter)| filter), Some("a"));
        assert_eq!(filter("$share/g/a").detached().shared(), Some(("g", "a")));
    }

    #[test]
    fn below_5_there_are_no_shares() {
        for text in ["$share", "$share/", "$share/g", "$share/+/a", "$share/g/a"] {
            for version in [ProtocolVersion::V31, ProtocolVersion::V311] {
                let filter = TopicFilter::new_for(version, text).expect("an ordinary filter");
                assert_eq!(filter.shared(), None, "{text}");
            }
        }
        let ordinary = TopicFilter::new_for(ProtocolVersion::V311, "$share/g/a").expect("an ordinary filter");
        assert!(ordinary.matches(&name("$share/g/a")));
        assert!(!ordinary.matches(&name("a")));
        assert_eq!(
            TopicFilter::new_for(ProtocolVersion::V311, "$share/g/a#"),
            Err(InvalidTopic::MisplacedMultiLevelWildcard)
        );
    }

    #[test]
    fn matching() {
        // Filter, what it matches, what it does not.
        let table: &[(&str, &[&str], &[&str])] = &[
            ("a", &["a"], &["A", "a/", "/a", "a/b", "b", "aa"]),
            ("a/b", &["a/b"], &["a", "a/", "a/b/", "a/b/c", "a/bb"]),
            ("#", &["a", "/", "a/b", "/a", "a/b/c/", " "], &["$SYS", "$SYS/a", "$"]),
            ("+", &["a", " "], &["/", "a/", "a/b", "/a", "$SYS"]),
            ("+/+", &["a/b", "/", "/a", "a/"], &["a", "a/b/c", "$SYS/a"]),
            ("/+", &["/a", "/"], &["a", "a/b", "/a/b"]),
            ("/#", &["/", "/a", "/a/b"], &["a", "a/"]),
            ("a/#", &["a", "a/", "a/b", "a/b/c"], &["b", "/a", "aa", "$a"]),
            ("a/+", &["a/b", "a/"], &["a", "a/b/c", "a//"]),
            ("a/+/c", &["a/b/c", "a//c"], &["a/c", "a/b/b/c", "a/b"]),
            ("a/+/#", &["a/b", "a/", "a/b/c/d"], &["a", "b/a"]),
            ("+/b/#", &["a/b", "/b", "a/b/c"], &["b", "a/c/b", "$SYS/b"]),
            ("+/#", &["a", "a/b", "/"], &["$SYS", "$SYS/a"]),
            (
                "sport/tennis/player1/#",
                &["sport/tennis/player1", "sport/tennis/player1/ranking"],
                &["sport/tennis/player11"],
            ),
            ("$SYS/#", &["$SYS", "$SYS/", "$SYS/a/b"], &["$SYSTEM", "SYS/a", "a/$SYS"]),
            ("$SYS/+", &["$SYS/a"], &["$SYS", "$SYS/a/b"]),
            ("+/$SYS", &["a/$SYS"], &["$SYS/$SYS"]),
            ("ä/+", &["ä/ö"], &["a/ö", "a\u{308}/ö"]),
            // The filter behind the share is what counts, its `$` too.
            ("$share/g/a/+", &["a/b"], &["$share/g/a/b", "a"]),
            ("$share/g/#", &["a", "a/b"], &["$SYS/a"]),
            ("$share/g/$SYS/#", &["$SYS/a"], &["a"]),
        ];
        for (text, matching, others) in table {
            let filter = filter(text);
            for topic in *matching {
                assert!(filter.matches(&name(topic)), "{text} matches {topic}");
            }
            for topic in *others {
                assert!(!filter.matches(&name(topic)), "{text} does not match {topic}");
            }
        }
    }

    #[test]
    fn maps_are_asked_by_text() {
        let names = HashMap::from([(name("a/b"), 1)]);
        assert_eq!(names.get("a/b"), Some(&1));
        let filters = HashMap::from([(filter("$share/g/a"), 2)]);
        assert_eq!(filters.get("$share/g/a"), Some(&2));
        let below_5 = TopicFilter::new_for(ProtocolVersion::V311, "$share/g/a").expect("an ordinary filter");
        assert_eq!(filters.get(&below_5), Some(&2));
    }

    #[test]
    fn server_topics() {
        assert!(name("$SYS/a").is_server_topic());
        assert!(!name("a/$SYS").is_server_topic());
    }
}
