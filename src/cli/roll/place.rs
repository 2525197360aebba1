//! Why a node stands where it stands in a roll.
//!
//! Absent on purpose: the order itself (`gate::order`); this says in words what that goes by.

use crate::gate::{ClusterView, MemberState};
use crate::model::{NodeName, QuorumRole};

/// One reason, the first that holds.
pub(super) fn why(view: &ClusterView, node: &NodeName) -> String {
    let member = view.members.iter().find(|member| member.node == *node).map(|member| member.state);
    let broker = view.brokers.iter().find(|broker| broker.node == *node);
    if broker.is_some_and(|broker| !broker.registered) {
        return "first: its broker is not registered".to_owned();
    }
    if let Some(broker) = broker {
        let partitions = view.topics.iter().flat_map(|topic| &topic.partitions);
        let lost = partitions
            .filter(|it| it.replicas.contains(&broker.broker) && !it.in_sync.contains(&broker.broker))
            .count();
        if lost > 0 {
            return format!("first: its broker is out of sync in {lost} partitions");
        }
    }
    match member {
        Some(MemberState::NotServing) => return "first: its ZooKeeper server does not serve".to_owned(),
        Some(MemberState::Silent) => return "first: its ZooKeeper server does not answer".to_owned(),
        Some(MemberState::Serving { .. }) | None => {}
    }
    if let Some(other) = view.nodes.iter().find(|other| other.node == *node) {
        match &other.presence {
            None => return "first: its kafka-node is not heard".to_owned(),
            Some(presence) if !presence.well => return format!("first: it is not well: {}", presence.words),
            Some(_) => {}
        }
    }
    if broker.is_some_and(|broker| view.controller == Some(broker.broker)) {
        return "last: its broker is the active controller, whose office moves once so".to_owned();
    }
    if matches!(member, Some(MemberState::Serving { role: QuorumRole::Leader, .. })) {
        return "late: it leads ZooKeeper, and the lead moves once so".to_owned();
    }
    "well; in the order of the configuration".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{BrokerSeen, MemberSeen, NodeSeen, PartitionSeen, PresenceSeen, TopicSeen, order};
    use crate::model::BrokerId;

    #[test]
    fn the_reason_agrees_with_the_order() {
        let name = |number: i32| NodeName::new(format!("kafkanode{number}"));
        let presence = |well| PresenceSeen {
            powers_off: false,
            well,
            words: "waits".to_owned(),
            lasting: std::time::Duration::ZERO,
            version: String::new(),
            config: String::new(),
        };
        let serving = |role| MemberState::Serving { role, zxid: None };
        let view = ClusterView {
            brokers: (1..=5)
                .map(|at| BrokerSeen { node: name(at), broker: BrokerId(at), registered: at != 5 })
                .collect(),
            controller: Some(BrokerId(1)),
            topics: vec![TopicSeen {
                name: "t".to_owned(),
                min_insync: 1,
                partitions: vec![PartitionSeen {
                    index: 0,
                    leader: Some(BrokerId(1)),
                    replicas: vec![BrokerId(1), BrokerId(4)],
                    in_sync: vec![BrokerId(1)],
                    reassigning: false,
                }],
            }],
            members: vec![
                MemberSeen { node: name(1), state: serving(QuorumRole::Follower) },
                MemberSeen { node: name(2), state: serving(QuorumRole::Leader) },
                MemberSeen { node: name(3), state: serving(QuorumRole::Follower) },
            ],
            nodes: (2..=5).map(|at| NodeSeen { node: name(at), presence: Some(presence(true)), gone: false }).collect(),
            ..ClusterView::default()
        };
        let names: Vec<NodeName> = (1..=5).map(name).collect();
        let said: Vec<String> =
            order(&view, &names).iter().map(|node| format!("{node} {}", why(&view, node))).collect();
        assert_eq!(
            said,
            [
                "kafkanode4 first: its broker is out of sync in 1 partitions",
                "kafkanode5 first: its broker is not registered",
                "kafkanode3 well; in the order of the configuration",
                "kafkanode2 late: it leads ZooKeeper, and the lead moves once so",
                "kafkanode1 last: its broker is the active controller, whose office moves once so",
            ]
        );
        let mut absent = view.clone();
        absent.nodes[1] = NodeSeen { node: name(3), presence: None, gone: false };
        absent.nodes[0] = NodeSeen { node: name(2), presence: Some(presence(false)), gone: false };
        assert_eq!(why(&absent, &name(3)), "first: its kafka-node is not heard");
        assert_eq!(why(&absent, &name(2)), "first: it is not well: waits");
    }
}
