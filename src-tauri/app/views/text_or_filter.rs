use nightjar_mqtt::{TopicFilter, TopicName};

/// What the window's filter fields take: a Topic Filter where there are wildcards, else text that the topic contains.
#[derive(Clone, Debug)]
pub enum TextOrFilter {
    Everything,
    Filter(TopicFilter),
    /// In lower case: the case does not matter.
    Text(String),
}

impl TextOrFilter {
    pub fn new(text: &str) -> Self {
        if text.is_empty() {
            return Self::Everything;
        }
        match TopicFilter::new(text) {
            Ok(filter) if text.contains(['+', '#']) && filter.shared().is_none() => Self::Filter(filter),
            _ => Self::Text(text.to_lowercase()),
        }
    }

    pub fn matches(&self, topic: &TopicName) -> bool {
        match self {
            Self::Everything => true,
            Self::Filter(filter) => filter.matches(topic),
            Self::Text(text) => contains(topic, text),
        }
    }
}

/// Whether a text contains another one, which is in lower case.
pub fn contains(text: &str, lower: &str) -> bool {
    if text.is_ascii() {
        let (text, lower) = (text.as_bytes(), lower.as_bytes());
        return lower.is_empty() || text.windows(lower.len()).any(|part| part.eq_ignore_ascii_case(lower));
    }
    text.to_lowercase().contains(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_make_a_filter_and_everything_else_is_text() {
        for (filter, topic, expected) in [
            ("", "a/b", true),
            ("a/+", "a/b", true),
            ("+/b", "$SYS/b", false),
            ("A/B", "x/a/b/c", true),
            ("ä", "küche/ÄPFEL", true),
            ("a#", "a#", false),
            ("line-2", "factory/LINE-2/x", true),
            ("longer than the topic", "a", false),
        ] {
            let Ok(name) = TopicName::new(topic) else { continue };
            assert_eq!(TextOrFilter::new(filter).matches(&name), expected, "{filter:?} in {topic:?}");
        }
    }
}
