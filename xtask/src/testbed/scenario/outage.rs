//! Nodes that go away and come back, with a word before or without; and a kernel as old as CentOS 7's.

use std::time::Instant;

use super::load::Load;
use super::supervisor;
use crate::failure::{Failure, Outcome};
use crate::progress::seconds;
use crate::testbed::bed::Node;
use crate::testbed::network;
use crate::testbed::power::{self, Kernel};
use crate::testbed::stage::Stage;

/// Records that have to come through while a node is cut off, at 100 a second: more than a session's 18 s.
const RECORDS: u64 = 2500;

/// One node's cable is pulled under load: the other two go on, and the three are whole again after.
pub fn partition(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let (cut_off, jvms) = (stage.node(3), stage.both_jvms(&stage.node(3))?);
    let mut load = Load::begin(stage, stage.node(1))?;
    network::plug(&cut_off, false)?;
    // Of partitions that the third leads, records wait until its session is over: more than fit into that time have to come.
    let served = load.grown(RECORDS);
    network::heal(stage.bed)?;
    let begun = Instant::now();
    let whole = served.and_then(|()| {
        stage.bed.nodes().try_for_each(|node| stage.ready(&node).map(|_| ()))?;
        stage.verified(&stage.node(1))?;
        stage.verified(&cut_off)
    });
    let time = begun.elapsed();
    let acks = load.finish();
    whole?;
    let acks = acks?;
    stage.same_jvms(&cut_off, &jvms)?;
    if acks.failed > 0 {
        return Err(Failure::new(format!("records were given up: {acks:?}")));
    }
    Ok(format!(
        "{} records, none failed, longest pause {} ms; whole {} after the heal",
        acks.good,
        acks.longest_gap,
        seconds(time)
    ))
}

/// `systemctl reboot`: systemd stops the unit first, and the node comes back by itself.
pub fn reboot(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let node = stage.node(2);
    let id = |stage: &Stage<'_>| stage.ask(&node, "journalctl --list-boots --quiet | tail -1 | awk '{print $2}'");
    let before = id(stage)?;
    let (down, _) = power::reboot(&node)?;
    let back = Instant::now();
    stage.ready(&node)?;
    let ready = back.elapsed();
    stage.verified(&stage.node(1))?;
    if id(stage)? == before {
        return Err(Failure::new(format!("{} has not booted anew", node.host())));
    }
    clean_end(stage, &node)?;
    Ok(format!("down {}, ready {} after its boot", seconds(down), seconds(ready)))
}

/// The last boot ended with a clean stop, as the node's own history has it.
pub fn clean_end(stage: &Stage<'_>, node: &Node<'_>) -> Outcome<()> {
    let history = stage.ask(node, "kafka-node history --lines 40")?;
    let end = history.lines().rfind(|line| line.contains("supervisor-end")).unwrap_or_default();
    if end.contains("clean") && !end.contains("unclean") {
        return Ok(());
    }
    Err(Failure::new(format!("{} was not stopped cleanly before its reboot:\n{history}", node.host())))
}

/// One node loses its power.
pub fn power_cut(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let node = stage.node(3);
    power::cut(&node)?;
    power::on(&node, Kernel::Own)?;
    let begun = Instant::now();
    stage.ready(&node)?;
    let ready = begun.elapsed();
    stage.verified(&stage.node(1))?;
    stage.verified(&node)?;
    Ok(format!("ready {} after its boot", seconds(ready)))
}

/// All nodes lose their power at once.
pub fn power_cut_all(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    power::at_once(stage.bed, power::cut)?;
    power::all_on(stage.bed)?;
    let begun = Instant::now();
    stage.bed.nodes().try_for_each(|node| stage.ready(&node).map(|_| ()))?;
    let ready = begun.elapsed();
    stage.bed.nodes().try_for_each(|node| stage.verified(&node).map(|_| ()))?;
    Ok(format!("all ready {} after their boot", seconds(ready)))
}

/// One node with system calls no newer than Linux 3.10's.
pub fn old_kernel(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let node = stage.node(3);
    let off = |stage: &Stage<'_>| {
        if power::off(&node, stage.left())? {
            Ok(())
        } else {
            Err(Failure::new(format!("{} did not shut down in time", node.host())))
        }
    };
    off(stage)?;
    power::on(&node, Kernel::Old)?;
    let tested = with_old_kernel(stage, &node);
    let back = off(stage).and_then(|()| power::on(&node, Kernel::Own));
    let note = tested?;
    back?;
    stage.ready(&node)?;
    Ok(note)
}

fn with_old_kernel(stage: &Stage<'_>, node: &Node<'_>) -> Outcome<String> {
    // Commands entered from here are no children of the node's PID 1, and have the new system calls: its own units count.
    let mode = stage.ask(node, "grep Seccomp: /proc/1/status")?;
    if !mode.ends_with('2') {
        return Err(Failure::new(format!("the filter of system calls is not in force: {mode}")));
    }
    stage.ready(node)?;
    let note = supervisor::kill_and_stop(stage, node)?;
    let begun = Instant::now();
    stage.command(node, &["systemctl", "start", "kafka-node"])?;
    let start = begun.elapsed();
    stage.verified(node)?;
    let pid = stage.unit(node)?.main_pid;
    let filtered = stage.ask(node, &format!("grep Seccomp: /proc/{pid}/status"))?;
    if !filtered.ends_with('2') {
        return Err(Failure::new(format!("the supervisor runs without the filter: {filtered}")));
    }
    Ok(format!("{note}, start {}", seconds(start)))
}
