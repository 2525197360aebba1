//! The judgement itself: whether a cluster, as it was seen, can spare one node.
//!
//! Each noun is judged by itself (brokers and their partitions, the ensemble, the other supervisors), so that an operator reads
//! every reason at once. Absent on purpose: who else is down on purpose; the lock says that (`lock`).

mod ensemble;
mod nodes;
mod partitions;

use crate::model::{Denial, GateRemark, NAMED};

use super::verdict::Verdict;
use super::view::{ClusterView, GatePolicy};

/// What has been found so far.
#[derive(Default)]
struct Findings {
    denials: Vec<Denial>,
    remarks: Vec<GateRemark>,
}

impl Findings {
    fn deny(&mut self, denial: Denial) {
        self.denials.push(denial);
    }

    fn remark(&mut self, remark: GateRemark) {
        self.remarks.push(remark);
    }
}

/// Whether the cluster can spare the node of `policy`.
///
/// A view with a gap allows nothing, and the rest of it is judged all the same. An order to power the cluster down allows
/// everything: who gave it has decided. So does a power cut that all machines answer: nobody is left to be spared for.
pub fn judge(view: &ClusterView, policy: &GatePolicy) -> Verdict {
    if let Some(words) = &view.power_down {
        return Verdict::Allow(vec![GateRemark::PowerDown { words: words.clone() }]);
    }
    if policy.powers_off && nodes::all_power_off(view, policy) {
        let words = "the machines of all nodes power off".to_owned();
        return Verdict::Allow(vec![GateRemark::PowerDown { words }]);
    }
    let mut findings = Findings::default();
    unread(view, &mut findings);
    partitions::judge(view, policy, &mut findings);
    ensemble::judge(view, policy, &mut findings);
    nodes::judge(view, policy, &mut findings);
    let Findings { denials, remarks } = findings;
    if denials.is_empty() { Verdict::Allow(remarks) } else { Verdict::Deny { denials, remarks } }
}

fn unread(view: &ClusterView, findings: &mut Findings) {
    for what in view.unread.iter().take(NAMED) {
        findings.deny(Denial::ViewUnread { what: what.clone() });
    }
    match view.unread.len().saturating_sub(NAMED) {
        0 => {}
        more => findings.deny(Denial::ViewUnread { what: format!("and {more} more") }),
    }
}
