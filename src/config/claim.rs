//! Which properties kafka-node decides itself, from what, and which values of them do no harm.
//!
//! Absent on purpose: what is said of one that contradicts (`owned`), and rendering (`plan`).

use super::keys::spoken;
use super::merged::Merged;
use super::nodes::Nodes;
use super::valid::Node;

/// Where an owned property comes from.
pub(super) enum Owner {
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
pub(super) struct Claim {
    pub owner: Owner,
    /// Values that do no harm, each as it may be spelled.
    pub harmless: Vec<String>,
    /// What kafka-node writes for it, where it does.
    pub writes: Option<String>,
    /// What would be right, where it is not its absence.
    pub expected: Option<String>,
    /// What to do in place of it.
    pub instead: String,
}

impl Claim {
    fn new(owner: Owner, instead: &str) -> Claim {
        Claim {
            owner,
            harmless: Vec::new(),
            writes: None,
            expected: None,
            instead: instead.replace(char::is_control, "\u{fffd}"),
        }
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

/// What claims are made from.
#[derive(Clone, Copy)]
pub(super) struct Claims<'a> {
    pub merged: &'a Merged,
    pub nodes: &'a Nodes,
}

impl Claims<'_> {
    /// The claim on a property of the broker, if there is one; `text` is what the operator gave it.
    pub fn on_kafka(&self, key: &str, text: &str) -> Option<Claim> {
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

    /// The claim on a property of ZooKeeper, if there is one; `text` is what the operator gave it.
    pub fn on_zookeeper(&self, key: &str, text: &str) -> Option<Claim> {
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
