//! Simulation: the real `Supervisor` of one to five nodes against model JVMs and a model ensemble, in virtual time.
//!
//! One seed is one schedule: a cluster, its weather and its faults, until all is well, all nodes are ready, and perhaps all
//! are stopped again. Nothing here sleeps, and the same seed always tells the same story.
//!
//! # States of the models
//! ```text
//! ZooKeeper:  Loads -> Listens -> Joined -> Stops                        (srvr: refused, not serving, serving with a quorum)
//! broker:     Loads -> Connects -> [Recovers] -> LoadsLogs -> Registers -> Serves -> Stops
//!             Connects gives up after 18 s (exit 1); Registers against another session ends in exit 1 (NodeExists);
//!             SIGTERM before Serves ends in exit 1 and what was recovered is lost; Stops hangs while there is no quorum
//! either:     well <-> frozen, traced, deadlocked, busy, in a GC spiral (answering or not), in forced collections, starved
//! session:    held by a living broker -> (unclean end, frozen, or cut off from the quorum) -> lapses 18 s later, if somebody
//!             leads; the broker comes back with another one, or never if a stranger took its place
//! quorum:     a majority of joined members that say anything, on one side of the network, an election later
//! supervisor: begins, told of the record on disk -> lives <-> stopped -> dies, at once or half way through what it does
//! fence:      asked -> looked (whose is it, and which znode) -> that znode removed, up to 5 s later
//! token:      free -> held by a session of a supervisor -> given back, replaced by the same node's next supervisor, or
//!             lapsed 10 s after its holder died or was cut off
//! ```
//! # Events
//! Deaths of either JVM by signals and exit codes, stops that hang with and without progress, hangs by kind, of one JVM and of
//! all brokers at once, brokers that lose their registration for good, strangers with a node's id, machines that stand still,
//! processes that cannot be made, findings before a start, a ZooKeeper session that does not come up, removals that are
//! refused, partitions, power cuts, stop requests once and twice, an oversleeping loop; supervisors killed, stopped, reloaded,
//! and killed between two actions; pids that come round again; answers that are slow, lost, late (of runs long gone), doubled
//! or untrue about a failure; clocks that differ; brokers whose output names their session late or never.
//!
//! # Invariants
//! In `invariants.rs`, each a function whose name is the sentence. `book.rs` keeps the books they judge by, apart from the
//! supervisor; what is true and nobody's knowledge is in `health.rs` and `requests.rs`. `mutants.rs` and
//! `mutants_of_health.rs` hold supervisors that break one promise each, to show that the invariants can fail.
//!
//! # What is left out
//! A run that no supervisor saw serve and that then hangs for ever is left alone for ever (it may recover): the world ends such
//! hangs when all is to be well. In bad weather a silence that is told late counts against a JVM whose answers since then were
//! lost: real probers answer once and in time. What a signal does to a pid that is not the run's any more is `process`'s.
//!
//! # To replay
//! `KAFKA_NODE_SIM_SEED=n cargo test --test sim replay -- --nocapture` prints the whole story of a seed;
//! `KAFKA_NODE_SIM_SCHEDULES=n` sets how many seeds `schedules` runs, `KAFKA_NODE_SIM_FIRST=n` where they begin.
//! A seed that broke something is kept in `regressions/`, in the commit that mends it.

mod book;
mod clock;
mod driver;
mod ensemble;
mod health;
mod invariants;
mod jvm;
mod message;
mod mutants;
mod mutants_of_health;
mod probes;
mod processes;
mod record;
mod requests;
mod runner;
mod schedule;
mod stages;
mod succession;
mod world;

use std::time::Instant;

use kafka_node::model::Rng;
use kafka_node::supervise::Supervisor;

use crate::mutants::*;
use crate::mutants_of_health::*;
use crate::runner::{from_environment, regressions, report, run, run_all};
use crate::schedule::{Kind, Schedule};
use crate::world::{Counts, Trace, World};

/// Schedules in an ordinary test run; CI asks for 10,000 in the `fast` profile.
const SCHEDULES: u64 = 2000;

fn expect_all_hold(seeds: impl Iterator<Item = u64>) -> Counts {
    match run_all::<Supervisor>(seeds) {
        Ok(counts) => counts,
        Err(failure) => panic!("{}", report(&failure)),
    }
}

#[test]
fn schedules() {
    let first = from_environment("KAFKA_NODE_SIM_FIRST").unwrap_or(0);
    let number = from_environment("KAFKA_NODE_SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let began = Instant::now();
    let counts = expect_all_hold(first..first + number);
    println!(
        "sim: {number} schedules, {} events, {} starts, {} h of virtual time, {:.1} s",
        counts.events,
        counts.spawns,
        counts.lasted / (60 * clock::MIN),
        began.elapsed().as_secs_f64()
    );
}

#[test]
fn regressions_stay_mended() {
    expect_all_hold(regressions().into_iter());
}

/// Seeds of this kind among the first ones.
fn seeds_of(kind: Kind, number: usize) -> impl Iterator<Item = u64> {
    (0..).filter(move |seed| Schedule::new(&mut Rng::new(*seed)).kind == kind).take(number)
}

#[test]
fn a_node_alone_for_long_and_then_the_others_all_become_ready_without_help() {
    expect_all_hold(seeds_of(Kind::Alone, 60));
}

#[test]
fn nodes_that_come_up_in_any_order_become_ready_and_stop_cleanly_where_they_can() {
    expect_all_hold(seeds_of(Kind::Calm, 100));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let mut world = World::<Supervisor>::new(seed, Trace::Kept);
        let counts = world.run().map(|counts| counts.events).map_err(|broken| broken.invariant);
        (counts, world.trace)
    };
    for seed in 0..20 {
        assert_eq!(story(seed), story(seed), "seed {seed}");
    }
}

#[test]
fn replay() {
    let Some(seed) = from_environment("KAFKA_NODE_SIM_SEED") else { return };
    let mut world = World::<Supervisor>::new(seed, Trace::Printed);
    println!("{:?}", world.schedule);
    let end = world.run();
    println!("{end:?}\n{}", world.views());
    if let Err(failure) = run::<Supervisor>(seed) {
        panic!("{}", report(&failure));
    }
}

/// How many seeds break what, with the first of each: for work on the model. Nothing is asserted beyond `schedules`.
#[test]
fn survey() {
    let Some(number) = from_environment("KAFKA_NODE_SIM_SURVEY") else { return };
    let first = from_environment("KAFKA_NODE_SIM_FIRST").unwrap_or(0);
    let mut broken = std::collections::BTreeMap::<&str, Vec<u64>>::new();
    for seed in first..first + number {
        if let Err(failure) = run::<Supervisor>(seed) {
            broken.entry(failure.broken.invariant).or_default().push(seed);
        }
    }
    for (invariant, seeds) in broken {
        println!("{invariant}: {} seeds, first {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
    }
}

#[test]
fn events_per_second() {
    let number = from_environment("KAFKA_NODE_SIM_SCHEDULES").unwrap_or(200).min(2000);
    let began = Instant::now();
    let counts = expect_all_hold(0..number);
    let seconds = began.elapsed().as_secs_f64();
    println!("sim: {} events, {seconds:.2} s, {:.0} events/s", counts.events, counts.events as f64 / seconds);
    assert!(counts.events > 0);
}

/// The flaw must break this invariant, and none before it, within the first seeds.
fn expect_caught<F: Flaw>(invariant: &str) {
    const SEEDS: u64 = 400;
    match run_all::<Mutant<F>>(0..SEEDS) {
        Err(failure) => {
            assert_eq!(failure.broken.invariant, invariant, "seed {}: {}", failure.seed, failure.broken.seen)
        }
        Ok(_) => panic!("{SEEDS} schedules, and nothing noticed: `{invariant}` cannot fail"),
    }
}

macro_rules! mutants {
    ($($test:ident: $flaw:ty => $invariant:ident;)*) => {$(
        #[test]
        fn $test() {
            expect_caught::<$flaw>(stringify!($invariant));
        }
    )*};
}

mutants! {
    caught_killing_early: KillsEarly => kill_never_before_grace;
    caught_dropping_the_deferral: DropsTheDeferral =>
        term_never_during_start_or_recovery_unless_second_request_or_no_progress;
    caught_starting_kafka_before_the_quorum: SpawnsBeforeQuorum => kafka_never_starts_before_quorum_ready;
    caught_ignoring_run_ids: IgnoresRunIds => old_runs_are_ignored;
    caught_ignoring_ask_numbers: IgnoresAskNumbers => old_runs_are_ignored;
    caught_ignoring_the_registration: IgnoresTheRegistration => kafka_never_starts_against_a_registration_seen_held;
    caught_stopping_zookeeper_first: StopsZooKeeperFirst => zookeeper_never_stops_before_kafka;
    caught_restarting_on_quorum_loss: RestartsOnQuorumLoss =>
        zookeeper_is_never_signalled_unless_the_node_stops_or_for_health;
    caught_stopping_zookeeper_with_kafka: StopsZooKeeperWithKafka => kafka_failure_never_stops_zookeeper;
    caught_restarting_a_silent_broker: RestartsASilentBroker =>
        kafka_is_never_signalled_unless_the_node_stops_or_for_health;
    caught_starting_a_second_process: SpawnsTwice => never_two_live_runs_of_a_service;
    caught_asking_twice: AsksTwice => probes_never_overlap;
    caught_halving_pauses: HalvesPauses => backoff_follows_its_table;
    caught_leaving_a_timer_armed: LeavesTimersArmed => timers_belong_to_states;
    caught_never_resting: NeverRests => the_loop_is_never_busy;
    caught_boasting_readiness: BoastsReadiness => ready_only_when_level_reached;
    caught_waiting_in_silence: WaitsInSilence => every_wait_has_a_reason;
    caught_finishing_early: FinishesEarly => finish_only_when_all_down;
    caught_calling_every_stop_clean: CallsEveryStopClean => finish_clean_only_if_no_kill_and_clean_codes;
    caught_never_fencing: NeverFences => a_dead_brokers_registration_goes_within_a_second_in_good_weather;
    caught_fencing_the_living: FencesTheLiving => fence_only_on_proof;
    caught_fencing_whoever_is_there: FencesWhoeverIsThere => fence_never_touches_another_session;
    caught_claiming_every_session: ClaimsEverySession => a_run_is_marked_with_its_own_sessions_only;
    caught_striking_the_living: StrikesTheLiving => a_living_run_is_never_struck_from_the_record;
    caught_needing_no_token: NeedsNoToken => never_two_health_restarts_at_once;
    caught_giving_the_token_back_at_once: GivesTheTokenBackAtOnce => never_two_health_restarts_at_once;
    caught_keeping_the_token: KeepsTheToken => nobody_keeps_the_restart_token_once_all_serve;
    caught_leaving_the_hung: LeavesTheHung => a_hung_broker_is_ended_in_bounded_time;
    caught_leaving_the_unregistered: LeavesTheUnregistered => an_unregistered_broker_is_ended_in_bounded_time;
    caught_blaming_zookeeper_for_its_quorum: BlamesZooKeeperForItsQuorum =>
        zookeeper_is_never_restarted_for_a_quorum_lost_elsewhere;
    caught_blaming_a_recovering_broker: BlamesARecoveringBroker => recovering_broker_is_never_killed;
    caught_ending_a_working_broker: EndsAWorkingBroker => a_working_jvm_is_never_ended_for_health;
    caught_ending_without_a_quorum: EndsWithoutAQuorum => a_broker_is_never_ended_for_health_without_a_quorum;
    caught_blaming_in_a_stop: BlamesInAStop => nothing_is_ended_for_health_in_a_stop;
    caught_sweeping_the_living: SweepsTheLiving => supervisor_death_never_stops_a_jvm;
    caught_forgetting_the_past: ForgetsThePast => never_two_live_runs_of_a_service;
    caught_mistaking_the_pid: MistakesThePid => adopted_runs_keep_their_pid;
    caught_never_starting_kafka: NeverStartsKafka => every_node_becomes_ready_once_all_is_well;
}
