//! The plan's making: the pieces of this room put together, service by service.
//!
//! Absent on purpose: refusals. A plan is made from every valid configuration, so that it can be printed; `preflight` refuses.

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigWarning, JvmOption};
use crate::model::Role;

use super::java_flags::{self, JvmInputs, reasoned};
use super::java_support::{self, JavaSupport};
use super::properties::Properties;
use super::{HostFacts, Plan, Reasoned, RenderedFile, ServiceSpec, kafka, log4j, memory, zookeeper};

/// Kernels before 4.2 show 4096 bytes of a command line, and `jps`-like tools look for the main class in it.
pub const ARGV_LIMIT: usize = 4096;

/// First lines of every rendered file.
const HEAD: &str = "written by kafka-node before each start, from its configuration: do not edit, changes are lost";

/// What a JVM sees of our environment. Everything else (JAVA_TOOL_OPTIONS, CLASSPATH, KAFKA_*, NOTIFY_SOCKET) would steer it unseen.
const ENVIRONMENT: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TZ"];

/// Decides everything about both services of this node. Pure: the same configuration and facts make the same plan.
pub fn make(config: Config, facts: HostFacts) -> Plan {
    let (budget, memory_warnings) = memory::budget(&config, &facts);
    let mut warnings = config.warnings.clone();
    warnings.extend(memory_warnings);
    warnings.extend(java_warnings(&config, &facts));

    let roles = config.this_node().roles;
    let plans = Role::ALL.into_iter().filter(|role| roles.has(*role));
    let heap = |role| match role {
        Role::ZooKeeper => (budget.zookeeper_heap, budget.reasons.get(1)),
        Role::Kafka => (budget.kafka_heap, budget.reasons.get(2)),
    };
    let services: Vec<ServiceSpec> = plans
        .map(|role| {
            let (bytes, why) = heap(role);
            service(role, &config, &facts, bytes, why.map_or("", String::as_str))
        })
        .collect();
    for service in &services {
        let length = service.argv_length();
        if length >= ARGV_LIMIT {
            let text = format!(
                "the command line of {} has {length} bytes: kernels before 4.2 show {ARGV_LIMIT} of it, and tools that look for {} may miss it",
                service.role, service.main_class
            );
            warnings.push(ConfigWarning { place: String::new(), text });
        }
    }
    Plan { config, facts, memory: budget, services, warnings }
}

fn java_warnings(config: &Config, facts: &HostFacts) -> Vec<ConfigWarning> {
    let warning = |text: String| ConfigWarning { place: String::new(), text };
    let mut warnings = Vec::new();
    match java_support::judge(facts.java.major, java_support::uses_sasl(config)) {
        JavaSupport::Good => {}
        JavaSupport::Untried(words) | JavaSupport::Refused(words) => warnings.push(warning(words)),
    }
    if facts.java.major == 8 && !java_flags::exits_on_out_of_memory(&facts.java) {
        warnings.push(warning(format!(
            "Java {} cannot end itself on OutOfMemoryError (8u92 and later can): update it",
            facts.java.version
        )));
    }
    warnings
}

fn service(role: Role, config: &Config, facts: &HostFacts, heap: u64, heap_why: &str) -> ServiceSpec {
    let directory = config.paths.state_dir.join(role.as_str());
    let runtime_dir = &config.paths.runtime_dir;
    let rendered = runtime_dir.join(format!("{role}-log4j.properties"));
    let theirs = match role {
        Role::ZooKeeper => &config.zookeeper.log4j,
        Role::Kafka => &config.kafka.log4j,
    };
    let log4j = match theirs {
        Some(path) => (path, format!("[{role}] log4j, in place of the file that would be rendered")),
        None => (&rendered, "the log file configuration below".to_owned()),
    };
    let (properties, properties_path, main_class, operator) = match role {
        Role::ZooKeeper => (
            zookeeper::properties(config),
            runtime_dir.join("zookeeper.properties"),
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            &config.zookeeper.jvm_options,
        ),
        Role::Kafka => (
            kafka::properties(config, facts.cores, facts.kafka.kafka.as_deref()),
            runtime_dir.join("server.properties"),
            "kafka.Kafka",
            &config.kafka.jvm_options,
        ),
    };
    let probe_address = match role {
        Role::ZooKeeper => zookeeper::probe_address(config, &properties),
        Role::Kafka => kafka::probe_address(config, &properties),
    };
    let (args, proof_args) = arguments(role, config, facts, (heap, heap_why), operator, &directory);
    let (args, proof_args) = (complete(args, config, log4j, main_class, &properties_path), proof_args);
    let file = |path: &Path, text: &Properties| RenderedFile { path: path.to_path_buf(), text: text.render(HEAD) };
    let mut files = vec![file(&properties_path, &properties)];
    if theirs.is_none() {
        let copies = config.log.files.then_some(config.paths.log_dir.as_path());
        files.push(file(&rendered, &log4j::properties(role, copies)));
    }
    ServiceSpec {
        role,
        program: facts.java.home.join("bin/java"),
        args,
        environment: environment(facts, &directory),
        files,
        my_id_file: (role == Role::ZooKeeper).then(|| RenderedFile {
            path: config.zookeeper.data_dir.join("myid"),
            text: format!("{}\n", config.this_node().number.my_id()),
        }),
        probe_address,
        main_class,
        proof_args,
        directory,
    }
}

/// The JVM's own options, and those of them that it is asked to prove.
fn arguments(
    role: Role,
    config: &Config,
    facts: &HostFacts,
    (heap, heap_why): (u64, &str),
    operator: &[JvmOption],
    directory: &Path,
) -> (Vec<Reasoned>, Vec<String>) {
    let total = facts.cgroup_memory.map_or(facts.memory, |limit| limit.min(facts.memory));
    let operator_heap = memory::operator_heap(operator, total);
    let inputs =
        JvmInputs { role, java: &facts.java, heap, heap_why, operator_heap: &operator_heap, directory, operator };
    (java_flags::options(&inputs), java_flags::proof(&inputs, &config.paths.cache_dir.join("proof")))
}

/// The options, then what both services have behind them.
fn complete(
    mut args: Vec<Reasoned>,
    config: &Config,
    (log4j, log4j_why): (&PathBuf, String),
    main_class: &str,
    properties: &Path,
) -> Vec<Reasoned> {
    let libs = config.kafka.home.join("libs").join("*");
    let wildcard = "a literal *: the JVM itself expands it, and the command line stays short";
    args.extend([
        reasoned(&format!("-Dlog4j.configuration={}", file_url(log4j)), &log4j_why),
        reasoned("-cp", "[kafka] home: both services run from its libs"),
        reasoned(&libs.display().to_string(), wildcard),
        reasoned(main_class, "the main class, as jps shows it"),
        reasoned(&properties.display().to_string(), "the rendered properties below"),
    ]);
    args
}

/// log4j takes a URL: what a URL would read otherwise is escaped.
fn file_url(path: &Path) -> String {
    let mut url = String::from("file:");
    for byte in path.display().to_string().bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(byte)),
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

fn environment(facts: &HostFacts, directory: &Path) -> Vec<(String, String)> {
    let known = facts.environment.iter().filter(|(key, _)| ENVIRONMENT.contains(&key.as_str()));
    let mut environment: Vec<_> = known.cloned().collect();
    if !environment.iter().any(|(key, _)| key == "PATH") {
        environment.push(("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into()));
    }
    environment.push(("HOME".into(), directory.display().to_string()));
    environment.sort();
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_letters_becomes_a_url() {
        assert_eq!(file_url(Path::new("/run/kafka-node/a b#ü")), "file:/run/kafka-node/a%20b%23%C3%BC");
    }
}
