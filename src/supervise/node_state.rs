//! The node's own state, made of the states of its services: waiting, starting, ready, degraded, stopping.
//!
//! Absent on purpose: the services' states (`lane`), and how it is shown (`viewing`).

use crate::model::{Moment, NodeState, Notice, ReadinessLevel};

use super::event::Action;
use super::lane::State;
use super::supervisor::Supervisor;

impl Supervisor {
    pub(super) fn judge_node(&mut self, now: Moment) {
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
