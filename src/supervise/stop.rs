//! The ordered stop: Kafka first, deferred while it starts or recovers; then ZooKeeper, last of all; then the end.

use crate::model::{Moment, NodeState, Notice, SignalReason, StopCause};

use super::ending::Grace;
use super::event::Action;
use super::lane::State;
use super::linger::{Leave, Linger};
use super::policy::{DEFER_PATIENCE, FENCE_AT_STOP};
use super::supervisor::Supervisor;

/// A stop under way.
#[derive(Debug)]
pub(super) struct Stop {
    /// When it was asked for first.
    pub(super) since: Moment,
    /// A second request came: waits are skipped.
    insisted: bool,
    /// The deferral was announced.
    deferred: bool,
    /// ZooKeeper waits to leave; set once Kafka is down.
    pub(super) linger: Option<Linger>,
}

impl Supervisor {
    /// A stop is asked for; a second time skips waits, and any further one changes nothing.
    pub(super) fn handle_stop(&mut self, now: Moment, cause: StopCause) {
        match &mut self.stop {
            None => {
                self.stop = Some(Stop { since: now, insisted: false, deferred: false, linger: None });
                self.out.say(Notice::StopBegins { cause });
                self.out.act(Action::Stopping);
                self.enter(now, NodeState::Stopping);
            }
            Some(stop) if !stop.insisted => {
                stop.insisted = true;
                self.out.say(Notice::StopAgain { cause });
            }
            Some(_) => {}
        }
    }

    /// Takes the stop as far as it goes now.
    pub(super) fn advance_stop(&mut self, now: Moment) {
        if self.stop.is_none() {
            return;
        }
        self.stop_kafka(now);
        let kafka_down = self.kafka.as_ref().is_none_or(|lane| matches!(lane.state, State::Down));
        if !kafka_down {
            return;
        }
        if let Some(lane) = &mut self.zookeeper {
            lane.give_up_start(now); // nobody needs it any more
        }
        if self.fencing.owes_since().is_some_and(|since| now.since(since) < FENCE_AT_STOP) {
            return; // its leaders move at once, and ZooKeeper is here to be told
        }
        self.stop_zookeeper(now);
        if self.zookeeper.as_ref().is_some_and(|lane| !matches!(lane.state, State::Down)) {
            return;
        }
        let clean =
            self.kafka.as_ref().is_none_or(|lane| lane.clean) && self.zookeeper.as_ref().is_none_or(|lane| lane.clean);
        self.finished = Some(clean);
        self.out.say(Notice::Stopped { clean });
        self.out.act(Action::Finish { clean });
    }

    fn stop_kafka(&mut self, now: Moment) {
        let (Some(stop), Some(lane)) = (&mut self.stop, &mut self.kafka) else { return };
        lane.give_up_start(now);
        let Some(live) = lane.live() else { return };
        let reason = if live.facts.ever_served {
            SignalReason::Stop
        } else if stop.insisted {
            SignalReason::SecondRequest
        } else if now.since(live.facts.watch.last) >= DEFER_PATIENCE {
            SignalReason::StartMadeNoProgress
        } else if now.since(stop.since) >= self.policy.grace {
            SignalReason::StartTookTooLong
        } else {
            if !stop.deferred {
                stop.deferred = true;
                let recovering = live.facts.watch.recovering();
                self.out.say(Notice::StopDeferred { recovering });
            }
            return;
        };
        let grace = Grace { at_least: self.policy.grace, prolonged_to: Some(stop.since + self.policy.stop_limit()) };
        lane.terminate(now, reason, grace, &mut self.out);
    }

    /// SIGTERM to ZooKeeper, once its going harms no other node's broker. One that has not answered yet leaves at once;
    /// one that answers without serving may be in an election that others need.
    fn stop_zookeeper(&mut self, now: Moment) {
        let (Some(stop), Some(lane)) = (&mut self.stop, &mut self.zookeeper) else { return };
        let matters =
            matches!(lane.state, State::Ready(_) | State::Up(_)) && !self.policy.peers.is_empty() && !stop.insisted;
        if matters {
            let since = stop.since;
            let linger = stop.linger.get_or_insert_with(|| Linger::begin(now, since, &self.policy));
            match linger.judge(now, matches!(lane.state, State::Ready(_)), &self.policy) {
                Leave::Stay => {
                    linger.tick(now, &mut self.out);
                    return;
                }
                Leave::Now => {}
                Leave::Anyway { brokers, waited } => self.out.say(Notice::LeavesQuorum { brokers, waited }),
            }
        }
        stop.linger = None;
        lane.stop(now, &self.policy, &mut self.out);
    }

    /// Whether Kafka's SIGTERM is held back at present.
    pub(super) fn stop_is_deferred(&self) -> bool {
        self.stop.is_some() && self.kafka.as_ref().is_some_and(|lane| lane.live().is_some())
    }

    /// When [`Supervisor::advance_stop`] next has something to do by time alone.
    pub(super) fn wakeup_stop(&self) -> Option<Moment> {
        let stop = self.stop.as_ref()?;
        if let Some(linger) = &stop.linger {
            return linger.wakeup();
        }
        let lane = self.kafka.as_ref()?;
        if matches!(lane.state, State::Down) {
            return self.fencing.owes_since().map(|since| since + FENCE_AT_STOP).filter(|at| *at > self.attended);
        }
        let live = lane.live()?;
        Some((live.facts.watch.last + DEFER_PATIENCE).min(stop.since + self.policy.grace))
    }
}
