//! `[limits]` in `nightjar.toml`, and what of it a listener may have in its own way: one setting for each field of
//! [`Limits`], by its name, and those of [`Terms`] that are no numbers.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use nightjar_broker::{Limits, Terms};
use nightjar_mqtt::{ProtocolVersion, QoS};
use toml::Value;

use crate::quantity::Kind;
use crate::settings_reader::Section;

/// A setting: its field, what its number counts, and what is allowed.
struct Setting {
    /// As the file writes it.
    key: &'static str,
    kind: Kind,
    least: u64,
    most: u64,
    /// The limit can be off.
    optional: bool,
    access: fn(&mut Limits) -> &mut dyn Field,
}

/// A field of [`Limits`]: bytes, milliseconds or a count, or `None` where it is off.
trait Field {
    fn set(&mut self, number: Option<u64>);
    fn get(&self) -> Option<u64>;
}

macro_rules! setting {
    ($key:literal, $field:ident, $kind:ident, $least:expr, $most:expr) => {
        setting!($key, $field, $kind, $least, $most, false)
    };
    ($key:literal, $field:ident, $kind:ident, $least:expr, $most:expr, or off) => {
        setting!($key, $field, $kind, $least, $most, true)
    };
    ($key:literal, $field:ident, $kind:ident, $least:expr, $most:expr, $optional:literal) => {
        Setting {
            key: $key,
            kind: Kind::$kind,
            least: $least,
            most: $most,
            optional: $optional,
            access: |limits| &mut limits.$field,
        }
    };
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 1_440 * MINUTE;
const GIB: u64 = 1 << 30;
/// MQTT's largest Keep Alive, 3.1.2.10.
const LONGEST_KEEP_ALIVE: u64 = 65_535 * SECOND;
/// MQTT's largest packet: a header of five bytes and the largest Remaining Length, 2.1.4.
const LARGEST_PACKET: u64 = 268_435_460;
/// A walk over a tree of topics takes a stack frame a level.
const MOST_LEVELS: u64 = 1_000;

/// In the order of the README's table.
const SETTINGS: &[Setting] = &[
    setting!("maximum-connections", maximum_connections, Count, 1, 10_000_000),
    setting!("maximum-connections-per-address", maximum_connections_per_address, Count, 1, 10_000_000, or off),
    setting!("maximum-silent-connections", maximum_silent_connections, Count, 1, 100_000),
    setting!("connect-timeout", connect_timeout, Time, SECOND, 10 * MINUTE),
    setting!("maximum-failed-connects", maximum_failed_connects, Count, 1, 1_000, or off),
    setting!("maximum-takeovers", maximum_takeovers, Count, 1, 1_000, or off),
    setting!("first-pause", first_pause, Time, SECOND, DAY),
    setting!("longest-pause", longest_pause, Time, SECOND, DAY),
    setting!("maximum-sessions", maximum_sessions, Count, 1, 10_000_000),
    setting!("maximum-session-expiry", maximum_session_expiry, Seconds, SECOND, 40_000 * DAY, or off),
    setting!("maximum-keep-alive", maximum_keep_alive, Seconds, SECOND, LONGEST_KEEP_ALIVE, or off),
    setting!("stall-timeout", stall_timeout, Time, SECOND, DAY),
    setting!("maximum-packet-size", maximum_packet_size, Size, 1_024, LARGEST_PACKET),
    setting!("maximum-publish-rate", maximum_publish_rate, Count, 1, 1_000_000_000, or off),
    setting!("maximum-read-rate", maximum_read_rate, Size, 1_000, 100 * GIB, or off),
    setting!("receive-maximum", receive_maximum, Count, 1, 65_535),
    setting!("maximum-inflight", maximum_inflight, Count, 1, 65_535),
    setting!("maximum-queued-messages", maximum_queued_messages, Count, 1, 1_000_000_000),
    setting!("maximum-queued-bytes", maximum_queued_bytes, Size, 1_024, 1_024 * GIB),
    setting!("maximum-stored-messages", maximum_stored_messages, Count, 1, 1_000_000_000),
    setting!("maximum-stored-bytes", maximum_stored_bytes, Size, 1_024, 1_024 * GIB),
    setting!("maximum-waiting-messages", maximum_waiting_messages, Count, 1, 1_000_000_000),
    setting!("maximum-waiting-bytes", maximum_waiting_bytes, Size, 1_024, 1_024 * GIB),
    setting!("maximum-subscriptions", maximum_subscriptions, Count, 1, 100_000_000),
    setting!("maximum-subscription-bytes", maximum_subscription_bytes, Size, 1_024, 1_024 * GIB),
    setting!("maximum-topic-levels", maximum_topic_levels, Count, 1, MOST_LEVELS),
    setting!("maximum-topic-length", maximum_topic_length, Size, 1, 65_535),
    setting!("topic-alias-maximum", topic_alias_maximum, Count, 0, 65_535),
    setting!("maximum-aliases-to-client", maximum_aliases_to_client, Count, 0, 65_535),
    setting!("maximum-retained-messages", maximum_retained_messages, Count, 0, 1_000_000_000),
    setting!("maximum-retained-bytes", maximum_retained_bytes, Size, 0, 1_024 * GIB),
    setting!("sys-interval", sys_interval, Time, SECOND, DAY, or off),
];

/// Those of them that bound the broker as a whole; the others are about one client, and a listener may have its own.
const OF_THE_BROKER: [&str; 11] = [
    "maximum-connections",
    "maximum-connections-per-address",
    "maximum-silent-connections",
    "maximum-failed-connects",
    "maximum-takeovers",
    "first-pause",
    "longest-pause",
    "maximum-sessions",
    "maximum-retained-messages",
    "maximum-retained-bytes",
    "sys-interval",
];

const VERSIONS: [(&str, ProtocolVersion); 3] =
    [("3.1", ProtocolVersion::V31), ("3.1.1", ProtocolVersion::V311), ("5.0", ProtocolVersion::V5)];
/// Characters of the beginning of an identifier that the broker chooses; MQTT 3.1 and its 23 have no such identifiers.
const LONGEST_PREFIX: usize = 40;

/// Reads `[limits]`.
pub(crate) fn read(mut section: Section<'_>) -> Terms {
    let mut terms = Terms::default();
    read_limits(&mut section, &mut terms.limits, |_| true);
    if terms.limits.first_pause > terms.limits.longest_pause {
        let problem = "first-pause is longer than longest-pause: make it shorter, or the other one longer".to_owned();
        section.fault(if section.has("first-pause") { "first-pause" } else { "longest-pause" }, problem);
    }
    read_terms(&mut section, &mut terms);
    section.finish_with(|name, _| format!("[limits] has no setting {name}: see the table of settings in the README"));
    terms
}

/// Reads what a listener has in another way than `terms`, which are those of all.
pub(crate) fn read_own(section: &mut Section<'_>, terms: &mut Terms) {
    read_limits(section, &mut terms.limits, |key| !OF_THE_BROKER.contains(&key));
    read_terms(section, terms);
}

fn read_limits(section: &mut Section<'_>, limits: &mut Limits, is_read: impl Fn(&str) -> bool) {
    for setting in SETTINGS.iter().filter(|setting| is_read(setting.key)) {
        if let Some(number) = section.checked(setting.key, |value, written| setting.read(value, written)) {
            (setting.access)(limits).set(number);
        }
    }
}

fn read_terms(section: &mut Section<'_>, terms: &mut Terms) {
    let versions = "write a list of \"3.1\", \"3.1.1\" and \"5.0\" with at least one of them";
    let version = |text: &str| VERSIONS.iter().find(|(name, _)| *name == text).map(|(_, version)| *version);
    let versions = section.checked("versions", |value, written| {
        let read = value.as_array().and_then(|list| list.iter().map(|item| version(item.as_str()?)).collect());
        let read: Option<Vec<_>> = read.filter(|list: &Vec<_>| !list.is_empty());
        read.ok_or_else(|| format!("versions can't be {written}: {versions}"))
    });
    if let Some(versions) = versions {
        terms.versions = versions;
    }
    let qos = |value: &Value| QoS::from_level(u8::try_from(value.as_integer()?).ok()?);
    if let Some(qos) = section.value("maximum-qos", "write 0, 1 or 2", qos) {
        terms.maximum_qos = qos;
    }
    if let Some(retain) = section.flag("retain") {
        terms.retain = retain;
    }
    if let Some(check) = section.flag("check-retain-source") {
        terms.check_retain_source = check;
    }
    if let Some(allowed) = section.flag("empty-identifiers") {
        terms.empty_identifiers = allowed;
    }
    let prefix = format!("write up to {LONGEST_PREFIX} characters, such as \"auto-\"");
    let prefix = section.value("identifier-prefix", &prefix, |value| {
        let fits = |text: &&str| text.chars().count() <= LONGEST_PREFIX && !text.chars().any(char::is_control);
        value.as_str().filter(fits).map(str::to_owned)
    });
    if let Some(prefix) = prefix {
        terms.identifier_prefix = prefix;
    }
}

impl Setting {
    fn read(&self, value: &Value, written: &str) -> Result<Option<u64>, String> {
        let is_off = value.as_str() == Some("off") || value.as_integer() == Some(0);
        if self.optional && is_off {
            return Ok(None);
        }
        let number = match value {
            Value::Integer(number) if self.kind == Kind::Count => u64::try_from(*number).ok(),
            Value::String(text) if self.kind != Kind::Count => self.kind.parse(text),
            _ => None,
        };
        let default = self.written(&mut Limits::default());
        let or_off = if self.optional { ", or \"off\"" } else { "" };
        let key = self.key;
        match number {
            Some(number) if (self.least..=self.most).contains(&number) => Ok(Some(number)),
            Some(_) => {
                let (least, most) = (self.kind.write(self.least), self.kind.write(self.most));
                Err(format!(
                    "{key} can't be {written}: write something from {least} to {most}{or_off} (default {default})"
                ))
            }
            None => Err(format!("{key} can't be {written}: {}{or_off} (default {default})", self.kind.form())),
        }
    }

    /// The value as the file writes it.
    fn written(&self, limits: &mut Limits) -> String {
        match (self.access)(limits).get() {
            None => "\"off\"".to_owned(),
            Some(number) if self.kind == Kind::Count => number.to_string(),
            Some(number) => format!("\"{}\"", self.kind.write(number)),
        }
    }
}

impl Field for usize {
    fn set(&mut self, number: Option<u64>) {
        *self = number.map_or(0, |number| Self::try_from(number).unwrap_or(Self::MAX));
    }

    fn get(&self) -> Option<u64> {
        Some(*self as u64)
    }
}

impl Field for u16 {
    fn set(&mut self, number: Option<u64>) {
        *self = number.map_or(0, |number| Self::try_from(number).unwrap_or(Self::MAX));
    }

    fn get(&self) -> Option<u64> {
        Some(u64::from(*self))
    }
}

impl Field for Duration {
    fn set(&mut self, number: Option<u64>) {
        *self = Self::from_millis(number.unwrap_or(0));
    }

    fn get(&self) -> Option<u64> {
        u64::try_from(self.as_millis()).ok()
    }
}

impl Field for Option<Duration> {
    fn set(&mut self, number: Option<u64>) {
        *self = number.map(Duration::from_millis);
    }

    fn get(&self) -> Option<u64> {
        self.as_ref().and_then(Field::get)
    }
}

impl Field for Option<NonZeroUsize> {
    fn set(&mut self, number: Option<u64>) {
        *self = number.and_then(|number| NonZeroUsize::new(usize::try_from(number).unwrap_or(usize::MAX)));
    }

    fn get(&self) -> Option<u64> {
        self.map(|number| number.get() as u64)
    }
}

impl Field for Option<NonZeroU32> {
    fn set(&mut self, number: Option<u64>) {
        *self = number.and_then(|number| NonZeroU32::new(u32::try_from(number).unwrap_or(u32::MAX)));
    }

    fn get(&self) -> Option<u64> {
        self.map(|number| u64::from(number.get()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::settings_reader::{Fault, read_text as read_all};

    /// The fields of [`Limits`] and their values, as Rust shows them.
    fn shown(limits: &Limits) -> BTreeMap<String, String> {
        let text = format!("{limits:?}");
        let inside = text.strip_prefix("Limits { ").unwrap().strip_suffix(" }").unwrap();
        inside.split(", ").map(|pair| pair.split_once(": ").unwrap()).map(|(n, v)| (n.into(), v.into())).collect()
    }

    fn read_terms_of(text: &str) -> Result<Terms, Fault> {
        let text = format!("[limits]\n{text}");
        read_all(&text, |top| read(top.section("limits"))).map_err(|faults| faults[0].clone())
    }

    fn read_text(text: &str) -> Result<Limits, Fault> {
        read_terms_of(text).map(|terms| terms.limits)
    }

    #[test]
    fn every_field_is_a_setting_that_changes_it_and_nothing_else() {
        let defaults = shown(&Limits::default());
        let fields: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key.replace('-', "_")).collect();
        assert_eq!(fields, defaults.keys().cloned().collect());
        for setting in SETTINGS {
            let field = setting.key.replace('-', "_");
            let mut limits = Limits::default();
            let default = (setting.access)(&mut limits).get();
            let other = [Some(setting.least), Some(setting.most)].into_iter().find(|number| *number != default);
            (setting.access)(&mut limits).set(other.unwrap());
            let mut text = format!("{} = {}\n", setting.key, setting.written(&mut limits));
            if setting.key == "first-pause" {
                text += "longest-pause = \"10 min\"";
            } else if setting.key == "longest-pause" {
                text += "first-pause = \"1 s\"";
            }
            let read = shown(&read_text(&text).unwrap_or_else(|fault| panic!("{text}: {}", fault.problem)));
            let changed: Vec<_> = defaults.keys().filter(|field| read[*field] != defaults[*field]).collect();
            let others = ["first_pause", "longest_pause"];
            assert!(changed.iter().any(|changed| **changed == field), "{text} changes {changed:?}");
            assert!(changed.iter().all(|changed| **changed == field || others.contains(&&changed[..])), "{changed:?}");
        }
    }

    #[test]
    fn the_readme_has_each_setting_with_its_default() {
        let readme = include_str!("../../../README.md");
        let rows: Vec<_> = readme.lines().filter(|line| line.starts_with("| `")).collect();
        let mut last = 0;
        for setting in SETTINGS {
            let start = format!("| `{}` | `{}` | ", setting.key, setting.written(&mut Limits::default()));
            let place = rows.iter().position(|row| row.starts_with(&start));
            let place = place.unwrap_or_else(|| panic!("the README has no row {start}"));
            assert!(place > last, "{} is not in the order of the table", setting.key);
            last = place;
        }
    }

    #[test]
    fn terms_are_read() {
        let text = "versions = [\"5.0\", \"3.1.1\"]\nmaximum-qos = 1\nretain = false\n\
                    check-retain-source = false\nempty-identifiers = false\n\
                    identifier-prefix = \"dev-\"";
        let expected = Terms {
            versions: vec![ProtocolVersion::V5, ProtocolVersion::V311],
            maximum_qos: QoS::AtLeastOnce,
            retain: false,
            check_retain_source: false,
            empty_identifiers: false,
            identifier_prefix: "dev-".to_owned(),
            ..Terms::default()
        };
        assert_eq!(read_terms_of(text).unwrap(), expected);
    }

    #[test]
    fn what_bounds_the_broker_is_none_of_a_listener() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert!(OF_THE_BROKER.iter().all(|key| keys.contains(key)), "a name is wrong");
        let read = |text: &str| {
            let mut terms = Terms::default();
            let read = |top: &mut Section<'_>| read_own(top, &mut terms);
            read_all(text, read).map(|()| terms.limits.receive_maximum)
        };
        assert_eq!(read("receive-maximum = 5"), Ok(5));
        assert!(read("maximum-sessions = 5").unwrap_err()[0].problem.contains("no setting maximum-sessions"));
    }

    #[test]
    fn a_limit_can_be_off_where_that_makes_sense() {
        let limits = read_text("sys-interval = 0\nmaximum-connections-per-address = \"off\"").unwrap();
        assert_eq!((limits.sys_interval, limits.maximum_connections_per_address), (None, None));
        assert!(read_text("maximum-connections = \"off\"").is_err());
        assert_eq!(read_text("topic-alias-maximum = 0").unwrap().topic_alias_maximum, 0);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_cure() {
        for (text, problem, cure) in [
            ("maximum-packet-size = \"2 XB\"", "maximum-packet-size can't be \"2 XB\"", "such as \"2 MB\""),
            ("maximum-packet-size = 2000000", "maximum-packet-size can't be 2000000", "such as \"2 MB\""),
            ("maximum-packet-size = \"1 GB\"", "maximum-packet-size can't be", "from 1 KiB to 268435460 B"),
            ("sys-interval = \"10 ms\"", "sys-interval can't be", "from 1 s to 1 d, or \"off\""),
            ("receive-maximum = 0", "receive-maximum can't be 0", "from 1 to 65535"),
            ("receive-maximum = \"5\"", "receive-maximum can't be", "write a whole number"),
            ("maximum-keep-alive = \"1500 ms\"", "maximum-keep-alive can't be", "or \"off\""),
            ("first-pause = \"1 h\"", "first-pause is longer than longest-pause", "make it shorter"),
            ("maximum-conections = 5", "has no setting maximum-conections", "README"),
            ("versions = []", "versions can't be []", "at least one of them"),
            ("versions = [\"4\"]", "versions can't be [\"4\"]", "\"3.1.1\""),
            ("maximum-qos = 3", "maximum-qos can't be 3", "write 0, 1 or 2"),
            ("retain = 1", "retain can't be 1", "write true or false"),
            ("identifier-prefix = \"\\n\"", "identifier-prefix can't be", "such as \"auto-\""),
        ] {
            let fault = read_text(text).unwrap_err();
            let (what, how) = fault.problem.rsplit_once(": ").unwrap();
            assert!(what.contains(problem) && how.contains(cure), "{text}: {}", fault.problem);
            assert!(!fault.span.is_empty(), "{text}: {:?}", fault.span);
        }
    }
}
