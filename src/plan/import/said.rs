//! The configuration as it will be written: only what is no default, in the order of the default file.
//!
//! The text holds nothing of this machine or moment beside what was said, so that three nodes alike get one file. Absent on
//! purpose: judging it (`config`, through `proof`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::config::{KEYS, is_secret, masked};
use crate::model::{Role, Roles};

/// One `[[node]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SaidNode {
    pub name: String,
    pub address: String,
    pub id: i64,
    pub roles: Roles,
    pub bind: Option<String>,
    pub advertised: Option<String>,
}

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// In the order of their ids.
    pub nodes: Vec<SaidNode>,
    /// Values as TOML, by the path of their key.
    keys: BTreeMap<&'static str, String>,
    zookeeper: BTreeMap<String, String>,
    kafka: BTreeMap<String, String>,
    /// Properties that are one node's own, and its name.
    own: BTreeSet<String>,
    own_name: Option<String>,
}

impl Said {
    /// A property that another node must not have as it stands.
    pub fn own_property(&mut self, role: Role, key: &str, value: &str, name: &str) {
        self.property(role, key, value);
        self.own.insert(key.to_owned());
        self.own_name = Some(name.to_owned());
    }

    /// A value as TOML; one that is the default is not said.
    pub fn set(&mut self, path: &'static str, toml: String) {
        if KEYS.iter().any(|key| key.path == path && key.default != toml) {
            self.keys.insert(path, toml);
        }
    }

    pub fn set_text(&mut self, path: &'static str, text: &str) {
        self.set(path, quoted(text));
    }

    pub fn set_list(&mut self, path: &'static str, list: &[String]) {
        let items: Vec<String> = list.iter().map(|item| quoted(item)).collect();
        let (open, between, close) = if items.len() > 2 { ("[\n    ", ",\n    ", ",\n]") } else { ("[", ", ", "]") };
        self.set(path, format!("{open}{}{close}", items.join(between)));
    }

    pub fn property(&mut self, role: Role, key: &str, value: &str) {
        let table = if role == Role::Kafka { &mut self.kafka } else { &mut self.zookeeper };
        table.insert(key.to_owned(), value.to_owned());
    }

    /// Whether the text holds what nobody else should read.
    pub fn secrets(&self) -> bool {
        let hides = |(key, value): (&String, &String)| masked(&format!("{key}={value}")) != format!("{key}={value}");
        let options = self.keys.values().any(|toml| is_secret(toml) && toml.contains('='));
        options || self.zookeeper.iter().any(hides) || self.kafka.iter().any(hides)
    }

    /// The file.
    pub fn toml(&self) -> String {
        let mut text = String::from("# Taken over from a hand-made node by kafka-node import. ");
        match &self.own_name {
            None => text.push_str("One file, the same on every node of the cluster.\n"),
            Some(name) => {
                let _ = writeln!(text, "This is the file of {name}: the lines marked below differ by node.");
            }
        }
        text.push_str("# What is not said here is a default: /usr/share/doc/kafka-node/config-reference.md.\n");
        for node in &self.nodes {
            let _ = write!(text, "\n[[node]]\nname = {}\n", quoted(&node.name));
            if node.address != node.name {
                let _ = writeln!(text, "address = {}", quoted(&node.address));
            }
            let _ = writeln!(text, "id = {}", node.id);
            if node.roles != Roles::BOTH {
                let role = if node.roles.kafka { Role::Kafka } else { Role::ZooKeeper };
                let _ = writeln!(text, "roles = [{}]", quoted(role.as_str()));
            }
            for (key, value) in [("bind", &node.bind), ("advertised", &node.advertised)] {
                if let Some(value) = value {
                    let _ = writeln!(text, "{key} = {}", quoted(value));
                }
            }
        }
        let mut table = "";
        for key in KEYS {
            let Some(value) = self.keys.get(key.path) else { continue };
            if table != key.table() {
                // The properties of a service stand behind its keys, and before the next table.
                self.properties(&mut text, table);
                table = key.table();
                let _ = write!(text, "\n[{table}]\n");
            }
            let _ = writeln!(text, "{} = {value}", key.name());
        }
        self.properties(&mut text, table);
        for role in ["zookeeper", "kafka"] {
            if table != role {
                self.properties_unless_written(&mut text, role);
            }
        }
        text
    }

    fn properties(&self, text: &mut String, table: &str) {
        let properties = match table {
            "zookeeper" => &self.zookeeper,
            "kafka" => &self.kafka,
            _ => return,
        };
        if properties.is_empty() {
            return;
        }
        let _ = write!(text, "\n[{table}.properties]\n");
        for (key, value) in properties {
            if self.own.contains(key) {
                text.push_str(
                    "# Of this node alone: the others have their own value here, or in a drop-in in conf.d/.\n",
                );
            }
            let _ = writeln!(text, "{} = {}", quoted(key), quoted(value));
        }
    }

    fn properties_unless_written(&self, text: &mut String, table: &str) {
        if !text.contains(&format!("\n[{table}.properties]\n")) {
            self.properties(text, table);
        }
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
