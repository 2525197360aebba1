//! ZooKeeper leaves last of all: where its going would cost the quorum while brokers of other nodes are registered, it waits
//! for them, bounded. A broker that loses the quorum in the middle of its stop hangs until it is killed (measured: over
//! 240 s), so nodes that are stopped together, or one after the other, would end uncleanly.
//!
//! Two servers that wait must not both leave on the other one's presence. One that waits shows it: it serves, and its broker
//! is no longer registered. It shows this for a while before it goes, it goes only on what it read just now, and it counts
//! those before it in the configuration that show the same as gone already.

use std::time::Duration;

use crate::model::{BrokerId, BrokersOutcome, EnsembleView, Moment, WaitReason, ZooKeeperOutcome};

use super::event::Probe;
use super::lane::Out;
use super::policy::{LINGER_CANDIDATE, LINGER_DWELL, LINGER_FRESH, LINGER_INTERVAL, Policy};
use super::slot::{Slot, Turn, earlier};

/// So many points (3 s of looks) must be found in a row for no quorum: a loaded member may answer later than a look takes. A
/// look at members whose ports are closed counts threefold: their servers are gone.
const HOPELESS: u32 = 6;
const GONE: u32 = 3;

/// Waiting to leave.
#[derive(Debug)]
pub(super) struct Linger {
    since: Moment,
    /// Waiting is over then.
    until: Moment,
    brokers: Slot,
    /// Registered brokers, and when that was asked; `None` while it was not read.
    registered: Option<(Moment, Vec<BrokerId>)>,
    /// Which of the other members serve, in the policy's order, and when that was asked.
    serving: Option<(Moment, Vec<bool>)>,
    /// Since when each of them serves without a broker; in the policy's order.
    candidates: Vec<Option<Moment>>,
    /// Points of looks in a row that found no quorum possible even with this server.
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
    /// Begins to ask whether this server may leave. A broker of another node may need a whole grace for its own stop; the
    /// limit of this stop stands all the same.
    pub(super) fn begin(now: Moment, stop: Moment, policy: &Policy) -> Linger {
        Linger {
            since: now,
            until: (now + policy.grace).min(stop + policy.stop_limit()).max(now),
            brokers: Slot::Due(now),
            registered: None,
            serving: None,
            candidates: vec![None; policy.peers.len()],
            hopeless: 0,
        }
    }

    /// What the other members answered to a question asked at `asked`; an older one says nothing about now.
    pub(super) fn handle_ensemble(&mut self, now: Moment, asked: Option<Moment>, view: &EnsembleView, policy: &Policy) {
        let Some(asked) = asked.filter(|at| *at >= self.since) else { return };
        let (mut answering, mut closed) = (0, 0);
        let serving = view.peers.iter().map(|peer| match peer.zookeeper {
            ZooKeeperOutcome::Serving(_) => {
                answering += 1;
                true
            }
            ZooKeeperOutcome::NotServing => {
                answering += 1; // it may be in an election, which this server can help to decide
                false
            }
            ZooKeeperOutcome::Refused => {
                closed += 1;
                false
            }
            ZooKeeperOutcome::TimedOut | ZooKeeperOutcome::Garbled(_) => false,
        });
        self.serving = Some((asked, serving.collect()));
        let (needed, members) = (majority(policy), view.peers.len() + 1);
        self.hopeless = if members - closed < needed {
            self.hopeless.saturating_add(GONE)
        } else if answering + 1 < needed {
            self.hopeless.saturating_add(1)
        } else {
            0
        };
        self.note_candidates(now, policy);
    }

    /// Which brokers are registered.
    pub(super) fn handle_brokers(&mut self, now: Moment, outcome: BrokersOutcome, policy: &Policy) {
        match (outcome, self.brokers.asked()) {
            (BrokersOutcome::Registered(brokers), Some(asked)) => {
                self.registered = Some((asked, brokers));
                self.note_candidates(now, policy);
            }
            // What was read last is told on, and not acted on once it is old.
            (BrokersOutcome::Unreadable(_), _) | (BrokersOutcome::Registered(_), None) => {}
        }
        self.brokers = Slot::Due(now + LINGER_INTERVAL);
    }

    fn note_candidates(&mut self, now: Moment, policy: &Policy) {
        let (Some((_, serving)), Some((_, registered))) = (&self.serving, &self.registered) else { return };
        let brokers = policy.peer_brokers.iter();
        for ((candidate, serves), broker) in self.candidates.iter_mut().zip(serving).zip(brokers) {
            let shows_it = *serves && broker.is_none_or(|broker| !registered.contains(&broker));
            *candidate = if shows_it { Some(candidate.unwrap_or(now)) } else { None };
        }
    }

    /// Whether to leave, by what was seen so far. `serving` says whether this server is in a quorum.
    pub(super) fn judge(&self, now: Moment, serving: bool, policy: &Policy) -> Leave {
        let alone = self.registered.is_some() && self.others(policy).is_empty();
        let hopeless = !serving && self.hopeless >= HOPELESS;
        let harmless = now.since(self.since) >= LINGER_DWELL && self.harmless(now, policy);
        if alone || hopeless || harmless {
            Leave::Now
        } else if self.until <= now {
            Leave::Anyway { brokers: self.others(policy), waited: now.since(self.since) }
        } else {
            Leave::Stay
        }
    }

    /// Whether the others keep a quorum without this server, and without those that may go first.
    fn harmless(&self, now: Moment, policy: &Policy) -> bool {
        let (Some((looked, serving)), Some((read, _))) = (&self.serving, &self.registered) else { return false };
        if now.since(*looked) > LINGER_FRESH || now.since(*read) > LINGER_FRESH {
            return false;
        }
        let stays = |(place, candidate): (usize, &Option<Moment>)| {
            place >= policy.rank || candidate.is_none_or(|since| now.since(since) >= LINGER_CANDIDATE)
        };
        let kept =
            serving.iter().zip(self.candidates.iter().enumerate()).filter(|(serves, peer)| **serves && stays(*peer));
        kept.count() >= majority(policy)
    }

    fn others(&self, policy: &Policy) -> Vec<BrokerId> {
        let registered = self.registered.iter().flat_map(|(_, brokers)| brokers);
        registered.copied().filter(|broker| *broker != policy.broker).collect()
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
    pub(super) fn reason(&self, policy: &Policy) -> WaitReason {
        let brokers = self.others(policy);
        if brokers.is_empty() { WaitReason::Leaving } else { WaitReason::OtherBrokers { brokers } }
    }
}

/// How many members a quorum needs.
fn majority(policy: &Policy) -> usize {
    policy.peers.len().div_ceil(2) + 1
}
