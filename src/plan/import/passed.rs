//! Every other property: left out where it is what the service or kafka-node does anyway, else passed through as it stands.
//!
//! Absent on purpose: whether the whole means the same (`proof`).

use crate::model::Role;
use crate::plan::properties::Properties;
use crate::plan::{kafka, zookeeper};

use super::note::{Notes, shown};
use super::said::Said;
use super::{Effective, Files, Me, loaded};

/// Keys that the files beside this one judge.
const JUDGED: [&str; 13] = [
    "broker.id",
    "zookeeper.connect",
    "listeners",
    "advertised.listeners",
    "port",
    "host.name",
    "advertised.port",
    "advertised.host.name",
    "clientPort",
    "clientPortAddress",
    "dynamicConfigFile",
    "process.roles",
    "node.id",
];
/// Kafka's own defaults, from 2.6's `KafkaConfig`, of keys that the stock file sets.
const KAFKA_DEFAULTS: [(&str, &str); 11] = [
    ("num.network.threads", "3"),
    ("num.io.threads", "8"),
    ("socket.send.buffer.bytes", "102400"),
    ("socket.receive.buffer.bytes", "102400"),
    ("socket.request.max.bytes", "104857600"),
    ("num.partitions", "1"),
    ("log.retention.hours", "168"),
    ("log.segment.bytes", "1073741824"),
    ("log.retention.check.interval.ms", "300000"),
    ("zookeeper.session.timeout.ms", "18000"),
    ("unclean.leader.election.enable", "false"),
];
/// What the stock file sets for a developer's machine: each with what stands in its place.
const FOR_DEVELOPMENT: [(&str, &str, &str); 2] = [
    ("num.recovery.threads.per.data.dir", "1", "the stock file's; kafka-node writes one for each core"),
    (
        "group.initial.rebalance.delay.ms",
        "0",
        "the stock file's, for development; Kafka's default of 3 s stands in its place",
    ),
];
const REPLICAS: [&str; 4] = [
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "default.replication.factor",
];
/// Taken over, and dangerous: key, value, and why.
const UNWISE: [(Role, &str, &str, &str); 5] = [
    (
        Role::Kafka,
        "unclean.leader.election.enable",
        "true",
        "a replica that is behind may become leader, and what it lacks is lost: remove it unless loss is meant",
    ),
    (
        Role::Kafka,
        "log.cleaner.enable",
        "false",
        "compacted topics, the consumers' offsets among them, grow without end",
    ),
    (
        Role::ZooKeeper,
        "autopurge.purgeInterval",
        "0",
        "snapshots are never purged and fill the disk: remove it, kafka-node purges each day",
    ),
    (Role::ZooKeeper, "forceSync", "no", "a power cut loses what the ensemble has agreed to"),
    (Role::ZooKeeper, "skipACL", "yes", "everybody may change everything in ZooKeeper"),
];

/// Takes directories and all other properties of both services.
pub(super) fn take(files: &Files<'_>, me: &Me, said: &mut Said, notes: &mut Notes) {
    if let Some(dir) = files.zookeeper.and_then(|file| file.get("dataDir")) {
        said.set_text("zookeeper.data_dir", &directory("dataDir", dir, "[zookeeper] data_dir", me, notes));
    }
    if let Some(file) = files.server {
        log_dirs(file, me, said, notes);
    }
    if notes.refused() {
        return;
    }
    let config = match loaded(said, &me.name) {
        Ok(config) => config,
        Err(errors) => {
            notes.refuse("", "what was taken over does not load", errors);
            return;
        }
    };
    let ours = [(Role::ZooKeeper, zookeeper::properties(&config)), (Role::Kafka, kafka::properties(&config, 1, None))];
    let brokers = config.broker_count();
    for (role, ours) in &ours {
        let file = if *role == Role::Kafka { files.server } else { files.zookeeper };
        let Some(file) = file.filter(|_| config.this_node().roles.has(*role)) else { continue };
        let judged = |key: &str| {
            JUDGED.contains(&key) || ["dataDir", "log.dirs", "log.dir"].contains(&key) || key.starts_with("server.")
        };
        for (key, value) in file.iter().filter(|(key, _)| !judged(key)) {
            one(Passing { role: *role, file, ours, brokers, me }, key, value, said, notes);
        }
    }
}

#[derive(Clone, Copy)]
struct Passing<'a> {
    role: Role,
    file: &'a Effective,
    ours: &'a Properties,
    brokers: usize,
    me: &'a Me,
}

fn one(at: Passing<'_>, key: &str, value: &str, said: &mut Said, notes: &mut Notes) {
    if let Some((.., why)) = UNWISE.iter().find(|(role, its, bad, _)| *role == at.role && *its == key && *bad == value)
    {
        said.property(at.role, key, value);
        notes.taken(key, value, format!("[{}.properties]", at.role));
        notes.danger("", &shown(key, value), *why);
        return;
    }
    // The operator's machine has other cores than the next: never "the same" by accident.
    let same = key != "num.recovery.threads.per.data.dir" && at.ours.get(key) == Some(value);
    let default = |(its, default): &(&str, &str)| *its == key && *default == value;
    let connects = key == "zookeeper.connection.timeout.ms"
        && at.file.get("zookeeper.session.timeout.ms").map_or("18000", String::as_str) == value;
    let development = FOR_DEVELOPMENT.iter().find(|(its, stock, _)| *its == key && *stock == value);
    if same {
        notes.left(key, value, "kafka-node writes the same");
    } else if let Some((.., why)) = development.filter(|_| at.role == Role::Kafka) {
        notes.left(key, value, *why);
    } else if at.role == Role::Kafka && (KAFKA_DEFAULTS.iter().any(default) || connects) {
        notes.left(key, value, "Kafka's own default");
    } else if REPLICAS.contains(&key) && value == "1" && at.brokers > 1 {
        let ours = at.ours.get(key).unwrap_or_default();
        let why = format!(
            "one lost broker would stop consumer groups or transactions: left out, and kafka-node writes {ours}. Topics that exist keep their \
             replicas: raise those of __consumer_offsets and __transaction_state by kafka-reassign-partitions.sh"
        );
        notes.danger(key, &shown(key, value), why);
    } else if matches!(key, "broker.id.generation.enable" | "reserved.broker.max.id") {
        notes.left(key, value, "every broker has the id of its [[node]]");
    } else if key == "4lw.commands.whitelist" && !value.split(',').any(|word| matches!(word.trim(), "srvr" | "*")) {
        let wider = format!("{value},srvr");
        said.property(at.role, key, wider.trim_start_matches(','));
        notes.left(key, value, "taken over with srvr added, by which kafka-node asks whether ZooKeeper serves");
    } else {
        let secret = shown(key, value) != format!("{key}={value}");
        let word = if secret { ", in clear: keep the file at mode 0640" } else { "" };
        if key == "broker.rack" || at.me.is_named_in(value) {
            said.own_property(at.role, key, value, &at.me.name);
            notes.by_node(
                key,
                value,
                format!("[{}.properties]{word}: on another node the line has its own value", at.role),
            );
        } else {
            said.property(at.role, key, value);
            notes.taken(key, value, format!("[{}.properties]{word}", at.role));
        }
    }
}

/// `log.dirs`, else `log.dir`, else Kafka's own default.
fn log_dirs(file: &Effective, me: &Me, said: &mut Said, notes: &mut Notes) {
    let (key, text) = match (file.get("log.dirs"), file.get("log.dir")) {
        (Some(dirs), dir) => {
            if let Some(dir) = dir {
                notes.left("log.dir", dir, "log.dirs says it, and this key is not read");
            }
            ("log.dirs", dirs.as_str())
        }
        (None, Some(dir)) => {
            notes.left("log.dir", dir, "kafka-node writes it as log.dirs");
            ("", dir.as_str())
        }
        (None, None) => {
            notes.danger("", "no log.dirs: Kafka's default is /tmp/kafka-logs", "written as it is, with what follows");
            ("", "/tmp/kafka-logs")
        }
    };
    let dirs = text.split(',').map(str::trim).filter(|dir| !dir.is_empty());
    let dirs: Vec<String> = dirs.map(|dir| directory(key, dir, "[kafka] log_dirs", me, notes)).collect();
    said.set_list("kafka.log_dirs", &dirs);
}

/// A data directory as the configuration names it, with `{node}` where the node's name stands.
fn directory(key: &str, dir: &str, to: &str, me: &Me, notes: &mut Notes) -> String {
    if dir.starts_with("/tmp/") || dir.starts_with("/var/tmp/") {
        let why = format!(
            "systemd-tmpfiles empties it, and the data is lost: with the service stopped, move the data (mv {dir} /data/) and write the new place as {to}. \
             Until then kafka-node refuses to start on it, unless [paths] allow_temporary = true"
        );
        notes.danger("", &shown(key, dir), why);
    }
    let general: Vec<&str> = dir.split('/').map(|part| if part == me.name { "{node}" } else { part }).collect();
    let general = general.join("/");
    let why = if general == dir { to.to_owned() } else { format!("{to}, with {{node}} for the name of each node") };
    notes.taken(key, dir, why);
    general
}
