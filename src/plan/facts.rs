//! What the plan is made from besides the configuration: facts about the machine, gathered by `observe`.

use std::path::PathBuf;

/// Facts about this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct HostFacts {
    /// Memory of the machine in bytes (`MemTotal`).
    pub memory: u64,
    /// The tightest memory limit of the cgroups we are in, in bytes; `None` without one.
    pub cgroup_memory: Option<u64>,
    /// CPUs we may use: affinity and cgroup quota counted, at least 1.
    pub cores: u32,
    /// The Java to run.
    pub java: Java,
    /// What stands in `[kafka] home`.
    pub kafka: KafkaInstall,
    /// The user both JVMs run as.
    pub user: String,
    /// PATH, LANG and TZ as they reach the JVMs, where set.
    pub environment: Vec<(String, String)>,
}

/// A Java that can run both services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Java {
    /// Its home; the program is `bin/java` below it.
    pub home: PathBuf,
    /// Its version as it writes it, e.g. `11.0.24` or `1.8.0_412`.
    pub version: String,
    /// Its feature number: 8, 11, 17 ..
    pub major: u32,
    /// Where it was found, in words: "JAVA_HOME", "/usr/lib/jvm", "PATH", "[java] home".
    pub found: String,
}

/// What `libs/` of `[kafka] home` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaInstall {
    /// Kafka's version, from `kafka_2.13-2.6.0.jar`.
    pub kafka: Option<String>,
    /// ZooKeeper's version, from `zookeeper-3.5.8.jar`.
    pub zookeeper: Option<String>,
}
