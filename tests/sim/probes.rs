//! What probes see of the world, and how their answers travel.

use kafka_node::model::{QuorumRole, Role};
use kafka_node::supervise::Probe;

use crate::clock::{MS, SEC, Time, short};
use crate::driver::Driver;
use crate::ensemble::{MOST, Mask, bit};
use crate::jvm::Phase;
use crate::message::{Fenced, Listener, Message, Seen, Srvr};
use crate::schedule::between;
use crate::world::World;

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
            Probe::Preflight { role } => Message::Preflight { role, held: now < self.nodes[node].preflight_held },
            Probe::ZooKeeper { run } => {
                let ours = self.nodes[node].jvms[Role::ZooKeeper as usize].as_ref().is_some_and(|jvm| jvm.run == run);
                Message::ZooKeeper { run, answer: if ours { self.srvr(node) } else { Srvr::Refused } }
            }
            Probe::Ensemble { .. } => Message::Ensemble { answers: self.ensemble_view(node) },
            Probe::Registration { ask } => Message::Registration { ask, seen: self.registration(node) },
            Probe::Fence { ask, session } => Message::Fence { ask, fenced: self.fence(node, session.0) },
            Probe::Token { ask, .. } => Message::Token { ask },
            Probe::Brokers => Message::Brokers { registered: self.registered_seen_by(node) },
            Probe::Broker { run } => {
                let jvm = self.nodes[node].jvms[Role::Kafka as usize].as_ref().filter(|jvm| jvm.run == run);
                let answer = match jvm {
                    None => Listener::Refused,
                    Some(jvm) if jvm.hangs(now) => Listener::TimedOut,
                    Some(jvm) if matches!(jvm.phase, Phase::Serves | Phase::Stops) => {
                        Listener::Answers { lists_itself: self.ensemble.registrations[node].is_some() }
                    }
                    Some(_) => Listener::Refused,
                };
                Message::Broker { run, answer }
            }
            Probe::InSync { run } => {
                let jvm = self.nodes[node].jvms[Role::Kafka as usize].as_ref();
                let serves = jvm.filter(|jvm| jvm.run == run && jvm.phase == Phase::Serves && !jvm.hangs(now));
                Message::InSync { run, behind: serves.map(|jvm| if now >= jvm.in_sync { 0 } else { 3 }) }
            }
            Probe::Progress { role, run } => {
                let jvm = self.nodes[node].jvms[role as usize].as_mut().filter(|jvm| jvm.run == run);
                Message::Progress { role, run, progress: jvm.map(|jvm| jvm.progress(now)).unwrap_or_default() }
            }
        };
        let delay = match message {
            Message::ZooKeeper { answer: Srvr::TimedOut, .. } | Message::Broker { answer: Listener::TimedOut, .. } => {
                4 * SEC
            }
            Message::Ensemble { answers } if answers.contains(&Srvr::TimedOut) => patience.min(2 * SEC),
            Message::Preflight { .. } => between(&mut self.rng, MS, 200 * MS),
            _ => between(&mut self.rng, quickest, slowest),
        };
        self.answer(node, delay, message);
    }

    /// Sends an answer through the weather.
    fn answer(&mut self, node: usize, delay: Time, message: Message) {
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
            Some(jvm) if jvm.hangs(self.now) => Srvr::TimedOut,
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
            let reached = self.ensemble.reaches(node, peer) && self.nodes[peer].boot != 0;
            *answer = if !reached || self.nodes[peer].alive.is_none() { Srvr::TimedOut } else { self.srvr(peer) };
        }
        answers
    }

    fn registered_seen_by(&self, node: usize) -> Option<Mask> {
        let readable = self.ensemble.connected(node) && self.now >= self.nodes[node].no_session;
        let held = (0..self.nodes.len()).filter(|n| self.ensemble.registrations[*n].is_some());
        readable.then(|| held.fold(0, |mask, n| mask | bit(n)))
    }

    fn fence(&mut self, node: usize, session: i64) -> Fenced {
        if !self.ensemble.connected(node) || self.now < self.nodes[node].no_session {
            return Fenced::Failed;
        }
        match self.ensemble.registrations[node] {
            Some(registration) if registration.session == session => {
                self.ensemble.registrations[node] = None;
                Fenced::Removed
            }
            Some(registration) => Fenced::Foreign(registration.session),
            None => Fenced::Gone,
        }
    }

    fn registration(&self, node: usize) -> Seen {
        if !self.ensemble.connected(node) || self.now < self.nodes[node].no_session {
            return Seen::Unreadable;
        }
        match self.ensemble.registrations[node] {
            Some(registration) => Seen::Held(registration.session),
            None => Seen::Absent,
        }
    }
}
