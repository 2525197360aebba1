//! How durations, sizes, hosts, paths and windows are written in the file.
//!
//! Absent on purpose: where they may stand (`keys`), and TOML (`value`).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Units of a duration in milliseconds, and other spellings that people try.
const DURATION_UNITS: [(&str, u64, &[&str]); 4] = [
    ("ms", 1, &["msec", "msecs", "millis", "milliseconds"]),
    ("s", 1_000, &["sec", "secs", "second", "seconds"]),
    ("m", 60_000, &["min", "mins", "minute", "minutes"]),
    ("h", 3_600_000, &["hr", "hrs", "hour", "hours"]),
];
/// Units of a size in bytes, and other spellings that people try.
const SIZE_UNITS: [(&str, u64, &[&str]); 4] = [
    ("k", 1 << 10, &["kb", "kib"]),
    ("m", 1 << 20, &["mb", "mib"]),
    ("g", 1 << 30, &["gb", "gib"]),
    ("t", 1 << 40, &["tb", "tib"]),
];

type Units = [(&'static str, u64, &'static [&'static str]); 4];

/// `"500ms"`, `"2s"`, `"5m"`, `"1h"`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, milliseconds, _) = DURATION_UNITS.iter().find(|(name, ..)| *name == unit)?;
    Some(Duration::from_millis(number.checked_mul(*milliseconds)?))
}

/// A heap as the JVM writes it: `"1024k"`, `"512m"`, `"2g"`; the letter may be a capital. In bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, bytes, _) = SIZE_UNITS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*bytes)
}

/// The duration that was probably meant by a text that is none.
pub(super) fn meant_duration(text: &str) -> Option<String> {
    meant(text, &DURATION_UNITS, "s").filter(|meant| duration(meant).is_some())
}

/// The size that was probably meant by a text that is none.
pub(super) fn meant_size(text: &str) -> Option<String> {
    meant(text, &SIZE_UNITS, "none").filter(|meant| size(meant).is_some())
}

/// The shortest way to write a duration: 90 s is `90s`, 300 s is `5m`.
pub(super) fn write_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let unit = DURATION_UNITS.iter().rev().find(|(_, of, _)| milliseconds >= *of && milliseconds.is_multiple_of(*of));
    match unit {
        Some((name, of, _)) => format!("{}{name}", milliseconds / of),
        None => "0s".to_owned(),
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit))
}

fn meant(text: &str, units: &Units, bare: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().trim_end_matches('.');
    // A bare number: the unit that such a value mostly has.
    let unit = if unit.is_empty() { bare } else { unit };
    let at = units.iter().position(|(name, _, others)| *name == unit || others.contains(&unit))?;
    let number = number.replace('_', "");
    let (name, of, _) = units[at];
    match number.split_once('.') {
        None => Some(format!("{}{name}", number.parse::<u64>().ok()?)),
        // 1.5g is 1536m: the next smaller unit has room for the fraction.
        Some((whole, fraction)) => {
            let (smaller, factor) = at.checked_sub(1).map(|below| (units[below].0, of / units[below].1))?;
            let value = format!("{whole}.{fraction}").parse::<f64>().ok()? * factor as f64;
            (value.fract() == 0.0 && (0.0..1e9).contains(&value)).then(|| format!("{}{smaller}", value as u64))
        }
    }
}

/// A host name or an IP address, without a port; an IPv6 address comes back in brackets, as every `host:port` needs it.
///
/// The error is a sentence that starts after the value.
pub(super) fn host(text: &str) -> Result<String, &'static str> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = inner.unwrap_or(text).parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    if text.contains("://") {
        return Err("has a scheme in front");
    }
    if let Some((_, port)) = text.rsplit_once(':')
        && port.chars().all(|c| c.is_ascii_digit())
    {
        return Err("has a port; ports stand in [zookeeper] and [kafka]");
    }
    host_name(text)?;
    if text.chars().all(|c| c.is_ascii_digit() || c == '.') && text.parse::<Ipv4Addr>().is_err() {
        return Err("is not an IPv4 address");
    }
    Ok(text.to_owned())
}

/// A host name by the rules of RFC 952 and 1123.
pub(super) fn host_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.trim() != text || text.contains(char::is_whitespace) {
        return Err("holds a blank");
    }
    if text.contains('_') {
        return Err("holds an underscore, which no host name may");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.') {
        return Err("holds a character that no host name may");
    }
    if text.len() > 253 || text.split('.').any(|label| label.len() > 63) {
        return Err("is longer than a host name may be");
    }
    if text.split('.').any(|label| label.is_empty() || label.starts_with('-') || label.ends_with('-')) {
        return Err("has a dot or hyphen where no host name may");
    }
    Ok(())
}

/// An absolute path, which may hold `{node}`. The error is a sentence that starts after the value.
pub(super) fn path(text: &str) -> Result<(), &'static str> {
    let bare = text.replace("{node}", "");
    if text.is_empty() {
        return Err("is empty");
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    if text.trim() != text {
        return Err("starts or ends with a blank");
    }
    if !text.starts_with('/') {
        return Err("is not an absolute path");
    }
    if bare.contains(['{', '}']) {
        return Err("holds braces that are not {node}");
    }
    if text.split('/').any(|part| part == "..") {
        return Err("climbs with \"..\"");
    }
    if bare.chars().all(|c| c == '/' || c == '.') && !text.contains("{node}") {
        return Err("is the root directory");
    }
    // PATH_MAX with room for the files below it.
    if text.len() > 3_000 {
        return Err("is longer than a path may be");
    }
    Ok(())
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A window of the week: on which days it begins, and its first minute of the day and the one after its last; it passes midnight where the
/// second is the smaller one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowTimes {
    days: Vec<&'static str>,
    /// Minute of the day.
    pub from: u32,
    /// Minute of the day.
    pub to: u32,
}

impl WindowTimes {
    /// It begins on this day; 0 is Monday.
    pub fn has_day(&self, day: u32) -> bool {
        usize::try_from(day).ok().and_then(|day| DAYS.get(day)).is_some_and(|day| self.days.contains(day))
    }
}

/// `any`, which is `None`, or `[Day,Day ]HH:MM-HH:MM`; a window may pass midnight. The error is a sentence that starts after the value.
pub fn window_times(text: &str) -> Result<Option<WindowTimes>, &'static str> {
    if text == "any" {
        return Ok(None);
    }
    let (days, times) = match text.split_once(' ') {
        Some((days, times)) => (Some(days), times),
        None => (None, text),
    };
    let mut seen: Vec<&'static str> = Vec::new();
    if let Some(days) = days {
        for name in days.split(',') {
            let Some(day) = DAYS.into_iter().find(|day| *day == name) else {
                return Err("names a day that is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun");
            };
            if seen.contains(&day) {
                return Err("names a day twice");
            }
            seen.push(day);
        }
    }
    let (from, to) = times.split_once('-').ok_or("has no times")?;
    match (time_of_day(from), time_of_day(to)) {
        (Some(from), Some(to)) if from != to => {
            let days = if seen.is_empty() { DAYS.to_vec() } else { seen };
            Ok(Some(WindowTimes { days, from, to }))
        }
        (Some(_), Some(_)) => Err("starts when it ends"),
        _ => Err("has a time that is not HH:MM between 00:00 and 23:59"),
    }
}

fn time_of_day(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| {
        (part.len() == 2 && part.chars().all(|c| c.is_ascii_digit())).then(|| part.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Nothing, `host:port`, or `unix:/path`; says the TCP port where there is one. The error is a sentence that starts after the value.
pub(super) fn listen(text: &str) -> Result<Option<u16>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(socket) = text.strip_prefix("unix:") {
        path(socket)?;
        // sun_path of a Unix socket.
        return if socket.len() < 108 { Ok(None) } else { Err("is longer than the path of a socket may be (107)") };
    }
    let without = if text.chars().all(|c| c.is_ascii_digit()) { "has no address" } else { "has no port" };
    let (address, port) = text.rsplit_once(':').ok_or(without)?;
    if address.is_empty() {
        return Err("has no address");
    }
    host(address)?;
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.chars().all(|c| c.is_ascii_digit()) => Ok(Some(number)),
        _ => Err("has no port between 1 and 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_a_number_and_a_unit() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (text, expected) in [
            ("2s", seconds(2)),
            ("5m", seconds(300)),
            ("1h", seconds(3600)),
            ("500ms", Some(Duration::from_millis(500))),
            ("2", None),
            ("s", None),
            ("", None),
            ("-2s", None),
            ("2 s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
        for (text, expected) in
            [("1024k", Some(1 << 20)), ("512M", Some(512 << 20)), ("2g", Some(2 << 30)), ("2", None), ("2gb", None)]
        {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_guessed() {
        for (text, expected) in [("2 sec", "2s"), ("1.5s", "1500ms"), ("2min", "2m"), ("0.5h", "30m"), ("10", "10s")] {
            assert_eq!(meant_duration(text).as_deref(), Some(expected), "{text}");
        }
        for (text, expected) in [("512mb", "512m"), ("1.5 GiB", "1536m"), ("2 g", "2g")] {
            assert_eq!(meant_size(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(meant_size("lots"), None);
        assert_eq!(meant_duration("0.0001s"), None);
    }

    #[test]
    fn durations_are_written_in_their_largest_whole_unit() {
        for (seconds, expected) in [(0, "0s"), (90, "90s"), (300, "5m"), (3600, "1h"), (86_400, "24h")] {
            assert_eq!(write_duration(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn hosts_are_names_or_addresses_without_a_port() {
        for text in ["kafkanode1", "a.b-c.example.org", "10.0.2.4", "127.0.0.1"] {
            assert_eq!(host(text).as_deref(), Ok(text));
        }
        assert_eq!(host("::1").as_deref(), Ok("[::1]"));
        assert_eq!(host("[fe80::1]").as_deref(), Ok("[fe80::1]"));
        for text in ["", "10.0.2.400", "10.0.2", "a:9092", "a b", "a_b", "-a", "a..b", "ä", "http://a", "a,b"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn windows_are_any_or_days_and_times() {
        for text in ["any", "Sat 02:00-05:00", "Sat,Sun 02:00-05:00", "02:00-05:00", "22:00-02:00"] {
            assert!(window_times(text).is_ok(), "{text}");
        }
        for text in
            ["", "sat 02:00-05:00", "Sat", "02:00", "2:00-5:00", "02:00-24:00", "02:00-02:00", "Sat,Sat 01:00-02:00"]
        {
            assert!(window_times(text).is_err(), "{text}");
        }
    }
}
