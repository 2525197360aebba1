//! This very program as a child of its own, for what must not run in the supervisor's process: the client of Kafka's protocol
//! allocates by lengths that it reads from the wire, and a view of the whole cluster takes memory that a small process gives back.
//!
//! Absent on purpose: what the verbs do (`cli`).
//!
//! Effects: starts a process, and waits for its end on a thread that may block.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::gate::outcome_from_json;
use crate::host::programs::{Answer, await_end};
use crate::model::{Denial, GateOutcome};

use super::begin::program;

/// The verb that this process runs.
const OWN_VERB: &str = "run";

/// Asks the gate: a view of the whole cluster, judged; `for_good` where the machine powers off. Blocks for `limit` at most.
pub(super) fn ask_gate(for_good: bool, limit: Duration) -> GateOutcome {
    let words: &[&str] = if for_good { &["can-reboot", "--json", "--powering-off"] } else { &["can-reboot", "--json"] };
    let answer = match run(words, limit) {
        Ok(answer) => answer,
        Err(words) => return unread(words),
    };
    let line = answer.out.lines().next().unwrap_or_default();
    match outcome_from_json(line.as_bytes()) {
        Ok(outcome) => outcome,
        Err(_) if line.is_empty() => unread(answer.words()),
        Err(words) => unread(words),
    }
}

/// Has every partition led by its preferred replica where that is in sync; how many changed their leader. Blocks for `limit` at
/// most.
///
/// # Errors
/// It could not be done, in words.
pub(super) fn elect_leaders(limit: Duration) -> Result<usize, String> {
    let answer = run(&["elect-leaders"], limit)?;
    match answer.out.trim().parse() {
        Ok(moved) if answer.is_ok() => Ok(moved),
        Ok(_) | Err(_) => Err(answer.words()),
    }
}

fn unread(what: String) -> GateOutcome {
    GateOutcome::Denied(vec![Denial::ViewUnread { what }.said()])
}

/// Runs this program with `words` in place of its own verb: the configuration and the node are those of this process.
fn run(words: &[&str], limit: Duration) -> Result<Answer, String> {
    let program = program().map_err(|error| format!("the path of this program is not known: {error}"))?;
    let child = Command::new(program)
        .args(arguments(std::env::args_os().skip(1), words))
        // It speaks to whoever started it, and not for the unit.
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.map_err(|error| format!("kafka-node cannot be started: {error}"))?;
    await_end(child, "kafka-node", limit)
}

fn arguments(own: impl Iterator<Item = OsString>, words: &[&str]) -> Vec<OsString> {
    let mut rest: Vec<OsString> = own.collect();
    // The last of that name: a value of --config or --node that is called so stands before it, or has its option before it.
    let verb = rest.iter().enumerate().rev().find(|(at, word)| {
        let value = at.checked_sub(1).and_then(|before| rest.get(before)).is_some_and(takes_a_value);
        *word == OWN_VERB && !value
    });
    if let Some((at, _)) = verb {
        rest.remove(at);
    }
    rest.extend(words.iter().map(OsString::from));
    rest
}

fn takes_a_value(option: &OsString) -> bool {
    option == "--config" || option == "--node"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_has_the_configuration_of_its_parent_and_a_verb_of_its_own() {
        let check = |own: &[&str], expected: &[&str]| {
            let own = own.iter().map(OsString::from);
            let expected: Vec<OsString> = expected.iter().map(OsString::from).collect();
            assert_eq!(arguments(own, &["can-reboot", "--json"]), expected);
        };
        check(&["run"], &["can-reboot", "--json"]);
        check(&["--node", "run", "run"], &["--node", "run", "can-reboot", "--json"]);
        check(&["run", "--config", "run"], &["--config", "run", "can-reboot", "--json"]);
        check(&["--config=/etc/a", "run", "--node=b"], &["--config=/etc/a", "--node=b", "can-reboot", "--json"]);
    }
}
