//! The end of a demo: SIGTERM to all nodes at the same time, exit code 0 of each, the mark of a clean stop in every
//! log directory, and no process left. Absent on purpose: SIGKILL without a word; it is said, and it is a failure.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::configuration::Configuration;
use super::kept::Kept;
use super::node::Node;
use super::{Ground, remove};
use crate::child::{self, POLL};
use crate::failure::{Failure, Outcome};
use crate::places::Places;
use crate::proc::Identity;
use crate::progress::{Progress, seconds};
use crate::stray;

/// How long three nodes may take to stop: thirty times what they take at the same time.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// What Kafka leaves in each log directory after a clean stop.
const MARK: &str = ".kafka_cleanshutdown";

/// Stops all nodes at once and waits for exit code 0 of each.
pub fn all(progress: &Progress, nodes: &mut [Node]) -> Outcome<()> {
    progress.say("demo: SIGTERM to all nodes at the same time");
    let begun = Instant::now();
    for node in nodes.iter() {
        node.terminate();
    }
    let mut hurried = false;
    loop {
        for node in nodes.iter_mut().filter(|node| node.ended.is_none()) {
            if node.has_ended()?
                && let Some(status) = node.ended
            {
                progress.say(format!("{}: ended with {status}, {} after SIGTERM", node.name, seconds(begun.elapsed())));
            }
        }
        if nodes.iter().all(|node| node.ended.is_some()) {
            break;
        }
        if begun.elapsed() > STOP_LIMIT && !hurried {
            hurried = true;
            progress.say(format!("demo: not all stopped within {}; a second SIGTERM", seconds(STOP_LIMIT)));
            nodes.iter().for_each(Node::terminate);
        }
        if begun.elapsed() > STOP_LIMIT + STOP_LIMIT / 4 {
            let words: String = nodes.iter().map(Node::last_words).collect();
            let identities: Vec<Identity> =
                nodes.iter().filter(|node| node.ended.is_none()).flat_map(Node::identities).collect();
            stray::end(&identities);
            for node in nodes.iter_mut() {
                node.has_ended()?;
            }
            return Err(Failure::new(format!("nodes did not stop and were killed\n{words}")));
        }
        std::thread::sleep(POLL);
    }
    let unclean: String =
        nodes.iter().filter(|node| !node.ended.is_some_and(|status| status.success())).map(Node::last_words).collect();
    if unclean.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("a node did not end with exit code 0\n{unclean}")))
    }
}

/// Proves that the stop was clean: the mark in every log directory, no JVM, nothing below this task.
pub fn prove(progress: &Progress, configuration: &Configuration<'_>, nodes: &[Node]) -> Outcome<()> {
    let unmarked: Vec<String> = configuration
        .nodes
        .iter()
        .map(|(name, _)| configuration.log_dir(name))
        .filter(|dir| !dir.join(MARK).is_file())
        .map(|dir| dir.display().to_string())
        .collect();
    if !unmarked.is_empty() {
        return Err(Failure::new(format!("no {MARK} in {}", unmarked.join(", "))));
    }
    let below = stray::living();
    let mut left: Vec<String> = below.iter().map(stray::named).collect();
    let seen = nodes.iter().flat_map(Node::identities).filter(|identity| identity.alive());
    left.extend(
        seen.filter(|identity| below.iter().all(|stat| stat.pid != identity.pid))
            .map(|identity| identity.pid.to_string()),
    );
    if !left.is_empty() {
        return Err(Failure::new(format!("processes are left: {}", left.join("; "))));
    }
    progress.say(format!("demo: {MARK} in all {} log directories, no process left", nodes.len()));
    Ok(())
}

/// Stops the demo of a note, whose processes are not our children: by pid, after a look at the start time.
pub fn kept(places: &Places, progress: &Progress, note: &Kept) -> Outcome<()> {
    let begun = Instant::now();
    let everything: Vec<Identity> =
        note.nodes.iter().map(|(_, identity)| *identity).chain(note.jvms.iter().copied()).collect();
    let mut running: Vec<&(String, Identity)> = note.nodes.iter().filter(|(_, identity)| identity.alive()).collect();
    progress.say(format!("demo: SIGTERM to {} nodes of {}", running.len(), note.dir.display()));
    for (_, identity) in &running {
        child::signal(identity.pid, Signal::SIGTERM);
    }
    while !running.is_empty() && begun.elapsed() < STOP_LIMIT {
        running.retain(|(name, identity)| {
            let alive = identity.alive();
            if !alive {
                progress.say(format!("{name}: ended, {} after SIGTERM", seconds(begun.elapsed())));
            }
            alive
        });
        std::thread::sleep(POLL);
    }
    let left: Vec<Identity> = everything.into_iter().filter(|identity| identity.alive()).collect();
    let marked = note.nodes.iter().filter(|(name, _)| note.dir.join(name).join("kafka").join(MARK).is_file()).count();
    stray::end(&left);
    forget(places, note)?;
    if left.is_empty() && marked == note.nodes.len() {
        progress.say(format!(
            "demo: stopped cleanly in {}, {MARK} in all {marked} log directories, {} removed",
            seconds(begun.elapsed()),
            note.dir.display()
        ));
        return Ok(());
    }
    let pids: Vec<String> = left.iter().map(|identity| identity.pid.to_string()).collect();
    Err(Failure::new(format!(
        "the stop was not clean: {MARK} in {marked} of {} log directories; ended the hard way: {}",
        note.nodes.len(),
        if pids.is_empty() { "none".into() } else { pids.join(", ") }
    )))
}

/// Forgets a note whose nodes have all ended; JVMs that outlived them are ended too.
pub fn forget_dead(places: &Places, progress: &Progress, note: &Kept) -> Outcome<()> {
    progress.say(format!("demo: the one kept in {} has ended; removing what it left", note.dir.display()));
    stray::end(&note.jvms);
    forget(places, note)
}

fn forget(places: &Places, note: &Kept) -> Outcome<()> {
    if Path::new(&note.dir).exists() {
        remove(&Ground { dir: note.dir.clone(), made: note.made })?;
    }
    Kept::forget(places)
}
