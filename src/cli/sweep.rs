//! `kafka-node sweep`: the unit's ExecStopPost=, which ends what a supervisor left, and only where a stop was meant.
//!
//! Absent on purpose: finding processes by their names. Only what a supervisor of this node recorded is ended.
//!
//! Effects: looks for the state directory, and ends processes by `process::sweep`.

use crate::logs::Priority;
use crate::process;
use crate::runtime::{NodeLock, stop_was_intended};

use super::report::Report;
use super::{Exit, PlaceArgs, complain, load};

/// Runs the verb.
pub(super) fn sweep(place: &PlaceArgs, now: bool) -> Exit {
    let report = Report::open();
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let state_dir = &config.paths.state_dir;
    if !state_dir.exists() {
        report.answer(Priority::Info, "nothing to sweep: kafka-node never ran here");
        return Exit::Yes;
    }
    // Held to the end, so that no supervisor starts beside a sweep.
    let _lock = match NodeLock::take(state_dir) {
        Ok(lock) => lock,
        Err(refusal) => {
            complain(&refusal.to_string());
            return if refusal.is_taken() { Exit::TryLater } else { Exit::No };
        }
    };
    if !now && !stop_was_intended(state_dir) {
        report.answer(
            Priority::Info,
            "nothing was swept: no stop of this node was asked for, so what still runs goes on serving (--now ends it)",
        );
        return Exit::Yes;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot sweep: {error}"));
            return Exit::No;
        }
    };
    let swept = runtime.block_on(process::sweep(state_dir, config.stop.grace));
    let words = swept.to_string();
    let loud = if swept.is_clean() { Priority::Info } else { Priority::Error };
    report.answer(loud, if words.is_empty() { "nothing to sweep" } else { &words });
    match (swept.supervisor, swept.is_clean()) {
        (Some(_), _) => Exit::TryLater,
        (None, true) => Exit::Yes,
        (None, false) => Exit::No,
    }
}
