//! Moments of the wall clock, as text where people read them outside of the window.

use std::time::{SystemTime, UNIX_EPOCH};

use nightjar_broker::Timestamp;

/// This moment; 1970 where the clock is before that.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// `2026-11-22T14:07:42Z`.
pub fn utc(moment: Timestamp) -> String {
    let seconds = moment.micros().div_euclid(1_000_000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// `2026-11-22T14:07:42.123456Z`.
pub fn precise(moment: Timestamp) -> String {
    let text = utc(moment);
    format!("{}.{:06}Z", text.trim_end_matches('Z'), moment.micros().rem_euclid(1_000_000))
}

/// Reads a time in UTC as exports write it: `2026-11-22T14:07:42.123456Z`. A space may stand for the T, what follows the
/// date or the second may be missing, and so may the Z.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let is_valid = (0..=9_999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && (1..=6).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_valid {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp::from_micros(seconds * 1_000_000 + micros))
}

/// Days from 1970-01-01 to a day: [`civil`] the other way.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of the day that is `days` after 1970-01-01. Years are counted from March, so that the leap day
/// is the last day of its year; 400 years have 146,097 days.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(Timestamp::from_micros(seconds * 1_000_000)), text);
            assert_eq!(parse_time(text), Some(Timestamp::from_micros(seconds * 1_000_000)));
        }
    }

    #[test]
    fn moments_come_back_to_the_microsecond() {
        for micros in [0, 1_767_225_600_123_456, -1, 999_999] {
            let moment = Timestamp::from_micros(micros);
            assert_eq!(parse_time(&precise(moment)), Some(moment));
        }
        assert_eq!(parse_time("2026-01-01 00:00:00.5"), Some(Timestamp::from_micros(1_767_225_600_500_000)));
        assert_eq!(parse_time("2026-01-01"), Some(Timestamp::from_micros(1_767_225_600_000_000)));
        for text in
            ["", "yesterday", "2026-13-01", "2026-01-01T25:00:00", "2026-01-01T00:00:00.1234567", "2026-01-01T00:00"]
        {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
