//! How long the gate takes to come to a verdict on a running cluster, and how much memory: `view-timer CONFIG NODE [ROUNDS]`.
//!
//! Prints a line for each round (seconds of gathering and of judging, what was seen) and the peak of resident memory at the end. For
//! `cargo xtask bench` and for people; no test.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kafka_node::cluster::view;
use kafka_node::config::{self, Source};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, path, node, ..] = args.as_slice() else { panic!("view-timer CONFIG NODE [ROUNDS]") };
    let rounds: usize = args.get(3).map_or(5, |rounds| rounds.parse().expect("a number of rounds"));
    let source = Source { path: PathBuf::from(path), node: Some(node.clone()), host_names: Vec::new() };
    let config = config::load(&source).unwrap_or_else(|errors| panic!("{errors}"));
    for _ in 0..rounds {
        // As in the command: a runtime of its own, made and ended.
        let begin = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let view = runtime.block_on(view::gather(&config, Duration::from_secs(30)));
        drop(runtime);
        let gathered = begin.elapsed();
        let partitions: usize = view.topics.iter().map(|topic| topic.partitions.len()).sum();
        println!(
            "gathered in {:.3} s: {} topics, {partitions} partitions, unread: {:?}",
            gathered.as_secs_f64(),
            view.topics.len(),
            view.unread
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: not known");
    println!("peak of resident memory: {}", peak.trim_start_matches("VmHWM:").trim());
}
