//! No fault at all: both cores busy with writes, full collections forced in every JVM, and nothing may be restarted.
//! Absent on purpose: the figures of the run; they are those of any trial.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::attach;
use super::cluster::{Cluster, HEALTHY_LIMIT};
use super::inject::rest;
use super::look::Look;
use super::producer::Producer;
use super::scenario::Scenario;
use super::tools::Tools;
use super::trial::{Trial, now};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::progress::Progress;

/// Where the load goes: its own topic, that keeps little.
const LOAD: &str = "load";
const SETTINGS: [&str; 4] =
    ["min.insync.replicas=2", "segment.bytes=33554432", "retention.bytes=67108864", "file.delete.delay.ms=1000"];
/// One JVM after the other collects, this long apart: each of the six does every minute.
const BETWEEN: Duration = Duration::from_secs(10);
/// How often a line is said.
const SAY: Duration = Duration::from_secs(60);

/// Runs it for so long.
pub fn run(
    progress: &Progress,
    cluster: &mut Cluster,
    tools: &Tools,
    producer: &mut Producer,
    dir: &Path,
    time: Duration,
) -> Outcome<Trial> {
    tools.create_topic(LOAD, &SETTINGS)?;
    cluster.await_healthy(true, HEALTHY_LIMIT)?;
    let before = cluster.looks()?;
    let mut load = load(tools, dir)?;
    let from = now();
    let watched = watch(progress, cluster, producer, &mut load, &before, time);
    child::end(&mut load);
    let collections = watched?;
    let after = cluster.looks()?;
    let restarts = |looks: &[Look]| looks.iter().map(|look| look.zookeeper.restarts + look.kafka.restarts).sum::<u64>();
    let mut touched = Vec::new();
    for (n, (a, b)) in before.iter().zip(&after).enumerate() {
        if a.pids().collect::<Vec<_>>() != b.pids().collect::<Vec<_>>() {
            touched.push(format!("a JVM of node {} ({}{})", n + 1, b.kafka.last_exit, b.zookeeper.last_exit));
        }
    }
    let notes = vec![
        format!("{} restarts", restarts(&after).saturating_sub(restarts(&before))),
        format!("{collections} full collections in {} s", time.as_secs()),
    ];
    Ok(Trial { to: now(), touched, notes, ..Trial::begin(Scenario::Soak, 1, from) })
}

/// As many records of 1 kB as the brokers take, by Kafka's own ProducerPerformance.
fn load(tools: &Tools, dir: &Path) -> Outcome<Child> {
    let log = dir.join("load.log");
    let out = std::fs::File::create(&log).during(|| format!("create {}", log.display()))?;
    let err = out.try_clone().during(|| "share a log".into())?;
    let mut command = tools.command("org.apache.kafka.tools.ProducerPerformance");
    command.args(["--topic", LOAD, "--num-records", "2000000000", "--record-size", "1000", "--throughput", "-1"]);
    command.args(["--producer-props", "acks=all", "linger.ms=5", &format!("bootstrap.servers={}", tools.bootstrap)]);
    child::spawn(command.stdin(Stdio::null()).stdout(out).stderr(err))
}

/// Forces collections until the time is over; how many there were.
fn watch(
    progress: &Progress,
    cluster: &Cluster,
    producer: &mut Producer,
    load: &mut Child,
    before: &[Look],
    time: Duration,
) -> Outcome<usize> {
    let begun = Instant::now();
    let mut said = begun;
    let mut collections = 0;
    let pids: Vec<u32> = before.iter().flat_map(Look::pids).collect();
    for pid in pids.iter().cycle() {
        if begun.elapsed() >= time {
            break;
        }
        rest(BETWEEN.min(time.saturating_sub(begun.elapsed())))?;
        producer.read()?;
        if let Some(status) = load.try_wait().during(|| "wait for the load".into())? {
            return Err(Failure::new(format!("the load ended with {status}")));
        }
        match attach::full_gc(*pid) {
            Ok(()) => collections += 1,
            // A JVM that was replaced shows in the figures.
            Err(failure) => progress.say(format!("soak: {}", failure.chain())),
        }
        if said.elapsed() >= SAY {
            said = Instant::now();
            let restarts: Vec<String> = cluster
                .looks()?
                .iter()
                .map(|look| format!("{}+{}", look.zookeeper.restarts, look.kafka.restarts))
                .collect();
            progress.say(format!(
                "soak: {} s, {collections} full collections, restarts of ZooKeeper+Kafka {}",
                begun.elapsed().as_secs(),
                restarts.join(" ")
            ));
        }
    }
    Ok(collections)
}
