//! `kafka-node status`: the supervisor's report, for people or as JSON.
//!
//! Absent on purpose: the cluster's view, any guess at what a supervisor that does not answer might be doing, and how the
//! report looks (`picture`).
//!
//! Effects: asks the supervisor and the clock; `--watch` waits between two pictures.

use std::thread;
use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::runtime::ask::{self, AskFailure};
use crate::runtime::status::StatusReport;

use super::picture::picture;
use super::{Exit, PlaceArgs, complain, load, restart_needed, say};

/// Time between two pictures of `--watch`.
const REDRAW: Duration = Duration::from_secs(1);
/// Cursor to the top left, and everything below it cleared: no more of a terminal is needed.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Runs the verb.
pub(super) fn status(place: &PlaceArgs, json: bool, watch: bool) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if watch { watch_it(&config, json) } else { once(&config, json) }
}

fn once(config: &Config, json: bool) -> Exit {
    match ask::status(&config.paths.runtime_dir) {
        Ok(report) => {
            say(&if json { pretty(&report) } else { picture(&report, SystemTime::now()) });
            if !json && let Some(line) = restart_needed::in_short(config) {
                say(&format!("\n{line}"));
            }
            readiness(&report)
        }
        Err(failure) => {
            complain(&nobody(&failure));
            Exit::Unavailable
        }
    }
}

/// Ends when nobody reads any more (or by SIGINT, as a process does).
fn watch_it(config: &Config, json: bool) -> Exit {
    use std::io::IsTerminal;
    let clear = if !json && std::io::stdout().is_terminal() { CLEAR } else { "" };
    loop {
        let (text, exit) = match ask::status(&config.paths.runtime_dir) {
            Ok(report) if json => (serde_json::to_string(&report).unwrap_or_default(), readiness(&report)),
            Ok(report) => (picture(&report, SystemTime::now()), readiness(&report)),
            Err(failure) if json => {
                // A script that reads lines gets lines: the words go to stderr.
                complain(&nobody(&failure));
                (String::new(), Exit::Unavailable)
            }
            Err(failure) => (nobody(&failure), Exit::Unavailable),
        };
        if !(text.is_empty() || say(&format!("{clear}{text}"))) {
            return exit;
        }
        thread::sleep(REDRAW);
    }
}

/// What `status` ends with.
pub(super) fn readiness(report: &StatusReport) -> Exit {
    if report.node.ready { Exit::Yes } else { Exit::No }
}

/// A failure to ask, and what to look at next.
pub(super) fn nobody(failure: &AskFailure) -> String {
    let help = match failure {
        AskFailure::Nobody { .. } => {
            "\n  help: kafka-node does not run here, or with another [paths] runtime_dir; look with: systemctl status kafka-node"
        }
        AskFailure::Silent { .. } => "\n  help: look whether it is stopped or starved: systemctl status kafka-node",
        AskFailure::NotAllowed { .. } | AskFailure::Refused { .. } => "",
    };
    format!("{failure}{help}\n")
}

fn pretty(report: &StatusReport) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default()
}
