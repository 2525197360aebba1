//! What `tar --list --verbose` says of a release: its top directory, version and files, or why it is refused.
//!
//! Only plain files and directories below one top directory are taken: a release has nothing else, and links or upward paths are how an
//! archive writes outside its place. Absent on purpose: unpacking (`host::setup`).

use std::collections::BTreeSet;

/// Kafka 2.6.0 has 190 entries; 3.9 has 230.
const MOST_ENTRIES: usize = 10_000;
/// Bytes unpacked. Kafka 2.6.0 has 72 MB; 3.9 has 135 MB.
const MOST_BYTES: u64 = 1 << 30;

/// A regular file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Below the top directory.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// What a release holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The top directory, e.g. `kafka_2.13-2.6.0`.
    pub top: String,
    /// Its version, e.g. `2.6.0`.
    pub version: String,
    /// Every regular file.
    pub files: Vec<Member>,
    /// Bytes of all files.
    pub total: u64,
}

impl Contents {
    /// The programs: what is compared with an installed release. An operator may have edited the rest, e.g. `config`.
    pub fn programs(&self) -> impl Iterator<Item = &Member> {
        self.files.iter().filter(|file| file.path.starts_with("libs/") || file.path.starts_with("bin/"))
    }
}

/// Judges a listing (C locale, numeric owners, quoting style "escape").
///
/// # Errors
/// The first entry that a release would not have, or what is missing, in words.
pub fn contents(listing: &str) -> Result<Contents, String> {
    let mut top: Option<String> = None;
    let mut files: Vec<Member> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut total: u64 = 0;
    for (number, line) in listing.lines().enumerate() {
        if number >= MOST_ENTRIES {
            return Err(format!("it has more than {MOST_ENTRIES} entries"));
        }
        let (kind, size, name) = entry(line).ok_or_else(|| format!("tar lists what is not understood: {line}"))?;
        match kind {
            '-' | 'd' => {}
            'l' | 'h' => return Err(format!("{name} is a link; a release of Kafka has none")),
            _ => return Err(format!("{name} is neither a file nor a directory")),
        }
        let path = name.strip_suffix('/').unwrap_or(name);
        let parts: Vec<&str> = path.split('/').collect();
        let odd = |part: &&str| part.is_empty() || *part == "." || *part == ".." || part.contains('\\');
        if parts.iter().any(odd) {
            return Err(format!("it has an entry with an absolute, upward or odd path: {name}"));
        }
        if !seen.insert(path.to_owned()) {
            return Err(format!("it has {path} twice"));
        }
        let first = parts.first().copied().unwrap_or_default();
        match &top {
            None => top = Some(first.to_owned()),
            Some(top) if top != first => return Err(format!("it has two top directories, {top} and {first}")),
            Some(_) => {}
        }
        if kind == '-' {
            total = total.saturating_add(size);
            if total > MOST_BYTES {
                return Err(format!("it unpacks to more than {} MiB", MOST_BYTES >> 20));
            }
            let Some((_, below)) = path.split_once('/') else {
                return Err(format!("{path} stands at its top, not below a directory"));
            };
            files.push(Member { path: below.to_owned(), size });
        }
    }
    let top = top.ok_or("it is empty")?;
    let version = version(&top).ok_or_else(|| {
        format!(
            "its top directory is {top}, not kafka_SCALA-VERSION: take the binary release, e.g. kafka_2.13-2.6.0.tgz"
        )
    })?;
    for (start, what) in [("libs/kafka_", "of Kafka"), ("libs/zookeeper-", "of ZooKeeper")] {
        if !files.iter().any(|file| file.path.starts_with(start) && file.path.ends_with(".jar")) {
            return Err(format!("it has no {start}*.jar, the program {what}"));
        }
    }
    Ok(Contents { version, top, files, total })
}

/// Kind, size and name of one line: `-rw-r--r-- 0/0 29975 2020-07-28 18:16 kafka_2.13-2.6.0/LICENSE`.
fn entry(line: &str) -> Option<(char, u64, &str)> {
    let mut rest = line;
    let mut field = || {
        let text = rest.trim_start();
        let (field, after) = text.split_once(' ')?;
        rest = after;
        Some(field)
    };
    let kind = field()?.chars().next()?;
    let _owner = field()?;
    let size = field()?.parse().ok();
    let (_day, _time) = (field()?, field()?);
    // A device has two numbers here; it is refused for its kind.
    let size = if matches!(kind, '-') { size? } else { 0 };
    (!rest.is_empty()).then_some((kind, size, rest))
}

/// `2.6.0` of `kafka_2.13-2.6.0`.
fn version(top: &str) -> Option<String> {
    let (scala, version) = top.strip_prefix("kafka_")?.split_once('-')?;
    let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with('.');
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let is_version = number(version) && version.chars().all(plain) && version.contains('.');
    (number(scala) && is_version).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "drwxr-xr-x 0/0               0 2020-07-28 18:16 kafka_2.13-2.6.0/\n\
        -rw-r--r-- 0/0           29975 2020-07-28 18:16 kafka_2.13-2.6.0/LICENSE\n\
        drwxr-xr-x 0/0               0 2020-07-28 18:16 kafka_2.13-2.6.0/libs/\n\
        -rw-r--r-- 0/0             100 2020-07-28 18:16 kafka_2.13-2.6.0/libs/kafka_2.13-2.6.0.jar\n\
        -rw-r--r-- 1000/1000       200 2020-07-28 18:16 kafka_2.13-2.6.0/libs/zookeeper-3.5.8.jar\n";

    #[test]
    fn a_release_is_understood() {
        let contents = contents(GOOD).expect("it is a release");
        assert_eq!((contents.version.as_str(), contents.total, contents.files.len()), ("2.6.0", 30275, 3));
        assert_eq!(contents.files[2], Member { path: "libs/zookeeper-3.5.8.jar".into(), size: 200 });
    }

    #[track_caller]
    fn refused(line: &str, words: &str) {
        let error = contents(&format!("{GOOD}{line}\n")).expect_err(line);
        assert!(error.contains(words), "{line}: {error}");
    }

    #[test]
    fn what_a_release_never_has_is_refused() {
        refused("-rw-r--r-- 0/0 5 2020-07-28 18:16 /etc/passwd", "absolute");
        refused("-rw-r--r-- 0/0 5 2020-07-28 18:16 kafka_2.13-2.6.0/../../etc/passwd", "upward");
        refused("-rw-r--r-- 0/0 5 2020-07-28 18:16 kafka_2.13-2.6.0/./x", "odd");
        refused("-rw-r--r-- 0/0 5 2020-07-28 18:16 kafka_2.13-2.6.0/a\\nb", "odd");
        refused("lrwxrwxrwx 0/0 0 2020-07-28 18:16 kafka_2.13-2.6.0/x -> /etc", "is a link");
        refused("hrw-r--r-- 0/0 0 2020-07-28 18:16 kafka_2.13-2.6.0/x link to kafka_2.13-2.6.0/LICENSE", "is a link");
        refused("crw-r--r-- 0/0 1,3 2020-07-28 18:16 kafka_2.13-2.6.0/null", "neither");
        refused("prw-r--r-- 0/0 0 2020-07-28 18:16 kafka_2.13-2.6.0/pipe", "neither");
        refused("-rw-r--r-- 0/0 5 2020-07-28 18:16 other/x", "two top directories");
        refused("-rw-r--r-- 0/0 5 2020-07-28 18:16 kafka_2.13-2.6.0/LICENSE", "twice");
        refused("-rw-r--r-- 0/0 1073741825 2020-07-28 18:16 kafka_2.13-2.6.0/big", "more than 1024 MiB");
        refused("-rw-r--r-- 0/0 18446744073709551615 2020-07-28 18:16 kafka_2.13-2.6.0/big", "more than 1024 MiB");
        refused("tar: something else", "not understood");
        refused("-rw-r--r-- 0/0 x 2020-07-28 18:16 kafka_2.13-2.6.0/y", "not understood");
    }

    #[test]
    fn another_archive_than_the_binary_release_is_refused() {
        let error = |listing: &str| contents(listing).expect_err(listing);
        assert!(error("").contains("empty"));
        assert!(error("drwxr-xr-x 0/0 0 2020-07-28 18:16 kafka-2.6.0-src/\n").contains("binary release"));
        assert!(error(&GOOD.replace("zookeeper-", "other-")).contains("of ZooKeeper"));
        assert!(error(&GOOD.replace("libs/kafka_", "libs/other_")).contains("of Kafka"));
        for top in [
            "kafka_2.13-",
            "kafka_-2.6.0",
            "kafka_2.13-2",
            "kafka_2.13-2.6.0/..",
            "kafka_2.13-2.6 0",
            "kafka_2.13-2.6.",
        ] {
            assert_eq!(version(top), None, "{top}");
        }
        let many = GOOD.to_owned()
            + &(0..10_000).map(|n| format!("-rw-r--r-- 0/0 0 d t kafka_2.13-2.6.0/{n}\n")).collect::<String>();
        assert!(error(&many).contains("more than 10000 entries"));
    }

    proptest! {
        #[test]
        fn no_listing_panics(text in "[-dlh ]{0,3}[ -~\n]{0,120}") {
            let _ = contents(&text);
        }
    }
}
