//! `zookeeper.properties` and `myid`, each value with its reason.
//!
//! The founding document's file, plus what keeps probes and the disk well. Absent on purpose: observers, TLS, dynamic
//! reconfiguration; an operator passes those through.

use crate::config::Config;
use crate::model::Role;

use super::address::{host_port, reachable};
use super::properties::Properties;

/// The properties of this node's ensemble member.
pub(super) fn properties(config: &Config) -> Properties {
    let zookeeper = &config.zookeeper;
    let node = config.this_node();
    let members: Vec<_> = config.nodes_with(Role::ZooKeeper).collect();
    let mut file = Properties::default();
    file.own("dataDir", zookeeper.data_dir.display().to_string(), "[zookeeper] data_dir");
    file.own("clientPort", zookeeper.client_port.to_string(), "[zookeeper] client_port");
    file.own("clientPortAddress", &node.address, "this node's address: clients are served there and nowhere else");
    file.set_default(
        "maxClientCnxns",
        "0",
        "founding document: no limit of connections from one address, brokers and tools share some",
    );
    file.set_default("admin.enableServer", "false", "founding document: no HTTP admin server, and no port 8080");
    file.set_default("tickTime", "2000", "founding document: milliseconds of a tick, the unit of the limits below");
    file.set_default("initLimit", "10", "founding document: ticks a follower has to connect and catch up");
    file.set_default("syncLimit", "5", "founding document: ticks a follower may lag behind");
    file.set_default("autopurge.snapRetainCount", "3", "snapshots that stay");
    file.set_default(
        "autopurge.purgeInterval",
        "24",
        "hours between purges; ZooKeeper's default is never, and fills the disk",
    );
    let words = "what probes and people ask; srvr alone by default, and the probes need no more than that";
    file.set_default("4lw.commands.whitelist", "srvr,ruok,mntr,isro", words);
    // One member is no ensemble: without server lines ZooKeeper runs standalone, and says so to srvr.
    if members.len() > 1 {
        for member in members {
            let key = format!("server.{}", member.number);
            let peer = host_port(&member.address, zookeeper.peer_port);
            let why = format!("[[node]] {}, with peer_port and election_port", member.name);
            file.own(&key, format!("{peer}:{}", zookeeper.election_port), why);
        }
    }
    for property in &zookeeper.properties {
        file.pass_through(&property.key, &property.value, &property.place);
    }
    file
}

/// Where this node's own probes reach the member.
pub(super) fn probe_address(config: &Config, file: &Properties) -> String {
    let address = file.get("clientPortAddress").unwrap_or(&config.this_node().address);
    host_port(&reachable(address), config.zookeeper.client_port)
}

/// Every member as Kafka's `zookeeper.connect` and the session list them.
pub(super) fn connect(config: &Config) -> String {
    let members = config.nodes_with(Role::ZooKeeper);
    members.map(|node| host_port(&node.address, config.zookeeper.client_port)).collect::<Vec<_>>().join(",")
}
