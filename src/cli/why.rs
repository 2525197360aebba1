//! `kafka-node why`: what the node is waiting for, and nothing else.
//!
//! Absent on purpose: reasons of its own. The supervisor's words are passed on as they are.

use std::fmt::Write;

use crate::runtime::ask;
use crate::runtime::status::StatusReport;

use super::status::{nobody, readiness};
use super::{Exit, PlaceArgs, complain, load, say};

/// Runs the verb.
pub(super) fn why(place: &PlaceArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match ask::status(&config.paths.runtime_dir) {
        Ok(report) => {
            say(&reasons(&report));
            readiness(&report)
        }
        Err(failure) => {
            complain(&nobody(&failure));
            Exit::Unavailable
        }
    }
}

fn reasons(report: &StatusReport) -> String {
    if report.waiting_for.is_empty() {
        return format!("nothing: {}\n", report.node.status);
    }
    let mut text = String::new();
    for waiting in &report.waiting_for {
        let _ = writeln!(text, "{}: {}", waiting.service, waiting.text);
    }
    text
}
