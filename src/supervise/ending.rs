//! A run that is being ended: SIGTERM, a grace that is prolonged while progress is seen, SIGKILL, and again.

use std::time::Duration;

use crate::model::{Blame, Drain, InSyncOutcome, Moment, Notice, Progress, Role, RunId, SignalReason};

use super::event::Action;
use super::lane::{Kind, Lane, Out, State};
use super::policy::{KILL_AGAIN, PROGRESS_INTERVAL, PROLONG_BY, PROLONG_IF_WITHIN};
use super::slot::Slot;
use super::watch::ProgressWatch;

/// A run that is being ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) run: RunId,
    pub(super) pid: Option<i32>,
    /// When the run was ordered.
    pub(super) born: Moment,
    /// When the last signal was sent.
    pub(super) signalled: Moment,
    /// Why SIGKILL was sent; `None` while it was not.
    pub(super) killed: Option<SignalReason>,
    /// It is ended because it was hung; `None` where the node stops.
    pub(super) health: Option<Blame>,
    /// When the grace is over (Terminating), or when SIGKILL is repeated (Killing).
    pub(super) until: Moment,
    /// The grace is not prolonged beyond this.
    pub(super) limit: Moment,
    /// Looks for progress; idle where the grace is fixed.
    pub(super) progress: Slot,
    pub(super) watch: ProgressWatch,
    /// Looks at the leaderships that a broker still has to hand over; idle for ZooKeeper, and where it is hung.
    pub(super) leaders: Slot,
    /// What the last of them showed; `None` before the first and once the broker answers no more.
    pub(super) drain: Option<Drain>,
}

/// How long a stop may take from SIGTERM on.
pub(super) struct Grace {
    /// At least this long.
    pub(super) at_least: Duration,
    /// Prolonged up to this moment while progress is seen; `None` for a fixed grace.
    pub(super) prolonged_to: Option<Moment>,
}

impl<K: Kind> Lane<K> {
    /// SIGTERM to the living run; nothing where there is none.
    pub(super) fn terminate(&mut self, now: Moment, reason: SignalReason, grace: Grace, out: &mut Out) {
        let Some(live) = self.live() else { return };
        let (run, until) = (live.run, now + grace.at_least);
        let leaders = K::leaders(&live.facts, now);
        let health = match reason {
            SignalReason::Health(blame) => Some(blame),
            // any: every other reason is a stop's
            _ => None,
        };
        let ending = Ending {
            health,
            run,
            pid: live.pid,
            born: live.since,
            signalled: now,
            killed: None,
            until,
            limit: grace.prolonged_to.unwrap_or(until).max(until),
            progress: if grace.prolonged_to.is_some() { Slot::Due(now) } else { Slot::Idle },
            watch: ProgressWatch::begin(now),
            leaders: if health.is_none() { leaders } else { Slot::Idle },
            drain: None,
        };
        self.enter(now, State::Terminating(ending));
        out.say(Notice::Terminates { role: K::ROLE, run, reason });
        out.act(Action::Terminate { role: K::ROLE, run });
    }

    /// SIGKILL at once to a living run that no SIGTERM can reach: it is frozen.
    pub(super) fn kill_frozen(&mut self, now: Moment, blame: Blame, out: &mut Out) {
        let Some(live) = self.live() else { return };
        let (run, reason) = (live.run, SignalReason::Health(blame));
        let killed = Ending {
            health: Some(blame),
            run,
            pid: live.pid,
            born: live.since,
            signalled: now,
            killed: Some(reason),
            until: now + KILL_AGAIN,
            limit: now + KILL_AGAIN,
            progress: Slot::Idle,
            watch: ProgressWatch::begin(now),
            leaders: Slot::Idle,
            drain: None,
        };
        self.enter(now, State::Killing(killed));
        out.say(Notice::Kills { role: K::ROLE, run, reason });
        out.act(Action::Kill { role: K::ROLE, run });
    }

    /// Gives up what does not run: a stop was asked for.
    pub(super) fn give_up_start(&mut self, now: Moment) {
        match &self.state {
            State::Waiting(_) | State::Backoff(_) | State::Failed(_) => self.enter(now, State::Down),
            State::Down | State::Starting(_) | State::Up(_) | State::Ready(_) => {}
            State::Terminating(_) | State::Killing(_) => {}
        }
    }

    /// A look at the progress of a run that is being ended.
    pub(super) fn handle_end_progress(&mut self, now: Moment, run: RunId, seen: Progress) {
        match &mut self.state {
            State::Terminating(ending) if ending.run == run => {
                ending.watch.look(now, seen);
                ending.progress = Slot::Due(now + PROGRESS_INTERVAL);
            }
            // A killed run is past all looking; a living one's progress is its kind's own; the rest is old news.
            State::Terminating(_) | State::Killing(_) => {}
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => {}
            State::Starting(_) | State::Up(_) | State::Ready(_) => {}
        }
    }

    /// The leaderships that are left to a broker that is being ended.
    pub(super) fn handle_drain(&mut self, now: Moment, run: RunId, outcome: &InSyncOutcome) {
        let State::Terminating(ending) = &mut self.state else { return };
        if ending.run != run {
            return;
        }
        ending.drain = match outcome {
            InSyncOutcome::Seen { replicas, leads, .. } => Some(Drain { leads: *leads, replicas: *replicas }),
            InSyncOutcome::Unreadable(_) => None,
        };
        ending.leaders = Slot::Due(now + PROGRESS_INTERVAL);
    }

    /// The grace is over: more of it while progress is seen, else SIGKILL.
    pub(super) fn grace_over(&mut self, now: Moment, quorum: bool, out: &mut Out) {
        let State::Terminating(ending) = &mut self.state else { return };
        let progresses = now.since(ending.watch.last) <= PROLONG_IF_WITHIN && ending.watch.last > ending.signalled;
        if progresses && now < ending.limit {
            let until = (now + PROLONG_BY).min(ending.limit);
            out.say(Notice::GraceProlonged { role: K::ROLE, by: until.since(now) });
            ending.until = until;
            return;
        }
        let reason = match (ending.health, progresses) {
            (Some(blame), _) => SignalReason::Health(blame),
            // Its controlled shutdown needs a controller, and a controller a quorum.
            (None, _) if K::ROLE == Role::Kafka && !quorum => SignalReason::QuorumGone,
            (None, true) => SignalReason::StopTookTooLong,
            (None, false) => SignalReason::GraceOver,
        };
        let killed = Ending {
            health: ending.health,
            run: ending.run,
            pid: ending.pid,
            born: ending.born,
            signalled: now,
            killed: Some(reason),
            until: now + KILL_AGAIN,
            limit: ending.limit,
            progress: Slot::Idle,
            watch: ending.watch,
            leaders: Slot::Idle,
            drain: None,
        };
        let run = killed.run;
        self.enter(now, State::Killing(killed));
        out.say(Notice::Kills { role: K::ROLE, run, reason });
        out.act(Action::Kill { role: K::ROLE, run });
    }
}
