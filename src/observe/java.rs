//! Finds the Java to run: JAVA_HOME, then /usr/lib/jvm, then PATH, or the one that `[java] home` names.
//!
//! Effects: reads directories and `release` files; where one is missing, runs `java -version`, bounded. Absent on purpose: which
//! versions are good (`plan::java_support`), and whether our options suit it (`proof`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, JavaHome};
use crate::plan::Java;
use crate::plan::java_support::{self, JavaSupport};

use super::host::HostRoot;
use super::java_version::{feature, numbers, printed, release};
use super::proof::run_bounded;

/// How long `java -version` may take: it is 0.1 s of work, and a cold disk takes seconds.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Where distributions keep their Javas.
const JVM_DIRECTORY: &str = "/usr/lib/jvm";

/// Why there is no Java to run; each says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JavaRefusal {
    /// `[java] home` names a directory that holds no Java we can run.
    Named {
        /// The directory.
        home: PathBuf,
        /// What is wrong with it.
        words: String,
    },
    /// None was found.
    None,
    /// Some were found, and none can run the services.
    Unsuited {
        /// Each with its place and what is wrong with it.
        found: Vec<String>,
    },
}

impl fmt::Display for JavaRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let install = "install one (on CentOS 7: yum install java-11-openjdk-headless), or set [java] home";
        match self {
            JavaRefusal::Named { home, words } => write!(f, "[java] home {}: {words}", home.display()),
            JavaRefusal::None => {
                write!(f, "no Java in JAVA_HOME, {JVM_DIRECTORY} or PATH: {install}")
            }
            JavaRefusal::Unsuited { found } => {
                write!(f, "no Java that can run Kafka and ZooKeeper: {}; {install}", found.join("; "))
            }
        }
    }
}

impl std::error::Error for JavaRefusal {}

/// A directory that may be a Java's home, and where it was found.
struct Candidate {
    home: PathBuf,
    /// The directory it really is.
    real: PathBuf,
    found: &'static str,
}

/// The Java to run both services with.
pub fn find(config: &Config, root: &HostRoot) -> Result<Java, JavaRefusal> {
    let uses_sasl = java_support::uses_sasl(config);
    match &config.java {
        JavaHome::Path(home) => named(home, uses_sasl),
        JavaHome::Auto => newest(candidates(root), uses_sasl),
    }
}

fn named(home: &Path, uses_sasl: bool) -> Result<Java, JavaRefusal> {
    let refuse = |words: String| JavaRefusal::Named { home: home.to_path_buf(), words };
    let point = "point it at a directory that holds bin/java, or set \"auto\"";
    if !home.is_dir() {
        return Err(refuse(format!("is not a directory: {point}")));
    }
    if !home.join("bin/java").is_file() {
        return Err(refuse(format!("has no bin/java: {point}")));
    }
    let version = version(home).map_err(|words| refuse(format!("{words}: {point}")))?;
    let major = feature(&version).unwrap_or(0);
    match java_support::judge(major, uses_sasl) {
        JavaSupport::Refused(words) => Err(refuse(words)),
        JavaSupport::Good | JavaSupport::Untried(_) => {
            Ok(Java { home: home.to_path_buf(), version, major, found: "[java] home".into() })
        }
    }
}

/// The newest of the known good ones, else of the untried ones; of equals the one found first.
fn newest(candidates: Vec<Candidate>, uses_sasl: bool) -> Result<Java, JavaRefusal> {
    if candidates.is_empty() {
        return Err(JavaRefusal::None);
    }
    let mut best: Option<(bool, Vec<u32>, Java)> = None;
    let mut unsuited = Vec::new();
    for candidate in &candidates {
        let version = match version(&candidate.home) {
            Ok(version) => version,
            Err(words) => {
                unsuited.push(format!("{} ({}) {words}", candidate.home.display(), candidate.found));
                continue;
            }
        };
        let major = feature(&version).unwrap_or(0);
        let good = match java_support::judge(major, uses_sasl) {
            JavaSupport::Good => true,
            JavaSupport::Untried(_) => false,
            JavaSupport::Refused(words) => {
                unsuited.push(format!("{} ({}): {words}", candidate.home.display(), candidate.found));
                continue;
            }
        };
        let mut age = vec![major];
        age.extend(numbers(&version));
        if best.as_ref().is_none_or(|(known, newest, _)| (good, &age) > (*known, newest)) {
            let home = stable_name(candidate, &candidates, major);
            best = Some((good, age, Java { home, version, major, found: candidate.found.into() }));
        }
    }
    best.map(|(_, _, java)| java).ok_or(JavaRefusal::Unsuited { found: unsuited })
}

/// Every candidate, a real directory once for each name it has, in the order of the places.
fn candidates(root: &HostRoot) -> Vec<Candidate> {
    let mut homes: Vec<(PathBuf, &'static str)> = Vec::new();
    homes.extend(root.variable("JAVA_HOME").map(|home| (PathBuf::from(home), "JAVA_HOME")));
    let entries =
        fs::read_dir(root.at(JVM_DIRECTORY)).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| vec![]);
    let mut entries: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    entries.sort();
    homes.extend(entries.into_iter().map(|home| (home, JVM_DIRECTORY)));
    for directory in root.variable("PATH").unwrap_or_default().split(':').filter(|directory| directory.starts_with('/'))
    {
        let java = fs::canonicalize(Path::new(directory).join("java"));
        let home = java.ok().and_then(|java| java.parent()?.parent().map(Path::to_path_buf));
        homes.extend(home.map(|home| (home, "PATH")));
    }
    let known = homes.into_iter().filter(|(home, _)| home.join("bin/java").is_file());
    known.filter_map(|(home, found)| Some(Candidate { real: fs::canonicalize(&home).ok()?, home, found })).collect()
}

/// A name of the candidate that outlives an update. Distributions name the real directory by the full version
/// (`java-11-openjdk-11.0.24.0.8-2.el7_9.x86_64`) and link to it as `jre-11`: with the former a restart after `yum update` would find
/// no program. A name without the feature number (`jre`, `java`) may turn to another Java, and is not taken.
fn stable_name(candidate: &Candidate, all: &[Candidate], major: u32) -> PathBuf {
    let feature =
        if major == 8 { ["-1.8.0".to_string(), "-8".into()] } else { [format!("-{major}"), format!("-1.{major}.0")] };
    let name = |home: &Path| home.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let names_feature = |home: &Path| {
        let name = name(home);
        let ends = |rest: &str| rest.is_empty() || rest.starts_with('-');
        feature.iter().any(|feature| name.find(feature.as_str()).is_some_and(|at| ends(&name[at + feature.len()..])))
    };
    if candidate.found == "JAVA_HOME" {
        return candidate.home.clone();
    }
    let links =
        all.iter().filter(|other| other.real == candidate.real && other.home != other.real && other.found != "PATH");
    let mut links: Vec<&PathBuf> = links.map(|other| &other.home).filter(|home| names_feature(home)).collect();
    links.sort_by_key(|home| name(home).len());
    links.first().map_or_else(|| candidate.real.clone(), |home| (*home).clone())
}

/// The version of the Java in `home`, or what is wrong with it.
fn version(home: &Path) -> Result<String, String> {
    // A JDK 8 keeps its file above its jre directory.
    let above = home.file_name().filter(|name| *name == "jre").map(|_| home.join("../release"));
    for file in [Some(home.join("release")), above].into_iter().flatten() {
        if let Some(version) = fs::read(file).ok().as_deref().and_then(release) {
            return Ok(version);
        }
    }
    let java = home.join("bin/java");
    match run_bounded(&java, &["-version".to_string()], &[], VERSION_LIMIT) {
        Ok(run) => printed(&run.output).ok_or_else(|| "does not tell its version".to_string()),
        Err(words) => Err(format!("cannot be run: {words}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    /// A Java made of files: `bin/java` prints `printed`, and a `release` file says `release`.
    fn fake(home: &Path, release: Option<&str>, printed: &str) {
        fs::create_dir_all(home.join("bin")).expect("its directory");
        // Written by another process: a descriptor of ours, inherited by a child of another test's thread, would make it "busy".
        let script = "printf '#!/bin/sh\\necho %s >&2\\n' \"'$1'\" > \"$2\" && chmod 755 \"$2\"";
        let mut shell = Command::new("sh");
        let status = shell.args(["-c", script, "sh", printed]).arg(home.join("bin/java")).status();
        assert!(status.expect("sh runs").success());
        if let Some(version) = release {
            fs::write(home.join("release"), format!("JAVA_VERSION=\"{version}\"\n")).expect("the release file");
        }
    }

    fn machine(environment: &[(&str, String)]) -> (tempfile::TempDir, HostRoot) {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(directory.path().join("usr/lib/jvm")).expect("its directory");
        let environment = environment.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
        let root = HostRoot { root: directory.path().to_path_buf(), environment };
        (directory, root)
    }

    #[test]
    fn the_newest_good_one_wins_over_an_untried_and_a_wrong_one() {
        let (_keep, root) = machine(&[]);
        let jvm = root.at(JVM_DIRECTORY);
        for version in ["1.7.0_80", "1.8.0_412", "11.0.24", "11.0.9", "18.0.1"] {
            fake(&jvm.join(version), Some(version), "");
        }
        fake(&jvm.join("broken"), None, "what?");
        let java = newest(candidates(&root), false).expect("there are good ones");
        assert_eq!((java.major, java.version.as_str(), java.found.as_str()), (11, "11.0.24", JVM_DIRECTORY));
    }

    #[test]
    fn java_25_is_taken_and_left_alone_where_sasl_is_used() {
        let (_keep, root) = machine(&[]);
        let jvm = root.at(JVM_DIRECTORY);
        fake(&jvm.join("temurin-25-jdk"), Some("25.0.3"), "");
        fake(&jvm.join("java-17-openjdk"), Some("17.0.15"), "");
        assert_eq!(newest(candidates(&root), false).map(|java| java.major), Ok(25));
        assert_eq!(newest(candidates(&root), true).map(|java| java.major), Ok(17));
    }

    #[test]
    fn a_name_that_outlives_an_update_is_used() {
        let (_keep, root) = machine(&[]);
        let jvm = root.at(JVM_DIRECTORY);
        let real = "java-11-openjdk-11.0.24.0.8-2.el7_9.x86_64";
        fake(&jvm.join(real), None, "openjdk version \"11.0.24\" 2024-07-16 LTS");
        for link in ["jre", "jre-11", "jre-11-openjdk", "jre-openjdk"] {
            symlink(jvm.join(real), jvm.join(link)).expect("the link");
        }
        let java = newest(candidates(&root), false).expect("a good one");
        assert_eq!((java.home, java.version), (jvm.join("jre-11"), "11.0.24".to_string()));
    }

    #[test]
    fn java_home_comes_first_among_equals_and_path_is_followed_to_its_home() {
        let (keep, _) = machine(&[]);
        let (mine, other) = (keep.path().join("mine"), keep.path().join("other"));
        fake(&mine, Some("17.0.1"), "");
        fake(&other, Some("17.0.1"), "");
        let bin = keep.path().join("bin");
        fs::create_dir(&bin).expect("a directory");
        symlink(other.join("bin/java"), bin.join("java")).expect("the link");
        let path = ("PATH", format!("relative:{}", bin.display()));
        let (_keep, root) = machine(&[("JAVA_HOME", mine.display().to_string()), path.clone()]);
        let java = newest(candidates(&root), false).expect("two good ones");
        assert_eq!((java.home, java.found.as_str()), (mine, "JAVA_HOME"));
        let (_keep, root) = machine(&[path]);
        let java = newest(candidates(&root), false).expect("a good one");
        assert_eq!((fs::canonicalize(java.home).ok(), java.found.as_str()), (fs::canonicalize(other).ok(), "PATH"));
    }

    #[test]
    fn no_java_and_old_ones_are_refused_with_what_to_install() {
        let (_keep, root) = machine(&[]);
        let refusal = newest(candidates(&root), false).expect_err("there is none");
        assert_eq!(
            refusal.to_string(),
            "no Java in JAVA_HOME, /usr/lib/jvm or PATH: install one (on CentOS 7: yum install java-11-openjdk-headless), or set [java] home"
        );
        let old = root.at(JVM_DIRECTORY).join("java-7");
        fake(&old, Some("1.7.0_80"), "");
        let refusal = newest(candidates(&root), false).expect_err("it is old").to_string();
        let expected = format!(
            "no Java that can run Kafka and ZooKeeper: {} (/usr/lib/jvm): Java 7 is too old: Kafka and ZooKeeper need 8 or newer; install one",
            old.display()
        );
        assert!(refusal.starts_with(&expected), "{refusal}");
    }

    #[test]
    fn a_named_home_that_is_missing_old_or_no_java_is_refused_in_words() {
        let (_keep, root) = machine(&[]);
        let home = root.root.join("java");
        let refusal = |home: &Path| named(home, false).expect_err("it is refused").to_string();
        assert!(
            refusal(&home)
                .ends_with("java: is not a directory: point it at a directory that holds bin/java, or set \"auto\"")
        );
        fs::create_dir(&home).expect("a directory");
        assert!(refusal(&home).contains("has no bin/java"), "{}", refusal(&home));
        fake(&home, None, "hello");
        assert!(refusal(&home).contains("does not tell its version"), "{}", refusal(&home));
        fake(&home, Some("1.6.0_45"), "");
        assert!(
            refusal(&home).ends_with("Java 6 is too old: Kafka and ZooKeeper need 8 or newer"),
            "{}",
            refusal(&home)
        );
        fake(&home, Some("11.0.24"), "");
        assert_eq!(named(&home, false).map(|java| (java.major, java.found)), Ok((11, "[java] home".to_string())));
    }
}
