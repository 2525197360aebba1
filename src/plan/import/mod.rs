//! A hand-made node's own files -> the `kafka-node.toml` that stands in their place, and a note on everything that was found.
//!
//! [`import`] decides; nothing is written that it could not load and render back to the same effective values (`proof`). Absent on
//! purpose: reading files and `systemctl` (`host::import`), and guesses: what one configuration cannot say is refused in words.

mod broker;
mod ensemble;
mod jvm;
mod note;
mod passed;
mod proof;
mod said;
pub mod unit;

use std::collections::BTreeMap;

use crate::config;
use crate::model::Role;

use super::properties::parse;
use note::Notes;
pub use note::{Kind, Note};
use said::Said;
use unit::Unit;

/// A file that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// Where it stands, for people.
    pub path: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// What was found of a hand-made node.
#[derive(Clone, Default)]
pub struct Inputs {
    /// `server.properties`.
    pub server: Option<Text>,
    /// `zookeeper.properties`.
    pub zookeeper: Option<Text>,
    /// `myid` in its `dataDir`.
    pub my_id: Option<Text>,
    /// `meta.properties` of each log directory that has one.
    pub meta: Vec<Text>,
    /// The units that start the two services, at most one each.
    pub units: Vec<(Role, Unit)>,
    /// Units of the usual names that start the services by something else than the stock scripts.
    pub strange_units: Vec<String>,
    /// Where Kafka is, as the units say it.
    pub home: Option<String>,
    /// This machine's host name: full, then short.
    pub host_names: Vec<String>,
    /// `/etc/hosts`: each address with each of its names.
    pub hosts: Vec<(String, String)>,
    /// Memory in bytes, where it is known.
    pub memory: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The configuration; `None` where something cannot be taken over.
    pub toml: Option<String>,
    /// Everything that is to be said, by kind.
    pub notes: Vec<Note>,
    /// `toml` holds passwords.
    pub secrets: bool,
}

/// Properties as the service sees them: the last of two wins, blanks at the ends do not count.
pub(super) type Effective = BTreeMap<String, String>;

/// Makes the configuration. The error says of each file that is not what it should be why it is none.
pub fn import(inputs: &Inputs) -> Result<Outcome, Vec<String>> {
    let mut notes = Notes::default();
    let mut nonsense = Vec::new();
    let mut zookeeper = effective(inputs.zookeeper.as_ref(), Role::ZooKeeper, &mut notes, &mut nonsense);
    let mut server = effective(inputs.server.as_ref(), Role::Kafka, &mut notes, &mut nonsense);
    if inputs.server.is_none() && inputs.zookeeper.is_none() {
        nonsense.push("there is neither a server.properties nor a zookeeper.properties to import".to_owned());
    }
    if !nonsense.is_empty() {
        return Err(nonsense);
    }
    for (role, unit) in &inputs.units {
        let into = if *role == Role::Kafka { server.as_mut() } else { zookeeper.as_mut() };
        if let Some(into) = into {
            into.extend(unit.overrides.iter().cloned());
        }
    }
    let files = Files { inputs, server: server.as_ref(), zookeeper: zookeeper.as_ref() };
    let mut said = Said::default();
    if let Some(me) = ensemble::take(&files, &mut said, &mut notes) {
        broker::take(&files, &me, &mut said, &mut notes);
        jvm::take(inputs, &mut said, &mut notes);
        passed::take(&files, &me, &mut said, &mut notes);
        if !notes.refused() {
            proof::prove(&files, &me, &said, &mut notes);
        }
    }
    let toml = (!notes.refused()).then(|| said.toml());
    let secrets = toml.is_some() && said.secrets();
    Ok(Outcome { toml, notes: notes.sorted(), secrets })
}

/// The files as they count, together.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    pub inputs: &'a Inputs,
    pub server: Option<&'a Effective>,
    pub zookeeper: Option<&'a Effective>,
}

/// Which of the nodes the files belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Me {
    pub name: String,
    pub address: String,
}

impl Me {
    /// Whether a value names this node, so that it cannot be the same on another.
    pub fn is_named_in(&self, value: &str) -> bool {
        let part = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.');
        value.split(part).any(|word| word == self.name || word == self.address)
    }
}

/// Keys by which each file is known.
const MARKS: [(Role, &[&str]); 2] = [
    (Role::ZooKeeper, &["dataDir", "clientPort", "tickTime", "initLimit", "server.1"]),
    (Role::Kafka, &["broker.id", "zookeeper.connect", "listeners", "log.dirs", "log.dir", "process.roles"]),
];

fn effective(text: Option<&Text>, role: Role, notes: &mut Notes, nonsense: &mut Vec<String>) -> Option<Effective> {
    let text = text?;
    let binary = |byte: &u8| *byte < 9 || (14..32).contains(byte) || *byte == 127;
    if text.bytes.iter().any(binary) {
        nonsense.push(format!("{} is no properties file: it holds control characters", text.path));
        return None;
    }
    let mut all = Effective::new();
    for (key, value) in parse(&text.bytes) {
        let value = value.trim().to_owned();
        if let Some(first) = all.insert(key.clone(), value.clone())
            && first != value
        {
            let masked = |value: &str| note::shown(&key, value);
            let why = format!("stands twice in {}, and the last one counts, as for Java", text.path);
            notes.danger("", &format!("{} and {}", masked(&first), masked(&value)), why);
        }
    }
    let is =
        |role: Role| MARKS.iter().any(|(its, marks)| *its == role && marks.iter().any(|key| all.contains_key(*key)));
    let other = if role == Role::Kafka { Role::ZooKeeper } else { Role::Kafka };
    let name = |role: Role| if role == Role::Kafka { "server.properties" } else { "zookeeper.properties" };
    if !is(role) {
        let looks = if is(other) { format!("; it looks like {}", name(other)) } else { String::new() };
        nonsense.push(format!("{} is no {}: it holds none of its keys{looks}", text.path, name(role)));
        return None;
    }
    Some(all)
}

/// The configuration as the loader takes it on the node `name`, or all that is wrong with it.
fn loaded(said: &Said, name: &str) -> Result<config::Config, String> {
    let files = [("kafka-node.toml".to_owned(), said.toml())];
    config::read(&files, Some(name), &[]).map_err(|errors| errors.to_string())
}
