//! What the supervisor costs while both JVMs serve and its probes are on: memory and CPU, from `/proc`.
//! Absent on purpose: the JVMs' own cost.

use std::time::{Duration, Instant};

use super::ground::{self, Ground};
use crate::cargo;
use crate::failure::{Failure, Outcome};
use crate::fetch;
use crate::interrupt;
use crate::places::Places;
use crate::proc;
use crate::progress::Progress;

/// What was asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How long to watch
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The Java of the JVMs: 11 or 17
    #[arg(long, default_value_t = 11)]
    java: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 60, java: 11 }
    }
}

/// Time for a start's last work to end before the watch begins.
const SETTLE: Duration = Duration::from_secs(10);

/// Measures and prints.
pub fn run(places: &Places, progress: &Progress, options: &Options) -> Outcome<()> {
    let fetched = fetch::fetch(places, progress)?;
    let java = ground::java(places, progress, options.java)?;
    let binary = cargo::kafka_node(places, progress, "release")?;
    ground::free()?;
    ground::within(places, |dir| {
        let ground = Ground { kafka_home: &fetched.kafka_home, java: &java, address: ground::ADDRESS, dir };
        let mut node = ground.start_node(&binary)?;
        let ended = |node: &mut crate::demo::node::Node| {
            Ok(node.has_ended()?.then(|| format!("the node ended\n{}", node.last_words())))
        };
        let watched = ground.await_serving(Instant::now(), || ended(&mut node)).and_then(|_| {
            progress.say(format!("idle: both serve; watching pid {} for {} s", node.pid(), options.seconds));
            rest(SETTLE)?;
            let before = proc::cpu_time(node.pid()) + proc::cpu_time_of_reaped(node.pid());
            rest(Duration::from_secs(options.seconds))?;
            let spent = (proc::cpu_time(node.pid()) + proc::cpu_time_of_reaped(node.pid())).saturating_sub(before);
            let memory = proc::memory(node.pid()).ok_or_else(|| Failure::new("the supervisor is gone"))?;
            Ok((spent, memory))
        });
        let stopped = ground::stop(&mut node);
        let (spent, memory) = watched?;
        stopped?;
        let share = 100.0 * spent.as_secs_f64() / Duration::from_secs(options.seconds).as_secs_f64();
        progress.say(format!(
            "idle: RSS {} kB (anonymous {} kB), {} threads; CPU {:.1} ms in {} s, {share:.3} % of a core",
            memory.resident,
            memory.anonymous,
            memory.threads,
            1000.0 * spent.as_secs_f64(),
            options.seconds
        ));
        Ok(())
    })
}

/// Lets time pass, which is what this benchmark measures.
fn rest(time: Duration) -> Outcome<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        interrupt::check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
