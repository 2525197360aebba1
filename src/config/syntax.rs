//! Text that is not TOML: the parser's findings in the words of the person who typed it.

use toml::de::Error;

use super::complaint::Complaint;
use super::phrase::quoted;
use super::source::{Place, SourceFile};

/// Puts the parser's errors into `complaints`. Says whether the tree it made can be relied on nevertheless: after a key that
/// stands twice or a text without quotes it can, and the rest of the file is judged in the same go.
pub(super) fn judge(file: &SourceFile, index: usize, errors: &[Error], complaints: &mut Vec<Complaint>) -> bool {
    let mut sound = true;
    let mut last_line = None;
    let mut errors: Vec<&Error> = errors.iter().collect();
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let at = Place::new(index, span.clone());
        let complaint = match error.message() {
            "duplicate key" if !span.is_empty() => duplicate(file, at),
            message if message.starts_with("string values must be quoted") && !span.is_empty() => {
                unquoted(file, at, complaints.len())
            }
            message => {
                sound = false;
                // What follows on the same line is mostly the same slip.
                let line = file.line_of(span.start);
                if last_line == Some(line) {
                    continue;
                }
                last_line = Some(line);
                match message.split_once(", expected ") {
                    Some(("invalid basic string", "`\"`")) => {
                        Complaint::new(at, "not TOML: a text without its closing quote").expected("\"")
                    }
                    Some((what, expected)) => Complaint::new(at, format!("not TOML: {what}")).expected(expected),
                    None => Complaint::new(at, format!("not TOML: {message}")),
                }
            }
        };
        complaints.push(complaint);
    }
    sound
}

/// A text that lacks its quotes. What is said of it may hold it, unless its line holds a secret.
fn unquoted(file: &SourceFile, at: Place, so_far: usize) -> Complaint {
    let complaint = Complaint::new(at, "a text stands in quotes");
    let text = file.text.get(at.start..at.end).unwrap_or("");
    // Looking for secrets walks the file: not for each of thousands.
    if so_far > 50 || file.shown_line(file.line_of(at.start)).hidden_from.is_some() {
        return complaint.expected("a value such as \"512m\", 9092 or true");
    }
    complaint.expected(quoted(text))
}

/// A key or table that stands twice in one file.
fn duplicate(file: &SourceFile, at: Place) -> Complaint {
    let line = file.line_of(at.start);
    let text = |line: usize| file.text.get(file.line_span(line)).unwrap_or("").split('#').next().unwrap_or("").trim();
    let name = file.text.get(at.start..at.end).unwrap_or("");
    let header = text(line);
    if header.starts_with('[') {
        let complaint = Complaint::new(at, format!("{header} stands in this file twice"));
        let first = (0..line).find(|earlier| text(*earlier) == header);
        let complaint = match first {
            Some(first) => complaint.other(Place::new(at.file, file.line_span(first)), "first here"),
            None => complaint,
        };
        return complaint.expected(format!("one {header}, with all its keys below it"));
    }
    let complaint = Complaint::new(at, format!("the key {name} stands in its table twice"));
    let is_same = |line: usize| text(line).strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
    let first = (0..line).rev().take_while(|earlier| !text(*earlier).starts_with('[')).find(|line| is_same(*line));
    let complaint = match first {
        Some(first) => {
            let start = file.line_span(first).start;
            let start = start + file.text.get(start..).and_then(|rest| rest.find(name)).unwrap_or(0);
            complaint.other(Place::new(at.file, start..start + name.len()), "first here")
        }
        None => complaint,
    };
    complaint.expected("each key once")
}
