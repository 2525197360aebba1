//! What only a package does: an upgrade, and the removal.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::load::Load;
use crate::failure::{Failure, Outcome};
use crate::progress::seconds;
use crate::testbed::bed::Node;
use crate::testbed::install::{self, Way};
use crate::testbed::power;
use crate::testbed::stage::Stage;

/// The longest pause between two acknowledgements while no broker restarts, in milliseconds: the machine builds on the side.
const LONGEST_GAP: u64 = 5000;

/// What of the data is compared, byte by byte: ids, and what clients wrote. A stop itself writes more (positions, snapshots), and
/// the broker finishes what it was told to delete before.
const KEPT: &str = "cd /data && find . \\( -name meta.properties -o -name myid -o -path './kafka/*/*.log' \\) \
                    ! -path '*-delete/*' ! -path '*/kafka-node-verify-*' -exec sha256sum {} + | sort -k 2";

/// The second release of the package goes in under load, node after node.
pub fn upgrade(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    package(stage)?;
    let second = install::next_release(stage.places, stage.progress, &stage.node(1))?;
    let path = install::share_file(stage.bed, &second)?;
    let mut load = Load::begin(stage, stage.node(1))?;
    let done = upgrade_all(stage, &path, &mut load);
    let acks = load.finish();
    let time = done?;
    let acks = acks?;
    if acks.failed > 0 || acks.longest_gap > LONGEST_GAP {
        return Err(Failure::new(format!("no broker restarted, and yet: {acks:?}")));
    }
    stage.verified(&stage.node(3))?;
    Ok(format!(
        "three nodes in {time}, {} records acknowledged, none failed, longest pause {} ms",
        acks.good, acks.longest_gap
    ))
}

fn upgrade_all(stage: &Stage<'_>, path: &str, load: &mut Load<'_>) -> Outcome<String> {
    let begun = Instant::now();
    for node in stage.bed.nodes() {
        let (before, unit) = (stage.both_jvms(&node)?, stage.unit(&node)?);
        stage.command(&node, &["rpm", "-U", "--nodeps", "--force-debian", path])?;
        stage.ready(&node)?;
        let after = stage.unit(&node)?;
        // The supervisor became the new program in place: the same pid, another file.
        let program = stage.ask(&node, &format!("readlink /proc/{}/exe", after.main_pid))?;
        if after.main_pid != unit.main_pid || program != "/usr/bin/kafka-node" {
            return Err(Failure::new(format!("{}: {unit:?} became {after:?}, which runs {program}", node.host())));
        }
        let jvms = stage.jvms(&node)?;
        // The producer's JVM runs as root and is not among them.
        if jvms != before {
            return Err(Failure::new(format!("{}: the JVMs are not the same: {before:?}, {jvms:?}", node.host())));
        }
        load.grown(100)?;
    }
    Ok(seconds(begun.elapsed()))
}

/// The package goes from all nodes at once; what was written stays. (One after the other works too, but then the second node's
/// ZooKeeper stays for the third's broker, as it should, for the whole grace.)
pub fn remove(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    package(stage)?;
    let begun = Instant::now();
    power::at_once(stage.bed, |node| remove_from(stage, node))?;
    let time = seconds(begun.elapsed());
    // The way back: the same package, and the data are those of before.
    stage.cluster()?;
    stage.verified(&stage.node(1))?;
    Ok(format!("three nodes in {time}, installed anew and serving on the same data"))
}

fn remove_from(stage: &Stage<'_>, node: &Node<'_>) -> Outcome<()> {
    let before = stage.ask(node, KEPT)?;
    let config = stage.ask(node, "sha256sum </etc/kafka-node/kafka-node.toml")?;
    stage.command(node, &["rpm", "-e", "--nodeps", "kafka-node"])?;
    let left = stage.leftovers(node)?;
    if !left.is_empty() {
        return Err(Failure::new(format!("{} has processes left: {left}", node.host())));
    }
    stage.ask(node, "test -e /data/kafka/.kafka_cleanshutdown && test ! -e /usr/bin/kafka-node && id kafka")?;
    let after = stage.ask(node, KEPT)?;
    if before != after {
        return Err(Failure::new(format!("{}: the data changed from {before} to {after}", node.host())));
    }
    // rpm keeps a file that was edited beside the place where it was.
    let saved = stage.ask(node, "sha256sum </etc/kafka-node/kafka-node.toml.rpmsave")?;
    if saved == config { Ok(()) } else { Err(Failure::new(format!("{}: the configuration was not kept", node.host()))) }
}

fn package<'a>(stage: &Stage<'a>) -> Outcome<&'a Path> {
    match stage.way {
        Way::Package(rpm) => Ok(rpm),
        Way::ByHand(binary) => Err(Failure::new(format!("{} is no package", PathBuf::from(binary).display()))),
    }
}
