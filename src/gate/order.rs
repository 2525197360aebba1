//! In which order the nodes of a roll take their turns.
//!
//! What ails goes first: it is the one that the cluster spares already, and the gate lets no other go while it ails. The active
//! controller goes last, so that its office moves once and not with every node; before it the leader of ZooKeeper, for the same reason.
//! Absent on purpose: whether any of them may go (`judge`).

use std::collections::BTreeSet;

use crate::model::{BrokerId, NodeName, QuorumRole};

use super::view::{ClusterView, MemberState};

/// `nodes`, which come in the order of the configuration, in the order of their turns.
pub fn order(view: &ClusterView, nodes: &[NodeName]) -> Vec<NodeName> {
    let unsynced = out_of_sync(view);
    let controller = view.brokers.iter().find(|broker| Some(broker.broker) == view.controller);
    let leader = view
        .members
        .iter()
        .find(|member| matches!(member.state, MemberState::Serving { role: QuorumRole::Leader, .. }));
    let rank = |node: &NodeName| {
        if ails(view, node, &unsynced) {
            0
        } else if controller.is_some_and(|broker| broker.node == *node) {
            3
        } else if leader.is_some_and(|member| member.node == *node) {
            2
        } else {
            1
        }
    };
    let mut ordered = nodes.to_vec();
    // The sort keeps the order of those of one rank.
    ordered.sort_by_cached_key(rank);
    ordered
}

/// Brokers with a replica that is not in sync.
fn out_of_sync(view: &ClusterView) -> BTreeSet<BrokerId> {
    let partitions = view.topics.iter().flat_map(|topic| &topic.partitions);
    let missing = partitions
        .flat_map(|partition| partition.replicas.iter().filter(|broker| !partition.in_sync.contains(broker)).copied());
    missing.collect()
}

fn ails(view: &ClusterView, node: &NodeName, unsynced: &BTreeSet<BrokerId>) -> bool {
    let broker = view.brokers.iter().find(|broker| broker.node == *node);
    let member = view.members.iter().find(|member| member.node == *node);
    let other = view.nodes.iter().find(|other| other.node == *node);
    broker.is_some_and(|broker| !broker.registered || unsynced.contains(&broker.broker))
        || member.is_some_and(|member| !matches!(member.state, MemberState::Serving { .. }))
        || other.is_some_and(|other| other.presence.as_ref().is_none_or(|presence| !presence.well))
}
