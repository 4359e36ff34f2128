//! `[history]` in `nightjar.toml`: what is kept for how long, and what happens where the disk can't keep up.

use std::time::Duration;

use nightjar_mqtt::TopicFilter;
use nightjar_store::{Bounds, Keep, Keeping, KeepingRule, OnOverload};
use toml::Value;

use crate::quantity::Kind;
use crate::settings_reader::Section;

/// What the journal keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistorySettings {
    /// `keep = "30 d"`, `messages`, `bytes`, `file = "10 GB"`, `events = "365 d"`, and `[[history.rules]]` by topic filter.
    pub keeping: Keeping,
    /// `on-overload = "slow-publishers"` (the default) or `"skip-history"`.
    pub on_overload: OnOverload,
}

/// What stands for no bound.
pub(crate) const FOR_EVER: &str = "for ever";
pub(crate) const UNLIMITED: &str = "unlimited";
/// What stands for keeping nothing.
pub(crate) const NOTHING: &str = "nothing";

/// Reads `[history]`.
pub(crate) fn read(mut section: Section<'_>) -> HistorySettings {
    let defaults = Keeping::default();
    let otherwise = match defaults.otherwise {
        Keep::Within(bounds) => bounds.age,
        Keep::Nothing => None,
    };
    let otherwise = keep(&mut section, otherwise);
    let file = size(&mut section, "file").unwrap_or(defaults.file);
    let events = age(&mut section, "events", "").map_or(defaults.events, |age| Bounds { age, ..defaults.events });
    let (slow, skip) = (OnOverload::SlowPublishers, OnOverload::SkipHistory);
    let on_overload = section.word("on-overload", &[(slow.name(), slow), (skip.name(), skip)]).unwrap_or_default();
    let rules = section.sections("rules").into_iter().filter_map(rule).collect();
    section.finish();
    HistorySettings { keeping: Keeping { rules, otherwise, file, events }, on_overload }
}

fn rule(mut section: Section<'_>) -> Option<KeepingRule> {
    let filter = section.checked("filter", |value, written| {
        let refuse =
            |why: &str| Err(format!("filter can't be {written}{why}: write a topic filter, such as \"log/#\""));
        let Some(text) = value.as_str() else { return refuse("") };
        match TopicFilter::new(text.to_owned()) {
            Ok(filter) if filter.shared().is_some() => {
                Err(format!("filter can't be {written}, for a rule is for topics: leave $share and the name out"))
            }
            Ok(filter) => Ok(filter),
            Err(error) => refuse(&format!(" ({})", error.to_string().replace(": ", ", "))),
        }
    });
    if !section.has("filter") {
        section.fault("filter", "filter is missing: give the rule one".to_owned());
    }
    if let Some(filter) = &filter
        && !["keep", "messages", "bytes"].into_iter().any(|name| section.has(name))
    {
        let filter = &**filter;
        let problem = format!("the rule for {filter:?} does not say what to keep: give it keep, messages or bytes");
        section.fault("filter", problem);
    }
    let keep = keep(&mut section, None);
    section.finish();
    Some(KeepingRule { filter: filter?, keep })
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

fn keep(section: &mut Section<'_>, default_age: Option<Duration>) -> Keep {
    let nothing = section.value("keep", "", |value| Some(value.as_str() == Some(NOTHING))) == Some(true);
    if nothing {
        for name in ["messages", "bytes"] {
            if section.has(name) {
                section.fault(name, format!("{name} says nothing where keep = {NOTHING:?}: leave one of them out"));
            }
        }
    }
    let bounds = Bounds {
        age: if nothing { None } else { age(section, "keep", ", or \"nothing\"").unwrap_or(default_age) },
        messages: count(section),
        bytes: size(section, "bytes").flatten(),
    };
    if nothing { Keep::Nothing } else { Keep::Within(bounds) }
}

fn age(section: &mut Section<'_>, name: &'static str, or: &str) -> Option<Option<Duration>> {
    let cure = format!("{}{or}, or {FOR_EVER:?}", Kind::Time.form());
    section.value(name, &cure, |value| value.as_str().and_then(parse_age))
}

fn size(section: &mut Section<'_>, name: &'static str) -> Option<Option<u64>> {
    let cure = format!("{}, or {UNLIMITED:?}", Kind::Size.form());
    section.value(name, &cure, |value| match value.as_str()? {
        UNLIMITED => Some(None),
        text => Kind::Size.parse(text).filter(|&bytes| bytes > 0).map(Some),
    })
}

fn count(section: &mut Section<'_>) -> Option<u64> {
    let number = |value: &Value| value.as_integer().and_then(|number| u64::try_from(number).ok());
    let cure = "write a whole number from 1 on, such as 1000";
    section.value("messages", cure, |value| number(value).filter(|&count| count > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings_reader::read_text;

    fn parse(text: &str) -> Result<HistorySettings, String> {
        let text = format!("[history]\n{text}");
        read_text(&text, |top| read(top.section("history"))).map_err(|faults| faults[0].problem.clone())
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
