//! Runs seeds, and reports a broken invariant so that anybody can see it again.

use kafka_node::supervise::Supervisor;

use crate::driver::Driver;
use crate::invariants::Broken;
use crate::world::{Counts, Trace, World};

/// A seed that broke an invariant.
pub struct Failure {
    pub seed: u64,
    pub broken: Broken,
}

/// Runs one seed without a word.
pub fn run<D: Driver>(seed: u64) -> Result<Counts, Failure> {
    World::<D>::new(seed, Trace::Off).run().map_err(|broken| Failure { seed, broken })
}

/// Runs seeds until one breaks something.
pub fn run_all<D: Driver>(seeds: impl Iterator<Item = u64>) -> Result<Counts, Failure> {
    let mut all = Counts::default();
    for seed in seeds {
        let counts = run::<D>(seed)?;
        all.events += counts.events;
        all.spawns += counts.spawns;
        all.lasted += counts.lasted;
    }
    Ok(all)
}

/// Everything there is to say about a seed that broke something: it is run again with a trace.
pub fn report(failure: &Failure) -> String {
    let Failure { seed, broken } = failure;
    let mut world = World::<Supervisor>::new(*seed, Trace::Kept);
    let again = world.run();
    let trace: Vec<String> = world.trace.iter().cloned().collect();
    let same = match again {
        Err(again) if again == *broken => "",
        _ => "\nand it did not break again: the simulation is not deterministic",
    };
    format!(
        "seed {seed} broke `{}`{same}\n{}\n\nschedule: {:?}\n\nthe last of the trace:\n{}\n\nwhat each node says:\n{}\n\
         replay: KAFKA_NODE_SIM_SEED={seed} cargo test --test sim replay -- --nocapture\n",
        broken.invariant,
        broken.seen,
        world.schedule,
        trace.join("\n"),
        world.views(),
    )
}

/// A number from the environment.
pub fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Every seed in `tests/sim/regressions/*.txt`: the first word of each line that is a number; the rest is for people.
pub fn regressions() -> Vec<u64> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/regressions");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.sort();
    files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|text| {
            text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect::<Vec<u64>>()
        })
        .collect()
}
