//! What probes see of the world, and how their answers travel.

use kafka_node::model::{QuorumRole, Role, RunId};
use kafka_node::supervise::Probe;

use crate::clock::{MS, SEC, Time, short};
use crate::driver::Driver;
use crate::ensemble::{MOST, Mask, bit};
use crate::jvm::Phase;
use crate::message::{Listener, Message, Seen, Srvr};
use crate::schedule::between;
use crate::world::{What, World};

/// A prober waits this long for an answer.
const PROBE_TIMEOUT: Time = 4 * SEC;

impl<D: Driver> World<D> {
    /// Looks, and sends what was seen on its way.
    pub fn probe(&mut self, node: usize, probe: Probe) {
        let now = self.now;
        let (quickest, slowest) = (MS, 8 * MS);
        let patience = match probe {
            Probe::Ensemble { limit } => short(limit),
            _ => Time::MAX,
        };
        let message = match probe {
            Probe::Fence { ask, session } => return self.ask_fence(node, ask, session.0),
            Probe::Token { ask, .. } => return self.ask_token(node, ask),
            Probe::Preflight { role } => Message::Preflight { role, held: now < self.nodes[node].preflight_held },
            Probe::ZooKeeper { run } => {
                if self.waits_for_answer(node, Role::ZooKeeper, run) {
                    return;
                }
                let ours = self.nodes[node].jvms[Role::ZooKeeper as usize].as_ref().is_some_and(|jvm| jvm.run == run);
                Message::ZooKeeper { run, answer: if ours { self.srvr(node) } else { Srvr::Refused } }
            }
            Probe::Ensemble { .. } => Message::Ensemble { answers: self.ensemble_view(node) },
            Probe::Registration { ask } => Message::Registration { ask, seen: self.registration(node) },
            Probe::Brokers => Message::Brokers { registered: self.registered_seen_by(node) },
            Probe::Broker { run } => {
                if self.waits_for_answer(node, Role::Kafka, run) {
                    return;
                }
                let jvm = self.nodes[node].jvms[Role::Kafka as usize].as_ref().filter(|jvm| jvm.run == run);
                let answer = match jvm {
                    None => Listener::Refused,
                    Some(jvm) if jvm.is_silent(now) => Listener::TimedOut,
                    Some(jvm) if matches!(jvm.phase, Phase::Serves | Phase::Stops) => {
                        Listener::Answers { lists_itself: self.ensemble.registrations[node].is_some() }
                    }
                    Some(_) => Listener::Refused,
                };
                Message::Broker { run, answer }
            }
            Probe::InSync { run } => {
                let jvm = self.nodes[node].jvms[Role::Kafka as usize].as_ref();
                let serves = jvm.filter(|jvm| jvm.run == run && jvm.phase == Phase::Serves && !jvm.is_silent(now));
                Message::InSync { run, behind: serves.map(|jvm| if now >= jvm.in_sync { 0 } else { 3 }) }
            }
            Probe::Council { ask, .. } => Message::Council { ask, readable: self.session_is_up(node) },
            Probe::Gate { .. }
            | Probe::Lock { .. }
            | Probe::Unlock { .. }
            | Probe::Mark { .. }
            | Probe::System { .. }
            | Probe::Elect { .. }
            | Probe::Successor { .. } => {
                unreachable!("no gate stands before a stop here, and nothing is rolled: {probe:?}")
            }
            Probe::Progress { role, run } => {
                let jvm = self.nodes[node].jvms[role as usize].as_mut().filter(|jvm| jvm.run == run);
                Message::Progress { role, run, progress: jvm.map(|jvm| jvm.progress(now)).unwrap_or_default() }
            }
        };
        let delay = match message {
            Message::ZooKeeper { answer: Srvr::TimedOut, .. } | Message::Broker { answer: Listener::TimedOut, .. } => {
                PROBE_TIMEOUT
            }
            Message::Ensemble { answers } if answers.contains(&Srvr::TimedOut) => patience.min(2 * SEC),
            Message::Preflight { .. } => between(&mut self.rng, MS, 200 * MS),
            _ => between(&mut self.rng, quickest, slowest),
        };
        self.answer(node, delay, message);
    }

    /// A process that answers nobody is asked: it answers when its hang ends, or the question times out.
    fn waits_for_answer(&mut self, node: usize, role: Role, run: RunId) -> bool {
        let (now, boot) = (self.now, self.nodes[node].boot);
        let Some(jvm) = &mut self.nodes[node].jvms[role as usize] else { return false };
        if jvm.run != run || !jvm.is_silent(now) || !matches!(jvm.phase, Phase::Joined | Phase::Serves | Phase::Stops) {
            return false;
        }
        jvm.asked = Some((boot, now));
        self.after(PROBE_TIMEOUT, What::Unanswered { node, role, run, asked: (boot, now) });
        true
    }

    /// A question that was not answered in time.
    pub fn unanswered(&mut self, node: usize, role: Role, run: RunId, asked: (u32, Time)) {
        let Some(jvm) = &mut self.nodes[node].jvms[role as usize] else {
            return self.refuses(node, role, run, asked.0);
        };
        if jvm.run != run || jvm.asked != Some(asked) {
            return;
        }
        jvm.asked = None;
        let message = match role {
            Role::ZooKeeper => Message::ZooKeeper { run, answer: Srvr::TimedOut },
            Role::Kafka => Message::Broker { run, answer: Listener::TimedOut },
        };
        if self.nodes[node].boot == asked.0 {
            self.answer(node, 0, message);
        }
    }

    /// Its process ended while the question was open: the connection is reset.
    fn refuses(&mut self, node: usize, role: Role, run: RunId, boot: u32) {
        let message = match role {
            Role::ZooKeeper => Message::ZooKeeper { run, answer: Srvr::Refused },
            Role::Kafka => Message::Broker { run, answer: Listener::Refused },
        };
        if self.nodes[node].boot == boot {
            self.answer(node, 0, message);
        }
    }

    /// Sends an answer through the weather.
    pub fn answer(&mut self, node: usize, delay: Time, message: Message) {
        let weather = self.weather;
        let roll = |world: &mut World<D>, percent: u64| percent > 0 && world.rng.chance(percent);
        if roll(self, weather.lost) {
            return;
        }
        let delay = if roll(self, weather.late) {
            between(&mut self.rng, 5 * SEC, 40 * SEC)
        } else if roll(self, weather.slow) {
            between(&mut self.rng, delay, 5 * SEC)
        } else {
            delay
        };
        self.send(node, delay, message);
        if roll(self, weather.twice) {
            let again = delay + between(&mut self.rng, MS, 20 * SEC);
            self.send(node, again, message);
        }
    }

    /// What the node's ZooKeeper answers to one that reaches it.
    fn srvr(&self, node: usize) -> Srvr {
        match &self.nodes[node].jvms[Role::ZooKeeper as usize] {
            None => Srvr::Refused,
            Some(jvm) if jvm.is_silent(self.now) => Srvr::TimedOut,
            Some(jvm) if matches!(jvm.phase, Phase::Loads | Phase::Stops | Phase::Doomed(_)) => Srvr::Refused,
            Some(_) if self.ensemble.serving() & bit(node) == 0 => Srvr::NotServing,
            Some(_) if self.ensemble.standalone() => Srvr::Serving(QuorumRole::Standalone),
            Some(_) if self.ensemble.leads(node) => Srvr::Serving(QuorumRole::Leader),
            Some(_) => Srvr::Serving(QuorumRole::Follower),
        }
    }

    fn ensemble_view(&self, node: usize) -> [Srvr; MOST] {
        let mut answers = [Srvr::Refused; MOST];
        let members = (0..self.nodes.len()).filter(|n| *n != node && self.nodes[*n].plan.roles.zookeeper);
        for (answer, peer) in answers.iter_mut().zip(members) {
            let reached = self.ensemble.reaches(node, peer) && self.nodes[peer].powered;
            *answer = if !reached { Srvr::TimedOut } else { self.srvr(peer) };
        }
        answers
    }

    fn registered_seen_by(&self, node: usize) -> Option<Mask> {
        let readable = self.session_is_up(node);
        let held = (0..self.nodes.len()).filter(|n| self.ensemble.registrations[*n].is_some());
        readable.then(|| held.fold(0, |mask, n| mask | bit(n)))
    }

    fn registration(&self, node: usize) -> Seen {
        if !self.session_is_up(node) {
            return Seen::Unreadable;
        }
        match self.ensemble.registrations[node] {
            Some(registration) => Seen::Held(registration.session),
            None => Seen::Absent,
        }
    }
}
