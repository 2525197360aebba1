//! The `[[node]]`s: each complete, all different, and which of them this machine is.

use std::collections::BTreeMap;

use crate::model::{NodeName, NodeNumber, Role, Roles};

use super::complaint::Complaint;
use super::fragment::NodeFragment;
use super::merged::Merged;
use super::nearest::nearest_alone;
use super::phrase::quoted;
use super::source::{Place, SourceFile};
use super::valid::Node;
use super::value::{Value, Written};

/// The nodes, as far as they are sound.
pub(super) struct Nodes {
    /// In the file's order.
    pub list: Vec<Node>,
    /// Where each of `list` has its header.
    pub headers: Vec<Place>,
    /// Which of `list` this machine is.
    pub this: Option<usize>,
}

impl Nodes {
    /// The node that this machine is.
    pub fn this_node(&self) -> Option<&Node> {
        self.list.get(self.this?)
    }
}

/// Who this machine may be.
pub(super) struct Asked<'a> {
    /// `--node` or `KAFKA_NODE_NAME`; nothing else counts where it is said.
    pub node: Option<&'a str>,
    /// The host name, full, then short.
    pub host_names: &'a [String],
}

/// Judges the list and finds this machine in it.
pub(super) fn judge(
    files: &[SourceFile],
    merged: &Merged,
    asked: &Asked<'_>,
    complaints: &mut Vec<Complaint>,
) -> Nodes {
    let mut nodes = Nodes { list: Vec::new(), headers: Vec::new(), this: None };
    if merged.nodes.is_empty() {
        let complaint =
            Complaint::without_place("no [[node]] in the configuration: it names no machine of the cluster");
        let example = "for each machine of the cluster [[node]], and below it name = \"kafkanode1\" and id = 1";
        let read = files.iter().map(|file| match file.text.trim() {
            "" => format!("{} (which is empty)", file.name),
            _ => file.name.clone(),
        });
        let read: Vec<String> = read.collect();
        complaints.push(complaint.note(format!("read: {}", read.join(", "))).expected(example));
        return nodes;
    }
    judge_required(merged, complaints);
    judge_different(merged, complaints);
    judge_ensemble(merged, complaints);
    for fragment in &merged.nodes {
        if let Some(node) = node(merged, fragment) {
            nodes.list.push(node);
            nodes.headers.push(fragment.at);
        }
    }
    let name = find_this(merged, asked, complaints);
    nodes.this = name.and_then(|name| nodes.list.iter().position(|node| node.name.as_str() == name));
    nodes
}

fn text<'a>(fragment: &'a NodeFragment, path: &str) -> Option<(&'a str, Place)> {
    match fragment.keys.get(path)? {
        Written { value: Value::Text(text), at, .. } => Some((text, *at)),
        _ => None,
    }
}

fn number(fragment: &NodeFragment) -> Option<(i64, Place)> {
    match fragment.keys.get("node.id")? {
        Written { value: Value::Number(number), at, .. } => Some((*number, *at)),
        _ => None,
    }
}

/// What the others dial.
fn address(fragment: &NodeFragment) -> Option<(&str, Place)> {
    match fragment.keys.get("node.address") {
        Some(_) => text(fragment, "node.address"),
        None => text(fragment, "node.name"),
    }
}

fn roles(fragment: &NodeFragment) -> Roles {
    match fragment.keys.get("node.roles") {
        Some(Written { value: Value::List(list), .. }) => Roles {
            zookeeper: list.iter().any(|(role, _)| role == Role::ZooKeeper.as_str()),
            kafka: list.iter().any(|(role, _)| role == Role::Kafka.as_str()),
        },
        _ => Roles::BOTH,
    }
}

fn node(merged: &Merged, fragment: &NodeFragment) -> Option<Node> {
    let (name, _) = text(fragment, "node.name")?;
    let (id, _) = number(fragment)?;
    let (address, _) = address(fragment)?;
    let host = |own: &str, common: &str| {
        let said = text(fragment, own).map_or_else(|| merged.text(common), |(host, _)| host.to_owned());
        match said.as_str() {
            "address" => address.to_owned(),
            "name" if own == "node.advertised" => name.to_owned(),
            _ => said,
        }
    };
    Some(Node {
        name: NodeName::new(name),
        address: address.to_owned(),
        number: NodeNumber::new(id)?,
        roles: roles(fragment),
        bind: host("node.bind", "kafka.bind"),
        advertised: host("node.advertised", "kafka.advertised"),
    })
}

fn judge_required(merged: &Merged, complaints: &mut Vec<Complaint>) {
    let taken: Vec<i64> = merged.nodes.iter().filter_map(number).map(|(id, _)| id).collect();
    let mut free = (1..=255).filter(|id| !taken.contains(id));
    for fragment in &merged.nodes {
        if !fragment.keys.contains_key("node.name") {
            let complaint = Complaint::new(fragment.at, "this [[node]] has no name");
            complaints.push(complaint.expected("name = \"kafkanode1\": the host name of the machine"));
        }
        if !fragment.keys.contains_key("node.id") {
            let complaint = Complaint::new(fragment.at, "this [[node]] has no id");
            let complaint = complaint.expected("id = 1: a number between 1 and 255, never changed afterwards");
            complaints.push(complaint.help_if(free.next().map(|id| format!("id = {id} is free"))));
        }
        if let Some(Written { value: Value::List(list), .. }) = fragment.keys.get("node.roles") {
            let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
            for (role, at) in list {
                if let Some(first) = seen.insert(role, *at) {
                    let complaint = Complaint::new(*at, format!("the role {} is given twice", quoted(role)));
                    complaints.push(complaint.other(first, "first here").expected("each role once"));
                }
            }
        }
    }
}

/// Names, ids and addresses: no two alike. Ports are those of the whole cluster, so two nodes at one address would want the same ones.
fn judge_different(merged: &Merged, complaints: &mut Vec<Complaint>) {
    let mut names: BTreeMap<String, Place> = BTreeMap::new();
    let mut ids: BTreeMap<i64, Place> = BTreeMap::new();
    let mut addresses: BTreeMap<String, (Place, bool)> = BTreeMap::new();
    for fragment in &merged.nodes {
        let mut name_is_new = true;
        if let Some((name, at)) = text(fragment, "node.name") {
            if let Some(first) = names.get(&name.to_lowercase()) {
                name_is_new = false;
                let complaint = Complaint::new(at, format!("two nodes have the name {}", quoted(name)));
                complaints.push(complaint.other(*first, "first here").expected("a name of its own for each [[node]]"));
            }
            names.entry(name.to_lowercase()).or_insert(at);
        }
        if let Some((id, at)) = number(fragment) {
            if let Some(first) = ids.get(&id) {
                let complaint = Complaint::new(at, format!("two nodes have the id {id}"));
                let complaint = complaint.other(*first, "first here");
                complaints.push(complaint.expected("an id of its own for each [[node]], between 1 and 255"));
            }
            ids.entry(id).or_insert(at);
        }
        if let Some((address, at)) = address(fragment) {
            let said = fragment.keys.contains_key("node.address");
            if let Some((first, first_said)) = addresses.get(&address.to_lowercase())
                && (said || *first_said || name_is_new)
            {
                let complaint = Complaint::new(at, format!("two nodes have the address {}", quoted(address)));
                let complaint = complaint.other(*first, "first here");
                complaints
                    .push(complaint.expected("an address of its own for each [[node]]: they all use the same ports"));
            }
            addresses.entry(address.to_lowercase()).or_insert((at, said));
        }
    }
}

/// Brokers keep their state in ZooKeeper: without a member nothing can start.
fn judge_ensemble(merged: &Merged, complaints: &mut Vec<Complaint>) {
    let roles_sound =
        |fragment: &NodeFragment| fragment.keys.get("node.roles").is_none_or(|written| written.value != Value::Broken);
    if !merged.nodes.iter().all(roles_sound) || merged.nodes.iter().any(|fragment| roles(fragment).zookeeper) {
        return;
    }
    let written = merged.nodes.iter().filter_map(|fragment| fragment.keys.get("node.roles"));
    let places: Vec<Place> = written.map(|written| written.at).collect();
    if let Some((first, rest)) = places.split_first() {
        let complaint =
            Complaint::new(*first, "no node has the role \"zookeeper\", and brokers cannot work without it");
        let complaint = rest.iter().take(4).fold(complaint, |complaint, at| complaint.other(*at, "nor here"));
        complaints.push(complaint.expected("\"zookeeper\" among the roles of one, three or five nodes"));
    }
}

/// The name in the file that this machine goes by.
fn find_this<'a>(merged: &'a Merged, asked: &Asked<'_>, complaints: &mut Vec<Complaint>) -> Option<&'a str> {
    let names: Vec<&str> = merged.nodes.iter().filter_map(|node| Some(text(node, "node.name")?.0)).collect();
    let tried: Vec<&str> = match asked.node {
        Some(node) => vec![node],
        None => asked.host_names.iter().map(String::as_str).collect(),
    };
    let found = tried.iter().find_map(|tried| {
        let exact = names.iter().find(|name| *name == tried);
        exact.or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(tried))).copied()
    });
    // A name that could not be read may be the one: its own error has been said.
    let all_named = names.len() == merged.nodes.len();
    if found.is_some() || !all_named {
        return found;
    }
    let mut words: Vec<String> = Vec::new();
    for word in tried.iter().map(|word| quoted(word)) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let what = match (asked.node, words.is_empty()) {
        (Some(_), _) => format!("no [[node]] is named {}, as --node or KAFKA_NODE_NAME asks", words.join(" or ")),
        (None, true) => "this machine has no host name to find its [[node]] by".to_owned(),
        (None, false) => format!("no [[node]] is named {}, which is this machine's host name", words.join(" or ")),
    };
    let known: Vec<String> = names.iter().take(20).map(|name| quoted(name)).collect();
    let more = if names.len() > known.len() { ", …" } else { "" };
    let near = tried.iter().find_map(|tried| nearest_alone(tried, &names));
    let complaint = Complaint { at: merged.nodes.first().map(|node| node.at), ..Complaint::without_place(what) };
    let complaint = complaint.label("the first node");
    let complaint = complaint.expected(format!("one of the nodes in the file: {}{more}", known.join(", ")));
    let complaint = complaint.help_if(near.map(|near| format!("did you mean {}?", quoted(near))));
    complaints.push(match asked.node {
        Some(_) => complaint,
        None => complaint.help("--node NAME or KAFKA_NODE_NAME says which node this machine is"),
    });
    None
}
