//! A verdict of the gate as people read it: a line for each reason, and what to do about it.
//!
//! Absent on purpose: the reasons (`model::denial`).

use crate::gate::Verdict;
use crate::model::{Denial, GateRemark};

/// Every denial, then every remark, a line each: `code: sentence`.
pub(super) fn lines(verdict: &Verdict) -> Vec<String> {
    let (denials, remarks) = parts(verdict);
    let denials = denials.iter().map(|denial| format!("{}: {denial}", denial.code()));
    denials.chain(remarks.iter().map(|remark| format!("note: {remark}"))).collect()
}

/// The denials and the remarks.
pub(super) fn parts(verdict: &Verdict) -> (&[Denial], &[GateRemark]) {
    match verdict {
        Verdict::Allow(remarks) => (&[], remarks),
        Verdict::Deny { denials, remarks } => (denials, remarks),
    }
}

/// What an operator does about a denial. `docs/runbook.md` says more, by the same code.
pub(super) fn help(denial: &Denial) -> &'static str {
    match denial {
        Denial::ViewUnread { .. } => {
            "mend what does not answer; if the whole cluster is to go down: kafka-node stop --cluster"
        }
        Denial::BrokersMissing { .. } => "bring those brokers back first: kafka-node why, on those nodes",
        Denial::NoMajority { .. } | Denial::MembersNotServing { .. } => {
            "bring the other ZooKeeper servers back first: kafka-node why, on those nodes"
        }
        Denial::MembersLagging { .. } => {
            "wait until they have caught up; if they do not, look at their disks and network"
        }
        Denial::Offline { .. } => "find the brokers that hold these partitions, and bring them back",
        Denial::UnderReplicated { .. } => {
            "wait until the replicas have caught up; if they do not, look at the brokers that hold them"
        }
        Denial::UnderMinIsr { .. } => {
            "wait until more replicas are in sync, or lower min.insync.replicas of these topics, or [reboot] headroom"
        }
        Denial::Reassigning { .. } => "wait for the end of the reassignment: kafka-reassign-partitions --list",
        Denial::NoSpareReplica { .. } => {
            "give these topics more replicas than min.insync.replicas, or set [reboot] strict = false"
        }
        Denial::NoSpareMember { .. } => "have an ensemble of three or more, or set [reboot] strict = false",
        Denial::NodesAbsent { .. } => "start kafka-node on those nodes: systemctl start kafka-node",
        Denial::NodeUnwell { .. } => "wait for that node, or look there: kafka-node why",
        Denial::Settling { .. } => "wait: [reboot] settle says how long everything has to be well",
        Denial::LockTaken { .. } => {
            "wait until that node is back and well; if its machine never will be: kafka-node lock release --holder NAME --because TEXT"
        }
    }
}
