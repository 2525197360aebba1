//! What holds for any view, healthy or not, however odd: the gate never allows what would cost a write or a quorum.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_node::gate::{
    ClusterView, GatePolicy, MemberState, PartitionSeen, TopicSeen, judge, order, outcome_from_json,
};
use kafka_node::model::{BrokerId, NodeName, QuorumRole};
use proptest::prelude::*;

use super::written::{Written, healthy, name};

/// Mostly healthy, so that a good part is allowed: a view where all is broken proves little.
fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: T,
    odd: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = T> {
    prop_oneof![12 => Just(usual), 1 => odd]
}

fn partition(nodes: i32) -> impl Strategy<Value = (PartitionSeen, u32)> {
    let replicas = prop::collection::vec(1..=nodes + 1, 0..=5);
    // Whether each replica is in sync, and a stranger among them.
    let in_sync = (prop::collection::vec(mostly(true, Just(false)), 5), mostly(None, (1..=9).prop_map(Some)));
    let rest = (mostly(false, Just(true)), mostly(false, Just(true)), 0..4_u32);
    (replicas, in_sync, rest).prop_map(|(replicas, (kept, stranger), (leaderless, reassigning, min))| {
        let replicas: Vec<BrokerId> = replicas.into_iter().map(BrokerId).collect();
        let kept = replicas.iter().zip(kept).filter(|(_, kept)| *kept).map(|(broker, _)| *broker);
        let in_sync: Vec<BrokerId> = kept.chain(stranger.map(BrokerId)).collect();
        let leader = in_sync.first().copied().filter(|_| !leaderless);
        (PartitionSeen { index: 0, leader, replicas, in_sync, reassigning }, min)
    })
}

fn member() -> impl Strategy<Value = Option<MemberState>> {
    let role = prop_oneof![
        Just(QuorumRole::Leader),
        Just(QuorumRole::Follower),
        Just(QuorumRole::Observer),
        Just(QuorumRole::Standalone),
    ];
    let zxid = prop_oneof![Just(None), any::<u64>().prop_map(Some), Just(Some(5 << 32 | 99))];
    let serving = (role, zxid).prop_map(|(role, zxid)| MemberState::Serving { role, zxid });
    let odd = prop_oneof![serving, Just(MemberState::NotServing), Just(MemberState::Silent)];
    mostly(None, odd.prop_map(Some))
}

/// For each node: registered, what its member says, and its presence (0 for none, 1 for unwell, else seconds well).
type NodeOdds = (bool, Option<MemberState>, u64);

fn any_view() -> impl Strategy<Value = Written> {
    (1..=5_usize).prop_flat_map(|nodes| {
        let odds = (mostly(true, Just(false)), member(), mostly(600_u64, 0..120_u64));
        let topics = prop::collection::vec(partition(i32::try_from(nodes).expect("small")), 0..6);
        let policy = (1..=nodes, mostly(0, 1..3_u32), mostly(false, Just(true)), 0..90_u64);
        let unread = mostly(vec![], prop::collection::vec("[ -~]{0,20}", 1..15));
        (Just(nodes), prop::collection::vec(odds, nodes), topics, policy, unread).prop_map(written)
    })
}

#[allow(clippy::type_complexity)] // what the strategy above makes, taken apart at once
fn written(
    (nodes, odds, topics, (this, headroom, strict, settle), unread): (
        usize,
        Vec<NodeOdds>,
        Vec<(PartitionSeen, u32)>,
        (usize, u32, bool, u64),
        Vec<String>,
    ),
) -> Written {
    let Written { mut view, policy } = healthy(nodes);
    for (at, (registered, member, presence)) in odds.into_iter().enumerate() {
        view.brokers[at].registered = registered;
        view.members[at].state = member.unwrap_or(view.members[at].state);
        match (presence, &mut view.nodes[at].presence) {
            (0, presence) => *presence = None,
            (1, Some(presence)) => presence.well = false,
            (seconds, Some(presence)) => presence.lasting = Duration::from_secs(seconds),
            (_, None) => {}
        }
    }
    view.nodes.retain(|other| other.node != name(this));
    view.topics = topics
        .into_iter()
        .enumerate()
        .map(|(at, (partition, min_insync))| TopicSeen {
            name: format!("t{at}"),
            min_insync,
            partitions: vec![partition],
        })
        .collect();
    view.unread = unread;
    let broker = Some(BrokerId(i32::try_from(this).expect("small")));
    let settle = Duration::from_secs(settle);
    Written { view, policy: GatePolicy { node: name(this), broker, headroom, strict, settle, ..policy } }
}

/// Reckoned once more, and otherwise: whether a partition is left with what it has to have, or never could be.
fn bears(topic: &TopicSeen, partition: &PartitionSeen, policy: &GatePolicy) -> bool {
    let replicas: BTreeSet<i32> = partition.replicas.iter().map(|broker| broker.0).collect();
    let ours = policy.broker.map_or(0, |broker| broker.0);
    if !replicas.contains(&ours) {
        return true;
    }
    let mut left: BTreeSet<i32> = partition.in_sync.iter().map(|broker| broker.0).collect();
    left.retain(|broker| *broker != ours && replicas.contains(broker));
    let majority = replicas.len() / 2 + 1;
    let floor = majority.max(topic.min_insync as usize);
    let never = replicas.len() - 1 < floor;
    if never { !policy.strict } else { left.len() >= floor + policy.headroom as usize }
}

fn whole_elsewhere(view: &ClusterView, policy: &GatePolicy) -> bool {
    view.topics.iter().flat_map(|topic| &topic.partitions).all(|partition| {
        let others = partition.replicas.iter().filter(|broker| Some(**broker) != policy.broker);
        others.clone().all(|broker| partition.in_sync.contains(broker)) && !partition.reassigning
    })
}

/// Members that vote and serve without this one, and how many members may vote.
fn quorum(view: &ClusterView, policy: &GatePolicy) -> (usize, usize) {
    let observes = |state| matches!(state, MemberState::Serving { role: QuorumRole::Observer, .. });
    let votes = |state| matches!(state, MemberState::Serving { role: QuorumRole::Leader | QuorumRole::Follower, .. });
    let others = view.members.iter().filter(|member| member.node != policy.node && votes(member.state));
    (others.count(), view.members.iter().filter(|member| !observes(member.state)).count())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gate_never_allows_under_min_isr(written in any_view()) {
        let Written { view, policy } = written;
        if judge(&view, &policy).allows() {
            for topic in &view.topics {
                for partition in &topic.partitions {
                    prop_assert!(bears(topic, partition, &policy), "{topic:?}");
                }
            }
            prop_assert!(whole_elsewhere(&view, &policy));
        }
    }

    #[test]
    fn gate_never_allows_what_was_not_read(written in any_view(), gap in "[ -~]{0,20}") {
        let Written { mut view, policy } = written;
        view.unread.push(gap);
        prop_assert!(!judge(&view, &policy).allows());
    }

    #[test]
    fn gate_never_allows_two_nodes_down(written in any_view()) {
        let Written { view, policy } = written;
        if judge(&view, &policy).allows() {
            let others = view.brokers.iter().filter(|broker| broker.node != policy.node);
            prop_assert!(others.clone().all(|broker| broker.registered));
            for other in &view.nodes {
                let well = other.presence.as_ref().is_some_and(|p| p.well && p.lasting >= policy.settle);
                prop_assert!(well, "{other:?}");
            }
        }
    }

    #[test]
    fn gate_never_costs_a_quorum(written in any_view()) {
        let Written { view, policy } = written;
        let ours = view.members.iter().find(|member| member.node == policy.node);
        let observer = ours.is_some_and(|m| matches!(m.state, MemberState::Serving { role: QuorumRole::Observer, .. }));
        if judge(&view, &policy).allows() && !observer {
            let (serving, members) = quorum(&view, &policy);
            prop_assert!(members <= 2 && !policy.strict && serving + 1 == members || serving > members / 2);
        }
    }

    /// A healthy cluster with room is allowed: a gate that always denies would pass all of the above.
    #[test]
    fn gate_allows_a_healthy_cluster(nodes in 3..6_usize, this in 1..4_usize, partitions in 0..50_i32) {
        let Written { mut view, policy } = healthy(nodes);
        let all: Vec<BrokerId> = view.brokers.iter().map(|broker| broker.broker).take(3).collect();
        let leader = all.first().copied();
        let partition = |index| PartitionSeen { index, leader, replicas: all.clone(), in_sync: all.clone(), reassigning: false };
        let partitions = (0..partitions).map(partition).collect();
        view.topics.push(TopicSeen { name: "orders".to_owned(), min_insync: 2, partitions });
        view.nodes.retain(|other| other.node != name(this));
        let broker = Some(BrokerId(i32::try_from(this).expect("small")));
        let policy = GatePolicy { node: name(this), broker, ..policy };
        prop_assert!(judge(&view, &policy).allows());
    }

    #[test]
    fn every_verdict_crosses_to_the_supervisor(written in any_view()) {
        let Written { view, policy } = written;
        let verdict = judge(&view, &policy);
        let heard = outcome_from_json(verdict.json(&policy.node).as_bytes());
        prop_assert_eq!(heard, Ok(verdict.outcome()));
    }

    #[test]
    fn order_is_a_permutation(written in any_view()) {
        let nodes: Vec<NodeName> = written.view.brokers.iter().map(|broker| broker.node.clone()).collect();
        let mut ordered = order(&written.view, &nodes);
        ordered.sort();
        prop_assert_eq!(ordered, nodes);
    }
}
