/// Text to look for in payloads; the case of ASCII letters does not matter.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    /// In lower case; not empty.
    text: Vec<u8>,
    /// Its first byte, in both cases.
    first: [u8; 2],
}

impl Needle {
    /// `None` for an empty text, which everything contains.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.as_bytes().to_ascii_lowercase();
        let &first = text.first()?;
        Some(Self { text, first: [first, first.to_ascii_uppercase()] })
    }

    pub(super) fn is_in(&self, payload: &[u8]) -> bool {
        let Some(last) = payload.len().checked_sub(self.text.len()) else {
            return false;
        };
        let [lower, upper] = self.first;
        let mut start = 0;
        while let Some(found) = payload[start..=last].iter().position(|&byte| byte == lower || byte == upper) {
            start += found;
            if payload[start..start + self.text.len()].eq_ignore_ascii_case(&self.text) {
                return true;
            }
            start += 1;
            if start > last {
                return false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_wherever_it_is() {
        for (text, payload, expected) in [
            ("b", "abc", true),
            ("C", "abc", true),
            ("abc", "ABC", true),
            ("abcd", "abc", false),
            ("aab", "aaaab", true),
            ("aab", "aaaac", false),
            ("é", "caf\u{e9}", true),
            ("É", "caf\u{e9}", false),
            ("x", "", false),
            ("\"temp\": 2", "{\"Temp\": 21}", true),
        ] {
            assert_eq!(Needle::new(text).unwrap().is_in(payload.as_bytes()), expected, "{text} in {payload}");
        }
        assert!(Needle::new("").is_none());
        assert!(Needle::new("z").unwrap().is_in(&[0xff, b'Z', 0]));
    }
}
