//! The lock when its holder does not give it back: a machine that is gone for good, and a supervisor that is killed.

use std::time::{Duration, Instant};

use super::outage::clean_end;
use super::rolling::{lock, lock_is_free};
use crate::failure::{Failure, Outcome};
use crate::progress::seconds;
use crate::testbed::bed::Node;
use crate::testbed::power::{self, Kernel};
use crate::testbed::stage::Stage;

/// How long one look at whether a boot has its supervisor may take.
const SOON: Duration = Duration::from_secs(60);

/// The holder is powered off and does not come back: the lock stays its own until an operator gives it free, and another
/// node takes it.
pub fn holder_gone(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    stage.in_sync()?;
    let (one, two, gone) = (stage.node(1), stage.node(2), stage.node(3));
    if !power::off(&gone, stage.left())? {
        return Err(Failure::new(format!("{} did not shut down in time", gone.host())));
    }
    let held = shown(stage, &one, &gone)?;
    let denied = stage.refused(&two, &["kafka-node", "can-reboot"])?;
    if !denied.contains("lock") || !denied.contains(&gone.host()) {
        return Err(Failure::new(format!("the lock and {} are not named: {denied}", gone.host())));
    }
    // Who names another holder than there is has not looked.
    stage.refused(&two, &["kafka-node", "lock", "release", "--holder", &one.host(), "--because", "testbed"])?;
    shown(stage, &one, &gone)?;
    // As long as its supervisor's session lasts it is heard, and its lock is not taken away.
    let release = ["kafka-node", "lock", "release", "--holder", &gone.host(), "--because", "the machine is gone"];
    stage.wait(&format!("the lock of {} to be released", gone.host()), || {
        stage.command(&two, &release).map_err(|failure| failure.chain())
    })?;
    lock_is_free(stage)?;
    power::on(&gone, Kernel::Own)?;
    stage.in_sync()?;
    let begun = Instant::now();
    let boot = power::begin_reboot(&two)?;
    power::rebooted(&two, boot, stage.until)?;
    stage.in_sync()?;
    clean_end(stage, &two)?;
    lock_is_free(stage)?;
    Ok(format!("lock show: {held}; after its release another node rebooted in {}", seconds(begun.elapsed())))
}

/// kill -9 of the supervisor of a node that has rebooted and still holds the lock: its successor gives it back, and not before
/// the node is well.
pub fn holder_killed(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    stage.in_sync()?;
    let (one, node) = (stage.node(1), stage.node(2));
    let boot = power::begin_reboot(&node)?;
    power::rebooted(&node, boot, stage.until)?;
    let begun = Instant::now();
    let unit = stage.wait("the supervisor of the new boot", || {
        if begun.elapsed() > SOON {
            return Ok(None);
        }
        let unit = stage.unit(&node).map_err(|failure| failure.chain())?;
        if unit.main_pid == 0 { Err(format!("{unit:?}")) } else { Ok(Some(unit)) }
    })?;
    let unit = unit.ok_or_else(|| Failure::new(format!("{} has no supervisor after its boot", node.host())))?;
    shown(stage, &one, &node)?;
    stage.ask(&node, &format!("kill -KILL {}", unit.main_pid))?;
    let held = shown(stage, &one, &node)?;
    stage.replaced(&node, unit.main_pid)?;
    stage.in_sync()?;
    lock_is_free(stage)?;
    stage.command(&stage.node(3), &["kafka-node", "can-reboot"])?;
    Ok(format!("lock show: {held}; given back {} after the boot", seconds(begun.elapsed())))
}

/// Waits until a node shows the other one as the lock's holder; its words.
fn shown(stage: &Stage<'_>, node: &Node<'_>, holder: &Node<'_>) -> Outcome<String> {
    stage.wait(&format!("the lock to be held by {}", holder.host()), || {
        let said = lock(stage, node).map_err(|failure| failure.chain())?;
        if said.contains(&format!("{} (", holder.host())) { Ok(said) } else { Err(said) }
    })
}
