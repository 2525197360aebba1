//! The same fault without kafka-node: the stock command lines on the same three addresses, and nobody who restarts anything.
//! Absent on purpose: the other faults. A stock broker that is frozen stays frozen, and nothing watches a supervisor that is
//! not there.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::acks::Gaps;
use super::cluster::ADDRESSES;
use super::inject::rest;
use super::producer::{CONFIG, Producer};
use super::tools::Tools;
use super::trial::{BEFORE, now};
use super::{PARTITIONS, TOPIC};
use crate::bench::Spread;
use crate::bench::judge::{self, Metadata};
use crate::bench::stock::{self, Stock};
use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};
use crate::fetch::java::Java;
use crate::interrupt;
use crate::progress::Progress;

/// How long three nodes may take to serve.
const LIMIT: Duration = Duration::from_secs(180);
/// How long after the kill is watched: longer than the session timeout of 18 s and the move of the leaders.
const WATCH: Duration = Duration::from_secs(40);
/// How long a JVM may take to stop.
const STOP: Duration = Duration::from_secs(30);

/// A node: its directory and its JVMs, ZooKeeper first.
struct Node {
    dir: PathBuf,
    jvms: [Child; 2],
}

/// Measures and prints.
pub fn run(
    progress: &Progress,
    runs: u32,
    throughput: u32,
    dir: &Path,
    kafka_home: &Path,
    java: &Java,
    tools: &Tools,
) -> Outcome<()> {
    let mut nodes = Vec::new();
    let done = measure(progress, runs, throughput, dir, (kafka_home, java), tools, &mut nodes);
    progress.say("stock: stopping all nodes");
    // Brokers first: without ZooKeeper one hangs in its shutdown.
    for which in [1, 0] {
        let mut jvms: Vec<&mut Child> =
            nodes.iter_mut().filter_map(|node: &mut Node| node.jvms.get_mut(which)).collect();
        for jvm in &jvms {
            child::signal(jvm.id(), Signal::SIGTERM);
        }
        let begun = Instant::now();
        while jvms.iter_mut().any(|jvm| matches!(jvm.try_wait(), Ok(None))) {
            if begun.elapsed() > STOP {
                for jvm in &mut jvms {
                    // Said nowhere: how stock nodes stop is not what is measured.
                    let _ = jvm.kill();
                }
            }
            std::thread::sleep(POLL);
        }
    }
    done
}

fn measure(
    progress: &Progress,
    runs: u32,
    throughput: u32,
    dir: &Path,
    (kafka_home, java): (&Path, &Java),
    tools: &Tools,
    nodes: &mut Vec<Node>,
) -> Outcome<()> {
    let at = |n: usize, dir: &Path| -> Outcome<[Child; 2]> {
        let address = *ADDRESSES.get(n).ok_or_else(|| Failure::new("there is no such node"))?;
        let heaps = ("256M", "512M");
        stock::start(&Stock { kafka_home, java, address, members: &ADDRESSES, heaps, dir })
    };
    for n in 0..ADDRESSES.len() {
        let dir = dir.join(format!("stock{}", n + 1));
        nodes.push(Node { jvms: at(n, &dir)?, dir });
    }
    let serving =
        |address| judge::metadata(address, 9092, None).is_some_and(|seen| seen.brokers.len() == ADDRESSES.len());
    until(|| ADDRESSES.into_iter().all(serving), "three stock brokers do not serve")?;
    tools.create_topic(TOPIC, &["min.insync.replicas=2"])?;
    until(in_sync, "the replicas are not in sync")?;
    let mut producer = Producer::start(tools, dir, throughput, CONFIG)?;
    producer.await_writes(PARTITIONS, LIMIT)?;
    let mut figures = Vec::new();
    for run in 1..=runs {
        tools.elect_preferred()?;
        rest(BEFORE)?;
        let metadata = look().ok_or_else(|| Failure::new("no broker answers"))?;
        let n = (0..ADDRESSES.len())
            .find(|n| usize::try_from(metadata.controller - 1) != Ok(*n))
            .ok_or_else(|| Failure::new("no node is not the controller"))?;
        let node = nodes.get_mut(n).ok_or_else(|| Failure::new("there is no such node"))?;
        let Node { dir: home, jvms: [_, broker] } = node;
        let from = now();
        broker.kill().and_then(|()| broker.wait()).during(|| "kill a broker".into())?;
        rest(WATCH)?;
        producer.read()?;
        let gaps: Gaps = producer.acks.gaps(from, now(), PARTITIONS);
        let seconds = |milliseconds| Duration::from_millis(milliseconds).as_secs_f64();
        progress.say(format!(
            "stock: kill-leader {run}/{runs}, node {}: longest write gap {:.3} s (partition {}{}; over all partitions {:.3} s); \
             not restarted",
            n + 1,
            seconds(gaps.partition),
            gaps.which,
            if gaps.open { ", still open" } else { "" },
            seconds(gaps.any)
        ));
        figures.push(seconds(gaps.partition));
        // By hand, for the next run: the dead session is over by now.
        let address = *ADDRESSES.get(n).ok_or_else(|| Failure::new("there is no such node"))?;
        let heaps = ("256M", "512M");
        *broker = Stock { kafka_home, java, address, members: &ADDRESSES, heaps, dir: home }.broker()?;
        until(in_sync, "the broker that was started again is not in sync")?;
    }
    if let Some(spread) = Spread::of(&figures) {
        progress.say(format!("stock: kill-leader      longest write gap of a partition, s          {spread}"));
    }
    super::count(progress, dir, tools, producer)
}

fn look() -> Option<Metadata> {
    ADDRESSES.iter().find_map(|address| judge::metadata(*address, 9092, Some(TOPIC)))
}

fn in_sync() -> bool {
    look().is_some_and(|seen| {
        seen.partitions.len() == PARTITIONS && seen.partitions.iter().all(|p| p.isr.len() == p.replicas.len())
    })
}

fn until(done: impl Fn() -> bool, otherwise: &str) -> Outcome<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > LIMIT {
            return Err(Failure::new(otherwise));
        }
        interrupt::check()?;
        std::thread::sleep(POLL);
    }
    Ok(())
}
