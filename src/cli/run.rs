//! `kafka-node run`: from the configuration to the running node. What can never work is refused here, before anything is
//! started; what may come later is waited for inside, with its reason in the status.
//!
//! Absent on purpose: the running itself (`runtime`).

use std::sync::Arc;

use crate::config;
use crate::logs::Priority;
use crate::model::WaitReason;
use crate::observe::{host, proof};
use crate::plan::preflight::{Finding, Weight};
use crate::plan::{self, Plan};
use crate::process::{PLACE, Records, alive};
use crate::runtime::{self, Cared, Check, Claim, NodeEnd};

use super::check::{all_findings, finding_words, unproven_help};
use super::report::Report;
use super::{Exit, PlaceArgs, complain, load};

/// Runs the verb.
pub(super) fn run(place: &PlaceArgs) -> Exit {
    runtime::hold_signals();
    let (plan, claim) = match prepare(place) {
        Ok(prepared) => prepared,
        Err(Exit::BadConfig) => return care(place),
        Err(exit) => return exit,
    };
    match runtime::run(plan, claim, successor(place)) {
        Ok(NodeEnd::Clean) => Exit::Yes,
        Ok(NodeEnd::Unclean | NodeEnd::Failed) => Exit::No,
        Ok(NodeEnd::Ordered) => Exit::Ordered,
        Ok(NodeEnd::HandedOver) => again(),
        Err(refusal) => {
            complain(&refusal.to_string());
            if refusal.is_taken() { Exit::TryLater } else { Exit::BadConfig }
        }
    }
}

/// The configuration, the node's lock and a plan that can work; or what `run` ends with, said.
fn prepare(place: &PlaceArgs) -> Result<(Plan, Claim), Exit> {
    let config = load(place)?;
    let claim = Claim::take(&config).map_err(|refusal| {
        complain(&refusal.to_string());
        if refusal.is_taken() { Exit::TryLater } else { Exit::BadConfig }
    })?;
    let facts = host::facts(&config, &host::HostRoot::machine()).map_err(|refusal| {
        complain(&refusal.to_string());
        Exit::BadConfig
    })?;
    let mut plan = plan::make(config, facts);
    for service in &mut plan.services {
        service.environment.push((PLACE.to_owned(), place.word()));
    }
    // What runs proves more than any look: neither the machine nor a flag may stand between a JVM and its next supervisor.
    let adopts = lives(&plan);
    let refusals: Vec<_> =
        if adopts { Vec::new() } else { all_findings(&plan).into_iter().filter(cannot_pass).collect() };
    for finding in &refusals {
        complain(&finding_words("refuse", finding.role.map(|role| role.as_str()), &finding.text, &finding.remedy));
    }
    if !refusals.is_empty() {
        return Err(Exit::BadConfig);
    }
    let proven = if adopts { Ok(None) } else { proof::prove(&plan).map(Some) };
    match proven {
        Ok(None) => {}
        Ok(Some(proof)) => {
            for (role, words) in &proof.warnings {
                let text = finding_words("warn", Some(role.as_str()), words, "");
                Report::open().remark(Priority::Warning, &text);
            }
        }
        Err(refusal) => {
            complain(&finding_words("refuse", None, &refusal.to_string(), &unproven_help(refusal.role)));
            return Err(Exit::BadConfig);
        }
    }
    Ok((plan, claim))
}

/// Nothing can be started. Where JVMs of an earlier supervisor live, they are taken care of until something can.
fn care(place: &PlaceArgs) -> Exit {
    match runtime::take_care(&place.word(), &successor(place)) {
        Cared::Nobody => Exit::BadConfig,
        Cared::Mended => again(),
        Cared::Stopped(true) => Exit::Yes,
        Cared::Stopped(false) => Exit::No,
    }
}

/// Starts this program anew in this very process.
fn again() -> Exit {
    runtime::hold_signals();
    let error = runtime::take_over();
    complain(&format!("cannot start the program anew: {error}; the JVMs run on, for the next kafka-node run"));
    Exit::No
}

/// Some JVM of this node lives by the record of an earlier supervisor.
fn lives(plan: &Plan) -> bool {
    let state_dir = &plan.config.paths.state_dir;
    Records::read(state_dir).is_ok_and(|records| records.runs.iter().any(|record| alive(state_dir, record)))
}

/// Whether a reload would come through: the program at our path runs, and what it would read at its start is usable.
fn successor(place: &PlaceArgs) -> Check {
    let place = place.clone();
    Arc::new(move || {
        runtime::successor_runs()?;
        let config = config::load(&place.source()).map_err(|errors| errors.to_string())?;
        host::facts(&config, &host::HostRoot::machine()).map(drop).map_err(|refusal| refusal.to_string())
    })
}

/// Refused for good. A held port is refused by `check`, and waited for here: whoever holds it may be a service that is just
/// stopping, and a unit that ended with 78 would stay down after it has.
fn cannot_pass(finding: &Finding) -> bool {
    finding.weight == Weight::Refuse && !matches!(finding.wait, Some(WaitReason::PortHeld { .. }))
}
