//! How long ago a time was that stands in a document: RFC 3339 in UTC, as `runtime` writes it.
//!
//! Absent on purpose: the clock. These times are by the clocks of several machines and for people alone: nothing is decided by them.

use std::time::Duration;

use crate::model::Span;

/// `2026-01-01T02:00:00Z (5m 3s ago)`; the time alone where either is no time, or `at` is the later one.
pub(super) fn spoken(at: &str, now: &str) -> String {
    let ago = seconds(at).zip(seconds(now)).and_then(|(at, now)| now.checked_sub(at));
    match ago {
        Some(ago) => format!("{at} ({} ago)", Span(Duration::from_secs(ago))),
        None => at.to_owned(),
    }
}

/// Seconds since 1970 of `YYYY-MM-DDTHH:MM:SS[.fraction]Z`.
fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = three(date, '-')?;
    let [hour, minute, second] = three(time.split('.').next()?, ':')?;
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !sound {
        return None;
    }
    // Years that begin in March put the leap day last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // From 0000-03-01 to 1970-01-01.
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn three(text: &str, between: char) -> Option<[u64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u64>().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-03-01T00:00:00Z", Some(951_868_800)),
            ("2024-02-29T12:00:00.250Z", Some(1_709_208_000)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600)),
            ("2026-01-01T00:00:00", None),
            ("2026-13-01T00:00:00Z", None),
            ("1969-12-31T00:00:00Z", None),
            ("99999999999999999999-01-01T00:00:00Z", None),
            ("2026-01-01-01T00:00:00Z", None),
            ("", None),
            ("Z", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn an_age_is_said_where_it_is_known() {
        let now = "2026-01-01T02:05:03Z";
        assert_eq!(spoken("2026-01-01T02:00:00Z", now), "2026-01-01T02:00:00Z (5m 3s ago)");
        assert_eq!(spoken("2026-01-01T02:06:00Z", now), "2026-01-01T02:06:00Z");
        assert_eq!(spoken("noon", now), "noon");
    }
}
