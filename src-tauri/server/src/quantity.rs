//! Sizes and durations as people write them: a whole number and its unit.

/// What a number in the settings counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Things, written as a plain number.
    Count,
    /// Bytes, written as `"2 MB"` or `"64 MiB"`.
    Size,
    /// Milliseconds, written as `"10 s"`.
    Time,
    /// The same, where the protocol counts whole seconds.
    Seconds,
}

/// The largest unit first, the binary ones before their decimal sisters, as they are written back.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];
const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl Kind {
    const fn units(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Count => &[("", 1)],
            Self::Size => &SIZES,
            Self::Time => &TIMES,
            Self::Seconds => TIMES.split_at(TIMES.len() - 1).0,
        }
    }

    /// How to write one, as the end of a sentence.
    pub(crate) const fn form(self) -> &'static str {
        match self {
            Self::Count => "write a whole number",
            Self::Size => "write a whole number with B, kB, MB, GB, KiB, MiB or GiB, such as \"2 MB\"",
            Self::Time => "write a whole number with ms, s, min, h or d, such as \"10 s\"",
            Self::Seconds => "write a whole number with s, min, h or d, such as \"10 s\"",
        }
    }

    /// Reads `text`, in bytes or milliseconds; `None` where it has another form, or is beyond all bounds.
    pub(crate) fn parse(self, text: &str) -> Option<u64> {
        let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let (_, size) = self.units().iter().find(|(name, _)| *name == unit)?;
        number.parse::<u64>().ok()?.checked_mul(*size)
    }

    /// The number in the largest unit that needs no fraction.
    pub(crate) fn write(self, number: u64) -> String {
        let (unit, size) = self.units().iter().find(|(_, size)| number.is_multiple_of(*size)).unwrap_or(&("", 1));
        match *unit {
            "" => number.to_string(),
            unit => format!("{} {unit}", number / size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit() {
        for (kind, text, expected) in [
            (Kind::Size, "2 MB", Some(2_000_000)),
            (Kind::Size, "2MB", Some(2_000_000)),
            (Kind::Size, "64 MiB", Some(64 << 20)),
            (Kind::Size, "2", None),
            (Kind::Size, "2 mb", None),
            (Kind::Size, "2.5 MB", None),
            (Kind::Size, "-2 MB", None),
            (Kind::Size, "MB", None),
            (Kind::Size, "99999999999999 GB", None),
            (Kind::Time, "500 ms", Some(500)),
            (Kind::Time, "1 min", Some(60_000)),
            (Kind::Time, "1  min", None),
            (Kind::Seconds, "500 ms", None),
            (Kind::Seconds, "7 d", Some(604_800_000)),
            (Kind::Count, "12", Some(12)),
            (Kind::Count, "12 s", None),
        ] {
            assert_eq!(kind.parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (kind, number, text) in [
            (Kind::Size, 2_000_000, "2 MB"),
            (Kind::Size, 512 << 20, "512 MiB"),
            (Kind::Size, 65_535, "65535 B"),
            (Kind::Time, 90_000, "90 s"),
            (Kind::Time, 600_000, "10 min"),
            (Kind::Count, 10_000, "10000"),
        ] {
            assert_eq!(kind.write(number), text);
            assert_eq!(kind.parse(text), Some(number));
        }
    }
}
