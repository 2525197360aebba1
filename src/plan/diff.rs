//! What would be other after a restart: the plan as the configuration says it at present, against what a JVM was started with.
//!
//! Absent on purpose: finding out what it was started with (`cli`), and what `kafka-configs` has changed since.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::{Property, masked};
use crate::model::Role;

use super::ServiceSpec;
use super::dynamic::{UpdateMode, update_mode};
use super::properties::parse;

/// What a JVM was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// Program and arguments, as `/proc/PID/cmdline` has them; the last may be cut (`cut`).
    pub argv: Vec<String>,
    /// The kernel showed the beginning alone: those before 4.2 show 4096 bytes.
    pub cut: bool,
    /// Its rendered files by name, in the order of the plan's; `None` for one that is not there.
    pub files: Vec<Option<Vec<u8>>>,
}

/// One thing that a restart would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose.
    pub role: Role,
    /// A property's key, or what else it is.
    pub what: String,
    /// What it is at present; `None` where it is not there. Secrets are hidden.
    pub from: Option<String>,
    /// What it would be; `None` where it would be gone. Secrets are hidden.
    pub to: Option<String>,
    /// What it needs to take effect.
    pub mode: UpdateMode,
}

/// Everything that differs: program and arguments first, then each file.
pub fn differences(spec: &ServiceSpec, started: &Started) -> Vec<Difference> {
    let mut found = arguments(spec, started);
    for (file, present) in spec.files.iter().zip(&started.files) {
        let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let broker = spec.role == Role::Kafka && spec.properties_path() == file.path.to_str();
        let prefix = if spec.properties_path() == file.path.to_str() { String::new() } else { format!("{name}: ") };
        let present = present.as_deref().map(parse).unwrap_or_default();
        let (from, to): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (present.into_iter().collect(), parse(file.text.as_bytes()).into_iter().collect());
        let mut keys: Vec<&String> = from.keys().chain(to.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys.into_iter().filter(|key| from.get(*key) != to.get(*key)) {
            let shown = |value: Option<&String>| {
                let value = value?.clone();
                Some(Property { key: key.clone(), value, place: String::new() }.shown().to_owned())
            };
            found.push(Difference {
                role: spec.role,
                what: format!("{prefix}{key}"),
                from: shown(from.get(key)),
                to: shown(to.get(key)),
                mode: if broker { update_mode(key) } else { UpdateMode::Restart },
            });
        }
    }
    found
}

/// Arguments that are on one side alone, in pairs where both sides have one of the same kind.
fn arguments(spec: &ServiceSpec, started: &Started) -> Vec<Difference> {
    let restart = |from: Option<&str>, to: Option<&str>| Difference {
        role: spec.role,
        what: "command line".to_owned(),
        from: from.map(masked),
        to: to.map(masked),
        mode: UpdateMode::Restart,
    };
    let program = spec.program.display().to_string();
    let mut wanted: Vec<&str> =
        [program.as_str()].into_iter().chain(spec.args.iter().map(|arg| arg.text.as_str())).collect();
    let mut present: Vec<&str> = started.argv.iter().map(String::as_str).collect();
    if started.cut {
        // The last one may be half of itself, and what stood behind it is not known.
        present.pop();
        wanted.truncate(present.len());
    }
    let (mut gone, mut new) = (only_in(&present, &wanted), only_in(&wanted, &present));
    let mut found = Vec::new();
    gone.retain(|from| match new.iter().position(|to| kind(to) == kind(from)) {
        Some(at) => {
            found.push(restart(Some(from), Some(new.remove(at))));
            false
        }
        None => true,
    });
    found.extend(gone.into_iter().map(|from| restart(Some(from), None)));
    found.extend(new.into_iter().map(|to| restart(None, Some(to))));
    if found.is_empty() && present != wanted {
        // Of two options that contradict each other the last one wins.
        found.push(restart(Some("the same, in another order"), Some("as kafka-node plan shows it")));
    }
    found
}

/// Those of `these` that `others` do not have, each as often as it is missing.
fn only_in<'a>(these: &[&'a str], others: &[&str]) -> Vec<&'a str> {
    let mut others = others.to_vec();
    let mut only = Vec::new();
    for this in these {
        match others.iter().position(|other| other == this) {
            Some(at) => drop(others.swap_remove(at)),
            None => only.push(*this),
        }
    }
    only
}

/// What an option is about: `-Xmx`, `-XX:MaxGCPauseMillis`, `-Dlog4j.configuration`; of anything else the last name of the path.
fn kind(argument: &str) -> &str {
    match argument {
        _ if ["-Xmx", "-Xms", "-Xmn", "-Xss"].iter().any(|heap| argument.starts_with(heap)) => &argument[..4],
        _ if argument.starts_with("-XX:") => {
            argument.trim_start_matches("-XX:").trim_start_matches(['+', '-']).split('=').next().unwrap_or_default()
        }
        _ if argument.starts_with('-') => argument.split(['=', ':']).next().unwrap_or_default(),
        _ => argument.rsplit('/').next().unwrap_or_default(),
    }
}

/// `num.io.threads: 8 -> 16`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{}: {from} -> {to}", self.what),
            (Some(from), None) => write!(f, "{}: {from} -> gone", self.what),
            (None, Some(to)) => write!(f, "{}: new, {to}", self.what),
            (None, None) => f.write_str(&self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Reasoned, RenderedFile};
    use super::*;

    const BEFORE: &[&str] =
        &["/jvm/11/bin/java", "-Xmx1g", "-Dx=1", "-cp", "/opt/kafka/libs/*", "kafka.Kafka", "/run/server.properties"];

    fn spec(argv: &[&str], properties: &str) -> ServiceSpec {
        let arg = |text: &&str| Reasoned { text: (*text).to_owned(), why: String::new() };
        let file = |name: &str, text: &str| RenderedFile { path: PathBuf::from(name), text: text.to_owned() };
        ServiceSpec {
            role: Role::Kafka,
            program: PathBuf::from(argv[0]),
            args: argv[1..].iter().map(arg).collect(),
            environment: Vec::new(),
            directory: PathBuf::new(),
            files: vec![file("/run/server.properties", properties), file("/run/kafka-log4j.properties", "a=1\n")],
            my_id_file: None,
            probe_address: String::new(),
            main_class: "kafka.Kafka",
            proof_args: Vec::new(),
        }
    }

    fn started(properties: &str) -> Started {
        Started {
            argv: BEFORE.iter().map(|arg| (*arg).to_owned()).collect(),
            cut: false,
            files: vec![Some(properties.as_bytes().to_vec()), Some(b"a=1\n".to_vec())],
        }
    }

    fn check(spec: &ServiceSpec, started: &Started) -> Vec<String> {
        differences(spec, started).iter().map(|it| format!("{it} ({:?})", it.mode)).collect()
    }

    #[test]
    fn what_is_the_same_differs_in_nothing() {
        let text = "# a comment\nbroker.id=1\nnum.io.threads=8\n";
        assert_eq!(check(&spec(BEFORE, text), &started("num.io.threads = 8\nbroker.id=1")), [""; 0]);
        let cut =
            Started { argv: BEFORE[..4].iter().map(|arg| (*arg).to_owned()).collect(), cut: true, ..started(text) };
        assert_eq!(check(&spec(BEFORE, text), &cut), [""; 0]);
    }

    #[test]
    fn each_property_says_what_it_needs_and_a_secret_stays_one() {
        let from = "num.io.threads=8\nlog.retention.hours=1\nssl.keystore.password=old\nqueued.max.requests=5";
        let to = "num.io.threads=16\nlog.retention.hours=1\nssl.keystore.password=new\nlog.retention.ms=7\n";
        assert_eq!(
            check(&spec(BEFORE, to), &started(from)),
            [
                "log.retention.ms: new, 7 (ClusterWide)",
                "num.io.threads: 8 -> 16 (ClusterWide)",
                "queued.max.requests: 5 -> gone (Restart)",
                "ssl.keystore.password: … -> … (Restart)",
            ]
        );
        let mut other = started("");
        other.files = vec![None, Some(b"a=2\n".to_vec())];
        assert_eq!(
            check(&spec(BEFORE, "broker.id=1\n"), &other),
            ["broker.id: new, 1 (Restart)", "kafka-log4j.properties: a: 2 -> 1 (Restart)"]
        );
    }

    #[test]
    fn arguments_stand_in_pairs() {
        let after = [
            "/jvm/17/bin/java",
            "-Xmx2g",
            "-XX:+UseZGC",
            "-cp",
            "/opt/kafka/libs/*",
            "kafka.Kafka",
            "/run/server.properties",
        ];
        assert_eq!(
            check(&spec(&after, ""), &started("")),
            [
                "command line: /jvm/11/bin/java -> /jvm/17/bin/java (Restart)",
                "command line: -Xmx1g -> -Xmx2g (Restart)",
                "command line: -Dx=1 -> gone (Restart)",
                "command line: new, -XX:+UseZGC (Restart)",
            ]
        );
        let mut swapped = BEFORE.to_vec();
        swapped.swap(1, 2);
        assert_eq!(check(&spec(&swapped, ""), &started("")).len(), 1);
    }
}
