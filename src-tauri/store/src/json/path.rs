use std::fmt;
use std::str::FromStr;

use super::parse::{JsonPathError, Parser};
use super::walk::{Scalar, visit};

/// Where in a payload a value is: `$` is the payload itself, `$.a.b` and `$['a']["b"]` are members, `$.list[0]` is an
/// element, and `*` in their place is all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    pub(super) text: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Element(usize),
    All,
}

impl JsonPath {
    /// The first number that the path leads to; `None` where there is none, or the payload is not JSON.
    pub fn number_in(&self, payload: &[u8]) -> Option<f64> {
        let mut found = None;
        let is_json = visit(payload, &self.steps, &mut |scalar| {
            if let (Scalar::Number(number), None) = (scalar, found) {
                found = Some(number);
            }
        });
        found.filter(|_| is_json)
    }
}

impl FromStr for JsonPath {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parser = Parser::new(text);
        let path = parser.path()?;
        parser.end()?;
        Ok(path)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_where_the_path_leads() {
        for (path, payload, expected) in [
            ("$", "21.5", Some(21.5)),
            ("$", " -3 ", Some(-3.0)),
            ("$", "21.5 °C", None),
            ("$.t", r#"{"t":1}"#, Some(1.0)),
            ("$.t", r#"{"s":{"t":2},"t":1e3}"#, Some(1_000.0)),
            ("$.s.t", r#"{"s":{"t":2},"t":1}"#, Some(2.0)),
            ("$['a b'].c", r#"{"a b":{"c":7}}"#, Some(7.0)),
            (r#"$["a\"b"]"#, r#"{"a\"b":7}"#, Some(7.0)),
            ("$.l[1]", r#"{"l":[1,2,3]}"#, Some(2.0)),
            ("$.l[9]", r#"{"l":[1,2,3]}"#, None),
            ("$[*].v", r#"[{"v":"x"},{"v":4}]"#, Some(4.0)),
            ("$.*.v", r#"{"a":{"v":5}}"#, Some(5.0)),
            ("$.t", r#"{"t":"1"}"#, None),
            ("$.t", r#"{"t":{"u":1}}"#, None),
            ("$.t", r#"{"t":1"#, None),
            ("$.t", "", None),
            ("$.größe", r#"{"größe":1}"#, Some(1.0)),
            ("$", "18446744073709551615", Some(18_446_744_073_709_551_615.0)),
        ] {
            assert_eq!(
                path.parse::<JsonPath>().unwrap().number_in(payload.as_bytes()),
                expected,
                "{path} in {payload}"
            );
        }
        let deep = "[".repeat(100_000);
        assert_eq!("$[0]".parse::<JsonPath>().unwrap().number_in(deep.as_bytes()), None);
        assert_eq!("$.x".parse::<JsonPath>().unwrap().number_in(&[0xff, 0xfe]), None);
    }

    #[test]
    fn what_is_no_path_says_where_and_why() {
        for (text, position) in [
            ("", 0),
            ("temperature", 0),
            ("$.", 2),
            ("$..a", 2),
            ("$a", 1),
            ("$[", 2),
            ("$[-1]", 2),
            ("$['a]", 2),
            ("$[1", 3),
            ("$.a b", 4),
            ("$[99999999999999999999999]", 2),
        ] {
            let error = text.parse::<JsonPath>().expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }
}
