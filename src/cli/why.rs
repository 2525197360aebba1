//! `kafka-node why`: what the node is waiting for, and nothing else.
//!
//! Absent on purpose: reasons of its own. The supervisor's words are passed on as they are.

use crate::runtime::ask;

use super::status::{nobody, readiness};
use super::{Exit, PlaceArgs, complain, load, picture, say};

/// Runs the verb.
pub(super) fn why(place: &PlaceArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match ask::status(&config.paths.runtime_dir) {
        Ok(report) => {
            say(&picture::why(&report));
            readiness(&report)
        }
        Err(failure) => {
            complain(&nobody(&failure));
            Exit::Unavailable
        }
    }
}
