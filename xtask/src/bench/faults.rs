//! `cargo xtask bench faults`: three real nodes, a real producer that waits for every replica, and one fault after the other.
//! Printed for each: the longest gap between acknowledged writes, the time until all is as before, records lost.
//! Absent on purpose: passing or failing by a figure. A node that does not come back by itself is a line, not an error.

pub(crate) mod acks;
mod attach;
pub(crate) mod cluster;
pub(crate) mod inject;
pub(crate) mod ledger;
mod lines;
pub(crate) mod look;
mod orphans;
mod outage;
pub(crate) mod producer;
mod report;
mod scenario;
mod soak;
mod stock;
pub(crate) mod tools;
pub(crate) mod trial;

use std::path::Path;
use std::time::Duration;

use super::ground;
use crate::cargo;
use crate::demo::ports;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::java::Java;
use crate::fetch::{self, kafka};
use crate::places::Places;
use crate::progress::Progress;
use cluster::{ADDRESSES, Cluster, HEALTHY_LIMIT, PROPERTIES, Shape};
use ledger::Ledger;
use producer::Producer;
use report::Row;
use scenario::Scenario;
use tools::Tools;
use trial::Stage;

/// The topic that is written to.
pub(crate) const TOPIC: &str = "bench";
/// Its partitions: each broker leads two.
pub(crate) const PARTITIONS: usize = 6;
/// Lost records that are named.
const NAMED: usize = 10;

/// What was asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Only these faults, each run in turn (default: all but the soak)
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Runs of each fault
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The Java of the JVMs: 11 or 17
    #[arg(long, default_value_t = 11)]
    java: u32,
    /// Records a second
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=5000))]
    throughput: u32,
    /// Numbered lines a second that each JVM is made to log while a supervisor is hit (0.9 kB each of the broker's)
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    lines: u32,
    /// Minutes of the soak
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// The profile that kafka-node is built in: release, fast or debug
    #[arg(long, default_value = "release", value_parser = ["release", "fast", "debug"])]
    profile: String,
    /// The stock command lines in place of kafka-node, restarted by nobody: kill -9 of a leader
    #[arg(long, conflicts_with_all = ["only", "profile"])]
    stock: bool,
    /// Keep logs and acknowledgements in the cache
    #[arg(long)]
    keep_logs: bool,
}

/// Measures and prints.
pub fn run(places: &Places, progress: &Progress, options: &Options) -> Outcome<()> {
    let fetched = fetch::fetch(places, progress)?;
    let java = ground::java(places, progress, options.java)?;
    let test_tools = kafka::tools(places, progress, &fetched.java).during(|| "fetch Kafka's test tools".into())?;
    let addresses: Vec<String> = ADDRESSES.iter().map(ToString::to_string).collect();
    ports::check(&addresses).during(|| format!("claim the production ports on {}", addresses.join(", ")))?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    progress.say(format!(
        "faults: three nodes on {java}, {} records a second with acks=all and idempotence into {PARTITIONS} partitions of three \
         replicas, min.insync.replicas 2; load before: {}",
        options.throughput,
        load.trim()
    ));
    let binary = if options.stock { None } else { Some(cargo::kafka_node(places, progress, &options.profile)?) };
    ground::within(places, |dir| {
        let tools = Tools::new(&java, &fetched.kafka_home, &test_tools, dir, &ADDRESSES)?;
        let done = match &binary {
            Some(binary) => ours(progress, options, dir, binary, &fetched.kafka_home, &java, &tools),
            None => stock::run(progress, options.runs, options.throughput, dir, &fetched.kafka_home, &java, &tools),
        };
        if options.keep_logs || done.is_err() {
            ground::keep(places, progress, dir, "faults");
        }
        done
    })
}

fn ours(
    progress: &Progress,
    options: &Options,
    dir: &Path,
    binary: &Path,
    kafka_home: &Path,
    java: &Java,
    tools: &Tools,
) -> Outcome<()> {
    let shape = Shape { addresses: ADDRESSES, properties: &PROPERTIES, more: "" };
    let mut cluster = Cluster::start(dir, binary, kafka_home, &java.home, &shape)?;
    let done = measure(progress, options, dir, &mut cluster, tools);
    progress.say("faults: stopping all nodes");
    let stopped = cluster.stop();
    let words = cluster.last_words();
    done.map_err(|failure| Failure::new(format!("{}\n{words}", failure.chain())))?;
    stopped
}

fn measure(progress: &Progress, options: &Options, dir: &Path, cluster: &mut Cluster, tools: &Tools) -> Outcome<()> {
    cluster.await_healthy(false, HEALTHY_LIMIT)?;
    tools.create_topic(TOPIC, &["min.insync.replicas=2"])?;
    cluster.await_healthy(true, HEALTHY_LIMIT)?;
    let mut producer = Producer::start(tools, dir, options.throughput, producer::CONFIG)?;
    producer.await_writes(PARTITIONS, HEALTHY_LIMIT)?;
    progress.say("faults: all nodes are in sync, every partition is written to");
    let mut rows = Vec::new();
    let done = trials(
        progress,
        options,
        dir,
        &mut Stage { cluster, tools, lines: options.lines, last: 0 },
        &mut producer,
        &mut rows,
    );
    // What was measured is shown, and the records are counted, even where a later fault could not be run.
    report::sum_up(progress, &rows);
    if done.is_ok() {
        count(progress, dir, tools, producer)?;
    }
    done
}

fn trials(
    progress: &Progress,
    options: &Options,
    dir: &Path,
    stage: &mut Stage<'_>,
    producer: &mut Producer,
    rows: &mut Vec<Row>,
) -> Outcome<()> {
    let scenarios = if options.only.is_empty() { Scenario::SHORT.to_vec() } else { options.only.clone() };
    for scenario in scenarios {
        let runs = if scenario == Scenario::Soak { 1 } else { options.runs };
        for run in 1..=runs {
            let trial = match scenario {
                Scenario::Soak => {
                    let time = Duration::from_secs(60 * options.minutes);
                    soak::run(progress, stage.cluster, stage.tools, producer, dir, time)
                }
                _ => stage.run(scenario),
            };
            producer.read()?;
            let trial = trial.during(|| format!("run {scenario}"))?;
            let row = Row::of(&trial, &producer.acks);
            let words = row.line(&trial, &producer.acks);
            progress.say(format!("faults: {scenario} {run}/{runs}, node {}: {words}", trial.node));
            rows.push(row);
        }
    }
    Ok(())
}

/// Ends the producer, reads everything back, and compares.
fn count(progress: &Progress, dir: &Path, tools: &Tools, mut producer: Producer) -> Outcome<()> {
    producer.finish()?;
    let read = tools.read_back(&dir.join("values.txt"))?;
    let ledger = Ledger::compare(&producer.acks, &read);
    progress.say(format!("faults: {ledger}"));
    for ack in ledger.lost.iter().take(NAMED) {
        progress
            .say(format!("faults: LOST: {} of partition {}, acknowledged at {} ms", ack.value, ack.partition, ack.at));
    }
    for (at, why) in producer.acks.failed.iter().take(NAMED) {
        progress.say(format!("faults: given up at {at} ms: {why}"));
    }
    Ok(())
}
