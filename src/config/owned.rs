//! Properties that kafka-node writes itself: one of the same name among those passed through must not contradict it.
//!
//! Absent on purpose: writing them (`plan`). What is passed through beyond these is the service's own matter.

use crate::model::Role;

use super::complaint::Complaint;
use super::keys::{find, spoken};
use super::merged::Merged;
use super::nodes::Nodes;
use super::source::{Place, SourceFile};
use super::valid::{ConfigWarning, Node, Property};
use super::value::{Value, Written};

/// Where an owned property comes from.
enum Owner {
    /// A key of the file, or its default.
    Key(&'static str),
    /// A key of this node.
    Node(&'static str),
    /// The nodes with the role `zookeeper`.
    Members,
    /// Nothing an operator can set.
    Fixed(&'static str),
}

/// A property that kafka-node decides.
struct Claim {
    owner: Owner,
    /// Values that do no harm, each as it may be spelled.
    harmless: Vec<String>,
    /// What kafka-node writes for it, where it does.
    writes: Option<String>,
    /// What would be right, where it is not its absence.
    expected: Option<String>,
    /// What to do in place of it.
    instead: String,
}

impl Claim {
    fn new(owner: Owner, instead: &str) -> Claim {
        Claim { owner, harmless: Vec::new(), writes: None, expected: None, instead: instead.to_owned() }
    }

    /// Owned by a key, which should be set in place of the property.
    fn set(path: &'static str, value: &str) -> Claim {
        Claim::new(Owner::Key(path), &format!("set {} = {value} instead", spoken(path)))
    }

    /// kafka-node writes the property itself, with the first of these spellings.
    fn written(self, spellings: Vec<String>) -> Claim {
        Claim { writes: spellings.first().cloned(), harmless: spellings, ..self }
    }

    /// kafka-node does not write it; these values change nothing.
    fn borne(self, spellings: Vec<String>) -> Claim {
        Claim { harmless: spellings, ..self }
    }
}

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
        let mut properties = Vec::new();
        for (key, written) in merged.properties(role.as_str()) {
            let Value::Text(text) = &written.value else { continue };
            let claim = match role {
                Role::ZooKeeper => self.zookeeper_claim(key, text),
                Role::Kafka => self.kafka_claim(key, text),
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

    fn kafka_claim(&self, key: &str, text: &str) -> Option<Claim> {
        let this = self.nodes.this_node();
        let port = self.merged.port("kafka.port");
        let of_this = |value: fn(&Node) -> String| this.map(value).into_iter().collect::<Vec<String>>();
        let text = text.trim();
        let claim = match key {
            "broker.id" => Claim::new(Owner::Node("node.id"), "set the id of the [[node]] instead")
                .written(of_this(|node| node.number.to_string())),
            "zookeeper.connect" => {
                let client = self.merged.port("zookeeper.client_port");
                let members = self.members().map(|node| format!("{}:{client}", node.address)).collect::<Vec<String>>();
                Claim::new(Owner::Members, "change the [[node]]s, or [zookeeper] client_port, instead")
                    .written(vec![members.join(",")])
            }
            "log.dir" | "log.dirs" => {
                let example: Vec<String> = text.split(',').map(|dir| format!("\"{}\"", dir.trim())).collect();
                let dirs: Vec<String> = self.merged.list("kafka.log_dirs").into_iter().map(|(dir, _)| dir).collect();
                let dirs = dirs.join(",").replace("{node}", this.map_or("", |node| node.name.as_str()));
                let claim = Claim::set("kafka.log_dirs", &format!("[{}]", example.join(", ")));
                if key == "log.dirs" { claim.written(vec![dirs]) } else { claim.borne(vec![dirs]) }
            }
            "port" | "advertised.port" => Claim::set("kafka.port", text).borne(vec![port.to_string()]),
            "host.name" => Claim::set("kafka.bind", &format!("\"{text}\"")).borne(of_this(|node| node.bind.clone())),
            "advertised.host.name" => {
                Claim::set("kafka.advertised", &format!("\"{text}\"")).borne(of_this(|node| node.advertised.clone()))
            }
            // With a listener that we can probe, listeners are the operator's.
            "listeners" | "advertised.listeners" if plaintext_host(text, port).is_none() => {
                let other = text.split(',').find_map(|listener| plaintext(listener)?.1.parse::<u16>().ok());
                let help = match other {
                    Some(other) => format!("set [kafka] port = {other} too"),
                    None => "kafka-node probes the broker through its PLAINTEXT listener".to_owned(),
                };
                let example = if port == u16::MAX { port - 1 } else { port + 1 };
                let expected = format!(
                    "a list with PLAINTEXT at {port}, such as \"PLAINTEXT://0.0.0.0:{port},SSL://0.0.0.0:{example}\""
                );
                Claim { expected: Some(expected), ..Claim::new(Owner::Key("kafka.port"), &help) }
            }
            "listener.security.protocol.map" if text.split(',').any(remaps_plaintext) => Claim::new(
                Owner::Fixed("kafka-node probes the broker through its PLAINTEXT listener"),
                "leave PLAINTEXT:PLAINTEXT, and map other names",
            ),
            "broker.id.generation.enable" => {
                Claim::new(Owner::Node("node.id"), "remove it: every broker has the id of its [[node]]")
                    .borne(vec!["false".to_owned()])
            }
            // Kafka's own default, above every id of ours.
            "reserved.broker.max.id" => {
                Claim::new(Owner::Node("node.id"), "remove it: every broker has the id of its [[node]]")
                    .borne(vec!["1000".to_owned()])
            }
            "process.roles" | "node.id" => Claim::new(
                Owner::Fixed("kafka-node runs brokers that keep their state in ZooKeeper"),
                "remove it: it belongs to Kafka without ZooKeeper (KRaft)",
            ),
            _ => return None,
        };
        Some(claim)
    }

    fn zookeeper_claim(&self, key: &str, text: &str) -> Option<Claim> {
        let merged = self.merged;
        let this = self.nodes.this_node();
        let text = text.trim();
        let claim = match key {
            "dataDir" => {
                let name = this.map_or("", |node| node.name.as_str());
                let dir = merged.text("zookeeper.data_dir").replace("{node}", name);
                Claim::set("zookeeper.data_dir", &format!("\"{text}\"")).written(vec![dir])
            }
            "clientPort" => Claim::set("zookeeper.client_port", text)
                .written(vec![merged.port("zookeeper.client_port").to_string()]),
            "clientPortAddress" => {
                let hosts = this.map(|node| vec![node.address.clone(), node.name.to_string()]);
                Claim::new(Owner::Node("node.address"), "set the address of the [[node]] instead")
                    .written(hosts.unwrap_or_default())
            }
            "dynamicConfigFile" => Claim::new(
                Owner::Fixed("kafka-node names the members of the ensemble itself"),
                "remove it: the members are the [[node]]s with the role \"zookeeper\"",
            ),
            "4lw.commands.whitelist" => {
                let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
                if words.iter().any(|word| *word == "srvr" || *word == "*") {
                    return None;
                }
                let more: Vec<&str> = words.into_iter().chain(["srvr"]).collect();
                Claim::new(
                    Owner::Fixed("kafka-node asks ZooKeeper by \"srvr\" whether it serves"),
                    &format!("write \"{}\"", more.join(",")),
                )
            }
            _ => {
                let id = key.strip_prefix("server.")?;
                let (peer, election) = (merged.port("zookeeper.peer_port"), merged.port("zookeeper.election_port"));
                let member = self.members().find(|node| node.number.to_string() == id);
                match member {
                    Some(node) => {
                        Claim::new(Owner::Members, "change the [[node]]s, or the ports in [zookeeper], instead")
                            .written(vec![format!("{}:{peer}:{election}", node.address)])
                    }
                    None => Claim::new(
                        Owner::Members,
                        &format!("add a [[node]] with id = {id} and the role \"zookeeper\" instead"),
                    ),
                }
            }
        };
        Some(claim)
    }

    fn members(&self) -> impl Iterator<Item = &Node> {
        self.nodes.list.iter().filter(|node| node.roles.zookeeper)
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

/// The host of the PLAINTEXT listener at `port` in a list such as `PLAINTEXT://0.0.0.0:9092,SSL://:9093`.
pub(super) fn plaintext_host(listeners: &str, port: u16) -> Option<&str> {
    let same_port = |text: &str| text.parse() == Ok(port);
    listeners.split(',').filter_map(plaintext).find(|(_, its)| same_port(its)).map(|(host, _)| host)
}

/// Host and port of one listener, if it is called PLAINTEXT.
fn plaintext(listener: &str) -> Option<(&str, &str)> {
    listener.trim().strip_prefix("PLAINTEXT://")?.rsplit_once(':')
}

fn remaps_plaintext(entry: &str) -> bool {
    entry.split_once(':').is_some_and(|(name, protocol)| name.trim() == "PLAINTEXT" && protocol.trim() != "PLAINTEXT")
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
