//! Ctrl-C and SIGTERM, noted so that a task can stop what it started before it ends.
//! Absent on purpose: any work in the handler. Loops that wait ask [`requested`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use nix::libc::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::{During, Failure, Outcome};

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on SIGINT, SIGTERM and SIGHUP are noted and do not end the task by themselves.
pub fn listen() -> Outcome<()> {
    let flag = ASKED.get_or_init(|| Arc::new(AtomicBool::new(false)));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag)).during(|| format!("listen for signal {signal}"))?;
    }
    Ok(())
}

/// Has somebody asked the task to end?
pub fn requested() -> bool {
    ASKED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// An error once somebody asked the task to end.
pub fn check() -> Outcome<()> {
    if requested() { Err(Failure::new("interrupted")) } else { Ok(()) }
}
