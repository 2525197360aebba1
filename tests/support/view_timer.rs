//! How long the gate takes to come to a verdict on a running cluster, and how much memory: `view-timer CONFIG NODE [ROUNDS]`; and
//! what it is measured on: `view-timer CONFIG NODE make TOPICS PARTITIONS REPLICAS` makes topics of so many partitions each.
//!
//! Prints a line for each round (seconds of gathering and of judging, what was seen) and the peak of resident memory at the end. For
//! `cargo xtask bench` and for people; no test.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kafka_node::cluster::kafka::BrokerClient;
use kafka_node::cluster::kafka_topics::NewTopic;
use kafka_node::cluster::view;
use kafka_node::config::{self, Source};
use kafka_node::gate::{self, GatePolicy};
use kafka_node::model::Role;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, path, node, ..] = args.as_slice() else { panic!("view-timer CONFIG NODE [ROUNDS]") };
    let source = Source { path: PathBuf::from(path), node: Some(node.clone()), host_names: Vec::new() };
    let config = config::load(&source).unwrap_or_else(|errors| panic!("{errors}"));
    if args.get(3).is_some_and(|word| word == "make") {
        return make(&config, args.get(4..7).expect("TOPICS PARTITIONS REPLICAS"));
    }
    let rounds: usize = args.get(3).map_or(5, |rounds| rounds.parse().expect("a number of rounds"));
    let own = config.this_node();
    let policy = GatePolicy {
        node: own.name.clone(),
        broker: own.roles.has(Role::Kafka).then(|| own.number.broker_id()),
        headroom: config.reboot.headroom,
        settle: config.reboot.settle,
        strict: config.reboot.strict,
        config: gate::fingerprint(&config),
        powers_off: false,
    };
    for _ in 0..rounds {
        // As in the command: a runtime of its own, made and ended.
        let begin = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let view = runtime.block_on(view::gather(&config, Duration::from_secs(30)));
        drop(runtime);
        let gathered = begin.elapsed();
        let verdict = gate::judge(&view, &policy);
        let judged = begin.elapsed().saturating_sub(gathered);
        let partitions: usize = view.topics.iter().map(|topic| topic.partitions.len()).sum();
        println!(
            "gathered in {:.3} s, judged in {:.3} s: {} topics, {partitions} partitions, allowed: {}, unread: {:?}",
            gathered.as_secs_f64(),
            judged.as_secs_f64(),
            view.topics.len(),
            verdict.allows(),
            view.unread
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known");
    println!("peak of resident memory: {}", peak.trim_start_matches("VmHWM:").trim());
}

fn make(config: &config::Config, numbers: &[String]) {
    let number = |at: usize| numbers[at].parse::<i32>().expect("a number");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let limit = Duration::from_secs(60);
        let node = config.this_node();
        let mut client = BrokerClient::new(format!("{}:{}", node.advertised, config.kafka.port));
        let seen = client.metadata(None, limit).await.expect("a broker that answers");
        let controller = seen.controller.and_then(|id| seen.brokers.get(&id)).expect("a controller");
        let mut client = BrokerClient::new(controller.clone());
        for topic in 0..number(0) {
            let name = format!("topic-of-{}-{topic}", number(1));
            let replicas = i16::try_from(number(2)).expect("a number of replicas");
            let topic = NewTopic { name: &name, partitions: number(1), replicas, configs: &[] };
            client.create_topic(&topic, limit).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    });
}
