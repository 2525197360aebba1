//! The supervisor ends or hangs under systemd, and both JVMs serve on.

use std::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::progress::seconds;
use crate::testbed::bed::Node;
use crate::testbed::stage::Stage;
use crate::testbed::{install, power};

/// kill -9, and a stop after it.
pub fn killed(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let note = kill_and_stop(stage, &stage.node(1))?;
    stage.command(&stage.node(1), &["systemctl", "start", "kafka-node"])?;
    stage.verified(&stage.node(2))?;
    Ok(note)
}

/// The supervisor of a node that is ready is killed, its successor adopts both JVMs, and stops them cleanly.
pub fn kill_and_stop(stage: &Stage<'_>, node: &Node<'_>) -> Outcome<String> {
    let (unit, jvms) = (stage.unit(node)?, stage.both_jvms(node)?);
    let adopted = |stage: &Stage<'_>| stage.ask(node, "kafka-node history --json | grep -c '\"adopt\"' || true");
    let before = adopted(stage)?;
    let begun = Instant::now();
    stage.ask(node, &format!("kill -KILL {}", unit.main_pid))?;
    stage.replaced(node, unit.main_pid)?;
    let back = begun.elapsed();
    stage.same_jvms(node, &jvms)?;
    let after = adopted(stage)?;
    if after == before {
        return Err(Failure::new(format!("the history of {} has {after} adoptions, as many as before", node.host())));
    }
    let begun = Instant::now();
    stage.command(node, &["systemctl", "stop", "kafka-node"])?;
    stage.stopped_cleanly(node)?;
    Ok(format!("ready again {} after kill -9, stop {}", seconds(back), seconds(begun.elapsed())))
}

/// SIGSTOP: the watchdog of 30 s ends it.
pub fn hangs(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let node = stage.node(2);
    let (unit, jvms) = (stage.unit(&node)?, stage.both_jvms(&node)?);
    let begun = Instant::now();
    stage.ask(&node, &format!("kill -STOP {}", unit.main_pid))?;
    stage.replaced(&node, unit.main_pid)?;
    let back = begun.elapsed();
    stage.same_jvms(&node, &jvms)?;
    stage.verified(&node)?;
    Ok(format!("ready again {} after SIGSTOP", seconds(back)))
}

/// One node, one pass: what the ordinary test command takes.
pub fn short(stage: &Stage<'_>) -> Outcome<String> {
    power::all_on(stage.bed)?;
    let node = stage.node(1);
    install::share(stage.places, stage.progress, stage.bed, stage.way)?;
    install::steps(&node, stage.way)?;
    let begun = Instant::now();
    stage.command(&node, &["systemctl", "enable", "--now", "kafka-node"])?;
    let start = begun.elapsed();
    stage.ask(&node, "kafka-node status")?;
    let note = kill_and_stop(stage, &node)?;
    Ok(format!("start {}, {note}", seconds(start)))
}
