//! `kafka-node plan`: everything that would run, with the reason of each number.
//!
//! Absent on purpose: judging the machine (`check`).

use crate::observe::host;
use crate::plan;

use super::{Exit, PlaceArgs, complain, load, say};

/// Runs the verb.
pub(super) fn plan(place: &PlaceArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
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
