//! The whole of an operator's look: every judge of a [`Survey`], in one list.
//!
//! Absent on purpose: printing it (`cli::check`).

use crate::plan::Plan;

use super::unit_file::UnitSettings;
use super::{Finding, Survey, UnitSighting, Weight, disks, machine, names, topics, unit, versions};

/// What a stranger is refused and the service may not be.
const OF_THE_USER: [&str; 5] =
    ["directory-denied", "directory-foreign", "identity-unreadable", "log4j-unreadable", "log-dir-unwritable"];

/// Everything that the survey shows against the plan, the heaviest first.
pub fn judge_survey(plan: &Plan, seen: &Survey) -> Vec<Finding> {
    let unit = (!seen.unit.files.is_empty()).then(|| UnitSettings::read(&seen.unit.files));
    let mut findings = machine::judge(plan, seen, unit.as_ref());
    findings.extend(disks::judge(plan, seen, unit.as_ref().and_then(UnitSettings::user)));
    findings.extend(names::judge(plan, seen));
    match &unit {
        Some(unit) => findings.extend(unit::judge(plan, unit)),
        None => {
            let text = "kafka-node.service is not installed: nothing starts this node with the machine".to_owned();
            findings.push(Finding::node(
                "unit-absent",
                Weight::Note,
                text,
                "install the package; or never mind in a trial",
            ));
        }
    }
    findings
        .extend(seen.unit.unreadable.iter().map(|words| Finding::unknown("what a drop-in of the unit says", words)));
    findings.extend(topics::judge(seen));
    findings.extend(versions::judge(plan));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings.dedup(); // directories on one mount have one finding about it
    findings
}

/// Whom the service runs as, where there is a unit that says so.
pub fn service_user(unit: &UnitSighting) -> Option<String> {
    UnitSettings::read(&unit.files).user().map(str::to_owned)
}

/// What the looker `user` may not do says nothing of the user of the service: such refusals become notes. Root is no stranger.
pub fn seen_by_a_stranger(findings: &mut [Finding], seen: &Survey, user: &str) {
    let Some(service) = service_user(&seen.unit).filter(|service| *service != user && !seen.as_root) else { return };
    for finding in findings.iter_mut().filter(|finding| OF_THE_USER.contains(&finding.code)) {
        finding.weight = Weight::Note;
        finding.wait = None;
        finding.text = format!("{} (asked as {user}; the service runs as {service})", finding.text);
        finding.remedy = format!("ask as root or as {service}: sudo -u {service} kafka-node check");
    }
}
