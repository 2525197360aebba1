//! Java's `.properties` format: written for the two services, read back from `meta.properties`.
//!
//! Both services and log4j 1.2 load their files with `java.util.Properties.load(InputStream)`: ISO-8859-1 with `\uXXXX`,
//! backslash escapes, `=`, `:` or blank as separator, and lines that a trailing backslash continues.
//! Absent on purpose: what the keys mean (`zookeeper`, `kafka`).

use std::fmt::Write as _;

/// One property and why it has its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    pub value: String,
    pub why: String,
    /// kafka-node itself stands for this value: a pass-through never replaces it.
    owned: bool,
}

/// Properties in the order they were first named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    entries: Vec<Entry>,
}

impl Properties {
    /// A value that kafka-node owns. The configuration refuses a pass-through of it, and so does [`Properties::pass_through`].
    pub fn own(&mut self, key: &str, value: impl Into<String>, why: impl Into<String>) {
        self.put(Entry { key: key.into(), value: value.into(), why: why.into(), owned: true });
    }

    /// A default of ours, which the operator's pass-through replaces.
    pub fn set_default(&mut self, key: &str, value: impl Into<String>, why: impl Into<String>) {
        self.put(Entry { key: key.into(), value: value.into(), why: why.into(), owned: false });
    }

    /// What the operator wrote, at `place`. It replaces a default of ours where that stands.
    pub fn pass_through(&mut self, key: &str, value: &str, place: &str) {
        let why = match self.entries.iter().find(|entry| entry.key == key) {
            Some(entry) if entry.owned => return,
            Some(entry) if entry.value == value => place.to_string(),
            Some(entry) => format!("{place}, in place of our default {}", entry.value),
            None => place.to_string(),
        };
        self.put(Entry { key: key.into(), value: value.into(), why, owned: false });
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// Every key, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// The file: `head` as comment lines, then each property below its reason.
    pub fn render(&self, head: &str) -> String {
        let mut text = String::new();
        for line in head.lines() {
            comment(&mut text, line);
        }
        for entry in &self.entries {
            text.push('\n');
            comment(&mut text, &entry.why);
            let _ = writeln!(text, "{}={}", escape_key(&entry.key), escape_value(&entry.value));
        }
        text
    }

    fn put(&mut self, new: Entry) {
        match self.entries.iter_mut().find(|entry| entry.key == new.key) {
            Some(entry) => *entry = new,
            None => self.entries.push(new),
        }
    }
}

/// A comment must stay on its line and in the file's charset, whatever its words hold: else it would become a property.
fn comment(text: &mut String, words: &str) {
    text.push_str("# ");
    text.extend(words.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }));
    text.push('\n');
}

/// A key as a file holds it.
fn escape_key(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for c in key.chars() {
        match c {
            ' ' | ':' | '=' | '#' | '!' => text.extend(['\\', c]),
            c => escape(&mut text, c),
        }
    }
    text
}

/// A value as a file holds it. Only leading blanks need a backslash, since the loader skips them.
fn escape_value(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            ' ' if text.trim_start_matches("\\ ").is_empty() => text.push_str("\\ "),
            c => escape(&mut text, c),
        }
    }
    text
}

fn escape(text: &mut String, c: char) {
    match c {
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{c}' => text.push_str("\\f"),
        ' '..='~' => text.push(c),
        // Beyond the basic plane Java wants both halves of the surrogate pair.
        c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
            let _ = write!(text, "\\u{unit:04X}");
        }),
    }
}

/// Reads a properties file as Java does, but that a later key does not displace an earlier one: both are given, in the file's order.
///
/// A malformed `\u` escape, on which Java throws, is read as the letters it has.
pub fn parse(bytes: &[u8]) -> Vec<(String, String)> {
    logical_lines(bytes).iter().map(|line| split(line)).collect()
}

/// Lines without comments and blank ones, continuations joined, escapes still in place. A byte is a character (ISO-8859-1).
fn logical_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut joined: Option<Vec<u8>> = None;
    let mut after_return = false;
    for raw in bytes.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
        // "\r\n" is one end of line: its second half must not end a continued line.
        let second_half = raw == b"\n" && after_return;
        after_return = raw.last() == Some(&b'\r');
        if second_half {
            continue;
        }
        let raw = raw.strip_suffix(b"\n").or_else(|| raw.strip_suffix(b"\r")).unwrap_or(raw);
        let line = skip_blanks(raw);
        if joined.is_none() && matches!(line.first(), None | Some(b'#' | b'!')) {
            continue;
        }
        let continues = line.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1;
        let whole = line.len() - usize::from(continues);
        let mut text = joined.take().unwrap_or_default();
        text.extend_from_slice(line.get(..whole).unwrap_or_default());
        if continues {
            joined = Some(text);
        } else if !text.is_empty() {
            lines.push(text);
        }
    }
    lines.extend(joined.filter(|text| !text.is_empty()));
    lines
}

fn split(line: &[u8]) -> (String, String) {
    let mut escaped = false;
    let end = line
        .iter()
        .position(|b| {
            let separates = !escaped && (matches!(b, b'=' | b':') || is_blank(*b));
            escaped = *b == b'\\' && !escaped;
            separates
        })
        .unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = skip_blanks(rest);
    let rest = match rest.first() {
        Some(b'=' | b':') => skip_blanks(rest.get(1..).unwrap_or_default()),
        _ => rest,
    };
    (unescape(key), unescape(rest))
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !is_blank(*b)).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn unescape(bytes: &[u8]) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            units.push(u16::from(byte));
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else { break };
        rest = after;
        let hex = rest.get(..4).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        units.push(match (letter, hex.and_then(|hex| u16::from_str_radix(hex, 16).ok())) {
            (b'u', Some(unit)) => {
                rest = rest.get(4..).unwrap_or_default();
                unit
            }
            (b'n', _) => 10,
            (b'r', _) => 13,
            (b't', _) => 9,
            (b'f', _) => 12,
            (other, _) => u16::from(other),
        });
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rendered(key: &str, value: &str) -> String {
        let mut properties = Properties::default();
        properties.own(key, value, "because");
        properties.render("head")
    }

    #[test]
    fn what_java_would_read_otherwise_is_escaped() {
        let text = rendered("a key:=#!", "  two leading, C:\\x, tab\t, new\nline, ü, 😀 end ");
        let expected = "# head\n\n# because\na\\ key\\:\\=\\#\\!=\\ \\ two leading, C:\\\\x, tab\\t, new\\nline, \\u00FC, \\uD83D\\uDE00 end \n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_comment_cannot_become_a_property() {
        let mut properties = Properties::default();
        properties.own("a", "1", "reason\nbroker.id=9");
        assert_eq!(properties.render("x\r\ny"), "# x\n# y\n\n# reason?broker.id=9\na=1\n");
    }

    /// The expected side is what `java.util.Properties` of Java 25 read from the same bytes.
    #[test]
    fn a_file_is_read_as_java_reads_it() {
        let file = b"#\n# meta\r\n ! also a comment\n  cluster.id : ab\\u0041\\=\nversion=0\\\n   1\nbroker.id\t7\nempty\nlatin=\xfc\nlast\\ key=x\\\r\n  y\\\\\n";
        let pairs = parse(file);
        let expected = [
            ("cluster.id", "abA="),
            ("version", "01"),
            ("broker.id", "7"),
            ("empty", ""),
            ("latin", "ü"),
            ("last key", "xy\\"),
        ];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_string(), v.to_string())));
    }

    #[test]
    fn an_owned_value_stays_and_a_default_gives_way() {
        let mut properties = Properties::default();
        properties.own("broker.id", "1", "id");
        properties.set_default("num.partitions", "1", "stock");
        properties.pass_through("broker.id", "2", "file:1");
        properties.pass_through("num.partitions", "3", "file:2");
        assert_eq!((properties.get("broker.id"), properties.get("num.partitions")), (Some("1"), Some("3")));
        assert!(properties.render("").contains("# file:2, in place of our default 1\nnum.partitions=3\n"));
    }

    proptest! {
        #[test]
        fn whatever_is_rendered_is_read_back(key in "\\PC{1,20}", value in any::<String>()) {
            let pairs = parse(rendered(&key, &value).as_bytes());
            prop_assert_eq!(pairs, vec![(key, value)]);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
        }

        #[test]
        fn no_escapes_panic(text in "[\\\\u0-9a-f =:#!\r\n\t]{0,60}") {
            parse(text.as_bytes());
        }
    }
}
