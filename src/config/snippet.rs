//! The look of an error: its sentence, the place, the line with carets below it, what was expected.

use super::complaint::Complaint;
use super::secret::HIDDEN;
use super::source::{Place, SourceFile};

/// A line is shown whole up to this many characters; of a longer one, this many around the carets.
const WIDEST: usize = 140;
/// Characters kept before the carets of a line that is cut.
const BEFORE: usize = 60;

/// Writes one error, ending with a line end.
pub(super) fn write(out: &mut String, files: &[SourceFile], complaint: &Complaint) {
    out.push_str(&format!("error: {}\n", complaint.what));
    let places = complaint.at.iter().chain(complaint.others.iter().map(|(place, _)| place));
    let last_line =
        places.filter_map(|place| files.get(place.file).map(|file| file.position(place.start).0)).max().unwrap_or(0);
    let gutter = last_line.to_string().len();
    if let Some(at) = complaint.at {
        source(out, files, gutter, "-->", at, '^', &complaint.label);
    }
    for (place, label) in &complaint.others {
        source(out, files, gutter, ":::", *place, '-', label);
    }
    for (kind, text) in &complaint.notes {
        out.push_str(&format!("{:gutter$} = {kind}: {text}\n", ""));
    }
}

/// The place, its line, and the carets.
fn source(out: &mut String, files: &[SourceFile], gutter: usize, arrow: &str, at: Place, mark: char, label: &str) {
    let Some(file) = files.get(at.file) else { return };
    let (line, column) = file.position(at.start);
    let shown = file.shown_line(line - 1);
    let span = file.line_span(line - 1);
    let width = file.text.get(at.start..at.end.min(span.end)).map_or(0, |text| text.chars().count());

    let (mut chars, mut from, mut width) = (shown.chars, column - 1, width.max(1));
    if let Some(hidden) = shown.hidden_from {
        chars.truncate(hidden);
        chars.extend(HIDDEN.chars());
        width = width.min((chars.len()).saturating_sub(from)).max(1);
        if from >= hidden {
            (from, width) = (hidden, 1);
        }
    }
    if chars.len() > WIDEST {
        let cut = from.saturating_sub(BEFORE).min(chars.len());
        let end = (cut + WIDEST).min(chars.len());
        let mut part: Vec<char> = if cut > 0 { vec!['…'] } else { Vec::new() };
        from -= cut.min(from);
        from += part.len();
        part.extend(&chars[cut..end]);
        if end < chars.len() {
            part.push('…');
        }
        width = width.min(part.len().saturating_sub(from)).max(1);
        chars = part;
    }
    let text: String = chars.into_iter().collect();
    let marks = mark.to_string().repeat(width);
    let label = if label.is_empty() { String::new() } else { format!(" {label}") };
    out.push_str(&format!("{:gutter$}{arrow} {}:{line}:{column}\n", "", file.name));
    out.push_str(&format!("{:gutter$} |\n", ""));
    out.push_str(format!("{line:gutter$} | {text}").trim_end());
    out.push_str(&format!("\n{:gutter$} | {:from$}{marks}{label}\n", "", ""));
}
