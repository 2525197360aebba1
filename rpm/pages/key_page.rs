//! kafka-node.toml(5): the reference page of the configuration, from its Markdown to what man reads.
//!
//! It knows as much of Markdown as `config::reference` writes: headings, paragraphs, lists, tables, backquotes and stars. Absent on
//! purpose: words of its own, but for the page's name.

/// The page as roff.
pub fn page(markdown: &str) -> String {
    let mut out = String::from(
        ".TH KAFKA\\-NODE.TOML 5 \"\" \"kafka\\-node\" \"kafka\\-node\"\n.SH NAME\nkafka\\-node.toml \\- configuration of kafka\\-node\n.SH DESCRIPTION\n",
    );
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("# ") || line.starts_with("Written by a test") || line.starts_with("| ---") {
            continue;
        }
        if let Some(heading) = line.strip_prefix("## ") {
            out.push_str(&format!(".SH {}\n", quoted(heading)));
        } else if lines.peek().is_some_and(|next| next.starts_with("| ---")) {
            // The names of a table's columns: each row says itself what is what.
        } else if let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) {
            out.push_str(&entry(&row.split(" | ").collect::<Vec<_>>()));
        } else if let Some(item) = line.strip_prefix("- ") {
            out.push_str(&format!(".IP \\(bu 2\n{}\n", inline(item)));
        } else if line.is_empty() {
            if !out.ends_with("DESCRIPTION\n") && !out.ends_with(".PP\n") {
                out.push_str(".PP\n");
            }
        } else {
            out.push_str(&format!("{}\n", inline(line)));
        }
    }
    out
}

/// A row: key, what it takes, its default, its meaning; or only two columns.
fn entry(cells: &[&str]) -> String {
    match cells {
        [key, takes, default, meaning] => {
            let default = if *default == "-" { String::new() } else { format!("; default {}", inline(default)) };
            format!(".TP\n{}\n{}{default}.\n.br\n{}\n", inline(key), inline(takes), inline(meaning))
        }
        [name, rest @ ..] => format!(".TP\n{}\n{}\n", inline(name), inline(&rest.join(" "))),
        [] => String::new(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(&text.replace(['`', '"'], "")))
}

/// Text with what stands in backquotes in bold; a dot or a quote at the head of a line would be a command.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            out.push_str(&format!("\\fB{}\\fR", escaped(part)));
        } else {
            // *A word* that is explained, in italics.
            for (index, part) in part.split('*').enumerate() {
                let part = escaped(part);
                out.push_str(&if index % 2 == 1 { format!("\\fI{part}\\fR") } else { part });
            }
        }
    }
    if out.starts_with(['.', '\'']) { format!("\\&{out}") } else { out }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
