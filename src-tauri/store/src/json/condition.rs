use std::fmt;
use std::str::FromStr;

use super::JsonPath;
use super::parse::{JsonPathError, Parser};
use super::walk::{Scalar, visit};

/// What a value in a payload must be: `$.temperature > 30`, `$.state == "on"`, `$.name contains "pump"`, or `$.error`
/// alone, where it must be there. Where the path leads to several values, one is enough.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonCondition {
    text: String,
    path: JsonPath,
    test: Option<(Comparison, Literal)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Contains,
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// The longer ones first: one is the beginning of another.
const COMPARISONS: [(&str, Comparison); 8] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Different),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("contains", Comparison::Contains),
];

impl JsonCondition {
    /// Whether the payload is JSON, and has such a value.
    pub fn is_met_by(&self, payload: &[u8]) -> bool {
        let mut is_met = false;
        visit(payload, &self.path.steps, &mut |scalar| is_met |= self.accepts(scalar)) && is_met
    }

    fn accepts(&self, scalar: Scalar<'_>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let Some((comparison, literal)) = &self.test else { return true };
        let order = match (scalar, literal) {
            (Scalar::Number(value), Literal::Number(literal)) => value.partial_cmp(literal),
            (Scalar::Text(value), Literal::Text(literal)) => match comparison {
                Comparison::Contains => return value.contains(&**literal),
                _ => Some(value.cmp(literal)),
            },
            (Scalar::Bool(value), Literal::Bool(literal)) => (value == *literal).then_some(Equal),
            (Scalar::Null, Literal::Null) => Some(Equal),
            _ => None,
        };
        match comparison {
            Comparison::Equal => order == Some(Equal),
            Comparison::Different => order != Some(Equal),
            Comparison::Less => order == Some(Less),
            Comparison::AtMost => matches!(order, Some(Less | Equal)),
            Comparison::Greater => order == Some(Greater),
            Comparison::AtLeast => matches!(order, Some(Greater | Equal)),
            Comparison::Contains => false,
        }
    }
}

impl FromStr for JsonCondition {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parser = Parser::new(text);
        let path = parser.path()?;
        parser.skip_space();
        let test = if parser.rest().is_empty() {
            None
        } else {
            let Some((_, comparison)) = COMPARISONS.into_iter().find(|(name, _)| parser.take(name)) else {
                return parser.fail("a comparison belongs here: ==, !=, <, <=, >, >= or contains");
            };
            parser.skip_space();
            let literal = literal(&mut parser)?;
            let fits = match comparison {
                Comparison::Equal | Comparison::Different => true,
                Comparison::Contains => matches!(literal, Literal::Text(_)),
                _ => matches!(literal, Literal::Text(_) | Literal::Number(_)),
            };
            if !fits {
                return parser.fail("these two can't be compared that way");
            }
            Some((comparison, literal))
        };
        parser.end()?;
        Ok(Self { text: text.trim().to_owned(), path, test })
    }
}

fn literal(parser: &mut Parser<'_>) -> Result<Literal, JsonPathError> {
    if parser.rest().starts_with(['\'', '"']) {
        return Ok(Literal::Text(parser.string()?));
    }
    let rest = parser.rest();
    let word = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
    let literal = match word {
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        "null" => Literal::Null,
        word => match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Literal::Number(number),
            _ => return parser.fail("a number, a text in quotes, true, false or null belongs here"),
        },
    };
    parser.take(word);
    Ok(literal)
}

impl fmt::Display for JsonCondition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_meet_conditions() {
        for (condition, payload, expected) in [
            ("$.t > 30", r#"{"t":30.5}"#, true),
            ("$.t>30", r#"{"t":30}"#, false),
            ("$.t >= 30", r#"{"t":30}"#, true),
            ("$.t < -1.5e1", r#"{"t":-16}"#, true),
            ("$.t = 1", r#"{"t":1.0}"#, true),
            ("$.t != 1", r#"{"t":"1"}"#, true),
            ("$.t != 1", r#"{"u":1}"#, false),
            ("$ > 20", "21.5", true),
            ("$ > 20", "21.5x", false),
            (r#"$.s == "on""#, r#"{"s":"on"}"#, true),
            ("$.s == 'on'", r#"{"s":"off"}"#, false),
            ("$.s contains 'mp'", r#"{"s":"pump"}"#, true),
            ("$.s > 'b'", r#"{"s":"c"}"#, true),
            ("$.ok == true", r#"{"ok":true}"#, true),
            ("$.ok == true", r#"{"ok":1}"#, false),
            ("$.error", r#"{"error":null}"#, true),
            ("$.error == null", r#"{"error":null}"#, true),
            ("$.error", r#"{"e":{"error":1}}"#, false),
            ("$.list[*] > 2", r#"{"list":[1,2,3]}"#, true),
            ("$.o", r#"{"o":{"p":1}}"#, true),
            ("$.o == 1", r#"{"o":{"p":1}}"#, false),
        ] {
            let parsed: JsonCondition = condition.parse().unwrap();
            assert_eq!(parsed.is_met_by(payload.as_bytes()), expected, "{condition} for {payload}");
            assert_eq!(parsed.to_string(), condition);
        }
    }

    #[test]
    fn what_is_no_condition_says_where_and_why() {
        for (text, position) in [
            ("t > 30", 0),
            ("$.t ~ 30", 4),
            ("$.t >", 5),
            ("$.t > warm", 6),
            ("$.t > 1 2", 8),
            ("$.t > true", 10),
            ("$.t contains 3", 14),
            ("$.t == 'on", 7),
            ("$.t > NaN", 6),
        ] {
            let error = text.parse::<JsonCondition>().expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }
}
