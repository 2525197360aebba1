//! Resolves the node's own names and dials the other nodes' ports: one thread a node, a short limit a port.
//!
//! Nothing is sent: a connection is made and closed. Absent on purpose: what a silent port means (`plan::preflight`).
//!
//! Effects: resolves names and opens TCP connections.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::config::{Config, Node};
use crate::plan::preflight::{NameSighting, PeerSighting, PortState, Told};

use super::preflight::resolver_words;
use super::question::{Question, ask};

/// What a port of a machine in the same network needs at most. Four of them, one after the other, stay below the look's limit.
const DIAL: Duration = Duration::from_millis(600);

/// A name of this node that was asked for.
pub(super) struct OwnName {
    key: &'static str,
    host: String,
    question: Question<Told<Vec<IpAddr>>>,
}

/// Another node that is being dialled: its ports, and what comes of it.
pub(super) struct Peer {
    ports: Vec<PeerSighting>,
    question: Question<Vec<PeerSighting>>,
}

/// Asks for the names of this node.
pub(super) fn own_names(config: &Config) -> Vec<OwnName> {
    let node = config.this_node();
    let mut names = vec![("address", &node.address)];
    if node.roles.kafka && node.advertised != node.address {
        names.push(("advertised", &node.advertised));
    }
    let asked = names.into_iter().map(|(key, host)| {
        let name = host.clone();
        OwnName { key, host: host.clone(), question: ask(move || resolve(&name)) }
    });
    asked.collect()
}

impl OwnName {
    pub(super) fn answer(self, deadline: Instant) -> NameSighting {
        let silent = || Err("no answer from the name service".to_owned());
        let addresses = self.question.answer(deadline).unwrap_or_else(silent);
        NameSighting { key: self.key, host: self.host, addresses }
    }
}

/// Dials every other node.
pub(super) fn peers(config: &Config) -> Vec<Peer> {
    let this = &config.this_node().name;
    let others = config.nodes.iter().filter(|node| node.name != *this);
    let dial = |node: &Node| {
        let ports = ports(config, node);
        let mut dialled = ports.clone();
        let question = ask(move || {
            for port in &mut dialled {
                port.state = dial(&port.host, port.port);
            }
            dialled
        });
        Peer { ports, question }
    };
    others.map(dial).collect()
}

impl Peer {
    pub(super) fn answer(self, deadline: Instant) -> Vec<PeerSighting> {
        self.question.answer(deadline).unwrap_or(self.ports)
    }
}

/// The ports of a node, not dialled yet.
fn ports(config: &Config, node: &Node) -> Vec<PeerSighting> {
    let (zookeeper, kafka) = (&config.zookeeper, &config.kafka);
    let port = |host: &str, port, leader_only| PeerSighting {
        node: node.name.to_string(),
        host: host.to_owned(),
        port,
        leader_only,
        state: PortState::Silent("no answer in time".into()),
    };
    let mut ports = Vec::new();
    if node.roles.zookeeper {
        ports.push(port(&node.address, zookeeper.client_port, false));
        ports.push(port(&node.address, zookeeper.peer_port, true));
        ports.push(port(&node.address, zookeeper.election_port, false));
    }
    if node.roles.kafka {
        ports.push(port(&node.advertised, kafka.port, false));
    }
    ports
}

fn dial(host: &str, port: u16) -> PortState {
    let addresses = match resolve(host) {
        Ok(addresses) => addresses,
        Err(words) => return PortState::Unresolved(words),
    };
    // IPv4 before IPv6, as Java prefers it.
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    let Some(address) = first else { return PortState::Unresolved("it has no address".into()) };
    match TcpStream::connect_timeout(&SocketAddr::new(*address, port), DIAL) {
        Ok(_) => PortState::Open,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => PortState::Refused,
        Err(error) if error.kind() == ErrorKind::TimedOut => PortState::Silent("no answer".into()),
        // A firewall that rejects answers so, and a router that knows no way.
        Err(error) if error.kind() == ErrorKind::HostUnreachable => {
            PortState::Silent("no way to it, or rejected".into())
        }
        Err(error) => PortState::Silent(error.to_string()),
    }
}

fn resolve(host: &str) -> Told<Vec<IpAddr>> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let addresses = (bare, 0).to_socket_addrs().map_err(|error| resolver_words(&error))?;
    Ok(addresses.map(|address| address.ip()).collect())
}
