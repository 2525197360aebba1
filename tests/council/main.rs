//! Simulation of a cluster's council: three or five real `Supervisor`s that share a lock, a roll and an order to power down, on model
//! machines with simplified JVMs, in virtual time.
//!
//! `tests/sim` asks whether one node's JVMs are treated rightly, whatever they do. This one asks whether the nodes together never
//! go down two at a time, whatever befalls them on their way: so JVMs here serve when they are up, and what fails is machines,
//! supervisors, sessions, answers and znodes.
//!
//! # States of the models
//! ```text
//! machine:    off -> on -> told to go down -> off -> on; or cut off at any time, and gone until it is replaced
//! supervisor: begins, adopts what lives -> lives -> starts anew, is killed, ends
//! ZooKeeper:  Loads -> Serves (takes part in elections) -> Stops; the leader's leaving costs an election
//! broker:     Loads -> (a quorum, and no registration) -> Serves -> in sync -> Stops, which waits for a quorum; SIGTERM while
//!             it loads ends it uncleanly; its registration outlives an unclean end by seconds, unless it is fenced
//! documents:  the real `LockDoc` and `RollDoc`, written over the version that was read; a write can arrive after its writer died
//! presence:   an ephemeral of a life; it lapses seconds after a life that said no goodbye
//! answers:    lost, late, or a failure although it was done; the gate looks at some moment between question and answer
//! clocks:     each node's own begins anywhere; ZooKeeper's is its leader's, and off by up to 1.5 s
//! ```
//! # What is left out
//! Hangs, recoveries, partitions of the network: `tests/sim`. `kafka-node reboot` is two steps here, the lock and the order.
//!
//! # To replay
//! `KAFKA_NODE_COUNCIL_SEED=n cargo test --test council replay -- --nocapture` prints the whole story of a seed;
//! `KAFKA_NODE_COUNCIL_SCHEDULES=n` sets how many seeds `schedules` runs, `KAFKA_NODE_COUNCIL_FIRST=n` where they begin.

mod book;
mod clock;
mod cluster;
mod driver;
mod hearing;
mod invariants;
mod mutants;
mod operations;
mod processes;
mod questions;
mod schedule;
mod world;
mod znodes;

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_node::supervise::Supervisor;

use crate::driver::Driver;
use crate::invariants::Broken;
use crate::mutants::*;
use crate::world::{Counts, Trace, World};

/// Schedules in an ordinary test run; `cargo xtask test` asks for more in the `fast` profile.
const SCHEDULES: u64 = 150;

fn run<D: Driver>(seed: u64) -> Result<Counts, Broken> {
    World::<D>::new(seed, Trace::Off).run()
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Everything there is to say about a seed that broke something: it is run again with a trace.
fn report(seed: u64, broken: &Broken) -> String {
    let mut world = World::<Supervisor>::new(seed, Trace::Kept);
    let again = world.run();
    let same = if again.as_ref() == Err(broken) { "" } else { "\nand it did not break again: it is not deterministic" };
    let trace: Vec<String> = world.trace.iter().cloned().collect();
    format!(
        "{}\n\nseed {seed} broke `{}`{same}\n{}\n\nschedule: {:?}\n\n{}\n\n\
         replay: KAFKA_NODE_COUNCIL_SEED={seed} cargo test --test council replay -- --nocapture\n",
        trace.join("\n"),
        broken.invariant,
        broken.seen,
        world.schedule,
        world.views(),
    )
}

#[test]
fn schedules() {
    let first = from_environment("KAFKA_NODE_COUNCIL_FIRST").unwrap_or(0);
    let number = from_environment("KAFKA_NODE_COUNCIL_SCHEDULES").unwrap_or(SCHEDULES);
    let began = Instant::now();
    let mut all = Counts::default();
    for seed in first..first + number {
        match run::<Supervisor>(seed) {
            Ok(counts) => {
                all.events += counts.events;
                all.opened += counts.opened;
                all.expired += counts.expired;
                all.rolls += counts.rolls;
                all.steps += counts.steps;
                all.orders += counts.orders;
                all.lasted += counts.lasted / clock::SEC;
            }
            Err(broken) => panic!("{}", report(seed, &broken)),
        }
    }
    println!(
        "council: {number} schedules, {} events, {} gates opened, {} limits over, {} rolls with {} steps, {} orders obeyed, \
         {} h of virtual time, {:.1} s",
        all.events,
        all.opened,
        all.expired,
        all.rolls,
        all.steps,
        all.orders,
        all.lasted / 3600,
        began.elapsed().as_secs_f64()
    );
    assert!(all.opened > number / 4, "the gate is hardly ever opened");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let mut world = World::<Supervisor>::new(seed, Trace::Kept);
        let end = world.run();
        (end, world.trace)
    };
    for seed in 0..10 {
        assert_eq!(story(seed), story(seed), "seed {seed}");
    }
}

#[test]
fn replay() {
    let Some(seed) = from_environment("KAFKA_NODE_COUNCIL_SEED") else { return };
    let mut world = World::<Supervisor>::new(seed, Trace::Printed);
    println!("{:?}", world.schedule);
    let end = world.run();
    println!("{end:?}\n{}", world.views());
    if let Err(broken) = end {
        panic!("seed {seed} broke `{}`: {}", broken.invariant, broken.seen);
    }
}

/// How many seeds break what, with the first of each: for work on the model. Nothing is asserted beyond `schedules`.
#[test]
fn survey() {
    let Some(number) = from_environment("KAFKA_NODE_COUNCIL_SURVEY") else { return };
    let first = from_environment("KAFKA_NODE_COUNCIL_FIRST").unwrap_or(0);
    let mut broken = BTreeMap::<&str, Vec<u64>>::new();
    for seed in first..first + number {
        if let Err(failure) = run::<Supervisor>(seed) {
            broken.entry(failure.invariant).or_default().push(seed);
        }
    }
    for (invariant, seeds) in broken {
        println!("{invariant}: {} seeds, first {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
    }
}

/// The flaw must break one of these, and nothing else before it, within the first seeds.
fn expect_caught<F: Flaw>(invariants: &[&str]) {
    const SEEDS: u64 = 400;
    for seed in 0..SEEDS {
        if let Err(broken) = run::<Mutant<F>>(seed) {
            assert!(invariants.contains(&broken.invariant), "seed {seed}: {}: {}", broken.invariant, broken.seen);
            return;
        }
    }
    panic!("{SEEDS} schedules, and nothing noticed: {invariants:?} cannot fail");
}

#[test]
fn caught_taking_no_lock() {
    expect_caught::<TakesNoLock>(&["nobody_goes_without_the_lock", "lock_has_one_holder"]);
}

#[test]
fn caught_asking_the_gate_once() {
    expect_caught::<AsksOnce>(&["nobody_goes_on_an_answer_from_before_the_lock"]);
}

#[test]
fn caught_giving_the_lock_back_unsettled() {
    expect_caught::<NeverSettles>(&["released_only_when_healthy"]);
}

#[test]
fn caught_marking_nothing() {
    expect_caught::<MarksNothing>(&["roll_touches_each_node_once", "everything_ends_well"]);
}

#[test]
fn caught_obeying_an_order_twice() {
    expect_caught::<ObeysForEver>(&["power_down_is_obeyed_once"]);
}

#[test]
fn caught_heeding_no_gate() {
    expect_caught::<HeedsNoGate>(&["never_asked_for_the_lock_while_blocked"]);
}
