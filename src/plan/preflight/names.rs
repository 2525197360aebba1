//! Findings about the node's own names, the other nodes' ports, and the firewall.
//!
//! Absent on purpose: addresses to bind, which a start looks at (`network`). A peer that is down is no fault of this node.

use std::net::IpAddr;

use crate::plan::Plan;
use crate::plan::setup::{Firewall, firewall_lacks};

use super::{Finding, FirewallSighting, NameSighting, PeerSighting, PortState, Survey, Weight};

/// Everything of this file's matter.
pub(super) fn judge(plan: &Plan, seen: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    if plan.config.nodes.len() > 1 {
        findings.extend(seen.names.iter().filter_map(|name| own_name(plan, name)));
    }
    findings.extend(peers(&seen.peers));
    findings.extend(firewall(plan, &seen.firewall));
    findings
}

fn own_name(plan: &Plan, name: &NameSighting) -> Option<Finding> {
    let (key, host) = (name.key, &name.host);
    // What ZooKeeper binds is looked at before a start already.
    let bound = key == "address" && plan.config.this_node().roles.zookeeper;
    let addresses = match &name.addresses {
        Ok(addresses) => addresses,
        Err(_) if bound => return None,
        Err(words) => {
            let text =
                format!("{key} {host} of this node does not resolve here: {words}; its broker dials itself by it");
            return Some(Finding::node("own-name-unresolved", Weight::Warn, text, "add it to /etc/hosts or DNS"));
        }
    };
    let mut on_loopback = addresses.iter().filter(|address| address.to_canonical().is_loopback());
    let loopback = on_loopback.clone().find(|address| address.is_ipv4()).or(on_loopback.next())?;
    // A whole cluster on the loopback interface is meant so.
    let literal = |host: &str| host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if literal(host) && plan.config.nodes.iter().all(|node| literal(&node.address)) {
        return None;
    }
    let (text, remedy) = if literal(host) {
        let text =
            format!("{key} {host} of this node is on the loopback interface: nobody else reaches what listens there");
        (text, "give the [[node]] the address that the others see".to_owned())
    } else {
        let text =
            format!("{key} {host} of this node resolves to {loopback} here: nobody else reaches what listens there");
        (
            text,
            format!(
                "take {host} from the lines of 127.0.0.1, 127.0.1.1 and ::1 in /etc/hosts, and give it the address that the others see"
            ),
        )
    };
    Some(Finding::node("own-name-loopback", Weight::Warn, text, &remedy))
}

/// One finding a node, in the configuration's order.
fn peers(peers: &[PeerSighting]) -> Vec<Finding> {
    let mut nodes: Vec<&str> = peers.iter().map(|peer| peer.node.as_str()).collect();
    nodes.dedup();
    let about = |node: &str| {
        let of_node: Vec<_> = peers.iter().filter(|peer| peer.node == node).collect();
        let mut words: Vec<String> = of_node.iter().filter_map(|peer| closed(peer)).collect();
        words.dedup();
        if words.is_empty() {
            return None;
        }
        let text = format!("{node} is not reachable now: {}", words.join(", "));
        let unresolved = of_node.iter().any(|peer| matches!(peer.state, PortState::Unresolved(_)));
        let silent = of_node.iter().any(|peer| matches!(peer.state, PortState::Silent(_)));
        let remedy = match (unresolved, silent) {
            (true, _) => "add it to /etc/hosts or DNS",
            (false, true) => "no matter while it is down; else see the firewalls on both and the way between",
            (false, false) => "no matter while it is down; else see its kafka-node status",
        };
        Some(Finding::node("peer-unreachable", Weight::Advise, text, remedy))
    };
    nodes.into_iter().filter_map(about).collect()
}

fn closed(peer: &PeerSighting) -> Option<String> {
    let (host, port) = (&peer.host, peer.port);
    match &peer.state {
        PortState::Open => None,
        PortState::Refused if peer.leader_only => None,
        PortState::Refused => Some(format!("port {port} refused")),
        PortState::Silent(words) => Some(format!("port {port} {words}")),
        PortState::Unresolved(words) => Some(format!("{host} does not resolve ({words})")),
    }
}

fn firewall(plan: &Plan, seen: &FirewallSighting) -> Option<Finding> {
    match seen {
        FirewallSighting::Asked(Firewall::Trouble(words)) => {
            Some(Finding::unknown("what firewalld lets through", words))
        }
        FirewallSighting::Asked(firewall) => {
            let text = format!("firewalld: {}", firewall_lacks(&plan.config, firewall)?);
            let remedy = "kafka-node setup (as root) opens what is missing, for good and at once";
            Some(Finding::node("firewall-closed", Weight::Warn, text, remedy))
        }
        FirewallSighting::NotRoot => {
            Some(Finding::unknown("what firewalld lets through", "only root may ask it (sudo kafka-node check)"))
        }
        FirewallSighting::Silent => Some(Finding::unknown("what firewalld lets through", "it did not answer in time")),
    }
}
