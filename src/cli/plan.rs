//! `kafka-node plan`: everything that would run, with the reason of each number; `--diff`: what of it the JVMs do not run with yet.
//!
//! Absent on purpose: judging the machine (`check`).

use crate::observe::host;
use crate::plan;

use super::{Exit, PlaceArgs, complain, load, restart_needed, say};

/// Runs the verb.
pub(super) fn plan(place: &PlaceArgs, diff: bool) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if diff {
        return restart_needed::show(config);
    }
    match host::facts(&config, &host::HostRoot::machine()) {
        Ok(facts) => {
            say(&plan::print(&plan::make(config, facts)));
            Exit::Yes
        }
        Err(refusal) => {
            complain(&refusal.to_string());
            Exit::No
        }
    }
}
