//! `[history]` in `nightjar.toml`: what is kept for how long, and what happens where the disk can't keep up.

use std::time::Duration;

use nightjar_mqtt::TopicFilter;
use nightjar_store::{Bounds, Keep, Keeping, KeepingRule, OnOverload};
use serde::Deserialize;
use toml::Spanned;

use crate::limit_settings::Fault;
use crate::quantity::Kind;

/// What the journal keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistorySettings {
    /// `keep = "30 d"`, `file = "10 GB"`, `events = "365 d"`, and `[[history.rules]]` by topic filter.
    pub keeping: Keeping,
    /// `on-overload = "slow-publishers"` (the default) or `"skip-history"`.
    pub on_overload: OnOverload,
}

/// `[history]` as it stands in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct HistoryTable {
    keep: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    events: Option<Spanned<String>>,
    on_overload: Option<Spanned<String>>,
    rules: Vec<RuleTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleTable {
    filter: Spanned<String>,
    keep: Option<Spanned<String>>,
    messages: Option<Spanned<u64>>,
    bytes: Option<Spanned<String>>,
}

/// What stands for no bound.
const FOR_EVER: &str = "for ever";
const UNLIMITED: &str = "unlimited";
/// What stands for keeping nothing.
const NOTHING: &str = "nothing";

pub(crate) fn read(table: HistoryTable) -> Result<HistorySettings, Fault> {
    let defaults = Keeping::default();
    let otherwise = match &table.keep {
        None => defaults.otherwise,
        Some(text) => keep(text)?,
    };
    let file = match &table.file {
        None => defaults.file,
        Some(text) => size(text)?,
    };
    let events = match &table.events {
        None => defaults.events,
        Some(text) => Bounds { age: age(text)?, ..defaults.events },
    };
    let on_overload = match &table.on_overload {
        None => OnOverload::default(),
        Some(text) => text
            .get_ref()
            .parse()
            .map_err(|error| fault(text, format!("{error}").replace("on_overload", "on-overload")))?,
    };
    let rules = table.rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    Ok(HistorySettings { keeping: Keeping { rules, otherwise, file, events }, on_overload })
}

fn rule(table: RuleTable) -> Result<KeepingRule, Fault> {
    let filter = TopicFilter::new(table.filter.get_ref().clone())
        .map_err(|error| fault(&table.filter, format!("the rule's filter is not valid: {error}")))?;
    if filter.shared().is_some() {
        return Err(fault(
            &table.filter,
            "a rule is for topics, not for a shared subscription: leave $share/… out".to_owned(),
        ));
    }
    let mut keep = match &table.keep {
        None => Keep::Within(Bounds::default()),
        Some(text) => self::keep(text)?,
    };
    match &mut keep {
        Keep::Nothing => {
            if let Some(messages) = &table.messages {
                return Err(fault(messages, "a rule that keeps nothing has no other bounds".to_owned()));
            }
            if let Some(bytes) = &table.bytes {
                return Err(fault(bytes, "a rule that keeps nothing has no other bounds".to_owned()));
            }
        }
        Keep::Within(bounds) => {
            bounds.messages = table.messages.map(Spanned::into_inner);
            if let Some(text) = &table.bytes {
                bounds.bytes = size(text)?;
            }
            if *bounds == Bounds::default() && table.keep.is_none() {
                let problem = "the rule does not say what to keep: give it keep, messages or bytes";
                return Err(fault(&table.filter, problem.to_owned()));
            }
        }
    }
    Ok(KeepingRule { filter, keep })
}

fn keep(text: &Spanned<String>) -> Result<Keep, Fault> {
    parse_keep(text.get_ref()).map_err(|problem| fault(text, problem))
}

/// Parses for how long something is kept: "nothing", "for ever", or a time.
///
/// # Errors
/// What the forms of a time are, where it is none of these.
pub(crate) fn parse_keep(text: &str) -> Result<Keep, String> {
    if text == NOTHING {
        return Ok(Keep::Nothing);
    }
    Ok(Keep::Within(Bounds { age: parse_age(text)?, ..Bounds::default() }))
}

fn age(text: &Spanned<String>) -> Result<Option<Duration>, Fault> {
    parse_age(text.get_ref()).map_err(|problem| fault(text, problem))
}

fn parse_age(text: &str) -> Result<Option<Duration>, String> {
    if text == FOR_EVER {
        return Ok(None);
    }
    match Kind::Time.parse(text) {
        Some(millis) => Ok(Some(Duration::from_millis(millis))),
        None => Err(format!("{text:?} is no time: {}, or {FOR_EVER:?}", Kind::Time.form())),
    }
}

fn size(text: &Spanned<String>) -> Result<Option<u64>, Fault> {
    if text.get_ref() == UNLIMITED {
        return Ok(None);
    }
    match Kind::Size.parse(text.get_ref()) {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(fault(text, format!("{:?} is no size: {}, or {UNLIMITED:?}", text.get_ref(), Kind::Size.form()))),
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
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said() {
        for (text, problem) in [
            (r#"keep = "30 parsecs""#, "is no time"),
            (r#"file = "much""#, "is no size"),
            (r#"on-overload = "panic""#, "on-overload is"),
            (r#"rules = [{ filter = "a#", keep = "1 d" }]"#, "filter is not valid"),
            (r#"rules = [{ filter = "a" }]"#, "does not say what to keep"),
            (r#"rules = [{ filter = "a", keep = "nothing", messages = 1 }]"#, "no other bounds"),
            (r#"rules = [{ filter = "$share/g/a", keep = "1 d" }]"#, "leave $share"),
            (r#"rules = [{ keep = "1 d" }]"#, "filter"),
            (r#"rules = [{ filter = "a", messages = -1 }]"#, ""),
            (r#"colour = "red""#, "colour"),
        ] {
            let said = parse(text).expect_err(text);
            assert!(said.contains(problem), "{text}: {said}");
        }
    }
}
