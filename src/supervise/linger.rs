//! ZooKeeper leaves last of all: where its going would cost the quorum while brokers of other nodes are registered, it waits
//! for them, bounded. A broker that loses the quorum in the middle of its stop hangs until it is killed (measured: over
//! 240 s), so nodes that are stopped together, or one after the other, would end uncleanly.

use std::time::Duration;

use crate::model::{BrokerId, BrokersOutcome, EnsembleView, Moment, WaitReason, ZooKeeperOutcome};

use super::event::Probe;
use super::lane::Out;
use super::policy::{LINGER_INTERVAL, LINGER_LIMIT, Policy};
use super::slot::{Slot, Turn, earlier};

/// Waiting to leave.
#[derive(Debug)]
pub(super) struct Linger {
    since: Moment,
    ensemble: Slot,
    brokers: Slot,
    /// Brokers of other nodes that are registered; `None` while that was not read.
    others: Option<Vec<BrokerId>>,
    /// Looks in a row that found a quorum without this server.
    harmless: u32,
}

/// Whether to leave now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Not yet.
    Stay,
    /// Its going harms nobody.
    Now,
    /// Its going costs these brokers the quorum, and the time for waiting is over.
    Anyway { brokers: Vec<BrokerId>, waited: Duration },
}

impl Linger {
    /// Begins to ask whether this server may leave.
    pub(super) fn begin(now: Moment) -> Linger {
        Linger { since: now, ensemble: Slot::Due(now), brokers: Slot::Due(now), others: None, harmless: 0 }
    }

    /// What the other members answered.
    pub(super) fn handle_ensemble(&mut self, now: Moment, view: &EnsembleView) {
        let serving = view.peers.iter().filter(|peer| matches!(peer.zookeeper, ZooKeeperOutcome::Serving(_))).count();
        let members = view.peers.len() + 1;
        let kept = serving > members / 2;
        self.harmless = if kept { self.harmless.saturating_add(1) } else { 0 };
        self.ensemble = Slot::Due(now + LINGER_INTERVAL);
    }

    /// Which brokers are registered.
    pub(super) fn handle_brokers(&mut self, now: Moment, outcome: BrokersOutcome, own: BrokerId) {
        match outcome {
            BrokersOutcome::Registered(brokers) => {
                self.others = Some(brokers.into_iter().filter(|broker| *broker != own).collect());
            }
            // What was read last holds on: without a quorum this wait ends by itself.
            BrokersOutcome::Unreadable(_) => {}
        }
        self.brokers = Slot::Due(now + LINGER_INTERVAL);
    }

    /// Whether to leave, by what was seen so far.
    pub(super) fn judge(&self, now: Moment, policy: &Policy) -> Leave {
        let waited = now.since(self.since);
        let alone = self.others.as_ref().is_some_and(Vec::is_empty);
        if alone || self.harmless > policy.rank {
            Leave::Now
        } else if waited >= LINGER_LIMIT.min(policy.grace) {
            Leave::Anyway { brokers: self.others.clone().unwrap_or_default(), waited }
        } else {
            Leave::Stay
        }
    }

    /// Asks what is due.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Out) {
        match self.ensemble.turn(now) {
            Turn::Ask | Turn::Lost => out.probe(Probe::Ensemble),
            Turn::Rest => {}
        }
        match self.brokers.turn(now) {
            Turn::Ask | Turn::Lost => out.probe(Probe::Brokers),
            Turn::Rest => {}
        }
    }

    /// When there is next something to ask or decide.
    pub(super) fn wakeup(&self, policy: &Policy) -> Option<Moment> {
        let limit = self.since + LINGER_LIMIT.min(policy.grace);
        earlier(Some(limit), earlier(self.ensemble.wakeup(), self.brokers.wakeup()))
    }

    /// What is waited for.
    pub(super) fn reason(&self) -> WaitReason {
        match &self.others {
            Some(brokers) if !brokers.is_empty() && self.harmless == 0 => {
                WaitReason::OtherBrokers { brokers: brokers.clone() }
            }
            Some(_) | None => WaitReason::Leaving,
        }
    }
}
