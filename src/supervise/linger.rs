//! ZooKeeper leaves last of all: where its going would cost the quorum while brokers of other nodes are registered, it waits
//! for them, bounded. A broker that loses the quorum in the middle of its stop hangs until it is killed (measured: over
//! 240 s), so nodes that are stopped together, or one after the other, would end uncleanly.

use std::time::Duration;

use crate::model::{BrokerId, BrokersOutcome, EnsembleView, Moment, WaitReason, ZooKeeperOutcome};

use super::event::Probe;
use super::lane::Out;
use super::policy::{LINGER_INTERVAL, Policy};
use super::slot::{Slot, Turn, earlier};

/// So many looks in a row (3 s) must find too few members for a quorum: a loaded one may answer later than a look takes.
const HOPELESS_LOOKS: u32 = 6;

/// Waiting to leave.
#[derive(Debug)]
pub(super) struct Linger {
    since: Moment,
    /// Waiting is over then.
    until: Moment,
    brokers: Slot,
    /// Brokers of other nodes that are registered; `None` while that was not read.
    others: Option<Vec<BrokerId>>,
    /// Looks in a row that found a quorum without this server.
    harmless: u32,
    /// Looks in a row that found no quorum possible even with this server.
    hopeless: u32,
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
    /// A broker of another node may need a whole grace for its own stop; this stop's limit stands all the same.
    pub(super) fn begin(now: Moment, stop: Moment, policy: &Policy) -> Linger {
        let until = (now + policy.grace).min(stop + policy.stop_limit()).max(now);
        Linger { since: now, until, brokers: Slot::Due(now), others: None, harmless: 0, hopeless: 0 }
    }

    /// What the other members answered to a question asked at `asked`; an older one says nothing about now.
    pub(super) fn handle_ensemble(&mut self, asked: Option<Moment>, view: &EnsembleView) {
        if asked.is_none_or(|at| at < self.since) {
            return;
        }
        let (mut serving, mut answering) = (0, 0);
        for peer in &view.peers {
            match peer.zookeeper {
                ZooKeeperOutcome::Serving(_) => {
                    serving += 1;
                    answering += 1;
                }
                // It may be in an election, which this server can help to decide.
                ZooKeeperOutcome::NotServing => answering += 1,
                ZooKeeperOutcome::Refused | ZooKeeperOutcome::TimedOut | ZooKeeperOutcome::Garbled(_) => {}
            }
        }
        let majority = view.peers.len().div_ceil(2) + 1;
        self.harmless = if serving >= majority { self.harmless.saturating_add(1) } else { 0 };
        self.hopeless = if answering + 1 < majority { self.hopeless.saturating_add(1) } else { 0 };
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
    /// `serving` says whether this server is in a quorum.
    pub(super) fn judge(&self, now: Moment, serving: bool, policy: &Policy) -> Leave {
        let alone = self.others.as_ref().is_some_and(Vec::is_empty);
        if alone || self.harmless > policy.rank || (!serving && self.hopeless >= HOPELESS_LOOKS) {
            Leave::Now
        } else if self.until <= now {
            Leave::Anyway { brokers: self.others.clone().unwrap_or_default(), waited: now.since(self.since) }
        } else {
            Leave::Stay
        }
    }

    /// Asks what is due. The other members are asked by the supervisor, which has a slot for that already.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Out) {
        match self.brokers.turn(now) {
            Turn::Ask | Turn::Lost => out.probe(Probe::Brokers),
            Turn::Rest => {}
        }
    }

    /// When there is next something to ask or decide.
    pub(super) fn wakeup(&self) -> Option<Moment> {
        earlier(Some(self.until), self.brokers.wakeup())
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
