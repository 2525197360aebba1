//! Javas on this machine: where they are, what version their `release` file says, which one to take.
//! Absent on purpose: running each candidate. The `release` file is exact and costs nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child;
use crate::failure::{Failure, Outcome};

/// The oldest Java that Kafka 2.6 runs on.
const OLDEST: u32 = 8;
/// The newest Java that is preferred: Kafka 2.6 is tested here on 11 and 17; a newer one is taken where it is alone.
const PREFERRED: u32 = 17;

/// A Java runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// Its home: `bin/java` is below.
    pub home: PathBuf,
    /// The feature release: 8, 11, 17.
    pub major: u32,
    /// The whole version, as the `release` file gives it.
    pub version: String,
}

impl fmt::Display for Java {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Java {} in {}", self.version, self.home.display())
    }
}

/// Every Java in JAVA_HOME, `/usr/lib/jvm` and on the PATH, in this order, each once.
pub fn installed() -> Vec<Java> {
    let mut homes: Vec<PathBuf> = std::env::var_os("JAVA_HOME").map(PathBuf::from).into_iter().collect();
    if let Ok(entries) = std::fs::read_dir("/usr/lib/jvm") {
        let mut dirs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        dirs.sort();
        homes.extend(dirs);
    }
    // `…/bin/java` behind all links; Java 8 has it in `jre/bin`, and its `release` file beside `jre`.
    let on_path = child::on_path("java").and_then(|path| path.canonicalize().ok());
    homes.extend(on_path.iter().flat_map(|java| java.ancestors().skip(2).take(2)).map(Path::to_path_buf));
    let mut seen = BTreeSet::new();
    homes.iter().filter_map(|home| at(home)).filter(|java| seen.insert(java.home.clone())).collect()
}

/// The Java whose home this is.
pub fn at(home: &Path) -> Option<Java> {
    let home = home.canonicalize().ok()?;
    if !home.join("bin/java").is_file() {
        return None;
    }
    let release = std::fs::read_to_string(home.join("release")).ok()?;
    let version = version_of(&release)?;
    Some(Java { major: major_of(version)?, version: version.to_owned(), home })
}

/// JAVA_HOME's when it stands first and is new enough for it was chosen by a human; else the newest up to 17, else
/// the oldest above.
pub fn best(javas: &[Java]) -> Option<Java> {
    let chosen = std::env::var_os("JAVA_HOME").and_then(|home| PathBuf::from(home).canonicalize().ok());
    if let Some(java) = javas.iter().find(|java| Some(&java.home) == chosen.as_ref() && java.major >= OLDEST) {
        return Some(java.clone());
    }
    preferred(javas)
}

fn preferred(javas: &[Java]) -> Option<Java> {
    let known = javas.iter().filter(|java| (OLDEST..=PREFERRED).contains(&java.major)).max_by_key(|java| java.major);
    known.or_else(|| javas.iter().filter(|java| java.major > PREFERRED).min_by_key(|java| java.major)).cloned()
}

/// Runs a Java and checks that it is of this feature release. One without its configuration exits in silence, so the
/// version it prints is what counts.
pub fn prove(home: &Path, major: u32) -> Outcome<()> {
    let java = home.join("bin/java");
    let (status, out, err) = child::captured(Command::new(&java).arg("-version"))?;
    let said = format!("{out}{err}");
    let version = said.split('"').nth(1).unwrap_or_default();
    if status.success() && major_of(version) == Some(major) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} -version should say Java {major}; it ended with {status} and said {said:?}",
        java.display()
    )))
}

/// The value of JAVA_VERSION in a `release` file.
fn version_of(release: &str) -> Option<&str> {
    let value = release.lines().find_map(|line| line.trim().strip_prefix("JAVA_VERSION="))?;
    Some(value.trim_matches('"')).filter(|version| !version.is_empty())
}

/// The feature release: `1.8.0_392` is 8, `11.0.32.1` is 11, `17` is 17, `25-ea` is 25.
fn major_of(version: &str) -> Option<u32> {
    let modern = version.strip_prefix("1.").unwrap_or(version);
    let digits = modern.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_times_are_read() {
        for (version, major) in [
            ("1.8.0_392", Some(8)),
            ("11.0.32.1", Some(11)),
            ("17", Some(17)),
            ("25-ea", Some(25)),
            ("", None),
            ("x", None),
            ("99999999999", None),
        ] {
            assert_eq!(major_of(version), major, "{version}");
        }
        assert_eq!(
            version_of("IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"11.0.32.1\"\nJAVA_VERSION_DATE=\"2026-08-18\"\n"),
            Some("11.0.32.1")
        );
        assert_eq!(version_of("JAVA_VERSION=\"\""), None);
        assert_eq!(version_of(""), None);
    }

    fn pick(majors: &[u32]) -> Option<u32> {
        let javas: Vec<Java> = majors
            .iter()
            .map(|&major| Java { home: format!("/{major}").into(), major, version: major.to_string() })
            .collect();
        preferred(&javas).map(|java| java.major)
    }

    #[test]
    fn the_newest_known_java_is_taken_and_a_newer_one_where_it_is_alone() {
        assert_eq!(pick(&[8, 11, 17, 25]), Some(17));
        assert_eq!(pick(&[25, 21]), Some(21));
        assert_eq!(pick(&[7]), None);
        assert_eq!(pick(&[7, 8]), Some(8));
    }

    #[test]
    fn a_directory_without_java_is_none() {
        assert_eq!(at(Path::new("/nonexistent")), None);
        assert_eq!(at(Path::new("/")), None);
    }
}
