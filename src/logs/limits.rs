//! journald's configuration -> how many messages it takes of a unit. Pure.
//!
//! Keys of `[Journal]`: RateLimitInterval= (219), RateLimitIntervalSec= (later; both are heard by both of us, since nobody knows
//! here which version reads the files), RateLimitBurst=. Where either is 0 there is no limit. Absent on purpose: which files there
//! are (`notify::limits`); LogRateLimitBurst= of a unit, which 219 does not know; the factor of up to 6 by which journald raises
//! the burst where the disk is empty.

use std::time::Duration;

use super::bucket::Limit;

/// What holds where neither the files nor the comments in them say anything: 219's, the lowest of any version.
pub const LOWEST: Limit = Limit { burst: 1000, interval: Duration::from_secs(30) };

/// What the files came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// `None` where journald limits nothing.
    pub limit: Option<Limit>,
    /// What could not be understood and was passed over, as journald does; one sentence each.
    pub words: Vec<String>,
}

/// Reads `files`, names and texts, in their order: what a later one says wins. What is set nowhere is as the stock file says
/// in its comment.
pub fn limit(files: &[(String, String)]) -> Configured {
    let mut set = Settings::default();
    let mut stock = Settings::default();
    let mut words = Vec::new();
    for (name, text) in files {
        read(text, &mut set, Some((name, &mut words)));
        // The compiled-in values stand as comments in the main file only; in a drop-in a comment is anybody's.
        if name.ends_with("/journald.conf") {
            let uncommented: Vec<&str> = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
            read(&uncommented.join("\n"), &mut stock, None);
        }
    }
    let burst = set.burst.or(stock.burst.filter(|burst| *burst > 0)).unwrap_or(LOWEST.burst);
    let interval = set.interval.or(stock.interval.filter(|span| !span.is_zero())).unwrap_or(LOWEST.interval);
    let limit = Some(Limit { burst, interval }).filter(|_| burst > 0 && !interval.is_zero());
    Configured { limit, words }
}

#[derive(Default)]
struct Settings {
    burst: Option<u64>,
    interval: Option<Duration>,
}

fn read(text: &str, settings: &mut Settings, mut complain: Option<(&String, &mut Vec<String>)>) {
    let mut in_journal = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            in_journal = section.strip_suffix(']') == Some("Journal");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| in_journal) else { continue };
        let (key, value) = (key.trim_end(), value.trim_start());
        let understood = match key {
            "RateLimitInterval" | "RateLimitIntervalSec" => {
                let interval = span(value);
                settings.interval = interval.or(settings.interval);
                interval.is_some()
            }
            "RateLimitBurst" => {
                let burst = value.parse::<u32>().ok().map(u64::from);
                settings.burst = burst.or(settings.burst);
                burst.is_some()
            }
            _ => true,
        };
        if let (false, Some((name, words))) = (understood, &mut complain) {
            words.push(format!("{name} sets {key} to \"{value}\", which is not understood and passed over"));
        }
    }
}

/// Units of systemd.time(7), with their length in microseconds. `m` is minutes, `M` months.
const UNITS: [(&[&str], u64); 9] = [
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["", "s", "sec", "second", "seconds"], 1_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
    (&["M", "month", "months"], 2_629_800_000_000),
    (&["y", "year", "years"], 31_557_600_000_000),
];

/// A span of systemd: "30s", "1min 30s", "500ms", "1.5h"; a number alone is seconds.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "infinity" {
        return Some(Duration::MAX);
    }
    let mut whole = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, behind) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, behind) = split(behind.trim_start(), |c| c.is_alphabetic());
        let micros = UNITS.iter().find(|(names, _)| names.contains(&unit)).map(|(_, micros)| *micros)?;
        whole = whole.saturating_add(times(number, micros)?);
        rest = behind.trim_start();
    }
    Some(whole)
}

/// A decimal number of units. Beyond microseconds nothing counts.
fn times(number: &str, micros: u64) -> Option<Duration> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let count = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut total = Duration::from_micros(count.checked_mul(micros)?);
    let mut unit = micros;
    for digit in part.chars() {
        unit /= 10;
        total += Duration::from_micros(unit * u64::from(digit.to_digit(10)?));
    }
    Some(total)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the stock file of systemd 219 as CentOS 7 has it.
    const OF_219: &str = "# This file is part of systemd.\n#\n[Journal]\n#Storage=auto\n#SyncIntervalSec=5m\n\
        #RateLimitInterval=30s\n#RateLimitBurst=1000\n#SystemMaxUse=\n";
    /// Those of 252.
    const OF_252: &str = "#  This file is part of systemd.\n\n[Journal]\n#Storage=auto\n#SyncIntervalSec=5m\n\
        #RateLimitIntervalSec=30s\n#RateLimitBurst=10000\n#SystemMaxUse=\n";
    const MAIN: &str = "/etc/systemd/journald.conf";
    const DROP_IN: &str = "/etc/systemd/journald.conf.d/50-kafka-node.conf";

    fn read(files: &[(&str, &str)]) -> Configured {
        let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        limit(&files)
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], burst: u64, seconds: u64) {
        let expected = Some(Limit { burst, interval: Duration::from_secs(seconds) });
        assert_eq!(read(files), Configured { limit: expected, words: Vec::new() }, "{files:?}");
    }

    #[test]
    fn what_is_not_set_is_as_the_stock_file_says() {
        check(&[], 1000, 30);
        check(&[(MAIN, "")], 1000, 30);
        check(&[(MAIN, OF_219)], 1000, 30);
        check(&[(MAIN, OF_252)], 10_000, 30);
        check(&[(MAIN, OF_252), (DROP_IN, "[Journal]\n#RateLimitBurst=5\n")], 10_000, 30);
    }

    #[test]
    fn what_is_set_counts_and_the_last_one_wins() {
        let main = format!("{OF_219}RateLimitBurst=500\nRateLimitInterval=1min\n");
        check(&[(MAIN, &main)], 500, 60);
        check(&[(MAIN, &main), (DROP_IN, "[Journal]\nRateLimitBurst = 20000\n")], 20_000, 60);
        check(&[(MAIN, OF_252), (DROP_IN, "[Journal]\nRateLimitIntervalSec=10\nRateLimitIntervalSec=5s\n")], 10_000, 5);
        check(&[(MAIN, "[Journald]\nRateLimitBurst=5\n[Journal]\n;RateLimitBurst=6\n")], 1000, 30);
    }

    #[test]
    fn a_zero_of_either_is_no_limit() {
        for zero in ["RateLimitBurst=0", "RateLimitInterval=0", "RateLimitIntervalSec=0s"] {
            let drop_in = format!("[Journal]\n{zero}\n");
            assert_eq!(read(&[(MAIN, OF_219), (DROP_IN, &drop_in)]).limit, None, "{zero}");
        }
    }

    #[test]
    fn what_is_not_understood_is_passed_over_with_a_word() {
        let read = read(&[(MAIN, OF_252), (DROP_IN, "[Journal]\nRateLimitBurst=lots\nRateLimitInterval=3 blinks\n")]);
        assert_eq!(read.limit, Some(Limit { burst: 10_000, interval: Duration::from_secs(30) }));
        assert_eq!(
            read.words,
            [
                format!("{DROP_IN} sets RateLimitBurst to \"lots\", which is not understood and passed over"),
                format!("{DROP_IN} sets RateLimitInterval to \"3 blinks\", which is not understood and passed over"),
            ]
        );
    }

    #[test]
    fn spans_are_those_of_systemd() {
        let check = |text, millis| assert_eq!(span(text), Some(Duration::from_millis(millis)), "{text}");
        check("30s", 30_000);
        check("30", 30_000);
        check("1min", 60_000);
        check("1min 30s", 90_000);
        check("1h30m", 5_400_000);
        check("500ms", 500);
        check("1.5s", 1_500);
        check(".25 sec", 250);
        check("2 weeks", 1_209_600_000);
        check("0", 0);
        assert_eq!(span("infinity"), Some(Duration::MAX));
        for garbage in ["", "s", "-1s", "1x", "1.2.3s", "99999999999999999999", "1 s x", ".", "99999999999999 years"] {
            assert_eq!(span(garbage), None, "{garbage}");
        }
    }
}
