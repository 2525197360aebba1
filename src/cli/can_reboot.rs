//! `kafka-node can-reboot`: whether the cluster can spare this node now. For people, for scripts by its exit code, and for the
//! supervisor, which runs it as a child with `--json`.
//!
//! Absent on purpose: taking the lock, the window, and whether a reboot is needed (`reboot`).

use std::time::Duration;

use crate::cluster::seat::Seat;
use crate::config::Config;

use super::council::{LOOK, ask_gate, converse, session};
use super::{Exit, PlaceArgs, gate_words, load, say};

/// The supervisor ends its child after 4.5 s: what did not answer by then is to be in the answer, by name.
const CHILD: Duration = Duration::from_millis(3500);

/// Runs the verb.
pub(super) fn can_reboot(place: &PlaceArgs, json: bool, powers_off: bool) -> Exit {
    match load(place) {
        Ok(config) => converse(ask(&config, json, powers_off)),
        Err(exit) => exit,
    }
}

async fn ask(config: &Config, json: bool, powers_off: bool) -> Exit {
    let session = session(config);
    // Without an id of this machine the lock of the same node counts as ours.
    let seat = Seat::here(config, String::new()).ok();
    let limit = if json { CHILD } else { LOOK };
    let machine = seat.as_ref().map(|seat| seat.machine.as_str());
    let asked = ask_gate(config, &session, machine, powers_off, limit).await;
    session.close().await;
    let node = &config.this_node().name;
    if json {
        say(&asked.verdict.json(node));
    } else {
        let head = match asked.verdict.allows() {
            true => format!("yes: the cluster can spare {node} now"),
            false => format!("no: the cluster cannot spare {node} now"),
        };
        let lines = gate_words::lines(&asked.verdict);
        say(&[vec![head], lines].concat().join("\n  "));
    }
    if asked.verdict.allows() { Exit::Yes } else { Exit::No }
}
