//! The merged files -> [`Config`]: every rule applied, every key put where it belongs.
//!
//! Absent on purpose: the rules themselves (`nodes`, `rules`, `owned`, `jvm`).

use crate::model::{ReadinessLevel, Role};

use super::claim::plaintext_host;
use super::complaint::Complaint;
use super::jvm;
use super::merged::Merged;
use super::nodes::{self, Asked, Nodes};
use super::owned;
use super::rules::{Directories, Rules};
use super::source::SourceFile;
use super::valid::{
    Config, Gate, Heap, HttpConfig, JavaHome, JournalChoice, KafkaConfig, LogConfig, RebootConfig, StopConfig,
    WatchdogConfig, ZooKeeperConfig,
};

/// Judges the whole.
pub(super) fn judge(
    files: &[SourceFile],
    merged: &Merged,
    asked: &Asked<'_>,
    complaints: &mut Vec<Complaint>,
) -> Option<Config> {
    let mut rules = Rules { files, merged, complaints, warnings: Vec::new() };
    let nodes = nodes::judge(files, merged, asked, rules.complaints);
    rules.ports();
    rules.watchdog();
    rules.stop();
    let name = nodes.this_node().map(|node| node.name.to_string());
    let directories = rules.directories(name.as_deref());
    let config = config(&mut rules, nodes, directories)?;
    rules.complaints.is_empty().then_some(config)
}

fn config(rules: &mut Rules<'_>, nodes: Nodes, directories: Directories) -> Option<Config> {
    let merged = rules.merged;
    let mut owned = owned::Judge {
        files: rules.files,
        merged,
        nodes: &nodes,
        complaints: rules.complaints,
        warnings: &mut rules.warnings,
    };
    let zookeeper_properties = owned.properties(Role::ZooKeeper);
    let kafka_properties = owned.properties(Role::Kafka);
    rules.listeners();
    let zookeeper_options = jvm::judge(rules.files, merged, "zookeeper", rules.complaints);
    let kafka_options = jvm::judge(rules.files, merged, "kafka", rules.complaints);
    rules.unwise(&nodes);

    let this = nodes.this?;
    let mut list = nodes.list;
    let port = merged.port("kafka.port");
    if let Some(node) = list.get_mut(this) {
        // Listeners passed through say where the broker is: the probe follows them.
        let host = |key| merged.property("kafka", key).and_then(|(text, _)| plaintext_host(text, port));
        match host("listeners") {
            Some("") => node.bind = "0.0.0.0".to_owned(),
            Some(host) => node.bind = host.to_owned(),
            None => {}
        }
        if let Some(host) = host("advertised.listeners").filter(|host| !host.is_empty()) {
            node.advertised = host.to_owned();
        }
    }
    let heap = |path| merged.bytes(path).map_or(Heap::Auto, Heap::Bytes);
    let warnings = std::mem::take(&mut rules.warnings);
    let log4j = |key| match merged.text(key).as_str() {
        "auto" => None,
        path => Some(rules.path(path, list.get(this).map(|node| node.name.as_str()))),
    };
    Some(Config {
        cluster: merged.text("cluster.name"),
        java: match merged.text("java.home").as_str() {
            "auto" => JavaHome::Auto,
            path => JavaHome::Path(rules.path(path, list.get(this).map(|node| node.name.as_str()))),
        },
        zookeeper: ZooKeeperConfig {
            data_dir: directories.data_dir,
            client_port: merged.port("zookeeper.client_port"),
            peer_port: merged.port("zookeeper.peer_port"),
            election_port: merged.port("zookeeper.election_port"),
            heap: heap("zookeeper.heap"),
            jvm_options: zookeeper_options,
            log4j: log4j("zookeeper.log4j"),
            properties: zookeeper_properties,
        },
        kafka: KafkaConfig {
            home: rules.path(&merged.text("kafka.home"), list.get(this).map(|node| node.name.as_str())),
            log_dirs: directories.log_dirs,
            port,
            heap: heap("kafka.heap"),
            jvm_options: kafka_options,
            log4j: log4j("kafka.log4j"),
            properties: kafka_properties,
        },
        readiness: match merged.text("readiness.level").as_str() {
            "started" => ReadinessLevel::Started,
            "in-sync" => ReadinessLevel::InSync,
            _ => ReadinessLevel::Serving,
        },
        watchdog: WatchdogConfig {
            probe_interval: merged.duration("watchdog.probe_interval"),
            hang_after: merged.duration("watchdog.hang_after"),
            slow_after: merged.duration("watchdog.slow_after"),
        },
        stop: StopConfig {
            grace: merged.duration("stop.grace"),
            gate: match merged.text("stop.gate").as_str() {
                "always" => Gate::Always,
                "never" => Gate::Never,
                _ => Gate::Shutdown,
            },
            gate_limit: merged.duration("stop.gate_limit"),
        },
        reboot: RebootConfig {
            window: merged.text("reboot.window"),
            headroom: u32::try_from(merged.number("reboot.headroom")).unwrap_or(0),
            settle: merged.duration("reboot.settle"),
            strict: merged.flag("reboot.strict"),
        },
        log: LogConfig {
            journal: match merged.text("log.journal").as_str() {
                "journal" => JournalChoice::Journal,
                "stderr" => JournalChoice::Stderr,
                _ => JournalChoice::Auto,
            },
            fold_after: u32::try_from(merged.number("log.fold_after")).unwrap_or(0),
            files: merged.flag("log.files"),
        },
        http: HttpConfig {
            listen: match list.get(this) {
                Some(node) => merged.text("http.listen").replace("{node}", node.name.as_str()),
                None => merged.text("http.listen"),
            },
        },
        paths: directories.paths,
        nodes: list,
        this,
        warnings,
    })
}
