//! `kafka-node run`: from the configuration to the running node. What can never work is refused here, before anything is
//! started; what may come later is waited for inside, with its reason in the status.
//!
//! Absent on purpose: the running itself (`runtime`).

use crate::model::WaitReason;
use crate::observe::{host, proof};
use crate::plan;
use crate::plan::preflight::{Finding, Weight};
use crate::runtime::{self, Claim, NodeEnd};

use super::check::{all_findings, finding_words, unproven_help};
use super::{Exit, PlaceArgs, complain, load};

/// Runs the verb.
pub(super) fn run(place: &PlaceArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let claim = match Claim::take(&config) {
        Ok(claim) => claim,
        Err(refusal) => {
            complain(&refusal.to_string());
            return if refusal.is_taken() { Exit::TryLater } else { Exit::BadConfig };
        }
    };
    let facts = match host::facts(&config, &host::HostRoot::machine()) {
        Ok(facts) => facts,
        Err(refusal) => {
            complain(&refusal.to_string());
            return Exit::BadConfig;
        }
    };
    let plan = plan::make(config, facts);
    let refusals: Vec<_> = all_findings(&plan).into_iter().filter(cannot_pass).collect();
    for finding in &refusals {
        complain(&finding_words("refuse", finding.role.map(|role| role.as_str()), &finding.text, &finding.remedy));
    }
    if !refusals.is_empty() {
        return Exit::BadConfig;
    }
    match proof::prove(&plan) {
        Ok(proof) => {
            for (role, words) in &proof.warnings {
                complain(&finding_words("warn", Some(role.as_str()), words, ""));
            }
        }
        Err(refusal) => {
            complain(&finding_words("refuse", None, &refusal.to_string(), &unproven_help(refusal.role)));
            return Exit::BadConfig;
        }
    }
    match runtime::run(plan, claim) {
        Ok(NodeEnd::Clean) => Exit::Yes,
        Ok(NodeEnd::Unclean) => Exit::No,
        Err(refusal) => {
            complain(&refusal.to_string());
            if refusal.is_taken() { Exit::TryLater } else { Exit::BadConfig }
        }
    }
}

/// Refused for good. A held port is refused by `check`, and waited for here: whoever holds it may be a service that is just
/// stopping, and a unit that ended with 78 would stay down after it has.
fn cannot_pass(finding: &Finding) -> bool {
    finding.weight == Weight::Refuse && !matches!(finding.wait, Some(WaitReason::PortHeld { .. }))
}
