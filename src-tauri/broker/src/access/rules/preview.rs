//! Rules that are not in force, to be asked what they would do.

use super::{Explanation, Question, RuleEngine, RuleSet};

/// A list of rules that can be asked again and again, with nobody bound by it.
#[derive(Debug)]
pub struct RulePreview(RuleEngine);

impl RulePreview {
    pub fn new(rules: RuleSet) -> Self {
        Self(RuleEngine::new(rules))
    }

    /// What would become of something that a client does.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        self.0.explain(question)
    }
}
