//! The ensemble: whether the other members keep the quorum, and are all with it.
//!
//! Each member was asked itself, since a leader knows of a follower's silence late. A member that does not answer is counted as gone;
//! as long as the others keep a majority that alone denies nothing, since an ensemble of five bears it.
//! Absent on purpose: this node's own member; it may be the one that ails.

use crate::model::{Denial, GateRemark, NodeName, QuorumRole};

use super::Findings;
use crate::gate::view::{ClusterView, GatePolicy, MemberSeen, MemberState};

/// How many transactions a member may be behind: a follower answers a moment before or after the leader, and a busy ensemble
/// commits a few hundred a second meanwhile. One that still loads a snapshot is farther behind, or in another epoch.
const MOST_BEHIND: u32 = 1_000;

pub(super) fn judge(view: &ClusterView, policy: &GatePolicy, findings: &mut Findings) {
    let voters: Vec<&MemberSeen> = view.members.iter().filter(|member| !observes(member)).collect();
    if !voters.iter().any(|member| member.node == policy.node) {
        // It has no vote in any quorum, so none is lost.
        return;
    }
    let others: Vec<&MemberSeen> = voters.iter().copied().filter(|member| member.node != policy.node).collect();
    let denied = majority(&voters, &others, policy, findings);
    let up = named(&others, |member| is_up(member) && !serves(member));
    if !up.is_empty() {
        findings.deny(Denial::MembersNotServing { nodes: up });
    }
    let leaders = voters.iter().filter(|member| role(member) == Some(QuorumRole::Leader)).count();
    if !denied && leaders == 0 && voters.len() > 1 {
        findings.deny(Denial::ViewUnread { what: "no ZooKeeper member says that it leads the ensemble".to_owned() });
    }
    let lagging = lagging(&voters, &others);
    if !lagging.is_empty() {
        findings.deny(Denial::MembersLagging { nodes: lagging });
    }
}

/// Whether the majority was denied.
fn majority(voters: &[&MemberSeen], others: &[&MemberSeen], policy: &GatePolicy, findings: &mut Findings) -> bool {
    let members = voters.len();
    let spare = members > 2;
    match (spare, policy.strict) {
        (true, _) => {}
        (false, true) => findings.deny(Denial::NoSpareMember { members }),
        (false, false) => findings.remark(GateRemark::NoSpareMember { members }),
    }
    // One or two members have none to spare; then all others have to serve, so that the quorum is back as soon as this one is.
    let needed = if spare { members / 2 + 1 } else { others.len() };
    let serving = others.iter().filter(|member| serves(member)).count();
    let denied = serving < needed;
    if denied {
        let silent = named(others, |member| !is_up(member));
        findings.deny(Denial::NoMajority { serving, needed, silent });
    }
    denied
}

/// The others that follow another epoch than the leader's, or are far behind.
fn lagging(voters: &[&MemberSeen], others: &[&MemberSeen]) -> Vec<NodeName> {
    let leaders = voters.iter().filter(|member| role(member) == Some(QuorumRole::Leader));
    // Of two leaders the later one leads: the other has not yet heard of it.
    let leader = leaders.filter_map(|member| zxid(member)).max();
    let Some((epoch, _)) = leader.or_else(|| voters.iter().filter_map(|member| zxid(member)).max()) else {
        return Vec::new();
    };
    let of_epoch = voters.iter().filter_map(|member| zxid(member)).filter(|(of, _)| *of == epoch);
    let highest = of_epoch.map(|(_, counter)| counter).max().unwrap_or(0);
    named(others, |member| {
        zxid(member).is_some_and(|(of, counter)| of != epoch || highest.saturating_sub(counter) > MOST_BEHIND)
    })
}

fn named(members: &[&MemberSeen], which: impl Fn(&MemberSeen) -> bool) -> Vec<NodeName> {
    members.iter().filter(|member| which(member)).map(|member| member.node.clone()).collect()
}

fn role(member: &MemberSeen) -> Option<QuorumRole> {
    match member.state {
        MemberState::Serving { role, .. } => Some(role),
        MemberState::NotServing | MemberState::Silent => None,
    }
}

/// Epoch and counter of the last transaction it knows.
fn zxid(member: &MemberSeen) -> Option<(u32, u32)> {
    match member.state {
        MemberState::Serving { zxid: Some(zxid), .. } => {
            let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
            Some((half(zxid >> 32), half(zxid)))
        }
        MemberState::Serving { zxid: None, .. } | MemberState::NotServing | MemberState::Silent => None,
    }
}

/// It serves with a vote in the quorum. A member that runs alone has none in the ensemble of the configuration.
fn serves(member: &MemberSeen) -> bool {
    matches!(role(member), Some(QuorumRole::Leader | QuorumRole::Follower))
}

fn observes(member: &MemberSeen) -> bool {
    role(member) == Some(QuorumRole::Observer)
}

fn is_up(member: &MemberSeen) -> bool {
    match member.state {
        MemberState::Serving { .. } | MemberState::NotServing => true,
        MemberState::Silent => false,
    }
}
