//! The proof of an import: the file loads on every node, and what kafka-node renders from it here means what the old files meant.
//!
//! A difference that no note explains is a fault of ours, and refuses the import. Absent on purpose: the JVMs' own view (`check`).

use crate::model::Role;
use crate::plan::{HostFacts, Java, KafkaInstall, kafka, memory, zookeeper};

use super::note::{Notes, shown};
use super::said::Said;
use super::{Files, Me, loaded};

/// Refuses what would change without a word.
pub(super) fn prove(files: &Files<'_>, me: &Me, said: &Said, notes: &mut Notes) {
    let config = match loaded(said, &me.name) {
        Ok(config) => config,
        Err(errors) => {
            notes.refuse("", "what was taken over does not load", errors);
            return;
        }
    };
    for node in said.nodes.iter().filter(|node| node.name != me.name) {
        if let Err(errors) = loaded(said, &node.name) {
            notes.refuse("", &format!("the file does not load on {}", node.name), errors);
        }
    }
    for (role, rendered) in
        [(Role::ZooKeeper, zookeeper::properties(&config)), (Role::Kafka, kafka::properties(&config, 1, None))]
    {
        let file = if role == Role::Kafka { files.server } else { files.zookeeper };
        let Some(file) = file.filter(|_| config.this_node().roles.has(role)) else { continue };
        for (key, value) in file.iter().filter(|(key, _)| !notes.explains(key)).collect::<Vec<_>>() {
            let now = rendered.get(key);
            if now.is_none_or(|now| plain(key, now) != plain(key, value)) {
                let now = now.map_or("nothing".to_owned(), |now| shown(key, now));
                let why = format!("kafka-node would write {now}, and import has no word for it: a fault of kafka-node");
                notes.refuse(key, &shown(key, value), why);
            }
        }
        let new: Vec<&str> =
            rendered.keys().filter(|key| !file.contains_key(*key) && !key.starts_with("server.")).collect();
        if !new.is_empty() {
            let what = format!("not set so far ({role}): {}", new.join(", "));
            notes.left("", &what, "kafka-node writes them; kafka-node plan says each value with its reason");
        }
    }
    if let Some(memory) = files.inputs.memory {
        let java = Java { home: "/".into(), version: "11".to_owned(), major: 11, found: String::new() };
        let facts = HostFacts {
            memory,
            cgroup_memory: None,
            cores: 1,
            java,
            kafka: KafkaInstall::default(),
            user: String::new(),
            environment: Vec::new(),
        };
        for warning in memory::budget(&config, &facts).1 {
            notes.danger("", "memory", warning.text);
        }
    }
}

/// A value in the one spelling that two texts with the same meaning share.
fn plain(key: &str, value: &str) -> String {
    match key {
        "listeners" => value.replace("://:", "://0.0.0.0:").replace(' ', ""),
        "advertised.listeners" => value.replace(' ', ""),
        "log.dirs" | "dataDir" => {
            let parts = value.split(',').map(|part| part.trim().trim_end_matches('/')).filter(|part| !part.is_empty());
            parts
                .map(|part| part.split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/"))
                .collect::<Vec<_>>()
                .join(",")
        }
        key if key.starts_with("server.") => {
            value.replace(":participant", "").split(';').next().unwrap_or(value).to_owned()
        }
        _ => value.to_owned(),
    }
}
