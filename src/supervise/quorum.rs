//! The quorum as this node sees it: by its own server, and by looks at the other members where its own does not tell.
//!
//! Absent on purpose: leaving it (`linger.rs`).

use std::time::Duration;

use crate::model::{EnsembleView, Moment, Notice, Role, ZooKeeperOutcome};

use super::event::{PROBE_LIMIT, Probe};
use super::lane::State;
use super::policy::{ENSEMBLE_INTERVAL, LINGER_LOOK, LOCAL_QUORUM_PATIENCE};
use super::slot::{Slot, Turn};
use super::supervisor::Supervisor;

/// A look at the other members older than this says nothing about now: three rounds and one lost answer.
const ENSEMBLE_VALID: Duration = Duration::from_secs(3 * ENSEMBLE_INTERVAL.as_secs() + 2 * PROBE_LIMIT.as_secs());
/// The other members are asked only once this node's own server has had this long: it usually needs less.
const ENSEMBLE_DELAY: Duration = Duration::from_secs(1);

impl Supervisor {
    pub(super) fn watch_local(&mut self, now: Moment) {
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
    /// one waits for a quorum, or for leave to end a broker that is hung.
    pub(super) fn tick_ensemble(&mut self, now: Moment) {
        let needed = match (&self.zookeeper, &self.kafka) {
            (Some(lane), _) => {
                lane.hang().is_some()
                    || !matches!(lane.state, State::Ready(_) | State::Terminating(_) | State::Killing(_) | State::Down)
            }
            (None, Some(lane)) => matches!(lane.state, State::Waiting(_)) || lane.hang().is_some(),
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
    pub(super) fn announce_quorum(&mut self, now: Moment) {
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
        let fresh = self.look_is_fresh(now);
        match (&self.zookeeper, self.local_unready, self.others_serve) {
            (Some(_), None, _) => true,
            (None, _, others) => fresh && others.is_some(),
            (Some(_), Some(_), Some(since)) => fresh && now.since(since) >= LOCAL_QUORUM_PATIENCE,
            (Some(_), Some(_), None) => false,
        }
    }

    /// Whether another member says that it serves: a quorum without this node's own server.
    pub(super) fn others_serve(&self, now: Moment) -> bool {
        self.others_serve.is_some() && self.look_is_fresh(now)
    }

    /// Whether no other member serves, by a look that is not old. Not to know it is another matter.
    pub(super) fn no_other_serves(&self, now: Moment) -> bool {
        self.policy.peers.is_empty() || (self.look_is_fresh(now) && self.others_serve.is_none())
    }

    fn look_is_fresh(&self, now: Moment) -> bool {
        self.others.as_ref().is_some_and(|(at, _)| now.since(*at) <= ENSEMBLE_VALID)
    }
}

/// Whether a member in `view` says that it serves: then there is a quorum.
pub(super) fn one_serves(view: &EnsembleView) -> bool {
    view.peers.iter().any(|peer| matches!(peer.zookeeper, ZooKeeperOutcome::Serving(_)))
}
