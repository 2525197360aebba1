//! What is known of a living broker, and what that says: is it serving, in sync, or what is missing.

use std::time::Duration;

use crate::model::{InSyncOutcome, Moment, SessionId, WaitReason};

use super::health::Health;
use super::policy::SESSION_PROOF;
use super::slot::Slot;
use super::watch::ProgressWatch;

/// What is known of a living broker.
#[derive(Debug)]
pub(super) struct Facts {
    /// Idle until the process exists.
    pub(super) broker: Slot,
    /// Idle until the broker answers.
    pub(super) registration: Slot,
    pub(super) ask: u64,
    /// Idle until it serves.
    pub(super) in_sync: Slot,
    /// Each second until it serves and while it is silent, else seldom.
    pub(super) progress: Slot,
    pub(super) health: Health,
    /// Since when it answers, and ZooKeeper, asked, knows no registration of it; `None` while either is not so.
    pub(super) unregistered: Option<Moment>,
    pub(super) watch: ProgressWatch,
    /// A session that held the registration before this run began, and so is not this run's.
    pub(super) foreign: Option<SessionId>,
    /// The session that this run registered with.
    pub(super) registered: Option<SessionId>,
    /// Metadata lists this broker.
    pub(super) listed: bool,
    /// The last probe was answered, or its silence is too short to count.
    pub(super) answers: bool,
    /// The last probe went unanswered, however short the silence.
    pub(super) silent: bool,
    /// The last probe was refused.
    pub(super) refuses: bool,
    /// When it last answered; its start counts.
    pub(super) last_answer: Moment,
    /// When it first answered; unset for an adopted run, whose first answer nobody remembers.
    pub(super) first_answer: Option<Moment>,
    /// An earlier supervisor started it.
    pub(super) adopted: bool,
    /// It served at some time: a SIGTERM is then answered by a controlled shutdown.
    pub(super) ever_served: bool,
    /// Since when it does not serve: probing is eager for a while after it.
    pub(super) unready_since: Moment,
    /// The last answer to the in-sync question; `None` before, and after readiness was lost.
    pub(super) sync: Option<InSyncOutcome>,
}

impl Facts {
    /// A run that was just ordered: nothing is known.
    pub(super) fn new(now: Moment, late: Duration) -> Facts {
        Facts {
            broker: Slot::Idle,
            registration: Slot::Idle,
            ask: 0,
            in_sync: Slot::Idle,
            progress: Slot::Idle,
            watch: ProgressWatch::begin(now),
            health: Health::begin(now, late),
            unregistered: None,
            foreign: None,
            registered: None,
            listed: false,
            answers: false,
            silent: false,
            refuses: false,
            last_answer: now,
            first_answer: None,
            adopted: false,
            ever_served: false,
            unready_since: now,
            sync: None,
        }
    }

    /// What is missing to serving.
    pub(super) fn missing(&self, now: Moment) -> WaitReason {
        let silent = now.since(self.last_answer);
        match (self.answers, self.ever_served) {
            (true, _) => WaitReason::BrokerUnregistered,
            (false, true) if self.refuses => WaitReason::BrokerRefuses,
            (false, true) => WaitReason::BrokerSilent { since: silent },
            (false, false) if self.watch.recovering() => WaitReason::BrokerRecovering { steps: self.watch.steps() },
            (false, false) => WaitReason::BrokerStarting,
        }
    }

    /// The session that holds the registration, where it is this run's beyond doubt.
    pub(super) fn own_session(&self, now: Moment) -> Option<SessionId> {
        let soon = self.first_answer.is_some_and(|at| now.since(at) <= SESSION_PROOF);
        self.registered.filter(|_| soon)
    }

    /// Known to be in sync.
    pub(super) fn in_sync(&self) -> bool {
        matches!(self.sync, Some(InSyncOutcome::Seen { behind: 0, .. }))
    }

    /// Out of sync, where that is known: partitions behind, and all.
    pub(super) fn lag(&self) -> Option<(u32, u32)> {
        match &self.sync {
            Some(InSyncOutcome::Seen { replicas, behind, .. }) if *behind > 0 => Some((*behind, *replicas)),
            Some(InSyncOutcome::Seen { .. } | InSyncOutcome::Unreadable(_)) | None => None,
        }
    }
}

/// Partitions whose ISR lacks the broker, where they could be read.
pub(super) fn behind(outcome: &InSyncOutcome) -> Option<u32> {
    match outcome {
        InSyncOutcome::Seen { behind, .. } => Some(*behind),
        InSyncOutcome::Unreadable(_) => None,
    }
}
