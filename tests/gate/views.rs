//! The table of hand-made views: `views/*.txt`, a view, the codes expected of it and the whole sentences.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kafka_node::gate::{Verdict, judge};
use kafka_node::model::{Denial, GateRemark};

use super::written;

/// The issue asks for forty at least.
const LEAST: usize = 40;

struct Case {
    title: String,
    lines: Vec<String>,
    /// As written by hand: `allow no-spare-member` or `deny settling`; remarks after `say`.
    expected: String,
    sentences: Vec<String>,
}

#[test]
fn every_view_has_its_verdict() {
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let mut wrong = String::new();
    let mut count = 0;
    for path in files() {
        let text = std::fs::read_to_string(&path).expect("readable");
        let (head, cases) = cases(&text);
        let mut anew = head;
        for case in cases {
            count += 1;
            let (codes, sentences) = judged(&case.lines);
            if codes != case.expected {
                writeln!(
                    wrong,
                    "{}: expected {}, got {codes}\n  {}",
                    case.title,
                    case.expected,
                    sentences.join("\n  ")
                )
                .expect("text");
            }
            if sentences != case.sentences && !update {
                let (old, new) = (case.sentences.join("\n  "), sentences.join("\n  "));
                writeln!(wrong, "{}: expected\n  {old}\ngot\n  {new}", case.title).expect("text");
            }
            write!(anew, "\n## {}\n{}\n=> {}\n", case.title, case.lines.join("\n"), case.expected).expect("text");
            sentences.iter().for_each(|sentence| writeln!(anew, "   {sentence}").expect("text"));
        }
        if update {
            std::fs::write(&path, anew).expect("writable");
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 writes the sentences anew\n{wrong}");
    assert!(count >= LEAST, "only {count} views");
}

#[test]
fn every_code_of_the_judge_has_a_view() {
    let all: String = files().iter().map(|path| std::fs::read_to_string(path).expect("readable")).collect();
    let expected: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("=> ")).collect();
    // Another's lock is no matter of the view.
    for code in Denial::CODES.iter().filter(|code| **code != "lock-taken") {
        assert!(expected.iter().any(|line| line.split(" say ").next().is_some_and(|l| l.contains(code))), "{code}");
    }
    for code in ["no-spare-replica", "no-spare-member", "configurations-differ", "power-down"] {
        assert!(expected.iter().any(|line| line.split(" say ").nth(1).is_some_and(|l| l.contains(code))), "{code}");
    }
}

/// The codes in one line, and a sentence each.
fn judged(lines: &[String]) -> (String, Vec<String>) {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let written = written::read(&lines);
    let (denials, remarks) = match judge(&written.view, &written.policy) {
        Verdict::Allow(remarks) => (vec![], remarks),
        Verdict::Deny { denials, remarks } => {
            assert!(!denials.is_empty(), "denied without a reason");
            (denials, remarks)
        }
    };
    let mut codes = if denials.is_empty() { "allow".to_owned() } else { "deny".to_owned() };
    denials.iter().for_each(|denial| write!(codes, " {}", denial.code()).expect("text"));
    if !remarks.is_empty() {
        codes.push_str(" say");
        remarks.iter().for_each(|remark| write!(codes, " {}", remark.code()).expect("text"));
    }
    let sentences = denials.iter().map(Denial::to_string).chain(remarks.iter().map(GateRemark::to_string)).collect();
    (codes, sentences)
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate/views");
    let entries = std::fs::read_dir(folder).expect("the folder of views");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The head of the file, and its cases.
fn cases(text: &str) -> (String, Vec<Case>) {
    let mut parts = text.split("\n## ");
    let head = parts.next().unwrap_or_default().to_owned();
    let case = |part: &str| {
        let mut lines = part.lines().filter(|line| !line.is_empty());
        let title = lines.next().expect("a title").to_owned();
        let (mut view, mut sentences, mut expected) = (vec![], vec![], None);
        for line in lines {
            match (line.strip_prefix("=> "), line.strip_prefix("   ")) {
                (Some(codes), _) => expected = Some(codes.to_owned()),
                (None, Some(sentence)) => sentences.push(sentence.to_owned()),
                (None, None) => view.push(line.to_owned()),
            }
        }
        let expected = expected.unwrap_or_else(|| panic!("{title} expects nothing"));
        Case { title, lines: view, expected, sentences }
    };
    (head, parts.map(case).collect())
}
