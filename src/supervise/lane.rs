//! One service's states and everything that is the same for both: runs, ends, pauses, signals.
//!
//! ```text
//!            +--------------------------- pause over -----------------------------+
//!            v                                                                    |
//! Down -> Waiting -> Starting <-> Up <-> Ready --(ended unasked)--> Backoff | Failed
//!            |          |         |        |
//!            |          +--- stop +--------+--> Terminating --> Killing --(ended)--> Down
//!            +--- stop --> Down
//! ```
//! Timers are fields of the state that armed them, so leaving the state clears them. What waiting and living mean for
//! ZooKeeper and for Kafka is in `zookeeper.rs` and `kafka.rs`.

use std::collections::VecDeque;

use std::time::Duration;

use crate::model::{
    Evidence, ExitCause, ExitStatus, Moment, Notice, Rng, Role, RunId, ServiceState, SignalReason, SpawnFailure,
};

use super::ending::Ending;
use super::event::{Action, Probe};
use super::health::Health;
use super::past::PastRun;
use super::pause::Backoff;
use super::policy::KILL_AGAIN;
use super::slot::{Slot, Turn, earlier};

/// What differs between the two services: what they wait for, and what is known of a living one.
pub(super) trait Kind {
    const ROLE: Role;
    type Wait: std::fmt::Debug;
    type Facts: std::fmt::Debug;

    /// What is known of a run that was just ordered. `late` is how late the supervisor has been in all.
    fn facts(now: Moment, late: Duration) -> Self::Facts;
    /// Told once the process exists: probing begins.
    fn spawned(facts: &mut Self::Facts, now: Moment);
    /// Told what an earlier supervisor knew of a run that is adopted, after [`Kind::spawned`].
    fn adopted(facts: &mut Self::Facts, past: &PastRun, now: Moment);
    /// Whether the run is of any use.
    fn health(facts: &Self::Facts) -> &Health;
    /// The same, to be changed.
    fn health_mut(facts: &mut Self::Facts) -> &mut Health;
    /// How its leaderships are looked at from `now` on, while it is stopped.
    fn leaders(facts: &Self::Facts, now: Moment) -> Slot;
    /// How waiting begins.
    fn wait(now: Moment) -> Self::Wait;
}

/// The state of one service. The words are those of `status --json`.
#[derive(Debug)]
pub(super) enum State<K: Kind> {
    /// Nothing runs and nothing is wanted.
    Down,
    /// Wanted, and held back.
    Waiting(K::Wait),
    /// The process was ordered or runs, and has not answered yet.
    Starting(Live<K>),
    /// The process answered, and does not serve.
    Up(Live<K>),
    /// It serves.
    Ready(Live<K>),
    /// SIGTERM was sent.
    Terminating(Ending),
    /// SIGKILL was sent.
    Killing(Ending),
    /// It ended, and is started again after a pause.
    Backoff(Pause),
    /// It ended of a cause that a restart cannot cure.
    Failed(Pause),
}

/// How far a living run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Starting,
    Up,
    Ready,
}

/// A run that is not being ended.
#[derive(Debug)]
pub(super) struct Live<K: Kind> {
    pub(super) run: RunId,
    /// Set by `Spawned`.
    pub(super) pid: Option<i32>,
    /// When it was ordered.
    pub(super) since: Moment,
    pub(super) facts: K::Facts,
}

/// A pause before the next start.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) until: Moment,
    pub(super) cause: ExitCause,
}

/// One service of the node.
#[derive(Debug)]
pub(super) struct Lane<K: Kind> {
    pub(super) state: State<K>,
    /// Since when the state's word holds.
    pub(super) since: Moment,
    pub(super) restarts: u32,
    pub(super) last_exit: Option<(Moment, ExitCause)>,
    /// Every end that we asked for was clean.
    pub(super) clean: bool,
    starts: u32,
    backoff: Backoff,
}

/// Where a lane puts what it wants done.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) actions: VecDeque<Action>,
    pub(super) rng: Rng,
    pub(super) next_run: RunId,
    /// The number of the last question about the registration.
    pub(super) asks: u64,
    /// How late the supervisor's own loop has been in all.
    pub(super) late: Duration,
}

impl Out {
    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn say(&mut self, notice: Notice) {
        self.actions.push_back(Action::Announce(notice));
    }

    pub(super) fn probe(&mut self, probe: Probe) {
        self.actions.push_back(Action::Probe(probe));
    }
}

impl<K: Kind> Lane<K> {
    /// A lane that begins to wait for its start at once.
    pub(super) fn new(now: Moment) -> Lane<K> {
        Lane {
            state: State::Waiting(K::wait(now)),
            since: now,
            restarts: 0,
            last_exit: None,
            clean: true,
            starts: 0,
            backoff: Backoff::default(),
        }
    }

    /// A lane whose service lives already: an earlier supervisor started it.
    pub(super) fn adopt(now: Moment, past: &PastRun, pid: i32, age: Duration, out: &mut Out) -> Lane<K> {
        let mut facts = K::facts(now, out.late);
        K::spawned(&mut facts, now);
        K::adopted(&mut facts, past, now);
        out.say(Notice::Adopted { role: K::ROLE, run: past.run, pid, lived: age });
        let live = Live { run: past.run, pid: Some(pid), since: now - age, facts };
        Lane { state: State::Starting(live), starts: 1, ..Lane::new(now) }
    }

    /// The state's word.
    pub(super) fn word(&self) -> ServiceState {
        match &self.state {
            State::Down => ServiceState::Down,
            State::Waiting(_) => ServiceState::Waiting,
            State::Starting(_) => ServiceState::Starting,
            State::Up(_) => ServiceState::Up,
            State::Ready(_) => ServiceState::Ready,
            State::Terminating(_) => ServiceState::Terminating,
            State::Killing(_) => ServiceState::Killing,
            State::Backoff(_) => ServiceState::Backoff,
            State::Failed(_) => ServiceState::Failed,
        }
    }

    /// The living run, where there is one that is not being ended.
    pub(super) fn live(&self) -> Option<&Live<K>> {
        match &self.state {
            State::Starting(live) | State::Up(live) | State::Ready(live) => Some(live),
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => None,
            State::Terminating(_) | State::Killing(_) => None,
        }
    }

    /// The living run to be changed.
    pub(super) fn live_mut(&mut self) -> Option<&mut Live<K>> {
        match &mut self.state {
            State::Starting(live) | State::Up(live) | State::Ready(live) => Some(live),
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => None,
            State::Terminating(_) | State::Killing(_) => None,
        }
    }

    /// The living run, if it is `run`: news of any other is old.
    pub(super) fn live_run(&mut self, run: RunId) -> Option<&mut Live<K>> {
        self.live_mut().filter(|live| live.run == run)
    }

    /// The process and run, where there are any.
    pub(super) fn process(&self) -> (Option<i32>, Option<RunId>) {
        match &self.state {
            State::Starting(live) | State::Up(live) | State::Ready(live) => (live.pid, Some(live.run)),
            State::Terminating(ending) | State::Killing(ending) => (ending.pid, Some(ending.run)),
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => (None, None),
        }
    }

    /// Changes the state and notes since when.
    pub(super) fn enter(&mut self, now: Moment, state: State<K>) {
        self.state = state;
        self.since = now;
    }

    /// Moves a living run to `level`; nothing where it is there already, or where nothing lives.
    pub(super) fn level(&mut self, now: Moment, level: Level) {
        match (&self.state, level) {
            (State::Starting(_), Level::Starting) | (State::Up(_), Level::Up) | (State::Ready(_), Level::Ready) => {
                return;
            }
            (State::Starting(_) | State::Up(_) | State::Ready(_), Level::Starting | Level::Up | Level::Ready) => {}
            (State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_), _) => return,
            (State::Terminating(_) | State::Killing(_), _) => return,
        }
        let (State::Starting(live) | State::Up(live) | State::Ready(live)) =
            std::mem::replace(&mut self.state, State::Down)
        else {
            return; // the match above let only living runs through
        };
        let state = match level {
            Level::Starting => State::Starting(live),
            Level::Up => State::Up(live),
            Level::Ready => State::Ready(live),
        };
        self.enter(now, state);
    }

    /// Orders a new run.
    pub(super) fn spawn(&mut self, now: Moment, out: &mut Out) {
        let run = out.next_run;
        out.next_run = run.next();
        if self.starts > 0 {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.starts = self.starts.saturating_add(1);
        self.enter(now, State::Starting(Live { run, pid: None, since: now, facts: K::facts(now, out.late) }));
        out.say(Notice::Starts { role: K::ROLE, run });
        out.act(Action::Spawn { role: K::ROLE, run });
    }

    /// The process of `run` exists.
    pub(super) fn handle_spawned(&mut self, now: Moment, run: RunId, pid: i32, out: &mut Out) {
        match &mut self.state {
            State::Starting(live) if live.run == run && live.pid.is_none() => {
                live.pid = Some(pid);
                K::spawned(&mut live.facts, now);
                out.say(Notice::Spawned { role: K::ROLE, run, pid });
            }
            // The stop overtook the news of the start; the signal was already ordered for this run.
            State::Terminating(ending) | State::Killing(ending) if ending.run == run => ending.pid = Some(pid),
            // News of an old run. Up and Ready of this run are impossible: they need an answer of its process.
            State::Starting(_) | State::Terminating(_) | State::Killing(_) => {}
            State::Down | State::Waiting(_) | State::Up(_) | State::Ready(_) | State::Backoff(_) | State::Failed(_) => {
            }
        }
    }

    /// The process of `run` was reaped. `wanted` says whether it is started again.
    pub(super) fn handle_exited(
        &mut self,
        now: Moment,
        run: RunId,
        (status, evidence): (ExitStatus, Evidence),
        wanted: bool,
        out: &mut Out,
    ) {
        let (born, cause) = match &self.state {
            State::Starting(live) | State::Up(live) | State::Ready(live) if live.run == run => {
                (live.since, ExitCause::classify(K::ROLE, status, false, None, &evidence))
            }
            State::Terminating(Ending { health: Some(blame), born, run: ended, .. })
            | State::Killing(Ending { health: Some(blame), born, run: ended, .. })
                if *ended == run =>
            {
                (*born, ExitCause::Health(*blame))
            }
            State::Terminating(ending) | State::Killing(ending) if ending.run == run => {
                (ending.born, ExitCause::classify(K::ROLE, status, true, ending.killed, &evidence))
            }
            // News of an old run.
            State::Starting(_) | State::Up(_) | State::Ready(_) | State::Terminating(_) | State::Killing(_) => return,
            // No run: this end was told before.
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => return,
        };
        self.end(now, run, (born, cause, evidence.last_lines), wanted, out);
    }

    /// The process of `run` could not be made.
    pub(super) fn handle_spawn_failed(
        &mut self,
        now: Moment,
        run: RunId,
        failure: SpawnFailure,
        wanted: bool,
        out: &mut Out,
    ) {
        let born = match &self.state {
            State::Starting(live) if live.run == run && live.pid.is_none() => live.since,
            State::Terminating(ending) | State::Killing(ending) if ending.run == run && ending.pid.is_none() => {
                ending.born
            }
            // News of an old run, or of one that was made.
            State::Starting(_) | State::Up(_) | State::Ready(_) | State::Terminating(_) | State::Killing(_) => return,
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => return,
        };
        self.end(now, run, (born, ExitCause::NotSpawned(failure), Vec::new()), wanted, out);
    }

    fn end(
        &mut self,
        now: Moment,
        run: RunId,
        (born, cause, last_lines): (Moment, ExitCause, Vec<String>),
        wanted: bool,
        out: &mut Out,
    ) {
        let lived = now.since(born);
        self.last_exit = Some((now, cause.clone()));
        if wanted {
            let pause = self.backoff.after(lived, &cause, &mut out.rng);
            let again_in = Some(pause);
            out.say(Notice::Ended { role: K::ROLE, run, cause: cause.clone(), lived, again_in, last_lines });
            let curable = cause.restart_may_help();
            let pause = Pause { until: now + pause, cause };
            self.enter(now, if curable { State::Backoff(pause) } else { State::Failed(pause) });
        } else {
            self.clean &= cause == ExitCause::Stopped;
            out.say(Notice::Ended { role: K::ROLE, run, cause, lived, again_in: None, last_lines });
            self.enter(now, State::Down);
        }
    }

    /// What time alone changes in the states that both services share.
    /// `quorum` says whether a broker that is being ended finds one.
    pub(super) fn tick(&mut self, now: Moment, quorum: bool, out: &mut Out) {
        match &mut self.state {
            State::Terminating(ending) => {
                match ending.progress.turn(now) {
                    Turn::Ask | Turn::Lost => out.probe(Probe::Progress { role: K::ROLE, run: ending.run }),
                    Turn::Rest => {}
                }
                if let Turn::Ask | Turn::Lost = ending.leaders.turn(now) {
                    out.probe(Probe::InSync { run: ending.run });
                }
                if ending.until <= now {
                    self.grace_over(now, quorum, out);
                }
            }
            State::Killing(ending) => {
                if ending.until <= now {
                    ending.until = now + KILL_AGAIN;
                    let run = ending.run;
                    out.say(Notice::Kills { role: K::ROLE, run, reason: SignalReason::StillThere });
                    out.act(Action::Kill { role: K::ROLE, run });
                }
            }
            State::Backoff(pause) | State::Failed(pause) => {
                if pause.until <= now {
                    self.enter(now, State::Waiting(K::wait(now)));
                }
            }
            // Their time is their kind's own.
            State::Down | State::Waiting(_) | State::Starting(_) | State::Up(_) | State::Ready(_) => {}
        }
    }

    /// When [`Lane::tick`] next has something to do.
    pub(super) fn wakeup(&self) -> Option<Moment> {
        match &self.state {
            State::Terminating(ending) => {
                earlier(Some(ending.until), earlier(ending.progress.wakeup(), ending.leaders.wakeup()))
            }
            State::Killing(ending) => Some(ending.until),
            State::Backoff(pause) | State::Failed(pause) => Some(pause.until),
            State::Down | State::Waiting(_) | State::Starting(_) | State::Up(_) | State::Ready(_) => None,
        }
    }
}
