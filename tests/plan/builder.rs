//! Configurations and facts by hand: the founding cluster, and small changes to it. The file format has its own tests.

use std::time::Duration;

use kafka_node::config::{
    Config, Gate, Heap, HttpConfig, JavaHome, JournalChoice, JvmOption, KafkaConfig, LogConfig, Node, Paths, Property,
    RebootConfig, StopConfig, WatchdogConfig, ZooKeeperConfig,
};
use kafka_node::model::{NodeName, NodeNumber, ReadinessLevel, Roles};
use kafka_node::plan::{HostFacts, Java, KafkaInstall};

pub const GIB: u64 = 1 << 30;
pub const MIB: u64 = 1 << 20;

/// One `[[node]]` with the defaults of the design.
pub fn node(name: &str, id: i64, roles: Roles) -> Node {
    Node {
        name: NodeName::new(name),
        address: name.into(),
        number: NodeNumber::new(id).expect("1 to 255"),
        roles,
        bind: "0.0.0.0".into(),
        advertised: name.into(),
    }
}

/// The founding cluster, seen from its first node.
pub fn founding() -> Config {
    Config {
        cluster: "kafka".into(),
        nodes: (1..=3).map(|id| node(&format!("kafkanode{id}"), id, Roles::BOTH)).collect(),
        this: 0,
        java: JavaHome::Auto,
        zookeeper: ZooKeeperConfig {
            data_dir: "/data/zookeeper".into(),
            client_port: 2181,
            peer_port: 2888,
            election_port: 3888,
            heap: Heap::Auto,
            jvm_options: vec![],
            log4j: None,
            properties: vec![],
        },
        kafka: KafkaConfig {
            home: "/opt/kafka".into(),
            log_dirs: vec!["/data/kafka".into()],
            port: 9092,
            heap: Heap::Auto,
            jvm_options: vec![],
            log4j: None,
            properties: vec![],
        },
        readiness: ReadinessLevel::Serving,
        watchdog: WatchdogConfig {
            probe_interval: Duration::from_secs(2),
            hang_after: Duration::from_secs(10),
            slow_after: Duration::from_secs(60),
        },
        stop: StopConfig {
            grace: Duration::from_secs(300),
            gate: Gate::Shutdown,
            gate_limit: Duration::from_secs(900),
        },
        reboot: RebootConfig { window: "any".into(), headroom: 0, settle: Duration::from_secs(60), strict: false },
        log: LogConfig { journal: JournalChoice::Auto, fold_after: 200, files: false },
        http: HttpConfig { listen: String::new() },
        paths: Paths {
            runtime_dir: "/run/kafka-node".into(),
            state_dir: "/var/lib/kafka-node".into(),
            cache_dir: "/var/cache/kafka-node".into(),
            log_dir: "/var/log/kafka-node".into(),
            allow_temporary: false,
        },
        warnings: vec![],
    }
}

/// The founding node: CentOS 7 with 2 cores and 8 GB, of which the kernel leaves 7.6.
pub fn facts(java: &str) -> HostFacts {
    let major = java.strip_prefix("1.").unwrap_or(java).split(['.', '_']).next().and_then(|n| n.parse().ok());
    let major = major.expect("a version");
    HostFacts {
        memory: 7990 * MIB,
        cgroup_memory: None,
        cores: 2,
        java: Java {
            home: format!("/usr/lib/jvm/jre-{major}").into(),
            version: java.into(),
            major,
            found: "/usr/lib/jvm".into(),
        },
        kafka: KafkaInstall { kafka: Some("2.6.0".into()), zookeeper: Some("3.5.8".into()) },
        user: "kafka".into(),
        environment: vec![
            ("LANG".into(), "en_US.UTF-8".into()),
            ("NOTIFY_SOCKET".into(), "/run/systemd/notify".into()),
            ("JAVA_TOOL_OPTIONS".into(), "-Xmx1m".into()),
            ("PATH".into(), "/usr/local/bin:/usr/bin".into()),
        ],
    }
}

/// A property as an operator wrote it.
pub fn property(key: &str, value: &str, line: u32) -> Property {
    Property { key: key.into(), value: value.into(), place: format!("kafka-node.toml:{line}") }
}

/// A JVM option as an operator wrote it.
pub fn option(text: &str, line: u32) -> JvmOption {
    JvmOption { text: text.into(), place: format!("kafka-node.toml:{line}") }
}
