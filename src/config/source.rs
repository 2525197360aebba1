//! A configuration file as text, and places in it: lines, columns, and what of a line may be shown.
//!
//! Absent on purpose: reading it from disk (`loader`), and the look of an error (`snippet`).

use std::ops::Range;

use super::secret;

/// The largest file that is read, in bytes: a cluster of 255 nodes needs a tenth of it.
pub(super) const LARGEST_FILE: usize = 1024 * 1024;

/// A stretch of one of the files, in bytes of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index into the files, in the order they are merged.
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Place {
    pub fn new(file: usize, span: Range<usize>) -> Place {
        Place { file, start: span.start, end: span.end.max(span.start) }
    }
}

/// One file: its name as the operator knows it, and its text without a byte order mark.
pub(super) struct SourceFile {
    pub name: String,
    pub text: String,
    /// Where each line starts; never empty.
    starts: Vec<usize>,
    /// Spans of values that must never be shown, as the parser found them.
    secrets: Vec<Range<usize>>,
}

/// A line as it may be shown.
pub(super) struct ShownLine {
    /// Its characters, tabs and control characters replaced one for one.
    pub chars: Vec<char>,
    /// From this character on the line is hidden.
    pub hidden_from: Option<usize>,
}

impl SourceFile {
    pub fn new(name: &str, text: &str) -> SourceFile {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        SourceFile { name: name.to_owned(), text, starts, secrets: Vec::new() }
    }

    /// Never show this stretch of the file.
    pub fn hide(&mut self, span: Range<usize>) {
        self.secrets.push(span);
    }

    /// The number of the line that holds the byte `at`, from 0.
    pub fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// The bytes of a line, without its end.
    pub fn line_span(&self, line: usize) -> Range<usize> {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let whole = self.text.get(start..end).unwrap_or("");
        start..start + whole.strip_suffix('\r').unwrap_or(whole).len()
    }

    /// Line and column of the byte `at`, both from 1; the column counts characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line_of(at);
        let span = self.line_span(line);
        let before = self.text.get(span.start..at.clamp(span.start, span.end)).unwrap_or("");
        (line + 1, before.chars().count() + 1)
    }

    /// `file:line`.
    pub fn line_place(&self, at: usize) -> String {
        format!("{}:{}", self.name, self.position(at).0)
    }

    /// `file:line:column`.
    pub fn place(&self, at: usize) -> String {
        let (line, column) = self.position(at);
        format!("{}:{line}:{column}", self.name)
    }

    /// A line as it may be shown: without the value of a key that names a secret.
    pub fn shown_line(&self, line: usize) -> ShownLine {
        let span = self.line_span(line);
        let text = self.text.get(span.clone()).unwrap_or("");
        let by_words = secret::hidden_from(&self.text, &self.starts, line);
        let by_parser = self
            .secrets
            .iter()
            .filter(|secret| secret.start <= span.end && secret.end > span.start)
            .map(|secret| secret.start.saturating_sub(span.start))
            .min();
        let hidden = match (by_words, by_parser) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let hidden_from = hidden.map(|at| text.char_indices().take_while(|(byte, _)| *byte < at).count());
        ShownLine { chars: text.chars().map(visible).collect(), hidden_from }
    }
}

/// One character for one: what would move the cursor or reorder the line is replaced.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let file = SourceFile::new("f", "\u{feff}a = 1\r\nä = \"ü\"\n");
        assert_eq!(file.position(0), (1, 1));
        assert_eq!(file.position(4), (1, 5));
        assert_eq!(file.place(file.text.find("\"ü").unwrap()), "f:2:5");
        assert_eq!(file.position(999), (3, 1));
        assert_eq!(file.shown_line(0).chars.into_iter().collect::<String>(), "a = 1");
    }
}
