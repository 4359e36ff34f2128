//! Payloads as the window shows them. They come from devices and may be anything: huge, not text, or text that means to
//! confuse whoever reads it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::wire::{Payload, PayloadKind};

/// Characters of a preview.
const PREVIEW: usize = 160;
/// Bytes to read of a payload for a row: no character has more than four.
pub const PREVIEW_BYTES: usize = PREVIEW * 4;
/// Bytes of a payload that the inspector gets.
pub const DETAIL_BYTES: usize = 1_000_000;
/// Characters of a value in the tree.
const VALUE: usize = 60;
/// Stands where a character would do something instead of showing something.
const HARMLESS: char = '\u{FFFD}';

/// A payload, or its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Glimpse<'a> {
    pub bytes: &'a [u8],
    /// Bytes of the whole payload.
    pub size: u64,
}

impl<'a> Glimpse<'a> {
    pub const fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, size: bytes.len() as u64 }
    }

    const fn is_whole(self) -> bool {
        self.bytes.len() as u64 == self.size
    }

    /// The text, where it is UTF-8 that people could read; of a beginning, up to its last whole character.
    fn text(self) -> Option<&'a str> {
        let text = utf8(self.bytes, self.is_whole())?;
        (!text.chars().any(is_binary)).then_some(text)
    }

    pub fn kind(self) -> PayloadKind {
        if self.size == 0 {
            return PayloadKind::Empty;
        }
        let Some(text) = self.text() else { return PayloadKind::Binary };
        let text = text.trim();
        if !self.is_whole() {
            return if begins_like_json(text) { PayloadKind::Json } else { PayloadKind::Text };
        }
        match text.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') if is_number(text) => PayloadKind::Number,
            Some(b't' | b'f') if matches!(text, "true" | "false") => PayloadKind::Boolean,
            Some(b'n') if text == "null" => PayloadKind::Json,
            Some(b'{' | b'[' | b'"') if serde_json::from_str::<IgnoredAny>(text).is_ok() => PayloadKind::Json,
            _ => PayloadKind::Text,
        }
    }

    /// One line: the first characters, or bytes in hexadecimal.
    pub fn preview(self) -> String {
        match self.text() {
            Some(text) => one_line(text, PREVIEW),
            None => hex(self.bytes, PREVIEW / 3),
        }
    }

    /// A word or two for the tree: objects and binary payloads by their size alone.
    pub fn value(self) -> String {
        let Some(text) = self.text() else { return size(self.size) };
        match (self.kind(), text.trim_start().as_bytes().first()) {
            (PayloadKind::Json, Some(b'{')) => format!("{{…}} {}", size(self.size)),
            (PayloadKind::Json, Some(b'[')) if self.size > VALUE as u64 => format!("[…] {}", size(self.size)),
            _ => one_line(text, VALUE),
        }
    }

    /// For the inspector.
    pub fn payload(self) -> Payload {
        let bytes = &self.bytes[..self.bytes.len().min(DETAIL_BYTES)];
        let truncated = bytes.len() as u64 != self.size;
        Payload {
            text: utf8(bytes, !truncated).map(str::to_owned),
            base64: STANDARD.encode(bytes),
            size: self.size,
            truncated,
        }
    }
}

/// The bytes as text; where they are a beginning only, without a character that was cut in two.
fn utf8(bytes: &[u8], whole: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if !whole && error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// Control characters that no text has.
const fn is_binary(character: char) -> bool {
    matches!(character, '\0'..='\x07' | '\x0B' | '\x0E'..='\x1A' | '\x1C'..='\x1F' | '\x7F')
}

/// Characters that turn the direction of what follows, or move the cursor.
const fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let (mut length, mut gap) = (0, false);
    for character in text.trim().chars() {
        if character.is_whitespace() && (character.is_control() || gap) {
            gap = true;
            continue;
        }
        if length + usize::from(gap) >= most {
            break;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
            length += 1;
        }
        line.push(if character.is_control() || is_deceptive(character) { HARMLESS } else { character });
        length += 1;
    }
    line
}

fn hex(bytes: &[u8], most: usize) -> String {
    let bytes: Vec<_> = bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// A number as JSON writes it, and no wider: `0x10`, `NaN` and `1_000` are text.
fn is_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}

fn begins_like_json(text: &str) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return false };
    let next = characters.find(|character| !character.is_whitespace());
    match first {
        '{' => matches!(next, Some('"')),
        '[' => matches!(next, Some('"' | '[' | '{' | '-' | '0'..='9' | 't' | 'f' | 'n')),
        _ => false,
    }
}

/// `412 B`, `1.2 kB`, `3.4 MB`.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (1_000.0, "kB"),
        _ => (1_000_000.0, "MB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit)
}

/// Bytes that the window sends.
///
/// # Errors
/// Where the text is not base64.
pub fn from_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    STANDARD.decode(text)
}

/// Bytes on their way to the window.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Text that a device gave itself, for a line of our own: its characters do nothing but show.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().any(|character| character.is_control() || is_deceptive(character)) {
        Cow::Owned(text.chars().map(|c| if c.is_control() || is_deceptive(c) { HARMLESS } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(payload: &[u8]) -> PayloadKind {
        Glimpse::whole(payload).kind()
    }

    #[test]
    fn kinds_are_told_from_the_whole_payload() {
        for (payload, expected) in [
            (&b""[..], PayloadKind::Empty),
            (b"21.5", PayloadKind::Number),
            (b" -1e3\n", PayloadKind::Number),
            (b"007", PayloadKind::Text),
            (b"NaN", PayloadKind::Text),
            (b"0x10", PayloadKind::Text),
            (b"true", PayloadKind::Boolean),
            (b"True", PayloadKind::Text),
            (b"null", PayloadKind::Json),
            (b"{\"a\":1}", PayloadKind::Json),
            (b"{\"a\":1", PayloadKind::Text),
            (b"\"on\"", PayloadKind::Json),
            (b"on", PayloadKind::Text),
            ("größe".as_bytes(), PayloadKind::Text),
            (b"\xff\xfe", PayloadKind::Binary),
            (b"\x00\x01\x02", PayloadKind::Binary),
            (b"a\x1b[31mred", PayloadKind::Text),
            (b"   ", PayloadKind::Text),
        ] {
            assert_eq!(kind(payload), expected, "{:?}", String::from_utf8_lossy(payload));
        }
    }

    #[test]
    fn a_beginning_is_judged_by_how_it_begins() {
        let cut = |bytes| Glimpse { bytes, size: 5_000 };
        assert_eq!(cut(b"{\"temperature\":1").kind(), PayloadKind::Json);
        assert_eq!(cut(b"{ weird").kind(), PayloadKind::Text);
        assert_eq!(cut(b"123456").kind(), PayloadKind::Text);
        // The last character was cut in two.
        assert_eq!(cut("abcä".as_bytes().split_last().unwrap().1).kind(), PayloadKind::Text);
        assert_eq!(cut(b"ab\xffcd").kind(), PayloadKind::Binary);
        assert_eq!(cut("abcä".as_bytes().split_last().unwrap().1).payload().text.as_deref(), Some("abc"));
    }

    #[test]
    fn a_preview_is_one_harmless_line() {
        let preview = |text: &str| Glimpse::whole(text.as_bytes()).preview();
        assert_eq!(preview("{\n  \"a\": 1,\r\n\t\"b\": 2\n}"), "{ \"a\": 1, \"b\": 2 }");
        assert_eq!(preview("safe\u{202E}gpj.exe"), "safe\u{FFFD}gpj.exe");
        assert_eq!(preview("\x1b[2Jgone"), "\u{FFFD}[2Jgone");
        assert_eq!(preview(&"ä".repeat(1_000)).chars().count(), PREVIEW);
        assert_eq!(preview(&"\n".repeat(1_000)), "");
        assert_eq!(preview("👩‍🚀 up"), "👩‍🚀 up");
        assert_eq!(Glimpse::whole(&[0, 255, 16]).preview(), "00 ff 10");
        assert!(Glimpse::whole(&[0; 4_096]).preview().len() <= PREVIEW);
    }

    #[test]
    fn the_tree_shows_objects_by_their_size() {
        let value = |text: &str| Glimpse::whole(text.as_bytes()).value();
        assert_eq!(value("21.5 °C"), "21.5 °C");
        assert_eq!(value("{\"a\":1}"), "{…} 7 B");
        assert_eq!(value("[1,2]"), "[1,2]");
        assert_eq!(value(&format!("[{}1]", "1,".repeat(600))), "[…] 1.2 kB");
        assert_eq!(Glimpse { bytes: b"{\"a\":", size: 3_400_000 }.value(), "{…} 3.4 MB");
        assert_eq!(Glimpse::whole(&[0xff; 12]).value(), "12 B");
        assert_eq!(value(&"x".repeat(100)).len(), VALUE);
        assert_eq!(value(""), "");
    }

    #[test]
    fn the_inspector_gets_bytes_and_text_where_they_are_text() {
        let whole = Glimpse::whole(b"a\0b").payload();
        assert_eq!((whole.text.as_deref(), &*whole.base64, whole.truncated), (Some("a\0b"), "YQBi", false));
        let binary = Glimpse::whole(b"\xff").payload();
        assert_eq!((binary.text, &*binary.base64), (None, "/w=="));
        let huge = vec![b'x'; DETAIL_BYTES + 1];
        let huge = Glimpse::whole(&huge).payload();
        assert!(huge.truncated && huge.text.is_some_and(|text| text.len() == DETAIL_BYTES));
    }
}
