//! Properties that kafka-node writes itself: one of the same name among those passed through must not contradict it.
//!
//! Absent on purpose: which they are (`claim`), and writing them (`plan`). What is passed through beyond these is the service's own matter.

use crate::model::Role;

use super::claim::{Claim, Claims, Owner};
use super::complaint::Complaint;
use super::keys::{find, spoken};
use super::merged::Merged;
use super::nodes::Nodes;
use super::source::{Place, SourceFile};
use super::valid::{ConfigWarning, Property};
use super::value::{Value, Written};

/// What is judged, and against what.
pub(super) struct Judge<'a> {
    pub files: &'a [SourceFile],
    pub merged: &'a Merged,
    pub nodes: &'a Nodes,
    pub complaints: &'a mut Vec<Complaint>,
    pub warnings: &'a mut Vec<ConfigWarning>,
}

impl Judge<'_> {
    /// The properties of one service that are passed through. One that says what kafka-node writes anyway is left out, with a warning.
    pub fn properties(&mut self, role: Role) -> Vec<Property> {
        let merged = self.merged;
        let claims = Claims { merged, nodes: self.nodes };
        let mut properties = Vec::new();
        for (key, written) in merged.properties(role.as_str()) {
            let Value::Text(text) = &written.value else { continue };
            let claim = match role {
                Role::ZooKeeper => claims.on_zookeeper(key, text),
                Role::Kafka => claims.on_kafka(key, text),
            };
            let place = self.files.get(written.key_at.file).map(|file| file.line_place(written.key_at.start));
            match claim {
                Some(claim) if claim.harmless.iter().any(|harmless| same(harmless, text)) => {
                    self.same_as_ours(key, written)
                }
                Some(claim) => self.contradiction(role, key, written, claim),
                None => properties.push(Property {
                    key: key.clone(),
                    value: text.clone(),
                    place: place.unwrap_or_default(),
                }),
            }
        }
        properties
    }

    fn same_as_ours(&mut self, key: &str, written: &Written) {
        let place =
            self.files.get(written.key_at.file).map(|file| file.place(written.key_at.start)).unwrap_or_default();
        let text = format!(
            "the property \"{key}\" says what kafka-node writes anyway, on this node; remove it, so that it cannot contradict later"
        );
        self.warnings.push(ConfigWarning { place, text });
    }

    fn contradiction(&mut self, role: Role, key: &str, written: &Written, claim: Claim) {
        let complaint = |what: &str| Complaint::new(written.key_at, format!("[{role}.properties] \"{key}\" {what}"));
        let complaint = match claim.owner {
            Owner::Fixed(why) => complaint("cannot be passed through").note(why),
            Owner::Key(path) => {
                let complaint = complaint(&format!("contradicts {}", spoken(path)));
                match self.merged.written(path) {
                    Some(owner) => complaint.other(owner.at, format!("{} stands here", spoken(path))),
                    None => complaint.note(format!("default of {}: {}", spoken(path), default_of(path))),
                }
            }
            Owner::Node(path) => {
                let complaint = complaint(&format!("contradicts {}", spoken(path)));
                match self.node_place(path) {
                    Some((at, label)) => complaint.other(at, label),
                    None => complaint,
                }
            }
            Owner::Members => {
                let complaint = complaint("contradicts the [[node]]s with the role \"zookeeper\"");
                let first = self.nodes.list.iter().position(|node| node.roles.zookeeper);
                match first.and_then(|first| self.nodes.headers.get(first)) {
                    Some(at) => complaint.other(*at, "the first of them"),
                    None => complaint,
                }
            }
        };
        let expected = match (claim.expected, claim.writes) {
            (Some(expected), _) => expected,
            (None, Some(writes)) => format!("no \"{key}\" here: kafka-node writes {key}={writes}"),
            (None, None) => format!("no \"{key}\" here"),
        };
        let complaint = match key {
            // These two are wrong by their value alone.
            "4lw.commands.whitelist" | "listener.security.protocol.map" => complaint,
            _ => complaint.expected(expected),
        };
        self.complaints.push(complaint.help(claim.instead));
    }

    /// The place of a key of this node, or of its header where the key is not written.
    fn node_place(&self, path: &str) -> Option<(Place, String)> {
        let this = self.nodes.this?;
        let header = *self.nodes.headers.get(this)?;
        let name = &self.nodes.list.get(this)?.name;
        let fragment = self.merged.nodes.iter().find(|fragment| fragment.at == header)?;
        Some(match fragment.keys.get(path) {
            Some(written) => (written.at, format!("this node, {name}")),
            None => (header, format!("this node, {name}")),
        })
    }
}

fn default_of(path: &str) -> &'static str {
    find(path).map_or("", |key| key.default)
}

/// The same value, but for the order and spacing of a list and the case of host names.
fn same(rendered: &str, text: &str) -> bool {
    let parts = |list: &str| {
        let mut parts: Vec<String> = list.split(',').map(|part| part.trim().trim_end_matches('/').to_owned()).collect();
        parts.sort();
        parts
    };
    parts(rendered) == parts(text)
}
