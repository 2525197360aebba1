//! Which versions of glibc's symbols a program needs, and which of them CentOS 7 does not have.
//! Absent on purpose: reading ELF. `readelf` of binutils is wherever Rust can link at all.

use std::path::Path;
use std::process::Command;

use crate::child;
use crate::failure::{Failure, Outcome};

/// CentOS 7's.
pub const CEILING: Version = Version(2, 17, 0);

/// A version of glibc: 2.17 is `(2, 17, 0)`, 2.2.5 is `(2, 2, 5)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32, u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)?;
        if self.2 == 0 { Ok(()) } else { write!(f, ".{}", self.2) }
    }
}

/// Fails with the name of every symbol that is newer than the ceiling; else the newest version that is needed.
pub fn check(binary: &Path) -> Outcome<Version> {
    let mut readelf = Command::new("readelf");
    readelf.args(["--wide", "--dyn-syms", "--version-info"]).arg(binary).env("LC_ALL", "C");
    let (status, out, err) = child::captured(&mut readelf)?;
    if !status.success() {
        return Err(Failure::new(format!("readelf ended with {status}: {}", err.trim())));
    }
    judge(&out)
}

/// The same from what readelf says.
fn judge(words: &str) -> Outcome<Version> {
    let needed: Vec<(String, Version)> = words.lines().filter_map(need).collect();
    let Some(newest) = needed.iter().map(|(_, version)| *version).max() else {
        return Err(Failure::new("it needs nothing of glibc at all, so it is not the program that was meant"));
    };
    let mut newer: Vec<String> = needed
        .iter()
        .filter(|(_, version)| *version > CEILING)
        .map(|(symbol, version)| format!("{symbol} (GLIBC_{version})"))
        .collect();
    newer.sort();
    newer.dedup();
    if newer.is_empty() {
        return Ok(newest);
    }
    Err(Failure::new(format!("it does not run on glibc {CEILING}, since it needs {}", newer.join(", "))))
}

/// `symbol@GLIBC_2.30 (4)` in the table of symbols, or `Name: GLIBC_2.30  Flags: none  Version: 4` in that of versions, which
/// the loader looks at first, whatever becomes of the symbol.
fn need(line: &str) -> Option<(String, Version)> {
    let (before, after) = line.split_once("GLIBC_")?;
    let version = parse(after.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?)?;
    let symbol = before.trim_end_matches('@').split_whitespace().last()?;
    if symbol == "Name:" {
        return Some(("a version".into(), version));
    }
    before.ends_with('@').then(|| (symbol.to_owned(), version))
}

fn parse(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next()??, parts.next()??);
    Some(Version(major, minor, parts.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "   7: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND memcpy@GLIBC_2.14 (3)\n\
                        8: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND free@GLIBC_2.2.5 (2)\n\
                        9: 0000000000000000     0 FUNC    WEAK   DEFAULT  UND gettid\n\
                       0x0020:   Name: GLIBC_2.17  Flags: none  Version: 5\n";

    #[test]
    fn the_newest_version_is_found_by_number() {
        assert_eq!(judge(OLD).ok(), Some(CEILING));
        assert_eq!(parse("2.2.5"), Some(Version(2, 2, 5)));
        assert!(parse("2.9") < parse("2.17"), "by number, not by letter");
    }

    #[test]
    fn a_newer_symbol_is_named_and_a_newer_version_is_enough() {
        let words =
            |more: &str| judge(&format!("{OLD}{more}")).err().map(|failure| failure.chain()).unwrap_or_default();
        let symbol = words("  10: 0000000000000000     0 FUNC    WEAK   DEFAULT  UND gettid@GLIBC_2.30 (9)\n");
        assert!(symbol.contains("glibc 2.17, since it needs gettid (GLIBC_2.30)"), "{symbol}");
        let version = words("  0x0030:   Name: GLIBC_2.34  Flags: WEAK  Version: 9\n");
        assert!(version.contains("a version (GLIBC_2.34)"), "{version}");
    }

    #[test]
    fn a_program_linked_on_this_machine_fails() -> Outcome<()> {
        let this = std::env::current_exe().map_err(|error| Failure::new(error.to_string()))?;
        let words = check(&this).err().map(|failure| failure.chain()).unwrap_or_else(|| "passed".into());
        // Whoever tests on glibc 2.17 itself links nothing newer.
        assert!(words.contains("GLIBC_2.") || words == "passed" && host_is_old(), "{words}");
        Ok(())
    }

    fn host_is_old() -> bool {
        let words = child::captured(Command::new("getconf").arg("GNU_LIBC_VERSION")).map(|(_, out, _)| out);
        words
            .ok()
            .and_then(|words| parse(words.trim().trim_start_matches("glibc ")))
            .is_some_and(|host| host <= CEILING)
    }
}
