//! `kafka-node elect-leaders`: gives leadership back to the preferred replicas. The supervisor runs it once its node is well again after a
//! roll or a reboot; it is not shown in the help.
//!
//! Absent on purpose: when.

use crate::cluster::elect::preferred;

use super::council::{LOOK, converse};
use super::{Exit, PlaceArgs, complain, load, say};

/// Runs the verb.
pub(super) fn elect(place: &PlaceArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    converse(async {
        match preferred(&config, LOOK).await {
            Ok(moved) => {
                say(&moved.to_string());
                Exit::Yes
            }
            Err(words) => {
                complain(&format!("leaders were not elected: {words}"));
                Exit::No
            }
        }
    })
}
