//! The broker's side: where it listens and what it advertises, its ensemble, its directories, and what they say it is.
//!
//! Absent on purpose: properties that are merely passed through (`passed`).

use std::collections::BTreeSet;

use crate::model::Role;
use crate::plan::address::host_port;
use crate::plan::properties::parse;

use super::note::Notes;
use super::said::Said;
use super::{Effective, Files, Inputs, Me};

const PORT: u16 = 9092;
const EVERYWHERE: [&str; 2] = ["", "0.0.0.0"];
const OTHERS: &str = "import on the others too, and bring these lines of all [[node]]s together in one file";
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Takes what `[kafka]` and the `[[node]]` say of this broker.
pub(super) fn take(files: &Files<'_>, me: &Me, said: &mut Said, notes: &mut Notes) {
    let Some(file) = files.server else { return };
    for key in ["process.roles", "node.id"].into_iter().filter(|key| file.contains_key(*key)) {
        notes.refuse(
            key,
            key,
            "Kafka without ZooKeeper (KRaft): kafka-node runs brokers that keep their state in ZooKeeper",
        );
    }
    connect(files, file, said, notes);
    listeners(file, me, said, notes);
}

/// The one number that the log directories have for the broker. The outer `None`: they disagree.
pub(super) fn meta(inputs: &Inputs, notes: &mut Notes) -> Option<Option<i64>> {
    let mut known: [Option<(String, &str)>; 2] = [None, None];
    for text in &inputs.meta {
        let pairs = parse(&text.bytes);
        for (slot, key) in known.iter_mut().zip(["broker.id", "cluster.id"]) {
            let Some((_, value)) = pairs.iter().find(|(its, _)| its == key) else { continue };
            match slot {
                Some((first, path)) if first != value => {
                    let what = format!("{key} is {first} in {path} and {value} in {}", text.path);
                    notes.refuse(
                        "",
                        &what,
                        "the directories belong to different brokers or clusters: Kafka does not start so either",
                    );
                    return None;
                }
                Some(_) => {}
                None => *slot = Some((value.clone(), &text.path)),
            }
        }
    }
    if let [_, Some((cluster, _))] = &known {
        notes.taken("", &format!("cluster.id {cluster}"), "it stays in meta.properties and in ZooKeeper");
    }
    let [broker, _] = known;
    Some(broker.and_then(|(id, _)| id.trim().parse().ok()))
}

fn connect(files: &Files<'_>, file: &Effective, said: &mut Said, notes: &mut Notes) {
    let key = "zookeeper.connect";
    let Some(text) = file.get(key) else {
        notes.refuse(key, "no zookeeper.connect in server.properties", "Kafka does not start so either");
        return;
    };
    let (list, chroot) = text.split_at(text.find('/').unwrap_or(text.len()));
    if !chroot.trim_matches('/').is_empty() {
        let why = format!(
            "the cluster keeps its state below {chroot} in ZooKeeper, and kafka-node's brokers below none: it would find an empty cluster, and \
             the topics would seem lost"
        );
        notes.refuse(key, &format!("{key}={text}"), why);
        return;
    }
    let port = files.zookeeper.and_then(|file| file.get("clientPort")).map_or("2181", String::as_str);
    let has_member = files.inputs.my_id.is_some() || said.nodes.len() == 1;
    let mut reached = BTreeSet::new();
    let mut strange = Vec::new();
    for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (host, its) = entry.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).unwrap_or((entry, "2181"));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let alias = |other: &str| {
            let same = |(address, name): &(String, String)| {
                (address == host && name == other) || (name == host && address == other)
            };
            files.inputs.hosts.iter().any(same)
        };
        let node = said.nodes.iter().filter(|node| node.roles.zookeeper).find(|node| {
            [&node.name, &node.address].into_iter().any(|its| its.eq_ignore_ascii_case(host) || alias(its))
        });
        let local = has_member && LOOPBACK.contains(&host);
        match node {
            Some(node) if its == port => drop(reached.insert(node.name.clone())),
            None if local && its == port => drop(reached.insert(host.to_owned())),
            _ => strange.push(entry),
        }
    }
    let members: Vec<String> = said
        .nodes
        .iter()
        .filter(|node| node.roles.zookeeper)
        .map(|node| host_port(&node.address, port.parse().unwrap_or(2181)))
        .collect();
    if !strange.is_empty() || reached.is_empty() {
        let why = format!(
            "{} is no member with a server.N line of zookeeper.properties at clientPort {port}: brokers of kafka-node use the ensemble of the \
             [[node]]s, and another one would be an empty cluster to them",
            strange.join(", ")
        );
        notes.refuse(key, &format!("{key}={text}"), why);
    } else if text == &members.join(",") {
        notes.taken(key, text, "every [[node]] with the role zookeeper");
    } else {
        notes.left(key, text, format!("kafka-node writes every member: {}", members.join(",")));
    }
}

/// Name, host and port of one listener.
fn listener(text: &str) -> Option<(&str, &str, u16)> {
    let (name, rest) = text.trim().split_once("://")?;
    let (host, port) = rest.rsplit_once(':')?;
    Some((name, host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?))
}

fn listeners(file: &Effective, me: &Me, said: &mut Said, notes: &mut Notes) {
    let old_port = file.get("port").and_then(|port| port.parse().ok()).unwrap_or(PORT);
    let old_host = file.get("host.name").map_or("", String::as_str);
    let written = file.get("listeners");
    for key in ["port", "host.name", "advertised.port", "advertised.host.name"] {
        if let Some(value) = file.get(key) {
            let over = if key.starts_with("adv") { "advertised.listeners" } else { "listeners" };
            match file.contains_key(over) {
                true => notes.left(key, value, format!("{over} says it, and this key is not read")),
                false => notes.left(key, value, "an old word: [kafka] port, bind or advertised say it"),
            }
        }
    }
    let ours = format!("PLAINTEXT://{}", host_port(old_host, old_port));
    let text = written.unwrap_or(&ours);
    let all: Vec<_> = text.split(',').map(listener).collect();
    let Some((_, host, port)) = all.iter().flatten().find(|(name, ..)| *name == "PLAINTEXT").copied() else {
        let why = "kafka-node probes the broker through a listener called PLAINTEXT: add one, on an address that only this cluster reaches";
        notes.refuse("listeners", &format!("listeners={text}"), why);
        return;
    };
    said.set("kafka.port", port.to_string());
    if all.len() > 1 {
        several(file, text, me, said, notes);
        return;
    }
    bind(host, written, me, said, notes);
    let advertised = match file.get("advertised.listeners") {
        Some(text) => {
            listener(text).filter(|(name, ..)| *name == "PLAINTEXT").map(|(_, host, port)| (host.to_owned(), port))
        }
        None => {
            let host = file.get("advertised.host.name").map_or(host, String::as_str);
            let port = file.get("advertised.port").and_then(|port| port.parse().ok()).unwrap_or(port);
            Some((host.to_owned(), port))
        }
    };
    match advertised {
        Some((host, its)) if its == port => advertise(&host, file.get("advertised.listeners"), me, said, notes),
        _ => {
            let text = file.get("advertised.listeners").map_or("advertised.port", String::as_str);
            let why = "the broker advertises another listener or port than it listens on: kafka-node cannot say that of one PLAINTEXT listener";
            notes.refuse("advertised.listeners", &format!("advertised.listeners={text}"), why);
        }
    }
}

fn bind(host: &str, written: Option<&String>, me: &Me, said: &mut Said, notes: &mut Notes) {
    let shown = written.map_or("", String::as_str);
    if EVERYWHERE.contains(&host) {
        if written.is_some() {
            notes.taken("listeners", shown, "[kafka] port; every address is the default of [kafka] bind");
        }
    } else if host == me.address {
        said.set_text("kafka.bind", "address");
        notes.taken("listeners", shown, "[kafka] port and bind = \"address\", taken to be so on every node");
    } else if host == "::" {
        said.set_text("kafka.bind", "::");
        notes.taken("listeners", shown, "[kafka] port and bind");
    } else {
        own(me, said, |node| node.bind = Some(host.to_owned()));
        notes.by_node("listeners", shown, format!("[[node]] bind of {}; {OTHERS}", me.name));
    }
}

fn advertise(host: &str, written: Option<&String>, me: &Me, said: &mut Said, notes: &mut Notes) {
    let key = "advertised.listeners";
    let shown = written.map_or("", String::as_str);
    if EVERYWHERE.contains(&host) || host == "::" {
        let what = format!("no host in {key}: the broker advertised the full name of the machine");
        notes.danger(
            key,
            &what,
            format!("kafka-node advertises {}; set [[node]] advertised where clients need another", me.name),
        );
    } else if host == me.name {
        if written.is_some() {
            notes.taken(key, shown, "the default of [kafka] advertised: the name of each node");
        }
    } else if host == me.address {
        said.set_text("kafka.advertised", "address");
        notes.taken(key, shown, "[kafka] advertised = \"address\", taken to be so on every node");
    } else {
        own(me, said, |node| node.advertised = Some(host.to_owned()));
        notes.by_node(key, shown, format!("[[node]] advertised of {}; {OTHERS}", me.name));
        if LOOPBACK.contains(&host) {
            notes.danger(
                "",
                &format!("the broker advertises {host}"),
                "clients and brokers of other machines cannot reach it there",
            );
        }
    }
}

/// More than one listener: the operator's own lines, whole.
fn several(file: &Effective, text: &str, me: &Me, said: &mut Said, notes: &mut Notes) {
    let advertised = match file.get("advertised.listeners") {
        Some(advertised) => advertised.clone(),
        // Kafka advertises what it listens on; an empty host is the machine's name.
        None => text.replace("://:", &format!("://{}:", me.name)),
    };
    for (key, value) in [("listeners", text), ("advertised.listeners", advertised.as_str())] {
        if me.is_named_in(value) {
            said.own_property(Role::Kafka, key, value, &me.name);
            let why =
                "[kafka.properties], with the name of this node in it: on another node the line must name that one";
            notes.by_node(key, value, why);
        } else {
            said.property(Role::Kafka, key, value);
            notes.taken(key, value, "[kafka.properties]");
        }
    }
}

fn own(me: &Me, said: &mut Said, change: impl FnOnce(&mut super::said::SaidNode)) {
    if let Some(node) = said.nodes.iter_mut().find(|node| node.name == me.name) {
        change(node);
    }
}
