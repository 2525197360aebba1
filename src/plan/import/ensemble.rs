//! The members of the ensemble, which of them this node is, and what they share: from `zookeeper.properties` and `myid`.
//!
//! Absent on purpose: the broker's side (`broker`), and properties that are merely passed through (`passed`).

use std::net::IpAddr;

use crate::model::Roles;

use super::note::Notes;
use super::said::{Said, SaidNode};
use super::{Effective, Files, Inputs, Me};

/// One `server.N`.
struct Member {
    id: i64,
    host: String,
    ports: (u16, u16),
    client: Option<u16>,
}

const RENUMBER: &str = "a [[node]] has one id for both. The number of a member is no part of its data: with every member stopped, give it the \
                        broker's number in myid and in the server.N lines of all nodes, start by hand, and import again";

/// Takes the nodes and the shared keys of `[zookeeper]`; `None` where it cannot be said which node this is.
pub(super) fn take(files: &Files<'_>, said: &mut Said, notes: &mut Notes) -> Option<Me> {
    let inputs = files.inputs;
    let Some(file) = files.zookeeper else {
        let why = "the numbers of the members stand there and nowhere else; on a node with a broker alone give a copy of a member's file: --zookeeper FILE";
        notes.refuse("", "there is no zookeeper.properties", why);
        return None;
    };
    if file.contains_key("dynamicConfigFile") {
        notes.refuse(
            "dynamicConfigFile",
            "dynamicConfigFile",
            "members that ZooKeeper keeps in a file of its own: kafka-node names them itself",
        );
        return None;
    }
    let broker_id = broker_id(files, notes)?;
    let my_id = my_id(inputs, notes)?;
    let members = members(files, (my_id, broker_id), notes)?;
    shared(file, &members, said, notes);
    let me = my_id.or(broker_id.filter(|_| members.len() == 1 && !has_servers(file)));
    let own = match me {
        Some(id) => members.iter().find(|member| member.id == id),
        None => None,
    };
    match (own, me, broker_id) {
        (None, Some(id), _) => {
            let known: Vec<String> = members.iter().map(|member| member.id.to_string()).collect();
            let why = format!(
                "zookeeper.properties has server.{} and no server.{id}: ZooKeeper does not start so either",
                known.join(", server.")
            );
            notes.refuse("", &format!("myid is {id}"), why);
            return None;
        }
        (Some(member), _, Some(broker)) if member.id != broker => {
            notes.refuse("broker.id", &format!("broker.id is {broker} and myid is {}", member.id), RENUMBER);
            return None;
        }
        (None, None, Some(broker))
            if members.iter().any(|member| member.id == broker || is_mine(inputs, &member.host)) =>
        {
            notes.refuse(
                "",
                "there is no myid in dataDir",
                "a member without its number does not start; was the right dataDir read, and by root?",
            );
            return None;
        }
        (None, None, None) => {
            notes.refuse("", "there is no myid in dataDir", "which member this node is cannot be said");
            return None;
        }
        _ => {}
    }
    let short = own.is_some_and(|own| wants_short(inputs, &own.host));
    let mut me = None;
    for member in &members {
        let is_me = own.is_some_and(|own| own.id == member.id);
        let node = node(inputs, member, short, is_me, files, notes);
        if is_me {
            me = Some(Me { name: node.name.clone(), address: node.address.clone() });
        }
        said.nodes.push(node);
    }
    if let (None, Some(id), Some(name)) = (&me, broker_id, inputs.host_names.last()) {
        let roles = Roles { zookeeper: false, kafka: true };
        said.nodes.push(SaidNode {
            name: name.clone(),
            address: name.clone(),
            id,
            roles,
            bind: None,
            advertised: None,
        });
        notes.by_node("", name, format!("a broker without a member, number {id}; other such brokers are not known from here: add their [[node]]s"));
        me = Some(Me { name: name.clone(), address: name.clone() });
    }
    if files.server.is_none() {
        let why = "the other nodes are taken to run both services: write roles where they do not";
        notes.by_node("", "no server.properties: roles = [\"zookeeper\"]", why);
    }
    let me = me?;
    if !inputs.host_names.is_empty() && !inputs.host_names.iter().any(|name| name.eq_ignore_ascii_case(&me.name)) {
        let what = format!("this machine is called {}, and its [[node]] {}", inputs.host_names.join(" or "), me.name);
        notes.danger(
            "",
            &what,
            format!("write KAFKA_NODE_NAME={} into /etc/sysconfig/kafka-node on this machine", me.name),
        );
    }
    if own.is_some() {
        client_address(file, &me, inputs, notes);
    }
    Some(me)
}

fn has_servers(file: &Effective) -> bool {
    file.keys().any(|key| key.starts_with("server."))
}

/// What both files and the log directories say the broker's number is. The outer `None`: it cannot be taken over.
fn broker_id(files: &Files<'_>, notes: &mut Notes) -> Option<Option<i64>> {
    let Some(server) = files.server else { return Some(None) };
    let kept = super::broker::meta(files.inputs, notes)?;
    let written = server.get("broker.id").map(|text| text.parse::<i64>());
    let id = match (written, kept) {
        (Some(Err(_)), _) => {
            notes.refuse("broker.id", "broker.id", "is no number");
            return None;
        }
        (Some(Ok(id)), Some(kept)) if id >= 0 && id != kept => {
            let why = "the data belongs to that broker, and Kafka does not start so either";
            notes.refuse("broker.id", &format!("broker.id is {id} and meta.properties has {kept}"), why);
            return None;
        }
        (Some(Ok(id)), _) if id >= 0 => id,
        (_, Some(kept)) => kept,
        (_, None) => {
            notes.refuse(
                "broker.id",
                "no broker.id and no meta.properties with it",
                "the broker has no number yet: give it one",
            );
            return None;
        }
    };
    if !(1..=255).contains(&id) {
        let why = "the id of a [[node]] is 1 to 255, since ZooKeeper takes no other. A broker cannot be renumbered in place: move its partitions \
                   away (kafka-reassign-partitions.sh), and give the empty broker a new number";
        notes.refuse("broker.id", &format!("broker.id is {id}"), why);
        return None;
    }
    notes.taken("broker.id", &id.to_string(), "[[node]] id");
    Some(Some(id))
}

fn my_id(inputs: &Inputs, notes: &mut Notes) -> Option<Option<i64>> {
    let Some(text) = &inputs.my_id else { return Some(None) };
    match String::from_utf8_lossy(&text.bytes).trim().parse::<i64>() {
        Ok(id) if (1..=255).contains(&id) => {
            notes.taken("", &format!("myid {id}"), "[[node]] id; the file stays as it is");
            Some(Some(id))
        }
        _ => {
            notes.refuse("", &text.path, "holds no number of 1 to 255");
            None
        }
    }
}

/// Every `server.N`; without any, the one member that this node is.
fn members(
    files: &Files<'_>,
    (my_id, broker_id): (Option<i64>, Option<i64>),
    notes: &mut Notes,
) -> Option<Vec<Member>> {
    let file = files.zookeeper?;
    let mut members = Vec::new();
    let mut sound = true;
    for (key, value) in file.iter().filter(|(key, _)| key.starts_with("server.")) {
        match member(key, value) {
            Ok(member) => members.push(member),
            Err(why) => {
                notes.refuse(key, &format!("{key}={value}"), why);
                sound = false;
            }
        }
    }
    if members.is_empty() && sound {
        let Some(host) = files.inputs.host_names.last().cloned() else {
            notes.refuse("", "no server.N, and no host name", "the one node has no name");
            return None;
        };
        let id = my_id.or(broker_id).unwrap_or(1);
        notes.danger("", "no server.N line: ZooKeeper runs alone", "one member: while its node is down nothing works");
        members.push(Member { id, host, ports: (2888, 3888), client: None });
    }
    members.sort_by_key(|member| member.id);
    sound.then_some(members)
}

/// `host:2888:3888[:participant][;[address:]2181]`.
fn member(key: &str, value: &str) -> Result<Member, &'static str> {
    let id = key.strip_prefix("server.").and_then(|id| id.parse().ok()).filter(|id| (1..=255).contains(id));
    let id = id.ok_or("the number of a member is 1 to 255")?;
    let (peer, client) = match value.split_once(';') {
        Some((peer, client)) => (peer, Some(client)),
        None => (value, None),
    };
    if peer.ends_with(":observer") {
        return Err("an observer: every member of kafka-node votes");
    }
    let peer = peer.strip_suffix(":participant").unwrap_or(peer);
    const SHAPE: &str = "expected server.N=host:2888:3888";
    let (rest, election) = peer.rsplit_once(':').ok_or(SHAPE)?;
    let (host, port) = rest.rsplit_once(':').ok_or(SHAPE)?;
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0).ok_or(SHAPE);
    let client = client.map(|client| number(client.rsplit(':').next().unwrap_or(client))).transpose()?;
    let host = host.trim().trim_start_matches('[').trim_end_matches(']');
    Ok(Member { id, host: host.to_owned(), ports: (number(port)?, number(election)?), client })
}

/// Ports, and the data directory: the same on every node.
fn shared(file: &Effective, members: &[Member], said: &mut Said, notes: &mut Notes) {
    let Some(first) = members.first() else { return };
    for member in members {
        let key = format!("server.{}", member.id);
        let value = file.get(&key).map_or("", String::as_str);
        if member.ports != first.ports || (member.client != first.client) {
            notes.refuse(&key, &format!("{key}={value}"), "members with other ports: they are the same on every node");
        } else if !value.is_empty() {
            notes.taken(&key, value, "[[node]] name or address, and id, which its broker is taken to have too; [zookeeper] peer_port, election_port");
        }
    }
    said.set("zookeeper.peer_port", first.ports.0.to_string());
    said.set("zookeeper.election_port", first.ports.1.to_string());
    let port = file.get("clientPort").cloned().or(first.client.map(|port| port.to_string()));
    match port.map(|port| port.parse::<u16>()) {
        Some(Ok(port)) if port > 0 => {
            said.set("zookeeper.client_port", port.to_string());
            notes.taken("clientPort", &port.to_string(), "[zookeeper] client_port");
        }
        _ => notes.refuse("clientPort", "no clientPort, or none that is a port", "brokers reach ZooKeeper there"),
    }
    if !file.contains_key("dataDir") {
        notes.refuse("dataDir", "no dataDir in zookeeper.properties", "ZooKeeper does not start so either");
    }
}

fn is_mine(inputs: &Inputs, host: &str) -> bool {
    inputs.host_names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// The members are named in full, and this machine calls itself by the first part: then every node is named by that.
fn wants_short(inputs: &Inputs, host: &str) -> bool {
    let first = host.split('.').next().unwrap_or(host);
    host.parse::<IpAddr>().is_err() && !is_mine(inputs, host) && is_mine(inputs, first)
}

fn node(inputs: &Inputs, member: &Member, short: bool, is_me: bool, files: &Files<'_>, notes: &mut Notes) -> SaidNode {
    let host = member.host.as_str();
    let name = match host.parse::<IpAddr>() {
        Ok(_) => {
            let known = inputs.hosts.iter().find(|(address, name)| address == host && !name.starts_with("localhost"));
            let known = known.map(|(_, name)| name.clone()).or(inputs.host_names.last().filter(|_| is_me).cloned());
            known.unwrap_or_else(|| {
                let name = format!("node{}", member.id);
                let why = "no name of it in /etc/hosts: write its host name, by which the machine finds itself";
                notes.danger("", &format!("[[node]] {name} at {host}"), why);
                name
            })
        }
        Err(_) if short => host.split('.').next().unwrap_or(host).to_owned(),
        Err(_) => host.to_owned(),
    };
    // What the other nodes run is not known from here; they are mostly alike.
    let roles = if is_me && files.server.is_none() { Roles { zookeeper: true, kafka: false } } else { Roles::BOTH };
    SaidNode { name, address: host.to_owned(), id: member.id, roles, bind: None, advertised: None }
}

fn client_address(file: &Effective, me: &Me, inputs: &Inputs, notes: &mut Notes) {
    let key = "clientPortAddress";
    let now =
        format!("kafka-node serves clients at {} and nowhere else; what dials localhost must dial that", me.address);
    let Some(value) = file.get(key) else {
        notes.danger(key, "clientPortAddress is not set: ZooKeeper served clients on every address", now);
        return;
    };
    let known = |host: &str| {
        inputs
            .hosts
            .iter()
            .any(|(address, name)| (address == value && name == host) || (address == host && name == value))
    };
    if *value == me.address {
        notes.taken(key, value, "[[node]] address");
    } else if *value == me.name || known(&me.address) || known(&me.name) {
        notes.left(key, value, format!("another word for {}, which kafka-node writes", me.address));
    } else {
        notes.danger(key, &format!("{key}={value}"), now);
    }
}
