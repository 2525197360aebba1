//! The supervisors of the other nodes: heard, well, and well for long enough.
//!
//! Absent on purpose: this node's own words; it is the one that is to go down.

use crate::model::{Denial, GateRemark, NodeName};

use super::Findings;
use crate::gate::view::{ClusterView, GatePolicy, PresenceSeen};

/// Whether every other node's machine powers off too, or has. One that reboots comes back, and is waited for.
pub(super) fn all_power_off(view: &ClusterView, policy: &GatePolicy) -> bool {
    view.nodes.iter().filter(|other| other.node != policy.node).all(|other| match &other.presence {
        Some(presence) => presence.powers_off,
        None => other.gone,
    })
}

pub(super) fn judge(view: &ClusterView, policy: &GatePolicy, findings: &mut Findings) {
    let mut absent: Vec<NodeName> = Vec::new();
    let mut heard: Vec<(&NodeName, &PresenceSeen)> = Vec::new();
    for other in view.nodes.iter().filter(|other| other.node != policy.node) {
        match &other.presence {
            Some(presence) => heard.push((&other.node, presence)),
            None => absent.push(other.node.clone()),
        }
    }
    if !absent.is_empty() {
        findings.deny(Denial::NodesAbsent { nodes: absent });
    }
    for (node, presence) in heard.iter().filter(|(_, presence)| !presence.well) {
        findings.deny(Denial::NodeUnwell { node: (*node).clone(), words: presence.words.clone() });
    }
    let well_for = heard.iter().filter(|(_, presence)| presence.well).map(|(_, presence)| presence.lasting).min();
    if let Some(well_for) = well_for.filter(|well_for| *well_for < policy.settle) {
        findings.deny(Denial::Settling { well_for, settle: policy.settle });
    }
    let other_files = heard.iter().filter(|(_, presence)| presence.config != policy.config);
    let differ: Vec<NodeName> = other_files.map(|(node, _)| (*node).clone()).collect();
    if !differ.is_empty() {
        findings.remark(GateRemark::ConfigurationsDiffer { nodes: differ });
    }
}
