//! What is done about a JVM that is of no use: nothing without a quorum, nothing without the cluster's restart token, a
//! thread dump first, then SIGTERM and SIGKILL. The start that follows is an ordinary one.
//!
//! # States and events of a hang
//! ```text
//! (Well) --Hung--> said --quorum, token Held--> dumped --DUMP_TIME, token Held again--> the lane's Terminating or Killing
//!    ^               |                             |
//!    +---- works again by itself: said, and the token is given back
//! ```
//! # Invariants
//! - A broker is never ended for health while there is no quorum.
//! - Nobody is ended for health without the token, with one exception: a ZooKeeper server that is hung and has answered
//!   nobody for `slow_after` while no other member serves. There is nobody then who could grant a token, and it serves nobody.
//! - A frozen process gets SIGKILL at once: SIGTERM and SIGQUIT cannot reach it.
//! - Nothing is ended for health once a stop was asked for: the stop has its own ways and times.

use std::time::Duration;

use crate::model::{Blame, Moment, Notice, Role, SignalReason, WaitReason};

use super::ending::Grace;
use super::event::Action;
use super::health::{Hang, Verdict};
use super::lane::{Kind, Lane, Out, State};
use super::policy::{DUMP_TIME, HEALTH_GRACE, HEALTH_GRACE_ANSWERING};
use super::supervisor::Supervisor;
use super::token::Token;

/// What stands between a hung JVM and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// The restart token, which is to be asked for.
    Token,
    /// Nothing: no token can be had, and none is needed.
    Granted,
    /// There is no quorum, so nothing is done.
    Withheld,
}

impl Supervisor {
    /// Judges both services, and does what there is to do.
    pub(super) fn attend(&mut self, now: Moment) {
        if self.stop.is_some() {
            self.token.give_back(&mut self.out);
            return;
        }
        let (kafka, zookeeper) = (self.judge_kafka(now), self.judge_zookeeper(now));
        if let (Some(lane), Some((verdict, leave))) = (&mut self.kafka, kafka) {
            lane.attend(now, verdict, leave, &mut self.token, &mut self.out);
        }
        if let (Some(lane), Some((verdict, leave))) = (&mut self.zookeeper, zookeeper) {
            lane.attend(now, verdict, leave, &mut self.token, &mut self.out);
        }
        self.return_token(now);
        self.token.tick(now, &mut self.out);
    }

    /// Whether the broker is of any use, and what stands before its end; `None` on a node without one.
    fn judge_kafka(&self, now: Moment) -> Option<(Verdict, Leave)> {
        let verdict = self.kafka.as_ref()?.verdict(now, self.out.late, &self.policy);
        Some((verdict, if self.quorum(now) { Leave::Token } else { Leave::Withheld }))
    }

    /// The same of the server.
    fn judge_zookeeper(&self, now: Moment) -> Option<(Verdict, Leave)> {
        let lane = self.zookeeper.as_ref()?;
        let (late, alone) = (self.out.late, self.no_other_serves(now));
        let verdict = lane.verdict(now, late, &self.policy);
        let leave = match verdict {
            // any: whatever the verdict, the others can grant the token
            _ if self.others_serve(now) => Leave::Token,
            Verdict::Hung(_) if alone && lane.unanswered_for(now, late) >= self.policy.slow_after => Leave::Granted,
            // It answers with a role: the quorum that it is in can grant the token.
            Verdict::Hung(_) if matches!(lane.state, State::Ready(_)) => Leave::Token,
            Verdict::Hung(_) | Verdict::Well | Verdict::Slow { .. } => Leave::Withheld,
            Verdict::Starved { .. } | Verdict::Traced { .. } => Leave::Withheld,
        };
        Some((verdict, leave))
    }

    /// Gives the token back once the service it was taken for serves again, or needs it no more.
    fn return_token(&mut self, now: Moment) {
        let (hangs, serves) = match self.token.wisher() {
            Some(Role::Kafka) => self.kafka.as_ref().map_or((false, true), Lane::hangs_or_serves),
            Some(Role::ZooKeeper) => self.zookeeper.as_ref().map_or((false, true), Lane::hangs_or_serves),
            None => return,
        };
        let idle = !hangs && (serves || !self.token.is_ours());
        if idle || self.token.is_overdue(now) {
            self.token.give_back(&mut self.out);
        }
    }

    /// What is waited for by a service that is of no use at present; `None` where it is.
    pub(super) fn hang_reason(&self, now: Moment, role: Role) -> Option<WaitReason> {
        let ((verdict, leave), hang) = match role {
            Role::Kafka => (self.judge_kafka(now)?, self.kafka.as_ref().and_then(Lane::hang)),
            Role::ZooKeeper => (self.judge_zookeeper(now)?, self.zookeeper.as_ref().and_then(Lane::hang)),
        };
        match (verdict, hang) {
            (Verdict::Hung(blame), Some(_)) if leave == Leave::Withheld => {
                Some(WaitReason::HungWithoutQuorum { blame })
            }
            (Verdict::Hung(blame), Some(Hang { dumped: None, .. })) if !self.token.is_held_for(now, role) => {
                Some(WaitReason::RestartToken { blame, holder: self.token.holder().to_owned() })
            }
            (verdict, _) => verdict.reason(),
        }
    }

    /// When [`Supervisor::attend`] next has something to do by time alone.
    pub(super) fn wakeup_attend(&self) -> Option<Moment> {
        let dumped = |hang: Option<Hang>| hang.and_then(|hang| hang.dumped).map(|at| at + DUMP_TIME);
        let kafka = dumped(self.kafka.as_ref().and_then(Lane::hang)).filter(|at| *at > self.attended);
        let zookeeper = dumped(self.zookeeper.as_ref().and_then(Lane::hang)).filter(|at| *at > self.attended);
        super::slot::earlier(self.token.wakeup(), super::slot::earlier(kafka, zookeeper))
    }
}

impl<K: Kind> Lane<K> {
    fn attend(&mut self, now: Moment, verdict: Verdict, leave: Leave, token: &mut Token, out: &mut Out) {
        let Some(live) = self.live_mut() else { return };
        let run = live.run;
        let hang = &mut K::health_mut(&mut live.facts).hang;
        let Verdict::Hung(blame) = verdict else {
            if hang.take().is_some() {
                out.say(Notice::HangPassed { role: K::ROLE, run });
            }
            return;
        };
        let dumped = match hang {
            Some(hang) => {
                hang.blame = blame;
                hang.dumped
            }
            None => {
                *hang = Some(Hang { blame, dumped: None });
                out.say(Notice::Hangs { role: K::ROLE, run, blame });
                None
            }
        };
        let granted = match leave {
            Leave::Withheld => return,
            Leave::Granted => true,
            Leave::Token => {
                token.want(now, K::ROLE, blame);
                token.is_held_for(now, K::ROLE)
            }
        };
        if !granted {
            return;
        }
        match (blame, dumped) {
            (Blame::Frozen { .. }, _) => self.kill_frozen(now, blame, out),
            (_, None) => {
                *hang = Some(Hang { blame, dumped: Some(now) });
                out.say(Notice::Dumps { role: K::ROLE, run });
                out.act(Action::Dump { role: K::ROLE, run });
            }
            (_, Some(at)) if now.since(at) < DUMP_TIME => {}
            (_, Some(_)) => {
                let grace = Grace { at_least: health_grace(blame), prolonged_to: None };
                self.terminate(now, SignalReason::Health(blame), grace, out);
            }
        }
    }

    /// For how long the living run has been asked and has not answered.
    fn unanswered_for(&self, now: Moment, late: Duration) -> Duration {
        self.live().map_or(Duration::ZERO, |live| K::health(&live.facts).unanswered_for(now, late))
    }

    /// The hang that was announced of the living run.
    pub(super) fn hang(&self) -> Option<Hang> {
        self.live().and_then(|live| K::health(&live.facts).hang)
    }

    /// Whether the living run hangs, and whether it serves. One that is being ended does neither.
    fn hangs_or_serves(&self) -> (bool, bool) {
        (self.hang().is_some(), matches!(self.state, State::Ready(_)))
    }
}

fn health_grace(blame: Blame) -> Duration {
    match blame {
        Blame::Unregistered { .. } => HEALTH_GRACE_ANSWERING,
        Blame::Frozen { .. } | Blame::Deadlocked { .. } | Blame::Unresponsive { .. } | Blame::Collecting { .. } => {
            HEALTH_GRACE
        }
    }
}
