//! The ordered stop: Kafka first, deferred while it starts or recovers; then ZooKeeper, last of all; then the end.

use crate::config::Gate;
use crate::model::{Moment, NodeState, Notice, SignalReason, StopCause};

use super::council::lives;
use super::departure::Departure;
use super::ending::Grace;
use super::event::Action;
use super::lane::State;
use super::linger::{Leave, Linger};
use super::policy::{DEFER_PATIENCE, FENCE_AT_STOP};
use super::supervisor::Supervisor;

/// What follows when both services are down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The supervisor ends.
    End,
    /// The program is started anew in place, and with it both services.
    Anew,
}

/// A stop under way.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) after: After,
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
    /// A stop is asked for; a second time skips the gate and waits, and any further one changes nothing.
    pub(super) fn handle_stop(&mut self, now: Moment, cause: StopCause) {
        let asked = self.stop_asked;
        if !asked {
            self.stop_asked = true;
            self.stop_cause = cause;
            self.out.say(Notice::StopBegins { cause });
            self.out.act(Action::Stopping);
        } else if self.stop.as_ref().is_none_or(|stop| !stop.insisted) {
            self.out.say(Notice::StopAgain { cause });
        }
        match (&mut self.stop, asked) {
            (Some(stop), false) => stop.after = After::End, // it was to start anew, and went through the gate for it
            (Some(stop), true) => stop.insisted = true,
            (None, false) => {
                self.leave_roll();
                match self.gate_of(cause) {
                    Some(system) => self.departure = Some(Departure::stop(now, system, self.policy.gate_limit)),
                    None => self.begin_stop(now, After::End),
                }
            }
            (None, true) => {
                self.departure = None;
                self.begin_stop(now, After::End);
                if let Some(stop) = &mut self.stop {
                    stop.insisted = cause != StopCause::PowerDown;
                }
            }
        }
    }

    /// Whether the gate stands before a stop for `cause`, and then whether that hangs on the system's going down. Where
    /// nothing lives here there is nothing that the cluster could miss.
    fn gate_of(&self, cause: StopCause) -> Option<bool> {
        let asks = match (cause, self.policy.gate) {
            (StopCause::PowerDown | StopCause::Roll, _) | (_, Gate::Never) => return None,
            (StopCause::Command { .. }, Gate::Shutdown) => return None,
            (StopCause::Signal { .. }, Gate::Shutdown) => true,
            (StopCause::Signal { .. } | StopCause::Command { .. }, Gate::Always) => false,
        };
        (lives(self.zookeeper.as_ref()) || lives(self.kafka.as_ref())).then_some(asks)
    }

    /// The stop itself begins: nothing is waited for before it any more.
    pub(super) fn begin_stop(&mut self, now: Moment, after: After) {
        self.stop = Some(Stop { after, since: now, insisted: false, deferred: false, linger: None });
        self.enter(now, NodeState::Stopping);
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
        self.out.act(match self.stop.as_ref().map(|stop| stop.after) {
            Some(After::Anew) => Action::Anew,
            Some(After::End) | None => Action::Finish { clean },
        });
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
