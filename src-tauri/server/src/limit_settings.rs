//! `[limits]` in `nightjar.toml`: one setting for each field of [`Limits`], by its name.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::Range;
use std::time::Duration;

use nightjar_broker::Limits;
use toml::{Spanned, Value};

use crate::quantity::Kind;

/// `[limits]` as it stands in the file.
pub(crate) type LimitsTable = BTreeMap<Spanned<String>, Spanned<Value>>;

/// A value that can't be used: where it stands in the file, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) problem: String,
}

/// A setting: its field, what its number counts, and what is allowed.
struct Setting {
    /// As Rust writes it.
    field: &'static str,
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
    ($field:ident, $kind:ident, $least:expr, $most:expr) => {
        setting!($field, $kind, $least, $most, false)
    };
    ($field:ident, $kind:ident, $least:expr, $most:expr, or off) => {
        setting!($field, $kind, $least, $most, true)
    };
    ($field:ident, $kind:ident, $least:expr, $most:expr, $optional:literal) => {
        Setting {
            field: stringify!($field),
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
    setting!(maximum_connections, Count, 1, 10_000_000),
    setting!(maximum_connections_per_address, Count, 1, 10_000_000, or off),
    setting!(maximum_silent_connections, Count, 1, 100_000),
    setting!(connect_timeout, Time, SECOND, 10 * MINUTE),
    setting!(maximum_failed_connects, Count, 1, 1_000, or off),
    setting!(maximum_takeovers, Count, 1, 1_000, or off),
    setting!(first_pause, Time, SECOND, DAY),
    setting!(longest_pause, Time, SECOND, DAY),
    setting!(maximum_sessions, Count, 1, 10_000_000),
    setting!(maximum_session_expiry, Seconds, SECOND, 40_000 * DAY, or off),
    setting!(maximum_keep_alive, Seconds, SECOND, LONGEST_KEEP_ALIVE, or off),
    setting!(stall_timeout, Time, SECOND, DAY),
    setting!(maximum_packet_size, Size, 1_024, LARGEST_PACKET),
    setting!(maximum_publish_rate, Count, 1, 1_000_000_000, or off),
    setting!(maximum_read_rate, Size, 1_000, 100 * GIB, or off),
    setting!(receive_maximum, Count, 1, 65_535),
    setting!(maximum_inflight, Count, 1, 65_535),
    setting!(maximum_queued_messages, Count, 1, 1_000_000_000),
    setting!(maximum_queued_bytes, Size, 1_024, 1_024 * GIB),
    setting!(maximum_stored_messages, Count, 1, 1_000_000_000),
    setting!(maximum_stored_bytes, Size, 1_024, 1_024 * GIB),
    setting!(maximum_waiting_messages, Count, 1, 1_000_000_000),
    setting!(maximum_waiting_bytes, Size, 1_024, 1_024 * GIB),
    setting!(maximum_subscriptions, Count, 1, 100_000_000),
    setting!(maximum_subscription_bytes, Size, 1_024, 1_024 * GIB),
    setting!(maximum_topic_levels, Count, 1, MOST_LEVELS),
    setting!(maximum_topic_length, Size, 1, 65_535),
    setting!(topic_alias_maximum, Count, 0, 65_535),
    setting!(maximum_aliases_to_client, Count, 0, 65_535),
    setting!(maximum_retained_messages, Count, 0, 1_000_000_000),
    setting!(maximum_retained_bytes, Size, 0, 1_024 * GIB),
    setting!(sys_interval, Time, SECOND, DAY, or off),
];

/// Reads `[limits]`.
pub(crate) fn read(table: &LimitsTable) -> Result<Limits, Fault> {
    let mut limits = Limits::default();
    for (key, value) in table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key() == *key.get_ref()) else {
            let problem = format!("[limits] has no setting {}: see the table of settings in the README", key.get_ref());
            return Err(Fault { span: key.span(), problem });
        };
        let number = setting.read(value.get_ref()).map_err(|problem| Fault { span: value.span(), problem })?;
        (setting.access)(&mut limits).set(number);
    }
    if limits.first_pause > limits.longest_pause {
        let span = ["first-pause", "longest-pause"].into_iter().filter_map(|name| table.get(name)).next();
        let problem = "first-pause is longer than longest-pause: make it shorter, or the other one longer".to_owned();
        return Err(Fault { span: span.map_or(0..0, Spanned::span), problem });
    }
    Ok(limits)
}

impl Setting {
    /// As the file writes it.
    fn key(&self) -> String {
        self.field.replace('_', "-")
    }

    fn read(&self, value: &Value) -> Result<Option<u64>, String> {
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
        let key = self.key();
        match number {
            Some(number) if (self.least..=self.most).contains(&number) => Ok(Some(number)),
            Some(_) => {
                let (least, most) = (self.kind.write(self.least), self.kind.write(self.most));
                Err(format!(
                    "{key} can't be {value}: write something from {least} to {most}{or_off} (default {default})"
                ))
            }
            None => Err(format!("{key} can't be {value}: {}{or_off} (default {default})", self.kind.form())),
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
    use std::collections::BTreeSet;

    use super::*;

    /// The fields of [`Limits`] and their values, as Rust shows them.
    fn shown(limits: &Limits) -> BTreeMap<String, String> {
        let text = format!("{limits:?}");
        let inside = text.strip_prefix("Limits { ").unwrap().strip_suffix(" }").unwrap();
        inside.split(", ").map(|pair| pair.split_once(": ").unwrap()).map(|(n, v)| (n.into(), v.into())).collect()
    }

    fn read_text(text: &str) -> Result<Limits, Fault> {
        read(&toml::from_str(text).unwrap())
    }

    #[test]
    fn every_field_is_a_setting_that_changes_it_and_nothing_else() {
        let defaults = shown(&Limits::default());
        let fields: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.field.to_owned()).collect();
        assert_eq!(fields, defaults.keys().cloned().collect());
        for setting in SETTINGS {
            let mut limits = Limits::default();
            let default = (setting.access)(&mut limits).get();
            let other = [Some(setting.least), Some(setting.most)].into_iter().find(|number| *number != default);
            (setting.access)(&mut limits).set(other.unwrap());
            let mut text = format!("{} = {}\n", setting.key(), setting.written(&mut limits));
            if setting.field == "first_pause" {
                text += "longest-pause = \"10 min\"";
            } else if setting.field == "longest_pause" {
                text += "first-pause = \"1 s\"";
            }
            let read = shown(&read_text(&text).unwrap_or_else(|fault| panic!("{text}: {}", fault.problem)));
            let changed: Vec<_> = defaults.keys().filter(|field| read[*field] != defaults[*field]).collect();
            let others = ["first_pause", "longest_pause"];
            assert!(changed.iter().any(|field| *field == setting.field), "{text} changes {changed:?}");
            assert!(changed.iter().all(|field| *field == setting.field || others.contains(&&field[..])), "{changed:?}");
        }
    }

    #[test]
    fn the_readme_has_each_setting_with_its_default() {
        let readme = include_str!("../../../README.md");
        let rows: Vec<_> = readme.lines().filter(|line| line.starts_with("| `")).collect();
        let mut last = 0;
        for setting in SETTINGS {
            let start = format!("| `{}` | `{}` | ", setting.key(), setting.written(&mut Limits::default()));
            let place = rows.iter().position(|row| row.starts_with(&start));
            let place = place.unwrap_or_else(|| panic!("the README has no row {start}"));
            assert!(place > last, "{} is not in the order of the table", setting.key());
            last = place;
        }
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
        ] {
            let fault = read_text(text).unwrap_err();
            let (what, how) = fault.problem.rsplit_once(": ").unwrap();
            assert!(what.contains(problem) && how.contains(cure), "{text}: {}", fault.problem);
            assert!(fault.span.end <= text.len() && !fault.span.is_empty(), "{text}: {:?}", fault.span);
        }
    }
}
