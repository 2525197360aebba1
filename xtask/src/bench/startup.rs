//! From exec to serving, kafka-node and the stock command lines in turn, one node alone: time, CPU of the whole
//! process tree at the moment of serving, and the supervisor's own share of it. Fresh data directories every run.
//! Absent on purpose: a verdict. Figures and ratios of pairs are printed; what they mean depends on the machine.

use std::time::{Duration, Instant};

use super::Spread;
use super::ground::{self, Ground, HEAPS};
use super::stock;
use crate::cargo;
use crate::child;
use crate::failure::{Failure, Outcome};
use crate::fetch;
use crate::places::Places;
use crate::proc;
use crate::progress::Progress;

/// What was asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Pairs of runs
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The Java of both sides: 11 or 17
    #[arg(long, default_value_t = 11)]
    java: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { runs: 10, java: 11 }
    }
}

/// One start.
#[derive(Debug, Clone, Copy)]
struct Start {
    zookeeper: Duration,
    serving: Duration,
    /// CPU of all processes, those that ended on the way too.
    cpu: Duration,
    /// CPU of the supervisor alone, and of the children it has waited for (a JVM that proves its flags).
    supervisor: Duration,
    reaped: Duration,
}

/// Measures and prints.
pub fn run(places: &Places, progress: &Progress, options: &Options) -> Outcome<()> {
    let fetched = fetch::fetch(places, progress)?;
    let java = ground::java(places, progress, options.java)?;
    let binary = cargo::kafka_node(places, progress, "release")?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    progress.say(format!(
        "startup: {} pairs on {java}, heaps {} and {} on both sides, the stock JVMs started at once; load before: {}",
        options.runs,
        HEAPS.0,
        HEAPS.1,
        load.trim()
    ));
    // Two cores' worth of work beside it change the figures by tens of percent; pairs even out a little of that.
    if load.split('.').next().is_some_and(|whole| whole != "0") {
        progress
            .say("startup: this machine is not quiet; trust the ratios of pairs more than the times, and neither much");
    }
    ground::free()?;
    ground::within(places, |dir| {
        let ground = Ground { kafka_home: &fetched.kafka_home, java: &java, address: ground::ADDRESS, dir };
        let ours = || one_of_ours(&ground, &binary);
        let stock = || one_of_stock(&ground);
        // One start of each that does not count: page cache, and what kafka-node keeps in its own cache.
        show(progress, "warm-up, kafka-node", &ours()?);
        show(progress, "warm-up, stock", &stock()?);
        let mut pairs = Vec::new();
        for run in 1..=options.runs {
            // Every other pair in the other order, so that neither side always comes after the other.
            let (a, b) = if run % 2 == 1 {
                let a = ours()?;
                (a, stock()?)
            } else {
                let b = stock()?;
                (ours()?, b)
            };
            show(progress, &format!("{run}, kafka-node"), &a);
            show(progress, &format!("{run}, stock"), &b);
            pairs.push((a, b));
        }
        sum_up(progress, &pairs);
        Ok(())
    })
}

fn one_of_ours(ground: &Ground<'_>, binary: &std::path::Path) -> Outcome<Start> {
    ground.fresh()?;
    let begun = Instant::now();
    let mut node = ground.start_node(binary)?;
    let served =
        ground.await_serving(begun, || Ok(node.has_ended()?.then(|| format!("the node ended\n{}", node.last_words()))));
    let cpu = proc::cpu_time_of_tree(node.pid());
    let supervisor = proc::cpu_time(node.pid());
    let reaped = proc::cpu_time_of_reaped(node.pid());
    let stopped = ground::stop(&mut node);
    let (zookeeper, serving) =
        served.map_err(|failure| Failure::new(format!("{}\n{}", failure.chain(), node.last_words())))?;
    stopped?;
    Ok(Start { zookeeper, serving, cpu, supervisor, reaped })
}

fn one_of_stock(ground: &Ground<'_>) -> Outcome<Start> {
    ground.fresh()?;
    let dir = ground.dir.join("stock");
    let stock = stock::Stock {
        kafka_home: ground.kafka_home,
        java: ground.java,
        address: ground.address,
        members: &[ground.address],
        heaps: ("512M", "1G"),
        dir: &dir,
    };
    let begun = Instant::now();
    let mut jvms = stock::start(&stock)?;
    let served = ground.await_serving(begun, || Ok(None));
    let cpu = jvms.iter().map(|jvm| proc::cpu_time_of_tree(jvm.id())).sum();
    // Kafka first: without ZooKeeper a broker hangs in its shutdown.
    for jvm in jvms.iter_mut().rev() {
        child::signal(jvm.id(), nix::sys::signal::Signal::SIGTERM);
        let begun = Instant::now();
        while matches!(jvm.try_wait(), Ok(None)) {
            if begun.elapsed() > Duration::from_secs(30) {
                // A stray from here on; the failure below says so.
                let _ = jvm.kill();
            }
            std::thread::sleep(child::POLL);
        }
    }
    let (zookeeper, serving) = served.map_err(|failure| {
        let log = |name: &str| child::last_lines(&dir.join(name), 0, 10);
        Failure::new(format!(
            "the stock command lines: {}\n{}{}",
            failure.chain(),
            log("zookeeper.out"),
            log("kafkaServer.out")
        ))
    })?;
    Ok(Start { zookeeper, serving, cpu, supervisor: Duration::ZERO, reaped: Duration::ZERO })
}

fn show(progress: &Progress, who: &str, start: &Start) {
    let own = if start.supervisor.is_zero() {
        String::new()
    } else {
        format!(
            ", of it supervisor {:.3} s, children it has reaped {:.2} s",
            start.supervisor.as_secs_f64(),
            start.reaped.as_secs_f64()
        )
    };
    progress.say(format!(
        "startup: {who:<20} zookeeper {:.3} s, broker {:.3} s, CPU {:.2} s{own}",
        start.zookeeper.as_secs_f64(),
        start.serving.as_secs_f64(),
        start.cpu.as_secs_f64()
    ));
}

fn sum_up(progress: &Progress, pairs: &[(Start, Start)]) {
    let line = |what: &str, figure: &dyn Fn(&(Start, Start)) -> f64| {
        let figures: Vec<f64> = pairs.iter().map(figure).collect();
        if let Some(spread) = Spread::of(&figures) {
            progress.say(format!("startup: {what:<46} {spread}"));
        }
    };
    line("exec to serving, kafka-node, s", &|(a, _)| a.serving.as_secs_f64());
    line("exec to serving, stock, s", &|(_, b)| b.serving.as_secs_f64());
    line("exec to serving, ratio of pairs", &|(a, b)| a.serving.as_secs_f64() / b.serving.as_secs_f64());
    line("CPU to serving, kafka-node, s", &|(a, _)| a.cpu.as_secs_f64());
    line("CPU to serving, stock, s", &|(_, b)| b.cpu.as_secs_f64());
    line("CPU to serving, ratio of pairs", &|(a, b)| a.cpu.as_secs_f64() / b.cpu.as_secs_f64());
    line("CPU of the supervisor alone, s", &|(a, _)| a.supervisor.as_secs_f64());
    line("CPU of what it started and reaped, s", &|(a, _)| a.reaped.as_secs_f64());
    line("supervisor and reaped, share of stock's CPU, %", &|(a, b)| {
        100.0 * (a.supervisor + a.reaped).as_secs_f64() / b.cpu.as_secs_f64()
    });
}
