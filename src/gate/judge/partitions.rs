//! Brokers and their partitions: what would be left of each partition without this node's replica, and whether all is whole elsewhere.
//!
//! The floor is `max(min.insync.replicas, RF/2 + 1)`: with Kafka's default of 1, a topic of three replicas would else sink to one copy,
//! and be whole again only by luck. This node's own replicas may be out of sync: the wounded node goes first.
//! Absent on purpose: who leads what; a controlled shutdown moves leaders.

use std::collections::BTreeSet;

use crate::model::{BrokerId, Counted, Denial, GateRemark, NodeName, Thin, TopicPartition};

use super::Findings;
use crate::gate::view::{ClusterView, GatePolicy, PartitionSeen, TopicSeen};

/// What is said of partitions, in the order it is said.
struct Found {
    offline: Counted<TopicPartition>,
    under_replicated: Counted<TopicPartition>,
    under_min_isr: Counted<Thin>,
    reassigning: Counted<TopicPartition>,
    no_spare: Counted<TopicPartition>,
}

pub(super) fn judge(view: &ClusterView, policy: &GatePolicy, findings: &mut Findings) {
    let others = view.brokers.iter().filter(|broker| broker.node != policy.node);
    let missing: Vec<NodeName> = others.filter(|broker| !broker.registered).map(|broker| broker.node.clone()).collect();
    if !missing.is_empty() {
        findings.deny(Denial::BrokersMissing { nodes: missing });
    }
    let mut found = Found::new();
    for topic in &view.topics {
        for partition in &topic.partitions {
            found.look(topic, partition, policy);
        }
    }
    found.say(policy, findings);
}

impl Found {
    fn new() -> Found {
        Found {
            offline: Counted::new(),
            under_replicated: Counted::new(),
            under_min_isr: Counted::new(),
            reassigning: Counted::new(),
            no_spare: Counted::new(),
        }
    }

    fn look(&mut self, topic: &TopicSeen, partition: &PartitionSeen, policy: &GatePolicy) {
        let named = || TopicPartition { topic: topic.name.clone(), partition: partition.index };
        let is_ours = |broker: &BrokerId| Some(*broker) == policy.broker;
        let ours_alone = !partition.replicas.is_empty() && partition.replicas.iter().all(is_ours);
        if partition.leader.is_none() && !ours_alone {
            self.offline.add(named());
        }
        let mut elsewhere = partition.replicas.iter().filter(|broker| !is_ours(broker));
        if elsewhere.any(|broker| !partition.in_sync.contains(broker)) {
            self.under_replicated.add(named());
        }
        if partition.reassigning {
            self.reassigning.add(named());
        }
        if partition.replicas.iter().any(is_ours) {
            self.weigh(topic, partition, policy);
        }
    }

    /// What would be left of a partition with a replica here.
    fn weigh(&mut self, topic: &TopicSeen, partition: &PartitionSeen, policy: &GatePolicy) {
        let named = || TopicPartition { topic: topic.name.clone(), partition: partition.index };
        // Each broker once, whatever was answered.
        let replicas: BTreeSet<BrokerId> = partition.replicas.iter().copied().collect();
        let left = partition.in_sync.iter().filter(|broker| Some(**broker) != policy.broker);
        let left: BTreeSet<BrokerId> = left.filter(|broker| replicas.contains(broker)).copied().collect();
        let (replicas, left) = (count(replicas.len()), count(left.len()));
        let floor = topic.min_insync.max(replicas / 2 + 1);
        // It could never be met: without this rule RF 1, RF 2 or min.insync.replicas = RF would block every reboot for ever.
        if replicas.saturating_sub(1) < floor {
            self.no_spare.add(named());
            return;
        }
        let needed = floor.saturating_add(policy.headroom);
        if left < needed {
            self.under_min_isr.add(Thin { partition: named(), left, needed });
        }
    }

    fn say(self, policy: &GatePolicy, findings: &mut Findings) {
        let Found { offline, under_replicated, under_min_isr, reassigning, no_spare } = self;
        if !offline.is_empty() {
            findings.deny(Denial::Offline { partitions: offline });
        }
        if !under_replicated.is_empty() {
            findings.deny(Denial::UnderReplicated { partitions: under_replicated });
        }
        if !under_min_isr.is_empty() {
            findings.deny(Denial::UnderMinIsr { partitions: under_min_isr });
        }
        if !reassigning.is_empty() {
            findings.deny(Denial::Reassigning { partitions: reassigning });
        }
        match (no_spare.is_empty(), policy.strict) {
            (true, _) => {}
            (false, true) => findings.deny(Denial::NoSpareReplica { partitions: no_spare }),
            (false, false) => findings.remark(GateRemark::NoSpareReplica { partitions: no_spare }),
        }
    }
}

fn count(brokers: usize) -> u32 {
    u32::try_from(brokers).unwrap_or(u32::MAX)
}
