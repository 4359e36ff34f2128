//! What the TOML reader finds wrong with a file, said so that its user knows what to write.

use std::ops::Range;

use crate::limit_settings::Fault;

/// The reader's error with what is wrong, and the cure behind the last colon.
pub(crate) fn explain(text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    let problem = unknown(&message)
        .or_else(|| missing(&message))
        .or_else(|| misplaced(text, &span, &message))
        .unwrap_or_else(|| format!("the line can't be read ({message}): correct it, or put # before it"));
    Fault { span, problem }
}

/// "unknown field `prot`, expected one of `access`, `port`".
fn unknown(message: &str) -> Option<String> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let name = names.next()?;
    let known: Vec<_> = names.collect();
    let (last, rest) = known.split_last()?;
    let or = if rest.is_empty() { String::new() } else { format!("{} or ", rest.join(", ")) };
    Some(format!("there is no setting {name} here: write {or}{last}"))
}

/// "missing field `filter`".
fn missing(message: &str) -> Option<String> {
    let name = message.strip_prefix("missing field `")?.strip_suffix('`')?;
    Some(format!("{name} is missing: give the rule one"))
}

/// A value where a table belongs, or the other way round.
fn misplaced(text: &str, span: &Range<usize>, message: &str) -> Option<String> {
    message.strip_prefix("invalid type: ")?;
    let before = text.get(..span.start)?;
    let name = before.rsplit('\n').next()?.split('=').next()?.trim();
    let value = text.get(span.clone())?;
    let form = match name {
        "rules" => "[[history.rules]]".to_owned(),
        name => format!("[{name}]"),
    };
    (!name.is_empty() && !value.contains('\n'))
        .then(|| format!("{name} can't be {value}: write it as {form}, with its settings in the lines below"))
}
