//! The supervisor of one node: two lanes, the quorum that joins them, the stop, and the node's own state.
//!
//! It performs nothing. It is told events and the time, and is asked for actions; so a test runs thousands of lives a second.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{
    EnsembleView, ExitStatus, Moment, NodeState, Notice, PreflightOutcome, Progress, ReadinessLevel, Rng, Role, RunId,
    ServiceState, SpawnFailure, WaitReason, ZooKeeperOutcome,
};

use super::event::{Action, Event, PROBE_LIMIT, Probe};
use super::kafka::Kafka;
use super::lane::{Lane, Out, State};
use super::policy::{ENSEMBLE_INTERVAL, LINGER_INTERVAL, LINGER_LOOK, LOCAL_QUORUM_PATIENCE, Policy};
use super::slot::{Slot, Turn, earlier};
use super::stop::Stop;
use super::zookeeper::ZooKeeper;

/// A look at the other members older than this says nothing about now: three rounds and one lost answer.
const ENSEMBLE_VALID: Duration = Duration::from_secs(3 * ENSEMBLE_INTERVAL.as_secs() + 2 * PROBE_LIMIT.as_secs());
/// The other members are asked only once this node's own server has had this long: it usually needs less.
const ENSEMBLE_DELAY: Duration = Duration::from_secs(1);

/// Decides everything about the JVMs of one node.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) policy: Policy,
    pub(super) out: Out,
    pub(super) zookeeper: Option<Lane<ZooKeeper>>,
    pub(super) kafka: Option<Lane<Kafka>>,
    pub(super) stop: Option<Stop>,
    /// Everything has stopped; whether cleanly.
    pub(super) finished: Option<bool>,
    /// Looks at the other members; idle while this node's own server serves.
    ensemble: Slot,
    /// The last look at them.
    pub(super) others: Option<(Moment, EnsembleView)>,
    /// Who was last said to be missing for a quorum.
    missing: Option<WaitReason>,
    /// Since when looks at them find one that serves, while this node's own server does not.
    others_serve: Option<Moment>,
    /// Since when this node's own server does not serve; `None` while it does.
    local_unready: Option<Moment>,
    /// READY=1 was ordered.
    was_ready: bool,
    pub(super) state: NodeState,
    pub(super) state_since: Moment,
}

impl Supervisor {
    /// A supervisor whose services begin to wait for their start at once.
    pub fn new(policy: Policy, now: Moment, rng: Rng) -> Supervisor {
        let out = Out { actions: VecDeque::new(), rng, next_run: policy.first_run, asks: 0 };
        let mut supervisor = Supervisor {
            zookeeper: policy.roles.zookeeper.then(|| Lane::new(now)),
            kafka: policy.roles.kafka.then(|| Lane::new(now)),
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
        match event {
            Event::Spawned { role, run, pid } => self.handle_spawned(now, role, run, pid),
            Event::SpawnFailed { role, run, failure } => self.handle_spawn_failed(now, role, run, failure),
            Event::Exited { role, run, status } => self.handle_exited(now, role, run, status),
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
            Event::Stop { cause } => self.handle_stop(now, cause),
        }
        self.settle(now);
    }

    /// To be called at [`Supervisor::poll_timeout`] or later; harmless earlier.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.settle(now);
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
        earlier(earlier(zookeeper, kafka), earlier(self.ensemble.wakeup(), self.wakeup_stop()))
    }

    fn handle_spawned(&mut self, now: Moment, role: Role, run: RunId, pid: i32) {
        match (role, &mut self.zookeeper, &mut self.kafka) {
            (Role::ZooKeeper, Some(lane), _) => lane.handle_spawned(now, run, pid, &mut self.out),
            (Role::Kafka, _, Some(lane)) => lane.handle_spawned(now, run, pid, &mut self.out),
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
        }
    }

    fn handle_exited(&mut self, now: Moment, role: Role, run: RunId, status: ExitStatus) {
        let wanted = self.wanted(role);
        match (role, &mut self.zookeeper, &mut self.kafka) {
            (Role::ZooKeeper, Some(lane), _) => lane.handle_exited(now, run, status, wanted, &mut self.out),
            (Role::Kafka, _, Some(lane)) => lane.handle_exited(now, run, status, wanted, &mut self.out),
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
        }
    }

    fn handle_spawn_failed(&mut self, now: Moment, role: Role, run: RunId, failure: SpawnFailure) {
        let wanted = self.wanted(role);
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
            (Role::ZooKeeper, Some(lane), _) => lane.handle_end_progress(now, run, progress),
            (Role::Kafka, _, Some(lane)) => lane.handle_progress(now, run, progress),
            (Role::ZooKeeper, None, _) | (Role::Kafka, _, None) => {} // not a service of this node
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
                lane.tick_kafka(now, quorum, &self.policy, &mut self.out);
            }
            self.tick_ensemble(now); // after the lanes: whether it is needed hangs on their states
        }
        self.judge_node(now);
    }

    fn watch_local(&mut self, now: Moment) {
        let Some(lane) = &self.zookeeper else { return };
        match (&lane.state, self.local_unready) {
            (State::Ready(_), _) => self.local_unready = None,
            (State::Starting(_) | State::Up(_) | State::Waiting(_) | State::Backoff(_) | State::Failed(_), None) => {
                self.local_unready = Some(now);
            }
            (State::Down | State::Terminating(_) | State::Killing(_), None) => self.local_unready = Some(now),
            (State::Starting(_) | State::Up(_) | State::Waiting(_) | State::Backoff(_) | State::Failed(_), Some(_)) => {
            }
            (State::Down | State::Terminating(_) | State::Killing(_), Some(_)) => {}
        }
    }

    /// Looks at the other members while this node's own server does not serve or waits to leave, or while a node without
    /// one waits for a quorum.
    fn tick_ensemble(&mut self, now: Moment) {
        let needed = match (&self.zookeeper, &self.kafka) {
            (Some(lane), _) => {
                !matches!(lane.state, State::Ready(_) | State::Terminating(_) | State::Killing(_) | State::Down)
            }
            (None, Some(lane)) => matches!(lane.state, State::Waiting(_)),
            (None, None) => false, // a node has at least one role
        };
        let lingers = self.stop.as_ref().is_some_and(|stop| stop.linger.is_some());
        if !(needed || lingers) || self.policy.peers.is_empty() {
            self.ensemble = Slot::Idle;
            self.others = None;
            self.others_serve = None;
            self.missing = None;
            return;
        }
        let delay = if self.zookeeper.is_some() && !lingers { ENSEMBLE_DELAY } else { Duration::ZERO };
        if matches!(self.ensemble, Slot::Idle) {
            self.ensemble = Slot::Due(now + delay);
        }
        let limit = if lingers { LINGER_LOOK } else { PROBE_LIMIT };
        match self.ensemble.turn(now) {
            Turn::Ask | Turn::Lost => self.out.probe(Probe::Ensemble { limit }),
            Turn::Rest => {}
        }
    }

    /// Says who is missing for a quorum, each time it becomes somebody else.
    fn announce_quorum(&mut self, now: Moment) {
        let Some(lane) = &self.zookeeper else { return };
        let missing = match &lane.state {
            State::Up(_) => Some(self.missing_quorum()),
            State::Down | State::Waiting(_) | State::Starting(_) | State::Ready(_) => None,
            State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => None,
        };
        if let Some(reason) = &missing
            && missing != self.missing
            && !self.quorum(now)
        {
            self.out.say(Notice::Waits { role: Role::ZooKeeper, reason: reason.clone() });
        }
        self.missing = missing;
    }

    /// Whether there is a quorum that a broker can start on: this node's own server is in one, or another member is where
    /// this node has no server, or has one that has not joined them for long. A node that was alone for long has waited
    /// for nobody's fault: its patience begins when the others serve.
    pub(super) fn quorum(&self, now: Moment) -> bool {
        let fresh = self.others.as_ref().is_some_and(|(at, _)| now.since(*at) <= ENSEMBLE_VALID);
        match (&self.zookeeper, self.local_unready, self.others_serve) {
            (Some(_), None, _) => true,
            (None, _, others) => fresh && others.is_some(),
            (Some(_), Some(_), Some(since)) => fresh && now.since(since) >= LOCAL_QUORUM_PATIENCE,
            (Some(_), Some(_), None) => false,
        }
    }

    fn judge_node(&mut self, now: Moment) {
        let reached = self.stop.is_none() && self.level_reached();
        let state = match (&self.stop, reached, self.was_ready) {
            (Some(_), _, _) => NodeState::Stopping,
            (None, true, _) => NodeState::Ready,
            (None, false, true) => NodeState::Degraded,
            (None, false, false) if self.under_way() => NodeState::Starting,
            (None, false, false) => NodeState::Waiting,
        };
        if reached && !self.was_ready {
            self.was_ready = true;
            self.out.act(Action::Ready);
        }
        self.enter(now, state);
    }

    /// Changes the node's state, and says so.
    pub(super) fn enter(&mut self, now: Moment, state: NodeState) {
        if state != self.state {
            self.state = state;
            self.state_since = now;
            self.out.say(Notice::Node { state });
        }
    }

    /// Whether the configured readiness level is reached.
    fn level_reached(&self) -> bool {
        let quorum = self.zookeeper.as_ref().is_none_or(|lane| matches!(lane.state, State::Ready(_)));
        let broker = self.kafka.as_ref().is_none_or(|lane| match (self.policy.level, &lane.state) {
            (ReadinessLevel::Started, _) => lane.live().is_some_and(|live| live.pid.is_some()),
            (ReadinessLevel::Serving, State::Ready(_)) => true,
            (ReadinessLevel::InSync, State::Ready(live)) => live.facts.in_sync(),
            (ReadinessLevel::Serving | ReadinessLevel::InSync, State::Starting(_) | State::Up(_)) => false,
            (ReadinessLevel::Serving | ReadinessLevel::InSync, State::Terminating(_) | State::Killing(_)) => false,
            (ReadinessLevel::Serving | ReadinessLevel::InSync, State::Down | State::Waiting(_)) => false,
            (ReadinessLevel::Serving | ReadinessLevel::InSync, State::Backoff(_) | State::Failed(_)) => false,
        });
        quorum && broker
    }

    /// Whether something moves towards readiness by itself: a process starts, or the looks before a start are under way.
    fn under_way(&self) -> bool {
        let zookeeper = self.zookeeper.as_ref().is_some_and(|lane| match &lane.state {
            State::Waiting(_) => lane.held_by().is_empty(),
            State::Starting(_) | State::Terminating(_) | State::Killing(_) => true,
            State::Down | State::Up(_) | State::Ready(_) | State::Backoff(_) | State::Failed(_) => false,
        });
        let kafka = self.kafka.as_ref().is_some_and(|lane| match &lane.state {
            State::Waiting(wait) => self.local_unready.is_none() && !wait.is_held(),
            State::Starting(_) | State::Up(_) | State::Ready(_) | State::Terminating(_) | State::Killing(_) => true,
            State::Down | State::Backoff(_) | State::Failed(_) => false,
        });
        zookeeper || kafka
    }
}

/// Whether a member in `view` says that it serves: then there is a quorum.
fn one_serves(view: &EnsembleView) -> bool {
    view.peers.iter().any(|peer| matches!(peer.zookeeper, ZooKeeperOutcome::Serving(_)))
}
