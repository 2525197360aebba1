//! Facts about this machine: memory, cores, Java, what is installed, who we are.
//!
//! Effects: reads files below [`HostRoot`], and may run `java -version`. Absent on purpose: deciding anything from the facts (`plan`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use crate::config::Config;
use crate::model::Role;
use crate::plan::{HostFacts, Java, KafkaInstall};

use super::java::{self, JavaRefusal};
use super::{host_cgroup, java_version};

/// Where the machine is looked at. Tests write their own below another root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoot {
    /// `/` but in tests: `proc`, `sys`, `etc` and `usr/lib/jvm` are looked for below it.
    pub root: PathBuf,
    /// Our environment: JAVA_HOME and PATH find Java; PATH, LANG, LC_ALL and TZ reach the JVMs.
    pub environment: Vec<(String, String)>,
}

impl HostRoot {
    /// This machine, and the environment of this process.
    pub fn machine() -> HostRoot {
        let known = ["JAVA_HOME", "PATH", "LANG", "LC_ALL", "TZ"];
        let environment = known.into_iter().filter_map(|key| Some((key.to_string(), std::env::var(key).ok()?)));
        HostRoot { root: PathBuf::from("/"), environment: environment.collect() }
    }

    /// `path`, an absolute one of the machine, below this root.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The value of a variable, where it is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// Why no plan can be made for this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRefusal {
    /// `/proc/meminfo` does not tell the memory.
    Memory {
        /// The file, and what is wrong with it.
        words: String,
    },
    /// No Java that can run the services.
    Java(JavaRefusal),
    /// `libs/` of `[kafka] home` cannot be used.
    Kafka {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        words: String,
    },
}

impl fmt::Display for HostRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostRefusal::Memory { words } => write!(f, "memory of the machine is not known: {words}"),
            HostRefusal::Java(refusal) => write!(f, "{refusal}"),
            HostRefusal::Kafka { path, words } => write!(f, "[kafka] home: {} {words}", path.display()),
        }
    }
}

impl std::error::Error for HostRefusal {}

/// Every fact that a plan of `config` needs.
pub fn facts(config: &Config, root: &HostRoot) -> Result<HostFacts, HostRefusal> {
    let kafka = kafka_install(config)?;
    let java = java::find(config, root).map_err(HostRefusal::Java)?;
    facts_without(root, java, kafka)
}

/// Facts of the machine alone, beside a Java and a Kafka that are known.
pub fn facts_without(root: &HostRoot, java: Java, kafka: KafkaInstall) -> Result<HostFacts, HostRefusal> {
    let path = root.at("/proc/meminfo");
    let memory =
        fs::read(&path).map_err(|error| HostRefusal::Memory { words: format!("{}: {error}", path.display()) })?;
    let memory = meminfo(&memory, "MemTotal")
        .ok_or_else(|| HostRefusal::Memory { words: format!("{} has no MemTotal", path.display()) })?;
    let limits = host_cgroup::limits(root);
    let allowed = fs::read(root.at("/proc/self/status")).ok().and_then(|status| allowed_cpus(&status)).unwrap_or(1);
    Ok(HostFacts {
        memory,
        cgroup_memory: limits.memory,
        cores: limits.cpus.map_or(allowed, |quota| quota.min(allowed)).max(1),
        java,
        kafka,
        user: user(),
        environment: root
            .environment
            .iter()
            .filter(|(key, value)| key != "JAVA_HOME" && !value.is_empty())
            .cloned()
            .collect(),
    })
}

/// Bytes of a field of `/proc/meminfo`, which counts in kB.
pub(super) fn meminfo(bytes: &[u8], field: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// CPUs that the affinity mask allows: `Cpus_allowed_list: 0-3,8` of `/proc/self/status`.
fn allowed_cpus(status: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(status);
    let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut count = 0u32;
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        count = count.saturating_add(last.checked_sub(first)?.saturating_add(1));
    }
    (count > 0).then_some(count)
}

fn user() -> String {
    let uid = geteuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// What `libs/` holds, refused where the services of this node could not run from it.
fn kafka_install(config: &Config) -> Result<KafkaInstall, HostRefusal> {
    let path = config.kafka.home.join("libs");
    let refuse = |words: String| HostRefusal::Kafka { path: path.clone(), words };
    let unpack = "unpack kafka_2.13-2.6.0.tgz there, or point [kafka] home at where it is";
    let entries = fs::read_dir(&path).map_err(|error| refuse(format!("cannot be read ({error}): {unpack}")))?;
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let kafka = one_version(&names, java_version::kafka_jar).map_err(&refuse)?;
    let zookeeper = one_version(&names, java_version::zookeeper_jar).map_err(&refuse)?;
    let roles = config.this_node().roles;
    let wanted = [(Role::Kafka, &kafka, "kafka_*.jar"), (Role::ZooKeeper, &zookeeper, "zookeeper-*.jar")];
    for (role, version, jar) in wanted {
        if roles.has(role) && version.is_none() {
            return Err(refuse(format!("has no {jar}: {unpack}")));
        }
    }
    if let Some(version) = kafka.as_deref().filter(|version| major(version).is_some_and(|major| major >= 4)) {
        return Err(refuse(format!("holds Kafka {version}, which runs without ZooKeeper only: use 2.6 to 3.9")));
    }
    Ok(KafkaInstall { kafka, zookeeper })
}

/// The one version among `names`. Of two the JVM would take classes in no certain order.
fn one_version(names: &[String], version: fn(&str) -> Option<&str>) -> Result<Option<String>, String> {
    let mut found: Vec<&str> = names.iter().filter_map(|name| version(name)).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).to_string())),
        several => Err(format!("holds several versions ({}): leave one of them", several.join(", "))),
    }
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn meminfo_and_the_affinity_mask_are_read() {
        assert_eq!(meminfo(b"MemTotal:        7821000 kB\nMemFree: 1 kB\n", "MemTotal"), Some(7_821_000 * 1024));
        assert_eq!(meminfo(b"MemTotal: lots\n", "MemTotal"), None);
        assert_eq!(allowed_cpus(b"Name:\tx\nCpus_allowed_list:\t0-3,8\n"), Some(5));
        assert_eq!(allowed_cpus(b"Cpus_allowed_list:\t3-0\n"), None);
    }

    #[test]
    fn two_versions_are_refused_by_name() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect::<Vec<_>>();
        let jars = names(&["kafka_2.13-2.6.0.jar", "kafka-clients-2.6.0.jar", "kafka_2.13-2.6.0-sources.jar"]);
        assert_eq!(one_version(&jars, java_version::kafka_jar), Ok(Some("2.6.0".into())));
        let jars = names(&["kafka_2.13-2.6.0.jar", "kafka_2.12-2.8.1.jar"]);
        let expected = Err("holds several versions (2.6.0, 2.8.1): leave one of them".to_string());
        assert_eq!(one_version(&jars, java_version::kafka_jar), expected);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), tail in "[0-9,-]{0,30}") {
            meminfo(&bytes, "MemTotal");
            allowed_cpus(&bytes);
            allowed_cpus(format!("Cpus_allowed_list:{tail}").as_bytes());
        }
    }
}
