//! `cargo xtask bench roll`: three real nodes are restarted one after the other while a producer waits for every replica and a
//! consumer group reads. Printed: failed sends, records lost, the longest gaps of both, and what they fell together with.
//! Absent on purpose: passing or failing by a figure; and reboots, which `cargo xtask testbed test --only roll-reboot` does.

pub(crate) mod deed;
mod election;
mod group;
pub(crate) mod report;
mod watch;
pub(crate) mod witness;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::faults::cluster::{Cluster, HEALTHY_LIMIT, Shape};
use super::faults::inject::rest;
use super::faults::tools::Tools;
use super::faults::{PARTITIONS, TOPIC};
use super::ground;
use crate::cargo;
use crate::demo::ports;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::{self, kafka};
use crate::places::Places;
use crate::progress::Progress;
use deed::Leaders;
use watch::Watch;
use witness::Witness;

/// Loopback addresses of this benchmark's own.
const ADDRESSES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(127, 0, 72, 1), Ipv4Addr::new(127, 0, 72, 2), Ipv4Addr::new(127, 0, 72, 3)];
/// What the topic is told.
pub(crate) const TOPIC_SETTINGS: [&str; 1] = ["min.insync.replicas=2"];

/// What was asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Without kafka-node's own roll: SIGTERM and start of one node after the other, by number
    #[arg(long)]
    by_hand: bool,
    /// By hand, but the controller last, and leaders moved back after each node
    #[arg(long, requires = "by_hand")]
    leaders: bool,
    /// Leaders move back so many partitions at a time
    #[arg(long, requires = "leaders", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// The next node stops in the moment in which leaders have moved back
    #[arg(long, requires = "leaders")]
    hasty: bool,
    /// The node that the roll is ordered on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    from: u8,
    /// Seconds that the cluster has to be well before the next node ([reboot] settle)
    #[arg(long, default_value_t = 5)]
    settle: u64,
    /// The Java of the JVMs: 11 or 17
    #[arg(long, default_value_t = 11)]
    java: u32,
    /// Records a second
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=5000))]
    throughput: u32,
    /// Properties of the broker to try, as KEY=VALUE
    #[arg(long)]
    property: Vec<String>,
    /// The profile that kafka-node is built in: release, fast or debug
    #[arg(long, default_value = "release", value_parser = ["release", "fast", "debug"])]
    profile: String,
    /// A kafka-node that is built already
    #[arg(long, conflicts_with = "profile")]
    binary: Option<PathBuf>,
    /// Keep logs, acknowledgements and what was received in the cache
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
        "roll: three nodes on {java}, {} records a second with acks=all, without idempotence, into {PARTITIONS} partitions of three \
         replicas, min.insync.replicas 2; a group of {} reads; {}; load before: {}",
        options.throughput,
        group::MEMBERS,
        match (options.by_hand, options.leaders) {
            (false, _) => "kafka-node roll restart",
            (true, false) => "by hand, by number",
            (true, true) => "by hand, the controller last, leaders moved back",
        },
        load.trim()
    ));
    let binary = match &options.binary {
        Some(binary) => binary.canonicalize().during(|| format!("find {}", binary.display()))?,
        None => cargo::kafka_node(places, progress, &options.profile)?,
    };
    let split = |text: &String| text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let properties =
        options.property.iter().map(|text| split(text).ok_or_else(|| Failure::new(format!("{text}: KEY=VALUE"))));
    let properties: Vec<(String, String)> = properties.collect::<Outcome<_>>()?;
    let properties: Vec<(&str, &str)> = properties.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    ground::within(places, |dir| {
        let tools = Tools::new(&java, &fetched.kafka_home, &test_tools, dir, &ADDRESSES)?;
        let more = format!("\n[reboot]\nsettle = \"{}s\"\n", options.settle);
        let shape = Shape { addresses: ADDRESSES, properties: &properties, more: &more };
        let mut cluster = Cluster::start(dir, &binary, &fetched.kafka_home, &java.home, &shape)?;
        let done = measure(progress, options, dir, &mut cluster, &tools);
        progress.say("roll: stopping all nodes");
        let stopped = cluster.stop();
        let words = cluster.last_words();
        if options.keep_logs || done.is_err() {
            ground::keep(places, progress, dir, "roll");
        }
        done.map_err(|failure| Failure::new(format!("{}\n{words}", failure.chain())))?;
        stopped
    })
}

fn measure(progress: &Progress, options: &Options, dir: &Path, cluster: &mut Cluster, tools: &Tools) -> Outcome<()> {
    cluster.await_healthy(false, HEALTHY_LIMIT)?;
    tools.create_topic(TOPIC, &TOPIC_SETTINGS)?;
    let mut witness = Witness::begin(tools, dir, options.throughput, || cluster.await_healthy(true, HEALTHY_LIMIT))?;
    rest(Duration::from_secs(options.settle))?;
    progress.say("roll: all nodes are in sync, every partition is written to and read");
    witness.quiet()?;
    let watch = Watch::begin(&ADDRESSES);
    let rolled = if options.by_hand {
        let batch = usize::try_from(options.batch).unwrap_or(usize::MAX);
        let leaders = options.leaders.then_some(Leaders { batch, hasty: options.hasty });
        deed::by_hand(cluster, Duration::from_secs(options.settle), leaders)
    } else {
        deed::by_verb(progress, cluster, usize::from(options.from).saturating_sub(1))
    };
    let done = witness.end(progress, tools, || {
        let mut said = watch.end();
        let done = rolled.map(|words| said.extend(words));
        said.sort_by_key(|(at, _)| *at);
        (said, done)
    });
    if let Some(metadata) = cluster.metadata(None) {
        let (home, all) = (watch::at_home(&metadata), metadata.partitions.len());
        progress.say(format!("roll: {home} of {all} partitions are led by their preferred replica"));
    }
    done.map(|_| ())
}
