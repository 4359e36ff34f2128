//! `[history]` in `nightjar.toml`: what is kept for how long, and what happens where the disk can't keep up.

use std::time::Duration;

use nightjar_mqtt::TopicFilter;
use nightjar_store::{Bounds, Keep, Keeping, KeepingRule, OnOverload};
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::limit_settings::Fault;
use crate::quantity::Kind;

/// What the journal keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistorySettings {
    /// `keep = "30 d"`, `messages`, `bytes`, `file = "10 GB"`, `events = "365 d"`, and `[[history.rules]]` by topic filter.
    pub keeping: Keeping,
    /// `on-overload = "slow-publishers"` (the default) or `"skip-history"`.
    pub on_overload: OnOverload,
}

/// `[history]` as it stands in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct HistoryTable {
    keep: Option<Spanned<Value>>,
    messages: Option<Spanned<Value>>,
    bytes: Option<Spanned<Value>>,
    file: Option<Spanned<Value>>,
    events: Option<Spanned<Value>>,
    on_overload: Option<Spanned<Value>>,
    rules: Vec<RuleTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleTable {
    filter: Spanned<String>,
    keep: Option<Spanned<Value>>,
    messages: Option<Spanned<Value>>,
    bytes: Option<Spanned<Value>>,
}

/// What stands for no bound.
pub(crate) const FOR_EVER: &str = "for ever";
pub(crate) const UNLIMITED: &str = "unlimited";
/// What stands for keeping nothing.
pub(crate) const NOTHING: &str = "nothing";

pub(crate) fn read(table: HistoryTable) -> Result<HistorySettings, Fault> {
    let defaults = Keeping::default();
    let otherwise = match defaults.otherwise {
        Keep::Within(bounds) => bounds.age,
        Keep::Nothing => None,
    };
    let otherwise = keep(&table.keep, &table.messages, &table.bytes, otherwise)?;
    let file = match &table.file {
        None => defaults.file,
        Some(value) => size("file", value)?,
    };
    let events = match &table.events {
        None => defaults.events,
        Some(value) => Bounds { age: age("events", value, "")?, ..defaults.events },
    };
    let on_overload = match &table.on_overload {
        None => OnOverload::default(),
        Some(value) => value.get_ref().as_str().and_then(|name| name.parse().ok()).ok_or_else(|| {
            let (slow, skip) = (OnOverload::SlowPublishers.name(), OnOverload::SkipHistory.name());
            fault(value, format!("on-overload can't be {}: write {slow:?} or {skip:?}", value.get_ref()))
        })?,
    };
    let rules = table.rules.iter().map(rule).collect::<Result<_, _>>()?;
    Ok(HistorySettings { keeping: Keeping { rules, otherwise, file, events }, on_overload })
}

fn rule(table: &RuleTable) -> Result<KeepingRule, Fault> {
    let text = table.filter.get_ref();
    let filter = TopicFilter::new(text.clone()).map_err(|error| {
        let why = error.to_string().replace(": ", ", ");
        fault(&table.filter, format!("filter can't be {text:?} ({why}): write a topic filter, such as \"log/#\""))
    })?;
    if filter.shared().is_some() {
        let problem = format!("filter can't be {text:?}, for a rule is for topics: leave $share and the name out");
        return Err(fault(&table.filter, problem));
    }
    if table.keep.is_none() && table.messages.is_none() && table.bytes.is_none() {
        let problem = format!("the rule for {text:?} does not say what to keep: give it keep, messages or bytes");
        return Err(fault(&table.filter, problem));
    }
    Ok(KeepingRule { filter, keep: keep(&table.keep, &table.messages, &table.bytes, None)? })
}

/// Parses for how long something is kept: "nothing", "for ever", or a time.
///
/// # Errors
/// What the forms of a time are, where it is none of these.
pub(crate) fn parse_keep(text: &str) -> Result<Keep, String> {
    if text == NOTHING {
        return Ok(Keep::Nothing);
    }
    match parse_age(text) {
        Some(age) => Ok(Keep::Within(Bounds { age, ..Bounds::default() })),
        None => Err(format!("{text:?} is no time: {}, or {NOTHING:?}, or {FOR_EVER:?}", Kind::Time.form())),
    }
}

/// `Some(None)` is for ever; a time that keeps nothing is none.
fn parse_age(text: &str) -> Option<Option<Duration>> {
    if text == FOR_EVER {
        return Some(None);
    }
    Kind::Time.parse(text).filter(|&millis| millis > 0).map(|millis| Some(Duration::from_millis(millis)))
}

fn keep(
    keep: &Option<Spanned<Value>>,
    messages: &Option<Spanned<Value>>,
    bytes: &Option<Spanned<Value>>,
    default_age: Option<Duration>,
) -> Result<Keep, Fault> {
    if keep.as_ref().is_some_and(|value| value.get_ref().as_str() == Some(NOTHING)) {
        for (name, bound) in [("messages", messages), ("bytes", bytes)] {
            if let Some(bound) = bound {
                let problem = format!("{name} says nothing where keep = {NOTHING:?}: leave one of them out");
                return Err(fault(bound, problem));
            }
        }
        return Ok(Keep::Nothing);
    }
    Ok(Keep::Within(Bounds {
        age: keep.as_ref().map_or(Ok(default_age), |value| age("keep", value, ", or \"nothing\""))?,
        messages: messages.as_ref().map(count).transpose()?,
        bytes: bytes.as_ref().map_or(Ok(None), |value| size("bytes", value))?,
    }))
}

fn age(name: &str, value: &Spanned<Value>, or: &str) -> Result<Option<Duration>, Fault> {
    value.get_ref().as_str().and_then(parse_age).ok_or_else(|| {
        let form = Kind::Time.form();
        fault(value, format!("{name} can't be {}: {form}{or}, or {FOR_EVER:?}", value.get_ref()))
    })
}

fn size(name: &str, value: &Spanned<Value>) -> Result<Option<u64>, Fault> {
    if value.get_ref().as_str() == Some(UNLIMITED) {
        return Ok(None);
    }
    match value.get_ref().as_str().and_then(|text| Kind::Size.parse(text)) {
        Some(bytes) if bytes > 0 => Ok(Some(bytes)),
        _ => Err(fault(value, format!("{name} can't be {}: {}, or {UNLIMITED:?}", value.get_ref(), Kind::Size.form()))),
    }
}

fn count(value: &Spanned<Value>) -> Result<u64, Fault> {
    match value.get_ref().as_integer().and_then(|number| u64::try_from(number).ok()) {
        Some(count) if count > 0 => Ok(count),
        _ => {
            let problem =
                format!("messages can't be {}: write a whole number from 1 on, such as 1000", value.get_ref());
            Err(fault(value, problem))
        }
    }
}

fn fault<T>(at: &Spanned<T>, problem: String) -> Fault {
    Fault { span: at.span(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HistorySettings, String> {
        let table: HistoryTable = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        read(table).map_err(|Fault { span, problem }| format!("{}: {problem}", &text[span]))
    }

    #[test]
    fn rules_are_read() {
        let settings = parse(
            r#"
            keep = "7 d"
            file = "unlimited"
            events = "for ever"
            on-overload = "skip-history"
            rules = [
                { filter = "noise/#", keep = "nothing" },
                { filter = "log/+", messages = 1000, bytes = "1 MB" },
                { filter = "meter", keep = "for ever" },
            ]"#,
        )
        .unwrap();
        let Keeping { rules, otherwise, file, events } = settings.keeping;
        assert_eq!(otherwise, Keep::for_age(Duration::from_secs(7 * 86_400)));
        assert_eq!((file, events.age, events.messages), (None, None, Keeping::default().events.messages));
        assert_eq!(settings.on_overload, OnOverload::SkipHistory);
        let keeps: Vec<Keep> = rules.iter().map(|rule| rule.keep).collect();
        let within = |messages, bytes| Keep::Within(Bounds { age: None, messages, bytes });
        assert_eq!(keeps, [Keep::Nothing, within(Some(1_000), Some(1_000_000)), within(None, None)]);
        assert_eq!(parse("").unwrap(), HistorySettings::default());
        let bounds = Bounds { age: Some(Duration::from_secs(30 * 86_400)), messages: Some(5), bytes: None };
        assert_eq!(parse("messages = 5").unwrap().keeping.otherwise, Keep::Within(bounds));
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said() {
        for (text, problem) in [
            (r#"keep = "30 parsecs""#, "keep can't be \"30 parsecs\": write a whole number with ms"),
            (r#"keep = "0 d""#, "or \"nothing\", or \"for ever\""),
            (r#"file = "much""#, "file can't be \"much\""),
            (r#"file = "0 B""#, "file can't be \"0 B\""),
            (r#"events = 30"#, "events can't be 30"),
            (r#"on-overload = "panic""#, "write \"slow-publishers\" or \"skip-history\""),
            (r#"rules = [{ filter = "a#", keep = "1 d" }]"#, "such as \"log/#\""),
            (r#"rules = [{ filter = "a" }]"#, "does not say what to keep"),
            (r#"rules = [{ filter = "a", keep = "nothing", messages = 1 }]"#, "messages says nothing where keep"),
            (r#"rules = [{ filter = "a", messages = 0 }]"#, "messages can't be 0"),
            (r#"rules = [{ filter = "a", bytes = 5 }]"#, "bytes can't be 5"),
            (r#"rules = [{ filter = "$share/g/a", keep = "1 d" }]"#, "leave $share"),
            (r#"rules = [{ keep = "1 d" }]"#, "filter"),
            (r#"rules = [{ filter = "a", messages = -1 }]"#, "messages can't be -1"),
            (r#"colour = "red""#, "colour"),
        ] {
            let said = parse(text).expect_err(text);
            assert!(said.contains(problem), "{text}: {said}");
        }
    }
}
