//! The invariants: each is a sentence that always holds. Checked after every event; broken ones say what was seen.

use kafka_node::model::{Blame, NodeState, ReadinessLevel, Role, RunId, ServiceState};
use kafka_node::supervise::{NodeView, PROBE_LIMIT, ServiceView, policy};

use crate::book::{Book, Pause};
use crate::clock::{SEC, Time, short};
use crate::ensemble::Owner;
use crate::health::{HANG_AFTER, SLOW_AFTER, Use};
use crate::jvm::Hang;
use crate::message::Srvr;
use crate::requests::{Restarting, TokenZnode};

/// Holds, or what was seen instead.
pub type Verdict = Result<(), String>;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub invariant: &'static str,
    pub seen: String,
}

/// Checks an invariant by its name.
macro_rules! hold {
    ($name:ident($($argument:expr),* $(,)?)) => {
        $crate::invariants::$name($($argument),*)
            .map_err(|seen| $crate::invariants::Broken { invariant: stringify!($name), seen })?
    };
}
pub(crate) use hold;

fn require(holds: bool, seen: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(seen()) }
}

fn s(time: Time) -> String {
    format!("{:.3} s", time as f64 / SEC as f64)
}

// Starts.

pub fn never_two_live_runs_of_a_service(book: &Book, role: Role, run: RunId, lives: Option<RunId>) -> Verdict {
    require(lives.is_none(), || format!("{role} run {run} ordered while {lives:?} lives"))?;
    require(book.life(role).is_none(), || format!("{role} run {run} ordered beside {:?}", book.life(role)))
}

pub fn runs_count_up(book: &Book, role: Role, run: RunId) -> Verdict {
    let before = Role::ALL.iter().filter_map(|role| book.lane(*role).last_run).max();
    require(before.is_none_or(|before| run > before), || format!("{role} run {run} after {before:?}"))
}

pub fn nothing_starts_in_a_stop_but_the_zookeeper_that_kafka_needs(book: &Book, role: Role) -> Verdict {
    require(book.stops == 0 || book.kafka_needs(role), || format!("{role} ordered in a stop"))
}

pub fn nothing_starts_before_its_preflight_is_clear(book: &Book, role: Role, now: Time) -> Verdict {
    let valid = short(policy::PREFLIGHT_VALID) + 5 * SEC;
    let clear = book.lane(role).clear;
    require(clear.is_some_and(|at| now - at <= valid), || format!("{role} ordered; last clear: {clear:?}, now {now}"))
}

/// `woke`: what a supervisor slept through says nothing against what it was told before.
pub fn kafka_never_starts_before_quorum_ready(book: &Book, woke: Time, now: Time) -> Verdict {
    // A server that served is believed to until `hang_after` (10 s) of silence, seen at the next answer or its loss.
    let believed = 30 * SEC;
    let own = matches!(book.zookeeper, Some(Srvr::Serving(_))) && now - book.zookeeper_served.max(woke) <= believed;
    let patience = short(policy::LOCAL_QUORUM_PATIENCE);
    let theirs = match book.roles.zookeeper {
        false => book.peers_serve,
        true => book.peers_serve && book.peers_serve_since.is_some_and(|since| now - since + SEC >= patience),
    };
    require(own || theirs, || {
        format!(
            "own ZooKeeper: {:?}; a peer serves: {}, since {:?}, now {now}",
            book.zookeeper, book.peers_serve, book.peers_serve_since
        )
    })
}

/// Long enough without any reading that the start may go ahead.
fn unread_for_long(book: &Book, now: Time) -> bool {
    now - book.registration.read_at + SEC >= short(policy::REGISTRATION_PATIENCE)
}

pub fn kafka_never_starts_against_a_registration_seen_held(book: &Book, now: Time) -> Verdict {
    require(!book.registration.held || unread_for_long(book, now), || format!("{:?}", book.registration))
}

pub fn kafka_never_starts_before_its_registration_was_read(book: &Book, now: Time) -> Verdict {
    require(book.registration.read.is_some() || unread_for_long(book, now), || {
        format!("{:?}, now {now}", book.registration)
    })
}

pub fn a_broker_never_meets_its_own_stale_registration(started_unread: bool, session: i64) -> Verdict {
    require(started_unread, || format!("the broker found session {session} in its place and exits with NodeExists"))
}

pub fn no_start_before_its_pause_is_over(book: &Book, role: Role, now: Time) -> Verdict {
    let until = book.lane(role).not_before;
    require(now >= until, || format!("{role} ordered {} early", s(until - now)))
}

pub fn backoff_follows_its_table(role: Role, pause: Pause) -> Verdict {
    let Pause { announced, least, most, said, lived } = pause;
    require((least..=most).contains(&announced), || {
        format!("{role} pauses {}, not {} to {}", s(announced), s(least), s(most))
    })?;
    require(said.abs_diff(lived) <= 5 * SEC, || format!("{role} lived {}, and {} was said", s(lived), s(said)))
}

// Signals.

/// A signal needs a reason that was said: the node stops, or the run is ended for health.
fn signalled_for_a_reason(book: &Book, role: Role) -> bool {
    book.stops > 0 || book.life(role).is_some_and(|life| life.health.is_some())
}

pub fn supervisor_death_never_stops_a_jvm(book: &Book, role: Role, run: RunId) -> Verdict {
    let adopted = book.life_of(role, run).is_some_and(|life| life.adopted);
    require(!adopted || signalled_for_a_reason(book, role), || {
        format!("{role} run {run} was adopted, and is signalled")
    })
}

pub fn zookeeper_is_never_signalled_unless_the_node_stops_or_for_health(book: &Book, role: Role) -> Verdict {
    require(role != Role::ZooKeeper || signalled_for_a_reason(book, role), || String::from("signal without a reason"))
}

pub fn kafka_is_never_signalled_unless_the_node_stops_or_for_health(book: &Book, role: Role) -> Verdict {
    require(role != Role::Kafka || signalled_for_a_reason(book, role), || String::from("signal without a reason"))
}

pub fn kafka_failure_never_stops_zookeeper(book: &Book, role: Role, kafka_just_failed: bool) -> Verdict {
    require(role != Role::ZooKeeper || !kafka_just_failed || signalled_for_a_reason(book, role), || {
        String::from("ZooKeeper is signalled at the news of Kafka's end")
    })
}

pub fn zookeeper_never_stops_before_kafka(book: &Book, role: Role) -> Verdict {
    let kafka = book.life(Role::Kafka);
    let health = book.life(role).is_some_and(|life| life.health.is_some());
    require(role != Role::ZooKeeper || kafka.is_none() || health, || format!("Kafka is still there: {kafka:?}"))
}

pub fn signals_go_to_the_present_run(book: &Book, role: Role, run: RunId) -> Verdict {
    require(book.life_of(role, run).is_some(), || format!("{role} run {run}; the books have {:?}", book.life(role)))
}

pub fn term_is_sent_once(book: &Book, role: Role, run: RunId) -> Verdict {
    require(book.life_of(role, run).is_some_and(|life| life.terminated.is_none()), || format!("{role} run {run}"))
}

pub fn term_never_during_start_or_recovery_unless_second_request_or_no_progress(
    book: &Book,
    role: Role,
    now: Time,
) -> Verdict {
    let Some(life) = book.life(role).filter(|_| role == Role::Kafka) else { return Ok(()) };
    let quiet_since = life.progressed.unwrap_or(life.ordered);
    let no_progress = now - quiet_since + 2 * SEC >= short(policy::DEFER_PATIENCE);
    let all_the_time_there_is = now - book.stop_at + SEC >= book.grace;
    let allowed = life.answered || book.stops > 1 || no_progress || all_the_time_there_is;
    require(allowed || life.health.is_some(), || {
        format!(
            "asked to stop {} ago, {} requests, last progress {} ago: {life:?}",
            s(now - book.stop_at),
            book.stops,
            s(now - quiet_since)
        )
    })
}

pub fn kill_never_before_grace(book: &Book, role: Role, now: Time) -> Verdict {
    let life = book.life(role);
    let grace = match (role, life.and_then(|life| life.health)) {
        (_, Some(Blame::Frozen { .. })) => return Ok(()), // no SIGTERM reaches it
        (_, Some(_)) => short(policy::HEALTH_GRACE),
        (Role::ZooKeeper, None) => book.zookeeper_grace,
        (Role::Kafka, None) => book.grace,
    };
    let terminated = life.and_then(|life| life.terminated);
    require(terminated.is_some_and(|at| now - at >= grace), || {
        format!("{role} killed; SIGTERM at {terminated:?}, grace {}, now {now}", s(grace))
    })
}

pub fn kill_never_while_stop_progresses_before_the_limit(book: &Book, role: Role, now: Time) -> Verdict {
    let Some(life) = book.life(role).filter(|_| role == Role::Kafka) else { return Ok(()) };
    let window = short(policy::PROLONG_IF_WITHIN) - 2 * SEC;
    let progresses = life.progressed.is_some_and(|at| now - at <= window);
    let limit = book.stop_at + book.stop_limit;
    require(!progresses || now >= limit || life.killed.is_some() || life.health.is_some(), || {
        format!("progress {:?}, limit in {}: {life:?}", life.progressed, s(limit - now))
    })
}

// Ends for health.

pub fn nothing_is_ended_for_health_in_a_stop(book: &Book) -> Verdict {
    require(book.stops == 0, || String::from("an end for health in a stop"))
}

pub fn recovering_broker_is_never_killed(role: Role, truth: Use) -> Verdict {
    require(role != Role::Kafka || truth.served, || format!("it has never served: {truth:?}"))
}

pub fn a_broker_is_never_ended_for_health_without_a_quorum(role: Role, lost_for: Time) -> Verdict {
    // A server that falls silent is believed to serve for `hang_after`, and a look takes its time.
    let believed = 20 * SEC;
    require(role != Role::Kafka || lost_for <= believed, || format!("no quorum for {}", s(lost_for)))
}

pub fn zookeeper_is_never_restarted_for_a_quorum_lost_elsewhere(role: Role, truth: Use) -> Verdict {
    require(role != Role::ZooKeeper || truth.hang.is_some(), || format!("this server itself never hung: {truth:?}"))
}

/// `doubt` is by how much a supervisor's news may lag behind.
pub fn a_working_jvm_is_never_ended_for_health(truth: Use, blame: Blame, doubt: Time) -> Verdict {
    // Pauses are made good by work in five times as long.
    let past = if matches!(blame, Blame::Collecting { .. }) { 60 * SEC } else { 8 * SEC };
    let hung = truth.hang.is_some_and(|(_, lasted, ago)| {
        doubt == Time::MAX || (lasted.saturating_add(doubt) >= HANG_AFTER && ago <= past)
    });
    let unregistered = truth.unregistered.is_some_and(|lasted| lasted.saturating_add(doubt) >= SLOW_AFTER);
    let fits = match blame {
        Blame::Unregistered { .. } => unregistered,
        Blame::Frozen { .. } | Blame::Deadlocked { .. } | Blame::Unresponsive { .. } | Blame::Collecting { .. } => hung,
    };
    require(fits, || format!("blamed for {blame:?}; in truth {truth:?}"))
}

/// `nobody_grants`: a ZooKeeper server that hangs while no other serves needs no token, since nobody could grant one.
pub fn never_two_health_restarts_at_once(
    node: usize,
    nobody_grants: bool,
    holds: bool,
    token: Option<TokenZnode>,
    restarting: Option<Restarting>,
) -> Verdict {
    require(holds || nobody_grants, || format!("node{} ends a JVM for health; the token is {token:?}", node + 1))?;
    let other = restarting.filter(|other| other.node != node);
    require(nobody_grants || other.is_none(), || format!("node{} ends a JVM for health besides {other:?}", node + 1))
}

pub fn nobody_keeps_the_restart_token_once_all_serve(keeper: Option<usize>) -> Verdict {
    require(keeper.is_none(), || format!("node {keeper:?} keeps it though nothing of its own is wrong"))
}

pub fn a_hung_broker_is_ended_in_bounded_time(hang: Hang, lasts: Time, bound: Time) -> Verdict {
    require(lasts <= bound, || {
        format!("{hang:?} for {}, and nothing stood against its end; bound {}", s(lasts), s(bound))
    })
}

pub fn an_unregistered_broker_is_ended_in_bounded_time(lasts: Time, bound: Time) -> Verdict {
    require(lasts <= bound, || format!("unregistered for {}, and nothing stood against its end", s(lasts)))
}

// Fences and adoption.

pub fn fence_only_on_proof(session: i64, lives: bool) -> Verdict {
    require(!lives, || format!("the run that had session {session} lives"))
}

pub fn fence_never_touches_another_session(node: usize, session: i64, owner: Option<Owner>) -> Verdict {
    let own = matches!(owner, Some(Owner::Run { node: of, .. }) if of == node);
    require(own, || format!("node{} fences session {session}, which is {owner:?}", node + 1))
}

pub fn a_run_is_marked_with_its_own_sessions_only(run: RunId, session: i64, owner: Option<Owner>) -> Verdict {
    let own = matches!(owner, Some(Owner::Run { run: of, .. }) if of == run);
    require(own, || format!("run {run} is marked with session {session}, which is {owner:?}"))
}

pub fn a_dead_brokers_registration_goes_within_a_second_in_good_weather(
    well: bool,
    stands: bool,
    session: i64,
) -> Verdict {
    require(!well || !stands, || format!("session {session} still holds it"))
}

pub fn a_living_run_is_never_struck_from_the_record(role: Role, run: RunId, lives: bool) -> Verdict {
    require(!lives, || format!("{role} run {run} lives"))
}

pub fn adopted_runs_keep_their_pid(service: &ServiceView, book: &Book, pid: Option<i32>) -> Verdict {
    let adopted = book.life(service.role).is_some_and(|life| life.adopted);
    require(!adopted || pid.is_none() || service.pid == pid, || format!("its pid is {pid:?}: {service:?}"))
}

// Probes and timers.

pub fn probes_never_overlap(asked_before: Option<Time>, now: Time) -> Verdict {
    let lost_after = short(PROBE_LIMIT);
    require(asked_before.is_none_or(|at| now - at >= lost_after), || {
        format!("asked again {} after the last question, which is unanswered", s(now - asked_before.unwrap_or(now)))
    })
}

/// The most questions of one kind in a second of virtual time: the eager interval, and a new life or two.
pub const QUESTIONS_A_SECOND: u32 = 20;

pub fn questions_are_spaced(book: &Book) -> Verdict {
    require(book.most_asked <= QUESTIONS_A_SECOND, || format!("{} of one kind within a second", book.most_asked))
}

pub fn probes_ask_the_present_run(book: &Book, role: Role, run: RunId) -> Verdict {
    require(book.life_of(role, run).is_some(), || format!("{role} run {run}; the books have {:?}", book.life(role)))
}

pub fn timers_belong_to_states(wake: Option<Time>, now: Time, finished: bool) -> Verdict {
    require(wake.is_none_or(|at| at > now), || format!("wants to be woken {wake:?} after all was done at {now}"))?;
    require(!finished || wake.is_none(), || format!("wants to be woken {wake:?} though everything has stopped"))
}

/// The most timeouts in a second of virtual time: every probe of both services at the eager interval, twice over.
pub const TIMEOUTS_A_SECOND: u32 = 120;

pub fn the_loop_is_never_busy(book: &Book) -> Verdict {
    require(book.timeouts <= TIMEOUTS_A_SECOND, || format!("{} timeouts within a second", book.timeouts))
}

pub fn old_runs_are_ignored(before: &NodeView, after: &NodeView, actions: usize) -> Verdict {
    require(actions == 0, || format!("{actions} actions at the news of an old run"))?;
    require(before == after, || format!("the view was {before:?}\n and became {after:?}"))
}

// The end.

pub fn finish_only_when_all_down(book: &Book) -> Verdict {
    require(book.all_down() && book.stops > 0, || {
        format!("stops {}, {:?}, {:?}", book.stops, book.life(Role::ZooKeeper), book.life(Role::Kafka))
    })
}

pub fn finish_clean_only_if_no_kill_and_clean_codes(book: &Book, clean: bool) -> Verdict {
    let deserved = !book.killed_any && !book.unclean_end;
    require(clean == deserved, || {
        format!("said {clean}; killed: {}, an unclean end: {}", book.killed_any, book.unclean_end)
    })
}

pub fn nothing_is_done_after_the_finish(book: &Book) -> Verdict {
    require(book.finished.is_none(), || String::from("an action after Finish"))
}

pub fn a_stop_ends_in_bounded_time(book: &Book, now: Time, slack: Time) -> Verdict {
    let bound = book.stop_limit + book.zookeeper_grace + slack;
    require(book.stops == 0 || book.finished.is_some() || now - book.stop_at <= bound, || {
        format!("asked to stop {} ago, bound {}", s(now - book.stop_at), s(bound))
    })
}

// The view.

pub fn every_wait_has_a_reason(view: &NodeView, book: &Book) -> Verdict {
    require(!view.status.is_empty(), || String::from("an empty status line"))?;
    let waits = !view.waiting_for.is_empty();
    require(view.ready || waits || book.finished.is_some(), || format!("not ready, and waits for nothing: {view:?}"))
}

pub fn the_states_words_agree(view: &NodeView, book: &Book) -> Verdict {
    require(view.ready == (view.state == NodeState::Ready), || format!("node: {view:?}"))?;
    require((book.stops > 0) == (view.state == NodeState::Stopping), || format!("node in a stop: {view:?}"))?;
    for service in &view.services {
        let life = book.life(service.role);
        let run = life.map(|life| life.run);
        require(service.run == run, || format!("the books have run {run:?}: {service:?}"))?;
        let runs = match service.state {
            ServiceState::Starting | ServiceState::Up | ServiceState::Ready => true,
            ServiceState::Terminating | ServiceState::Killing => true,
            ServiceState::Down | ServiceState::Waiting | ServiceState::Backoff | ServiceState::Failed => false,
        };
        require(runs == run.is_some(), || format!("the books have run {run:?}: {service:?}"))?;
        let spawned = life.is_some_and(|life| life.spawned.is_some());
        require(service.pid.is_some() == spawned, || format!("spawned {spawned}: {service:?}"))?;
        let signalled = life.is_some_and(|life| life.terminated.is_some() || life.killed.is_some());
        let ending = matches!(service.state, ServiceState::Terminating | ServiceState::Killing);
        require(ending == signalled, || format!("signalled {signalled}: {service:?}"))?;
    }
    Ok(())
}

/// Whether a service serves, in truth.
#[derive(Clone, Copy, Debug)]
pub enum Serves {
    Yes,
    Until(Time),
    Never,
}

/// What is true of a node, known to the world alone.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    pub zookeeper: Serves,
    pub kafka: Serves,
}

pub fn ready_only_when_level_reached(view: &NodeView, book: &Book, truth: Truth, now: Time, stale: Time) -> Verdict {
    if !view.ready {
        return Ok(());
    }
    let fresh = |serves| match serves {
        Serves::Yes => true,
        Serves::Until(at) => now - at <= stale,
        Serves::Never => false,
    };
    require(!book.roles.zookeeper || fresh(truth.zookeeper), || format!("ready, now {now}, {truth:?}"))?;
    let kafka_due = book.roles.kafka && book.level != ReadinessLevel::Started;
    require(!kafka_due || fresh(truth.kafka), || format!("ready, now {now}, {truth:?}"))
}

pub fn ready_is_said_once(book: &Book, view: &NodeView) -> Verdict {
    require(book.ready_said <= 1, || format!("said {} times", book.ready_said))?;
    require(book.ready_said == 1 || !view.ready, || format!("ready without having said so: {view:?}"))
}

pub fn stopping_is_said_once_at_the_first_request(book: &Book) -> Verdict {
    require(book.stopping_said == u32::from(book.stops > 0), || {
        format!("{} requests, said {} times", book.stops, book.stopping_said)
    })
}

// Liveness.

pub fn every_node_becomes_ready_once_all_is_well(since: Time, now: Time, limit: Time, view: &str) -> Verdict {
    require(now - since <= limit, || format!("{} after all was well:\n{view}", s(now - since)))
}

/// Far beyond the longest honest schedule.
const MOST_EVENTS: u64 = 1_000_000;

pub fn the_story_comes_to_an_end(events: u64, queued: u64) -> Verdict {
    require(events.max(queued) <= MOST_EVENTS, || format!("{events} events, {queued} things queued"))
}

pub fn a_quiet_cluster_stays_ready(view: &NodeView) -> Verdict {
    require(view.ready, || format!("nothing happened, and the node is not ready any more: {view:?}"))
}

pub fn a_calm_stop_is_clean(calm: bool, clean: bool) -> Verdict {
    require(!calm || clean, || String::from("nothing went wrong, and the stop is called unclean"))
}
