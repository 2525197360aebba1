//! The whole cluster goes down, in one command or by the power button of each machine: every broker ends cleanly.

use std::time::{Duration, Instant};

use super::outage::clean_end;
use super::rolling::lock_is_free;
use crate::failure::{Failure, Outcome};
use crate::progress::seconds;
use crate::testbed::power;
use crate::testbed::stage::Stage;

/// Between one machine's power button and the next one's: long enough that the stock scripts leave two brokers unclean.
const APART: Duration = Duration::from_secs(6);
/// `systemctl poweroff` on each machine, 6 s apart, and then at the same moment.
pub fn power_down(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let apart = down_and_up(stage, APART)?;
    let at_once = down_and_up(stage, Duration::ZERO)?;
    lock_is_free(stage)?;
    Ok(format!("all off in {} (6 s apart) and {} (at once), every broker clean", seconds(apart), seconds(at_once)))
}

/// All nodes off and on again; how long they took to be off.
fn down_and_up(stage: &Stage<'_>, apart: Duration) -> Outcome<Duration> {
    stage.in_sync()?;
    let begun = Instant::now();
    power::at_once(stage.bed, |node| {
        // The pause is what is tested.
        std::thread::sleep(apart * u32::from(node.number - 1));
        if power::off(node, stage.left())? { Ok(()) } else { Err(Failure::new("it did not shut down in time")) }
    })?;
    let off = begun.elapsed();
    power::all_on(stage.bed)?;
    stage.in_sync()?;
    stage.bed.nodes().try_for_each(|node| {
        clean_end(stage, &node)?;
        // Kafka's own word for `.kafka_cleanshutdown`, which it removes as it starts.
        let line = "journalctl --no-pager -b -o cat -u kafka-node | grep -m 1 'clean shutdown file was found'";
        stage.ask(&node, line).map(|_| ())
    })?;
    Ok(off)
}

/// `kafka-node stop --cluster` on one node: all units are down and clean, stay so, and come back when they are started.
pub fn stop_cluster(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    stage.in_sync()?;
    let begun = Instant::now();
    stage.command(&stage.node(1), &["kafka-node", "stop", "--cluster", "--because", "testbed"])?;
    stage.bed.nodes().try_for_each(|node| {
        stage.wait(&format!("{} to be stopped", node.host()), || {
            let unit = stage.unit(&node).map_err(|failure| failure.chain())?;
            if unit.active == "inactive" { Ok(()) } else { Err(format!("{unit:?}")) }
        })
    })?;
    let stopped = begun.elapsed();
    stage.bed.nodes().try_for_each(|node| stage.stopped_cleanly(&node))?;
    let begun = Instant::now();
    stage.cluster()?;
    stage.in_sync()?;
    Ok(format!(
        "all stopped cleanly in {}, all in sync {} after their start",
        seconds(stopped),
        seconds(begun.elapsed())
    ))
}
