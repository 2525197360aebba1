//! From a plan to a running node, and from a node's end to the end of the process: threads before, flushes after.
//!
//! One thing is decided here: what to do when the supervisor itself fails. A panic in the loop leaves both JVMs alone and
//! ends with 1, so that systemd starts a fresh supervisor, which adopts them. Absent on purpose: the loop (`node`).
//!
//! Effects: makes the loop and its threads; replaces this program by the next.

use std::io;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use tokio::runtime::Runtime;

use crate::model::Severity;
use crate::notify::history::History;
use crate::notify::history_entry::SupervisorEnd;
use crate::notify::log;
use crate::notify::systemd::{self, Notifier};
use crate::plan::Plan;

use super::claim::{Claim, Refusal};
use super::clock::rfc3339_millis;
use super::front::Front;
use super::journal::Journal;
use super::node::{Check, Node, NodeEnd};

/// The end of the process waits this long, each, for the log and notify threads to hand over what they have.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// The same for tasks that wait for a disk, such as the last entry in the record of running JVMs.
const TASKS_LIMIT: Duration = Duration::from_secs(2);
/// Threads for what waits for disks, on demand: two spawns, two looks before a start, and what the
/// gate and a roll ask of other programs.
const BLOCKING_THREADS: usize = 6;
/// Such a thread ends after this long without work: at rest, none is there.
const BLOCKING_KEPT: Duration = Duration::from_secs(1);

/// Runs the node of `plan` until it is asked to stop and has, or until another program is to take over.
pub fn run(plan: Plan, claim: Claim, check: Check) -> Result<NodeEnd, Refusal> {
    let system = |what| move |error| Refusal::System { what, error };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEPT)
        .build()
        .map_err(system("make the loop"))?;
    let plan = Arc::new(plan);
    let heartbeat = Arc::new(AtomicU64::new(0));
    let node = plan.config.this_node();
    let said = plan.config.log;
    let broker = node.roles.kafka.then(|| node.number.broker_id());
    let source = log::Source { broker, fold_after: said.fold_after };
    let (sink, log_thread) = log::start(said.journal, source).map_err(system("start the log thread"))?;
    let journal = Journal::new(sink);
    journal.hear_panics();
    journal.hear_events();
    let history = open_history(&plan, &journal).map_err(system("start the history thread"))?;
    let (notifier, notify_thread) =
        systemd::start(Arc::clone(&heartbeat)).map_err(system("start the notify thread"))?;
    let end = live(&runtime, &plan, &journal, history.clone(), (notifier, heartbeat), check);
    // The sockets and tasks end before the lock is given back, so that the next supervisor finds nothing of ours.
    runtime.shutdown_timeout(TASKS_LIMIT);
    history.supervisor_ends(&rfc3339_millis(SystemTime::now()), &last_word(&end));
    history.finish(FLUSH_LIMIT);
    notify_thread.finish(FLUSH_LIMIT);
    log_thread.flush(FLUSH_LIMIT);
    drop(claim);
    end
}

/// Opens the history, whose first word is that this supervisor started.
fn open_history(plan: &Plan, journal: &Journal) -> std::io::Result<History> {
    let said = journal.clone();
    let history = History::open(&plan.config.paths.state_dir, move |severity, text| said.say(severity, text))?;
    history.supervisor_starts(&rfc3339_millis(SystemTime::now()));
    Ok(history)
}

fn last_word(end: &Result<NodeEnd, Refusal>) -> SupervisorEnd {
    match end {
        Ok(NodeEnd::Clean) => SupervisorEnd::Clean,
        Ok(NodeEnd::Unclean | NodeEnd::Failed) => SupervisorEnd::Unclean,
        Ok(NodeEnd::Ordered) => SupervisorEnd::Ordered,
        Ok(NodeEnd::HandedOver) => SupervisorEnd::HandedOver,
        Err(refusal) => SupervisorEnd::Refused(refusal.to_string()),
    }
}

fn live(
    runtime: &Runtime,
    plan: &Arc<Plan>,
    journal: &Journal,
    history: History,
    (notifier, heartbeat): (Notifier, Arc<AtomicU64>),
    check: Check,
) -> Result<NodeEnd, Refusal> {
    let front = runtime.block_on(Front::open(plan, journal.clone(), history, notifier, heartbeat))?;
    let mut node = runtime.block_on(Node::begin(Arc::clone(plan), front, check))?;
    match catch_unwind(AssertUnwindSafe(|| runtime.block_on(node.turn()))) {
        Ok(end) => {
            runtime.block_on(node.close());
            Ok(end)
        }
        Err(_) => {
            let text = "the loop of kafka-node failed: both JVMs are left as they are for the next supervisor";
            journal.say(Severity::Error, text);
            Ok(NodeEnd::Failed)
        }
    }
}

/// Replaces this program by the one that stands at its path now, with the same arguments and environment: the process stays,
/// and with it its children. Returns only where that failed.
pub fn take_over() -> io::Error {
    match program() {
        Ok(program) => Command::new(program).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    }
}

/// Whether the program that stands at our path now can run at all.
///
/// # Errors
/// Why not, in words.
pub fn successor_runs() -> Result<(), String> {
    let program = program().map_err(|error| format!("the path of this program is not known: {error}"))?;
    let ran = Command::new(&program).arg("--version").output();
    let output = ran.map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{} --version ended with {}", program.display(), output.status))
}

/// Where this program stands. The kernel marks the path of one that was replaced meanwhile, as by a package.
pub(super) fn program() -> io::Result<PathBuf> {
    const REPLACED: &str = " (deleted)";
    let path = std::env::current_exe()?;
    match path.to_str().and_then(|path| path.strip_suffix(REPLACED)) {
        Some(there) if !path.exists() => Ok(PathBuf::from(there)),
        Some(_) | None => Ok(path),
    }
}
