//! A list of SHA-256 checksums, and what a directory that should match it lacks, has too much, or has changed.
//! Absent on purpose: the arithmetic. `sha256sum` of coreutils is on every Linux and costs no dependency.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::child;
use crate::failure::{During, Failure, Outcome};

/// File name to SHA-256 in lower-case hexadecimal.
pub type Checksums = BTreeMap<String, String>;

/// Reads the format of `sha256sum`: 64 hexadecimal digits, a space, a space or `*`, a file name without directories.
pub fn parse(text: &str) -> Outcome<Checksums> {
    let mut list = Checksums::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |why: &str| Failure::new(format!("line {}: {why}: {line:?}", index + 1));
        let (sum, rest) =
            line.split_once(' ').ok_or_else(|| wrong("expected a checksum, two blanks and a file name"))?;
        let name = rest.strip_prefix([' ', '*']).ok_or_else(|| wrong("expected two blanks after the checksum"))?;
        if sum.len() != 64 || !sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong("expected 64 lower-case hexadecimal digits"));
        }
        if name.is_empty() || name.contains('/') {
            return Err(wrong("expected a file name without directories"));
        }
        if list.insert(name.to_owned(), sum.to_owned()).is_some() {
            return Err(wrong("this file stands twice"));
        }
    }
    Ok(list)
}

/// The checksums of all files in a directory.
pub fn of_dir(dir: &Path) -> Outcome<Checksums> {
    let doing = || format!("read {}", dir.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).during(doing)? {
        names.push(entry.during(doing)?.file_name());
    }
    if names.is_empty() {
        return Ok(Checksums::new());
    }
    names.sort();
    let (status, out, err) = child::captured(Command::new("sha256sum").arg("--").args(&names).current_dir(dir))?;
    if !status.success() {
        return Err(Failure::new(format!("sha256sum ended with {status} in {}: {}", dir.display(), err.trim())));
    }
    parse(&out).during(|| "read what sha256sum says".into())
}

/// One sentence for each file that is missing, not listed, or different. Empty means: just what the list says.
pub fn differences(expected: &Checksums, found: &Checksums) -> Vec<String> {
    let mut words = Vec::new();
    for (name, sum) in expected {
        match found.get(name) {
            None => words.push(format!("{name} is missing")),
            Some(other) if other != sum => words.push(format!("{name} has SHA-256 {other}, expected {sum}")),
            Some(_) => {}
        }
    }
    words.extend(
        found.keys().filter(|name| !expected.contains_key(*name)).map(|name| format!("{name} is not in the list")),
    );
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn rejects(text: &str, expected: &str) {
        let words = parse(text).err().map(|failure| failure.chain()).unwrap_or_else(|| "accepted".into());
        assert!(words.contains(expected), "{words:?} lacks {expected:?}");
    }

    #[test]
    fn a_list_is_read_or_refused_with_its_line() {
        assert_eq!(parse(&format!("{A}  a.jar\n{B} *b.jar\n")).map(|list| list.len()).ok(), Some(2));
        rejects("what", "line 1: expected a checksum");
        rejects(&format!("{A} a.jar"), "two blanks");
        rejects(&format!("{A}  a.jar\n{}  b.jar", &A[..63]), "line 2: expected 64");
        rejects(&format!("{A}  ../a.jar"), "without directories");
        rejects(&format!("{A}  a.jar\n{B}  a.jar"), "twice");
    }

    #[test]
    fn the_committed_list_is_sound() {
        let list = parse(include_str!("../kafka/jars.sha256")).unwrap_or_default();
        assert!(list.contains_key("kafka_2.13-2.6.0.jar") && list.contains_key("zookeeper-3.5.8.jar"), "{list:?}");
    }

    #[test]
    fn every_kind_of_difference_is_said() -> Outcome<()> {
        let expected = parse(&format!("{A}  same.jar\n{A}  changed.jar\n{A}  gone.jar\n"))?;
        let found = parse(&format!("{A}  same.jar\n{B}  changed.jar\n{B}  extra.jar\n"))?;
        assert_eq!(
            differences(&expected, &found),
            [
                format!("changed.jar has SHA-256 {B}, expected {A}"),
                "gone.jar is missing".into(),
                "extra.jar is not in the list".into()
            ]
        );
        Ok(())
    }

    #[test]
    fn a_directory_is_summed() -> Outcome<()> {
        let dir = tempfile::tempdir().during(|| "make a directory".into())?;
        assert_eq!(of_dir(dir.path())?.len(), 0);
        std::fs::write(dir.path().join("empty"), "").during(|| "write a file".into())?;
        let sums = of_dir(dir.path())?;
        assert_eq!(
            sums.get("empty").map(String::as_str),
            Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        );
        Ok(())
    }
}
