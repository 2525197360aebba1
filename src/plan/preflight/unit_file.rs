//! A unit and its drop-ins as systemd reads them: the `[Service]` section, line by line, the last word of each key. Pure.
//!
//! Absent on purpose: other sections, specifiers (`%n`), and what a value means for the service (`unit`).

use std::time::Duration;

use crate::plan::memory::bytes;

/// A file of the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFile {
    /// Where it is.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub key: String,
    pub value: String,
    /// File and line.
    pub place: String,
}

/// What a unit with its drop-ins says, in the order it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitSettings {
    all: Vec<Setting>,
}

/// A span of time as systemd reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Infinity,
    Of(Duration),
}

impl UnitSettings {
    /// Reads the files in their order.
    pub fn read(files: &[UnitFile]) -> UnitSettings {
        let mut all = Vec::new();
        for file in files {
            let (mut in_service, mut whole, mut begun) = (false, String::new(), 0);
            for (number, line) in file.text.lines().enumerate() {
                let line = line.trim();
                // Comments stand within a continued line too, and do not end it.
                if line.starts_with(['#', ';']) || (line.is_empty() && whole.is_empty()) {
                    continue;
                }
                if whole.is_empty() {
                    begun = number + 1;
                }
                if let Some(part) = line.strip_suffix('\\') {
                    whole.push_str(part);
                    whole.push(' ');
                    continue;
                }
                whole.push_str(line);
                let line = std::mem::take(&mut whole);
                if line.starts_with('[') {
                    in_service = line == "[Service]";
                } else if let Some((key, value)) = line.split_once('=').filter(|_| in_service) {
                    let place = format!("{}:{begun}", file.path);
                    all.push(Setting { key: key.trim().into(), value: value.trim().into(), place });
                }
            }
        }
        UnitSettings { all }
    }

    /// The last of the settings with one of these names.
    pub fn last(&self, keys: &[&str]) -> Option<&Setting> {
        self.all.iter().rev().find(|setting| keys.contains(&setting.key.as_str()))
    }

    /// Every word of a list: an empty assignment empties it.
    pub fn list(&self, keys: &[&str]) -> Vec<&str> {
        let mut words = Vec::new();
        for setting in self.all.iter().filter(|setting| keys.contains(&setting.key.as_str())) {
            if setting.value.is_empty() {
                words.clear();
            }
            words.extend(setting.value.split_whitespace());
        }
        words
    }

    /// The hard limit of `4096`, `1024:4096` or `infinity`.
    pub fn limit(&self, key: &str) -> Option<u64> {
        let value = &self.last(&[key])?.value;
        let hard = value.rsplit(':').next().unwrap_or(value);
        if hard == "infinity" { Some(u64::MAX) } else { hard.parse().ok() }
    }

    /// Whom the service runs as.
    pub fn user(&self) -> Option<&str> {
        self.last(&["User"]).map(|setting| setting.value.as_str()).filter(|user| !user.is_empty())
    }
}

/// `yes`, `true`, `on`, `1`.
pub(super) fn is_yes(value: &str) -> bool {
    ["yes", "true", "on", "1", "y", "t"].contains(&value.to_ascii_lowercase().as_str())
}

/// `90`, `5min 20s`, `500ms`, `infinity`.
pub(super) fn span(value: &str) -> Option<Span> {
    if value == "infinity" {
        return Some(Span::Infinity);
    }
    let mut rest = value.trim();
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?.trim_start();
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let micros: u64 = match rest.get(..letters)? {
            "us" | "usec" => 1,
            "ms" | "msec" => 1000,
            "" | "s" | "sec" | "second" | "seconds" => 1_000_000,
            "m" | "min" | "minute" | "minutes" => 60_000_000,
            "h" | "hr" | "hour" | "hours" => 3_600_000_000,
            "d" | "day" | "days" => 86_400_000_000,
            "w" | "week" | "weeks" => 604_800_000_000,
            // any: months and years, and what systemd refuses too
            _ => return None,
        };
        rest = rest.get(letters..)?.trim_start();
        sum = sum.checked_add(Duration::from_micros(number.checked_mul(micros)?))?;
    }
    Some(Span::Of(sum))
}

/// `4G`, `50%` of `total`; `None` for `infinity` and for what is no size.
pub(super) fn memory(value: &str, total: u64) -> Option<u64> {
    match value.strip_suffix('%') {
        Some(percent) => Some(total / 100 * percent.trim().parse::<u64>().ok()?.min(100)),
        None => bytes(value.trim()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: &str, text: &str) -> UnitFile {
        UnitFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn the_last_word_wins_and_only_that_of_the_service() {
        let unit = file(
            "u",
            "[Unit]\nUser=nobody\n[Service]\n# User=x\nUser=kafka\nExecStart=/a \\\n# no end\n  b\nLimitNOFILE=1024:4096\n",
        );
        let drop_in =
            file("d", "[Service]\nUser = root\nReadWritePaths=/a /b\nReadWritePaths=\nReadWritePaths=/c\n[X]\nUser=me");
        let settings = UnitSettings::read(&[unit, drop_in]);
        assert_eq!(settings.user(), Some("root"));
        assert_eq!(settings.last(&["User"]).map(|setting| setting.place.as_str()), Some("d:2"));
        let start = settings.last(&["ExecStart"]).expect("it is there");
        assert_eq!((start.value.as_str(), start.place.as_str()), ("/a  b", "u:6"));
        assert_eq!((settings.limit("LimitNOFILE"), settings.limit("LimitNPROC")), (Some(4096), None));
        assert_eq!(settings.list(&["ReadWritePaths"]), ["/c"]);
    }

    #[test]
    fn spans_and_sizes_are_read_as_systemd_reads_them() {
        let seconds = |text| match span(text) {
            Some(Span::Of(span)) => span.as_secs_f64(),
            Some(Span::Infinity) => f64::INFINITY,
            None => -1.0,
        };
        let cases =
            ["90", "5min 20s", "500ms", "1h30m", "infinity", "", "5 fortnights", "99999999999999999999", "2 min"];
        assert_eq!(cases.map(seconds), [90.0, 320.0, 0.5, 5400.0, f64::INFINITY, -1.0, -1.0, -1.0, 120.0]);
        let sizes = ["4G", "50%", "infinity", "1024", "x%"].map(|text| memory(text, 1000));
        assert_eq!(sizes, [Some(4 << 30), Some(500), None, Some(1024), None]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", lines in "[\\[\\]A-Za-z=#;\\\\ \n]{0,120}") {
            span(&text);
            memory(&text, u64::MAX);
            UnitSettings::read(&[file("u", &text), file("d", &lines)]);
        }
    }
}
