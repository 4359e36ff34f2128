use super::path::{JsonPath, Step};

/// Why a text is no path, or no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (at character {})", position + 1)]
pub struct JsonPathError {
    /// Bytes in front of what is wrong.
    pub position: usize,
    /// What is wrong there, and what would be right.
    pub problem: &'static str,
}

/// Reads a text from its front.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut parser = Self { text, position: 0 };
        parser.skip_space();
        parser
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    pub(super) fn fail<T>(&self, problem: &'static str) -> Result<T, JsonPathError> {
        Err(JsonPathError { position: self.position, problem })
    }

    pub(super) fn skip_space(&mut self) {
        self.position = self.text.len() - self.rest().trim_start().len();
    }

    /// Passes a text by, where it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.position += text.len();
        }
        is_next
    }

    pub(super) fn end(&mut self) -> Result<(), JsonPathError> {
        self.skip_space();
        if self.rest().is_empty() { Ok(()) } else { self.fail("nothing may follow here") }
    }

    pub(super) fn path(&mut self) -> Result<JsonPath, JsonPathError> {
        let start = self.position;
        if !self.take("$") {
            return self.fail("a path begins with $, as in $.temperature");
        }
        let mut steps = Vec::new();
        loop {
            if self.take(".") {
                steps.push(if self.take("*") { Step::All } else { Step::Member(self.name()?) });
            } else if self.take("[") {
                steps.push(self.bracket()?);
            } else if self.rest().is_empty()
                || self.rest().starts_with(|next: char| next.is_whitespace() || "=!<>".contains(next))
            {
                let text = self.text[start..self.position].to_owned();
                return Ok(JsonPath { text, steps });
            } else {
                return self.fail("a name follows a dot, as in $.temperature");
            }
        }
    }

    fn name(&mut self) -> Result<String, JsonPathError> {
        let rest = self.rest();
        let end = rest.find(|next: char| next.is_whitespace() || ".[]=!<>'\"".contains(next)).unwrap_or(rest.len());
        if end == 0 {
            return self.fail("a name is missing; write unusual ones as ['…']");
        }
        self.position += end;
        Ok(rest[..end].to_owned())
    }

    fn bracket(&mut self) -> Result<Step, JsonPathError> {
        let rest = self.rest();
        let step = if self.take("*") {
            Step::All
        } else if rest.starts_with(['\'', '"']) {
            Step::Member(self.string()?)
        } else {
            let end = rest.find(|next: char| !next.is_ascii_digit()).unwrap_or(rest.len());
            let Ok(number) = rest[..end].parse() else {
                return self.fail("a number, * or a name in quotes belongs into brackets");
            };
            self.position += end;
            Step::Element(number)
        };
        if self.take("]") { Ok(step) } else { self.fail("the bracket is not closed") }
    }

    /// A text in quotes of either kind; a backslash takes the next character as it is.
    pub(super) fn string(&mut self) -> Result<String, JsonPathError> {
        let mut characters = self.rest().char_indices();
        let Some((_, quote @ ('\'' | '"'))) = characters.next() else {
            return self.fail("a text in quotes is missing");
        };
        let mut string = String::new();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => string.push('\n'),
                    Some((_, 't')) => string.push('\t'),
                    Some((_, other)) => string.push(other),
                    None => break,
                },
                character if character == quote => {
                    self.position += at + quote.len_utf8();
                    return Ok(string);
                }
                character => string.push(character),
            }
        }
        self.fail("the quotes are not closed")
    }
}
