//! The supervisor of one node: two lanes, the quorum that joins them, the stop, and the node's own state.
//!
//! It performs nothing. It is told events and the time, and is asked for actions; so a test runs thousands of lives a second.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{
    EnsembleView, Evidence, ExitCause, ExitStatus, Moment, NodeState, Notice, PreflightOutcome, Progress, Rng, Role,
    RunId, ServiceState, SessionId, SpawnFailure, StopCause, WaitReason,
};

use super::council::{Seat, lives};
use super::departure::{Departure, Step};
use super::event::{Action, Event, Mark};
use super::fencing::Fencing;
use super::kafka::Kafka;
use super::lane::{Lane, Out, State};
use super::past::Past;
use super::policy::{ENSEMBLE_INTERVAL, LATE_TOLERANCE, LINGER_INTERVAL, Policy};
use super::quorum::one_serves;
use super::slot::{Slot, earlier};
use super::stop::Stop;
use super::token::Token;
use super::zookeeper::ZooKeeper;

/// Decides everything about the JVMs of one node.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) policy: Policy,
    pub(super) out: Out,
    pub(super) zookeeper: Option<Lane<ZooKeeper>>,
    pub(super) kafka: Option<Lane<Kafka>>,
    /// What a dead broker run left in ZooKeeper.
    pub(super) fencing: Fencing,
    /// The cluster's restart token.
    pub(super) token: Token,
    /// When hangs were attended to last.
    pub(super) attended: Moment,
    /// What is known of the other supervisors, and what is under way with them.
    pub(super) seat: Seat,
    /// On the way down, and the gate and the lock are asked first.
    pub(super) departure: Option<Departure>,
    /// Somebody asked the node to stop.
    pub(super) stop_asked: bool,
    /// Why, where it was asked; before that it means nothing.
    pub(super) stop_cause: StopCause,
    pub(super) stop: Option<Stop>,
    /// When this supervisor began.
    pub(super) began: Moment,
    /// Everything has stopped; whether cleanly.
    pub(super) finished: Option<bool>,
    /// Looks at the other members; idle while this node's own server serves.
    pub(super) ensemble: Slot,
    /// The last look at them.
    pub(super) others: Option<(Moment, EnsembleView)>,
    /// Who was last said to be missing for a quorum.
    pub(super) missing: Option<WaitReason>,
    /// Since when looks at them find one that serves, while this node's own server does not.
    pub(super) others_serve: Option<Moment>,
    /// Since when this node's own server does not serve; `None` while it does.
    pub(super) local_unready: Option<Moment>,
    /// READY=1 was ordered.
    pub(super) was_ready: bool,
    pub(super) state: NodeState,
    pub(super) state_since: Moment,
}

impl Supervisor {
    /// A supervisor whose services begin to wait for their start at once, but for those that live already by what an earlier
    /// one left behind: they are adopted.
    pub fn new(policy: Policy, past: &Past, now: Moment, rng: Rng) -> Supervisor {
        let mut out = Out { actions: VecDeque::new(), rng, next_run: policy.first_run, asks: 0, late: Duration::ZERO };
        let zookeeper = policy.roles.zookeeper.then(|| match past.living(Role::ZooKeeper) {
            Some((run, pid, age)) => Lane::adopt(now, run, pid, age, &mut out),
            None => Lane::new(now),
        });
        let kafka = policy.roles.kafka.then(|| match past.living(Role::Kafka) {
            Some((run, pid, age)) => Lane::adopt(now, run, pid, age, &mut out),
            None => Lane::new(now),
        });
        let mut fencing = Fencing::default();
        fencing.inherit(now, past, &mut out);
        for dead in past.dead(Role::ZooKeeper) {
            out.act(Action::Settle { role: Role::ZooKeeper, run: dead.run });
        }
        let seat = Seat::new(now, lives(zookeeper.as_ref()) || lives(kafka.as_ref()));
        let mut supervisor = Supervisor {
            zookeeper,
            kafka,
            fencing,
            token: Token::default(),
            attended: now,
            seat,
            departure: None,
            stop_asked: false,
            stop_cause: StopCause::Roll,
            began: now,
            policy,
            out,
            stop: None,
            finished: None,
            ensemble: Slot::Idle,
            others: None,
            others_serve: None,
            missing: None,
            local_unready: Some(now),
            was_ready: false,
            state: NodeState::Starting,
            state_since: now,
        };
        supervisor.settle(now);
        supervisor
    }

    /// Takes in something that happened.
    pub fn handle_event(&mut self, now: Moment, event: Event) {
        if self.finished.is_some() {
            return;
        }
        self.note_lateness(now);
        match event {
            Event::Spawned { role, run, pid } => self.handle_spawned(now, role, run, pid),
            Event::SpawnFailed { role, run, failure } => self.handle_spawn_failed(now, role, run, failure),
            Event::Exited { role, run, status, evidence } => self.handle_exited(now, role, run, (status, evidence)),
            Event::Session { run, session } => self.note_session(run, session, true),
            Event::Fence { ask, outcome } => {
                let quorum = self.quorum(now);
                self.fencing.handle(now, ask, outcome, quorum, &mut self.out);
            }
            Event::Token { ask, outcome } => self.token.handle(now, ask, outcome, &mut self.out),
            Event::Preflight { role, outcome } => self.handle_preflight(now, role, outcome),
            Event::ZooKeeper { run, outcome } => {
                if let Some(lane) = &mut self.zookeeper {
                    lane.handle_srvr(now, run, outcome, &self.policy, &mut self.out);
                }
            }
            Event::Ensemble { view } => {
                let mut pause = ENSEMBLE_INTERVAL;
                if let Some(linger) = self.stop.as_mut().and_then(|stop| stop.linger.as_mut()) {
                    linger.handle_ensemble(now, self.ensemble.asked(), &view, &self.policy);
                    pause = LINGER_INTERVAL;
                }
                self.others_serve = one_serves(&view).then(|| self.others_serve.unwrap_or(now));
                self.others = Some((now, view));
                self.ensemble = Slot::Due(now + pause);
                self.announce_quorum(now);
            }
            Event::Registration { ask, outcome } => {
                let Some(lane) = &mut self.kafka else { return };
                let waited = lane.word() == ServiceState::Waiting;
                if waited && self.fencing.is_asking() {
                    lane.ask_again_after_fence(now, ask);
                    return self.settle(now);
                }
                lane.handle_registration(now, ask, outcome, &self.policy, &mut self.out);
                let started = waited && lane.word() == ServiceState::Starting;
                if started && self.zookeeper.is_some() && self.local_unready.is_some() {
                    self.out.say(Notice::StartsOnPeers);
                }
            }
            Event::Brokers { outcome } => {
                if let Some(linger) = self.stop.as_mut().and_then(|stop| stop.linger.as_mut()) {
                    linger.handle_brokers(now, outcome, &self.policy);
                }
            }
            Event::Broker { run, outcome } => {
                if let Some(lane) = &mut self.kafka {
                    lane.handle_broker(now, run, outcome, &self.policy, &mut self.out);
                }
            }
            Event::InSync { run, outcome } => {
                if let Some(lane) = &mut self.kafka {
                    lane.handle_in_sync(now, run, outcome, &self.policy, &mut self.out);
                }
            }
            Event::Progress { role, run, progress } => self.handle_progress(now, role, run, progress),
            Event::Council { ask, outcome } => self.handle_council(now, ask, outcome),
            Event::Unlock { ask, outcome } => self.handle_unlock(now, ask, outcome),
            Event::Elect { ask, moved } => self.handle_elect(now, ask, moved),
            Event::Mark { ask, outcome } => self.handle_mark(now, ask, outcome),
            Event::Successor { ask, outcome } => self.handle_successor(now, ask, outcome),
            Event::System { ask, outcome } => {
                let step = self.departure.as_mut().map(|departure| departure.handle_system(now, ask, &outcome));
                self.depart(now, step.unwrap_or(Step::Wait));
            }
            Event::Gate { ask, outcome } => {
                let out = &mut self.out;
                let step = self.departure.as_mut().map(|departure| departure.handle_gate(now, ask, outcome, out));
                self.depart(now, step.unwrap_or(Step::Wait));
            }
            Event::Lock { ask, outcome } => {
                let out = &mut self.out;
                let step = self.departure.as_mut().map(|departure| departure.handle_lock(now, ask, outcome, out));
                self.depart(now, step.unwrap_or(Step::Wait));
            }
            Event::Stop { cause } => self.handle_stop(now, cause),
        }
        self.settle(now);
    }

    /// To be called at [`Supervisor::poll_timeout`] or later; harmless earlier.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.note_lateness(now);
        self.settle(now);
    }

    /// A stop was asked for, or is under way.
    pub fn is_stopping(&self) -> bool {
        self.stop_asked || self.stop.is_some()
    }

    /// Both services are down, and nothing will start them in this life.
    pub fn has_stopped(&self) -> bool {
        self.finished.is_some()
    }

    /// Who asked for the stop that this supervisor ends with, once one was asked for.
    pub fn stop_cause(&self) -> Option<StopCause> {
        self.stop_asked.then_some(self.stop_cause)
    }

    /// The next thing to do, until there is none.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.actions.pop_front()
    }

    /// When to call [`Supervisor::handle_timeout`]; `None` when only an event can change anything.
    pub fn poll_timeout(&self) -> Option<Moment> {
        if self.finished.is_some() {
            return None;
        }
        let zookeeper = self.zookeeper.as_ref().and_then(Lane::wakeup_zookeeper);
        let kafka = self.kafka.as_ref().and_then(Lane::wakeup_kafka);
        let lanes = earlier(zookeeper, kafka);
        let fence = self.fencing.wakeup().filter(|_| self.may_fence());
        let rest = earlier(earlier(self.ensemble.wakeup(), self.wakeup_stop()), earlier(fence, self.wakeup_attend()));
        earlier(earlier(lanes, self.wakeup_seat()), rest)
    }

    fn handle_spawned(&mut self, now: Moment, role: Role, run: RunId, pid: i32) {
        match (role, &mut self.zookeeper, &mut self.kafka) {
            (Role::ZooKeeper, Some(lane), _) => lane.handle_spawned(now, run, pid, &mut self.out),
            (Role::Kafka, _, Some(lane)) => lane.handle_spawned(now, run, pid, &mut self.out),
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
        }
    }

    fn handle_exited(&mut self, now: Moment, role: Role, run: RunId, end: (ExitStatus, Evidence)) {
        let (wanted, present) = (self.wanted(role), self.present_run(role) == Some(run));
        match (role, &mut self.zookeeper, &mut self.kafka) {
            (Role::ZooKeeper, Some(lane), _) => {
                lane.handle_exited(now, run, end, wanted, &mut self.out);
                if present {
                    self.out.act(Action::Settle { role, run });
                }
            }
            (Role::Kafka, _, Some(lane)) => {
                let said = end.1.said_stopped;
                lane.handle_exited(now, run, end, wanted, &mut self.out);
                // One that did not say that its stop was complete may not have closed its session.
                let clean = said && matches!(&lane.last_exit, Some((_, ExitCause::Stopped)));
                self.fencing.note_end(now, run, clean, &mut self.out);
            }
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
        }
    }

    fn handle_spawn_failed(&mut self, now: Moment, role: Role, run: RunId, failure: SpawnFailure) {
        let wanted = self.wanted(role);
        if self.present_run(role) == Some(run) {
            self.out.act(Action::Settle { role, run });
        }
        match (role, &mut self.zookeeper, &mut self.kafka) {
            (Role::ZooKeeper, Some(lane), _) => lane.handle_spawn_failed(now, run, failure, wanted, &mut self.out),
            (Role::Kafka, _, Some(lane)) => lane.handle_spawn_failed(now, run, failure, wanted, &mut self.out),
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
        }
    }

    fn handle_preflight(&mut self, now: Moment, role: Role, outcome: PreflightOutcome) {
        match (role, &mut self.zookeeper, &mut self.kafka) {
            (Role::ZooKeeper, Some(lane), _) => lane.handle_preflight(now, outcome, &mut self.out),
            (Role::Kafka, _, Some(lane)) => lane.handle_preflight(now, outcome, &mut self.out),
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
        }
    }

    fn handle_progress(&mut self, now: Moment, role: Role, run: RunId, progress: Progress) {
        match (role, &mut self.zookeeper, &mut self.kafka) {
            (Role::ZooKeeper, Some(lane), _) => lane.handle_progress(now, run, progress),
            (Role::Kafka, _, Some(lane)) => lane.handle_progress(now, run, progress),
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
        }
    }

    /// The loop slept longer than it was to: what it did not hear meanwhile is nobody's silence.
    fn note_lateness(&mut self, now: Moment) {
        let late = self.poll_timeout().map_or(Duration::ZERO, |due| now.since(due));
        if late >= LATE_TOLERANCE {
            self.out.late += late;
        }
    }

    /// The present broker run has this session: written to disk before anything depends on it.
    fn note_session(&mut self, run: RunId, session: SessionId, words: bool) {
        if self.fencing.note_session(run, session, words) {
            self.out.act(Action::Mark { role: Role::Kafka, run, mark: Mark::Session(session) });
        }
    }

    /// A broker that just began to answer, is listed and is registered serves with the session that holds the registration.
    fn note_served_session(&mut self, now: Moment) {
        let Some(State::Ready(live)) = self.kafka.as_ref().map(|lane| &lane.state) else { return };
        if let (run, Some(session)) = (live.run, live.facts.own_session(now)) {
            self.note_session(run, session, false);
        }
    }

    /// No broker of ours lives, so what a dead one left may be removed.
    pub(super) fn may_fence(&self) -> bool {
        self.kafka.as_ref().is_none_or(|lane| lane.process().1.is_none())
    }

    fn present_run(&self, role: Role) -> Option<RunId> {
        match role {
            Role::ZooKeeper => self.zookeeper.as_ref().and_then(|lane| lane.process().1),
            Role::Kafka => self.kafka.as_ref().and_then(|lane| lane.process().1),
        }
    }

    /// Whether a service that ended is to be started again. During a stop, ZooKeeper is as long as Kafka needs it.
    fn wanted(&self, role: Role) -> bool {
        let kafka_down = self.kafka.as_ref().is_none_or(|lane| matches!(lane.state, State::Down));
        match role {
            Role::Kafka => self.stop.is_none(),
            Role::ZooKeeper => self.stop.is_none() || !kafka_down,
        }
    }

    /// Does everything that the present state and time call for.
    fn settle(&mut self, now: Moment) {
        if self.finished.is_some() {
            return;
        }
        self.advance_stop(now);
        if self.finished.is_none() {
            if let Some(lane) = &mut self.zookeeper {
                lane.tick_zookeeper(now, &self.policy, &mut self.out);
            }
            self.watch_local(now);
            let quorum = self.quorum(now);
            if let Some(lane) = &mut self.kafka {
                lane.note_owed(self.fencing.owes());
                lane.tick_kafka(now, quorum, &self.policy, &mut self.out);
            }
            self.note_served_session(now);
            self.fencing.note_run(self.kafka.as_ref().and_then(|lane| lane.process().1), &mut self.out);
            if self.may_fence() {
                self.fencing.tick(now, &mut self.out);
            }
            self.attend(now);
            self.sit(now);
            self.attended = now;
            self.tick_ensemble(now); // after the lanes: whether it is needed hangs on their states
        }
        self.judge_node(now);
    }
}
